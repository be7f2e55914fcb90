//! `States.ArrayContains(array, value)`: whether one of the elements equals the value.

use serde_json::Value;

use super::as_array;
use crate::Dice;

pub(super) fn call(arguments: &[Value], _: &mut Dice) -> Result<Value, String> {
    Ok(Value::Bool(as_array(&arguments[0])?.contains(&arguments[1])))
}
