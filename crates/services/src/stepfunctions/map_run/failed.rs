//! What a run fails with before or after its children.

use std::io;

use asl::Failure;

use crate::Error;

/// An error and its cause.
pub(super) fn failure(error: &str, cause: impl Into<String>) -> Failure {
    Failure { error: Some(error.to_owned()), cause: Some(cause.into()) }
}

/// `States.ItemReaderFailed`.
pub(super) fn reader(cause: impl Into<String>) -> Failure {
    failure("States.ItemReaderFailed", cause)
}

/// S3 refused what the reader asked for.
pub(super) fn refused(error: &Error) -> Failure {
    reader(format!(
        "{} (Service: Amazon S3; Status Code: {}; Error Code: {})",
        error.message, error.status, error.code
    ))
}

/// The object's bytes could not be read or are not what they should be.
pub(super) fn unreadable(error: &io::Error) -> Failure {
    reader(format!("The object cannot be read: {error}"))
}
