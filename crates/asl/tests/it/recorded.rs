//! What AWS answered, where the recordings are beside the repository: which definitions it takes, how it
//! refuses the others, what one-state machines give. Skipped with a message where they are not.

use asl::definition::{Flow, Kind};
use asl::expression::{Budget, LazyContext, NoVariables, Scope};
use asl::{Definition, Moment, Timestamp};
use serde_json::{Value, json};

fn cases() -> Vec<Value> {
    let Some(folder) = crate::shared("conformance/cases") else {
        eprintln!("skipped: the recorded cases are not beside the repository");
        return Vec::new();
    };
    let Ok(entries) = std::fs::read_dir(&folder) else { return Vec::new() };
    let mut cases = Vec::new();
    for entry in entries.flatten() {
        let text = std::fs::read_to_string(entry.path()).unwrap_or_default();
        if let Ok(Value::Object(mut file)) = serde_json::from_str::<Value>(&text)
            && let Some(Value::Array(found)) = file.remove("cases")
        {
            cases.extend(found);
        }
    }
    cases
}

/// `{"$json": x}` is the text of x, and placeholders of earlier answers stand for ARNs and names.
fn text(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Object(object) => object.get("$json")?.to_string(),
        _ => return None,
    };
    let mut filled = String::new();
    let mut rest = text.as_str();
    while let Some(start) = rest.find("${") {
        let end = rest[start..].find('}').map_or(rest.len(), |end| start + end + 1);
        filled.push_str(&rest[..start]);
        let name = &rest[start..end];
        filled.push_str(if name.contains("FunctionArn") {
            "arn:aws:lambda:us-east-1:111111111111:function:f"
        } else if name.contains("activityArn") {
            "arn:aws:states:us-east-1:111111111111:activity:a"
        } else {
            "x"
        });
        rest = &rest[end..];
    }
    filled.push_str(rest);
    Some(filled)
}

#[test]
fn definitions_are_taken_and_refused_as_recorded() {
    let (mut taken, mut refused, mut wrong) = (0, 0, Vec::new());
    for case in cases() {
        for step in case["steps"].as_array().into_iter().flatten() {
            let creates = step["call"] == "stepfunctions.CreateStateMachine"
                || step["call"] == "stepfunctions.UpdateStateMachine";
            let Some(definition) = text(&step["params"]["definition"]).filter(|_| creates) else {
                continue;
            };
            let options = asl::validate::Options {
                express: step["params"]["type"] == "EXPRESS",
                ..Default::default()
            };
            let ours =
                Definition::parse_with(&definition, options).map(|_| ()).map_err(|e| e.to_string());
            let theirs = if step["error"].is_null() || step["error"] == false {
                Ok(())
            } else {
                let expected = case["expect"].to_string();
                if !expected.contains("Invalid State Machine Definition") {
                    continue;
                }
                Err(expected)
            };
            match (&ours, &theirs) {
                (Ok(()), Ok(())) => taken += 1,
                (Err(ours), Err(theirs)) if theirs.contains(ours.as_str()) => refused += 1,
                _ => wrong.push(format!("{}: {ours:?}, recorded {theirs:?}", case["id"])),
            }
        }
    }
    println!("{taken} taken, {refused} refused, {} otherwise than recorded", wrong.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn diagnostics_are_as_recorded() {
    for case in cases() {
        for (index, step) in case["steps"].as_array().into_iter().flatten().enumerate() {
            if step["call"] != "stepfunctions.ValidateStateMachineDefinition" {
                continue;
            }
            let Some(definition) = text(&step["params"]["definition"]) else { continue };
            let options = asl::validate::Options {
                express: step["params"]["type"] == "EXPRESS",
                ..Default::default()
            };
            let ours: Vec<Value> = asl::validate(&definition, options)
                .iter()
                .filter(|found| found.severity == asl::Severity::Error)
                .map(|found| {
                    json!({"code": found.code, "location": found.location, "message": found.message, "severity": found.severity.as_str()})
                })
                .collect();
            for expected in
                case["expect"].as_object().into_iter().flat_map(|expect| expect.values())
            {
                if expected["from"]["step"] == index && expected["value"]["diagnostics"].is_array()
                {
                    assert_eq!(
                        Value::Array(ours.clone()),
                        expected["value"]["diagnostics"],
                        "{}",
                        case["id"]
                    );
                }
            }
        }
    }
}

#[test]
fn variable_references_are_as_recorded() {
    for case in cases() {
        let steps = case["steps"].as_array().into_iter().flatten();
        let definition = steps
            .filter(|step| step["call"] == "stepfunctions.CreateStateMachine")
            .find_map(|step| text(&step["params"]["definition"]));
        let Some(Ok(definition)) = definition.map(|text| Definition::parse(&text)) else {
            continue;
        };
        for expected in case["expect"].as_object().into_iter().flat_map(|expect| expect.values()) {
            let expected = &expected["value"]["variableReferences"];
            if expected.is_object() {
                assert_eq!(json!(definition.variable_references()), *expected, "{}", case["id"]);
            }
        }
    }
}

/// Executions of machines whose first state is a lone Pass or a Choice between Passes.
#[test]
fn one_state_machines_give_what_is_recorded() {
    let (mut right, mut wrong) = (0, Vec::new());
    for case in cases() {
        let definitions: Vec<String> = case["steps"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|step| step["call"] == "stepfunctions.CreateStateMachine")
            .filter_map(|step| text(&step["params"]["definition"]))
            .collect();
        let mut histories: Vec<&Value> = Vec::new();
        gather(&case["expect"], &mut histories);
        for (index, events) in histories.iter().enumerate() {
            let Some(definition) = (if definitions.len() == 1 {
                definitions.first()
            } else if definitions.len() == histories.len() {
                definitions.get(index)
            } else {
                None
            }) else {
                continue;
            };
            let Ok(definition) = Definition::parse(definition) else { continue };
            let Some(first) = events.get(0) else { continue };
            let input = opened(&first["executionStartedEventDetails"]["input"]);
            let Some(result) = run(&definition, &input) else { continue };
            let Some(last) = events.as_array().and_then(|events| events.last()) else { continue };
            let expected = match &last["executionSucceededEventDetails"]["output"] {
                Value::Null => Err(last["executionFailedEventDetails"]["cause"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned()),
                output => Ok(opened(output)),
            };
            let same = match (&result, &expected) {
                (Ok(ours), Ok(theirs)) => alike(ours, theirs),
                (Err(ours), Err(theirs)) => {
                    theirs.ends_with(ours.as_str()) || theirs.contains("<json-input")
                }
                _ => false,
            };
            if same {
                right += 1;
            } else {
                wrong.push(format!("{}: {result:?}, recorded {expected:?}", case["id"]));
            }
        }
    }
    println!("{right} as recorded, {} not", wrong.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn gather<'c>(value: &'c Value, found: &mut Vec<&'c Value>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                if name == "events" && member[0]["type"] == "ExecutionStarted" {
                    found.push(member);
                } else {
                    gather(member, found);
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| gather(item, found)),
        _ => {}
    }
}

fn opened(value: &Value) -> Value {
    match value {
        Value::String(text) => serde_json::from_str(text).unwrap_or_else(|_| value.clone()),
        other => other.clone(),
    }
}

/// Equal but for placeholders.
fn alike(ours: &Value, theirs: &Value) -> bool {
    match (ours, theirs) {
        (_, Value::String(text)) if text.contains('<') || text == "date" => true,
        (Value::Object(ours), Value::Object(theirs)) => {
            ours.len() == theirs.len()
                && ours
                    .iter()
                    .all(|(name, ours)| theirs.get(name).is_some_and(|theirs| alike(ours, theirs)))
        }
        (Value::Array(ours), Value::Array(theirs)) => {
            ours.len() == theirs.len()
                && ours.iter().zip(theirs).all(|(ours, theirs)| alike(ours, theirs))
        }
        _ => ours == theirs,
    }
}

/// The output or the cause; `None` for machines that need an engine.
fn run(definition: &Definition, input: &Value) -> Option<Result<Value, String>> {
    let make = || {
        json!({
            "Execution": {"Id": "<>", "Input": input, "Name": "<>", "RoleArn": "<>", "StartTime": "date", "RedriveCount": 0},
            "StateMachine": {"Id": "<>", "Name": "a-b"},
            "State": {"Name": "<>", "EnteredTime": "date"}
        })
    };
    let context = LazyContext::new(&make);
    let scope = Scope {
        input,
        context: &context,
        variables: &NoVariables,
        result: None,
        error_output: None,
        moment: Moment { now: Timestamp(1_700_000_000_000), seed: 7 },
        budget: &Budget::default(),
    };
    let state = &definition.body.states[&definition.body.start_at];
    match &state.kind {
        Kind::Pass(pass) if state.next.is_none() && state.assign.is_none() => {
            Some(match &state.flow {
                Flow::Jsonata { output, .. } => match output {
                    None => Ok(input.clone()),
                    Some(output) => output.evaluate(&scope, "Output").map_err(|error| error.cause),
                },
                Flow::JsonPath(flow) => (|| {
                    let selected = flow.input_path.select(&scope, "InputPath")?;
                    let scope = Scope { input: &selected, ..scope };
                    let result = match (&pass.result, &flow.parameters) {
                        (Some(result), _) => result.clone(),
                        (None, Some(parameters)) => parameters.evaluate(&scope, "Parameters")?,
                        (None, None) => selected.clone(),
                    };
                    let placed = flow.result_path.place(input.clone(), result)?;
                    let scope = Scope { input: &placed, ..scope };
                    flow.output_path.select(&scope, "OutputPath")
                })()
                .map_err(|error: asl::expression::EvaluationError| error.cause),
            })
        }
        Kind::Choice(choice) => {
            if !matches!(&state.flow, Flow::JsonPath(_)) || state.assign.is_some() {
                return None;
            }
            for (index, rule) in choice.rules.iter().enumerate() {
                match rule.condition.matches(&scope, index) {
                    Err(error) => return Some(Err(error.cause)),
                    Ok(false) => {}
                    Ok(true) if rule.assign.is_some() => return None,
                    Ok(true) => return leaf(definition, &rule.next, input),
                }
            }
            leaf(definition, choice.default.as_ref()?, input)
        }
        _ => None,
    }
}

fn leaf(definition: &Definition, name: &str, input: &Value) -> Option<Result<Value, String>> {
    let state = definition.body.states.get(name)?;
    match (&state.kind, &state.flow) {
        (Kind::Pass(pass), Flow::JsonPath(_)) if state.next.is_none() => {
            Some(Ok(pass.result.clone().unwrap_or_else(|| input.clone())))
        }
        _ => None,
    }
}
