//! The part of a tested state's data that AWS shows, by state type and query language.

use asl::Data;
use asl::definition::{Kind, QueryLanguage, State};
use asl::test_state::Tested;
use serde_json::{Map, Value, json};

/// `inspectionData`: documents as JSON text.
pub(super) fn shown(state: &State, input: &Data, tested: &Tested) -> Value {
    let seen = &tested.inspection;
    let mut data = Map::new();
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            data.insert(name.to_owned(), value);
        }
    };
    let text = |data: &Option<Data>| data.as_ref().map(|data| Value::from(data.text()));
    put("input", Some(input.text().into()));
    let is = Shown::of(state);
    if is.json_path {
        put("afterInputPath", text(&seen.after_input_path).filter(|_| is.input_path));
        put("afterParameters", text(&seen.after_parameters).filter(|_| is.arguments));
        put("afterItemsPath", text(&seen.after_items_path));
        put("afterResultSelector", text(&seen.after_result_selector).filter(|_| is.result_path));
        put("afterResultPath", text(&seen.after_result_path).filter(|_| is.result_path));
    } else {
        put("afterArguments", text(&seen.after_arguments).filter(|_| is.arguments));
    }
    put("result", text(&seen.result).filter(|_| is.result));
    put("afterItemsPointer", text(&seen.after_items_pointer));
    put("afterItemSelector", text(&seen.after_item_selector));
    put("afterItemBatcher", text(&seen.after_item_batcher));
    put("toleratedFailureCount", seen.tolerated_failure_count.map(Value::from));
    put("toleratedFailurePercentage", seen.tolerated_failure_percentage.map(Value::from));
    put("maxConcurrency", seen.max_concurrency.map(Value::from));
    if !tested.variables.is_empty() {
        let variables: Map<String, Value> = tested
            .variables
            .iter()
            .map(|(name, data)| (name.clone(), data.value().clone()))
            .collect();
        put("variables", Some(Value::Object(variables).to_string().into()));
    }
    if seen.retry_index.is_some() || seen.catch_index.is_some() {
        let mut details = json!({});
        let numbers = [
            ("catchIndex", seen.catch_index.map(|index| index as u64)),
            ("retryIndex", seen.retry_index.map(|index| index as u64)),
            ("retryBackoffIntervalSeconds", seen.retry_backoff_seconds),
        ];
        for (name, number) in numbers {
            if let Some(number) = number {
                details[name] = number.into();
            }
        }
        put("errorDetails", Some(details));
    }
    data.into()
}

/// Which of the usual stages AWS shows for a state.
struct Shown {
    json_path: bool,
    input_path: bool,
    /// After Parameters or Arguments.
    arguments: bool,
    result: bool,
    /// After ResultSelector and after ResultPath.
    result_path: bool,
}

impl Shown {
    fn of(state: &State) -> Shown {
        let json_path = state.query_language == QueryLanguage::JsonPath;
        let (input_path, arguments, result, result_path) = match &state.kind {
            Kind::Pass(_) | Kind::Task(_) => (true, true, true, true),
            Kind::Map(_) => (true, false, false, true),
            Kind::Parallel(_) => (false, false, false, true),
            Kind::Choice(_) | Kind::Wait(_) | Kind::Succeed | Kind::Fail(_) => {
                (true, false, false, false)
            }
        };
        Shown { json_path, input_path, arguments, result, result_path }
    }
}
