//! DescribeMapRun.

use engine::{Counts, MapRun};
use serde::{Deserialize, Serialize};

use super::{arn, seconds};
use crate::{Caller, Context, Error};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Request {
    map_run_arn: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Response {
    map_run_arn: String,
    execution_arn: String,
    status: &'static str,
    start_date: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    stop_date: Option<f64>,
    max_concurrency: u64,
    tolerated_failure_percentage: f64,
    tolerated_failure_count: u64,
    item_counts: ShownCounts,
    execution_counts: ShownCounts,
    #[serde(skip_serializing_if = "Option::is_none")]
    redrive_count: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    redrive_date: Option<f64>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ShownCounts {
    pending: u64,
    running: u64,
    succeeded: u64,
    failed: u64,
    timed_out: u64,
    aborted: u64,
    total: u64,
    results_written: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    failures_not_redrivable: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pending_redrive: Option<u64>,
}

impl ShownCounts {
    /// `redrive`: failures that cannot be redriven, and children that wait to be; of a run that was.
    fn of(
        ended: Counts,
        running: u64,
        results_written: u64,
        pending: u64,
        redrive: Option<(u64, u64)>,
    ) -> ShownCounts {
        let Counts { succeeded, failed, timed_out, aborted } = ended;
        let pending_redrive = redrive.map_or(0, |redrive| redrive.1);
        let total = ended.total() + running + pending + pending_redrive;
        ShownCounts {
            pending,
            running,
            succeeded,
            failed,
            timed_out,
            aborted,
            total,
            results_written,
            failures_not_redrivable: redrive.map(|redrive| redrive.0),
            pending_redrive: redrive.map(|redrive| redrive.1),
        }
    }
}

pub(super) async fn describe_map_run(
    context: &Context,
    caller: &Caller,
    request: Request,
) -> Result<Response, Error> {
    let run = find(context, caller, &request.map_run_arn).await?;
    let parent = context.engine.summary(run.execution).await?;
    let execution_arn = parent.map(|parent| parent.header.execution_arn).unwrap_or_default();
    let progress = &run.progress;
    let written = progress.results_written;
    let items_written = match written == progress.executions.total() {
        true => progress.items.total(),
        // Only those of children that succeeded were given to the parent.
        false if written == progress.executions.succeeded => progress.items.succeeded,
        false => written,
    };
    let pending = context.engine.map_run_pending(&run.arn).await?;
    let redrive = context.engine.map_run_redrive(&run.arn).await?;
    let (redrive_count, redriven_at) = run.redrive;
    Ok(Response {
        execution_arn,
        status: run.status.as_str(),
        start_date: seconds(run.started_at.0),
        stop_date: run.stopped_at.map(|time| seconds(time.0)),
        max_concurrency: run.max_concurrency,
        tolerated_failure_percentage: run.tolerance.percentage.unwrap_or(0.0),
        tolerated_failure_count: run.tolerance.count.unwrap_or(0),
        item_counts: ShownCounts::of(
            progress.items,
            progress.items_running(),
            items_written,
            pending.items,
            redrive.map(|(of, pending)| (of.items_not_redrivable, pending.1)),
        ),
        execution_counts: ShownCounts::of(
            progress.executions,
            progress.open.len() as u64,
            written,
            pending.executions,
            redrive.map(|(of, pending)| (of.not_redrivable, pending.0)),
        ),
        redrive_count: (redrive_count > 0).then_some(redrive_count),
        redrive_date: redriven_at.map(|time| seconds(time.0)),
        map_run_arn: run.arn,
    })
}

/// The Map run that an ARN names.
///
/// # Errors
/// `InvalidArn`, `ResourceNotFound`.
pub(super) async fn find(context: &Context, caller: &Caller, arn: &str) -> Result<MapRun, Error> {
    let parsed = arn::parse(arn, &["mapRun"])?;
    let found = if parsed.is_of(caller) { context.engine.map_run(arn).await? } else { None };
    found.ok_or_else(|| {
        Error::new("ResourceNotFound", format!("Resource not found: '{arn}'"))
            .with("resourceName", arn)
    })
}
