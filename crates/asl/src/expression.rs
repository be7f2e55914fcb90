//! What a field may hold besides a literal, compiled once and evaluated in a [`Scope`].

mod budget;
mod path;
mod template;

use serde_json::Value;

use crate::definition::Selection;
use crate::{Moment, error_name};

pub use crate::context::LazyContext;
pub use crate::jsonata::Jsonata;
pub use budget::Budget;
pub(crate) use budget::{SPENT, values_in};
pub(crate) use path::is_variable_name;
pub use path::{Path, Root};
pub use template::Template;
pub(crate) use template::{TemplateError, TemplateErrorKind};

/// What an expression may see.
pub struct Scope<'a> {
    /// JSONPath's `$`; JSONata's `$states.input`.
    pub input: &'a Value,
    /// JSONPath's `$$`; JSONata's `$states.context`. Made when first asked for.
    pub context: &'a LazyContext<'a>,
    /// Variables as the state sees them: its frame's and those of the frames around it.
    pub variables: &'a dyn Variables,
    /// `$states.result`, where there is one.
    pub result: Option<&'a Value>,
    /// `$states.errorOutput`, in catchers.
    pub error_output: Option<&'a Value>,
    /// Time and dice for `$now`, `$random`, `States.UUID`, …. Dice differ by the place of a call within
    /// its state; whoever makes the scope must see to it that two entries of states have different seeds.
    pub moment: Moment,
    /// What the evaluation may cost, this field's expressions together.
    pub budget: &'a Budget,
}

/// Variables by name.
pub trait Variables {
    /// The value, if assigned.
    fn get(&self, name: &str) -> Option<&Value>;
}

/// No variables at all.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoVariables;

impl Variables for NoVariables {
    fn get(&self, _: &str) -> Option<&Value> {
        None
    }
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

impl EvaluationError {
    /// `States.Runtime` with this cause.
    pub fn runtime(cause: impl Into<String>) -> EvaluationError {
        EvaluationError { error: error_name::RUNTIME, cause: cause.into(), location: None }
    }

    /// `States.QueryEvaluationError` with this cause, in this field.
    pub fn query(cause: impl Into<String>, field: &str) -> EvaluationError {
        EvaluationError {
            error: error_name::QUERY_EVALUATION_ERROR,
            cause: cause.into(),
            location: Some(field.to_owned()),
        }
    }
}

/// JSON's word for a value's type.
pub fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

impl Selection {
    /// `InputPath` or `OutputPath` applied: the scope's input, a part of it, or an empty object.
    pub fn select(&self, scope: &Scope, field: &str) -> Result<Value, EvaluationError> {
        match self {
            Selection::Whole => Ok(scope.input.clone()),
            Selection::Nothing => Ok(Value::Object(Default::default())),
            Selection::Path(path) => path.evaluate(scope, field),
        }
    }
}
