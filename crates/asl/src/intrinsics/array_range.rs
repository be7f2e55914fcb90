//! `States.ArrayRange(first, last, step)`: the numbers from the first to the last, both included.

use serde_json::Value;

use super::as_integer;
use crate::Dice;

/// Elements of a range.
const ELEMENTS_MAX: i128 = 1_000;

pub(super) fn call(arguments: &[Value], _: &mut Dice) -> Result<Value, String> {
    let first = as_integer(&arguments[0])?;
    let last = as_integer(&arguments[1])?;
    let step = as_integer(&arguments[2])?;
    if step == 0 {
        return Err("The step must not be 0".to_owned());
    }
    let count = ((i128::from(last) - i128::from(first)) / i128::from(step)) + 1;
    let backwards = (i128::from(last) - i128::from(first)).signum() == -i128::from(step).signum();
    if backwards {
        return Ok(Value::Array(Vec::new()));
    }
    if count > ELEMENTS_MAX {
        return Err(format!(
            "The range has {count} elements, more than the {ELEMENTS_MAX} allowed"
        ));
    }
    Ok((0..count as i64).map(|place| Value::from(first + place * step)).collect())
}
