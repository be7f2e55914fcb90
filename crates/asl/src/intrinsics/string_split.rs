//! `States.StringSplit(text, delimiters)`: the parts between any of the delimiters' characters, without empty ones.

use serde_json::Value;

use super::as_text;
use crate::Dice;

pub(super) fn call(arguments: &[Value], _: &mut Dice) -> Result<Value, String> {
    let text = as_text(&arguments[0])?;
    let delimiters = as_text(&arguments[1])?;
    Ok(text
        .split(|character| delimiters.contains(character))
        .filter(|part| !part.is_empty())
        .map(Value::from)
        .collect())
}
