//! A value given to a step now, or a placeholder for one given later.

use serde_json::Value;

use super::Placeholder;

/// A JSON value, or a placeholder. Steps take `impl Into<Argument>`: text, numbers, JSON or a placeholder.
///
/// ```
/// use stepwell_sdk::inputs::{Argument, ExecutionInput};
///
/// fn takes(argument: impl Into<Argument>) -> Argument { argument.into() }
/// takes("my-job");
/// takes(3);
/// takes(ExecutionInput::default().get("JobName"));
/// takes(serde_json::json!(["a", "b"]));
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Argument(pub(crate) Value);

impl Argument {
    /// As text, the way SageMaker wants hyperparameters: numbers and booleans as they are written, text as it
    /// is, everything else as JSON; a placeholder stays one.
    pub(crate) fn stringly(self) -> Value {
        match self.0 {
            text @ Value::String(_) => text,
            other if super::Found::in_value(&other).is_some() => other,
            other => Value::String(other.to_string()),
        }
    }
}

macro_rules! from {
    ($($type:ty),*) => {$(
        impl From<$type> for Argument {
            fn from(value: $type) -> Self {
                Argument(Value::from(value))
            }
        }
    )*};
}
from!(&str, String, bool, i32, i64, u32, u64, usize, f64, Value, &Placeholder, Vec<Value>);

impl From<Placeholder> for Argument {
    fn from(placeholder: Placeholder) -> Self {
        Argument(Value::from(&placeholder))
    }
}

impl From<&Value> for Argument {
    fn from(value: &Value) -> Self {
        Argument(value.clone())
    }
}

impl From<&String> for Argument {
    fn from(value: &String) -> Self {
        Argument(Value::from(value.as_str()))
    }
}
