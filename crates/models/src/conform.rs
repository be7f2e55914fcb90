//! From a client's JSON to a value as the model names it: unknown members and nulls go, types are
//! checked, instants become epoch seconds.

use serde_json::{Map, Number, Value};

use crate::service::Service;
use crate::shape::{Kind, Location, ShapeId};
use crate::timestamp;

/// How the client names members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Naming {
    /// As the model does (awsJson).
    Member,
    /// By `locationName` (rest-json).
    Wire,
}

/// A JSON type that does not fit; the text is AWS's (`SerializationException`).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Malformed(pub String);

/// Brings JSON into the model's form, in place.
///
/// ```
/// use models::conform::{Naming, conform};
/// let states = models::service("stepfunctions").unwrap();
/// let input = states.operation("ListExecutions").unwrap().input.unwrap();
/// let mut value = serde_json::json!({ "maxResults": 5.0, "nextToken": null, "nonsense": 1 });
/// conform(states, input, Naming::Member, &mut value).unwrap();
/// assert_eq!(value, serde_json::json!({ "maxResults": 5 }));
/// value["maxResults"] = "five".into();
/// let error = conform(states, input, Naming::Member, &mut value).unwrap_err();
/// assert_eq!(error.to_string(), "STRING_VALUE can not be converted to an Integer");
/// ```
///
/// # Errors
/// [`Malformed`] for the first value of a wrong type.
pub fn conform(
    service: &Service,
    shape: ShapeId,
    naming: Naming,
    value: &mut Value,
) -> Result<(), Malformed> {
    match &service.shape(shape).kind {
        Kind::Structure(structure) => {
            let Value::Object(given) = value else { return Err(unexpected(value, "structure")) };
            let mut stray = false;
            for (name, value) in given.iter_mut() {
                let member = structure.members.iter().find(|member| match naming {
                    Naming::Member => *member.name == **name,
                    Naming::Wire => member.wire_name() == name && member.location == Location::Body,
                });
                match member {
                    Some(member) if !value.is_null() => {
                        conform(service, member.shape, naming, value)?;
                        stray |= *member.name != **name;
                    }
                    _ => {
                        *value = Value::Null;
                        stray = true;
                    }
                }
            }
            if stray {
                let named = std::mem::take(given).into_iter().filter(|(_, value)| !value.is_null());
                *given = named
                    .map(|(name, value)| {
                        let member = structure
                            .members
                            .iter()
                            .find(|member| naming == Naming::Wire && member.wire_name() == name);
                        (member.map_or(name, |member| member.name.to_string()), value)
                    })
                    .collect::<Map<_, _>>();
            }
        }
        Kind::List { member, .. } => {
            let Value::Array(items) = value else { return Err(unexpected(value, "list")) };
            for item in items.iter_mut().filter(|item| !item.is_null()) {
                conform(service, member.shape, naming, item)?;
            }
        }
        Kind::Map { value: held, .. } => {
            let Value::Object(items) = value else { return Err(unexpected(value, "map")) };
            for item in items.values_mut().filter(|item| !item.is_null()) {
                conform(service, held.shape, naming, item)?;
            }
        }
        Kind::String { .. } | Kind::Blob if value.is_string() => {}
        Kind::String { .. } => return Err(unexpected(value, "a String")),
        Kind::Blob => return Err(unexpected(value, "a ByteBuffer")),
        Kind::Integer => whole(value, i64::from(i32::MIN)..=i64::from(i32::MAX), "an Integer")?,
        Kind::Long => whole(value, i64::MIN..=i64::MAX, "a Long")?,
        Kind::Float | Kind::Double => match value {
            Value::Number(_) => {}
            Value::String(text) if matches!(text.as_str(), "NaN" | "Infinity" | "-Infinity") => {}
            _ => return Err(unexpected(value, "a Double")),
        },
        Kind::Boolean if value.is_boolean() => {}
        Kind::Boolean => return Err(unexpected(value, "a Boolean")),
        Kind::Timestamp(_) => match timestamp::of_value(value) {
            Some(seconds) => *value = timestamp::to_value(seconds),
            None => return Err(unexpected(value, "a Timestamp")),
        },
        Kind::Document => {}
    }
    Ok(())
}

fn whole(
    value: &mut Value,
    range: std::ops::RangeInclusive<i64>,
    expected: &str,
) -> Result<(), Malformed> {
    let number = match value.as_i64() {
        Some(number) => Some(number),
        None => value
            .as_f64()
            .filter(|number| number.fract() == 0.0 && number.abs() < 9.2e18)
            .map(|number| number as i64),
    };
    match number.filter(|number| range.contains(number)) {
        Some(number) => {
            if !value.is_i64() {
                *value = Value::Number(Number::from(number));
            }
            Ok(())
        }
        None => Err(unexpected(value, expected)),
    }
}

fn unexpected(value: &Value, expected: &str) -> Malformed {
    Malformed(match (value, expected) {
        (_, "list") => "Expected list or null".to_owned(),
        (_, "map") => "Expected map or null".to_owned(),
        (_, "structure") => "Unexpected token where a structure was expected".to_owned(),
        (Value::Object(_), _) => "Start of structure or map found where not expected.".to_owned(),
        (Value::Array(_), _) => "Start of list found where not expected.".to_owned(),
        (Value::String(_), _) => format!("STRING_VALUE can not be converted to {expected}"),
        (Value::Number(_), _) => format!("NUMBER_VALUE can not be converted to {expected}"),
        (Value::Bool(true), _) => format!("TRUE_VALUE can not be converted to {expected}"),
        (Value::Bool(false), _) => format!("FALSE_VALUE can not be converted to {expected}"),
        (Value::Null, _) => format!("NULL_VALUE can not be converted to {expected}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn conformed(operation: &str, mut value: Value) -> Result<Value, String> {
        let service = crate::service("stepfunctions").expect("is there");
        let input = service.operation(operation).and_then(|operation| operation.input);
        conform(service, input.expect("has input"), Naming::Member, &mut value)
            .map(|()| value)
            .map_err(|error| error.0)
    }

    #[test]
    fn wrong_types_are_told_in_awss_words() {
        let cases = [
            (json!({ "name": 1 }), "NUMBER_VALUE can not be converted to a String"),
            (json!({ "name": {} }), "Start of structure or map found where not expected."),
            (json!({ "publish": "yes" }), "STRING_VALUE can not be converted to a Boolean"),
            (json!({ "tags": {} }), "Expected list or null"),
            (json!([]), "Unexpected token where a structure was expected"),
        ];
        for (value, message) in cases {
            assert_eq!(conformed("CreateStateMachine", value), Err(message.to_owned()));
        }
        let fraction = conformed("ListExecutions", json!({ "maxResults": 1.5 }));
        assert_eq!(fraction, Err("NUMBER_VALUE can not be converted to an Integer".to_owned()));
        assert!(conformed("ListExecutions", json!({ "maxResults": 4294967296_i64 })).is_err());
    }

    #[test]
    fn known_members_keep_their_order() {
        let value =
            json!({ "roleArn": "r", "x": 1, "name": "n", "tags": [{ "key": "k", "y": null }] });
        let value = conformed("CreateStateMachine", value).expect("fits");
        assert_eq!(value.to_string(), r#"{"roleArn":"r","name":"n","tags":[{"key":"k"}]}"#);
    }
}
