//! Error names: which of a Retry's or Catch's `ErrorEquals` takes a failure.

/// Matches every error that can be handled at all.
pub const ALL: &str = "States.ALL";
/// Matches every error but a time-out.
pub const TASK_FAILED: &str = "States.TaskFailed";
/// A state or a task took too long.
pub const TIMEOUT: &str = "States.Timeout";
/// No heartbeat came in time. It is a time-out too.
pub const HEARTBEAT_TIMEOUT: &str = "States.HeartbeatTimeout";
/// The definition and the data do not fit. `States.ALL` does not take it.
pub const RUNTIME: &str = "States.Runtime";
/// A payload is too large. `States.ALL` does not take it.
pub const DATA_LIMIT_EXCEEDED: &str = "States.DataLimitExceeded";
/// A JSONata expression failed.
pub const QUERY_EVALUATION_ERROR: &str = "States.QueryEvaluationError";
/// An intrinsic function failed.
pub const INTRINSIC_FAILURE: &str = "States.IntrinsicFailure";
/// A reference path leads nowhere. It is what AWS says of a `ResultPath` that cannot be applied, whatever its
/// documentation calls that (`States.ResultPathMatchFailure`).
pub const REFERENCE_PATH_CONFLICT: &str = "States.ReferencePathConflict";

/// Whether a retrier or catcher with these `ErrorEquals` takes an error of this name.
pub fn matches(error_equals: &[String], error: &str) -> bool {
    error_equals.iter().any(|pattern| matches_one(pattern, error))
}

fn matches_one(pattern: &str, error: &str) -> bool {
    match pattern {
        ALL => error != RUNTIME && error != DATA_LIMIT_EXCEEDED,
        TASK_FAILED => {
            !matches!(error, TIMEOUT | HEARTBEAT_TIMEOUT | RUNTIME | DATA_LIMIT_EXCEEDED)
        }
        TIMEOUT => matches!(error, TIMEOUT | HEARTBEAT_TIMEOUT),
        name => name == error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_match_as_the_language_says() {
        for (pattern, error, expected) in [
            ("States.ALL", "Custom", true),
            ("States.ALL", "States.Timeout", true),
            ("States.ALL", "States.Runtime", false),
            ("States.ALL", "States.DataLimitExceeded", false),
            ("States.Runtime", "States.Runtime", true),
            ("States.DataLimitExceeded", "States.DataLimitExceeded", true),
            ("States.TaskFailed", "Lambda.ServiceException", true),
            ("States.TaskFailed", "States.Timeout", false),
            ("States.TaskFailed", "States.HeartbeatTimeout", false),
            ("States.Timeout", "States.HeartbeatTimeout", true),
            ("States.HeartbeatTimeout", "States.Timeout", false),
            ("Custom", "Custom", true),
            ("Custom", "Customer", false),
        ] {
            assert_eq!(matches(&[pattern.into()], error), expected, "{pattern} {error}");
        }
    }
}
