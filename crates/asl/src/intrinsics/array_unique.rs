//! `States.ArrayUnique(array)`: each element once, where it first stood.

use std::collections::HashSet;

use serde_json::Value;

use super::as_array;
use crate::Dice;

pub(super) fn call(arguments: &[Value], _: &mut Dice) -> Result<Value, String> {
    let mut seen = HashSet::new();
    Ok(as_array(&arguments[0])?
        .iter()
        .filter(|item| seen.insert(canonical(item)))
        .cloned()
        .collect())
}

/// Equal values have equal texts, whatever the order of their members.
fn canonical(value: &Value) -> String {
    match value {
        Value::Array(items) => {
            format!("[{}]", items.iter().map(canonical).collect::<Vec<_>>().join(","))
        }
        Value::Object(members) => {
            let mut members: Vec<String> = members
                .iter()
                .map(|(name, member)| {
                    format!("{}:{}", Value::from(name.as_str()), canonical(member))
                })
                .collect();
            members.sort();
            format!("{{{}}}", members.join(","))
        }
        other => other.to_string(),
    }
}
