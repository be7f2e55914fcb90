//! The production interpreter beside a small model of the language, on random machines: the same status, output,
//! error, cause and time. `PROPTEST_CASES=100000 cargo test -p asl --test it reference` runs for long.

mod choices;
mod jsonata;
mod machines;
mod model;

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use asl::{Definition, Status};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestError, TestRunner};
use serde_json::{Value, json};

use crate::world::{Answer, Failed, World};
use choices::Choices;
use model::{Failure, Model, Outcome, Reply};

/// What an unnamed service answers, and when: a function of what it is asked.
fn reply(state: &str, asked: &Value) -> Reply {
    let text = without_ids(&format!("{state} {asked}"));
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    let digits = hash >> 20;
    let result = match digits % 8 {
        0 => Err(("Odd".to_owned(), "so".to_owned())),
        1 => Err(("Even".to_owned(), "or so".to_owned())),
        2 => Ok(json!("a")),
        3 => Ok(json!([1, 2])),
        _ => Ok(json!({"n": digits % 4, "s": "b", "items": [1, {"n": 2}], "o": {"n": 1}})),
    };
    // Never a whole second, so that it meets neither waits nor time-outs.
    Reply { after_millis: 1 + (digits % 2_999) as i64, result }
}

fn answer(state: &str, asked: &Value) -> Answer {
    let Reply { after_millis, result } = reply(state, asked);
    let mut answer = Answer { after: after_millis as f64 / 1000.0, ..Answer::default() };
    match result {
        Ok(value) => answer.succeed = Some(value),
        Err((error, cause)) => {
            answer.fail = Some(Failed { error: Some(error), cause: Some(cause) });
        }
    }
    answer
}

/// Texts without the ids of events, which the model does not count.
fn without_ids(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("event id #") {
        let (before, after) = rest.split_at(at + "event id #".len());
        out.push_str(before);
        out.push('N');
        rest = after.trim_start_matches(|c: char| c.is_ascii_digit() || c == 'N');
    }
    out + rest
}

/// Runs a machine both ways. Whether there was something to compare.
fn agree(bytes: &[u8]) -> Result<bool, TestCaseError> {
    let (definition, input) = machines::machine(&mut Choices::new(bytes));
    let text = definition.to_string();
    let parsed = Definition::parse(&text)
        .map_err(|invalid| TestCaseError::fail(format!("{invalid}\n{text}")))?;
    let mut world = World::new(Arc::new(parsed), input.clone()).answering(answer);
    world.run();

    let jsonata = definition["QueryLanguage"] == "JSONata";
    let model = Model { input: &input, answer: reply, open: Cell::new(false), jsonata };
    let (outcome, end) = model.execution(&definition, world.start.0);
    if model.open.get() {
        return Ok(false);
    }
    let execution = &world.execution;
    let failure = execution.failure().cloned().unwrap_or_default();
    let output = execution.output().map(|output| without_ids(&output.value().to_string()));
    let got =
        (execution.status(), output, failure.error, failure.cause.map(|cause| without_ids(&cause)));
    let timed_out = got.0 == Status::TimedOut;
    let expected = match outcome {
        Outcome::Output(value) => {
            (Status::Succeeded, Some(without_ids(&value.to_string())), None, None)
        }
        Outcome::Failed(Failure { error, cause, .. }) => {
            let status = if timed_out { Status::TimedOut } else { Status::Failed };
            (status, None, error, cause.map(|cause| without_ids(&cause)))
        }
        Outcome::Broken => (Status::Failed, None, Some("States.Runtime".to_owned()), got.3.clone()),
    };
    prop_assert_eq!(&got, &expected, "{}\n{}", text, input);
    prop_assert_eq!(execution.stop_time().map(|time| time.0), Some(end), "{}\n{}", text, input);
    Ok(true)
}

/// The reason holds the machine; the bytes it was made of tell nothing.
fn told<T>(result: Result<(), TestError<T>>) {
    match result {
        Ok(()) => {}
        Err(TestError::Fail(reason, _) | TestError::Abort(reason)) => panic!("{reason}"),
    }
}

/// So many cases, unless the environment says how many.
fn config(cases: u32) -> Config {
    let usual = Config::default();
    let cases = if std::env::var_os("PROPTEST_CASES").is_some() { usual.cases } else { cases };
    Config { cases, failure_persistence: None, max_shrink_iters: 30_000, ..usual }
}

#[test]
fn random_machines_do_what_the_model_does() {
    let config = config(400);
    let tally = RefCell::new((0_u32, 0_u32));
    let result =
        TestRunner::new(config).run(&proptest::collection::vec(any::<u8>(), 0..700), |bytes| {
            let mut tally = tally.borrow_mut();
            if agree(&bytes)? {
                tally.0 += 1
            } else {
                tally.1 += 1
            }
            Ok(())
        });
    told(result);
    let (compared, open) = tally.into_inner();
    println!("{compared} machines agree, {open} are open");
    assert!(open * 5 < compared, "too many machines are open: {open} beside {compared}");
}

/// What validation accepts runs to an end or waits; what it refuses it refuses with a reason.
#[test]
fn changed_machines_are_refused_or_run() {
    let config = config(600);
    let tally = RefCell::new((0_u32, 0_u32));
    let bytes = || proptest::collection::vec(any::<u8>(), 0..400);
    let result = TestRunner::new(config).run(&(bytes(), bytes()), |(machine, changes)| {
        let (mut definition, input) = machines::machine(&mut Choices::new(&machine));
        let mut changes = Choices::new(&changes);
        for _ in 0..1 + changes.of(2) {
            change(&mut definition, &mut changes);
        }
        let text = definition.to_string();
        match Definition::parse(&text) {
            Err(invalid) => {
                prop_assert!(!invalid.diagnostics.is_empty(), "{}", text);
                tally.borrow_mut().0 += 1;
            }
            Ok(parsed) => {
                let mut world = World::new(Arc::new(parsed), input).answering(answer);
                world.run();
                let failure = world.execution.failure().cloned().unwrap_or_default();
                let cause = failure.cause.unwrap_or_default();
                prop_assert!(!cause.contains("internal error"), "{}\n{}", cause, text);
                prop_assert!(!cause.contains("is not in the state machine"), "{}\n{}", cause, text);
                tally.borrow_mut().1 += 1;
            }
        }
        Ok(())
    });
    told(result);
    let (refused, run) = tally.into_inner();
    println!("{refused} changed machines are refused, {run} run");
    assert!(refused > 0 && run > 0);
}

/// One small change somewhere in the document.
fn change(value: &mut Value, choices: &mut Choices) {
    let deeper = choices.chance(96);
    match value {
        Value::Object(members) if !members.is_empty() => {
            let at = choices.of(members.len());
            let key = members.keys().nth(at).cloned().unwrap_or_default();
            if deeper {
                return change(&mut members[&key], choices);
            }
            match choices.of(4) {
                0 => drop(members.shift_remove(&key)),
                1 => {
                    let renamed = choices.pick(&[
                        "Next",
                        "End",
                        "Type",
                        "Output",
                        "Parameters",
                        "Assign",
                        "Catch",
                        "ItemsPath",
                        "TimeoutSecondsPath",
                        "HeartbeatSeconds",
                        "Default",
                        "x.$",
                        "",
                    ]);
                    let member = members.shift_remove(&key).unwrap_or_default();
                    members.insert(renamed.to_owned(), member);
                }
                2 => {
                    let copied = members[&key].clone();
                    members.insert(format!("{key}2"), copied);
                }
                _ => members[&key] = odd(choices),
            }
        }
        Value::Array(items) if !items.is_empty() => {
            let at = choices.of(items.len());
            if deeper {
                return change(&mut items[at], choices);
            }
            match choices.of(3) {
                0 => drop(items.remove(at)),
                1 => items.push(items[at].clone()),
                _ => items[at] = odd(choices),
            }
        }
        leaf => {
            *leaf = match leaf {
                Value::Number(_) if deeper => choices.pick(&[0, 1, 2, 3, 9, -1]).into(),
                Value::Bool(bool) => (!*bool).into(),
                Value::String(text) if deeper && text.starts_with("{%") => {
                    choices.pick(&EXPRESSIONS).into()
                }
                Value::String(text) if deeper && text.starts_with('$') => {
                    choices.pick(&PATHS).into()
                }
                _ => odd(choices),
            }
        }
    }
}

const PATHS: [&str; 8] = [
    "$.n",
    "$.nothing",
    "$",
    "$.items[*].n",
    "$.items[0]",
    "$.items.length()",
    "$$.Map.Item.Value",
    "$v1",
];
const EXPRESSIONS: [&str; 8] = [
    "{% $states.input.nothing %}",
    "{% $v1 %}",
    "{% $states.input.items[n > 1] %}",
    "{% $sum($states.input.items.n) %}",
    "{% 1/0 %}",
    "{% $number('x') %}",
    "{% $states.input.s.$uppercase($) %}",
    "{% function($x){$x} %}",
];

fn odd(choices: &mut Choices) -> Value {
    choices.pick(&[
        json!(null),
        json!(true),
        json!(-1),
        json!(0),
        json!(1.5),
        json!(1e300),
        json!(""),
        json!("$"),
        json!("$.x["),
        json!("$$"),
        json!("$.items[*].n"),
        json!("States.Nothing()"),
        json!("States.Array($.n"),
        json!("{% $states.input %}"),
        json!("{% 1 + %}"),
        json!("{% $states.result %}"),
        json!("S1"),
        json!("Pass"),
        json!("Map"),
        json!("JSONata"),
        json!([]),
        json!({}),
        json!([{"ErrorEquals": ["States.ALL"]}]),
        json!({"StartAt": "S1", "States": {}}),
        json!("é\u{1F600}"),
    ])
}
