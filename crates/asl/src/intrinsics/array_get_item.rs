//! `States.ArrayGetItem(array, index)`: the element at the index, from 0.

use serde_json::Value;

use super::{as_array, as_integer};
use crate::Dice;

pub(super) fn call(arguments: &[Value], _: &mut Dice) -> Result<Value, String> {
    let array = as_array(&arguments[0])?;
    let index = as_integer(&arguments[1])?;
    usize::try_from(index).ok().and_then(|index| array.get(index)).cloned().ok_or_else(|| {
        format!("Index {index} is out of bounds for an array of {} elements", array.len())
    })
}
