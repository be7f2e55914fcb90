//! StartSyncExecution.

use asl::Status;
use serde::{Deserialize, Serialize};

use super::start_execution::{Ready, Start, prepare};
use super::{express, input, seconds, type_not_supported};
use crate::{Caller, Context, Error};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Request {
    state_machine_arn: String,
    name: Option<String>,
    input: Option<String>,
    trace_header: Option<String>,
    included_data: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Response {
    execution_arn: String,
    state_machine_arn: String,
    name: String,
    start_date: f64,
    stop_date: f64,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<String>,
    input_details: Details,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_details: Option<Details>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_header: Option<String>,
    billing_details: Billing,
}

#[derive(Serialize)]
struct Details {
    included: bool,
}

/// What AWS would bill.
#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Billing {
    #[serde(rename = "billedMemoryUsedInMB")]
    memory_mb: u64,
    #[serde(rename = "billedDurationInMilliseconds")]
    duration_ms: u64,
}

/// Runs an Express execution and answers with its end.
pub(super) async fn start_sync_execution(
    context: &Context,
    caller: &Caller,
    request: Request,
) -> Result<Response, Error> {
    let Request { state_machine_arn, name, trace_header, included_data, .. } = request;
    let input = input::parse(request.input)?;
    let new = Start { state_machine_arn, name, input, trace_header, task: None, at_end: None };
    let moment = context.clock.moment();
    let Ready { header, definition, attributes, .. } =
        prepare(context, caller, new, moment).await?;
    if !header.express {
        return Err(type_not_supported());
    }
    let header = express::numbered(header, moment);
    let execution = express::run(context, header, &definition, &attributes).await?;
    let stopped = execution.stop_time().unwrap_or(moment.now);
    let included = included_data.as_deref() != Some("METADATA_ONLY");
    let header = execution.header();
    let failure = execution.failure().cloned().unwrap_or_default();
    let output = execution.output();
    Ok(Response {
        execution_arn: header.execution_arn.clone(),
        state_machine_arn: header.state_machine_arn.clone(),
        name: header.name.clone(),
        start_date: seconds(header.start_time.0),
        stop_date: seconds(stopped.0),
        status: execution.status().as_str(),
        error: failure.error,
        cause: failure.cause,
        input: included.then(|| header.input.text().to_owned()),
        input_details: Details { included },
        output: output.filter(|_| included).map(|output| output.text().to_owned()),
        output_details: (execution.status() == Status::Succeeded).then_some(Details { included }),
        trace_header: attributes.trace_header,
        billing_details: billing(stopped.0 - header.start_time.0),
    })
}

/// Memory is billed by 64 MB, time by 100 ms, and neither is ever nothing.
fn billing(milliseconds: i64) -> Billing {
    let milliseconds = u64::try_from(milliseconds).unwrap_or_default().max(1);
    Billing { memory_mb: 64, duration_ms: milliseconds.div_ceil(100) * 100 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_billed_by_the_tenth_of_a_second() {
        let cases = [(-5, 100), (0, 100), (1, 100), (100, 100), (101, 200), (2_950, 3_000)];
        for (taken, billed) in cases {
            assert_eq!(billing(taken), Billing { memory_mb: 64, duration_ms: billed }, "{taken}");
        }
    }
}
