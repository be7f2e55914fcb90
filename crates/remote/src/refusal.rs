//! A service's error.

/// What a service refused with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Refusal {
    /// The error's name on the wire: `ResourceNotFoundException`.
    pub code: String,
    /// What it says.
    pub message: String,
    /// The HTTP status.
    pub status: u16,
    /// The request's id, if the answer has one.
    pub request_id: Option<String>,
}
