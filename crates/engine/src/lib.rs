//! Makes executions durable: loads one, steps it, commits the decision, hands out the work owed.
//!
//! Nothing here reads a clock, sleeps or spawns; the binary's loop does. No work is handed out before
//! the events that ask for it are durable. A restart is the ordinary path: owed tasks are handed out
//! again, due timers fire, open executions are folded from their journals when first needed.

use std::sync::Arc;

use asl::{Data, Event, Failure, Header, Moment, ScheduledTask, Status, Timestamp, Trigger};
use store::{Batch, ExecutionKey, Store, StoreError};

/// What the engine refuses.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// There is no such execution.
    #[error("execution {0} does not exist")]
    NoExecution(ExecutionKey),
    /// The name is taken by another execution of the state machine; its row is here.
    #[error("the name is taken by execution {0}")]
    NameTaken(ExecutionKey),
    /// Nobody awaits this task (any more).
    #[error("task {1} of execution {0} is not awaited")]
    NoTask(ExecutionKey, u64),
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
    /// Its output, if it succeeded.
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

/// A task that nobody awaits any more: end what it began.
#[derive(Clone, Debug)]
pub struct Cancelled {
    /// Whose.
    pub execution: ExecutionKey,
    /// What the execution was born with.
    pub header: Arc<Header>,
    /// The task as it was scheduled.
    pub task: ScheduledTask,
}

/// What the loop does next.
#[derive(Default)]
pub struct Tick {
    /// Work to hand out.
    pub leases: Vec<Lease>,
    /// Work to end.
    pub cancelled: Vec<Cancelled>,
    /// When to tick again if nothing happens before.
    pub wake_at: Option<Timestamp>,
}

/// Many executions over one store.
pub struct Engine {
    store: Arc<dyn Store>,
}

impl Engine {
    /// Opens the engine over a store. Owed tasks are handed out by the first ticks.
    pub async fn open(store: Arc<dyn Store>) -> Result<Engine, EngineError> {
        Ok(Engine { store })
    }

    /// Starts an execution; durable when it returns. With `extra`, written in the same commit.
    ///
    /// # Errors
    /// [`EngineError::NameTaken`] when the owner has an execution of this name; the caller decides
    /// whether that is the same call again.
    pub async fn start(
        &self,
        new: NewExecution,
        extra: Batch,
        moment: Moment,
    ) -> Result<ExecutionKey, EngineError> {
        let _ = (&self.store, new, extra, moment);
        todo!()
    }

    /// Tells an execution what happened; durable when it returns. Late news decides nothing and is no error.
    /// `extra` is written in the same commit (a job's status with the task's answer), also when nothing is decided.
    pub async fn submit(
        &self,
        execution: ExecutionKey,
        triggers: Vec<Trigger>,
        extra: Batch,
        moment: Moment,
    ) -> Result<(), EngineError> {
        let _ = (execution, triggers, extra, moment);
        todo!()
    }

    /// Fires due timers, lends free tasks (at most `room`), says when to come back.
    pub async fn tick(&self, moment: Moment, room: usize) -> Result<Tick, EngineError> {
        let _ = (moment, room);
        todo!()
    }

    /// Waits until there is something to tick for: new tasks, cancelled ones, a nearer timer.
    pub async fn changed(&self) {
        todo!()
    }

    /// Describes an execution, by owner and name.
    pub async fn named(&self, owner: &str, name: &str) -> Result<Option<Summary>, EngineError> {
        let _ = (owner, name);
        todo!()
    }

    /// Describes an execution.
    pub async fn summary(&self, execution: ExecutionKey) -> Result<Option<Summary>, EngineError> {
        let _ = execution;
        todo!()
    }

    /// Executions of an owner, newest first.
    pub async fn list(
        &self,
        owner: &str,
        status: Option<Status>,
        before: Option<ExecutionKey>,
        limit: usize,
    ) -> Result<Vec<Summary>, EngineError> {
        let _ = (owner, status, before, limit);
        todo!()
    }

    /// Visible events from this id on (or down, in reverse), at most `limit`.
    pub async fn history(
        &self,
        execution: ExecutionKey,
        from: u64,
        reverse: bool,
        limit: usize,
    ) -> Result<Vec<Event>, EngineError> {
        let _ = (execution, from, reverse, limit);
        todo!()
    }
}
