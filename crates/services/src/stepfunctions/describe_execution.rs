//! DescribeExecution.

use engine::Summary;
use serde::{Deserialize, Serialize};

use super::execution::{self, Attributes};
use super::{encryption, redrive_execution, seconds};
use crate::{Caller, Context, Error};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Request {
    execution_arn: String,
    included_data: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Response {
    execution_arn: String,
    state_machine_arn: String,
    name: String,
    status: &'static str,
    start_date: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    stop_date: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<String>,
    input_details: Details,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_details: Option<Details>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_header: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state_machine_version_arn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state_machine_alias_arn: Option<String>,
    redrive_count: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    redrive_date: Option<f64>,
    redrive_status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    redrive_status_reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    map_run_arn: Option<String>,
}

#[derive(Serialize)]
struct Details {
    included: bool,
}

pub(super) async fn describe_execution(
    context: &Context,
    caller: &Caller,
    request: Request,
) -> Result<Response, Error> {
    let known = execution::find(context, caller, &request.execution_arn).await?;
    let included = request.included_data.as_deref() != Some("METADATA_ONLY");
    if included {
        encryption::check_readable(context, caller, &known.header).await?;
    }
    let unredrivable = redrive_execution::unredrivable(context, &known).await?;
    Ok(description(known, included, unredrivable))
}

/// An execution as DescribeExecution tells it, with its data if `included`, and why it cannot be redriven.
pub(crate) fn description(
    known: Summary,
    included: bool,
    unredrivable: Option<String>,
) -> Response {
    let attributes = Attributes::of(&known);
    let failure = known.failure.unwrap_or_default();
    let header = known.header;
    let text = |data: asl::Data| included.then(|| data.text().to_owned());
    Response {
        execution_arn: header.execution_arn,
        state_machine_arn: header.state_machine_arn,
        name: header.name,
        status: known.status.as_str(),
        start_date: seconds(header.start_time.0),
        stop_date: known.stop_time.map(|time| seconds(time.0)),
        input: text(header.input),
        input_details: Details { included },
        output_details: known.output.is_some().then_some(Details { included }),
        output: known.output.and_then(text),
        trace_header: attributes.trace_header,
        error: failure.error,
        cause: failure.cause,
        state_machine_version_arn: attributes.version_arn,
        state_machine_alias_arn: attributes.alias_arn,
        redrive_count: known.redrive.0,
        redrive_date: known.redrive.1.map(|time| seconds(time.0)),
        redrive_status: match (&unredrivable, &attributes.map_run_arn) {
            (Some(_), _) => "NOT_REDRIVABLE",
            (None, None) => "REDRIVABLE",
            (None, Some(_)) => "REDRIVABLE_BY_MAP_RUN",
        },
        redrive_status_reason: unredrivable,
        map_run_arn: attributes.map_run_arn,
    }
}
