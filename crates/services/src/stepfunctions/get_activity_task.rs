//! GetActivityTask.

use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::{account_limits, activities, encryption};
use crate::{Caller, Context, Error, Operation, typed};

/// A worker that finds no task waits so long for one.
const POLL_MS: i64 = 60_000;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Request {
    activity_arn: String,
    worker_name: Option<String>,
}

/// A task, or nothing.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Response {
    #[serde(skip_serializing_if = "Option::is_none")]
    task_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<String>,
}

/// GetActivityTask, which must know when its caller has gone.
pub(super) const OPERATION: Operation = Operation {
    name: "GetActivityTask",
    call: |context, caller, input| {
        let gone = input.gone.clone();
        Box::pin(typed(context, caller, input, move |context, caller, request| {
            get_activity_task(context, caller, request, gone)
        }))
    },
};

/// Takes the oldest task, waiting for one up to a minute. A worker that has gone while it waited takes none.
async fn get_activity_task(
    context: &Context,
    caller: &Caller,
    request: Request,
    gone: CancellationToken,
) -> Result<Response, Error> {
    let activity = activities::find(context, caller, &request.activity_arn).await?;
    encryption::check_usable(context, caller, Some(activity.encryption())).await?;
    let arn = activity.arn();
    let _asks = account_limits::worker(context, arn)?;
    let worker = request.worker_name.as_deref();
    let until = context.clock.moment().now.plus_millis(POLL_MS);
    let mut is_over = context.clock.reached(until);
    loop {
        let scheduled = context.engine.activity_scheduled();
        tokio::pin!(scheduled);
        let moment = context.clock.moment();
        if let Some(lease) = context.engine.poll_activity(arn, worker, moment).await? {
            let input = lease.task.parameters.text().to_owned();
            return Ok(Response { task_token: lease.task.token, input: Some(input) });
        }
        tokio::select! {
            () = &mut scheduled => {}
            () = &mut is_over => return Ok(Response::default()),
            () = gone.cancelled() => return Ok(Response::default()),
        }
    }
}
