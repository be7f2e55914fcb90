//! The context object that a test brings along.

use serde_json::{Map, Value};

use crate::Error;

/// A member's name and the JSON type that it must have.
type Members = [(&'static str, &'static str)];

const EXECUTION: &Members = &[
    ("Id", "a string"),
    ("Input", ANYTHING),
    ("Name", "a string"),
    ("RedriveCount", "a number"),
    ("RedriveTime", "a string"),
    ("RoleArn", "a string"),
    ("StartTime", "a string"),
];
const STATE: &Members =
    &[("EnteredTime", "a string"), ("Name", "a string"), ("RetryCount", "a number")];
const STATE_MACHINE: &Members = &[("Id", "a string"), ("Name", "a string")];
const TASK: &Members = &[("Token", "a string")];
const ANYTHING: &str = "";

/// Reads a context object.
///
/// # Errors
/// What it may not have.
pub(super) fn parse(text: &str) -> Result<Value, Error> {
    let object: Value = serde_json::from_str(text).map_err(|_| invalid("must be valid JSON"))?;
    let Value::Object(parts) = &object else { return Err(invalid("must be a JSON object")) };
    for (name, part) in parts {
        let members = match name.as_str() {
            "Execution" => EXECUTION,
            "State" => STATE,
            "StateMachine" => STATE_MACHINE,
            "Task" => TASK,
            "Map" => {
                return Err(invalid("'Map' field is not supported when mocking a Context object"));
            }
            _ => return Err(not_allowed(name)),
        };
        match part {
            Value::Object(given) => check(name, given, members)?,
            _ => return Err(invalid(&format!("{name} must be an object"))),
        }
    }
    Ok(object)
}

fn check(part: &str, given: &Map<String, Value>, members: &Members) -> Result<(), Error> {
    for (name, value) in given {
        let Some((_, expected)) = members.iter().find(|(member, _)| member == name) else {
            return Err(not_allowed(name));
        };
        let fits = match *expected {
            "a string" => value.is_string(),
            "a number" => value.is_number(),
            _ => true,
        };
        if !fits {
            return Err(invalid(&format!("{part}.{name} must be {expected}")));
        }
    }
    Ok(())
}

fn not_allowed(field: &str) -> Error {
    invalid(&format!("Field '{field}' is not allowed"))
}

fn invalid(reason: &str) -> Error {
    Error::validation(format!("Invalid Context object provided: {reason}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_context_object_has_no_surprises() {
        let cases = [
            (r#"{}"#, ""),
            (r#"{"State": {}, "Task": {"Token": "t"}}"#, ""),
            (r#"{"Execution": {"Input": 1, "RedriveCount": 2}}"#, ""),
            (r#"{"State": {"RetryCount": "1"}}"#, "State.RetryCount must be a number"),
            (r#"{"StateMachine": {"Name": null}}"#, "StateMachine.Name must be a string"),
            (r#"{"StateMachine": {"Arn": "a"}}"#, "Field 'Arn' is not allowed"),
            (r#"{"Branch": {}}"#, "Field 'Branch' is not allowed"),
            (r#"{"Execution": []}"#, "Execution must be an object"),
            (
                r#"{"Map": {"Item": {}}}"#,
                "'Map' field is not supported when mocking a Context object",
            ),
            (r#"[]"#, "must be a JSON object"),
            (r#"{"#, "must be valid JSON"),
        ];
        for (text, expected) in cases {
            let told = parse(text).err().map(|error| error.message).unwrap_or_default();
            let told = told.trim_start_matches("Invalid Context object provided: ");
            assert_eq!(told, expected, "{text}");
        }
    }
}
