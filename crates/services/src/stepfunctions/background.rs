//! What Step Functions does beside answering calls: asynchronous Express executions, and logs of executions.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use asl::Header;
use engine::{Listener, News};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::activities;
use super::execution_log::ExecutionLog;
use super::express::{self, Running};
use crate::changes::Changes;
use crate::{Context, Error};

/// How long a failed step of the work rests before it is tried again.
const REST: Duration = Duration::from_secs(1);

/// What waits to be done beside answering calls; [`run`] does it.
pub struct Background {
    pub(super) log: Arc<ExecutionLog>,
    left_over: Mutex<Vec<Running>>,
    started: mpsc::Sender<Running>,
    to_run: tokio::sync::Mutex<mpsc::Receiver<Running>>,
}

impl Background {
    /// Nothing waits. From now on the engine tells of executions that are logged, and of every change.
    pub fn new(engine: &engine::Engine, changes: &Changes) -> Background {
        let log = Arc::new(ExecutionLog::default());
        engine.listen(Arc::new(Ears { log: log.clone(), changes: changes.clone() }));
        let (started, to_run) = mpsc::channel(express::WAITING_MAX);
        Background {
            log,
            left_over: Mutex::default(),
            started,
            to_run: tokio::sync::Mutex::new(to_run),
        }
    }

    /// Finds the Express executions that the last server had acknowledged and not ended: [`run`] runs them
    /// again. Tells the engine which activities there are. To be called before new ones can be started.
    pub async fn resume(&self, context: &Context) -> Result<(), Error> {
        context.engine.know_activities(activities::arns(context).await?);
        let left_over = express::left_over(context).await?;
        *self.left_over() = left_over;
        Ok(())
    }

    /// Waits until one more Express execution may wait to be run.
    pub(super) async fn express_place(&self) -> Result<mpsc::Permit<'_, Running>, Error> {
        let closed = |_| Error::internal("the server is stopping; try again");
        self.started.reserve().await.map_err(closed)
    }

    /// Writes the lines of execution logs that wait: whoever reads logs calls it first.
    pub(crate) async fn write_logs(&self, context: &Context) -> Result<(), Error> {
        self.log.write(context).await
    }

    fn left_over(&self) -> MutexGuard<'_, Vec<Running>> {
        self.left_over.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// Hears the engine: for the logs, and for whoever looks on.
struct Ears {
    log: Arc<ExecutionLog>,
    changes: Changes,
}

impl Listener for Ears {
    fn wants(&self, attributes: &str) -> bool {
        self.log.wants(attributes)
    }

    fn heard(&self, news: News) {
        self.log.heard(news);
    }

    fn changed(&self, header: &Header) {
        let Header { account, region, execution_arn, .. } = header;
        self.changes.tell("stepfunctions", account, region, execution_arn);
    }
}

/// Runs asynchronous Express executions, first those that the last server left, and writes logs. Ends with
/// the future that awaits it; what is under way then is done by the next server.
pub async fn run(context: Arc<Context>) {
    let mut runs = JoinSet::new();
    runs.spawn(write_logs(context.clone()));
    let background = &context.stepfunctions;
    let left_over = std::mem::take(&mut *background.left_over());
    for running in left_over {
        runs.spawn(finish(context.clone(), running));
    }
    let mut to_run = background.to_run.lock().await;
    loop {
        tokio::select! {
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
        context.stepfunctions.log.something_waits().await;
        if let Err(error) = context.stepfunctions.log.write(&context).await {
            tracing::warn!(%error, "lines of execution logs are lost");
            tokio::time::sleep(REST).await;
        }
    }
}
