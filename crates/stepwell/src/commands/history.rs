//! `stepwell history`.

use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};
use services::iam::guard::hint;

use crate::client::Target;
use crate::client::{block_on, text, time};

/// Flags of `history`.
#[derive(Args)]
pub struct Flags {
    /// The execution's ARN
    execution_arn: String,
    /// Newest first
    #[arg(long)]
    reverse: bool,
    /// At most so many events
    #[arg(long, default_value_t = usize::MAX, hide_default_value = true)]
    limit: usize,
    #[command(flatten)]
    target: Target,
}

/// Shows an execution's events.
pub fn run(flags: &Flags) -> anyhow::Result<ExitCode> {
    block_on(async {
        let request = json!({ "executionArn": flags.execution_arn, "reverseOrder": flags.reverse, "maxResults": 1000 });
        let client = flags.target.client()?;
        let events = client
            .call_all("stepfunctions", "GetExecutionHistory", request, "events", flags.limit)
            .await?;
        flags.target.show(&json!({ "events": events }), |answer| {
            answer["events"]
                .as_array()
                .into_iter()
                .flatten()
                .map(line)
                .collect::<Vec<_>>()
                .join("\n")
        })?;
        Ok(ExitCode::SUCCESS)
    })
}

/// Number, time, type, and what tells most about the event.
fn line(event: &Value) -> String {
    let details = event
        .as_object()
        .into_iter()
        .flatten()
        .find(|(member, _)| member.ends_with("EventDetails"));
    let details = details.map_or(&Value::Null, |(_, details)| details);
    let told: Vec<String> = ["name", "resource", "error", "cause"]
        .iter()
        .filter_map(|member| details[member].as_str().map(|value| format!("{member}={value}")))
        .collect();
    let mut line = format!(
        "{:>5}  {}  {:<24} {}",
        event["id"],
        time(&event["timestamp"]),
        text(event, "type"),
        told.join(" ")
    );
    if let Some(hint) = details["cause"].as_str().and_then(hint) {
        line.push_str(&format!("\n       {hint}"));
    }
    line
}
