//! States tested by themselves: `tests/data/test_state.jsonl`.
//!
//! A line has a `state`, its `input`, what the [`Setup`] may have besides, and one of `result` and `error`
//! if the state's work is to be answered. `gives` is all that came of it; `sees` what must be among the
//! intermediate values; `blind` what must not.

use std::sync::Arc;

use asl::test_state::{Inspection, Outcome, Progress, Setup, StateTest, Tested};
use asl::{Data, Definition, Failure, Header, Moment, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    about: String,
    state: Value,
    #[serde(default)]
    input: Value,
    #[serde(default)]
    variables: serde_json::Map<String, Value>,
    context: Option<Value>,
    #[serde(default)]
    retries: u32,
    #[serde(default)]
    failed_iterations: u64,
    items_read: Option<Value>,
    result: Option<Value>,
    error: Option<[Option<String>; 2]>,
    gives: Value,
    #[serde(default)]
    sees: Value,
    #[serde(default)]
    blind: Vec<String>,
}

#[test]
fn a_state_by_itself_does_what_it_does_in_an_execution() {
    for line in include_str!("../data/test_state.jsonl").lines() {
        let case: Case =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        let tested = run(&case);
        assert_eq!(told(&tested), case.gives, "{}", case.about);
        let seen = shown(&tested.inspection);
        for (name, expected) in case.sees.as_object().into_iter().flatten() {
            assert_eq!(seen.get(name), Some(expected), "{}: {name}", case.about);
        }
        for name in &case.blind {
            assert_eq!(seen.get(name), None, "{}: {name}", case.about);
        }
    }
}

fn run(case: &Case) -> Tested {
    let definition = Definition::parse_state(&case.state.to_string(), "S")
        .unwrap_or_else(|error| panic!("{}: {error}", case.about));
    let setup = Setup {
        header: Header { name: "e".to_owned(), express: true, ..Header::default() },
        input: case.input.clone().into(),
        variables: case.variables.iter().map(|(k, v)| (k.clone(), v.clone().into())).collect(),
        context: case.context.clone(),
        name_in_context: None,
        retries: case.retries,
        failed_iterations: case.failed_iterations,
        items_read: case.items_read.clone().map(Data::from),
    };
    let moment = Moment { now: Timestamp(0), seed: 1 };
    let mut test = StateTest::new(Arc::new(definition), "S", setup).expect("the state is there");
    let answer = match (&case.result, &case.error) {
        (Some(result), _) => Ok(result.clone().into()),
        (None, Some([error, cause])) => Err(Failure { error: error.clone(), cause: cause.clone() }),
        (None, None) => match test.enter(moment) {
            Progress::Done(tested) => return *tested,
            asks => panic!("{}: awaits an answer: {asks:?}", case.about),
        },
    };
    match test.enter(moment) {
        Progress::Done(tested) => *tested,
        Progress::Task(_) | Progress::Children(_) => test.answer(answer, moment),
    }
}

fn told(tested: &Tested) -> Value {
    let mut told = match &tested.outcome {
        Outcome::Succeeded { output, next } => json!({ "output": output.value(), "next": next }),
        Outcome::Failed(failure) => json!({ "failed": [failure.error, failure.cause] }),
        Outcome::Retriable(failure) => json!({ "retriable": [failure.error, failure.cause] }),
        Outcome::Caught { failure, output, next } => json!({
            "caught": [failure.error, failure.cause], "output": output.value(), "next": next
        }),
    };
    for (name, data) in &tested.variables {
        told["variables"][name] = data.value().clone();
    }
    told
}

fn shown(seen: &Inspection) -> serde_json::Map<String, Value> {
    let value = |data: &Option<Data>| data.as_ref().map(|data| data.value().clone());
    let text = |data: &Option<Data>| data.as_ref().map(|data| Value::from(data.text()));
    let members = [
        ("after_input_path", value(&seen.after_input_path)),
        ("after_parameters", value(&seen.after_parameters)),
        ("after_arguments", value(&seen.after_arguments)),
        ("result", value(&seen.result)),
        ("after_result_selector", value(&seen.after_result_selector)),
        ("after_result_path", value(&seen.after_result_path)),
        ("after_items_path", text(&seen.after_items_path)),
        ("after_item_selector", value(&seen.after_item_selector)),
        ("tolerated_failure_count", seen.tolerated_failure_count.map(Value::from)),
        ("tolerated_failure_percentage", seen.tolerated_failure_percentage.map(Value::from)),
        ("max_concurrency", seen.max_concurrency.map(Value::from)),
        ("retry_index", seen.retry_index.map(Value::from)),
        ("retry_backoff_seconds", seen.retry_backoff_seconds.map(Value::from)),
        ("catch_index", seen.catch_index.map(Value::from)),
    ];
    members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

#[test]
fn any_state_of_a_machine_can_be_tested() {
    let machine = r#"{"StartAt": "P", "States": {
        "P": {"Type": "Parallel", "End": true, "Branches": [{"StartAt": "M", "States": {
            "M": {"Type": "Map", "End": true, "ItemProcessor": {"StartAt": "Deep", "States": {
                "Deep": {"Type": "Pass", "Result": 5, "End": true}}}}}}]}}}"#;
    let definition = Arc::new(Definition::parse(machine).expect("is valid"));
    let test = |name: &str| StateTest::new(definition.clone(), name, Setup::default());
    assert!(test("P").is_some() && test("M").is_some() && test("None").is_none());
    let moment = Moment { now: Timestamp(0), seed: 1 };
    match test("Deep").expect("is there").enter(moment) {
        Progress::Done(tested) => assert_eq!(told(&tested), json!({"output": 5, "next": null})),
        other => panic!("{other:?}"),
    }
    // What awaits nothing takes no answer.
    let mut deep = test("Deep").expect("is there");
    deep.enter(moment);
    let tested = deep.answer(Ok(Data::default()), moment);
    assert!(matches!(tested.outcome, Outcome::Failed(_)), "{tested:?}");
}

#[test]
fn items_are_shown_as_the_input_has_them() {
    let state = r#"{"Type": "Map", "ItemsPath": "$.list[1]", "End": true, "ItemProcessor": {
        "StartAt": "A", "States": {"A": {"Type": "Succeed"}}}}"#;
    let definition = Arc::new(Definition::parse_state(state, "S").expect("is valid"));
    let input = Data::written(r#"{"list": [0, [1,  "two"]]}"#).expect("is JSON");
    let mut test =
        StateTest::new(definition, "S", Setup { input, ..Setup::default() }).expect("is there");
    let moment = Moment { now: Timestamp(0), seed: 1 };
    assert!(matches!(test.enter(moment), Progress::Children(None)));
    let tested = test.answer(Ok(Data::default()), moment);
    let items = tested.inspection.after_items_path.expect("was written down");
    assert_eq!(items.text(), r#"[1,  "two"]"#);
}
