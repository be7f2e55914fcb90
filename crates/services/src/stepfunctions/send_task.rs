//! SendTaskSuccess, SendTaskFailure, SendTaskHeartbeat: answers by task token.

use asl::event::{FailedPhase, TaskTarget};
use asl::{Failure, TaskId, Trigger};
use engine::Told;
use serde::Deserialize;

use super::{activities, encryption, input, invalid_token};
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
    caller: &Caller,
    request: Success,
) -> Result<(), Error> {
    check_keys(context, caller, &request.task_token).await?;
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
    caller: &Caller,
    request: Failed,
) -> Result<(), Error> {
    check_keys(context, caller, &request.task_token).await?;
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

/// What an answer brings is encrypted with the state machine's key, and with that of the activity if it is
/// one's task. A heartbeat brings nothing.
async fn check_keys(context: &Context, caller: &Caller, token: &str) -> Result<(), Error> {
    if context.settings.elsewhere.endpoint("kms").is_none() {
        return Ok(());
    }
    let Some((execution, task)) = context.engine.task_of_token(token).await? else {
        return Ok(());
    };
    if let TaskTarget::Activity { arn } = &task.target
        && let Ok(activity) = activities::find(context, caller, arn).await
    {
        encryption::check_usable(context, caller, Some(activity.encryption())).await?;
    }
    encryption::check_readable(context, caller, &execution).await
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
