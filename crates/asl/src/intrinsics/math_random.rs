//! `States.MathRandom(first, end[, seed])`: an integer from the first (included) to the end (excluded).

use serde_json::Value;

use super::as_integer;
use crate::Dice;
use crate::moment::JavaRandom;

pub(super) fn call(arguments: &[Value], dice: &mut Dice) -> Result<Value, String> {
    let (first, end) = (as_integer(&arguments[0])?, as_integer(&arguments[1])?);
    let width = end
        .checked_sub(first)
        .filter(|width| *width > 0)
        .ok_or_else(|| format!("The end {end} must be greater than the start {first}"))?;
    let offset = match arguments.get(2) {
        Some(seed) => (JavaRandom::new(as_integer(seed)?).next_f64() * width as f64) as i64,
        None => (dice.next_f64() * width as f64) as i64,
    };
    Ok(Value::from(first + offset.min(width - 1)))
}
