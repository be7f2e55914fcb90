//! What a field may hold besides a literal, compiled once and evaluated in a [`Scope`].

use std::cell::LazyCell;

use serde_json::Value;

use crate::Moment;

/// What an expression may see.
pub struct Scope<'a> {
    /// JSONPath's `$`; JSONata's `$states.input`.
    pub input: &'a Value,
    /// JSONPath's `$$`; JSONata's `$states.context`. Made when first asked for.
    pub context: &'a LazyCell<Value, Box<dyn FnOnce() -> Value + 'a>>,
    /// Variables as the state sees them: its frame's and those of the frames around it.
    pub variables: &'a dyn Variables,
    /// `$states.result`, where there is one.
    pub result: Option<&'a Value>,
    /// `$states.errorOutput`, in catchers.
    pub error_output: Option<&'a Value>,
    /// Time and dice for `$now`, `$random`, `States.UUID`, ….
    pub moment: Moment,
}

/// Variables by name.
pub trait Variables {
    /// The value, if assigned.
    fn get(&self, name: &str) -> Option<&Value>;
}

/// An expression that could not be evaluated. The state fails with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvaluationError {
    /// `States.Runtime`, `States.QueryEvaluationError`, `States.IntrinsicFailure`, `States.ParameterPathFailure`, ….
    pub error: &'static str,
    /// AWS's text, without the `An error occurred while executing the state …` before it.
    pub cause: String,
    /// The field, as AWS shows it in EvaluationFailed: `Output/v`, `Arguments`. JSONata only.
    pub location: Option<String>,
}

/// A compiled JSONPath: of the state's input (`$`), the context object (`$$`) or a variable (`$name`).
#[derive(Clone, Debug)]
pub struct Path {
    text: String,
}

impl Path {
    /// As written.
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// A payload template: JSON whose leaves may be expressions of one query language.
#[derive(Clone, Debug)]
pub struct Template {
    source: Value,
}

impl Template {
    /// As written.
    pub fn source(&self) -> &Value {
        &self.source
    }
}

/// A compiled JSONata expression: what stands between `{%` and `%}`.
#[derive(Clone, Debug)]
pub struct Jsonata {
    text: String,
}

impl Jsonata {
    /// As written, without the delimiters.
    pub fn text(&self) -> &str {
        &self.text
    }
}
