//! Services through the one door, over a store in memory, a clock of the test's own and the real engine.
//!
//! `scripts/*.json` are lists of steps; what a step may say is at [`Step`].

mod elsewhere;
mod iam;
mod world;

use std::collections::HashMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::{Map, Value};

use services::iam::guard::Mode;
use services::stepfunctions::AccountLimits;
use world::World;

/// One step of a script. Strings may hold `${name}`: what an earlier step saved.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Step {
    /// `stepfunctions.CreateStateMachine`; none only lets the engine work.
    call: Option<String>,
    #[serde(default)]
    params: Value,
    /// Members that must stand in the answer; others may be there too. `"*"` is anything.
    answer: Option<Value>,
    /// Members that must not be in the answer.
    #[serde(default)]
    without: Vec<String>,
    /// `Code: message` of a refusal.
    error: Option<String>,
    /// Name and JSON pointer into the answer.
    #[serde(default)]
    save: HashMap<String, String>,
    /// The caller's access key.
    access_key: Option<String>,
    /// Before the step: let the engine work until nothing is owed.
    #[serde(default)]
    settle: bool,
    /// Before the step: let so many seconds pass.
    #[serde(default)]
    seconds: i64,
}

#[tokio::test]
async fn calls_that_the_audit_log_has_no_room_for_are_counted() {
    const ROOM: u64 = 8192;
    let mut world = World::without_log(Mode::default(), |settings| settings).await;
    for _ in 0..ROOM + 8 {
        world.call(None, "stepfunctions", "ListActivities", Value::Null).await.unwrap();
    }
    world.write_log();
    let asked = serde_json::json!({
        "LookupAttributes": [{ "AttributeKey": "EventName", "AttributeValue": "EventsLost" }],
    });
    let found = world.call(None, "cloudtrail", "LookupEvents", asked).await.unwrap();
    let [lost] = found["Events"].as_array().unwrap().as_slice() else { panic!("{found}") };
    let lost: Value = serde_json::from_str(lost["CloudTrailEvent"].as_str().unwrap()).unwrap();
    assert_eq!(lost["serviceEventDetails"]["eventsLost"], 8);
}

#[tokio::test]
async fn scripts() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts");
    let mut ran = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let steps: Vec<Step> = serde_json::from_str(&std::fs::read_to_string(&path).unwrap())
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        // `*.enforce.json` runs where IAM's refusals are meant.
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let mode = if name.contains(".enforce.") { Mode::Enforce } else { Mode::default() };
        // `*.few.json` runs where an account may have two of everything.
        let bounds = if name.contains(".few.") { few() } else { AccountLimits::default() };
        let world = World::with(mode, |settings| settings.with_account_limits(bounds)).await;
        let mut saved = HashMap::new();
        for (number, step) in steps.into_iter().enumerate() {
            let place = format!("{} step {number}", path.file_name().unwrap().display());
            run(&world, step, &mut saved, &place).await;
        }
        ran += 1;
    }
    assert!(ran >= 10, "only {ran} scripts were found");
}

#[tokio::test]
async fn a_tested_state_is_held_to_the_configured_limits() {
    let limits = asl::Limits { payload_bytes_max: 20, ..asl::Limits::default() };
    let small = World::with(Mode::default(), |settings| settings.with_limits(limits)).await;
    let state = r#"{"Type": "Pass", "Result": "thirty characters, a few more", "End": true}"#;
    for (world, status) in [(small, "FAILED"), (World::new().await, "SUCCEEDED")] {
        let asked = serde_json::json!({ "definition": state });
        let answer = world.call(None, "stepfunctions", "TestState", asked).await.unwrap();
        assert_eq!(answer["status"], status, "{answer}");
        if status == "FAILED" {
            assert_eq!(answer["error"], "States.DataLimitExceeded");
        }
    }
}

fn few() -> AccountLimits {
    AccountLimits {
        state_machines_max: 2,
        activities_max: 2,
        open_executions_max: 2,
        open_map_runs_max: 2,
        activity_workers_max: 2,
        versions_max: 2,
        aliases_max: 2,
    }
}

#[tokio::test]
async fn so_many_workers_may_ask_for_tasks_of_an_activity() {
    let world = World::with(Mode::default(), |settings| settings.with_account_limits(few())).await;
    let mut arns = Vec::new();
    for name in ["a", "b"] {
        let asked = serde_json::json!({ "name": name });
        let made = world.call(None, "stepfunctions", "CreateActivity", asked).await.unwrap();
        arns.push(serde_json::json!({ "activityArn": made["activityArn"] }));
    }
    let ask = |of: usize| world.call(None, "stepfunctions", "GetActivityTask", arns[of].clone());
    let (mut first, mut second) = (Box::pin(ask(0)), Box::pin(ask(0)));
    assert!(futures::poll!(&mut first).is_pending() && futures::poll!(&mut second).is_pending());
    let refused = ask(0).await.unwrap_err();
    assert_eq!(refused.code, "ActivityWorkerLimitExceeded");
    assert!(futures::poll!(Box::pin(ask(1))).is_pending());
    // Who has gone asks no more.
    drop(first);
    assert!(futures::poll!(Box::pin(ask(0))).is_pending());
}

async fn run(world: &World, step: Step, saved: &mut HashMap<String, String>, place: &str) {
    world.pass(step.seconds);
    if step.settle || step.seconds > 0 {
        world.settle().await;
    }
    let Some(call) = &step.call else { return };
    let (service, operation) = call.split_once('.').unwrap();
    let key = step.access_key.map(|key| filled(key.into(), saved).as_str().unwrap().to_owned());
    let answer = world.call(key, service, operation, filled(step.params, saved)).await;
    let answer = match (answer, step.error) {
        (Ok(answer), None) => answer,
        (Err(error), Some(expected)) => {
            let expected = filled(expected.into(), saved);
            return assert_eq!(error.to_string(), expected.as_str().unwrap(), "{place}: {call}");
        }
        (answer, expected) => panic!("{place}: {call} gave {answer:?}, expected {expected:?}"),
    };
    for (name, pointer) in step.save {
        let found = answer.pointer(&pointer).and_then(Value::as_str);
        let found = found.unwrap_or_else(|| panic!("{place}: no text at {pointer} in {answer}"));
        saved.insert(name, found.to_owned());
    }
    for member in step.without {
        assert!(answer.get(&member).is_none(), "{place}: `{member}` is in {answer}");
    }
    if let Some(expected) = step.answer {
        check(&filled(expected, saved), &answer, place);
    }
}

/// A text that holds JSON is compared as JSON where JSON is expected.
fn check(expected: &Value, found: &Value, place: &str) {
    match (expected, found) {
        (Value::String(any), _) if any == "*" => {}
        (Value::Object(_) | Value::Array(_), Value::String(text)) => {
            let found = serde_json::from_str(text).unwrap_or_else(|_| panic!("{place}: {text}"));
            check(expected, &found, place);
        }
        (Value::Object(expected), Value::Object(found)) => {
            for (name, value) in expected {
                let found = found.get(name).unwrap_or(&Value::Null);
                check(value, found, &format!("{place}/{name}"));
            }
        }
        (Value::Array(expected), Value::Array(found)) => {
            assert_eq!(expected.len(), found.len(), "{place}: {found:?}");
            for (number, (expected, found)) in expected.iter().zip(found).enumerate() {
                check(expected, found, &format!("{place}/{number}"));
            }
        }
        _ => assert_eq!(found, expected, "{place}"),
    }
}

/// With what was saved put in, and `{"$json": …}` as text.
fn filled(value: Value, saved: &HashMap<String, String>) -> Value {
    match value {
        Value::String(mut text) => {
            for (name, value) in saved {
                text = text.replace(&format!("${{{name}}}"), value);
            }
            text.into()
        }
        Value::Array(items) => items.into_iter().map(|item| filled(item, saved)).collect(),
        Value::Object(members) => {
            let members: Map<String, Value> =
                members.into_iter().map(|(name, value)| (name, filled(value, saved))).collect();
            match members.get("$json") {
                Some(json) => json.to_string().into(),
                None => members.into(),
            }
        }
        other => other,
    }
}
