//! `stepwell list`.

use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};

use crate::client::Target;
use crate::client::{block_on, state_machine_arn, text, time};

/// Flags of `list`.
#[derive(Args)]
pub struct Flags {
    /// A state machine (name or ARN) whose executions to list; without it, state machines are listed
    state_machine: Option<String>,
    /// Only executions with this status: RUNNING, SUCCEEDED, FAILED, TIMED_OUT, ABORTED
    #[arg(long, requires = "state_machine")]
    status: Option<String>,
    /// At most so many
    #[arg(long, default_value_t = 100)]
    limit: usize,
    #[command(flatten)]
    target: Target,
}

/// Lists state machines or executions.
pub fn run(flags: &Flags) -> anyhow::Result<ExitCode> {
    block_on(async {
        let client = flags.target.client()?;
        let (operation, mut request, member) = match &flags.state_machine {
            None => ("ListStateMachines", json!({}), "stateMachines"),
            Some(name) => {
                let arn = state_machine_arn(&client, name).await?;
                ("ListExecutions", json!({ "stateMachineArn": arn }), "executions")
            }
        };
        if let Some(status) = &flags.status {
            request["statusFilter"] = json!(status.to_uppercase());
        }
        let rows =
            client.call_all("stepfunctions", operation, request, member, flags.limit).await?;
        flags.target.show(&json!({ member: rows }), |answer| table(&answer[member]))?;
        Ok(ExitCode::SUCCESS)
    })
}

fn table(rows: &Value) -> String {
    let rows = rows.as_array().map(Vec::as_slice).unwrap_or_default();
    let line = |row: &Value| match row.get("executionArn") {
        Some(_) => format!(
            "{:<10} {}  {}",
            text(row, "status"),
            time(&row["startDate"]),
            text(row, "executionArn")
        ),
        None => format!(
            "{:<9} {}  {}",
            text(row, "type"),
            time(&row["creationDate"]),
            text(row, "stateMachineArn")
        ),
    };
    if rows.is_empty() {
        "none".to_owned()
    } else {
        rows.iter().map(line).collect::<Vec<_>>().join("\n")
    }
}
