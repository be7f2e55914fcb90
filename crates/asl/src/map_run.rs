//! The run of a Distributed Map, apart from the execution that asked for it: everything that was
//! evaluated when the state was entered, and what is evaluated for each item.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::definition::{Body, Kind, Map};
use crate::event::Tolerance;
use crate::expression::{Budget, EvaluationError, LazyContext, Scope, Variables};
use crate::{Data, Definition, Failure, Moment, Name};

/// What a run is to do. Made when the state was entered, so that nothing of the state is evaluated
/// twice, whenever the run is taken up again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MapRunSpec {
    /// The run's ARN.
    pub map_run_arn: String,
    /// The Map state.
    pub state: Name,
    /// The id of its StateEntered, for AWS's texts.
    pub entered_id: u64,
    /// The state's effective input (after InputPath): what ItemSelector sees.
    pub input: Data,
    /// The context object, without the item.
    pub context: Data,
    /// The variables that the state sees.
    pub variables: Vec<(String, Data)>,
    /// The items, unless an ItemReader reads them: an array, or an object whose members are the items.
    pub items: Option<Data>,
    /// `Parameters` or `Arguments` of the ItemReader.
    pub reader_arguments: Option<Data>,
    /// `MaxItems(Path)`; 0 and none are no bound.
    pub max_items: Option<u64>,
    /// `MaxItemsPerBatch(Path)`.
    pub max_items_per_batch: Option<u64>,
    /// `MaxInputBytesPerBatch(Path)`.
    pub max_input_bytes_per_batch: Option<u64>,
    /// `BatchInput`.
    pub batch_input: Option<Data>,
    /// `Parameters` or `Arguments` of the ResultWriter.
    pub writer_arguments: Option<Data>,
    /// How many children run at once; 0 is no bound of the user's.
    pub max_concurrency: u64,
    /// How many failed items do not fail the run.
    pub tolerance: Tolerance,
    /// How often the run was redriven, this time included: above 0, only what had not succeeded
    /// is run again.
    pub redrive_count: u32,
}

/// An item of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct MapItem {
    /// Its place, from 0.
    pub index: u64,
    /// The member's name, when the items are an object's members.
    pub key: Option<String>,
    /// The item.
    pub value: Value,
}

impl MapRunSpec {
    /// What the item's child gets, or its batch holds: the item after ItemSelector. `source` is the
    /// context object's `Map.Item.Source`: `STATE_DATA`, `S3://bucket/key`.
    ///
    /// # Errors
    /// What the run fails with.
    pub fn select(
        &self,
        map: &Map,
        item: MapItem,
        source: &str,
        moment: Moment,
    ) -> Result<Value, Failure> {
        let Some(selector) = &map.item_selector else {
            return Ok(match item.key {
                Some(key) => json!({"Key": key, "Value": item.value}),
                None => item.value,
            });
        };
        let make = || self.context_of(&item, source);
        let scope = Scope {
            input: self.input.value(),
            context: &LazyContext::new(&make),
            variables: &Assigned(&self.variables),
            result: None,
            error_output: None,
            moment: moment.apart(item.index),
            budget: &Budget::default(),
        };
        selector.evaluate(&scope, "ItemSelector").map_err(|error| self.failure(error))
    }

    fn context_of(&self, item: &MapItem, source: &str) -> Value {
        let mut context = self.context.value().clone();
        let mut shown = serde_json::Map::new();
        shown.insert("Index".into(), item.index.into());
        if let Some(key) = &item.key {
            shown.insert("Key".into(), key.as_str().into());
        }
        shown.insert("Value".into(), item.value.clone());
        shown.insert("Source".into(), source.into());
        if let Value::Object(members) = &mut context {
            members.insert("Map".into(), json!({"Item": shown}));
        }
        context
    }

    fn failure(&self, error: EvaluationError) -> Failure {
        let cause = format!(
            "An error occurred while executing the state '{}' (entered at the event id #{}). {}",
            self.state, self.entered_id, error.cause
        );
        Failure { error: Some(error.error.to_owned()), cause: Some(cause) }
    }
}

struct Assigned<'a>(&'a [(String, Data)]);

impl Variables for Assigned<'_> {
    fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, data)| data.value())
    }
}

impl Definition {
    /// The Distributed Map of this name, wherever it stands in the definition.
    pub fn distributed_map(&self, state: &str) -> Option<&Map> {
        find(&self.body, state)
    }
}

fn find<'d>(body: &'d Body, name: &str) -> Option<&'d Map> {
    body.states.values().find_map(|state| match &state.kind {
        Kind::Map(map) if &*state.name == name && map.distributed.is_some() => Some(&**map),
        Kind::Map(map) => find(&map.processor, name),
        Kind::Parallel(parallel) => parallel.branches.iter().find_map(|branch| find(branch, name)),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timestamp;

    const MACHINE: &str = r#"{"StartAt": "P", "States": {"P": {"Type": "Parallel", "End": true, "Branches": [
        {"StartAt": "M", "States": {"M": {"Type": "Map", "End": true,
            "ItemSelector": {"v.$": "$$.Map.Item.Value", "i.$": "$$.Map.Item.Index", "from.$": "$$.Map.Item.Source",
                             "n.$": "$.n", "w.$": "$w", "name.$": "$$.Execution.Name"},
            "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
                              "StartAt": "A", "States": {"A": {"Type": "Succeed"}}}}}}]}}}"#;

    fn spec() -> MapRunSpec {
        MapRunSpec {
            map_run_arn: "run".to_owned(),
            state: "M".into(),
            entered_id: 4,
            input: json!({"n": 7}).into(),
            context: json!({"Execution": {"Name": "e"}}).into(),
            variables: vec![("w".to_owned(), json!("variable").into())],
            items: None,
            reader_arguments: None,
            max_items: None,
            max_items_per_batch: None,
            max_input_bytes_per_batch: None,
            batch_input: None,
            writer_arguments: None,
            max_concurrency: 0,
            tolerance: Tolerance::default(),
            redrive_count: 0,
        }
    }

    #[test]
    fn an_item_is_selected_from_input_context_and_variables() {
        let definition = Definition::parse(MACHINE).unwrap();
        let map = definition.distributed_map("M").unwrap();
        let item = MapItem { index: 3, key: None, value: json!("x") };
        let moment = Moment { now: Timestamp(0), seed: 1 };
        let selected = spec().select(map, item, "S3://b/k", moment).unwrap();
        assert_eq!(
            selected,
            json!({"v": "x", "i": 3, "from": "S3://b/k", "n": 7, "w": "variable", "name": "e"})
        );
    }

    #[test]
    fn a_selector_that_fails_says_where() {
        let machine = MACHINE.replace("$.n\"", "$.missing\"");
        let definition = Definition::parse(&machine).unwrap();
        let map = definition.distributed_map("M").unwrap();
        let item = MapItem { index: 0, key: None, value: json!(0) };
        let moment = Moment { now: Timestamp(0), seed: 1 };
        let failure = spec().select(map, item, "STATE_DATA", moment).unwrap_err();
        let cause = failure.cause.unwrap();
        let begins =
            "An error occurred while executing the state 'M' (entered at the event id #4). ";
        assert!(cause.starts_with(begins), "{cause}");
    }
}
