//! Makes executions durable: loads one, steps it, commits the decision, hands out the work owed.
//!
//! Nothing here reads a clock, sleeps or spawns; the binary's loop does. No work is handed out before
//! the events that ask for it are durable. A restart is the ordinary path: owed tasks are handed out
//! again, due timers fire, open executions are folded from their journals when first needed.

mod activity;
mod board;
mod check;
mod definitions;
mod describe;
mod express;
mod hot;
pub mod journal;
mod listener;
mod live;
mod map_run;
mod meter;
mod pace;
mod retire;
mod row;
mod states;
mod submit;
mod tick;

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock, RwLock};

use asl::{
    Data, Failure, Header, Limits, Moment, ScheduledTask, Status, TaskId, Timestamp, Trigger,
};
use store::{Batch, ExecutionKey, Store, StoreError, TaskWrite};

use self::board::Board;
use self::definitions::Definitions;
use self::hot::Hot;
use self::map_run::MapRuns;
use self::meter::Meter;

pub use self::definitions::TABLE as DEFINITIONS;
pub use self::express::{Express, Turn};
pub use self::listener::{Change, Listener, News};
pub use self::map_run::{
    Child, Counts, LiveMapRun, MapRun, MapRunStatus, OF_EXECUTION as MAP_RUNS_OF_EXECUTION,
    PENDING_TABLE as MAP_RUN_PENDING, Pending, Progress, REDRIVE_TABLE as MAP_RUN_REDRIVES,
    Redrive, Standing, TABLE as MAP_RUNS, Unsuccessful,
};
pub use self::pace::Pace;
pub use self::retire::{Retention, Retired};

/// What the engine refuses.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// There is no such execution.
    #[error("execution {0} does not exist")]
    NoExecution(ExecutionKey),
    /// The name is taken by another execution of the state machine; its row is here.
    #[error("the name is taken by execution {0}")]
    NameTaken(ExecutionKey),
    /// The journal cannot be read.
    #[error("the journal of execution {execution} is damaged at chunk {sequence}: {reason}")]
    Journal {
        /// Whose.
        execution: ExecutionKey,
        /// Which chunk.
        sequence: u64,
        /// What is wrong.
        reason: String,
    },
    /// A definition is missing or is none.
    #[error("a definition cannot be used: {0}")]
    Definition(String),
    /// The store's answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// An execution to be started.
pub struct NewExecution {
    /// What it is born with.
    pub header: Header,
    /// The definition's text, already validated; kept once per text (by its SHA-256).
    pub definition: Arc<str>,
    /// Whose list it is in: the state machine's ARN, or the Map run's.
    pub owner: String,
    /// What the API wants back and the engine does not read (version and alias ARN, trace header, …).
    pub attributes: serde_json::Value,
    /// Handed out among the [`Tick::cancelled`] once the execution has ended, until [`Engine::ended`] is
    /// said: so whoever awaits the execution hears of its end, whatever crashes in between. Its number is set here.
    pub at_end: Option<ScheduledTask>,
}

/// An execution as the API describes it.
#[derive(Clone, Debug)]
pub struct Summary {
    /// Its number.
    pub key: ExecutionKey,
    /// What it was born with.
    pub header: Header,
    /// Where it stands.
    pub status: Status,
    /// When it ended.
    pub stop_time: Option<Timestamp>,
    /// Its output, if it succeeded. Lists leave out one of more than 4 KiB.
    pub output: Option<Data>,
    /// Its error and cause, if it failed.
    pub failure: Option<Failure>,
    /// How often it was redriven, and when last.
    pub redrive: (u32, Option<Timestamp>),
    /// SHA-256 (hex) of the definition's text: the key of the record `engine/definition`.
    pub definition: String,
    /// As given to start.
    pub attributes: serde_json::Value,
}

/// A task lent to a worker until it is answered or cancelled.
#[derive(Clone, Debug)]
pub struct Lease {
    /// Whose.
    pub execution: ExecutionKey,
    /// What the execution was born with.
    pub header: Arc<Header>,
    /// What to do.
    pub task: ScheduledTask,
    /// It was lent before (a restart, a lost worker): the work may have been done already.
    pub again: bool,
}

/// A task that nobody awaits any more: end what it began, then say so with [`Engine::ended`]. Also what was
/// asked for at an execution's end ([`NewExecution::at_end`]).
#[derive(Clone, Debug)]
pub struct Cancelled {
    /// Whose.
    pub execution: ExecutionKey,
    /// What the execution was born with.
    pub header: Arc<Header>,
    /// The task as it was scheduled.
    pub task: ScheduledTask,
}

/// What became of an answer by task token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// The execution has it.
    Taken,
    /// The call of the task has not been answered yet: its worker is about to say so.
    Early,
    /// The task is not awaited any more.
    Closed,
    /// Its execution is gone.
    NoTask,
    /// The text is no task's token.
    NoToken,
}

/// What the loop does next.
#[derive(Default)]
pub struct Tick {
    /// Work to hand out.
    pub leases: Vec<Lease>,
    /// Map runs to drive ([`Engine::open_map_run`]); each until its task is answered or cancelled.
    pub map_runs: Vec<Lease>,
    /// Work to end.
    pub cancelled: Vec<Cancelled>,
    /// When to tick again if nothing happens before.
    pub wake_at: Option<Timestamp>,
}

/// Many executions over one store.
///
/// Every call may be dropped while it waits: what it asked for is then done whole or not at all, and
/// work that is owed is found by the next tick.
pub struct Engine {
    store: Arc<dyn Store>,
    definitions: Definitions,
    hot: Hot,
    board: Board,
    listener: OnceLock<Arc<dyn Listener>>,
    activities: RwLock<Option<Arc<BTreeSet<String>>>>,
    map_runs: MapRuns,
    limits: Limits,
    pace: Option<Arc<dyn Pace>>,
    meter: Meter,
}

/// Bytes of executions kept in memory, roughly.
const HOT_BYTES: usize = 64 << 20;

impl Engine {
    /// Opens the engine over a store. Owed tasks are handed out by the first ticks.
    pub async fn open(store: Arc<dyn Store>) -> Result<Engine, EngineError> {
        Ok(Engine::with_budget(store, HOT_BYTES))
    }

    /// As [`Engine::open`], with so many bytes (roughly) for executions kept in memory. Others are
    /// folded from their journals when something happens to them.
    pub fn with_budget(store: Arc<dyn Store>, hot_bytes: usize) -> Engine {
        Engine {
            store,
            definitions: Definitions::default(),
            hot: Hot::new(hot_bytes),
            board: Board::new(),
            listener: OnceLock::new(),
            activities: RwLock::default(),
            map_runs: MapRuns::default(),
            limits: Limits::default(),
            pace: None,
            meter: Meter::default(),
        }
    }

    /// The same with other bounds than AWS's. They hold for every decision from now on, also of
    /// executions that were started under others.
    pub fn with_limits(mut self, limits: Limits) -> Engine {
        self.limits = limits;
        self
    }

    /// From now on `listener` hears of what happens. There is one, for as long as the engine lives: a
    /// second one is not taken.
    pub fn listen(&self, listener: Arc<dyn Listener>) {
        let _ = self.listener.set(listener);
    }

    /// Starts an execution; durable when it returns. With `extra`, written in the same commit.
    /// The header's `key` is set here.
    ///
    /// # Errors
    /// [`EngineError::NameTaken`] when the owner has an execution of this name; the caller decides
    /// whether that is the same call again. A condition of `extra` that does not hold is a
    /// [`StoreError::Conflict`], and nothing is started.
    pub async fn start(
        &self,
        new: NewExecution,
        extra: Batch,
        moment: Moment,
    ) -> Result<ExecutionKey, EngineError> {
        self.begin(new, extra, moment).await
    }

    /// Tells an execution what happened; durable when it returns. Late news decides nothing and is no error.
    /// `extra` is written in the same commit (a job's status with the task's answer), also when nothing is decided.
    ///
    /// # Errors
    /// A condition of `extra` that does not hold is a [`StoreError::Conflict`]; then the execution is unchanged.
    pub async fn submit(
        &self,
        execution: ExecutionKey,
        triggers: Vec<Trigger>,
        extra: Batch,
        moment: Moment,
    ) -> Result<(), EngineError> {
        self.tell(execution, &triggers, extra, moment).await
    }

    /// Tells the task that a token stands for: durable when it returns [`Told::Taken`]. A task whose call has
    /// not been answered takes it only if `early_too`.
    pub async fn submit_by_token(
        &self,
        token: &str,
        answer: impl Fn(TaskId) -> Trigger + Send,
        early_too: bool,
        moment: Moment,
    ) -> Result<Told, EngineError> {
        self.tell_by_token(token, answer, early_too, moment).await
    }

    /// Says which activities there are, by ARN: from now on a task of any other fails its execution.
    pub fn know_activities(&self, activities: impl IntoIterator<Item = String>) {
        let activities = Some(Arc::new(activities.into_iter().collect()));
        *self.activities.write().unwrap_or_else(|poisoned| poisoned.into_inner()) = activities;
    }

    /// An activity is there now, or is not any more.
    pub fn activity_is(&self, arn: &str, there: bool) {
        let mut known = self.activities.write().unwrap_or_else(|poisoned| poisoned.into_inner());
        let known = Arc::make_mut(known.get_or_insert_default());
        if there {
            known.insert(arn.to_owned());
        } else {
            known.remove(arn);
        }
    }

    pub(crate) fn activities(&self) -> Option<Arc<BTreeSet<String>>> {
        self.activities.read().unwrap_or_else(|poisoned| poisoned.into_inner()).clone()
    }

    /// Whether the execution still awaits this task; false also when there is no such execution.
    pub async fn awaits(&self, execution: ExecutionKey, task: TaskId) -> Result<bool, EngineError> {
        self.is_awaited(execution, task).await
    }

    /// Fires due timers, lends free tasks (at most `room`), says when to come back. For one loop: two
    /// ticks at a time are not meant.
    pub async fn tick(&self, moment: Moment, room: usize) -> Result<Tick, EngineError> {
        self.turn(moment, room).await
    }

    /// Waits until there is something to tick for: new tasks, cancelled ones, a nearer timer, a task
    /// settled while others wait. What happened since the last wait ends it at once.
    pub async fn changed(&self) {
        self.board.changed().await;
    }

    /// A worker could not do its task (the store failed, the worker broke): lend it again from `at` on.
    /// Nothing happens if the task is not awaited any more.
    pub fn give_back(&self, lease: Lease, at: Timestamp) {
        self.board.give_back(lease, at);
    }

    /// What a cancelled task began has been ended. Until this is said, every restart hands it out again.
    pub async fn ended(&self, cancelled: &Cancelled) -> Result<(), EngineError> {
        let (execution, task) = (cancelled.execution, cancelled.task.task.0);
        let tasks = vec![TaskWrite::Done { execution, task }];
        self.store.commit(Batch { tasks, ..Default::default() }).await?;
        self.board.lock().ended((execution, task));
        Ok(())
    }
}
