//! From a value as the model names it to the JSON of an answer.

use std::io::{self, Write};

use serde_json::Value;

use crate::conform::Naming;
use crate::service::Service;
use crate::shape::{Kind, Location, ShapeId};
use crate::timestamp::{self, Format};

/// Writes a value: members by their wire names, without those the model does not know and without
/// nulls, instants as epoch seconds.
///
/// ```
/// use models::conform::Naming;
/// let states = models::service("stepfunctions").unwrap();
/// let output = states.operation("StartExecution").unwrap().output.unwrap();
/// let members = serde_json::json!({ "executionArn": "arn", "startDate": 1.5, "stray": null });
/// let json = models::json::encode(states, output, Naming::Member, &members);
/// assert_eq!(json, br#"{"executionArn":"arn","startDate":1.5}"#);
/// ```
pub fn encode(service: &Service, shape: ShapeId, naming: Naming, value: &Value) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    // Writing to memory does not fail.
    let _ = write(service, shape, naming, value, &mut out);
    out
}

fn write(
    service: &Service,
    shape: ShapeId,
    naming: Naming,
    value: &Value,
    out: &mut Vec<u8>,
) -> io::Result<()> {
    match (&service.shape(shape).kind, value) {
        (Kind::Structure(structure), Value::Object(members)) => {
            out.push(b'{');
            let mut first = true;
            for (name, value) in members.iter().filter(|(_, value)| !value.is_null()) {
                let Some(member) = structure.member(name) else { continue };
                let wire_name = match naming {
                    Naming::Member => &*member.name,
                    Naming::Wire if member.location == Location::Body => member.wire_name(),
                    Naming::Wire => continue,
                };
                separate(&mut first, out);
                serde_json::to_writer(&mut *out, wire_name)?;
                out.push(b':');
                match (&service.shape(member.shape).kind, member.timestamp_format) {
                    (Kind::Timestamp(_), Some(format)) => instant(value, format, out)?,
                    _ => write(service, member.shape, naming, value, out)?,
                }
            }
            out.push(b'}');
        }
        (Kind::List { member, .. }, Value::Array(items)) => {
            out.push(b'[');
            let mut first = true;
            for item in items {
                separate(&mut first, out);
                write(service, member.shape, naming, item, out)?;
            }
            out.push(b']');
        }
        (Kind::Map { value: held, .. }, Value::Object(entries)) => {
            out.push(b'{');
            let mut first = true;
            for (key, item) in entries.iter().filter(|(_, item)| !item.is_null()) {
                separate(&mut first, out);
                serde_json::to_writer(&mut *out, key)?;
                out.push(b':');
                write(service, held.shape, naming, item, out)?;
            }
            out.push(b'}');
        }
        (Kind::Timestamp(format), value) => {
            instant(value, format.unwrap_or(Format::Unix), out)?;
        }
        (_, value) => serde_json::to_writer(out, value)?,
    }
    Ok(())
}

fn instant(value: &Value, format: Format, out: &mut Vec<u8>) -> io::Result<()> {
    match (timestamp::of_value(value), format) {
        (Some(seconds), Format::Unix) => {
            serde_json::to_writer(out, &timestamp::to_value(seconds))?;
        }
        (Some(seconds), format) => write!(out, "\"{}\"", timestamp::print(seconds, format))?,
        (None, _) => serde_json::to_writer(out, value)?,
    }
    Ok(())
}

fn separate(first: &mut bool, out: &mut Vec<u8>) {
    if !std::mem::take(first) {
        out.push(b',');
    }
}
