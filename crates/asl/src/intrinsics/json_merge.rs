//! `States.JsonMerge(a, b, false)`: the members of both objects; those of the second win.

use serde_json::Value;

use super::unsuitable;
use crate::Dice;

pub(super) fn call(arguments: &[Value], _: &mut Dice) -> Result<Value, String> {
    match &arguments[2] {
        Value::Bool(false) => {}
        Value::Bool(true) => {
            return Err(
                "Deep merging is not supported: the third argument must be false".to_owned()
            );
        }
        other => return Err(unsuitable("a boolean", other)),
    }
    let (Value::Object(first), Value::Object(second)) = (&arguments[0], &arguments[1]) else {
        let wrong = if arguments[0].is_object() { &arguments[1] } else { &arguments[0] };
        return Err(unsuitable("an object", wrong));
    };
    let mut merged = first.clone();
    merged.extend(second.iter().map(|(name, value)| (name.clone(), value.clone())));
    Ok(Value::Object(merged))
}
