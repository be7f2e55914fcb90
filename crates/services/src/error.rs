//! An AWS error: the name a client matches on, the text a person reads.

use std::borrow::Cow;

use serde_json::{Map, Value};

/// What an operation refuses with. `code` and `message` are AWS's where AWS has the case.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Error {
    /// The modelled (or common) error name: `StateMachineDoesNotExist`, `ValidationException`.
    pub code: Cow<'static, str>,
    /// The text.
    pub message: String,
    /// The HTTP status; the wire layer takes the model's where the model has one.
    pub status: u16,
    /// Further members of the error's shape: `OriginalStatusCode`, `reason`, …
    pub members: Map<String, Value>,
}

impl Error {
    /// A client's fault, HTTP 400.
    pub fn new(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Error {
        Error { code: code.into(), message: message.into(), status: 400, members: Map::new() }
    }

    /// `ValidationException`, HTTP 400.
    pub fn validation(message: impl Into<String>) -> Error {
        Error::new("ValidationException", message)
    }

    /// Our fault, HTTP 500: the text says what to do, the log has the rest.
    pub fn internal(message: impl Into<String>) -> Error {
        Error { status: 500, ..Error::new("InternalFailure", message) }
    }

    /// AWS has the operation, we do not serve it.
    pub fn unknown_operation(service: &str, operation: &str) -> Error {
        Error::new(
            "UnknownOperationException",
            format!("Stepwell does not serve the operation `{operation}` of `{service}`"),
        )
    }

    /// With another HTTP status.
    pub fn with_status(mut self, status: u16) -> Error {
        self.status = status;
        self
    }

    /// With a further member of the error's shape.
    pub fn with(mut self, member: &str, value: impl Into<Value>) -> Error {
        self.members.insert(member.to_owned(), value.into());
        self
    }
}

impl From<store::StoreError> for Error {
    fn from(error: store::StoreError) -> Error {
        match error {
            store::StoreError::Full { at } => Error {
                status: 503,
                ..Error::new(
                    "ServiceUnavailable",
                    format!(
                        "no space left in `{at}`: free some and try again; nothing was changed"
                    ),
                )
            },
            other => Error::internal(other.to_string()),
        }
    }
}
