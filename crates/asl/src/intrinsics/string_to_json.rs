//! `States.StringToJson(text)`: the value that the JSON text says.

use serde_json::Value;

use super::as_text;
use crate::Dice;

pub(super) fn call(arguments: &[Value], _: &mut Dice) -> Result<Value, String> {
    let text = as_text(&arguments[0])?;
    serde_json::from_str(text).map_err(|error| format!("The input is not valid JSON: {error}"))
}
