//! `stepwell stop`.

use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use crate::client::Target;
use crate::client::{block_on, time};

/// Flags of `stop`.
#[derive(Args)]
pub struct Flags {
    /// The execution's ARN
    execution_arn: String,
    /// An error name to end it with
    #[arg(long)]
    error: Option<String>,
    /// A text that says why
    #[arg(long)]
    cause: Option<String>,
    #[command(flatten)]
    target: Target,
}

/// Stops an execution.
pub fn run(flags: &Flags) -> anyhow::Result<ExitCode> {
    block_on(async {
        let mut request = json!({ "executionArn": flags.execution_arn });
        for (member, value) in [("error", &flags.error), ("cause", &flags.cause)] {
            if let Some(value) = value {
                request[member] = json!(value);
            }
        }
        let answer = flags.target.client()?.call("stepfunctions", "StopExecution", request).await?;
        flags.target.show(&answer, |answer| format!("stopped at {}", time(&answer["stopDate"])))?;
        Ok(ExitCode::SUCCESS)
    })
}
