//! `States.Base64Decode(text)`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::{as_text, not_too_long};
use crate::Dice;

pub(super) fn call(arguments: &[Value], _: &mut Dice) -> Result<Value, String> {
    let bytes = STANDARD
        .decode(not_too_long(as_text(&arguments[0])?)?)
        .map_err(|error| format!("The input is not valid Base64: {error}"))?;
    Ok(Value::String(String::from_utf8_lossy(&bytes).into_owned()))
}
