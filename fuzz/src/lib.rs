//! What is fuzzed, each a function of some bytes that must return soon: the parser of definitions, JSONPath,
//! JSONata in both dialects, intrinsic functions, and what decodes requests by AWS's models.
//!
//! libFuzzer and the driver `mutate` call the same functions.

use std::sync::{Arc, OnceLock};

use asl::expression::{Budget, Jsonata, LazyContext, Path, Scope, Variables};
use asl::{
    Command, Data, Definition, Execution, Failure, Header, Moment, Status, Timestamp, Trigger,
    intrinsics, jsonata,
};
use serde_json::{Map, Value, json};

/// A function of some bytes.
pub type Target = fn(&[u8]);

/// Every target, by name.
pub const TARGETS: [(&str, Target); 5] = [
    ("definition", definition),
    ("jsonpath", jsonpath),
    ("jsonata", jsonata),
    ("intrinsic", intrinsic),
    ("protocol", protocol),
];

/// Whether libFuzzer drives.
const LIBFUZZER: bool = cfg!(feature = "libfuzzer");

const MOMENT: Moment = Moment { now: Timestamp(1_700_000_000_000), seed: 1 };

/// A definition is refused, or its execution runs on until it waits for something that never comes.
pub fn definition(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let _ = Definition::parse_stored(text);
    let _ = Definition::parse_state(text, "State");
    let Ok(definition) = Definition::parse(text) else { return };
    definition.variable_references();
    let header = Arc::new(Header { input: Data::from(input().clone()), ..Header::default() });
    let mut execution = Execution::new(Arc::new(definition), header);
    let mut triggers = vec![Trigger::Started];
    for _ in 0..200 {
        let Some(trigger) = triggers.pop() else { break };
        for command in execution.step(trigger, MOMENT).commands {
            triggers.push(match command {
                Command::Continue => Trigger::Continue,
                Command::SetTimer { timer, .. } => Trigger::TimerFired { timer },
                Command::ScheduleTask(task) if task.task.0 % 3 == 0 => Trigger::TaskFailed {
                    task: task.task,
                    phase: asl::event::FailedPhase::Run,
                    failure: Failure { error: Some("Odd".into()), cause: None },
                },
                Command::ScheduleTask(task) => {
                    Trigger::TaskSucceeded { task: task.task, output: task.parameters }
                }
                _ => continue,
            });
        }
    }
    assert!(execution.status() <= Status::Aborted);
}

/// A path that is read is looked up.
pub fn jsonpath(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(path) = Path::parse(text) {
        with_scope(|scope| {
            let _ = path.evaluate(scope, "InputPath");
            let _ = path.find(scope);
        });
    }
}

/// An expression that compiles is evaluated; the evaluator must not even panic where panics are caught. libFuzzer ends
/// at any panic by itself, and soon writes an expression whose own error quotes the words looked for here.
pub fn jsonata(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(compiled) = Jsonata::compile(text) {
        with_scope(|scope| {
            if let Err(error) = compiled.evaluate(scope, "Output") {
                assert!(LIBFUZZER || !error.cause.contains("internal error"), "{}", error.cause);
            }
        });
    }
    let bounds = jsonata::Bounds { steps: 1_000_000, depth: None };
    if let Err(failure) = jsonata::evaluate_plain(text, Some(input()), &Map::new(), MOMENT, bounds)
    {
        assert!(LIBFUZZER || !failure.message.contains("internal error"), "{failure}");
    }
}

/// A call that is read is made.
pub fn intrinsic(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(call) = intrinsics::Call::parse(text) {
        with_scope(|scope| {
            let _ = call.evaluate(scope, "Parameters");
        });
    }
}

/// The first two bytes choose an operation; the rest is a body, a path, a query.
pub fn protocol(data: &[u8]) {
    let Some((choice, rest)) = data.split_first_chunk::<2>() else { return };
    let choice = usize::from(u16::from_le_bytes(*choice));
    let entries = models::entries();
    let service = entries[choice % entries.len()].service();
    let operation = &service.operations[choice / entries.len() % service.operations.len()];
    let text = String::from_utf8_lossy(rest);
    let (path, query) = text.split_once('?').unwrap_or((&text, ""));
    let parameters: Vec<(String, String)> = query
        .split('&')
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    for method in ["GET", "POST"] {
        let _ = service.routes().find(service, method, path, &parameters);
    }
    let _ = models::identify::by_target(&text);
    let (Some(shape), Ok(mut body)) = (operation.input, serde_json::from_slice::<Value>(rest))
    else {
        return;
    };
    for naming in [models::conform::Naming::Wire, models::conform::Naming::Member] {
        if models::conform::conform(service, shape, naming, &mut body).is_ok() {
            let _ = models::validate::validate(service, shape, &body);
            models::json::encode(service, shape, naming, &body);
        }
    }
}

fn input() -> &'static Value {
    static INPUT: OnceLock<Value> = OnceLock::new();
    INPUT.get_or_init(|| {
        json!({
            "n": 5, "f": 2.5, "s": "abc", "u": "hé😀", "b": true, "z": null, "e": "",
            "a": [1, 2, 3], "m": [1, "a", null, {"k": 1}, [2, [3]]], "date": "2023-11-14T22:13:20Z",
            "o": {"b": 1, "10": 2, "a": {"c": [{"d": 1}, {"d": 2}]}},
            "items": [{"id": 2, "p": 1.5, "t": ["x"]}, {"id": 1, "p": 7, "t": []}, {"id": 3}],
        })
    })
}

struct Fixed;

impl Variables for Fixed {
    fn get(&self, name: &str) -> Option<&Value> {
        (name == "v").then(input)
    }
}

fn with_scope(run: impl FnOnce(&Scope)) {
    let make = || json!({"Execution": {"Input": input()}, "State": {"Name": "S", "RetryCount": 0}});
    let context = LazyContext::new(&make);
    run(&Scope {
        input: input(),
        context: &context,
        variables: &Fixed,
        result: Some(input()),
        error_output: None,
        moment: MOMENT,
        budget: &Budget::default(),
    });
}
