//! UpdateMapRun.

use engine::MapRunStatus;
use serde::{Deserialize, Serialize};

use super::describe_map_run;
use crate::{Caller, Context, Error};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Request {
    map_run_arn: String,
    max_concurrency: Option<u64>,
    tolerated_failure_percentage: Option<f64>,
    tolerated_failure_count: Option<u64>,
}

#[derive(Serialize)]
pub(super) struct Response {}

/// Changes a run's bounds while it runs: children that run already go on.
pub(super) async fn update_map_run(
    context: &Context,
    caller: &Caller,
    request: Request,
) -> Result<Response, Error> {
    describe_map_run::find(context, caller, &request.map_run_arn).await?;
    let changed = context.engine.change_map_run(&request.map_run_arn, |run| {
        if run.status != MapRunStatus::Running {
            return false;
        }
        run.max_concurrency = request.max_concurrency.unwrap_or(run.max_concurrency);
        let tolerance = &mut run.tolerance;
        tolerance.count = request.tolerated_failure_count.or(tolerance.count);
        tolerance.percentage = request.tolerated_failure_percentage.or(tolerance.percentage);
        true
    });
    match changed.await? {
        Some(true) => Ok(Response {}),
        _ => Err(Error::validation(format!(
            "Map Run has already completed: '{}'",
            request.map_run_arn
        ))
        .with("reason", "CANNOT_UPDATE_COMPLETED_MAP_RUN")),
    }
}
