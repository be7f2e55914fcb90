//! What Step Functions does beside answering calls: asynchronous Express executions, and telling those who
//! want to know what executions do.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use prometheus_client::registry::Registry;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::account_limits::Counts;
use super::activities;
use super::express::{self, Running};
use super::watch::{Ended, OfEngine, StatusEvent, Watchers};
use crate::changes::Changes;
use crate::cloudwatch;
use crate::integrations::jobs_elsewhere::{self, Begun};
use crate::{Context, Error};

/// How long a failed step of the work rests before it is tried again.
const REST: Duration = Duration::from_secs(1);
/// How often metrics are written.
const METRICS_EVERY: Duration = Duration::from_secs(60);

/// What waits to be done beside answering calls; [`run`] does it.
pub struct Background {
    pub(super) watchers: Arc<Watchers>,
    pub(super) counts: Counts,
    left_over: Mutex<Vec<Running>>,
    started: mpsc::Sender<Running>,
    jobs_begun: mpsc::UnboundedSender<Begun>,
    jobs_to_watch: tokio::sync::Mutex<mpsc::UnboundedReceiver<Begun>>,
    to_run: tokio::sync::Mutex<mpsc::Receiver<Running>>,
}

impl Background {
    /// Nothing waits. From now on the engine tells of executions, and `changes` of every change.
    pub fn new(engine: &engine::Engine, changes: &Changes) -> Background {
        let watchers = Arc::new(Watchers::default());
        engine.listen(Arc::new(OfEngine { watchers: watchers.clone(), changes: changes.clone() }));
        let (started, to_run) = mpsc::channel(express::WAITING_MAX);
        // Each is a task of a Standard execution: there are no more than of those.
        let (jobs_begun, jobs_to_watch) = mpsc::unbounded_channel();
        Background {
            watchers,
            counts: Counts::default(),
            left_over: Mutex::default(),
            started,
            jobs_begun,
            jobs_to_watch: tokio::sync::Mutex::new(jobs_to_watch),
            to_run: tokio::sync::Mutex::new(to_run),
        }
    }

    /// Finds the Express executions that the last server had acknowledged and not ended: [`run`] runs them
    /// again. Tells the engine which activities there are. To be called before new ones can be started.
    pub async fn resume(&self, context: &Context) -> Result<(), Error> {
        context.engine.know_activities(activities::arns(context).await?);
        let left_over = express::left_over(context).await?;
        *self.left_over() = left_over;
        for arn in context.engine.open_map_runs().await? {
            self.counts.map_run_was_open(arn);
        }
        for begun in jobs_elsewhere::left_over(context).await? {
            self.watch_job(begun);
        }
        Ok(())
    }

    /// Has a job elsewhere asked for until it has ended.
    pub(crate) fn watch_job(&self, begun: Begun) {
        // Nobody listens any more only when the server stops, and the next one finds it.
        let _ = self.jobs_begun.send(begun);
    }

    /// Waits until one more Express execution may wait to be run.
    pub(super) async fn express_place(&self) -> Result<mpsc::Permit<'_, Running>, Error> {
        let closed = |_| Error::internal("the server is stopping; try again");
        self.started.reserve().await.map_err(closed)
    }

    /// Writes the lines of execution logs that wait: whoever reads logs calls it first.
    pub(crate) async fn write_logs(&self, context: &Context) -> Result<(), Error> {
        self.watchers.log.write(context).await
    }

    /// Writes the metrics of executions that wait.
    pub(crate) async fn write_metrics(&self, context: &Context) -> Result<(), Error> {
        self.watchers.metrics.write(context).await
    }

    /// From now on, EventBridge's events of executions are here. There is one subscriber.
    pub fn status_events(&self) -> Option<mpsc::Receiver<StatusEvent>> {
        self.watchers.status_events.subscribe()
    }

    /// From now on, this share (0 to 1) of the executions that end is here, for
    /// [`spans`](super::spans). There is one subscriber.
    pub fn traces(&self, share: f64) -> Option<mpsc::Receiver<Ended>> {
        self.watchers.traces.subscribe(share)
    }

    /// Puts counts of executions among what is shown.
    pub fn register(&self, registry: &mut Registry) {
        self.watchers.meter.register(registry);
    }

    fn left_over(&self) -> MutexGuard<'_, Vec<Running>> {
        self.left_over.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// Runs asynchronous Express executions, first those that the last server left, asks for jobs elsewhere, and
/// writes logs. Ends with
/// the future that awaits it; what is under way then is done by the next server.
pub async fn run(context: Arc<Context>) {
    let mut runs = JoinSet::new();
    runs.spawn(write_logs(context.clone()));
    runs.spawn(write_metrics(context.clone()));
    let background = &context.stepfunctions;
    let left_over = std::mem::take(&mut *background.left_over());
    for running in left_over {
        runs.spawn(finish(context.clone(), running));
    }
    let mut to_run = background.to_run.lock().await;
    let mut jobs = background.jobs_to_watch.lock().await;
    loop {
        tokio::select! {
            Some(begun) = jobs.recv() => {
                let context = context.clone();
                runs.spawn(async move { jobs_elsewhere::watch(&context, begun).await });
            }
            Some(running) = to_run.recv() => drop(runs.spawn(finish(context.clone(), running))),
            Some(_) = runs.join_next() => {}
        }
    }
}

async fn finish(context: Arc<Context>, running: Running) {
    if let Err(error) = express::finish(&context, running).await {
        tracing::error!(%error, "an Express execution could not end; the next server runs it again");
    }
}

async fn write_logs(context: Arc<Context>) {
    loop {
        context.stepfunctions.watchers.log.something_waits().await;
        if let Err(error) = context.stepfunctions.watchers.log.write(&context).await {
            tracing::warn!(%error, "lines of execution logs are lost");
            tokio::time::sleep(REST).await;
        }
    }
}

async fn write_metrics(context: Arc<Context>) {
    loop {
        tokio::time::sleep(METRICS_EVERY).await;
        if let Err(error) = cloudwatch::write_waiting(&context).await {
            tracing::warn!(%error, "metrics could not be written; trying again");
        }
    }
}
