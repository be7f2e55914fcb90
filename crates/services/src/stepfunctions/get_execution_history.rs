//! GetExecutionHistory: AWS's view of the journal. Events that are ours alone are not in it.

use std::collections::HashMap;

use asl::event::{FailedPhase, StateType, TaskTarget};
use asl::{Data, Event, EventKind, Failure, TaskId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use store::ExecutionKey;

use super::execution::Attributes;
use super::{encryption, execution, invalid_token, page_size};
use crate::{Caller, Context, Error, page};

/// A page ends early where its events would be more bytes than this: a thousand of them may hold hundreds of
/// megabytes, which nobody wants in one answer.
const PAGE_BYTES_MAX: usize = 4 << 20;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Request {
    execution_arn: String,
    max_results: Option<usize>,
    #[serde(default)]
    reverse_order: bool,
    next_token: Option<String>,
    include_execution_data: Option<bool>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Response {
    events: Vec<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

/// Events of an execution, oldest first unless asked the other way round.
pub(super) async fn get_execution_history(
    context: &Context,
    caller: &Caller,
    request: Request,
) -> Result<Response, Error> {
    let known = execution::find(context, caller, &request.execution_arn).await?;
    encryption::check_readable(context, caller, &known.header).await?;
    let reverse = request.reverse_order;
    let from = match &request.next_token {
        Some(token) => {
            page::position(token).and_then(|id| id.parse().ok()).ok_or_else(invalid_token)?
        }
        None if reverse => u64::MAX,
        None => 1,
    };
    let limit = page_size(request.max_results);
    let (page, next) =
        context.engine.history_page(known.key, from, reverse, limit, PAGE_BYTES_MAX).await?;
    let next_token = next.map(|id| page::token(&id.to_string()));
    let targets = targets(context, known.key, &page).await?;
    let data = request.include_execution_data != Some(false);
    let view = View { targets, data, started_by: Qualified::of(&Attributes::of(&known)) };
    let events = page.iter().filter_map(|event| view.of(event)).collect();
    Ok(Response { events, next_token })
}

/// What the tasks of a page ask for: an answer names it again, and may be on a later page than the question.
pub(super) async fn targets(
    context: &Context,
    execution: ExecutionKey,
    page: &[Event],
) -> Result<HashMap<TaskId, TaskTarget>, Error> {
    let mut known = HashMap::new();
    for event in page {
        if let EventKind::TaskScheduled { task, target, .. } = &event.kind {
            known.insert(*task, target.clone());
        }
    }
    for event in page {
        let Some(wanted) = answered(&event.kind) else { continue };
        let mut previous = event.previous;
        // A task's events are a chain of at most a handful back to `TaskScheduled`.
        while !known.contains_key(&wanted) && previous > 0 {
            let found = context.engine.history(execution, previous, false, 1).await?;
            let Some(event) = found.first() else { break };
            if let EventKind::TaskScheduled { task, target, .. } = &event.kind {
                known.insert(*task, target.clone());
            }
            previous = event.previous.min(previous - 1);
        }
    }
    Ok(known)
}

fn answered(kind: &EventKind) -> Option<TaskId> {
    match kind {
        EventKind::TaskStarted { task, .. }
        | EventKind::TaskSubmitted { task, .. }
        | EventKind::TaskFailed { task, .. }
        | EventKind::TaskTimedOut { task, .. }
        | EventKind::TaskSucceeded { task, .. } => Some(*task),
        _ => None,
    }
}

/// How events are shown.
pub(super) struct View {
    pub targets: HashMap<TaskId, TaskTarget>,
    /// With inputs and outputs.
    pub data: bool,
    pub started_by: Qualified,
}

/// The version and the alias that an execution was started by.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct Qualified {
    version_arn: Option<String>,
    alias_arn: Option<String>,
}

impl Qualified {
    pub fn of(attributes: &Attributes) -> Qualified {
        let Attributes { version_arn, alias_arn, .. } = attributes;
        Qualified { version_arn: version_arn.clone(), alias_arn: alias_arn.clone() }
    }

    /// As they stand in an execution's first event.
    fn told(&self, mut details: Map<String, Value>) -> Map<String, Value> {
        let members = [
            ("stateMachineAliasArn", &self.alias_arn),
            ("stateMachineVersionArn", &self.version_arn),
        ];
        for (name, arn) in members {
            if let Some(arn) = arn {
                details.insert(name.to_owned(), arn.as_str().into());
            }
        }
        details
    }
}

/// The type of an AWS event, and its details: the member's name and what it holds.
struct Shown {
    r#type: String,
    details: Option<(&'static str, Map<String, Value>)>,
}

fn plain(r#type: impl Into<String>) -> Option<Shown> {
    Some(Shown { r#type: r#type.into(), details: None })
}

fn with(
    r#type: impl Into<String>,
    member: &'static str,
    details: Map<String, Value>,
) -> Option<Shown> {
    Some(Shown { r#type: r#type.into(), details: Some((member, details)) })
}

impl View {
    /// The AWS event; none for a kind that AWS does not show.
    pub fn of(&self, event: &Event) -> Option<Value> {
        let shown = self.shown(&event.kind)?;
        let mut object = Map::new();
        object.insert("timestamp".to_owned(), event.at.epoch_seconds().into());
        object.insert("type".to_owned(), shown.r#type.into());
        object.insert("id".to_owned(), event.id.into());
        object.insert("previousEventId".to_owned(), event.previous.into());
        if let Some((member, details)) = shown.details {
            object.insert(member.to_owned(), details.into());
        }
        Some(Value::Object(object))
    }

    fn shown(&self, kind: &EventKind) -> Option<Shown> {
        use EventKind::*;
        match kind {
            ExecutionStarted { input, role_arn, .. } => with(
                "ExecutionStarted",
                "executionStartedEventDetails",
                self.started_by
                    .told(self.input(details([("roleArn", role_arn.as_str().into())]), input)),
            ),
            ExecutionSucceeded { output } => with(
                "ExecutionSucceeded",
                "executionSucceededEventDetails",
                self.output(Map::new(), output),
            ),
            ExecutionFailed { failure } => {
                with("ExecutionFailed", "executionFailedEventDetails", failed(Map::new(), failure))
            }
            ExecutionTimedOut { failure } => with(
                "ExecutionTimedOut",
                "executionTimedOutEventDetails",
                failed(Map::new(), failure),
            ),
            ExecutionAborted { failure } => with(
                "ExecutionAborted",
                "executionAbortedEventDetails",
                failed(Map::new(), failure),
            ),
            ExecutionRedriven { redrive_count, .. } => with(
                "ExecutionRedriven",
                "executionRedrivenEventDetails",
                details([("redriveCount", (*redrive_count).into())]),
            ),
            StateEntered { state, state_type, input, .. } => with(
                format!("{}StateEntered", type_name(*state_type)),
                "stateEnteredEventDetails",
                self.input(details([("name", (**state).into())]), input),
            ),
            StateExited { state, state_type, output, assigned, .. } => with(
                format!("{}StateExited", type_name(*state_type)),
                "stateExitedEventDetails",
                self.assigned(self.output(details([("name", (**state).into())]), output), assigned),
            ),
            StateAborted { state_type, .. } => {
                plain(format!("{}StateAborted", type_name(*state_type)))
            }
            EvaluationFailed { failure, location, state } => {
                let mut members = failed(Map::new(), failure);
                if let Some(location) = location {
                    members.insert("location".to_owned(), location.as_str().into());
                }
                members.insert("state".to_owned(), (**state).into());
                with("EvaluationFailed", "evaluationFailedEventDetails", members)
            }
            TaskScheduled { .. } => self.scheduled(kind),
            TaskStarted { task, worker, .. } => match self.targets.get(task)? {
                TaskTarget::Lambda { .. } => plain("LambdaFunctionStarted"),
                TaskTarget::Activity { .. } => {
                    let worker = worker.iter().map(|name| ("workerName", name.as_str().into()));
                    with("ActivityStarted", "activityStartedEventDetails", details(worker))
                }
                target => with("TaskStarted", "taskStartedEventDetails", resource(target)),
            },
            TaskSubmitted { task, output } => with(
                "TaskSubmitted",
                "taskSubmittedEventDetails",
                self.output(resource(self.targets.get(task)?), output),
            ),
            TaskSucceeded { task, output } => {
                let target = self.targets.get(task)?;
                let (kind, member) = match target {
                    TaskTarget::Lambda { .. } => {
                        ("LambdaFunctionSucceeded", "lambdaFunctionSucceededEventDetails")
                    }
                    TaskTarget::Activity { .. } => {
                        ("ActivitySucceeded", "activitySucceededEventDetails")
                    }
                    TaskTarget::Integration { .. } => {
                        ("TaskSucceeded", "taskSucceededEventDetails")
                    }
                };
                with(kind, member, self.output(resource(target), output))
            }
            TaskTimedOut { task, failure, .. } => {
                let target = self.targets.get(task)?;
                let (kind, member) = match target {
                    TaskTarget::Lambda { .. } => {
                        ("LambdaFunctionTimedOut", "lambdaFunctionTimedOutEventDetails")
                    }
                    TaskTarget::Activity { .. } => {
                        ("ActivityTimedOut", "activityTimedOutEventDetails")
                    }
                    TaskTarget::Integration { .. } => ("TaskTimedOut", "taskTimedOutEventDetails"),
                };
                with(kind, member, failed(resource(target), failure))
            }
            TaskFailed { task, phase, failure, .. } => {
                let target = self.targets.get(task)?;
                let (kind, member) = failed_kind(target, *phase);
                with(kind, member, failed(resource(target), failure))
            }
            ParallelStarted { .. } => plain("ParallelStateStarted"),
            ParallelSucceeded => plain("ParallelStateSucceeded"),
            ParallelFailed { .. } => plain("ParallelStateFailed"),
            MapStarted { length, .. } => with(
                "MapStateStarted",
                "mapStateStartedEventDetails",
                details([("length", (*length).into())]),
            ),
            MapIterationStarted { state, index, .. } => with(
                "MapIterationStarted",
                "mapIterationStartedEventDetails",
                iteration(state, *index),
            ),
            MapIterationSucceeded { state, index, .. } => with(
                "MapIterationSucceeded",
                "mapIterationSucceededEventDetails",
                iteration(state, *index),
            ),
            MapIterationFailed { state, index, .. } => with(
                "MapIterationFailed",
                "mapIterationFailedEventDetails",
                iteration(state, *index),
            ),
            MapIterationAborted { state, index, .. } => with(
                "MapIterationAborted",
                "mapIterationAbortedEventDetails",
                iteration(state, *index),
            ),
            MapSucceeded => plain("MapStateSucceeded"),
            MapFailed { .. } => plain("MapStateFailed"),
            MapRunStarted { map_run_arn, .. } => with(
                "MapRunStarted",
                "mapRunStartedEventDetails",
                details([("mapRunArn", map_run_arn.as_str().into())]),
            ),
            MapRunSucceeded { .. } => plain("MapRunSucceeded"),
            MapRunFailed { failure, .. } => {
                with("MapRunFailed", "mapRunFailedEventDetails", failed(Map::new(), failure))
            }
            MapRunAborted { .. } => plain("MapRunAborted"),
            MapRunRedriven { map_run_arn, redrive_count, .. } => with(
                "MapRunRedriven",
                "mapRunRedrivenEventDetails",
                details([
                    ("mapRunArn", map_run_arn.as_str().into()),
                    ("redriveCount", (*redrive_count).into()),
                ]),
            ),
            WaitStarted { .. }
            | TaskHeartbeat { .. }
            | RetryScheduled { .. }
            | RetryStarted
            | Caught { .. } => None,
        }
    }

    fn scheduled(&self, kind: &EventKind) -> Option<Shown> {
        let EventKind::TaskScheduled {
            target,
            parameters,
            credentials_role,
            region,
            timeout_seconds,
            heartbeat_seconds,
            ..
        } = kind
        else {
            return None;
        };
        let mut members = resource(target);
        let (kind, member) = match target {
            TaskTarget::Lambda { arn } => {
                members.insert("resource".to_owned(), arn.as_str().into());
                ("LambdaFunctionScheduled", "lambdaFunctionScheduledEventDetails")
            }
            TaskTarget::Activity { arn } => {
                members.insert("resource".to_owned(), arn.as_str().into());
                ("ActivityScheduled", "activityScheduledEventDetails")
            }
            TaskTarget::Integration { .. } => ("TaskScheduled", "taskScheduledEventDetails"),
        };
        if matches!(target, TaskTarget::Integration { .. }) {
            members.insert("region".to_owned(), region.as_str().into());
            // AWS shows them also to who wants no data.
            members.insert("parameters".to_owned(), parameters.text().into());
        } else {
            members = self.input(members, parameters);
        }
        if let Some(seconds) = timeout_seconds {
            members.insert("timeoutInSeconds".to_owned(), (*seconds).into());
        }
        // Functions have no heartbeat of their own in AWS's shape.
        if let (Some(seconds), false) =
            (heartbeat_seconds, matches!(target, TaskTarget::Lambda { .. }))
        {
            members.insert("heartbeatInSeconds".to_owned(), (*seconds).into());
        }
        if let Some(role) = credentials_role {
            members.insert("taskCredentials".to_owned(), json!({ "roleArn": role }));
        }
        with(kind, member, members)
    }

    fn input(&self, mut members: Map<String, Value>, input: &Data) -> Map<String, Value> {
        if self.data {
            members.insert("input".to_owned(), input.text().into());
            members.insert("inputDetails".to_owned(), json!({ "truncated": false }));
        }
        members
    }

    fn output(&self, mut members: Map<String, Value>, output: &Data) -> Map<String, Value> {
        if self.data {
            members.insert("output".to_owned(), output.text().into());
            members.insert("outputDetails".to_owned(), json!({ "truncated": false }));
        }
        members
    }

    fn assigned(
        &self,
        mut members: Map<String, Value>,
        assigned: &[(String, Data)],
    ) -> Map<String, Value> {
        if !assigned.is_empty() && self.data {
            let texts = assigned.iter().map(|(name, value)| (name.clone(), value.text().into()));
            members.insert("assignedVariables".to_owned(), Value::Object(texts.collect()));
            members.insert("assignedVariablesDetails".to_owned(), json!({ "truncated": false }));
        }
        members
    }
}

fn details<'a>(members: impl IntoIterator<Item = (&'a str, Value)>) -> Map<String, Value> {
    members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// `resourceType` and `resource` of an integration; the events of functions and activities do not repeat theirs.
fn resource(target: &TaskTarget) -> Map<String, Value> {
    match target {
        TaskTarget::Integration { service, action } => details([
            ("resourceType", service.as_str().into()),
            ("resource", action.as_str().into()),
        ]),
        TaskTarget::Lambda { .. } | TaskTarget::Activity { .. } => Map::new(),
    }
}

fn iteration(state: &str, index: u64) -> Map<String, Value> {
    details([("name", state.into()), ("index", index.into())])
}

fn failed(mut members: Map<String, Value>, failure: &Failure) -> Map<String, Value> {
    if let Some(error) = &failure.error {
        members.insert("error".to_owned(), error.as_str().into());
    }
    if let Some(cause) = &failure.cause {
        members.insert("cause".to_owned(), cause.as_str().into());
    }
    members
}

fn failed_kind(target: &TaskTarget, phase: FailedPhase) -> (&'static str, &'static str) {
    match (target, phase) {
        (TaskTarget::Lambda { .. }, FailedPhase::Start) => {
            ("LambdaFunctionStartFailed", "lambdaFunctionStartFailedEventDetails")
        }
        (TaskTarget::Lambda { .. }, FailedPhase::Submit) => {
            ("LambdaFunctionScheduleFailed", "lambdaFunctionScheduleFailedEventDetails")
        }
        (TaskTarget::Lambda { .. }, FailedPhase::Run) => {
            ("LambdaFunctionFailed", "lambdaFunctionFailedEventDetails")
        }
        (TaskTarget::Activity { .. }, FailedPhase::Start | FailedPhase::Submit) => {
            ("ActivityScheduleFailed", "activityScheduleFailedEventDetails")
        }
        (TaskTarget::Activity { .. }, FailedPhase::Run) => {
            ("ActivityFailed", "activityFailedEventDetails")
        }
        (TaskTarget::Integration { .. }, FailedPhase::Start) => {
            ("TaskStartFailed", "taskStartFailedEventDetails")
        }
        (TaskTarget::Integration { .. }, FailedPhase::Submit) => {
            ("TaskSubmitFailed", "taskSubmitFailedEventDetails")
        }
        (TaskTarget::Integration { .. }, FailedPhase::Run) => {
            ("TaskFailed", "taskFailedEventDetails")
        }
    }
}

fn type_name(state_type: StateType) -> &'static str {
    match state_type {
        StateType::Pass => "Pass",
        StateType::Task => "Task",
        StateType::Choice => "Choice",
        StateType::Wait => "Wait",
        StateType::Succeed => "Succeed",
        StateType::Fail => "Fail",
        StateType::Parallel => "Parallel",
        StateType::Map => "Map",
    }
}
