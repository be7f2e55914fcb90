//! `arn:aws:states:::states:startExecution`, `.sync` and `.sync:2`: nested executions.
//!
//! The child is told at its birth who awaits it: when it ends, the engine hands out a task of our own
//! ([`END`]) until the parent has heard. A child that ends at once may be heard of before its start was
//! told, so the end tells all; what the parent knows already decides nothing.

use std::sync::Arc;

use asl::event::{FailedPhase, TaskTarget};
use asl::{Data, Failure, ScheduledTask, Status, TaskId, Trigger};
use async_trait::async_trait;
use engine::Cancelled;
use models::task::Misfit;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use store::Batch;

use super::answer::with_metadata_of;
use super::{Answer, Awaiting, Failed, Integration, Pattern, Work, aws_sdk};
use crate::stepfunctions::{self, Start, description};
use crate::{Context, Error};

/// Step Functions' own integration.
pub struct States;

/// The action of the task that tells a parent of its child's end.
pub(super) const END: &str = "executionEnded";

/// What that task's parameters say.
#[derive(Serialize, Deserialize)]
struct End {
    parent: Awaiting,
    /// `.sync:2`: input and output as JSON rather than as text.
    as_json: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Parameters {
    state_machine_arn: String,
    name: Option<String>,
    input: Option<Value>,
    trace_header: Option<String>,
}

/// What the task asks, if it can be asked.
fn parameters(work: &Work<'_>) -> Result<Parameters, Failed> {
    let given = work.parameters();
    let mut misfits = Vec::new();
    for name in given.as_object().into_iter().flat_map(Map::keys) {
        let expected = match name.as_str() {
            "Input" => continue,
            "StateMachineArn" | "Name" | "TraceHeader" => "a STRING",
            _ => {
                misfits.push(Misfit::Unknown { field: name.clone() });
                continue;
            }
        };
        if !(given[name].is_string() || given[name].is_null()) {
            misfits.push(Misfit::Type { field: name.clone(), expected });
        }
    }
    if given["StateMachineArn"].is_null() {
        misfits.push(Misfit::Missing { field: "StateMachineArn".to_owned() });
    }
    match Parameters::deserialize(given) {
        Ok(parameters) if misfits.is_empty() => Ok(parameters),
        _ => Err(aws_sdk::misfit(work, &misfits)),
    }
}

/// The X-Ray header that the parent was started with: parent and child are one trace.
async fn parents_trace(work: &Work<'_>) -> Option<String> {
    // A store that cannot be read says so when the child is started.
    let parent = work.context.engine.summary(work.execution).await.ok().flatten()?;
    parent.attributes["trace_header"].as_str().map(str::to_owned)
}

#[async_trait]
impl Integration for States {
    fn service(&self) -> &'static str {
        "states"
    }

    async fn run(&self, work: &Work<'_>) -> Result<Answer, Failed> {
        if work.action != "startExecution" {
            return Err(Failed::unsupported(work.service, work.action));
        }
        let parameters = parameters(work)?;
        let asked = json!({
            "stateMachineArn": parameters.state_machine_arn,
            "name": parameters.name.clone().unwrap_or_else(|| work.unique_name()),
        });
        let iam = &work.context.iam;
        let may =
            iam.check(work.context, &work.caller, "stepfunctions", "StartExecution", &asked, None);
        may.await.map_err(|refusal| refused(work, &refusal))?;
        let end = work.waits_for_job().then(|| at_end(work));
        let trace_header = match parameters.trace_header {
            Some(given) => Some(given),
            None => parents_trace(work).await,
        };
        let new = Start {
            state_machine_arn: parameters.state_machine_arn,
            // The same each time the task is lent, so that it starts one execution.
            name: Some(parameters.name.unwrap_or_else(|| work.unique_name())),
            input: input(parameters.input),
            trace_header,
            task: Some(work.awaiting()),
            at_end: end,
        };
        let moment = work.context.clock.moment();
        match stepfunctions::start(work.context, &work.caller, new).await {
            Ok(child) => {
                let answer = started(&child.execution_arn, child.start_time.0);
                let answer = with_metadata_of(CONTENT_TYPE, answer, moment);
                Ok(match work.pattern {
                    Pattern::RequestResponse => Answer::Succeeded(answer),
                    Pattern::Sync | Pattern::Sync2 | Pattern::WaitForTaskToken => {
                        Answer::Submitted(answer)
                    }
                })
            }
            Err(refusal) => Err(refused(work, &refusal)),
        }
    }

    /// A parent that goes takes the child along that it waits for.
    async fn cancel(&self, work: &Work<'_>) -> Result<(), Error> {
        if !work.waits_for_job() {
            return Ok(());
        }
        let Ok(parameters) = Parameters::deserialize(work.parameters()) else { return Ok(()) };
        let machine = parameters.state_machine_arn.split(":stateMachine:").collect::<Vec<_>>();
        let &[before, name] = machine.as_slice() else { return Ok(()) };
        let machine = name.split(':').next().unwrap_or(name);
        let name = parameters.name.unwrap_or_else(|| work.unique_name());
        let owner = format!("{before}:stateMachine:{machine}");
        let Some(child) = work.context.engine.named(&owner, &name).await? else { return Ok(()) };
        // Only the execution that this task started: one of the same name may be somebody else's.
        let starter =
            child.attributes.get("started_by").and_then(|by| Awaiting::deserialize(by).ok());
        if starter != Some(work.awaiting()) || child.status != Status::Running {
            return Ok(());
        }
        // As on AWS, an attempt: what may not be ended goes on.
        let arn = child.header.execution_arn.as_str();
        let iam = &work.context.iam;
        if iam.permits(work.context, &work.caller, "states:StopExecution", arn, &[]).await.is_err()
        {
            return Ok(());
        }
        let stopped = Trigger::Stopped { failure: Failure::default() };
        let moment = work.context.clock.moment();
        Ok(work.context.engine.submit(child.key, vec![stopped], Batch::default(), moment).await?)
    }
}

/// A refusal of StartExecution as the state sees it: what Step Functions' model does not know has one name.
fn refused(work: &Work<'_>, refusal: &Error) -> Failed {
    let request_id = work.context.clock.moment().dice("request id").uuid();
    let known = models::service("stepfunctions").and_then(|model| model.error(&refusal.code));
    let error = match known {
        None => "StepFunctions.AWSStepFunctionsException".to_owned(),
        Some(_) if refusal.code.ends_with("Exception") => format!("StepFunctions.{}", refusal.code),
        Some(_) => format!("StepFunctions.{}Exception", refusal.code),
    };
    Failed::optimised(error, "AWSStepFunctions", refusal, &request_id)
}

const CONTENT_TYPE: &str = "application/x-amz-json-1.0";

fn started(execution_arn: &str, start_ms: i64) -> Value {
    json!({ "ExecutionArn": execution_arn, "StartDate": start_ms })
}

/// `Input` may be any JSON; none is `{}`.
fn input(given: Option<Value>) -> Data {
    given.filter(|value| !value.is_null()).map_or_else(Data::default, Data::from)
}

fn at_end(work: &Work<'_>) -> ScheduledTask {
    let end = End { parent: work.awaiting(), as_json: work.pattern == Pattern::Sync2 };
    ScheduledTask {
        task: TaskId(0),
        state: Arc::clone(&work.task.state),
        target: TaskTarget::Integration { service: "states".to_owned(), action: END.to_owned() },
        parameters: Data::from(serde_json::to_value(end).unwrap_or_default()),
        credentials_role: None,
        token: None,
        timeout_seconds: None,
        heartbeat_seconds: None,
    }
}

/// Tells a parent that its child has ended.
pub(super) async fn tell_parent(context: &Context, ended: &Cancelled) -> Result<(), Error> {
    let end = End::deserialize(ended.task.parameters.value())
        .map_err(|error| Error::internal(error.to_string()))?;
    let Some(child) = context.engine.summary(ended.execution).await? else { return Ok(()) };
    let moment = context.clock.moment();
    let task = TaskId(end.parent.task);
    let answer = started(&child.header.execution_arn, child.header.start_time.0);
    let output = with_metadata_of(CONTENT_TYPE, answer, moment).into();
    let succeeded = child.status == Status::Succeeded;
    let result = described(
        &serde_json::to_value(description(child, true, None))
            .map_err(|error| Error::internal(error.to_string()))?,
        end.as_json,
    );
    let answered = if succeeded {
        Trigger::TaskSucceeded { task, output: result.into() }
    } else {
        let failure = Failure {
            error: Some("States.TaskFailed".to_owned()),
            cause: Some(result.to_string()),
        };
        Trigger::TaskFailed { task, phase: FailedPhase::Run, failure }
    };
    let triggers = vec![
        Trigger::TaskStarted { task, worker: None },
        Trigger::TaskSubmitted { task, output },
        answered,
    ];
    Ok(context.engine.submit(end.parent.execution, triggers, Batch::default(), moment).await?)
}

/// DescribeExecution's answer as the integration gives it: Pascal-case, times in milliseconds, without
/// what is younger than the integration.
fn described(description: &Value, as_json: bool) -> Value {
    let mut members = Map::new();
    for (name, value) in description.as_object().into_iter().flatten() {
        let value = match name.as_str() {
            "redriveCount" | "redriveStatus" | "redriveStatusReason" | "redriveDate" => continue,
            "startDate" | "stopDate" => json!((value.as_f64().unwrap_or_default() * 1000.0) as i64),
            "inputDetails" | "outputDetails" => json!({ "Included": value["included"] }),
            "input" | "output" if as_json => {
                let text = value.as_str().unwrap_or_default();
                serde_json::from_str(text).unwrap_or_else(|_| value.clone())
            }
            _ => value.clone(),
        };
        let mut letters = name.chars();
        let first = letters.next().map(|first| first.to_ascii_uppercase());
        members.insert(first.into_iter().chain(letters).collect(), value);
    }
    members.sort_keys();
    Value::Object(members)
}
