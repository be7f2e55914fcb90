//! A result or an error in place of the state's work, and whether the API could have given it.

use asl::definition::{Kind, Pattern, State, Task};
use asl::event::TaskTarget;
use asl::{Data, Failure};
use models::mock::Strictness;
use models::{Service, ShapeId};
use serde::Deserialize;

use crate::Error;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Mock {
    result: Option<String>,
    error_output: Option<ErrorOutput>,
    field_validation_mode: Option<String>,
}

#[derive(Deserialize)]
struct ErrorOutput {
    error: Option<String>,
    cause: Option<String>,
}

impl Mock {
    /// It has a result or an error, not both.
    pub fn check(&self) -> Result<(), Error> {
        match (&self.result, &self.error_output) {
            (Some(_), Some(_)) => Err(Error::validation(
                "A test mock should have only one of the following fields: [result, errorOutput].",
            )),
            (None, None) => Err(Error::validation(
                "A test mock should have one of the following fields: [result, errorOutput].",
            )),
            _ => Ok(()),
        }
    }
}

/// What the mock answers in place of the state's work.
///
/// # Errors
/// A result that the state's work could not have given.
pub(super) fn answer(state: &State, mock: &Mock) -> Result<Result<Data, Failure>, Error> {
    if let Some(error) = &mock.error_output {
        let (error, cause) = (error.error.clone(), error.cause.clone());
        return Ok(Err(Failure { error, cause }));
    }
    let text = mock.result.as_deref().unwrap_or_default();
    let result =
        Data::written(text).map_err(|_| Error::validation("Mocked result must be valid JSON"))?;
    match &state.kind {
        Kind::Parallel(parallel) => {
            let results = result.value().as_array().ok_or_else(must_be_an_array)?;
            if results.len() != parallel.branches.len() {
                return Err(Error::validation(
                    "Mocked result must contain the same number of items as number of Parallel \
                     branches.",
                ));
            }
        }
        Kind::Map(map) => {
            let writer = map.distributed.as_ref().and_then(|map| map.result_writer.as_ref());
            let exported = writer.is_some_and(|writer| writer.resource.is_some());
            match exported {
                true if !result.value().is_object() => return Err(must_be_an_object()),
                false if !result.value().is_array() => return Err(must_be_an_array()),
                _ => {}
            }
        }
        Kind::Task(task) => check_result(task, &result, mock.field_validation_mode.as_deref())?,
        _ => {}
    }
    Ok(Ok(result))
}

fn must_be_an_array() -> Error {
    Error::validation("Mocked result must be an array.")
}

fn must_be_an_object() -> Error {
    Error::validation("Mocked result must be a JSON object.")
}

fn check_result(task: &Task, result: &Data, mode: Option<&str>) -> Result<(), Error> {
    let strictness = match mode {
        Some("NONE") => return Ok(()),
        Some("PRESENT") => Strictness::Present,
        _ => Strictness::Strict,
    };
    let Some(api) = api(task) else { return Ok(()) };
    if !result.value().is_object() {
        return Err(must_be_an_object());
    }
    models::mock::check(api.service, api.shape, result.value(), strictness, api.free).map_err(
        |unlike| Error::validation(format!("Mock result schema validation error: {unlike}")),
    )
}

/// What a Task's result looks like.
struct Api {
    service: &'static Service,
    shape: ShapeId,
    /// Members that the integration gives as JSON, whatever the model says.
    free: &'static [&'static str],
}

/// The API whose answer is the Task's result; none where the result is the user's own (functions,
/// activities, callbacks, HTTP) or AWS's model of it is not at hand.
fn api(task: &Task) -> Option<Api> {
    let TaskTarget::Integration { service, action } = &task.target else { return None };
    let action = action.split('.').next().unwrap_or(action);
    let (service, operation) = match service.strip_prefix("aws-sdk:") {
        Some(name) => {
            let action = models::task::action(name, action)?;
            (action.service, action.operation)
        }
        None => {
            let name = if service == "states" { "stepfunctions" } else { service };
            let model = models::service(name)?;
            let polled = polled(service, action).unwrap_or(action);
            let asked = match task.pattern {
                Pattern::Sync | Pattern::Sync2 => polled,
                Pattern::RequestResponse | Pattern::TaskToken => action,
            };
            let same = |name: &str| name.eq_ignore_ascii_case(asked);
            (model, model.operations.iter().find(|operation| same(&operation.name))?)
        }
    };
    if task.pattern == Pattern::TaskToken {
        return None;
    }
    let free: &[&str] = match (service.entry.name, &*operation.name) {
        ("lambda", "Invoke") if task.resource.contains(":::lambda:") => &["Payload"],
        ("stepfunctions", "DescribeExecution") if task.pattern == Pattern::Sync2 => {
            &["Input", "Output"]
        }
        _ => &[],
    };
    Some(Api { service, shape: operation.output?, free })
}

/// The call that tells how a job is that an action began: its answer is the result of `.sync`.
fn polled(service: &str, action: &str) -> Option<&'static str> {
    Some(match (service, action) {
        ("states", "startExecution") => "DescribeExecution",
        ("sagemaker", "createTrainingJob") => "DescribeTrainingJob",
        ("sagemaker", "createTransformJob") => "DescribeTransformJob",
        ("sagemaker", "createProcessingJob") => "DescribeProcessingJob",
        ("sagemaker", "createHyperParameterTuningJob") => "DescribeHyperParameterTuningJob",
        ("sagemaker", "createLabelingJob") => "DescribeLabelingJob",
        ("batch", "submitJob") => "DescribeJobs",
        ("ecs", "runTask") => "DescribeTasks",
        ("glue", "startJobRun") => "GetJobRun",
        _ => return None,
    })
}
