//! What a definition asks for has an end, whatever it asks for.

use std::sync::Arc;

use asl::{Definition, Status};
use serde_json::{Map, Value, json};

use crate::world::World;

fn run(definition: &Value, input: Value) -> World {
    let definition = Definition::parse(&definition.to_string()).expect("a valid definition");
    let mut world = World::new(Arc::new(definition), input);
    world.run();
    world
}

/// Runs one state, which must fail; its error and cause.
fn failure(mut state: Value, input: Value) -> (String, String) {
    if state["Type"] != "Choice" {
        state["End"] = true.into();
    }
    let mut states = json!({ "S": state });
    if states["S"]["Type"] == "Choice" {
        states["E"] = json!({ "Type": "Succeed" });
    }
    let world = run(&json!({ "StartAt": "S", "States": states }), input);
    assert_eq!(world.execution.status(), Status::Failed, "{}", states["S"]);
    let failure = world.execution.failure().expect("a failure").clone();
    (failure.error.unwrap_or_default(), failure.cause.unwrap_or_default())
}

/// `{"a": {"a": …}}`
fn deep(levels: usize) -> Value {
    (0..levels).fold(json!(1), |inner, _| json!({ "a": inner }))
}

#[test]
fn paths_that_find_too_much_fail() {
    let scans = "$..a..a..a..a..a..a..a";
    let wide: Value = json!({ "a": (0..30_000).collect::<Value>() });
    for (state, input) in [
        (json!({ "Type": "Pass", "InputPath": scans }), deep(100)),
        (json!({ "Type": "Pass", "Parameters": { "x.$": scans } }), deep(100)),
        (
            json!({ "Type": "Pass", "Parameters": { "x.$": format!("States.ArrayLength({scans})") } }),
            deep(100),
        ),
        // An element for each pair of elements, and once more; the whole document for each of them.
        (
            json!({ "Type": "Pass", "InputPath": "$.a[?($.a[?($.a[?(@ == -1)] == 1)] == 1)]" }),
            wide.clone(),
        ),
        (json!({ "Type": "Pass", "InputPath": "$.a[?($ == 1)]" }), wide.clone()),
        (json!({ "Type": "Pass", "InputPath": "$.a[?($[0] == 1)]" }), wide.clone()),
        (
            json!({ "Type": "Pass", "InputPath": format!("$.a{}", "[0,0,0]".repeat(30)) }),
            json!({ "a": nested(30) }),
        ),
        (json!({ "Type": "Wait", "SecondsPath": format!("{scans}.length()") }), deep(100)),
        // Patterns are counted when they are compiled.
        (
            json!({ "Type": "Pass", "InputPath": format!("$.s[?(@ =~ /{}/i)]", r"[\S]".repeat(3000)) }),
            json!({ "s": ["x"] }),
        ),
        (
            json!({ "Type": "Pass", "Parameters": (1..100)
                .map(|at| (format!("x{at}.$"), json!("$.s[?(@ =~ /X{40000}/)]".replace('X', &"a".repeat(at)))))
                .collect::<Map<String, Value>>() }),
            json!({ "s": ["x"] }),
        ),
    ] {
        let (error, cause) = failure(state.clone(), input);
        assert_eq!(error, "States.Runtime", "{state}");
        assert!(cause.contains("takes more steps or more memory"), "{state}: {cause:.300}");
    }
    let rule = json!({ "Variable": scans, "IsPresent": false, "Next": "E" });
    let (_, cause) = failure(json!({ "Type": "Choice", "Choices": [rule] }), deep(100));
    assert!(cause.contains("takes more steps or more memory"), "{cause:.300}");
}

#[test]
fn texts_are_compared_and_matched_within_bounds() {
    let input =
        json!({ "text": "a".repeat(120_000), "pattern": format!("*{}b", "a".repeat(60_000)) });
    let rule = json!({ "Variable": "$.text", "StringMatches": input["pattern"], "Next": "E" });
    let (_, cause) = failure(json!({ "Type": "Choice", "Choices": [rule] }), input.clone());
    assert!(cause.contains("takes more steps or more memory"), "{cause:.300}");
    let not = json!({ "Not": { "Variable": "$.text", "StringEqualsPath": "$.text" }, "Next": "E" });
    let many: Value = std::iter::repeat_n(not, 10_000).collect();
    let (_, cause) = failure(json!({ "Type": "Choice", "Choices": many }), input);
    assert!(cause.contains("takes more steps or more memory"), "{cause:.300}");
}

#[test]
fn outputs_of_many_branches_are_not_all_held() {
    let branch = |n| {
        let name = format!("B{n}");
        json!({ "StartAt": name, "States": { (name): { "Type": "Succeed" } } })
    };
    let branches: Value = (0..400).map(branch).collect();
    let state = json!({ "Type": "Parallel", "Branches": branches, "ResultPath": null });
    let (error, _) = failure(state, json!("x".repeat(200_000)));
    assert_eq!(error, "States.DataLimitExceeded");
}

/// `[[[…]]]`
fn nested(levels: usize) -> Value {
    (0..levels).fold(json!(1), |inner, _| json!([inner]))
}

#[test]
fn long_paths_are_refused_or_followed_without_a_deep_stack() {
    let parse = |path: String| {
        let state = json!({ "Type": "Pass", "InputPath": path, "End": true });
        Definition::parse(&json!({ "StartAt": "S", "States": { "S": state } }).to_string())
    };
    let terms = |between: &str| format!("$.a[?({}@.b)]", format!("@.a {between} ").repeat(60_000));
    let on_a_small_stack = std::thread::Builder::new().stack_size(1 << 20).spawn(move || {
        for between in ["&&", "||"] {
            let definition = parse(terms(between)).expect("a valid definition");
            let input = json!({ "a": [{ "a": 1, "b": 2 }, { "b": 1 }] });
            let mut world = World::new(Arc::new(definition), input);
            world.run();
            let output = world.execution.output().expect("an output");
            assert_eq!(output.value().as_array().unwrap().len(), 1 + usize::from(between == "||"));
        }
        assert!(parse(format!("$.a{}", "[?(@.b)]".repeat(400))).is_ok());
        for step in ["[?(@.b)]", ".a", "..a", "[0]"] {
            assert!(parse(format!("${}", step.repeat(100_000))).is_err(), "{step}");
        }
    });
    on_a_small_stack.unwrap().join().unwrap();
}

#[test]
fn paths_that_find_much_are_followed() {
    let items: Value = (0..50_000).map(|n| json!({ "n": n })).collect();
    for (path, length) in
        [("$..n", 50_000), ("$.items[?(@.n >= 25000)]", 25_000), ("$.items[?(@.n in $.some)]", 3)]
    {
        let state = json!({ "Type": "Pass", "Parameters": { "n.$": format!("States.ArrayLength({path})") }, "End": true });
        let definition = json!({ "StartAt": "S", "States": { "S": state } });
        let world = run(&definition, json!({ "items": items, "some": [1, 2, 3] }));
        assert_eq!(world.execution.output().unwrap().value(), &json!({ "n": length }), "{path}");
    }
}

#[test]
fn templates_that_make_too_much_fail() {
    let large = json!({ "text": "x".repeat(200_000) });
    let members = |value: &str, suffix: &str| -> Value {
        (0..3_000)
            .map(|n| (format!("m{n}{suffix}"), value.into()))
            .collect::<Map<String, Value>>()
            .into()
    };
    let copies = vec!["$"; 3_000].join(", ");
    for state in [
        json!({ "Type": "Pass", "Parameters": members("$", ".$") }),
        json!({ "Type": "Pass", "Parameters": members("States.JsonToString($)", ".$") }),
        json!({ "Type": "Pass", "Parameters": { "x.$": format!("States.Array({copies})") } }),
        json!({ "Type": "Pass", "QueryLanguage": "JSONata", "Output": members("{% $states.input %}", "") }),
        json!({ "Type": "Pass", "Assign": members("$", ".$") }),
    ] {
        let (error, cause) = failure(state, large.clone());
        assert_eq!(error, "States.Runtime");
        assert!(cause.contains("takes more steps or more memory"), "{cause:.300}");
    }
}

#[test]
fn states_that_work_hard_let_others_have_their_turn() {
    let mut states = Map::new();
    for n in 0..12 {
        let next = format!("S{}", n + 1);
        let sum = "{% $count($map([1..60000], function($x) { $x })) %}";
        states.insert(
            format!("S{n}"),
            json!({ "Type": "Pass", "QueryLanguage": "JSONata", "Output": sum, "Next": next }),
        );
    }
    states.insert("S12".to_owned(), json!({ "Type": "Succeed" }));
    let world = run(&json!({ "StartAt": "S0", "States": states }), json!({}));
    assert_eq!(world.execution.output().unwrap().value(), &json!(60_000));
    assert!(world.decisions > 1, "{} decisions", world.decisions);
}
