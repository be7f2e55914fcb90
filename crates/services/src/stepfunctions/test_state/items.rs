//! The items of a Map under test: what its ItemReader would have read, what its children would be given.

use std::sync::Arc;

use asl::definition::{ItemReader, Kind, State};
use asl::test_state::Inspection;
use asl::{Data, Definition, Failure, MapRunSpec, Moment};

use super::super::map_run;
use crate::Error;

/// Reads a text as it is in the reader's original source. A text that the reader could not read makes
/// the state fail, as it would in a run.
///
/// # Errors
/// A state without an ItemReader.
pub(super) fn read(state: &State, text: &str) -> Result<Result<Data, Failure>, Error> {
    let reader = reader(state).ok_or_else(|| {
        Error::validation("MapItemReaderData is only supported for Map states with an ItemReader.")
    })?;
    Ok(map_run::read(reader, text).map(Data::from))
}

/// Writes down what was read and what the children of a Distributed Map would be given.
///
/// # Errors
/// What the run would fail with.
pub(super) fn inspect(
    state: &State,
    definition: &Arc<Definition>,
    spec: &MapRunSpec,
    read: Option<&Data>,
    moment: Moment,
    input_bytes_max: usize,
) -> Result<Inspection, Failure> {
    let mut seen = Inspection::default();
    let Kind::Map(map) = &state.kind else { return Ok(seen) };
    if reader(state).is_some_and(|reader| reader.config.get("ItemsPointer").is_some()) {
        seen.after_items_pointer = read.cloned();
    }
    if let Some(items) = read.or(spec.items.as_ref()) {
        let items = items.value();
        let inputs = map_run::inputs_of(spec, definition, map, items, moment, input_bytes_max)?;
        seen.after_item_selector = inputs.selected.map(Data::from);
        seen.after_item_batcher = inputs.batched.map(Data::from);
    }
    Ok(seen)
}

fn reader(state: &State) -> Option<&ItemReader> {
    match &state.kind {
        Kind::Map(map) => map.distributed.as_ref()?.item_reader.as_ref(),
        _ => None,
    }
}
