//! A task that failed, in the words that AWS's integrations use.

use asl::event::{FailedPhase, TaskTarget};
use asl::{Failure, TaskId, Trigger};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::Work;
use crate::Error;

/// Why a task failed, and how far it had come.
#[derive(Clone, Debug, PartialEq)]
pub struct Failed {
    /// How far; `None` if what it asks for cannot be asked at all.
    pub phase: Option<FailedPhase>,
    /// Error name and cause as `Catch` sees them.
    pub failure: Failure,
}

impl Failed {
    /// It ran and failed.
    pub fn new(error: impl Into<String>, cause: impl Into<String>) -> Failed {
        let failure = Failure { error: Some(error.into()), cause: Some(cause.into()) };
        Failed { phase: Some(FailedPhase::Run), failure }
    }

    /// What it asks for cannot be asked: the execution ends with `States.Runtime`.
    pub fn refused(cause: impl Into<String>) -> Failed {
        Failed { phase: None, ..Failed::new("States.Runtime", cause) }
    }

    /// The call that begins a job was refused: AWS's `TaskSubmitFailed`.
    pub fn at_submit(mut self) -> Failed {
        self.phase = Some(FailedPhase::Submit);
        self
    }

    /// A service's refusal as optimised integrations tell it: `error` is the name that the state
    /// machine sees (`SageMaker.AmazonSageMakerException`), `sdk_service` the SDK's name of the
    /// service (`AmazonSageMaker`).
    pub fn optimised(
        error: String,
        sdk_service: &str,
        refusal: &Error,
        request_id: &str,
    ) -> Failed {
        let Error { code, message, status, .. } = refusal;
        Failed::new(
            error,
            format!(
                "{message} (Service: {sdk_service}; Status Code: {status}; Error Code: {code}; \
                 Request ID: {request_id}; Proxy: null)"
            ),
        )
    }

    /// A service's refusal as `aws-sdk:*` tasks tell it: `Sfn.InvalidTokenException` and
    /// `… (Service: Sfn, Status Code: 400, Request ID: …) (SDK Attempt Count: 1)`.
    pub fn sdk(error: String, sdk_service: &str, refusal: &Error, request_id: &str) -> Failed {
        let Error { message, status, .. } = refusal;
        let told = format!(
            "{message} (Service: {sdk_service}, Status Code: {status}, Request ID: {request_id}"
        );
        // S3 has a second id, and its client does not count attempts.
        let cause = match sdk_service {
            "S3" => format!("{told}, Extended Request ID: {})", BASE64.encode(request_id)),
            _ => format!("{told}) (SDK Attempt Count: 1)"),
        };
        Failed::new(error, cause)
    }

    /// The service is served, this action or pattern of it is not.
    pub fn unsupported(service: &str, action: &str) -> Failed {
        Failed::new(
            "States.TaskFailed",
            format!("Stepwell does not serve the resource `arn:aws:states:::{service}:{action}`"),
        )
    }

    /// Nothing here serves such a target.
    pub fn not_here(target: &TaskTarget) -> Failed {
        Failed::new(
            "States.TaskFailed",
            format!(
                "Stepwell does not serve {}: let the state use a service that Stepwell serves, or \
                 mock it (--mock-config)",
                told(target)
            ),
        )
    }

    /// The service is one that answers elsewhere, and nobody said where.
    pub fn no_endpoint(service: &str, target: &TaskTarget) -> Failed {
        Failed::new(
            "States.TaskFailed",
            format!(
                "Stepwell does not serve {}: start the server with --service-endpoint {service}=URL \
                 (or `{service} = \"URL\"` under [service_endpoints] in stepwell.toml) to send these \
                 tasks to an endpoint that does, or mock the state (--mock-config)",
                told(target)
            ),
        )
    }

    /// The answer is more than a result may be.
    pub(super) fn too_large(work: &Work<'_>) -> Failed {
        let named = match &work.task.target {
            TaskTarget::Lambda { arn } | TaskTarget::Activity { arn } => arn,
            TaskTarget::Integration { service, .. } => service,
        };
        Failed::new(
            "States.DataLimitExceeded",
            format!(
                "The state/task '{named}' returned a result with a size exceeding the maximum number \
                 of bytes service limit."
            ),
        )
    }

    /// What the execution is told.
    pub(super) fn into_triggers(self, task: TaskId) -> Vec<Trigger> {
        match self.phase {
            Some(phase) => vec![
                Trigger::TaskStarted { task, worker: None },
                Trigger::TaskFailed { task, phase, failure: self.failure },
            ],
            None => {
                vec![Trigger::TaskRefused { task, cause: self.failure.cause.unwrap_or_default() }]
            }
        }
    }
}

fn told(target: &TaskTarget) -> String {
    match target {
        TaskTarget::Lambda { arn } => format!("Lambda functions itself, and `{arn}` is one"),
        TaskTarget::Activity { arn } => format!("the activity `{arn}` as a task of its own"),
        TaskTarget::Integration { service, action } => format!(
            "`{service}`, which the resource `arn:aws:states:::{service}:{action}` asks for"
        ),
    }
}
