//! How Task states name what the models name: `arn:aws:states:::aws-sdk:SERVICE:action`.
//!
//! Step Functions writes every member with a capital first letter (`StateMachineArn`, `ChecksumCRC32`),
//! every action with a small one, instants as ISO 8601 text, and takes JSON where a member is text.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Map, Value};

use crate::identify::by_task_name;
use crate::service::{Operation, Service};
use crate::shape::{Kind, Member, ShapeId, Structure};
use crate::timestamp::{self, Format};

/// An operation, as a Task state calls it.
#[derive(Clone, Copy, Debug)]
pub struct Action {
    /// Its service.
    pub service: &'static Service,
    /// The operation.
    pub operation: &'static Operation,
}

/// Why parameters are not an operation's input.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Misfit {
    /// There is no such member.
    #[error("The field \"{field}\" is not supported by Step Functions")]
    Unknown {
        /// As it was given.
        field: String,
    },
    /// The operation needs the member.
    #[error("The field '{field}' is required but was missing")]
    Missing {
        /// As it would be given.
        field: String,
    },
    /// The value is of another type.
    #[error("The value for the field '{field}' must be {expected}")]
    Type {
        /// As it was given.
        field: String,
        /// `a STRING`
        expected: &'static str,
    },
}

/// The operation of `aws-sdk:SERVICE:action`, if AWS has it and we carry its model.
///
/// ```
/// let action = models::task::action("sfn", "startExecution").unwrap();
/// assert_eq!(&*action.operation.name, "StartExecution");
/// ```
pub fn action(task_name: &str, action: &str) -> Option<Action> {
    if !action.starts_with(|first: char| first.is_ascii_lowercase()) {
        return None;
    }
    let service = by_task_name(task_name)?.service();
    Some(Action { service, operation: service.operation(&upper_first(action))? })
}

/// The name under which a Task state sees an error of this service: `Sfn.InvalidTokenException`,
/// and `SecretsManager.SecretsManagerException` for one that is not in the model.
pub fn error_name(service: &Service, code: &str) -> String {
    let prefix = service.entry.error_prefix;
    match service.error(code) {
        Some(shape) if shape.name.ends_with("Exception") => format!("{prefix}.{}", shape.name),
        Some(shape) => format!("{prefix}.{}Exception", shape.name),
        None => format!("{prefix}.{prefix}Exception"),
    }
}

impl Action {
    /// From a Task state's parameters to the operation's input as the model names it.
    ///
    /// # Errors
    /// Every [`Misfit`].
    pub fn input(&self, parameters: &Value) -> Result<Value, Vec<Misfit>> {
        let mut misfits = Vec::new();
        let value = match (self.operation.input, parameters) {
            (_, Value::Null) => Value::Object(Map::new()),
            (Some(shape), parameters) => input(self.service, shape, "", parameters, &mut misfits),
            (None, Value::Object(given)) => {
                misfits.extend(given.keys().map(|field| Misfit::Unknown { field: field.clone() }));
                Value::Object(Map::new())
            }
            (None, _) => Value::Object(Map::new()),
        };
        if misfits.is_empty() { Ok(value) } else { Err(misfits) }
    }

    /// From the operation's output as the model names it to what the Task state gives.
    pub fn output(&self, members: &Value) -> Value {
        match self.operation.output {
            Some(shape) => output(self.service, shape, false, members),
            None => Value::Object(Map::new()),
        }
    }

    /// The input's member that is a byte stream.
    pub fn input_body(&self) -> Option<&'static Member> {
        self.operation.input.and_then(|shape| blob_payload(self.service, shape))
    }

    /// The output's member that is a byte stream.
    pub fn output_body(&self) -> Option<&'static Member> {
        self.operation.output.and_then(|shape| blob_payload(self.service, shape))
    }
}

/// The member of a structure that is the whole body and bytes; it travels as a stream.
pub fn blob_payload(service: &Service, shape: ShapeId) -> Option<&Member> {
    let payload = service.structure(shape)?.payload()?;
    matches!(service.shape(payload.shape).kind, Kind::Blob).then_some(payload)
}

fn input(
    service: &Service,
    shape: ShapeId,
    field: &str,
    value: &Value,
    misfits: &mut Vec<Misfit>,
) -> Value {
    let mut misfit = |expected| {
        misfits.push(Misfit::Type { field: field.to_owned(), expected });
        Value::Null
    };
    match (&service.shape(shape).kind, value) {
        (Kind::Structure(structure), Value::Object(given)) => {
            let mut members = Map::with_capacity(given.len());
            for (name, value) in given {
                match task_member(structure, name) {
                    _ if value.is_null() => {}
                    None => misfits.push(Misfit::Unknown { field: name.clone() }),
                    Some(member) if is_payload(service, structure, member) => {
                        // A whole body is the JSON that was given: text keeps its quotation marks.
                        let bytes = BASE64.encode(value.to_string());
                        members.insert(member.name.to_string(), bytes.into());
                    }
                    Some(member) => {
                        let value = input(service, member.shape, name, value, misfits);
                        members.insert(member.name.to_string(), value);
                    }
                }
            }
            Value::Object(members)
        }
        (Kind::Structure(_), _) => misfit("a structure"),
        (Kind::List { member, .. }, Value::Array(items)) => {
            items.iter().map(|item| input(service, member.shape, field, item, misfits)).collect()
        }
        (Kind::List { .. }, _) => misfit("a list"),
        (Kind::Map { value: held, .. }, Value::Object(entries)) => entries
            .iter()
            .map(|(key, item)| (key.clone(), input(service, held.shape, field, item, misfits)))
            .collect::<Map<_, _>>()
            .into(),
        (Kind::Map { .. }, _) => misfit("a map"),
        (Kind::String { .. }, Value::String(text)) => Value::from(text.as_str()),
        (Kind::String { .. }, json) => Value::from(json.to_string()),
        (Kind::Blob, Value::String(text)) => Value::from(BASE64.encode(text)),
        (Kind::Blob, json) => Value::from(BASE64.encode(json.to_string())),
        (Kind::Timestamp(_), value) => match timestamp::of_value(value) {
            Some(seconds) => timestamp::to_value(seconds),
            None => misfit("a timestamp in ISO 8601 format"),
        },
        (Kind::Integer | Kind::Long, Value::Number(number)) => match number.as_i64() {
            Some(whole) => Value::from(whole),
            None => match number.as_f64().filter(|number| number.fract() == 0.0) {
                Some(whole) => Value::from(whole as i64),
                None => misfit("an INTEGER"),
            },
        },
        (Kind::Integer | Kind::Long, _) => misfit("an INTEGER"),
        (Kind::Float | Kind::Double, Value::Number(_)) => value.clone(),
        (Kind::Float | Kind::Double, _) => misfit("a NUMBER"),
        (Kind::Boolean, Value::Bool(_)) => value.clone(),
        (Kind::Boolean, _) => misfit("a BOOLEAN"),
        (Kind::Document, _) => value.clone(),
    }
}

fn is_payload(service: &Service, structure: &Structure, member: &Member) -> bool {
    structure.payload().is_some_and(|whole| whole.name == member.name)
        && matches!(service.shape(member.shape).kind, Kind::Blob)
}

fn output(service: &Service, shape: ShapeId, payload: bool, value: &Value) -> Value {
    match (&service.shape(shape).kind, value) {
        (Kind::Structure(structure), Value::Object(members)) => {
            let known = members.iter().filter(|(_, value)| !value.is_null());
            let renamed = known.filter_map(|(name, value)| {
                let member = structure.member(name)?;
                let payload = structure.payload().is_some_and(|whole| whole.name == member.name);
                Some((upper_first(name), output(service, member.shape, payload, value)))
            });
            Value::Object(renamed.collect())
        }
        (Kind::List { member, .. }, Value::Array(items)) => {
            items.iter().map(|item| output(service, member.shape, false, item)).collect()
        }
        (Kind::Map { value: held, .. }, Value::Object(entries)) => entries
            .iter()
            .map(|(key, item)| (key.clone(), output(service, held.shape, false, item)))
            .collect::<Map<_, _>>()
            .into(),
        (Kind::Timestamp(_), instant) => match timestamp::of_value(instant) {
            Some(seconds) => Value::from(timestamp::print(seconds, Format::Iso8601)),
            None => instant.clone(),
        },
        // A body is shown as the text it is, other bytes as base64.
        (Kind::Blob, Value::String(base64)) if payload => match BASE64.decode(base64) {
            Ok(bytes) => Value::from(String::from_utf8_lossy(&bytes).into_owned()),
            Err(_) => value.clone(),
        },
        _ => value.clone(),
    }
}

fn task_member<'a>(structure: &'a Structure, name: &str) -> Option<&'a Member> {
    structure.members.iter().find(|member| {
        // The same word but for the size of its first letter, and that a capital.
        let (mut given, mut known) = (name.chars(), member.name.chars());
        let first = known.next().map(|first| first.to_ascii_uppercase());
        given.next() == first && given.as_str() == known.as_str()
    })
}

pub(crate) fn upper_first(name: &str) -> String {
    let mut chars = name.chars();
    chars.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(chars).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn parameters_become_input_and_output_becomes_a_result() {
        let start = action("sfn", "startExecution").expect("is there");
        let parameters = json!({ "StateMachineArn": "arn", "Input": { "key": "value" } });
        let expected = json!({ "stateMachineArn": "arn", "input": r#"{"key":"value"}"# });
        assert_eq!(start.input(&parameters), Ok(expected));
        let output = json!({ "executionArn": "arn", "startDate": 1700000000.5, "stray": 1 });
        let expected = json!({ "ExecutionArn": "arn", "StartDate": "2023-11-14T22:13:20.500Z" });
        assert_eq!(start.output(&output), expected);
    }

    #[test]
    fn every_misfit_is_told() {
        let create = action("sagemaker", "createModel").expect("is there");
        let parameters =
            json!({ "ModelName": "m", "modelName": "m", "EnableNetworkIsolation": "yes" });
        let misfits = create.input(&parameters).expect_err("does not fit");
        let told: Vec<_> = misfits.iter().map(Misfit::to_string).collect();
        assert_eq!(
            told,
            [
                "The field \"modelName\" is not supported by Step Functions",
                "The value for the field 'EnableNetworkIsolation' must be a BOOLEAN",
            ]
        );
    }

    #[test]
    fn bodies_are_text() {
        let get = action("s3", "getObject").expect("is there");
        assert_eq!(get.output_body().map(|member| &*member.name), Some("Body"));
        let output = get.output(&json!({ "Body": "aGk=", "ChecksumCRC32": "x", "ETag": "e" }));
        assert_eq!(output, json!({ "Body": "hi", "ChecksumCRC32": "x", "ETag": "e" }));
        let put = action("s3", "putObject").expect("is there");
        let input = put.input(&json!({ "Body": { "a": 1 }, "Key": 5 })).expect("fits");
        assert_eq!(input, json!({ "Body": BASE64.encode(r#"{"a":1}"#), "Key": "5" }));
        let input = put.input(&json!({ "Body": "text" })).expect("fits");
        assert_eq!(input, json!({ "Body": BASE64.encode("\"text\"") }));
    }

    #[test]
    fn errors_are_named_as_tasks_see_them() {
        let name = |service, code| error_name(crate::service(service).expect("is there"), code);
        assert_eq!(name("stepfunctions", "InvalidToken"), "Sfn.InvalidTokenException");
        assert_eq!(name("s3", "NoSuchKey"), "S3.NoSuchKeyException");
        assert_eq!(name("iam", "NoSuchEntity"), "Iam.NoSuchEntityException");
        let unmodelled = name("secretsmanager", "ValidationException");
        assert_eq!(unmodelled, "SecretsManager.SecretsManagerException");
        assert!(action("sfn", "StartExecution").is_none());
        assert!(action("nobody", "startExecution").is_none());
    }
}
