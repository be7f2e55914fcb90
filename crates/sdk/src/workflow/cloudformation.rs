//! The workflow as a CloudFormation template.

use serde_json::Value;

pub(super) fn template(
    name: &str,
    role: &str,
    definition: &Value,
    description: Option<&str>,
) -> String {
    let description =
        description.unwrap_or("CloudFormation template for AWS Step Functions - State Machine");
    // JSON text holds no tab at a line's start and no line end inside a string, so a literal block carries it as it is.
    let definition: String =
        format!("{definition:#}").lines().map(|line| format!("        {line}\n")).collect();
    let quoted = |text: &str| Value::from(text).to_string();
    format!(
        "AWSTemplateFormatVersion: '2010-09-09'\n\
         Description: {}\n\
         Resources:\n\
         \x20 StateMachineComponent:\n\
         \x20   Type: AWS::StepFunctions::StateMachine\n\
         \x20   Properties:\n\
         \x20     StateMachineName: {}\n\
         \x20     RoleArn: {}\n\
         \x20     DefinitionString: |-\n\
         {definition}",
        quoted(description),
        quoted(name),
        quoted(role),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_definition_is_a_literal_block() {
        let text = template("a: b", "role", &json!({"StartAt": "X", "States": {}}), None);
        assert!(text.contains("      StateMachineName: \"a: b\"\n"));
        let block = text.split("DefinitionString: |-\n").nth(1).unwrap();
        let json: String =
            block.lines().map(|line| line.strip_prefix("        ").unwrap()).collect();
        assert_eq!(
            serde_json::from_str::<Value>(&json).unwrap(),
            json!({"StartAt": "X", "States": {}})
        );
    }
}
