//! `tests/cases/<topic>/<case>.json`: a definition, an input, how workers answer, and the history that
//! must come of it. `UPDATE_EXPECT=1` writes the histories anew; the review reads the difference.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use asl::validate::Options;
use asl::{Definition, Limits, Trigger};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::history;
use crate::world::{Answer, Failed, World};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    /// What the case shows; says so if it was seen on AWS.
    #[allow(dead_code)]
    about: String,
    definition: Value,
    #[serde(default)]
    input: Value,
    /// Answers by state, in the order its tasks are scheduled. A task without one is never answered.
    #[serde(default)]
    answers: HashMap<String, Vec<Answer>>,
    /// Stops the execution so many seconds after its start.
    stop_after: Option<f64>,
    #[serde(default)]
    stop_with: Failed,
    /// Redrives the execution so many seconds after its start.
    redrive_after: Option<f64>,
    /// Limits lower than AWS's, so that a case stays small.
    #[serde(default)]
    limits: Limits,
    /// What comes of it; written by the test when asked.
    expect: Option<Value>,
}

#[test]
fn cases() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let update = std::env::var_os("UPDATE_EXPECT").is_some();
    let mut files = Vec::new();
    collect(&folder, &mut files);
    assert!(files.len() > 20, "the cases are missing");
    let mut wrong = Vec::new();
    for file in files {
        let name = file.strip_prefix(&folder).unwrap_or(&file).display().to_string();
        let text = std::fs::read_to_string(&file).expect("a readable case");
        let mut whole: Value =
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        let case: Case =
            serde_json::from_value(whole.clone()).unwrap_or_else(|error| panic!("{name}: {error}"));
        let found = run(&name, &case);
        if case.expect.as_ref() == Some(&found) {
            continue;
        }
        if update {
            whole["expect"] = found;
            let text = serde_json::to_string_pretty(&whole).expect("JSON") + "\n";
            std::fs::write(&file, text).expect("a writable case");
        } else {
            wrong.push(difference(&name, case.expect.unwrap_or_default(), found));
        }
    }
    assert!(wrong.is_empty(), "{}\n(UPDATE_EXPECT=1 accepts what was found)", wrong.join("\n"));
}

/// Each case's definition, and the journal that comes of it.
pub fn definitions_and_journals() -> Vec<(String, String, Vec<asl::Event>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut files = Vec::new();
    collect(&folder, &mut files);
    files
        .iter()
        .map(|file| {
            let name = file.display().to_string();
            let text = std::fs::read_to_string(file).expect("a readable case");
            let case: Case = serde_json::from_str(&text).expect("a case");
            let journal = world(&name, &case).journal;
            (name, case.definition.to_string(), journal)
        })
        .collect()
}

fn run(name: &str, case: &Case) -> Value {
    let world = world(name, case);
    let execution = &world.execution;
    let mut found = json!({
        "status": execution.status().as_str(),
        "history": history::lines(&world.journal),
    });
    if let Some(stopped) = execution.stop_time() {
        found["seconds"] = json!((stopped.0 - world.start.0) as f64 / 1000.0);
    }
    if !world.cancelled.is_empty() {
        found["cancelled"] = json!(world.cancelled.iter().map(|task| task.0).collect::<Vec<_>>());
    }
    found
}

fn world(name: &str, case: &Case) -> World {
    let text = case.definition.to_string();
    let options = Options { limits: case.limits, ..Options::default() };
    let definition = Definition::parse_with(&text, options)
        .unwrap_or_else(|invalid| panic!("{name}: {invalid}"));
    let mut world = World::new(Arc::new(definition), case.input.clone())
        .with_limits(case.limits)
        .with_answers(case.answers.clone());
    if let Some(seconds) = case.stop_after {
        world.later(seconds, Trigger::Stopped { failure: case.stop_with.clone().into() });
    }
    if let Some(seconds) = case.redrive_after {
        world.later(seconds, Trigger::Redriven);
    }
    world.run();
    world
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.expect("an entry").path())
        .collect();
    entries.sort();
    for entry in entries {
        if entry.is_dir() {
            collect(&entry, files);
        } else if entry.extension().is_some_and(|extension| extension == "json") {
            files.push(entry);
        }
    }
}

fn difference(name: &str, expected: Value, found: Value) -> String {
    let pretty = |value: &Value| serde_json::to_string_pretty(value).unwrap_or_default();
    let (expected, found) = (pretty(&expected), pretty(&found));
    let first = expected
        .lines()
        .zip(found.lines())
        .find(|(expected, found)| expected != found)
        .map(|(expected, found)| format!("expected {expected}\n   found {found}"))
        .unwrap_or_else(|| "one is longer".into());
    format!("{name}:\n{first}")
}
