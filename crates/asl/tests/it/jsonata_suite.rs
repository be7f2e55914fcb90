//! The reference implementation's own test suite, where it lies beside the repository. The cases that do not
//! pass are listed with the reason in `tests/data/jsonata-exceptions.jsonl`; a case that passes must not be there.

use std::collections::{BTreeMap, BTreeSet};

use asl::jsonata::{Bounds, Failure, evaluate_plain};
use asl::{Moment, Timestamp};
use serde_json::{Map, Value};

#[test]
fn the_suite_passes() {
    let Some(folder) = crate::shared("jsonata-suite") else {
        eprintln!("skipped: the JSONata suite is not beside the repository");
        return;
    };
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap_or_default();
    let datasets: Value = serde_json::from_str(&read("datasets.json")).expect("datasets");
    let exceptions = exceptions();
    let (mut passed, mut total, mut failed) = (0, 0, BTreeMap::new());
    for line in read("cases.jsonl").lines().filter(|line| !line.trim().is_empty()) {
        total += 1;
        let case: Value = match serde_json::from_str(line) {
            Ok(case) => case,
            // Lone surrogates, which no Rust string holds.
            Err(error) => {
                let id = line.split('"').nth(3).unwrap_or("?").to_owned();
                failed.insert(id, error.to_string());
                continue;
            }
        };
        match check(&case, &datasets) {
            Ok(()) => passed += 1,
            Err(why) => {
                failed.insert(case["id"].as_str().unwrap_or("?").to_owned(), why);
            }
        }
    }
    println!("JSONata suite: {passed} of {total} pass");
    let wrong: Vec<String> = failed
        .iter()
        .filter(|(id, _)| !exceptions.contains(id.as_str()))
        .map(|(id, why)| format!("{id}: {why}"))
        .collect();
    let stale: Vec<&String> = exceptions.iter().filter(|id| !failed.contains_key(*id)).collect();
    assert!(wrong.is_empty(), "{} cases fail:\n{}", wrong.len(), wrong.join("\n"));
    assert!(stale.is_empty(), "listed as exceptions, but passing: {stale:?}");
}

fn exceptions() -> BTreeSet<String> {
    include_str!("../data/jsonata-exceptions.jsonl")
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter_map(|entry| entry["id"].as_str().map(str::to_owned))
        .collect()
}

fn check(case: &Value, datasets: &Value) -> Result<(), String> {
    let expression = case["expr"].as_str().unwrap_or_default();
    let input = match case.get("dataset") {
        Some(Value::String(name)) => datasets.get(name).cloned(),
        Some(Value::Null) => None,
        _ => case.get("data").cloned(),
    };
    let bindings = case["bindings"].as_object().cloned().unwrap_or_else(Map::new);
    let moment = Moment { now: Timestamp(1_700_000_000_000), seed: 11 };
    // The reference's runner ends an evaluation by time and depth with a code of its own, U1001.
    let bounds = Bounds {
        steps: if case["timelimit"].as_u64().is_some_and(|limit| limit < 1000) {
            200_000
        } else {
            5_000_000
        },
        depth: case["depth"].as_u64().map(|depth| depth as usize),
    };
    let got =
        evaluate_plain(expression, input.as_ref(), &bindings, moment, bounds).map_err(|failure| {
            match failure.code.as_deref() {
                Some("D1011") if bounds.depth.is_some() => {
                    Failure { code: Some("U1001".into()), ..failure }
                }
                _ => failure,
            }
        });
    let code = case["code"].as_str().or(case["error"]["code"].as_str());
    match (got, code) {
        (Err(failure), Some(code)) if failure.code.as_deref() == Some(code) => Ok(()),
        (Err(failure), Some(code)) => Err(format!("{expression}: {failure}, expected {code}")),
        (Ok(value), Some(code)) => Err(format!("{expression}: {value:?}, expected {code}")),
        (Err(failure), None) => Err(format!("{expression}: {failure}")),
        (Ok(None), None) if case["undefinedResult"] == true => Ok(()),
        (Ok(None), None) => Err(format!("{expression}: undefined, expected {}", case["result"])),
        (Ok(Some(value)), None) if case["undefinedResult"] == true => {
            Err(format!("{expression}: {value}, expected undefined"))
        }
        (Ok(Some(value)), None) if same(&value, &case["result"], case["unordered"] == true) => {
            Ok(())
        }
        (Ok(Some(value)), None) => {
            Err(format!("{expression}: {value}, expected {}", case["result"]))
        }
    }
}

fn same(ours: &Value, theirs: &Value, unordered: bool) -> bool {
    match (ours, theirs) {
        // The suite's results are rounded.
        (Value::Number(ours), Value::Number(theirs)) => match (ours.as_f64(), theirs.as_f64()) {
            (Some(ours), Some(theirs)) => (ours - theirs).abs() <= 1e-13 * theirs.abs(),
            _ => false,
        },
        (Value::Array(ours), Value::Array(theirs)) if unordered => {
            let mut left: Vec<&Value> = theirs.iter().collect();
            ours.len() == theirs.len()
                && ours.iter().all(|ours| {
                    match left.iter().position(|theirs| same(ours, theirs, true)) {
                        Some(place) => {
                            left.remove(place);
                            true
                        }
                        None => false,
                    }
                })
        }
        (Value::Array(ours), Value::Array(theirs)) => {
            ours.len() == theirs.len()
                && ours.iter().zip(theirs).all(|(ours, theirs)| same(ours, theirs, unordered))
        }
        (Value::Object(ours), Value::Object(theirs)) => {
            ours.len() == theirs.len()
                && ours.iter().all(|(name, ours)| {
                    theirs.get(name).is_some_and(|theirs| same(ours, theirs, unordered))
                })
        }
        _ => ours == theirs,
    }
}
