//! What a field may hold besides a literal, compiled once and evaluated in a [`Scope`].

use serde_json::Value;

use crate::Moment;
pub use crate::context::LazyContext;
use crate::definition::Selection;

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

    /// What the path finds: the value of a definite path, an array for an indefinite one.
    ///
    /// # Errors
    ///
    /// `States.Runtime` when a definite path finds nothing; the text depends on the field, as AWS has it.
    pub fn evaluate(&self, scope: &Scope, field: &str) -> Result<Value, EvaluationError> {
        let _ = (scope, field);
        Ok(Value::Null)
    }

    /// What the path finds, or `None` when a definite path finds nothing.
    pub fn find(&self, scope: &Scope) -> Option<Value> {
        self.evaluate(scope, "").ok()
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

    /// The template with its expressions replaced by what they give. `field` names it in errors:
    /// `Parameters`, `Output`, `Choices[0]/Assign`.
    pub fn evaluate(&self, scope: &Scope, field: &str) -> Result<Value, EvaluationError> {
        let _ = (scope, field);
        Ok(self.source.clone())
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

    /// What the expression gives. `field` names it in errors and in EvaluationFailed's location.
    pub fn evaluate(&self, scope: &Scope, field: &str) -> Result<Value, EvaluationError> {
        let _ = (scope, field);
        Ok(Value::Null)
    }

    /// The failure of a field whose expression gave something of the wrong type. `expected` is
    /// JSON's word: `array`, `number`, `string`, `boolean`, `object`.
    pub fn unexpected_type(&self, field: &str, expected: &str, value: &Value) -> EvaluationError {
        EvaluationError {
            error: crate::error_name::QUERY_EVALUATION_ERROR,
            cause: format!(
                "The JSONata expression '{}' specified for the field '{field}' returned an unexpected result type. Expected '{expected}', but was '{}' for value: {value}",
                self.text,
                type_name(value)
            ),
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
