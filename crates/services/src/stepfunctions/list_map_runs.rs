//! ListMapRuns.

use serde::{Deserialize, Serialize};

use super::{execution, invalid_token, page_size, seconds};
use crate::{Caller, Context, Error, page};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Request {
    execution_arn: String,
    max_results: Option<usize>,
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Response {
    map_runs: Vec<Item>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    execution_arn: String,
    map_run_arn: String,
    state_machine_arn: String,
    start_date: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    stop_date: Option<f64>,
}

/// The Map runs that an execution has started, newest first.
pub(super) async fn list_map_runs(
    context: &Context,
    caller: &Caller,
    request: Request,
) -> Result<Response, Error> {
    let known = execution::find(context, caller, &request.execution_arn).await?;
    let mut arns = context.engine.map_runs_of(known.key).await?;
    arns.reverse();
    let skipped = match &request.next_token {
        Some(token) => {
            let position = page::position(token).and_then(|number| number.parse::<usize>().ok());
            position.filter(|number| *number <= arns.len()).ok_or_else(invalid_token)?
        }
        None => 0,
    };
    let limit = page_size(request.max_results);
    let mut map_runs = Vec::new();
    for arn in arns.iter().skip(skipped).take(limit) {
        let Some(run) = context.engine.map_run(arn).await? else { continue };
        let machine = arn.replacen(":mapRun:", ":stateMachine:", 1);
        let machine = machine.rsplit_once(':').map_or(machine.as_str(), |(machine, _)| machine);
        map_runs.push(Item {
            execution_arn: known.header.execution_arn.clone(),
            state_machine_arn: machine.to_owned(),
            start_date: seconds(run.started_at.0),
            stop_date: run.stopped_at.map(|time| seconds(time.0)),
            map_run_arn: run.arn,
        });
    }
    let next = skipped + limit;
    let next_token = (next < arns.len()).then(|| page::token(&next.to_string()));
    Ok(Response { map_runs, next_token })
}
