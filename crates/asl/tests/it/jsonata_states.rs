//! AWS's dialect of JSONata, case by case: `tests/data/jsonata-states.jsonl`.

use asl::expression::{Budget, Jsonata, LazyContext, NoVariables, Scope};
use asl::jsonata::{Bounds, evaluate_plain};
use asl::{Moment, Timestamp};
use serde_json::{Map, Value, json};

fn outcome(expression: &str, input: &Value, seed: u64) -> Value {
    let make = || json!({"State": {"Name": "S"}});
    let context = LazyContext::new(&make);
    let scope = Scope {
        input,
        context: &context,
        variables: &NoVariables,
        result: None,
        error_output: None,
        moment: Moment { now: Timestamp(1_700_000_000_000), seed },
        budget: &Budget::default(),
    };
    match Jsonata::compile(expression) {
        Err(refused) => {
            json!({"refused": format!("{}: {}", refused.code, refused.messages.join(", "))})
        }
        Ok(compiled) => match compiled.evaluate(&scope, "Output") {
            Ok(value) => json!({"gives": value}),
            Err(error) => {
                assert_eq!(error.error, "States.QueryEvaluationError");
                assert_eq!(error.location.as_deref(), Some("Output"));
                let sentence = format!(
                    "The JSONata expression '{expression}' specified for the field 'Output' "
                );
                json!({"fails": error.cause.strip_prefix(&sentence)})
            }
        },
    }
}

#[test]
fn expressions_give_what_aws_gives() {
    let cases: Vec<Value> = include_str!("../data/jsonata-states.jsonl")
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}")))
        .collect();
    let input = &cases[0]["input"];
    for case in &cases[1..] {
        let expression = case["expr"].as_str().expect("an expression");
        let got = outcome(expression, input, 7);
        if let Some(text) = case["text"].as_str() {
            assert_eq!(got["gives"].to_string(), text, "{expression}");
            continue;
        }
        let mut expected = case.clone();
        expected.as_object_mut().expect("an object").remove("expr");
        assert_eq!(got, expected, "{expression}");
    }
}

#[test]
fn a_seed_replays_and_seeds_differ() {
    for expression in ["$uuid()", "$random()", "$shuffle([1..50])"] {
        assert_eq!(
            outcome(expression, &json!({}), 1),
            outcome(expression, &json!({}), 1),
            "{expression}"
        );
        assert_ne!(
            outcome(expression, &json!({}), 1),
            outcome(expression, &json!({}), 2),
            "{expression}"
        );
    }
}

/// Whatever an expression tries, it ends: with a result or with one of the bounds.
#[test]
fn no_expression_hangs_or_grows() {
    let big = json!({"a": vec![1; 20_000], "s": "x".repeat(100_000)});
    for expression in [
        "($f := function($x){ $f($x+1) }; $f(1))",
        "$map([1..100000], function($i){ $length($states.input.s) }) ~> $count()",
        "$count($states.input.a.$states.input.a)",
        "$count([1..50000].($states.input.s & 'x'))",
        "$string([1..30] ~> $reduce(function($x, $y){ {'a': $x, 'b': $x} }))",
        "$reduce([1..30], function($x, $y){ {'a': $x, 'b': $x} })",
        "$reduce([1..40], function($x, $y){ [$x, $x] })",
        "$distinct([1..100000])",
        "$match($pad('', 30, 'a') & '!', /^(a+)+$/)",
        "$replace($states.input.s, 'x', $states.input.s)",
        "$join($states.input.a.$string($states.input.s))",
        "$pad('x', -1e10)",
        "$power(9, 999)",
        "$fromMillis(1e300)",
        "$fromMillis(0, '[Y99999999]')",
        "$formatNumber(1e300, '0.000000000000')",
        "$formatBase(1e300, 2)",
        "$formatInteger(1e300, 'w')",
        "$parseInteger('', '')",
        "$toMillis('', '[Y]')",
        "$formatInteger(1e300, 'I')",
        "$formatInteger(1e300, 'A')",
        "$formatInteger(1/0, 'w')",
        "$formatInteger(5, $pad('', 1e6, '0'))",
        "$formatNumber(5, $pad('', 1e6, '0'))",
        "$formatNumber(0, '0e0')",
        "$fromMillis(0, '[Y,9999999]')",
        "$fromMillis(0, $pad('', 1e6, '[Y]'))",
        "$toMillis($pad('', 1e6, '1'), $pad('', 1e6, '[Y]'))",
        "$number($pad('', 1e6, '9'))",
        "$parseInteger($pad('', 1e6, 'z'), 'a')",
        "$states.input ~> |**|{'k': $string($states.input)}|",
        "λ($arg1, $arg2)<nn+é:a>{[$arg1, $arg2]}(1, 3, 2, 'g')",
        "$match($states.input.s, /(x+x+)+y/)",
        "$split($states.input.s, /(x*)*z/)",
        "$replace($states.input.s, /(?=(x+))\\1z/, '')",
    ] {
        let got = outcome(expression, &big, 1).to_string();
        assert!(!got.contains("internal error"), "{expression}: {got:.200}");
    }
    let deep = format!("{}1{}", "(".repeat(100_000), ")".repeat(100_000));
    assert!(outcome(&deep, &json!({}), 1).is_object());
    let long = vec!["1"; 50_000].join("+");
    assert!(outcome(&long, &json!({}), 1).is_object());
}

#[test]
fn what_functions_do_is_counted() {
    let cases = include_str!("../data/jsonata-costs.jsonl").lines().skip(1);
    let mut wrong = Vec::new();
    for case in cases.map(|line| serde_json::from_str::<Value>(line).expect("a case")) {
        let expression = case["expr"].as_str().expect("an expression");
        let least = case["steps"].as_u64().expect("steps");
        let code = |steps| {
            let moment = Moment { now: Timestamp(1_700_000_000_000), seed: 1 };
            let bounds = Bounds { steps, depth: None };
            evaluate_plain(expression, None, &Map::new(), moment, bounds)
                .err()
                .and_then(|failure| failure.code)
        };
        // What the first evaluation left compiled costs the second one the same.
        let ends = [least, least, 16 * least].map(|steps| code(steps).as_deref() == Some("U1001"));
        if ends != [true, true, false] {
            wrong.push(format!("{expression}: {ends:?}"));
        }
    }
    assert!(wrong.is_empty(), "other costs:\n{}", wrong.join("\n"));
}

/// What a loop keeps is bounded, whatever makes it.
#[test]
fn what_is_held_is_bounded() {
    for makes in [
        "$spread($states.input)",
        "$split($pad('', 2000, 'a'), '')",
        "$match($pad('', 2000, 'a'), /a/)",
        "$partition([1..1000], 1)",
        "$range(1, 100000, 1)",
        "$parse('[' & $pad('', 200000, '1,') & '1]')",
        "$states.input.*",
        "function($x){ $x }",
    ] {
        let expression =
            format!("($f := function($k){{ $f({{'kept': $k, 'made': {makes}}}) }}; $f(1))");
        let input: Map<String, Value> = (0..200).map(|at| (format!("k{at}"), json!(at))).collect();
        let got = outcome(&expression, &Value::Object(input), 1).to_string();
        assert!(got.contains("memory limit exceeded"), "{makes}: {got:.300}");
    }
}
