//! RedriveExecution.

use asl::{Status, Trigger};
use engine::Summary;
use serde::{Deserialize, Serialize};
use store::{Batch, Expect};

use super::{account_limits, execution, machine, seconds};
use crate::record::Table;
use crate::{Caller, Context, Error};

/// An execution that has failed can be redriven so long.
const REDRIVABLE_MS: i64 = 14 * 24 * 60 * 60 * 1000;
/// An execution can be open so long, redrives included.
const OPEN_MS: i64 = 365 * 24 * 60 * 60 * 1000;
/// And be redriven so often.
const REDRIVES_MAX: u32 = 1_000;

/// The call that redrove an execution last, keyed by the execution's number.
const REDRIVES: Table<Redrive> = Table::new("states/redrive");

#[derive(Serialize, Deserialize)]
struct Redrive {
    client_token: Option<String>,
    /// Which one it was.
    count: u32,
    at: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Request {
    execution_arn: String,
    client_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Response {
    redrive_date: f64,
}

/// Lets an execution that has failed go on from what failed. The same call again (by its client token) is
/// answered as the first was.
pub(super) async fn redrive_execution(
    context: &Context,
    caller: &Caller,
    request: Request,
) -> Result<Response, Error> {
    let known = execution::find(context, caller, &request.execution_arn).await?;
    let key = known.key.to_string();
    let last = REDRIVES.get(context, &key).await?;
    if let Some(last) = &last
        && request.client_token.is_some()
        && last.value.client_token == request.client_token
        && last.value.count == known.redrive.0
    {
        return Ok(Response { redrive_date: seconds(last.value.at) });
    }
    if let Some(reason) = unredrivable(context, &known).await? {
        return Err(Error::new("ExecutionNotRedrivable", reason));
    }
    account_limits::open_execution(context, caller).await?;
    let moment = context.clock.moment();
    let Request { client_token, .. } = request;
    let redrive = Redrive { client_token, count: known.redrive.0 + 1, at: moment.now.0 };
    let expect = last.map_or(Expect::Absent, |last| Expect::Version(last.version));
    let records = vec![REDRIVES.write(&key, &redrive, expect)?];
    let extra = Batch { records, ..Batch::default() };
    match context.engine.submit(known.key, vec![Trigger::Redriven], extra, moment).await {
        Ok(()) => Ok(Response { redrive_date: seconds(moment.now.0) }),
        // Somebody else redrove it in between.
        Err(engine::EngineError::Store(store::StoreError::Conflict { .. })) => {
            Err(Error::new("ExecutionNotRedrivable", "Execution is RUNNING and cannot be redriven"))
        }
        Err(error) => Err(error.into()),
    }
}

/// Why an execution cannot be redriven, in AWS's words.
pub(super) async fn unredrivable(
    context: &Context,
    known: &Summary,
) -> Result<Option<String>, Error> {
    let reason = |text: &str| Ok(Some(text.to_owned()));
    if !matches!(known.status, Status::Failed | Status::TimedOut | Status::Aborted) {
        return reason(&format!("Execution is {} and cannot be redriven", known.status.as_str()));
    }
    let now = context.clock.moment().now.0;
    if known.stop_time.is_some_and(|stopped| now - stopped.0 > REDRIVABLE_MS) {
        return reason("Execution redrivable period exceeded");
    }
    if now - known.header.start_time.0 > OPEN_MS {
        return reason("Execution has exceeded the max execution time");
    }
    if known.redrive.0 >= REDRIVES_MAX {
        return reason("Execution has exceeded the maximum number of redrives");
    }
    let last = context.engine.history(known.key, u64::MAX, true, 1).await?;
    let events_max = asl::Limits::default().history_events_max;
    if last.first().is_some_and(|event| event.id >= events_max) {
        return reason("Execution history event limit exceeded");
    }
    let deleting = machine::is_being_deleted(context, &known.header).await?;
    if deleting { reason("State machine is in DELETING status") } else { Ok(None) }
}
