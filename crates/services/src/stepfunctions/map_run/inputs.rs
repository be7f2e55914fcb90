//! What a run would give to its children, without a run: for a Map state under test.

use std::io::Cursor;
use std::sync::Arc;

use asl::definition::{ItemReader, Map};
use asl::{Definition, Failure, MapRunSpec, Moment};
use serde_json::Value;

use super::reader::{Format, Items, place};
use super::source::Source;

/// The inputs of all children.
pub(in super::super) struct Inputs {
    /// After ItemSelector, if there is one.
    pub selected: Option<Value>,
    /// After ItemBatcher, if there is one.
    pub batched: Option<Value>,
}

/// The items in a text that stands for the object that an ItemReader would read: an array, or an
/// object whose members are the items.
///
/// # Errors
/// What a run would fail with.
pub(in super::super) fn read(reader: &ItemReader, text: &str) -> Result<Value, Failure> {
    let rows = Format::of(reader).text_rows(Box::new(Cursor::new(text.to_owned())))?;
    let rows: Vec<(Option<String>, Value)> = rows.collect::<Result<_, _>>()?;
    Ok(match rows.first() {
        Some((Some(_), _)) => {
            rows.into_iter().map(|(key, value)| (key.unwrap_or_default(), value)).collect()
        }
        _ => rows.into_iter().map(|(_, value)| value).collect(),
    })
}

/// Selects and batches all items.
///
/// # Errors
/// What a run would fail with.
pub(in super::super) fn of(
    spec: &MapRunSpec,
    definition: &Arc<Definition>,
    map: &Map,
    items: &Value,
    moment: Moment,
    input_bytes_max: usize,
) -> Result<Inputs, Failure> {
    let distributed = map.distributed.as_ref();
    let reader = distributed.and_then(|map| map.item_reader.as_ref());
    let inputs = |spec: MapRunSpec| {
        let mut given = Items::of_value(items.clone());
        if let Some(reader) = reader {
            let (bucket, key) = place(reader, &spec)?;
            given = given.read_from(&bucket, key.as_deref(), &spec);
        }
        Source::all(given, Arc::new(spec), definition.clone(), moment, input_bytes_max)
            .map(Value::Array)
    };
    let plain =
        MapRunSpec { max_items_per_batch: None, max_input_bytes_per_batch: None, ..spec.clone() };
    let selected = map.item_selector.as_ref().map(|_| inputs(plain)).transpose()?;
    let batcher = distributed.and_then(|map| map.item_batcher.as_ref());
    let batched = batcher.map(|_| inputs(spec.clone())).transpose()?;
    Ok(Inputs { selected, batched })
}
