//! `stepwell start`.

use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use crate::client::Target;
use crate::client::{block_on, json_argument, state_machine_arn, text};

/// Flags of `start`.
#[derive(Args)]
pub struct Flags {
    /// The state machine: its name or ARN
    state_machine: String,
    /// The input: JSON, or @FILE
    #[arg(long, default_value = "{}")]
    input: String,
    /// The execution's name [default: made up]
    #[arg(long)]
    name: Option<String>,
    #[command(flatten)]
    target: Target,
}

/// Starts an execution and prints its ARN.
pub fn run(flags: &Flags) -> anyhow::Result<ExitCode> {
    let input = json_argument(&flags.input)?;
    block_on(async {
        let client = flags.target.client()?;
        let arn = state_machine_arn(&client, &flags.state_machine).await?;
        let mut request = json!({ "stateMachineArn": arn, "input": input.to_string() });
        if let Some(name) = &flags.name {
            request["name"] = json!(name);
        }
        let answer = client.call("stepfunctions", "StartExecution", request).await?;
        flags.target.show(&answer, |answer| text(answer, "executionArn").to_owned())?;
        Ok(ExitCode::SUCCESS)
    })
}
