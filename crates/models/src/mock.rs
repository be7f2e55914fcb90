//! Whether a made-up result looks like what the API it stands for would have answered, said as TestState
//! says it.

use serde_json::Value;

use crate::service::Service;
use crate::shape::{Kind, Shape, ShapeId};
use crate::task::upper_first;
use crate::validate::{length_of, pattern_fits};

/// How a made-up result is held to its API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strictness {
    /// What is required must be there; what is there must conform.
    Strict,
    /// What is there must conform.
    Present,
}

/// How a value is unlike its shape.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unlike {
    /// A required member is not there.
    #[error("Required field '{0}' is missing")]
    Missing(String),
    /// A value does not conform.
    #[error("Field '{field}' {constraint}")]
    Field {
        /// The nearest member around the value, as Task states name it.
        field: String,
        /// `must be a string`
        constraint: &'static str,
    },
}

/// Compares a Task's made-up result with a shape: members that the shape does not have are not looked
/// at, nor are those in `free`, which Task states see as any JSON. Bytes and instants are text.
///
/// ```
/// use models::mock::{check, Strictness};
/// let states = models::service("stepfunctions").unwrap();
/// let output = states.operation("StartExecution").unwrap().output.unwrap();
/// let unlike = check(states, output, &serde_json::json!({}), Strictness::Strict, &[]).unwrap_err();
/// assert_eq!(unlike.to_string(), "Required field 'ExecutionArn' is missing");
/// ```
///
/// # Errors
/// The first difference.
pub fn check(
    service: &Service,
    shape: ShapeId,
    result: &Value,
    strictness: Strictness,
    free: &[&str],
) -> Result<(), Unlike> {
    Check { service, strictness, free }.value(shape, "", result)
}

struct Check<'a> {
    service: &'a Service,
    strictness: Strictness,
    free: &'a [&'a str],
}

impl Check<'_> {
    fn value(&self, id: ShapeId, field: &str, value: &Value) -> Result<(), Unlike> {
        let shape = self.service.shape(id);
        let unlike = |constraint| Unlike::Field { field: field.to_owned(), constraint };
        match (&shape.kind, value) {
            (Kind::Structure(structure), Value::Object(given)) => {
                let named = || structure.members.iter().map(|m| (upper_first(&m.name), m));
                let absent = |name: &String| given.get(name).is_none_or(Value::is_null);
                if self.strictness == Strictness::Strict
                    && let Some((name, _)) =
                        named().find(|(name, member)| member.required && absent(name))
                {
                    return Err(Unlike::Missing(name));
                }
                for (name, member) in named() {
                    if absent(&name) || field.is_empty() && self.free.contains(&&*name) {
                        continue;
                    }
                    self.value(member.shape, &name, &given[&name])?;
                }
            }
            (Kind::Structure(_) | Kind::Map { .. }, value) if !value.is_object() => {
                return Err(unlike("must be an object"));
            }
            (Kind::Map { value: held, .. }, Value::Object(entries)) => {
                length(shape, entries.len()).map_err(unlike)?;
                for item in entries.values() {
                    self.value(held.shape, field, item)?;
                }
            }
            (Kind::List { member, .. }, Value::Array(items)) => {
                length(shape, items.len()).map_err(unlike)?;
                for item in items {
                    self.value(member.shape, field, item)?;
                }
            }
            (Kind::List { .. }, _) => return Err(unlike("must be an array")),
            (Kind::String { choices }, Value::String(text)) => {
                if !choices.is_empty() && !choices.iter().any(|choice| **choice == **text) {
                    return Err(unlike("is not an expected value"));
                }
                length(shape, length_of(text)).map_err(unlike)?;
                if !pattern_fits(shape, text) {
                    return Err(unlike("does not match the expected pattern"));
                }
            }
            (Kind::Blob, Value::String(text)) => {
                length(shape, length_of(text)).map_err(unlike)?;
            }
            (Kind::Timestamp(_), Value::String(_)) => {}
            (Kind::String { .. } | Kind::Blob | Kind::Timestamp(_), _) => {
                return Err(unlike("must be a string"));
            }
            (Kind::Integer | Kind::Long | Kind::Float | Kind::Double, value) => {
                let number = value.as_f64().ok_or_else(|| unlike("must be a number"))?;
                if shape.min.is_some_and(|min| number < min) {
                    return Err(unlike("is less than the minimum value"));
                }
                if shape.max.is_some_and(|max| number > max) {
                    return Err(unlike("exceeds the maximum value"));
                }
            }
            (Kind::Boolean, value) if !value.is_boolean() => {
                return Err(unlike("must be a boolean"));
            }
            (Kind::Structure(_) | Kind::Map { .. } | Kind::Boolean | Kind::Document, _) => {}
        }
        Ok(())
    }
}

fn length(shape: &Shape, length: usize) -> Result<(), &'static str> {
    let length = length as f64;
    if shape.min.is_some_and(|min| length < min) {
        return Err("is smaller than the minimum length");
    }
    if shape.max.is_some_and(|max| length > max) {
        return Err("exceeds the maximum length");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_first_difference_is_told() {
        use Strictness::{Present, Strict};
        let training = |status: &str| json!({ "TrainingJobStatus": status });
        let cases = [
            ("sfn", "startExecution", Strict, json!({ "ExecutionArn": "arn" }), {
                "Required field 'StartDate' is missing"
            }),
            ("sfn", "startExecution", Present, json!({ "ExecutionArn": "arn" }), ""),
            ("sfn", "startExecution", Present, json!({ "ExecutionArn": 5 }), {
                "Field 'ExecutionArn' must be a string"
            }),
            ("sfn", "startExecution", Present, json!({ "executionArn": 5 }), ""),
            ("sfn", "startExecution", Present, json!({ "StartDate": 5 }), {
                "Field 'StartDate' must be a string"
            }),
            ("sqs", "sendMessage", Strict, json!({ "MessageId": null, "More": 1 }), ""),
            ("sagemaker", "describeTrainingJob", Present, training("Completed"), ""),
            ("sagemaker", "describeTrainingJob", Present, training("Done"), {
                "Field 'TrainingJobStatus' is not an expected value"
            }),
            ("sagemaker", "describeTrainingJob", Present, json!({ "HyperParameters": [] }), {
                "Field 'HyperParameters' must be an object"
            }),
            ("sagemaker", "describeTrainingJob", Present, json!({ "InputDataConfig": {} }), {
                "Field 'InputDataConfig' must be an array"
            }),
            (
                "sagemaker",
                "describeTrainingJob",
                Present,
                json!({ "EnableNetworkIsolation": "no" }),
                "Field 'EnableNetworkIsolation' must be a boolean",
            ),
            (
                "sagemaker",
                "describeTrainingJob",
                Strict,
                json!({
                    "TrainingJobName": "j", "TrainingJobArn": "arn:aws:sagemaker:r:000000000000:training-job/j",
                    "ModelArtifacts": {}, "TrainingJobStatus": "Completed",
                    "SecondaryStatus": "Completed", "StoppingCondition": {},
                    "AlgorithmSpecification": { "TrainingInputMode": "File" },
                    "ResourceConfig": { "VolumeSizeInGB": 1 }, "CreationTime": "2026-01-01T00:00:00Z",
                }),
                "Required field 'S3ModelArtifacts' is missing",
            ),
            ("kms", "encrypt", Present, json!({ "CiphertextBlob": "" }), {
                "Field 'CiphertextBlob' is smaller than the minimum length"
            }),
            ("lambda", "getFunction", Present, json!({ "Configuration": { "Timeout": 0 } }), {
                "Field 'Timeout' is less than the minimum value"
            }),
        ];
        for (service, name, strictness, result, expected) in cases {
            let action = crate::task::action(service, name).expect("is there");
            let shape = action.operation.output.expect("answers something");
            let found = check(action.service, shape, &result, strictness, &[]);
            let told = found.err().map(|unlike| unlike.to_string()).unwrap_or_default();
            assert_eq!(told, expected, "{service} {name} {result}");
        }
    }

    #[test]
    fn free_members_are_any_json() {
        let invoke = crate::task::action("lambda", "invoke").expect("is there");
        let shape = invoke.operation.output.expect("answers something");
        let result = json!({ "Payload": { "any": "thing" } });
        let held =
            |free: &[&str]| check(invoke.service, shape, &result, Strictness::Strict, free).is_ok();
        assert!(held(&["Payload"]) && !held(&[]));
    }
}
