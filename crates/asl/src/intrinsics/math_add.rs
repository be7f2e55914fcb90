//! `States.MathAdd(a, b)`: the sum of two integers; others are rounded first.

use serde_json::Value;

use super::as_integer;
use crate::Dice;

pub(super) fn call(arguments: &[Value], _: &mut Dice) -> Result<Value, String> {
    let (a, b) = (as_integer(&arguments[0])?, as_integer(&arguments[1])?);
    let outside = || format!("{a} + {b} is outside of the range of a 32-bit integer");
    let sum = a.checked_add(b).ok_or_else(outside)?;
    i32::try_from(sum).map(Value::from).map_err(|_| outside())
}
