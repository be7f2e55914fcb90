//! The state machines of the scenarios.

use serde_json::{Map, Value, json};

/// So many Pass states in a row; with JSONata each makes its output by an expression.
pub(crate) fn chain(length: usize, jsonata: bool) -> Value {
    let mut states = Map::new();
    for place in 0..length {
        let mut state = json!({"Type": "Pass"});
        if jsonata {
            state["Output"] = json!("{% {'n': $states.input.n + 1, 's': $states.input.s & 'x'} %}");
        }
        match place + 1 < length {
            true => state["Next"] = json!(format!("P{}", place + 1)),
            false => state["End"] = json!(true),
        }
        states.insert(format!("P{place}"), state);
    }
    let language = if jsonata { "JSONata" } else { "JSONPath" };
    json!({"QueryLanguage": language, "StartAt": "P0", "States": states})
}

/// What a chain makes of `{"n": 0, "s": "a"}`.
pub(crate) fn output_of_chain(length: usize, jsonata: bool) -> Value {
    match jsonata {
        true => json!({"n": length, "s": format!("a{}", "x".repeat(length))}),
        false => json!({"n": 0, "s": "a"}),
    }
}

/// An inline Map over `$.items`, two Pass states an item.
pub(crate) fn inline_map() -> Value {
    json!({"StartAt": "M", "States": {"M": {
        "Type": "Map", "ItemsPath": "$.items", "MaxConcurrency": 0, "End": true,
        "ItemProcessor": {"ProcessorConfig": {"Mode": "INLINE"}, "StartAt": "A", "States": two_passes()},
    }}})
}

/// A Distributed Map over the lines of an object, an Express child of two Pass states for each.
pub(crate) fn distributed_map(bucket: &str, key: &str) -> Value {
    json!({"StartAt": "M", "States": {"M": {
        "Type": "Map", "End": true, "Label": "items",
        "ItemReader": {
            "Resource": "arn:aws:states:::s3:getObject",
            "ReaderConfig": {"InputType": "JSONL"},
            "Parameters": {"Bucket": bucket, "Key": key},
        },
        "ItemProcessor": {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"},
            "StartAt": "A", "States": two_passes(),
        },
        "ResultWriter": {
            "Resource": "arn:aws:states:::s3:putObject",
            "Parameters": {"Bucket": bucket, "Prefix": "results"},
        },
    }}})
}

fn two_passes() -> Value {
    json!({"A": {"Type": "Pass", "Next": "B"}, "B": {"Type": "Pass", "End": true}})
}

/// Five Pass states and a Choice, for Express executions; `{"n": 7, …}` goes through all six.
pub(crate) fn express() -> Value {
    json!({"StartAt": "A", "States": {
        "A": {"Type": "Pass", "Next": "B"},
        "B": {"Type": "Pass", "Parameters": {"n.$": "$.n", "s.$": "$.s"}, "Next": "C"},
        "C": {"Type": "Choice", "Default": "F",
              "Choices": [{"Variable": "$.n", "NumericGreaterThan": 5, "Next": "D"}]},
        "D": {"Type": "Pass", "Result": {"big": true}, "ResultPath": "$.r", "Next": "E"},
        "E": {"Type": "Pass", "Next": "F"},
        "F": {"Type": "Pass", "End": true},
    }})
}

/// Waits so long, then passes.
pub(crate) fn wait(seconds: u64) -> Value {
    json!({"StartAt": "W", "States": {
        "W": {"Type": "Wait", "Seconds": seconds, "Next": "P"},
        "P": {"Type": "Pass", "End": true},
    }})
}
