//! SendTaskSuccess, SendTaskFailure, SendTaskHeartbeat: answers by task token.

use asl::event::FailedPhase;
use asl::{Failure, TaskId, Trigger};
use engine::Told;
use serde::Deserialize;

use super::{input, invalid_token};
use crate::{Caller, Context, Error};

/// A task may be answered before its call is: so long its worker is waited for.
const EARLY_MS: i64 = 2_000;
const LOOK_MS: i64 = 5;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Success {
    task_token: String,
    output: String,
}

pub(super) async fn send_task_success(
    context: &Context,
    _: &Caller,
    request: Success,
) -> Result<(), Error> {
    let output = input::parse_output(request.output)?;
    let answer = |task: TaskId| Trigger::TaskSucceeded { task, output: output.clone() };
    send(context, &request.task_token, answer).await
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Failed {
    task_token: String,
    error: Option<String>,
    cause: Option<String>,
}

pub(super) async fn send_task_failure(
    context: &Context,
    _: &Caller,
    request: Failed,
) -> Result<(), Error> {
    let failure = Failure { error: request.error, cause: request.cause };
    let answer = |task: TaskId| Trigger::TaskFailed {
        task,
        phase: FailedPhase::Run,
        failure: failure.clone(),
    };
    send(context, &request.task_token, answer).await
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Heartbeat {
    task_token: String,
}

pub(super) async fn send_task_heartbeat(
    context: &Context,
    _: &Caller,
    request: Heartbeat,
) -> Result<(), Error> {
    send(context, &request.task_token, |task| Trigger::TaskHeartbeat { task }).await
}

async fn send(
    context: &Context,
    token: &str,
    answer: impl Fn(TaskId) -> Trigger + Send + Copy,
) -> Result<(), Error> {
    let latest = context.clock.moment().now.plus_millis(EARLY_MS);
    loop {
        let moment = context.clock.moment();
        let early_too = moment.now >= latest;
        match context.engine.submit_by_token(token, answer, early_too, moment).await? {
            Told::Taken => return Ok(()),
            Told::Early => context.clock.reached(moment.now.plus_millis(LOOK_MS)).await,
            Told::NoToken => return Err(invalid_token()),
            Told::Closed => {
                return Err(Error::new(
                    "TaskTimedOut",
                    "Task Timed Out: 'Provided task does not exist anymore'",
                ));
            }
            Told::NoTask => {
                return Err(Error::new(
                    "TaskDoesNotExist",
                    "Task Does Not Exist: 'Provided task does not exist'",
                ));
            }
        }
    }
}
