//! `States.ArrayPartition(array, size)`: the array in chunks; the last one may be shorter.

use serde_json::Value;

use super::{as_array, as_integer};
use crate::Dice;

pub(super) fn call(arguments: &[Value], _: &mut Dice) -> Result<Value, String> {
    let array = as_array(&arguments[0])?;
    let size = as_integer(&arguments[1])?;
    if size < 1 {
        return Err(format!("The chunk size must be positive but is {size}"));
    }
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    Ok(array.chunks(size).map(|chunk| Value::Array(chunk.to_vec())).collect())
}
