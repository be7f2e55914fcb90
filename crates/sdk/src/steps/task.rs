//! The Task state: work that a service does.

use serde_json::{Map, Value};

use super::state::{Kind, State, methods};

/// Work of a service, named by its resource. The steps of this module are tasks with the resource set.
///
/// ```
/// use serde_json::json;
/// use stepwell_sdk::steps::{Chain, Task};
///
/// let task = Task::new("Stop it", "arn:aws:states:::aws-sdk:sagemaker:stopTrainingJob")
///     .parameters(json!({ "TrainingJobName": "a-job" }))
///     .timeout_seconds(60);
/// assert_eq!(Chain::from(task).definition()?["States"]["Stop it"]["TimeoutSeconds"], 60);
/// # Ok::<(), stepwell_sdk::steps::BuildError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Task {
    state: State,
}
methods!(Task: common, paths, next, parameters, selector, result, errors, timeouts);

impl Task {
    /// A Task state that uses `resource`, an ARN such as `arn:aws:states:::lambda:invoke`.
    pub fn new(name: impl Into<String>, resource: impl Into<String>) -> Self {
        Task { state: task(name, resource) }
    }
}

pub(super) fn task(name: impl Into<String>, resource: impl Into<String>) -> State {
    let mut state = State::new(name, Kind::Task);
    state.set("Resource", resource.into());
    state
}

/// Puts `more` into `target`: objects are merged member by member, everything else is replaced.
pub(crate) fn merge(target: &mut Map<String, Value>, more: Map<String, Value>) {
    for (name, value) in more {
        let is_placeholder = crate::inputs::Found::in_value(&value).is_some();
        match (target.get_mut(&name), value) {
            (Some(Value::Object(old)), Value::Object(new)) if !is_placeholder => merge(old, new),
            (_, value) => {
                target.insert(name, value);
            }
        }
    }
}
