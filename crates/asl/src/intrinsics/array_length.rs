//! `States.ArrayLength(array)`.

use serde_json::Value;

use super::as_array;
use crate::Dice;

pub(super) fn call(arguments: &[Value], _: &mut Dice) -> Result<Value, String> {
    Ok(Value::from(as_array(&arguments[0])?.len()))
}
