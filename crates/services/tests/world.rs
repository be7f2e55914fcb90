//! Everything an operation needs, without a network and without the real time.

use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use asl::{Moment, Timestamp};
use serde_json::Value;
use services::audit::{Audit, AuditSettings, Events};
use services::iam::guard::{Guard, Mode};
use services::s3::ObjectStore;
use services::sagemaker::runner::{Capacity, Image, Programs, Runner};
use services::{Caller, Clock, Context, Error, Input, Origin, Settings, integrations};

/// Time passes when the test says so; every look throws new dice.
struct Hand {
    now: AtomicI64,
    looks: AtomicI64,
}

impl Clock for Hand {
    fn moment(&self) -> Moment {
        let seed = self.looks.fetch_add(1, Ordering::Relaxed) as u64;
        Moment { now: Timestamp(self.now.load(Ordering::Relaxed)), seed }
    }

    /// Who waits for a time makes it come.
    fn reached(&self, at: Timestamp) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async move {
            tokio::task::yield_now().await;
            self.now.fetch_max(at.0, Ordering::Relaxed);
        })
    }
}

struct NoPrograms;

impl Programs for NoPrograms {
    fn image(&self, _: &str) -> Option<Image> {
        None
    }

    fn executable(&self) -> PathBuf {
        PathBuf::new()
    }

    fn environment(&self) -> Vec<(String, String)> {
        Vec::new()
    }
}

/// A server without a port.
pub struct World {
    /// What operations work with.
    pub context: Arc<Context>,
    hand: Arc<Hand>,
    background: tokio::task::JoinHandle<()>,
    log: Option<tokio::task::JoinHandle<()>>,
    _folder: tempfile::TempDir,
}

impl World {
    /// An empty one, at a fixed time.
    pub async fn new() -> World {
        World::with_iam(Mode::default()).await
    }

    /// An empty one with what becomes of calls that IAM's policies do not allow.
    pub async fn with_iam(mode: Mode) -> World {
        World::with(mode, |settings| settings).await
    }

    /// An empty one with settings of its own.
    pub async fn with(mode: Mode, change: impl FnOnce(Settings) -> Settings) -> World {
        let mut world = World::without_log(mode, change).await;
        world.write_log();
        world
    }

    /// Begins to write the audit log.
    pub fn write_log(&mut self) {
        self.log = Some(tokio::spawn(services::audit::write(self.context.clone())));
    }

    /// One whose audit log nobody writes yet.
    pub async fn without_log(mode: Mode, change: impl FnOnce(Settings) -> Settings) -> World {
        let folder = tempfile::tempdir().unwrap();
        let store = store::open("memory:").await.unwrap();
        let hand =
            Arc::new(Hand { now: AtomicI64::new(1_800_000_000_000), looks: AtomicI64::new(0) });
        let engine = Arc::new(engine::Engine::open(store.clone()).await.unwrap());
        let changes = services::changes::Changes::default();
        let audited = AuditSettings { events: Events::Management, ..AuditSettings::default() };
        let context = Context {
            objects: Arc::new(ObjectStore::open(store.clone(), folder.path()).unwrap()),
            stepfunctions: Arc::new(services::stepfunctions::Background::new(&engine, &changes)),
            engine,
            sagemaker: Arc::new(Runner::new(
                Arc::new(NoPrograms),
                Capacity { jobs: 1, cpus_per_job: 1 },
            )),
            store,
            clock: hand.clone(),
            changes,
            issuers: Default::default(),
            throttle: Default::default(),
            audit: Audit::new(audited, folder.path()),
            iam: Arc::new(Guard::new(mode, folder.path()).unwrap()),
            settings: change(Settings::new("000000000000", folder.path())),
        };
        let context = Arc::new(context);
        context.stepfunctions.resume(&context).await.unwrap();
        let background = tokio::spawn(services::stepfunctions::run(context.clone()));
        World { context, hand, background, log: None, _folder: folder }
    }

    /// A client's call; who has no access key acts with the role `stepwell`, or, where refusals are meant,
    /// as the account's root user.
    pub async fn call(
        &self,
        access_key: Option<String>,
        service: &str,
        operation: &str,
        members: Value,
    ) -> Result<Value, Error> {
        let arn = match self.context.iam.mode("000000000000") {
            Mode::Enforce => "arn:aws:iam::000000000000:root",
            _ => "arn:aws:sts::000000000000:assumed-role/stepwell/local",
        };
        let caller = Caller {
            account: "000000000000".to_owned(),
            region: "us-east-1".to_owned(),
            arn: arn.to_owned(),
            access_key,
            origin: Origin::Client,
        };
        let input = Input::from(members);
        Ok(services::call(&self.context, &caller, service, operation, input).await?.members)
    }

    /// Lets time pass.
    pub fn pass(&self, seconds: i64) {
        self.hand.now.fetch_add(seconds * 1000, Ordering::Relaxed);
    }

    /// Does what the binary's loop does, until nothing is owed now.
    pub async fn settle(&self) {
        loop {
            let moment = self.context.clock.moment();
            let tick = self.context.engine.tick(moment, 100).await.unwrap();
            let idle = tick.leases.is_empty() && tick.cancelled.is_empty();
            for lease in tick.leases {
                integrations::run(&self.context, &lease).await.unwrap();
            }
            for cancelled in tick.cancelled {
                integrations::cancel(&self.context, &cancelled).await.unwrap();
                self.context.engine.ended(&cancelled).await.unwrap();
            }
            if idle && tick.wake_at.is_none_or(|at| at > moment.now) {
                break;
            }
        }
        // Express executions have their turn.
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.background.abort();
        if let Some(log) = &self.log {
            log.abort();
        }
    }
}
