//! `stepwell describe`.

use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};

use crate::client::Target;
use crate::client::{block_on, state_machine_arn, text, time};

/// Flags of `describe`.
#[derive(Args)]
pub struct Flags {
    /// An execution's ARN, or a state machine's name or ARN
    name: String,
    #[command(flatten)]
    target: Target,
}

/// Describes an execution or a state machine.
pub fn run(flags: &Flags) -> anyhow::Result<ExitCode> {
    block_on(async {
        let client = flags.target.client()?;
        let answer = if flags.name.contains(":execution:") || flags.name.contains(":express:") {
            client
                .call("stepfunctions", "DescribeExecution", json!({ "executionArn": flags.name }))
                .await?
        } else {
            let arn = state_machine_arn(&client, &flags.name).await?;
            client
                .call("stepfunctions", "DescribeStateMachine", json!({ "stateMachineArn": arn }))
                .await?
        };
        flags.target.show(&answer, lines)?;
        Ok(ExitCode::SUCCESS)
    })
}

/// A line a member; JSON in strings is opened.
fn lines(answer: &Value) -> String {
    let mut shown = String::new();
    for (member, value) in answer.as_object().into_iter().flatten() {
        let value = match value {
            Value::Number(_) if member.ends_with("Date") => time(value),
            Value::String(_) => opened(text(answer, member)),
            other => other.to_string(),
        };
        shown.push_str(&format!("{member}: {value}\n"));
    }
    shown
}

fn opened(text: &str) -> String {
    match serde_json::from_str::<Value>(text) {
        Ok(value @ (Value::Object(_) | Value::Array(_))) => format!("{value:#}"),
        _ => text.to_owned(),
    }
}
