//! The state machines that are run: each shows the engine something else.

/// Name and definition.
pub const PIPELINES: &[(&str, &str)] = &[
    (
        "one decision",
        r#"{"StartAt": "A", "States": {
        "A": {"Type": "Pass", "Next": "B"}, "B": {"Type": "Succeed"}}}"#,
    ),
    (
        "tasks in a row",
        r#"{"StartAt": "A", "States": {
        "A": {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:sqs:double", "Next": "B"},
        "B": {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:sqs:double", "Next": "C"},
        "C": {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:sqs:double", "End": true}}}"#,
    ),
    (
        "wait between",
        r#"{"StartAt": "A", "States": {
        "A": {"Type": "Wait", "Seconds": 5, "Next": "B"},
        "B": {"Type": "Task", "Resource": "arn:aws:states:::eks:job.sync", "Next": "C"},
        "C": {"Type": "Wait", "Seconds": 3600, "Next": "D"},
        "D": {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:sqs:double", "End": true}}}"#,
    ),
    (
        "retried, then caught",
        r#"{"StartAt": "A", "States": {
        "A": {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:sqs:refuse",
              "Retry": [{"ErrorEquals": ["Odd"], "IntervalSeconds": 2, "MaxAttempts": 2}],
              "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "B"}], "End": true},
        "B": {"Type": "Pass", "End": true}}}"#,
    ),
    (
        "fails",
        r#"{"StartAt": "A", "States": {
        "A": {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:sqs:double", "Next": "B"},
        "B": {"Type": "Fail", "Error": "Planned", "Cause": "as told"}}}"#,
    ),
    (
        "branches",
        r#"{"StartAt": "P", "States": {"P": {"Type": "Parallel", "End": true, "Branches": [
        {"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:sqs:double", "End": true}}},
        {"StartAt": "B", "States": {"B": {"Type": "Wait", "Seconds": 7, "Next": "B2"},
                                    "B2": {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:sqs:call.waitForTaskToken",
                                           "Parameters": {"n.$": "$.n", "token.$": "$$.Task.Token"}, "End": true}}},
        {"StartAt": "C", "States": {"C": {"Type": "Pass", "End": true}}}]}}}"#,
    ),
    (
        "a branch fails",
        r#"{"StartAt": "P", "States": {
        "P": {"Type": "Parallel", "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Z", "ResultPath": null}], "End": true, "Branches": [
        {"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:sqs:refuse", "End": true}}},
        {"StartAt": "B", "States": {"B": {"Type": "Task", "Resource": "arn:aws:states:::eks:silent.sync", "End": true}}},
        {"StartAt": "C", "States": {"C": {"Type": "Wait", "Seconds": 86400, "End": true}}}]},
        "Z": {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:sqs:double", "End": true}}}"#,
    ),
    (
        "map",
        r#"{"StartAt": "L", "States": {
        "L": {"Type": "Pass", "Result": [{"n": 1}, {"n": 2}, {"n": 3}, {"n": 4}, {"n": 5}], "Next": "M"},
        "M": {"Type": "Map", "MaxConcurrency": 2, "End": true, "ItemProcessor": {"StartAt": "T", "States": {
            "T": {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:sqs:double", "Next": "W"},
            "W": {"Type": "Wait", "Seconds": 1, "End": true}}}}}}"#,
    ),
    (
        "times out",
        r#"{"StartAt": "A", "States": {
        "A": {"Type": "Task", "Resource": "arn:aws:states:::eks:silent.sync", "TimeoutSeconds": 30,
              "Catch": [{"ErrorEquals": ["States.Timeout"], "Next": "B", "ResultPath": null}], "End": true},
        "B": {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:sqs:double", "End": true}}}"#,
    ),
    (
        "loops",
        r#"{"StartAt": "A", "States": {
        "A": {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:sqs:double", "Next": "C"},
        "C": {"Type": "Choice", "Choices": [{"Variable": "$.n", "NumericLessThan": 60, "Next": "W"}], "Default": "E"},
        "W": {"Type": "Wait", "Seconds": 2, "Next": "A"},
        "E": {"Type": "Succeed"}}}"#,
    ),
    (
        "jsonata and variables",
        r#"{"QueryLanguage": "JSONata", "StartAt": "A", "States": {
        "A": {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:sqs:double", "Arguments": {"n": "{% $states.input.n + 1 %}"},
              "Assign": {"first": "{% $states.result.n %}"}, "Next": "W"},
        "W": {"Type": "Wait", "Seconds": 1, "Next": "B"},
        "B": {"Type": "Task", "Resource": "arn:aws:states:::eks:job.sync", "Arguments": {"n": "{% $first * 10 %}"},
              "Output": "{% $states.result.n + $first %}", "End": true}}}"#,
    ),
];
