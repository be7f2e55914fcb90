//! The models against what made them and against answers recorded from AWS.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use models::conform::{Naming, conform};
use models::validate::validate;
use serde_json::Value;

/// What is checked in is what `update.py` makes of botocore. Needs a Python that has it.
#[test]
fn the_embedded_models_are_what_update_py_makes() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = std::env::var("STEPWELL_PYTHON").unwrap_or_else(|_| "python3".into());
    let wanted =
        format!("import botocore, sys; sys.exit(botocore.__version__ != '{}')", models::BOTOCORE);
    let has = Command::new(&python).args(["-c", &wanted]).output();
    if !has.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: `{python}` has no botocore {}", models::BOTOCORE);
        return;
    }
    let check = Command::new(&python).arg(folder.join("update.py")).arg("--check").output();
    let output = check.expect("python was there a moment ago");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Requests of the recorded cases: we refuse by the model just where AWS did, with the same text.
#[test]
fn violations_are_told_where_aws_told_them() {
    let Some(cases) = recorded_cases() else {
        eprintln!("skipped: ../shared/conformance is not there");
        return;
    };
    let (mut compared, mut wrong) = (0, Vec::new());
    for file in fs::read_dir(cases).expect("a folder") {
        let text = fs::read_to_string(file.expect("an entry").path()).expect("readable");
        let file: Value = serde_json::from_str(&text).expect("JSON");
        for case in file["cases"].as_array().expect("cases") {
            for (place, step) in case["steps"].as_array().expect("steps").iter().enumerate() {
                let Some(told) = violation_of(step) else { continue };
                let recorded = recorded_error(case, place);
                // Of some refused steps the answer was not kept; all others went well.
                let mark = format!("\"step\":{place},");
                if recorded.is_none()
                    && !told.is_empty()
                    && !case["expect"].to_string().contains(&mark)
                {
                    continue;
                }
                compared += 1;
                let agrees = match &recorded {
                    Some(message) if message.contains("validation error detected") => {
                        same_constraint(&told, message)
                    }
                    _ => told.is_empty(),
                };
                if !agrees {
                    wrong.push(format!(
                        "{} step {place}: {told}\n    AWS: {recorded:?}",
                        case["id"]
                    ));
                }
            }
        }
    }
    assert!(compared > 1000, "{compared}");
    assert!(wrong.is_empty(), "{} of {compared}:\n{}", wrong.len(), wrong.join("\n"));
}

fn recorded_cases() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2)?;
    root.ancestors()
        .skip(1)
        .map(|up| up.join("shared/conformance/cases"))
        .find(|path| path.is_dir())
}

/// What the model says of a step's parameters; none if the step is not one of ours.
fn violation_of(step: &Value) -> Option<String> {
    let (service, operation) = step["call"].as_str()?.split_once('.')?;
    let service = models::service(service)?;
    let input = service.operation(operation)?.input?;
    let mut members = filled(&step["params"]);
    conform(service, input, Naming::Member, &mut members).ok()?;
    Some(
        validate(service, input, &members).err().map(|found| found.to_string()).unwrap_or_default(),
    )
}

/// `{"$json": x}` and the like, as the replay sends them.
fn filled(value: &Value) -> Value {
    match value {
        Value::Object(object) if object.contains_key("$json") => object["$json"].to_string().into(),
        Value::Object(object) if object.contains_key("$zip") => "AAAA".into(),
        Value::Object(object) if object.contains_key("$base64") => object["$base64"].clone(),
        Value::Object(object) => {
            object.iter().map(|(name, value)| (name.clone(), filled(value))).collect()
        }
        Value::Array(items) => items.iter().map(filled).collect(),
        Value::String(text) => text
            .replace("${account}", "000000000000")
            .replace("${region}", "us-east-1")
            .replace("${uid:", "uid")
            .replace("${", "v")
            .replace(['}', '/', ' '], if text.contains("${") { "-" } else { "}" })
            .into(),
        other => other.clone(),
    }
}

/// The message of the error AWS answered.
fn recorded_error(case: &Value, step: usize) -> Option<String> {
    let is_step = |from: &Value| from["step"].as_u64() == Some(step as u64);
    case["expect"].as_object()?.values().find_map(|expected| {
        let value = &expected["value"];
        let message = if is_step(&expected["from"]) {
            &value["Error"]["Message"]
        } else if is_step(&expected["from"]["dict"]["exception_value"]) {
            &value["exception_value"]
        } else {
            return None;
        };
        message.as_str().map(str::to_owned)
    })
}

/// The same member and constraint; the value varies from run to run or is abbreviated in the recording.
fn same_constraint(ours: &str, recorded: &str) -> bool {
    let tail = |text: &str| text.rsplit_once("' at '").map(|(_, tail)| tail.to_owned());
    tail(ours).is_some() && tail(ours) == tail(recorded)
}
