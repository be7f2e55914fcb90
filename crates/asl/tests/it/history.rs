//! A journal as lines that a person can read: `5 <- 4 TaskSucceeded Train {"a":1}`.

use asl::event::TaskTarget;
use asl::{Event, EventKind, Failure, StateType};
use serde_json::{Value, json};

/// The visible events, one line each.
pub fn lines(journal: &[Event]) -> Vec<String> {
    journal.iter().filter(|event| event.id != 0).map(line).collect()
}

fn line(event: &Event) -> String {
    let (name, details) = describe(&event.kind);
    let mut line = format!("{} <- {} {name}", event.id, event.previous);
    for (key, value) in details.as_object().into_iter().flatten() {
        match value {
            Value::Null => {}
            Value::String(text) => line.push_str(&format!(" {key}={text}")),
            other => line.push_str(&format!(" {key}={other}")),
        }
    }
    line
}

fn failed(failure: &Failure) -> Value {
    json!({"error": failure.error, "cause": failure.cause})
}

fn family(target: &TaskTarget) -> &'static str {
    match target {
        TaskTarget::Lambda { .. } => "LambdaFunction",
        TaskTarget::Activity { .. } => "Activity",
        TaskTarget::Integration { .. } => "Task",
    }
}

/// AWS's type of an event (as far as the kind alone tells it) and what it says.
pub fn describe(kind: &EventKind) -> (String, Value) {
    let state_event = |state_type: &StateType, what: &str| format!("{state_type:?}State{what}");
    let named = |name: &str, details: Value| (name.to_owned(), details);
    match kind {
        EventKind::ExecutionStarted { input, .. } => {
            named("ExecutionStarted", json!({"input": input.value()}))
        }
        EventKind::ExecutionSucceeded { output } => {
            named("ExecutionSucceeded", json!({"output": output.value()}))
        }
        EventKind::ExecutionFailed { failure } => named("ExecutionFailed", failed(failure)),
        EventKind::ExecutionTimedOut { failure } => named("ExecutionTimedOut", failed(failure)),
        EventKind::ExecutionAborted { failure } => named("ExecutionAborted", failed(failure)),
        EventKind::ExecutionRedriven { redrive_count, .. } => {
            named("ExecutionRedriven", json!({"redriveCount": redrive_count}))
        }
        EventKind::StateEntered { state, state_type, input } => {
            (state_event(state_type, "Entered"), json!({"name": &**state, "input": input.value()}))
        }
        EventKind::StateExited { state, state_type, output, assigned, .. } => {
            let mut details = json!({"name": &**state, "output": output.value()});
            if !assigned.is_empty() {
                details["assigned"] = assigned
                    .iter()
                    .map(|(name, data)| (name.clone(), data.value().clone()))
                    .collect::<serde_json::Map<_, _>>()
                    .into();
            }
            (state_event(state_type, "Exited"), details)
        }
        EventKind::StateAborted { state, state_type } => {
            (state_event(state_type, "Aborted"), json!({"name": &**state}))
        }
        EventKind::EvaluationFailed { failure, location, state } => {
            let mut details = failed(failure);
            details["location"] = json!(location);
            details["state"] = json!(&**state);
            named("EvaluationFailed", details)
        }
        EventKind::TaskScheduled {
            target, parameters, timeout_seconds, heartbeat_seconds, ..
        } => (
            format!("{}Scheduled", family(target)),
            json!({"parameters": parameters.value(), "timeout": timeout_seconds, "heartbeat": heartbeat_seconds}),
        ),
        EventKind::TaskStarted { worker, .. } => named("TaskStarted", json!({"worker": worker})),
        EventKind::TaskSubmitted { output, .. } => {
            named("TaskSubmitted", json!({"output": output.value()}))
        }
        EventKind::TaskFailed { failure, .. } => named("TaskFailed", failed(failure)),
        EventKind::TaskTimedOut { failure, .. } => named("TaskTimedOut", failed(failure)),
        EventKind::TaskSucceeded { output, .. } => {
            named("TaskSucceeded", json!({"output": output.value()}))
        }
        EventKind::ParallelStarted { .. } => named("ParallelStateStarted", json!({})),
        EventKind::ParallelSucceeded => named("ParallelStateSucceeded", json!({})),
        EventKind::ParallelFailed { .. } => named("ParallelStateFailed", json!({})),
        EventKind::MapStarted { length, .. } => named("MapStateStarted", json!({"length": length})),
        EventKind::MapIterationStarted { state, index, .. } => {
            named("MapIterationStarted", json!({"name": &**state, "index": index}))
        }
        EventKind::MapIterationSucceeded { state, index, .. } => {
            named("MapIterationSucceeded", json!({"name": &**state, "index": index}))
        }
        EventKind::MapIterationFailed { state, index, .. } => {
            named("MapIterationFailed", json!({"name": &**state, "index": index}))
        }
        EventKind::MapIterationAborted { state, index, .. } => {
            named("MapIterationAborted", json!({"name": &**state, "index": index}))
        }
        EventKind::MapSucceeded => named("MapStateSucceeded", json!({})),
        EventKind::MapFailed { .. } => named("MapStateFailed", json!({})),
        EventKind::MapRunStarted { .. } => named("MapRunStarted", json!({})),
        EventKind::MapRunSucceeded { .. } => named("MapRunSucceeded", json!({})),
        EventKind::MapRunFailed { failure, .. } => named("MapRunFailed", failed(failure)),
        EventKind::MapRunAborted { .. } => named("MapRunAborted", json!({})),
        EventKind::MapRunRedriven { .. } => named("MapRunRedriven", json!({})),
        EventKind::WaitStarted { .. }
        | EventKind::TaskHeartbeat { .. }
        | EventKind::RetryScheduled { .. }
        | EventKind::RetryStarted
        | EventKind::Caught { .. } => named("", json!({})),
    }
}
