//! AWS's dialect of JSONata, case by case: `tests/data/jsonata-states.jsonl`.

use asl::expression::{Budget, Jsonata, LazyContext, NoVariables, Scope};
use asl::{Moment, Timestamp};
use serde_json::{Value, json};

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
