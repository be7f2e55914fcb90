//! `States.JsonToString(value)`: the value as compact JSON text.

use serde_json::Value;

use crate::Dice;

pub(super) fn call(arguments: &[Value], _: &mut Dice) -> Result<Value, String> {
    Ok(Value::String(arguments[0].to_string()))
}
