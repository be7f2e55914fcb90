//! StopExecution.

use asl::{Failure, Status, Trigger};
use serde::{Deserialize, Serialize};
use store::Batch;

use super::{encryption, execution, seconds};
use crate::{Caller, Context, Error};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Request {
    execution_arn: String,
    error: Option<String>,
    cause: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Response {
    stop_date: f64,
}

/// Stops an execution; one that has ended stays as it ended.
pub(super) async fn stop_execution(
    context: &Context,
    caller: &Caller,
    request: Request,
) -> Result<Response, Error> {
    let mut known = execution::find(context, caller, &request.execution_arn).await?;
    encryption::check_readable(context, caller, &known.header).await?;
    if known.status == Status::Running {
        let failure = Failure { error: request.error, cause: request.cause };
        let (key, moment) = (known.key, context.clock.moment());
        let stopped = vec![Trigger::Stopped { failure }];
        context.engine.submit(key, stopped, Batch::default(), moment).await?;
        known = execution::find(context, caller, &request.execution_arn).await?;
    }
    let stopped_at = known.stop_time.unwrap_or(context.clock.moment().now);
    Ok(Response { stop_date: seconds(stopped_at.0) })
}
