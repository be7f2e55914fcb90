//! A job and the task that waits for it are always written together.

use asl::event::FailedPhase;
use asl::{Failure, TaskId, Trigger};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::{Batch, ExecutionKey};

use super::with_sdk_metadata;
use crate::{Caller, Context, Error, Origin};

/// The task that waits for a job; a job's record keeps it (as JSON) until the job ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Awaiting {
    /// Whose task.
    pub execution: ExecutionKey,
    /// Its number within the execution.
    pub task: u64,
}

impl Awaiting {
    /// The task that waits for what this call begins; none for clients and for tasks without `.sync`.
    pub fn of(caller: &Caller) -> Option<Awaiting> {
        match caller.origin {
            Origin::Task { token: (execution, task), sync: true, .. } => {
                Some(Awaiting { execution, task })
            }
            _ => None,
        }
    }
}

/// Writes what an operation begins. For a task that waits, the same commit tells it that the call
/// was answered with `answer` (the operation's own members; AWS's SDK metadata is added here).
///
/// # Errors
/// A condition in `batch` that does not hold is a [`store::StoreError::Conflict`]; nothing is written then.
pub async fn begin(
    context: &Context,
    caller: &Caller,
    answer: &Value,
    batch: Batch,
) -> Result<(), engine::EngineError> {
    let Some(awaiting) = Awaiting::of(caller) else {
        return Ok(context.store.commit(batch).await?);
    };
    let moment = context.clock.moment();
    let task = TaskId(awaiting.task);
    let output = with_sdk_metadata(answer.clone(), moment).into();
    let triggers =
        vec![Trigger::TaskStarted { task, worker: None }, Trigger::TaskSubmitted { task, output }];
    context.engine.submit(awaiting.execution, triggers, batch, moment).await
}

/// Writes a job's end and, if a task waits for it, the task's answer in the same commit.
///
/// # Errors
/// As [`begin`]; nothing is written then, and the job's end must be told again.
pub async fn finish(
    context: &Context,
    awaiting: Option<Awaiting>,
    outcome: Result<Value, Failure>,
    batch: Batch,
) -> Result<(), engine::EngineError> {
    let Some(awaiting) = awaiting else {
        return Ok(context.store.commit(batch).await?);
    };
    let task = TaskId(awaiting.task);
    let trigger = match outcome {
        Ok(result) => Trigger::TaskSucceeded { task, output: result.into() },
        Err(failure) => Trigger::TaskFailed { task, phase: FailedPhase::Run, failure },
    };
    let moment = context.clock.moment();
    context.engine.submit(awaiting.execution, vec![trigger], batch, moment).await
}

impl From<engine::EngineError> for Error {
    fn from(error: engine::EngineError) -> Error {
        match error {
            engine::EngineError::Store(error) => Error::from(error),
            other => Error::internal(other.to_string()),
        }
    }
}
