//! `States.Base64Encode(text)`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::{as_text, not_too_long};
use crate::Dice;

pub(super) fn call(arguments: &[Value], _: &mut Dice) -> Result<Value, String> {
    Ok(Value::String(STANDARD.encode(not_too_long(as_text(&arguments[0])?)?)))
}
