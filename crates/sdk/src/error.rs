//! What can go wrong, apart by what the caller does about it.

use std::path::PathBuf;

use crate::client::ConfigError;
use crate::inputs::SchemaViolation;
use crate::steps::BuildError;

/// Everything this crate's asynchronous calls can fail with.
///
/// ```
/// use stepwell_sdk::Error;
///
/// fn advice(error: &Error) -> &'static str {
///     match error {
///         Error::Service(refusal) if refusal.code == "ExecutionAlreadyExists" => "choose another name",
///         Error::Service(_) => "read the message",
///         Error::Transport { .. } => "is the server running?",
///         Error::Schema(_) => "correct the input; nothing was sent",
///         _ => "look at the program",
///     }
/// }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The service was reached and refused.
    #[error(transparent)]
    Service(Box<ServiceError>),
    /// No answer came, after all attempts.
    #[error("cannot reach {service} at `{endpoint}`: {reason}")]
    Transport {
        /// The service that was asked.
        service: String,
        /// Where it was asked.
        endpoint: String,
        /// What the connection died of.
        reason: String,
    },
    /// An answer came that is not in the service's protocol.
    #[error("the answer of {service}:{operation} cannot be read: {reason}")]
    Answer {
        /// The service that was asked.
        service: String,
        /// The operation.
        operation: String,
        /// What is wrong with the answer.
        reason: String,
    },
    /// The input of an execution does not fit its schema. Nothing was sent.
    #[error(transparent)]
    Schema(Box<SchemaViolation>),
    /// The workflow is not a valid one. Nothing was sent.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// Region, credentials or endpoints are missing or wrong. Nothing was sent.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A file on this machine cannot be read or written.
    #[error("cannot use `{}`: {source}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// Something that was waited for ended otherwise, such as an endpoint that failed.
    #[error("{what} is {status}{}", .reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default())]
    Unexpected {
        /// What was waited for.
        what: String,
        /// The status it has instead.
        status: String,
        /// Why, as far as the service says.
        reason: Option<String>,
    },
}

impl From<ServiceError> for Error {
    fn from(refusal: ServiceError) -> Self {
        Error::Service(Box::new(refusal))
    }
}

impl From<SchemaViolation> for Error {
    fn from(violation: SchemaViolation) -> Self {
        Error::Schema(Box::new(violation))
    }
}

impl Error {
    /// The refusal of a service, when it is one.
    pub fn service(&self) -> Option<&ServiceError> {
        match self {
            Error::Service(refusal) => Some(refusal),
            _ => None,
        }
    }

    /// Whether a service refused with the exception `code`.
    pub fn is(&self, code: &str) -> bool {
        self.service().is_some_and(|refusal| refusal.code == code)
    }
}

/// The refusal of a service: AWS's exception, as it was sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message} ({service}:{operation}, HTTP {status}{})", .request_id.as_ref().map(|id| format!(", request {id}")).unwrap_or_default())]
pub struct ServiceError {
    /// The exception's name, such as `StateMachineAlreadyExists`.
    pub code: String,
    /// Its text.
    pub message: String,
    /// The HTTP status.
    pub status: u16,
    /// The id under which the service logged the request.
    pub request_id: Option<String>,
    /// The service that was asked.
    pub service: String,
    /// The operation.
    pub operation: String,
}
