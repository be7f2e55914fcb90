//! Why a job failed, in the container's three classes, and the file that says so.

use std::path::Path;

/// Whose fault a failure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// The customer's: a hyperparameter, a channel, the data.
    User,
    /// The algorithm's.
    Algorithm,
    /// The machine's: a missing library, a full disk.
    Platform,
}

/// A failed job: the class and the text that becomes its `FailureReason`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// Whose fault it is.
    pub class: Class,
    /// What happened and what to do.
    pub message: String,
}

impl Failure {
    /// The exit code of a failed training container.
    pub const EXIT_CODE: i32 = 1;

    /// The customer's fault.
    pub fn user(message: impl Into<String>) -> Failure {
        Failure { class: Class::User, message: message.into() }
    }

    /// The algorithm's fault.
    pub fn algorithm(message: impl Into<String>) -> Failure {
        Failure { class: Class::Algorithm, message: message.into() }
    }

    /// The machine's fault.
    pub fn platform(message: impl Into<String>) -> Failure {
        Failure { class: Class::Platform, message: message.into() }
    }

    /// A file that cannot be read or written.
    pub fn io(what: &str, path: &Path, error: &std::io::Error) -> Failure {
        Failure::platform(format!("cannot {what} `{}`: {error}", path.display()))
    }

    /// What SageMaker puts before the text in a job's `FailureReason`.
    pub fn prefix(&self) -> &'static str {
        match self.class {
            Class::User => "ClientError",
            Class::Algorithm => "AlgorithmError",
            Class::Platform => "InternalServerError",
        }
    }

    /// A training job's `FailureReason`: class, text (the first 1,024 characters), exit code.
    pub fn reason(&self) -> String {
        let end = format!(", exit code: {}", Failure::EXIT_CODE);
        let mut reason = format!("{}: {}", self.prefix(), self.message);
        let room = 1024 - end.len();
        if let Some((cut, _)) = reason.char_indices().nth(room) {
            reason.truncate(cut);
        }
        reason + &end
    }

    /// Writes the text to `output/failure` under a job's folder, its class to `output/failure-class`
    /// (`ClientError`, `AlgorithmError` or `InternalServerError`).
    pub fn write(&self, root: &Path) -> std::io::Result<()> {
        let output = root.join("output");
        std::fs::create_dir_all(&output)?;
        std::fs::write(output.join("failure"), &self.message)?;
        std::fs::write(output.join("failure-class"), self.prefix())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_at_most_1024_characters() {
        let failure = Failure::user("Missing required hyperparameter: num_round");
        assert_eq!(
            failure.reason(),
            "ClientError: Missing required hyperparameter: num_round, exit code: 1"
        );
        let long = Failure::algorithm("é".repeat(3000)).reason();
        assert_eq!(long.chars().count(), 1024);
        assert!(long.ends_with("é, exit code: 1"));
    }
}
