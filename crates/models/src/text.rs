//! Single values as text: in headers, paths, queries and query-protocol forms.

use serde_json::Value;

use crate::conform::Malformed;
use crate::service::Service;
use crate::shape::{Kind, ShapeId};
use crate::timestamp::{self, Format};

/// The value that text means for a shape that is no structure, list or map.
///
/// # Errors
/// [`Malformed`] when the text is none of the shape's.
pub fn value_of(service: &Service, shape: ShapeId, text: &str) -> Result<Value, Malformed> {
    let malformed =
        |expected: &str| Malformed(format!("'{text}' can not be converted to {expected}"));
    Ok(match &service.shape(shape).kind {
        Kind::String { .. } | Kind::Blob => Value::from(text),
        Kind::Integer => Value::from(text.parse::<i32>().map_err(|_| malformed("an Integer"))?),
        Kind::Long => Value::from(text.parse::<i64>().map_err(|_| malformed("a Long"))?),
        Kind::Float | Kind::Double => match text {
            "NaN" | "Infinity" | "-Infinity" => Value::from(text),
            _ => {
                let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
                Value::from(number.ok_or_else(|| malformed("a Double"))?)
            }
        },
        Kind::Boolean => match text {
            "true" | "True" => Value::from(true),
            "false" | "False" => Value::from(false),
            _ => return Err(malformed("a Boolean")),
        },
        Kind::Timestamp(_) => {
            let seconds = timestamp::parse(text).ok_or_else(|| malformed("a Timestamp"))?;
            timestamp::to_value(seconds)
        }
        Kind::Structure(_) | Kind::List { .. } | Kind::Map { .. } | Kind::Document => {
            return Err(malformed("a structure"));
        }
    })
}

/// A single value as text; none for nulls, lists and objects. `format` is how the protocol writes an
/// instant here if the model does not say.
pub fn text_of(service: &Service, shape: ShapeId, format: Format, value: &Value) -> Option<String> {
    match (&service.shape(shape).kind, value) {
        (Kind::Timestamp(own), value) if !value.is_null() => {
            let print = |seconds| timestamp::print(seconds, own.unwrap_or(format));
            Some(match timestamp::of_value(value) {
                Some(seconds) => print(seconds),
                None => value.as_str()?.to_owned(),
            })
        }
        (_, Value::String(text)) => Some(text.clone()),
        (_, Value::Bool(_) | Value::Number(_)) => Some(value.to_string()),
        (_, Value::Null | Value::Array(_) | Value::Object(_)) => None,
    }
}
