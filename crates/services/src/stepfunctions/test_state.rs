//! TestState: one state, run by itself.
//!
//! With a mock nothing outside is touched. Without one a Task really calls its service, with the
//! role of the request.

mod context_object;
mod inspection;
mod items;
mod mock;

use std::sync::Arc;

use asl::definition::{Kind, Pattern, State};
use asl::event::TaskTarget;
use asl::test_state::{Inspection, Outcome, Progress, Setup, StateTest, Tested};
use asl::validate::Options;
use asl::{Data, Definition, Failure, Header, Limits, ScheduledTask};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::mock::Mock;
use super::{arn, input};
use crate::integrations::{self, Exchange};
use crate::{Caller, Context, Error};

/// What AWS calls the state under test, in its context object and in what is wrong with it.
const STATE_NAME: &str = "StateName";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Request {
    definition: String,
    role_arn: Option<String>,
    input: Option<String>,
    inspection_level: Option<String>,
    #[serde(default)]
    reveal_secrets: bool,
    variables: Option<String>,
    state_name: Option<String>,
    mock: Option<Mock>,
    context: Option<String>,
    #[serde(default)]
    state_configuration: Configuration,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Configuration {
    retrier_retry_count: Option<u32>,
    error_caused_by_state: Option<String>,
    map_iteration_failure_count: Option<u64>,
    map_item_reader_data: Option<String>,
}

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Response {
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    inspection_data: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_state: Option<String>,
    status: &'static str,
}

/// Runs one state.
pub(super) async fn test_state(
    context: &Context,
    caller: &Caller,
    request: Request,
) -> Result<Response, Error> {
    let mock = check_members(&request)?;
    if let Some(role) = &request.role_arn {
        arn::check_role(role)?;
    }
    let context_object = request.context.as_deref().map(context_object::parse).transpose()?;
    let input = input::parse(request.input.clone())?;
    let variables = variables(request.variables.as_deref())?;
    let limits = context.settings.limits;
    let (definition, name) = definition(&request, limits)?;
    let state = definition.body.find(name).ok_or_else(not_found)?.clone();
    check_state(&state, mock.is_some())?;
    if let Some(cause) = &request.state_configuration.error_caused_by_state {
        check_origin(&state, cause)?;
    }
    let answer = mock.map(|mock| mock::answer(&state, mock)).transpose()?;

    let moment = context.clock.moment();
    let read = match &request.state_configuration.map_item_reader_data {
        Some(text) => Some(items::read(&state, text)?),
        None => None,
    };
    let (read, unreadable) = match read {
        Some(Err(failure)) => (None, Some(failure)),
        Some(Ok(read)) => (Some(read), None),
        None => (None, None),
    };
    let setup = Setup {
        header: header(caller, request.role_arn.as_deref(), &input, moment),
        input: input.clone(),
        variables,
        context: context_object,
        name_in_context: Some(STATE_NAME.to_owned()),
        retries: request.state_configuration.retrier_retry_count.unwrap_or(0),
        failed_iterations: request.state_configuration.map_iteration_failure_count.unwrap_or(0),
        items_read: read.clone(),
    };
    let header = setup.header.clone();
    let mut test =
        StateTest::new(definition.clone(), name, setup).ok_or_else(not_found)?.with_limits(limits);
    let mut exchange = None;
    let tested = match (test.enter(moment), answer) {
        (Progress::Done(tested), _) => *tested,
        (Progress::Children(Some(spec)), Some(answer)) => {
            let seen = match unreadable {
                Some(failure) => Err(failure),
                None => {
                    let most = limits.payload_bytes_max;
                    items::inspect(&state, &definition, &spec, read.as_ref(), moment, most)
                }
            };
            let (seen, answer) = match seen {
                Ok(seen) => (seen, answer),
                Err(failure) => (Inspection::default(), Err(failure)),
            };
            let tested = test.answer(answer, moment);
            let inspection = Inspection {
                after_items_pointer: seen.after_items_pointer,
                after_item_selector: seen.after_item_selector,
                after_item_batcher: seen.after_item_batcher,
                ..tested.inspection
            };
            Tested { inspection, ..tested }
        }
        (_, Some(answer)) => test.answer(answer, moment),
        (Progress::Task(task), None) => {
            let (answer, sent) = call(context, &header, &task).await?;
            exchange = sent;
            test.answer(answer, context.clock.moment())
        }
        (Progress::Children(_), None) => return Err(needs_mock(&state)),
    };
    let level = request.inspection_level.as_deref().unwrap_or("INFO");
    let mut inspection = (level != "INFO").then(|| inspection::shown(&state, &input, &tested));
    if let (Some(inspection), "TRACE", Some(exchange)) = (&mut inspection, level, &exchange) {
        inspection["request"] = exchange.request(request.reveal_secrets).clone();
        if let Some(response) = exchange.response() {
            inspection["response"] = response.clone();
        }
    }
    Ok(response(tested, inspection))
}

/// What cannot be asked for together.
fn check_members(request: &Request) -> Result<Option<&Mock>, Error> {
    let configuration = &request.state_configuration;
    let Some(mock) = &request.mock else {
        let unsupported = [
            ("Context", request.context.is_some()),
            ("RetrierRetryCount", configuration.retrier_retry_count.is_some()),
            ("ErrorCausedByState", configuration.error_caused_by_state.is_some()),
            ("MapIterationFailureCount", configuration.map_iteration_failure_count.is_some()),
            ("MapItemReaderData", configuration.map_item_reader_data.is_some()),
        ];
        return match unsupported.iter().find(|(_, given)| *given) {
            Some((member, _)) => Err(Error::validation(format!(
                "TestState does not support {member} when a mock is not specified."
            ))),
            None => Ok(None),
        };
    };
    if request.reveal_secrets {
        return Err(Error::validation(
            "TestState does not support RevealSecrets when a mock is specified.",
        ));
    }
    mock.check()?;
    Ok(Some(mock))
}

/// The state machine to take the state from, and the state's name in it.
fn definition(request: &Request, limits: Limits) -> Result<(Arc<Definition>, &str), Error> {
    let (text, options) = (&request.definition, Options { limits, ..Options::default() });
    let (definition, name) = match &request.state_name {
        Some(name) => (Definition::parse_with(text, options), name.as_str()),
        None => (Definition::parse_state_with(text, STATE_NAME, options), STATE_NAME),
    };
    let definition =
        definition.map_err(|invalid| Error::new("InvalidDefinition", invalid.to_string()))?;
    Ok((Arc::new(definition), name))
}

fn not_found() -> Error {
    Error::validation("State not found in definition")
}

/// Which states can be mocked, and which must be.
fn check_state(state: &State, mocked: bool) -> Result<(), Error> {
    if mocked {
        return match &state.kind {
            Kind::Task(_) | Kind::Map(_) | Kind::Parallel(_) => Ok(()),
            kind => Err(Error::validation(format!(
                "State type '{:?}' is not supported when a mock is specified",
                kind.state_type()
            ))),
        };
    }
    match &state.kind {
        Kind::Map(_) | Kind::Parallel(_) => Err(needs_mock(state)),
        Kind::Task(task)
            if matches!(task.target, TaskTarget::Activity { .. })
                || task.pattern != Pattern::RequestResponse =>
        {
            Err(needs_mock(state))
        }
        _ => Ok(()),
    }
}

fn needs_mock(state: &State) -> Error {
    let message = match &state.kind {
        Kind::Task(task) if matches!(task.target, TaskTarget::Activity { .. }) => {
            "TestState API does not support Activity tasks when a mock is not specified."
        }
        Kind::Task(_) => {
            "TestState API does not support .sync or .waitForTaskToken service integration patterns \
             when a mock is not specified."
        }
        _ => {
            "TestState API does not support Map or Parallel states. Supported state types include: \
             [Task, Wait, Pass, Succeed, Fail, Choice]"
        }
    };
    Error::new("InvalidDefinition", message)
}

/// An error can come from a state within the tested one.
fn check_origin(state: &State, cause: &str) -> Result<(), Error> {
    let found = match &state.kind {
        Kind::Parallel(parallel) => parallel.branches.iter().any(|b| b.find(cause).is_some()),
        Kind::Map(map) => map.processor.find(cause).is_some(),
        _ => {
            return Err(Error::validation(
                "ErrorCausedByState is only supported for Map or Parallel states.",
            ));
        }
    };
    if found { Ok(()) } else { Err(not_found()) }
}

fn variables(text: Option<&str>) -> Result<Vec<(String, Data)>, Error> {
    let Some(text) = text else { return Ok(Vec::new()) };
    match serde_json::from_str(text) {
        Ok(Value::Object(variables)) => {
            Ok(variables.into_iter().map(|(name, value)| (name, value.into())).collect())
        }
        _ => Err(Error::validation("Variables must be a valid JSON object")),
    }
}

/// What the context object tells of an execution that there is not.
fn header(caller: &Caller, role: Option<&str>, input: &Data, moment: asl::Moment) -> Header {
    let machine = moment.dice("tested state machine").uuid();
    let name = moment.dice("tested execution").uuid();
    let arn = |resource: &str| crate::arn::arn("states", &caller.region, &caller.account, resource);
    Header {
        key: 0,
        execution_arn: arn(&format!("express:{machine}:{name}")),
        name,
        state_machine_arn: arn(&format!("stateMachine:{machine}")),
        state_machine_name: machine,
        role_arn: role.unwrap_or_default().to_owned(),
        input: input.clone(),
        start_time: moment.now,
        region: caller.region.clone(),
        account: caller.account.clone(),
        express: true,
    }
}

/// Really does what the Task asks.
async fn call(
    context: &Context,
    header: &Header,
    task: &ScheduledTask,
) -> Result<(Result<Data, Failure>, Option<Exchange>), Error> {
    // A state's `Credentials` name a role for this one to take.
    if header.role_arn.is_empty() {
        return Err(Error::validation(
            "RoleArn must be specified when a Task state is tested and a mock is not specified.",
        ));
    }
    let (answer, exchange) = integrations::call_once(context, header, task).await;
    Ok((answer.map(Data::from).map_err(|failed| failed.failure), exchange))
}

fn response(tested: Tested, inspection_data: Option<Value>) -> Response {
    let text = |output: Data| Some(output.text().to_owned());
    let failed = |status, failure: Failure| Response {
        error: failure.error,
        cause: failure.cause,
        status,
        ..Response::default()
    };
    let response = match tested.outcome {
        Outcome::Succeeded { output, next } => Response {
            output: text(output),
            next_state: next.map(|name| name.to_string()),
            status: "SUCCEEDED",
            ..Response::default()
        },
        Outcome::Failed(failure) => failed("FAILED", failure),
        Outcome::Retriable(failure) => failed("RETRIABLE", failure),
        Outcome::Caught { failure, output, next } => Response {
            output: text(output),
            next_state: next.map(|name| name.to_string()),
            ..failed("CAUGHT_ERROR", failure)
        },
    };
    Response { inspection_data, ..response }
}
