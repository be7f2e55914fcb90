//! `stepwell describe`.

use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};
use services::iam::guard::hint;

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
        let is_execution = flags.name.contains(":execution:") || flags.name.contains(":express:");
        let answer = if is_execution {
            client
                .call("stepfunctions", "DescribeExecution", json!({ "executionArn": flags.name }))
                .await?
        } else {
            let arn = state_machine_arn(&client, &flags.name).await?;
            client
                .call("stepfunctions", "DescribeStateMachine", json!({ "stateMachineArn": arn }))
                .await?
        };
        // AWS, and servers from before they were asked this, have none to tell.
        let denials = match is_execution && !flags.target.aws && flags.target.is_text() {
            true => client.denials(&flags.name).await.unwrap_or_default(),
            false => Vec::new(),
        };
        flags.target.show(&answer, |answer| lines(answer) + &refusals(answer, &denials))?;
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

/// What IAM's policies do not allow: what the execution failed by, and what it was only told of; behind each,
/// what would allow it.
fn refusals(answer: &Value, denials: &[Value]) -> String {
    let mut shown = String::new();
    if let Some(hint) = answer["cause"].as_str().and_then(hint) {
        shown.push_str(&format!("hint: {hint}\n"));
    }
    if !denials.is_empty() {
        shown.push_str("not allowed by IAM's policies:\n");
    }
    for denial in denials {
        shown.push_str(&format!("  {}\n", text(denial, "message")));
        if let Some(hint) = denial["hint"].as_str() {
            shown.push_str(&format!("    {hint}\n"));
        }
    }
    shown
}

fn opened(text: &str) -> String {
    match serde_json::from_str::<Value>(text) {
        Ok(value @ (Value::Object(_) | Value::Array(_))) => format!("{value:#}"),
        _ => text.to_owned(),
    }
}
