//! `States.Array(a, b, …)`: its arguments as an array.

use serde_json::Value;

use crate::Dice;

pub(super) fn call(arguments: &[Value], _: &mut Dice) -> Result<Value, String> {
    Ok(Value::Array(arguments.to_vec()))
}
