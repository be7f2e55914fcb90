//! `States.UUID()`: a random (version 4) UUID.

use serde_json::Value;

use crate::Dice;

pub(super) fn call(_: &[Value], dice: &mut Dice) -> Result<Value, String> {
    Ok(Value::String(dice.uuid()))
}
