//! Pictures: golden files for definitions of all shapes, and what must hold for any definition.
//!
//! `tests/data/graph/<name>.json` has a definition and, if it is to be run, how; `<name>.svg`, `.txt`,
//! `.mmd` are what it must look like, `<name>.run.*` after the run. `UPDATE_EXPECT=1` draws them anew;
//! the review looks at them.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use asl::graph::{Graph, Iterations, Node, Picture, Progress, Status, Theme};
use asl::{Definition, Dice, Moment, Timestamp, Trigger};
use expect_test::expect_file;
use proptest::prelude::*;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::world::{Answer, World};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    #[allow(dead_code)]
    about: String,
    definition: Value,
    input: Option<Value>,
    answers: Option<HashMap<String, Vec<Answer>>>,
    stop_after: Option<f64>,
    /// The counts of its Map runs, which no journal has.
    map_run: Option<Iterations>,
}

#[test]
fn pictures_look_as_they_did() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/graph");
    let mut names: Vec<String> = std::fs::read_dir(&folder)
        .expect("the folder")
        .filter_map(|entry| {
            Some(entry.ok()?.file_name().to_str()?.strip_suffix(".json")?.to_owned())
        })
        .collect();
    names.sort();
    assert!(names.len() >= 12, "{names:?}");
    for name in names {
        let text = std::fs::read_to_string(folder.join(format!("{name}.json"))).expect("a case");
        let case: Case =
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        let definition = case.definition.to_string();
        let graph = Graph::read(&definition).titled(&*name);
        let file = |ending: &str| folder.join(format!("{name}.{ending}"));
        expect_file![file("svg")].assert_eq(&graph.svg(Theme::Auto));
        expect_file![file("txt")].assert_eq(&graph.text(false));
        expect_file![file("mmd")].assert_eq(&graph.mermaid());
        sound(&graph.picture());
        if case.input.is_none() && case.answers.is_none() && case.stop_after.is_none() {
            continue;
        }
        let world = run(&definition, &case);
        let mut progress = Progress::of(&world.journal);
        for arn in progress.map_runs() {
            progress.set_map_run(&arn, case.map_run.unwrap_or_default());
        }
        let graph = graph.with_progress(progress).at(world.now);
        expect_file![file("run.svg")].assert_eq(&graph.svg(Theme::Auto));
        expect_file![file("run.txt")].assert_eq(&graph.text(false));
        sound(&graph.picture());
    }
}

/// The drawing in the README is one of them.
#[test]
fn the_readme_shows_what_is_drawn() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let drawn = std::fs::read_to_string(root.join("tests/data/graph/loop.run.txt")).expect("it");
    let readme = std::fs::read_to_string(root.join("../../README.md")).expect("the README");
    let drawn = drawn.trim_end();
    assert!(
        readme.contains(&format!("```text\n{drawn}\n```")),
        "README.md does not show tests/data/graph/loop.run.txt:\n{drawn}"
    );
}

fn run(definition: &str, case: &Case) -> World {
    let parsed = Definition::parse(definition).unwrap_or_else(|invalid| panic!("{invalid}"));
    let mut world = World::new(Arc::new(parsed), case.input.clone().unwrap_or(json!({})))
        .with_answers(case.answers.clone().unwrap_or_default());
    if let Some(seconds) = case.stop_after {
        world.later(seconds, Trigger::Stopped { failure: Default::default() });
    }
    world.run();
    world
}

#[test]
fn colours_change_nothing_but_colours() {
    let graph = Graph::read(&machine(11).to_string());
    let coloured = graph.text(true);
    let mut plain = String::new();
    let mut rest = coloured.as_str();
    while let Some((before, after)) = rest.split_once('\x1b') {
        plain.push_str(before);
        rest = after.split_once('m').expect("an escape ends").1;
    }
    plain.push_str(rest);
    assert_eq!(plain, graph.text(false));
}

#[test]
fn what_is_no_definition_has_no_states() {
    for text in
        ["", "{", "[]", "null", "7", r#"{"States": []}"#, r#"{"StartAt": 5, "States": {"A": 1}}"#]
    {
        let graph = Graph::read(text);
        sound(&graph.picture());
        assert!(graph.svg(Theme::Dark).ends_with("</svg>\n"), "{text}");
        assert!(graph.text(true).contains("Start"), "{text}");
        assert!(graph.mermaid().starts_with("flowchart"), "{text}");
    }
}

/// A chain of thousands of states, each with a way to the one half of them later: neither the stack nor
/// the memory may be exhausted.
#[test]
fn great_definitions_are_drawn() {
    let mut states = Map::new();
    let count = 4_000;
    for index in 0..count {
        let later = |by: usize| format!("S{}", (index + by).min(count - 1));
        let rule = json!({"Variable": "$.a", "IsNull": true, "Next": later(count / 2)});
        let state = json!({"Type": "Choice", "Choices": [rule], "Default": later(1)});
        states.insert(format!("S{index}"), state);
    }
    states.insert(format!("S{}", count - 1), json!({"Type": "Succeed"}));
    let picture = Graph::read(&json!({"StartAt": "S0", "States": states}).to_string()).picture();
    assert_eq!(picture.nodes.len(), count + 2);
    assert_eq!(picture.edges.len(), 2 * count);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Whatever a definition says: no two boxes overlap, boxes lie within the boxes that hold them, lines
    /// go from border to border.
    #[test]
    fn pictures_are_sound(seed in any::<u64>()) {
        let definition = machine(seed);
        let graph = Graph::read(&definition.to_string());
        sound(&graph.picture());
        let again = Graph::read(&definition.to_string());
        prop_assert_eq!(graph.svg(Theme::Auto), again.svg(Theme::Auto));
        prop_assert_eq!(graph.text(false), again.text(false));
        // Every name is to be found in the terminal's drawing, unbroken.
        for node in graph.picture().nodes.iter().filter(|node| !node.id.starts_with('$')) {
            prop_assert!(graph.text(false).contains(&node.name), "{} in\n{}", node.name, graph.text(false));
        }
    }
}

/// What must hold for every picture.
fn sound(picture: &Picture) {
    let by_id: HashMap<&str, &Node> =
        picture.nodes.iter().map(|node| (node.id.as_str(), node)).collect();
    assert_eq!(by_id.len(), picture.nodes.len(), "ids are unique");
    let mut families: HashMap<Option<&str>, Vec<&Node>> = HashMap::new();
    for node in &picture.nodes {
        let (left, top, right, bottom) = sides(node);
        assert!(left >= 0.0 && top >= 0.0 && right <= picture.width && bottom <= picture.height);
        if let Some(parent) = &node.parent {
            let parent = sides(by_id[parent.as_str()]);
            assert!(
                left > parent.0 && top > parent.1 && right < parent.2 && bottom < parent.3,
                "{} lies in {:?}",
                node.id,
                node.parent
            );
        }
        families.entry(node.parent.as_deref()).or_default().push(node);
    }
    for siblings in families.values() {
        for (index, one) in siblings.iter().enumerate() {
            for other in &siblings[index + 1..] {
                let (a, b) = (sides(one), sides(other));
                let apart = a.2 < b.0 || b.2 < a.0 || a.3 < b.1 || b.3 < a.1;
                assert!(apart, "{} and {} overlap: {a:?} {b:?}", one.id, other.id);
            }
        }
    }
    let mut ids = std::collections::HashSet::new();
    for edge in &picture.edges {
        assert!(ids.insert(&edge.id), "ids are unique");
        let (from, to) = (by_id[edge.from.as_str()], by_id[edge.to.as_str()]);
        let (first, last) = (edge.points[0], edge.points[edge.points.len() - 1]);
        assert!(
            on_border(from, first),
            "{} begins at its state: {first:?} {:?}",
            edge.id,
            sides(from)
        );
        assert!(on_border(to, last), "{} ends at its state: {last:?} {:?}", edge.id, sides(to));
        assert_eq!(edge.label.is_some(), edge.label_at.is_some(), "{}", edge.id);
        // Nothing of a line lies in another box beside its own.
        for node in families[&from.parent.as_deref()].iter() {
            let (left, top, right, bottom) = sides(node);
            for point in &edge.points[1..edge.points.len() - 1] {
                let within = left < point.0 && point.0 < right && top < point.1 && point.1 < bottom;
                assert!(!within, "{} runs through {}", edge.id, node.id);
            }
        }
    }
}

fn sides(node: &Node) -> (f64, f64, f64, f64) {
    (node.x, node.y, node.x + node.width, node.y + node.height)
}

fn on_border(node: &Node, (x, y): (f64, f64)) -> bool {
    let (left, top, right, bottom) = sides(node);
    let across = left <= x && x <= right && (y == top || y == bottom);
    let along = top <= y && y <= bottom && (x == left || x == right);
    across || along
}

/// Any definition: any transitions, some of them to nowhere, any nesting.
fn machine(seed: u64) -> Value {
    let mut dice = Moment { now: Timestamp(0), seed }.dice("graph");
    body(&mut dice, 3, &mut 0)
}

fn below(dice: &mut Dice, count: u64) -> u64 {
    dice.next_u64() % count
}

fn body(dice: &mut Dice, depth: u64, next: &mut u64) -> Value {
    let count = 1 + below(dice, if depth == 3 { 24 } else { 5 });
    let first = *next;
    *next += count;
    let name = |number: u64| match number % 4 {
        0 => format!("S{number}"),
        1 => format!("State {number} of many"),
        2 => format!("训练 {number}"),
        _ => format!("State-{number}"),
    };
    let mut states = Map::new();
    for number in first..first + count {
        // Mostly on, sometimes back, seldom to what is not there.
        let mut to = |dice: &mut Dice| match below(dice, 12) {
            0 => "Nowhere".to_owned(),
            1..=3 => name(first + below(dice, count)),
            _ => name((number + 1 + below(dice, 3)).min(first + count - 1)),
        };
        let catch = |dice: &mut Dice, to: &mut dyn FnMut(&mut Dice) -> String| {
            let count = below(dice, 3);
            (0..count)
                .map(|place| json!({"ErrorEquals": [if place == 0 { "Busy" } else { "States.ALL" }], "Next": to(dice)}))
                .collect::<Value>()
        };
        let mut state = match below(dice, 9) {
            0 => json!({"Type": "Choice", "Default": to(dice), "Choices": (0..below(dice, 5))
                .map(|rule| json!({"Variable": "$.a", "NumericEquals": rule, "Next": to(dice)}))
                .collect::<Value>()}),
            1 => json!({"Type": "Succeed"}),
            2 => json!({"Type": "Fail", "Error": "Bad"}),
            3 if depth > 0 => {
                let branches: Value =
                    (0..below(dice, 4)).map(|_| body(dice, depth - 1, next)).collect();
                json!({"Type": "Parallel", "Branches": branches, "Catch": catch(dice, &mut to)})
            }
            4 if depth > 0 => json!({"Type": "Map", "ItemProcessor": body(dice, depth - 1, next)}),
            5 => json!({"Type": "Wait", "Seconds": 5}),
            _ => {
                json!({"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Catch": catch(dice, &mut to)})
            }
        };
        if !matches!(state["Type"].as_str(), Some("Choice" | "Succeed" | "Fail")) {
            if below(dice, 8) == 0 {
                state["End"] = json!(true);
            } else {
                state["Next"] = json!(to(dice));
            }
        }
        states.insert(name(number), state);
    }
    json!({"StartAt": name(first), "States": states})
}

/// An execution that has ended leaves no state running, and a state that succeeded was left.
#[test]
fn nothing_runs_after_the_end() {
    let mut ended = 0;
    for (name, definition, journal) in crate::cases::definitions_and_journals() {
        let progress = Progress::of(&journal);
        let status = progress.status();
        let picture = Graph::read(&definition).with_progress(progress).picture();
        if matches!(status, Status::Running | Status::NotReached) {
            continue;
        }
        ended += 1;
        for node in &picture.nodes {
            assert_ne!(node.seen.status, Status::Running, "{name}: {}", node.id);
            assert!(
                node.seen.iterations.is_none_or(|counts| counts.running == 0),
                "{name}: {}",
                node.id
            );
        }
        let failed = picture.nodes.iter().any(|node| {
            matches!(node.seen.status, Status::Failed | Status::TimedOut)
                && !node.id.starts_with('$')
        });
        // A history that may not grow ends the execution between two states.
        if status == Status::Failed && !name.ends_with("event_limit.json") {
            assert!(failed, "{name}: the state that failed is told");
        }
    }
    assert!(ended > 40, "{ended}");
}
