//! What is said of definitions that are wrong: `tests/data/diagnostics.jsonl`. And hostile ones.

use std::time::{Duration, Instant};

use asl::validate::Options;
use asl::{Definition, Severity, validate};
use serde_json::{Value, json};

#[test]
fn definitions_are_refused_as_aws_refuses_them() {
    for line in include_str!("../data/diagnostics.jsonl").lines() {
        let case: Value =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        let definition = match case["definition"].as_str() {
            Some(text) => text.to_owned(),
            None => json!({"StartAt": "P", "States": {"P": case["state"]}}).to_string(),
        };
        let options = Options { express: case["express"] == true, ..Options::default() };
        let said: Vec<String> = validate(&definition, options)
            .into_iter()
            .filter(|found| found.severity == Severity::Error)
            .map(|found| {
                let place = found.location.unwrap_or_else(|| "null".to_owned());
                format!("{}: {} at {place}", found.code, found.message)
            })
            .collect();
        assert_eq!(json!(said), case["says"], "{definition}");
        let parsed = Definition::parse_with(&definition, options);
        match case["says"].as_array().expect("a list").is_empty() {
            true => assert!(parsed.is_ok(), "{definition}"),
            false => assert_eq!(
                parsed.expect_err("an error").to_string(),
                format!("Invalid State Machine Definition: '{}'", said.join(", "))
            ),
        }
    }
}

#[test]
fn warnings_do_not_refuse() {
    let definition = json!({
        "StartAt": "A",
        "States": {
            "A": {"Type": "Pass", "Parameters": {"a": "$.b", "c": {"d": "States.UUID()"}}, "Next": "B"},
            "B": {"Type": "Pass", "Result": {"x.$": "$.y"}, "End": true}
        }
    })
    .to_string();
    let codes: Vec<&str> =
        validate(&definition, Options::default()).iter().map(|found| found.code).collect();
    assert_eq!(codes, ["NO_DOLLAR", "NO_DOLLAR", "PASS_RESULT_IS_STATIC"]);
    assert!(Definition::parse(&definition).is_ok());
    let definition = json!({
        "StartAt": "C",
        "States": {
            "C": {"Type": "Choice", "Default": "F", "Choices": [
                {"Variable": "$.a", "StringEquals": "$.b", "Next": "F"},
                {"Variable": "$.a", "StringEquals": "$5", "Next": "F"},
                {"Variable": "$.a", "StringEqualsPath": "$.b", "Next": "F"},
            ]},
            "F": {"Type": "Fail", "Error": "$.error", "CausePath": "$.cause"}
        }
    })
    .to_string();
    let found = validate(&definition, Options::default());
    let places: Vec<(&str, Option<&str>)> =
        found.iter().map(|found| (found.code, found.location.as_deref())).collect();
    let expected = ["/States/C/Choices[0]/StringEquals", "/States/F/Error"];
    assert_eq!(places, expected.map(|place| ("NO_PATH", Some(place))));
    assert!(Definition::parse(&definition).is_ok());
}

#[test]
fn hostile_definitions_end_in_an_error_soon() {
    let nested = |open: &str, close: &str, times: usize| {
        format!("{}1{}", open.repeat(times), close.repeat(times))
    };
    let pass = |field: &str, value: &str| {
        format!(
            r#"{{"StartAt":"P","States":{{"P":{{"Type":"Pass","{field}":{value},"End":true}}}}}}"#
        )
    };
    let quoted = |text: String| Value::from(text).to_string();
    for definition in [
        nested("[", "]", 10_000),
        nested("{\"a\":", "}", 10_000),
        nested("{\"StartAt\":\"A\",\"States\":{\"A\":", "}}", 10_000),
        "{".repeat(1_048_576),
        "\"".repeat(1_048_575),
        pass("Result", &nested("[", "]", 5_000)),
        pass("Parameters", &format!("{{\"a.$\":\"{}\"}}", "States.Array(".repeat(50_000))),
        pass("InputPath", &quoted(format!("$[?({}", "(".repeat(500_000)))),
        pass("InputPath", &quoted(format!("${}", "..".repeat(500_000)))),
        pass("InputPath", &quoted(format!("${}", "[".repeat(1_000_000)))),
        format!(
            r#"{{"QueryLanguage":"JSONata","StartAt":"P","States":{{"P":{{"Type":"Pass","Output":"{{% {} %}}","End":true}}}}}}"#,
            "(".repeat(500_000)
        ),
        format!(
            "{{\"StartAt\":\"A\",\"States\":{{\"A\":{{\"Type\":\"Pass\",\"Result\":{},\"End\":true}}}}",
            "9".repeat(1_000_000)
        ),
        // What breaks off beside a character of several bytes.
        "{\"StwértAt".into(),
        "{\"Comment\": \"é\n\"}".into(),
        "{\"Comment\": éa}".into(),
        "\u{0}".into(),
        String::new(),
        "  ".into(),
    ] {
        let begun = begin();
        let refused = Definition::parse(&definition).is_err();
        let taken = begun.elapsed();
        let shown: String = definition.chars().take(60).collect();
        assert!(refused, "{shown}");
        assert!(taken < Duration::from_secs(5), "{shown} took {taken:?}");
    }
}

#[test]
fn a_large_definition_is_read_quickly() {
    let mut states = serde_json::Map::new();
    for index in 0..6_000 {
        states.insert(
            format!("S{index}"),
            json!({"Type": "Pass", "Parameters": {"a.$": "$.b.c", "d": "some text to fill the definition up"}, "Next": format!("S{}", index + 1)}),
        );
    }
    states.insert("S6000".into(), json!({"Type": "Succeed"}));
    let definition = json!({"StartAt": "S0", "States": states}).to_string();
    let begun = begin();
    assert!(Definition::parse(&definition).is_ok());
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

#[expect(clippy::disallowed_methods, reason = "a test measures how long something takes")]
fn begin() -> Instant {
    Instant::now()
}
