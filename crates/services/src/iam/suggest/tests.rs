//! Cases as data: a state machine, what its executions scheduled, and the policy.

use super::*;

const MACHINE: &str = "arn:aws:states:us-east-1:123456789012:stateMachine:m";

fn machine(definition: &Value) -> Value {
    json!({
        "stateMachineArn": MACHINE,
        "roleArn": "arn:aws:iam::123456789012:role/work",
        "definition": definition.to_string(),
    })
}

/// An execution of one state that was entered and scheduled with these parameters, and this role.
fn history(state: &str, parameters: &Value, role: &Value) -> History {
    let parameters = parameters.to_string();
    vec![
        json!({ "id": 1, "previousEventId": 0, "type": "ExecutionStarted" }),
        json!({ "id": 2, "previousEventId": 0, "type": "TaskStateEntered", "stateEnteredEventDetails": { "name": state } }),
        json!({ "id": 3, "previousEventId": 2, "type": "TaskScheduled", "taskScheduledEventDetails": { "parameters": parameters, "taskCredentials": { "roleArn": role } } }),
    ]
}

#[test]
fn policies_are_what_the_cases_say() {
    let cases: Value = serde_json::from_str(include_str!("cases.json")).unwrap();
    for case in cases.as_array().unwrap() {
        let seen = case["seen"].as_array().into_iter().flatten();
        let histories: Vec<History> = seen
            .map(|seen| {
                history(seen["state"].as_str().unwrap(), &seen["parameters"], &seen["role"])
            })
            .collect();
        let mut described = machine(&json!({ "StartAt": "A", "States": case["states"] }));
        for (member, value) in case["machine"].as_object().into_iter().flatten() {
            described[member] = value.clone();
        }
        let policy = policy(&described, &histories);
        assert_eq!(policy["Statement"], case["statements"], "{}: {policy:#}", case["name"]);
    }
}
