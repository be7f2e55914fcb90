//! Everything that can be wrong with a definition, as AWS says it.

use std::fmt;

use crate::Limits;

/// One thing that is wrong, or doubtful, in a definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Whether the definition is refused for it.
    pub severity: Severity,
    /// `SCHEMA_VALIDATION_FAILED`, `MISSING_TRANSITION_TARGET`, ….
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
    /// Where: `/States/Wait/Next`; the whole document is `/`.
    pub location: Option<String>,
}

/// How much a [`Diagnostic`] weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The definition is refused.
    Error,
    /// It works, and probably not as meant.
    Warning,
}

impl Severity {
    /// AWS's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Error => "ERROR",
            Severity::Warning => "WARNING",
        }
    }
}

/// A definition that is refused, with every reason. Its text is what `CreateStateMachine` answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    /// The reasons, errors only.
    pub diagnostics: Vec<Diagnostic>,
}

impl std::error::Error for Invalid {}

impl fmt::Display for Invalid {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Invalid State Machine Definition: '")?;
        for (index, diagnostic) in self.diagnostics.iter().enumerate() {
            if index > 0 {
                formatter.write_str(", ")?;
            }
            write!(formatter, "{}: {}", diagnostic.code, diagnostic.message)?;
            // Where AWS has no place to name, its text says so.
            write!(formatter, " at {}", diagnostic.location.as_deref().unwrap_or("null"))?;
        }
        formatter.write_str("'")
    }
}

/// How a definition is looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// For an Express state machine, which may not wait for jobs or callbacks.
    pub express: bool,
    /// How long names may be.
    pub limits: Limits,
}

/// Everything that is wrong or doubtful in a definition, errors and warnings, in the order of the document.
pub fn validate(text: &str, options: Options) -> Vec<Diagnostic> {
    crate::parse::read(text, options).1
}
