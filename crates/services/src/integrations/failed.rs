//! A task that failed, in the words that AWS's integrations use.

use asl::event::{FailedPhase, TaskTarget};
use asl::{Failure, TaskId, Trigger};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::Error;

/// Why a task failed, and how far it had come.
#[derive(Clone, Debug, PartialEq)]
pub struct Failed {
    /// How far.
    pub phase: FailedPhase,
    /// Error name and cause as `Catch` sees them.
    pub failure: Failure,
}

impl Failed {
    /// It ran and failed.
    pub fn new(error: impl Into<String>, cause: impl Into<String>) -> Failed {
        let failure = Failure { error: Some(error.into()), cause: Some(cause.into()) };
        Failed { phase: FailedPhase::Run, failure }
    }

    /// The call that begins a job was refused: AWS's `TaskSubmitFailed`.
    pub fn at_submit(mut self) -> Failed {
        self.phase = FailedPhase::Submit;
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
        let cause = match target {
            TaskTarget::Lambda { arn } => format!(
                "Stepwell runs no Lambda functions, and `{arn}` is one: let the state use a service \
                 that Stepwell serves"
            ),
            TaskTarget::Activity { arn } => {
                format!("Stepwell serves no activities, and `{arn}` is one")
            }
            TaskTarget::Integration { service, action } => format!(
                "Stepwell does not serve `{service}`, which the resource \
                 `arn:aws:states:::{service}:{action}` asks for: let the state use a service that \
                 Stepwell serves"
            ),
        };
        Failed::new("States.TaskFailed", cause)
    }

    pub(super) fn into_trigger(self, task: TaskId) -> Trigger {
        Trigger::TaskFailed { task, phase: self.phase, failure: self.failure }
    }
}
