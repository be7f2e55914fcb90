//! Histories recorded on AWS, replayed: the tasks are answered as they were there, and the same
//! events must come of it. Skipped where the recordings are absent; they are no part of the project.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use asl::{Definition, EventKind, Trigger};
use serde_json::{Value, json};

use crate::history;
use crate::world::{Answer, Failed, World};

/// Cases whose definition or course needs more than one execution of the language.
const OTHER: &[&str] = &[
    // Its history stops at the first event: the recording did not wait for the end.
    "test_max_concurrency_path_negative",
    // What it needs is decided outside: whether an activity exists.
    "test_activity_task_on_deleted",
    // The result of its Map run is nowhere in the recording.
    "test_map_state_config_distributed_reentrant",
];

#[test]
fn recorded_histories() {
    let Some(folder) = crate::shared("conformance/cases") else {
        eprintln!("skipped: there are no recorded cases here");
        return;
    };
    let Ok(entries) = std::fs::read_dir(&folder) else {
        eprintln!("skipped: {} cannot be read", folder.display());
        return;
    };
    let mut files: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    files.sort();
    let only = std::env::var("ONLY").unwrap_or_default();
    let (mut passed, mut failed) = (0, Vec::new());
    for file in files {
        let text = std::fs::read_to_string(&file).expect("readable");
        let module: Value = serde_json::from_str(&text).expect("JSON");
        for case in module["cases"].as_array().into_iter().flatten() {
            let id = case["id"].as_str().unwrap_or_default();
            if !id.contains(&only) || OTHER.iter().any(|other| id.contains(other)) {
                continue;
            }
            for (events, step) in histories(case) {
                match replay(case, events, step, !only.is_empty()) {
                    Some(Ok(())) => passed += 1,
                    Some(Err(difference)) => failed.push(format!("{id}\n    {difference}")),
                    None => {}
                }
            }
        }
    }
    eprintln!("{passed} recorded histories replayed, {} differ", failed.len());
    for difference in &failed {
        eprintln!("{difference}");
    }
    if only.is_empty() {
        assert!(passed >= 300 && failed.len() * 15 <= passed, "see above");
    }
}

/// The histories of executions that ended, and the requests that they answered.
fn histories(case: &Value) -> Vec<(&[Value], usize)> {
    if case["kind"] != "execution" {
        return Vec::new();
    }
    let expectations = case["expect"].as_object().into_iter().flatten();
    expectations
        .filter_map(|(_, expectation)| {
            let events = expectation["value"]["events"].as_array()?;
            let ended = matches!(
                events.last()?["type"].as_str()?,
                "ExecutionSucceeded" | "ExecutionFailed" | "ExecutionAborted" | "ExecutionTimedOut"
            );
            let step = expectation["from"]["step"].as_u64()? as usize;
            ended.then_some((events.as_slice(), step))
        })
        .collect()
}

fn replay(case: &Value, events: &[Value], step: usize, show: bool) -> Option<Result<(), String>> {
    let steps = &case["steps"].as_array()?[..step];
    let definition = steps
        .iter()
        .filter(|step| step["call"] == "stepfunctions.CreateStateMachine")
        .filter_map(|step| step["params"]["definition"].get("$json"))
        .next_back()?;
    // Names that only the recording's own requests would fill in.
    let text = fill(&definition.to_string());
    let definition = match Definition::parse(&text) {
        Ok(definition) => Arc::new(definition),
        Err(invalid) => return Some(Err(format!("refused: {invalid}"))),
    };
    let started = steps.iter().rfind(|step| step["call"] == "stepfunctions.StartExecution")?;
    let input = match &started["params"]["input"] {
        Value::Null => json!({}),
        Value::String(text) => serde_json::from_str(&fill(text)).unwrap_or_default(),
        built => serde_json::from_str(&fill(&built["$json"].to_string())).unwrap_or_default(),
    };
    let mut world = World::new(definition, input).with_answers(answers(events));
    if steps.iter().any(|step| step["call"] == "stepfunctions.StopExecution") {
        world.later(1.0, Trigger::Stopped { failure: Failed::default().into() });
    }
    world.run();
    if show {
        eprintln!("{}", history::lines(&world.journal).join("\n"));
    }
    Some(compare(events, &world))
}

fn fill(text: &str) -> String {
    let mut filled = String::new();
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        let Some(length) = rest[start..].find('}') else { break };
        filled.push_str(&rest[..start]);
        let name = &rest[start..start + length];
        filled.push_str(if name.contains("FunctionArn") {
            "arn:aws:lambda:us-east-1:000000000000:function:f"
        } else if name.contains("activityArn") {
            "arn:aws:states:us-east-1:000000000000:activity:a"
        } else {
            "000000000000"
        });
        rest = &rest[start + length + 1..];
    }
    filled + rest
}

fn details(event: &Value) -> Value {
    let members = event.as_object().into_iter().flatten();
    members
        .filter(|(key, _)| key.ends_with("EventDetails"))
        .map(|(_, details)| details.clone())
        .next()
        .unwrap_or_else(|| json!({}))
}

/// JSON in a string, as events carry payloads; the recording has opened objects already.
fn opened(value: &Value) -> Value {
    match value {
        Value::String(text) => serde_json::from_str(text).unwrap_or_else(|_| value.clone()),
        other => other.clone(),
    }
}

/// How the recorded tasks were answered, by the state that asked.
fn answers(events: &[Value]) -> HashMap<String, Vec<Answer>> {
    let mut answers: HashMap<String, Vec<Answer>> = HashMap::new();
    let mut state = String::new();
    let mut waiting: VecDeque<(String, Answer)> = VecDeque::new();
    for event in events {
        let kind = event["type"].as_str().unwrap_or_default();
        let details = details(event);
        if kind.ends_with("StateEntered") {
            state = details["name"].as_str().unwrap_or_default().to_owned();
        } else if kind.ends_with("Scheduled") || kind == "MapRunStarted" {
            waiting.push_back((state.clone(), Answer::default()));
        } else if kind == "TaskSubmitted" {
            if let Some((_, answer)) = waiting.back_mut() {
                answer.submit = Some(opened(&details["output"]));
            }
        } else if matches!(kind, "TaskSucceeded" | "LambdaFunctionSucceeded" | "ActivitySucceeded")
        {
            if let Some((state, mut answer)) = pop(&mut waiting, &state) {
                answer.succeed = Some(opened(&details["output"]));
                answers.entry(state).or_default().push(answer);
            }
        } else if matches!(
            kind,
            "TaskFailed" | "LambdaFunctionFailed" | "ActivityFailed" | "MapRunFailed"
        ) {
            if let Some((state, mut answer)) = pop(&mut waiting, &state) {
                let text = |value: &Value| match value {
                    Value::Null => None,
                    Value::String(text) => Some(text.clone()),
                    other => Some(other.to_string()),
                };
                answer.fail =
                    Some(Failed { error: text(&details["error"]), cause: text(&details["cause"]) });
                answers.entry(state).or_default().push(answer);
            }
        } else if kind.ends_with("TimedOut") {
            if let Some((state, answer)) = pop(&mut waiting, &state) {
                answers.entry(state).or_default().push(answer);
            }
        } else if kind == "MapStateExited"
            && let Some((state, mut answer)) = waiting.pop_front()
        {
            answer.succeed = Some(opened(&details["output"]));
            answers.entry(state).or_default().push(answer);
        }
    }
    answers
}

/// Within a Parallel the recording is sorted, so that an answer may come before its question.
fn pop(waiting: &mut VecDeque<(String, Answer)>, state: &str) -> Option<(String, Answer)> {
    waiting.pop_front().or_else(|| Some((state.to_owned(), Answer::default())))
}

fn compare(expected: &[Value], world: &World) -> Result<(), String> {
    let found: Vec<_> = world.journal.iter().filter(|event| event.id != 0).collect();
    // The recording sorts what is within a Parallel and leaves its ids out.
    let sorted = expected.iter().any(|event| event["id"].is_array());
    if sorted {
        let types = |all: &mut Vec<String>| all.sort();
        let mut wanted: Vec<String> = expected
            .iter()
            .map(|event| plain(event["type"].as_str().unwrap_or_default()))
            .collect();
        let mut got: Vec<String> =
            found.iter().map(|event| plain(&history::describe(&event.kind).0)).collect();
        // It leaves the ends of Parallels out, and all of a nested one's.
        let shown = |kind: &String| !kind.starts_with("ParallelState") || kind.ends_with("Entered");
        got.retain(shown);
        wanted.retain(shown);
        types(&mut wanted);
        types(&mut got);
        return if wanted == got { Ok(()) } else { Err(format!("{wanted:?}\n    {got:?}")) };
    }
    for (expected, found) in expected.iter().zip(&found) {
        let (kind, about) = history::describe(&found.kind);
        let head = format!(
            "{} <- {} {}",
            expected["id"],
            expected["previousEventId"],
            plain(expected["type"].as_str().unwrap_or_default())
        );
        let got = format!("{} <- {} {}", found.id, found.previous, plain(&kind));
        // After a Map run AWS has the one or the other.
        let loose = kind == "MapStateExited"
            && world
                .journal
                .iter()
                .any(|event| matches!(event.kind, EventKind::MapRunStarted { .. }));
        if head != got && !loose {
            return Err(format!(
                "expected {head} {}\n       found {got} {about}",
                details(expected)
            ));
        }
        let expected = details(expected);
        let pairs = [
            ("name", "name"),
            ("input", "input"),
            ("output", "output"),
            ("error", "error"),
            ("cause", "cause"),
            ("location", "location"),
            ("index", "index"),
            ("length", "length"),
            ("parameters", "parameters"),
            ("assignedVariables", "assigned"),
            ("timeoutInSeconds", "timeout"),
            ("heartbeatInSeconds", "heartbeat"),
        ];
        for (theirs, ours) in pairs {
            let theirs = match ours {
                "parameters" if expected[theirs].is_null() => "input",
                _ => theirs,
            };
            let (wanted, got) = (&expected[theirs], &about[ours]);
            let (wanted, got) = if ours == "assigned" {
                (
                    wanted
                        .as_object()
                        .map(|all| {
                            all.iter()
                                .map(|(name, value)| (name.clone(), opened(value)))
                                .collect::<serde_json::Map<_, _>>()
                                .into()
                        })
                        .unwrap_or(Value::Null),
                    got.clone(),
                )
            } else if ours == "cause" || ours == "name" || ours == "error" {
                // JSON in a cause was opened by the recording.
                (wanted.clone(), if wanted.is_object() { opened(got) } else { got.clone() })
            } else {
                (opened(wanted), opened(got))
            };
            let absent = (ours == "input" && kind.ends_with("Scheduled"))
                || (ours == "parameters" && !kind.ends_with("Scheduled"));
            if !absent && !alike(&wanted, &got) {
                return Err(format!("{head} {theirs}:\n    expected {wanted}\n       found {got}"));
            }
        }
    }
    match expected.len() == found.len() {
        true => Ok(()),
        false => Err(format!("{} events expected, {} found", expected.len(), found.len())),
    }
}

/// The families of task events are one kind to the language.
fn plain(kind: &str) -> String {
    kind.replace("LambdaFunction", "Task").replace("Activity", "Task")
}

/// Equal but for what the recording has made a placeholder.
fn alike(wanted: &Value, got: &Value) -> bool {
    match (wanted, got) {
        (Value::String(wanted), got) if is_placeholder(wanted) => !got.is_null(),
        (Value::String(wanted), Value::String(got)) => wanted == got || opened_alike(wanted, got),
        (Value::Array(wanted), Value::Array(got)) => {
            wanted.len() == got.len() && wanted.iter().zip(got).all(|(a, b)| alike(a, b))
        }
        (Value::Object(wanted), Value::Object(got)) => {
            wanted.len() == got.len()
                && wanted.iter().all(|(key, a)| got.get(key).is_some_and(|b| alike(a, b)))
        }
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        _ => wanted == got,
    }
}

fn opened_alike(wanted: &str, got: &str) -> bool {
    match (serde_json::from_str::<Value>(wanted), serde_json::from_str::<Value>(got)) {
        (Ok(wanted), Ok(got)) if !wanted.is_string() => alike(&wanted, &got),
        _ => false,
    }
}

fn is_placeholder(text: &str) -> bool {
    (text.contains('<') && text.contains('>')) || text.contains("111111111111") || text == "date"
}
