//! A running server: the store, the engine's loop, jobs and endpoints, the port. The loop here is the
//! only one that knows the time; everything below is handed a `Moment`.

use std::env;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use gateway::{Gateway, GatewaySettings, tls};
use services::audit::{self, Audit};
use services::iam::GivenKey;
use services::iam::guard::Mode;
use services::sagemaker::runner::{self, Capacity, Runner};
use services::{Context, Settings, integrations, stepfunctions};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::clock::SystemClock;
use crate::config::Config;
use crate::elsewhere;
use crate::observe::{self, Metrics};
use crate::programs::OwnPrograms;

/// Tasks that run at the same time.
const WORKERS: usize = 256;
/// How long a task rests after the store refused its answer.
const REST: Duration = Duration::from_secs(1);

/// A server that is up.
pub struct Server {
    /// What operations work with.
    pub context: Arc<Context>,
    /// The access key of the first administrator, if this start made it.
    pub administrator: Option<GivenKey>,
    url: String,
    tls: Option<Arc<tls::Port>>,
    shutdown: CancellationToken,
    parts: JoinSet<()>,
    audit: JoinHandle<()>,
}

/// What becomes of training and transform jobs when a server stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Jobs {
    /// They go on, and the next server on the same data finds them again.
    Leave,
    /// They end.
    End,
}

impl Server {
    /// Starts a server; it answers when this returns.
    ///
    /// # Errors
    /// A data folder that is in use (its holder is named) or cannot be written, an address that is taken.
    pub async fn start(config: &Config) -> anyhow::Result<Server> {
        config.check_openness()?;
        let listener = TcpListener::bind(config.listen).await.with_context(|| {
            format!("cannot listen on {}: is another server running there?", config.listen)
        })?;
        let address = listener.local_addr()?;
        let sinks = config.events.open().await?;
        let traces = config.traces.open()?;
        let context = open(config).await?;
        let administrator = make_administrator(&context, config).await?;
        let shutdown = CancellationToken::new();
        let settings = GatewaySettings {
            account: config.account.clone(),
            allowed_origins: config.allowed_origins.clone(),
            allowed_hosts: config.allowed_hosts.clone(),
            wrong_signatures_per_second: config.wrong_signatures_per_second,
            lengths: context.settings.lengths.clone(),
            body_bytes_max: body_bytes_max(&config.limits),
            bounds: config.port.clone(),
            ..GatewaySettings::default()
        };
        let now = context.clock.moment().now;
        let authority = tls::Authority::open(&config.data.join("tls"), now)
            .context("cannot make the certificate authority")?;
        let authority = Arc::new(authority);
        let tls = match &config.tls {
            Some(certificate) => {
                let port = tls::Port::open(certificate.clone(), authority.clone(), now);
                Some(Arc::new(port.context("cannot speak TLS")?))
            }
            None => None,
        };
        let gateway = Gateway::new(context.clone(), context.clock.clone(), settings)
            .with_objects(Arc::new(gateway::Objects::new(context.clone(), context.clock.clone())))
            .with_authority(authority);
        let gateway = match &tls {
            Some(port) => gateway.with_tls(port.clone()),
            None => gateway,
        };
        let metrics = Arc::new(Metrics::new(&context, |registry| gateway.register(registry)));
        let shown = metrics.clone();
        let gateway = gateway.with_metrics(Arc::new(move || shown.text()));
        let audit = tokio::spawn(audit::write(context.clone()));
        let mut parts = JoinSet::new();
        parts.spawn(drive(context.clone(), metrics, shutdown.clone()));
        if config.events.wanted()
            && let Some(events) = context.stepfunctions.status_events()
        {
            parts.spawn(until(shutdown.clone(), observe::deliver(events, sinks)));
        }
        if let Some(exporter) = traces
            && let Some(ended) = context.stepfunctions.traces(config.traces.sample)
        {
            let export = observe::export(context.clone(), ended, exporter);
            parts.spawn(until(shutdown.clone(), export));
        }
        parts.spawn(until(shutdown.clone(), context.changes.watch_files()));
        parts.spawn(run_jobs(context.clone()));
        parts.spawn(keep_up(context.clone(), config.retention.clone(), shutdown.clone()));
        let (background, stop) = (context.clone(), shutdown.clone());
        parts.spawn(async move {
            let _ = stop.run_until_cancelled(stepfunctions::run(background)).await;
        });
        let stop = shutdown.clone();
        parts.spawn(async move {
            if let Err(error) =
                gateway::serve(listener, Arc::new(gateway), stop.cancelled_owned()).await
            {
                tracing::error!(%error, "the port has closed");
            }
        });
        Ok(Server { context, administrator, url: config.url(address), tls, shutdown, parts, audit })
    }

    /// `http://ADDRESS`, or `https://`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Reads the port's certificate again, if it has one.
    ///
    /// # Errors
    /// Files that cannot be read; the old certificate is shown on.
    pub fn reload(&self) -> std::io::Result<()> {
        let now = self.context.clock.moment().now;
        self.tls.as_ref().map_or(Ok(()), |port| port.reload(now))
    }

    /// Whether the port speaks HTTPS.
    pub fn is_encrypted(&self) -> bool {
        self.tls.is_some()
    }

    /// Stops: open requests are answered, endpoints end (they come back with the next server).
    pub async fn stop(mut self, jobs: Jobs) {
        self.shutdown.cancel();
        self.context.sagemaker.shut_down();
        while self.parts.join_next().await.is_some() {}
        if let Err(error) = services::cloudwatch::write_waiting(&self.context).await {
            tracing::warn!(%error, "the last metrics could not be written");
        }
        // Behind everything that may have called.
        self.context.audit.end().await;
        let _ = self.audit.await;
        if jobs == Jobs::End
            && let Err(error) = runner::end_all(&self.context).await
        {
            tracing::warn!(%error, "cannot end the running jobs");
        }
    }
}

async fn until(shutdown: CancellationToken, part: impl Future<Output = ()>) {
    let _ = shutdown.run_until_cancelled(part).await;
}

/// Bytes of the greatest request that is held: twice the greatest text in it, since JSON in JSON escapes.
fn body_bytes_max(limits: &asl::Limits) -> usize {
    let text = limits.definition_bytes_max.max(4 * limits.payload_bytes_max);
    GatewaySettings::default().body_bytes_max.max(text.saturating_mul(2))
}

/// Opens everything that lies in the data folder.
async fn open(config: &Config) -> anyhow::Result<Arc<Context>> {
    std::fs::create_dir_all(&config.data)
        .with_context(|| format!("cannot make the data folder `{}`", config.data.display()))?;
    let store = store::open(&folder_url(&config.data)?).await?;
    let throttle = Arc::new(services::quotas::Throttle::new(config.quotas.clone()));
    let mut engine = engine::Engine::open(store.clone()).await?.with_limits(config.limits);
    if throttle.paces() {
        engine = engine.with_pace(throttle.clone());
    }
    let engine = Arc::new(engine);
    let objects = Arc::new(services::s3::ObjectStore::open(store.clone(), &config.data)?);
    let swept = objects.clone();
    tokio::spawn(async move {
        if let Err(error) = swept.sweep().await {
            tracing::warn!(%error, "cannot remove what unfinished uploads left");
        }
    });
    let capacity = Capacity { jobs: config.jobs, cpus_per_job: config.cpus_per_job };
    let changes = services::changes::Changes::default();
    let context = Context {
        store,
        stepfunctions: Arc::new(stepfunctions::Background::new(&engine, &changes)),
        engine,
        objects,
        sagemaker: Arc::new(Runner::new(Arc::new(OwnPrograms::new(config)?), capacity)),
        clock: Arc::new(SystemClock),
        changes,
        iam: Arc::new(services::iam::guard::Guard::new(config.iam.clone(), &config.data)?),
        audit: Audit::new(config.audit.clone(), &config.data),
        issuers: Default::default(),
        throttle,
        settings: Settings::new(&config.account, &config.data)
            .with_limits(config.limits)
            .with_account_limits(config.account_limits)
            .with_sign_in(config.sign_in.clone())
            .with_elsewhere(elsewhere::elsewhere(config)?)
            .with_mocks(mocks(config)?),
    };
    context.stepfunctions.resume(&context).await?;
    Ok(Arc::new(context))
}

/// Makes the first administrator where callers must prove who they are and nobody could yet; with the key
/// that the environment names, if it names one. Only a key that was made here is given back.
async fn make_administrator(
    context: &Context,
    config: &Config,
) -> anyhow::Result<Option<GivenKey>> {
    if context.iam.mode(&config.account) != Mode::Enforce {
        return Ok(None);
    }
    let given = match (env::var("AWS_ACCESS_KEY_ID"), env::var("AWS_SECRET_ACCESS_KEY")) {
        (Ok(id), Ok(secret)) if !id.is_empty() && !secret.is_empty() => {
            Some(GivenKey { id, secret })
        }
        _ => None,
    };
    let was_given = given.is_some();
    let made = services::iam::administrator(context, &config.account, given)
        .await
        .context("cannot make the first administrator")?;
    if let Some(key) = &made {
        tracing::info!(access_key = key.id, "the user `administrator` was made");
    }
    Ok(made.filter(|_| !was_given))
}

/// The mock configuration, if there is one.
fn mocks(config: &Config) -> anyhow::Result<Option<Arc<integrations::Mocks>>> {
    let Some(path) = &config.mock_config else { return Ok(None) };
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read the mock configuration `{}`", path.display()))?;
    let mocks = integrations::Mocks::parse(&text)
        .map_err(|why| anyhow::anyhow!("the mock configuration `{}`: {why}", path.display()))?;
    Ok(Some(Arc::new(mocks)))
}

fn folder_url(data: &Path) -> anyhow::Result<String> {
    let path = data
        .to_str()
        .with_context(|| format!("the data folder's path is not UTF-8: {}", data.display()))?;
    Ok(format!("sqlite:{path}"))
}

async fn run_jobs(context: Arc<Context>) {
    while let Err(error) = runner::run(context.clone()).await {
        tracing::error!(%error, "cannot find the jobs and endpoints of the last server; trying again");
        tokio::time::sleep(REST).await;
    }
}

/// Every so often, executions that are older than they are to be kept go, and the disk with them.
const UPKEEP: Duration = Duration::from_secs(3600);
/// Pages of 4 KiB given back at a time, and the pause behind them, in which others commit.
const VACUUM_PAGES: u32 = 256;
const VACUUM_PAUSE: Duration = Duration::from_millis(20);

async fn keep_up(context: Arc<Context>, retention: engine::Retention, shutdown: CancellationToken) {
    let upkeep = async {
        // Not at once: whoever starts a server has something else in mind.
        loop {
            tokio::time::sleep(UPKEEP).await;
            if let Err(error) = retire(&context, &retention).await {
                tracing::warn!(%error, "cannot remove old executions; trying again in an hour");
            }
            if let Err(error) = services::sts::sweep(&context).await {
                tracing::warn!(%error, "cannot remove old sessions; trying again in an hour");
            }
        }
    };
    let _ = shutdown.run_until_cancelled(upkeep).await;
}

async fn retire(context: &Context, retention: &engine::Retention) -> anyhow::Result<()> {
    let (mut after, mut count) = (0, 0);
    loop {
        let now = context.clock.moment().now;
        let retired = context.engine.retire(retention, after, now).await?;
        count += retired.count;
        let Some(next) = retired.next else { break };
        after = next;
        tokio::task::yield_now().await;
    }
    if count > 0 {
        tracing::info!(count, "old executions are gone");
    }
    let mut left = u64::MAX;
    loop {
        let now_left = context.store.vacuum(VACUUM_PAGES).await?;
        if now_left == 0 || now_left >= left {
            return Ok(());
        }
        left = now_left;
        tokio::time::sleep(VACUUM_PAUSE).await;
    }
}

/// The engine's loop: due timers fire, owed tasks are lent to workers, until shutdown.
async fn drive(context: Arc<Context>, metrics: Arc<Metrics>, shutdown: CancellationToken) {
    let places = Arc::new(Semaphore::new(WORKERS));
    let mut workers = JoinSet::new();
    loop {
        let moment = context.clock.moment();
        let wake_at = match context.engine.tick(moment, places.available_permits()).await {
            Ok(tick) => {
                for lease in tick.leases {
                    let place = places.clone().acquire_owned().await;
                    workers.spawn(work(context.clone(), metrics.clone(), lease, place));
                }
                for run in tick.map_runs {
                    workers.spawn(run_map(context.clone(), run));
                }
                for cancelled in tick.cancelled {
                    workers.spawn(end(context.clone(), cancelled));
                }
                tick.wake_at
            }
            Err(error) => {
                tracing::error!(%error, "the engine cannot go on; trying again");
                Some(moment.now.plus_millis(REST.as_millis() as i64))
            }
        };
        while workers.try_join_next().is_some() {}
        let pause =
            wake_at.map(|at| Duration::from_millis((at.0 - crate::clock::now().0).max(0) as u64));
        tokio::select! {
            () = async { match pause { Some(pause) => tokio::time::sleep(pause).await, None => std::future::pending().await } } => {}
            () = context.engine.changed() => {}
            // A place is free: the engine may have more than fitted into the last turn.
            Some(_) = workers.join_next(), if !workers.is_empty() => {}
            () = shutdown.cancelled() => break,
        }
    }
    // What workers have under way is lent again by the next server.
    workers.shutdown().await;
}

async fn work<Place>(
    context: Arc<Context>,
    metrics: Arc<Metrics>,
    lease: engine::Lease,
    place: Place,
) {
    let (target, begun) = (lease.task.target.clone(), crate::clock::instant());
    if let Err(error) = integrations::run(&context, &lease).await {
        tracing::warn!(execution = lease.header.execution_arn, %error, "a task's answer could not be kept; trying again");
        let at = context.clock.moment().now.plus_millis(REST.as_millis() as i64);
        context.engine.give_back(lease, at);
    }
    metrics.worked(&target, begun.elapsed());
    drop(place);
}

/// Drives a Map run. It takes no place: its children's tasks need those.
async fn run_map(context: Arc<Context>, lease: engine::Lease) {
    if let Err(error) = services::stepfunctions::map_run::drive(&context, &lease).await {
        tracing::warn!(execution = lease.header.execution_arn, %error, "a Map run was interrupted; taking it up again");
        let at = context.clock.moment().now.plus_millis(REST.as_millis() as i64);
        context.engine.give_back(lease, at);
    }
}

async fn end(context: Arc<Context>, cancelled: engine::Cancelled) {
    loop {
        let ended = match integrations::cancel(&context, &cancelled).await {
            Ok(()) => context.engine.ended(&cancelled).await.map_err(services::Error::from),
            Err(error) => Err(error),
        };
        match ended {
            Ok(()) => return,
            Err(error) => {
                tracing::warn!(execution = cancelled.header.execution_arn, %error, "cannot end what a task began; trying again");
                tokio::time::sleep(REST).await;
            }
        }
    }
}
