//! What an ItemReader would have read, given as it is in its original source.

use asl::Data;
use asl::definition::{Kind, State};
use serde_json::Value;

use crate::Error;

/// What was read.
pub(super) struct Read {
    /// The items.
    pub items: Data,
    /// What `ItemsPointer` selected, if the reader has one.
    pub pointed: Option<Data>,
}

/// Reads the text as the state's ItemReader is configured.
///
/// # Errors
/// A state without a reader, a text that is not in the reader's format, or a format whose source is
/// no text.
pub(super) fn read(state: &State, text: &str) -> Result<Read, Error> {
    let reader = match &state.kind {
        Kind::Map(map) => map.distributed.as_ref().and_then(|map| map.item_reader.as_ref()),
        _ => None,
    };
    let reader = reader.ok_or_else(|| {
        Error::validation("MapItemReaderData is only supported for Map states with an ItemReader.")
    })?;
    let setting = |name: &str| reader.config.get(name).and_then(Value::as_str);
    match setting("InputType").unwrap_or("JSON") {
        "JSON" => {
            let read = Data::written(text).map_err(|_| not_in_format("JSON"))?;
            let pointed = match setting("ItemsPointer") {
                Some(pointer) => Some(
                    read.value()
                        .pointer(pointer)
                        .map(|found| Data::from(found.clone()))
                        .ok_or_else(|| {
                            Error::validation(format!(
                                "MapItemReaderData has nothing at the ItemsPointer '{pointer}'"
                            ))
                        })?,
                ),
                None => None,
            };
            let items = pointed.clone().unwrap_or(read);
            if !items.value().is_array() && !items.value().is_object() {
                return Err(not_in_format("JSON"));
            }
            Ok(Read { items, pointed })
        }
        "JSONL" => {
            let lines = text.lines().filter(|line| !line.trim().is_empty());
            let items: Result<Vec<Value>, _> = lines.map(serde_json::from_str).collect();
            let items = items.map_err(|_| not_in_format("JSONL"))?;
            Ok(Read { items: Value::Array(items).into(), pointed: None })
        }
        other => Err(Error::validation(format!(
            "MapItemReaderData is supported for the input types JSON and JSONL, not {other}"
        ))),
    }
}

fn not_in_format(format: &str) -> Error {
    Error::validation(format!("MapItemReaderData must be valid {format}"))
}
