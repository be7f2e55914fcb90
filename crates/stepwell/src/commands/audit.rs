//! `stepwell audit`.

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use serde_json::{Value, json};

use crate::client::{Target, block_on, text, time};

/// Flags of `audit`.
#[derive(Args)]
pub struct Flags {
    /// Only calls of this operation, e.g. CreateStateMachine
    #[arg(long, value_name = "NAME", group = "what")]
    event: Option<String>,
    /// Only calls of this user, or of a role's session of this name
    #[arg(long, value_name = "NAME", group = "what")]
    user: Option<String>,
    /// Only calls about this: an ARN, or the name of a role, user or bucket
    #[arg(long, value_name = "ARN", group = "what")]
    resource: Option<String>,
    /// Only calls since, e.g. 2026-11-22T20:00:00Z
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// At most so many
    #[arg(long, default_value_t = 100)]
    limit: usize,
    #[command(flatten)]
    target: Target,
}

/// Shows who called what, the newest first.
pub fn run(flags: &Flags) -> anyhow::Result<ExitCode> {
    let attributes =
        [("EventName", &flags.event), ("Username", &flags.user), ("ResourceName", &flags.resource)];
    let asked = attributes.into_iter().find_map(|(key, value)| Some((key, value.as_ref()?)));
    let mut request = json!({});
    if let Some((key, value)) = asked {
        request["LookupAttributes"] = json!([{ "AttributeKey": key, "AttributeValue": value }]);
    }
    if let Some(since) = &flags.since {
        let at = models::timestamp::parse(since)
            .with_context(|| format!("`{since}` is no time, e.g. 2026-11-22T20:00:00Z"))?;
        request["StartTime"] = json!(at);
    }
    block_on(async {
        let client = flags.target.client()?;
        let events =
            client.call_all("cloudtrail", "LookupEvents", request, "Events", flags.limit).await?;
        flags.target.show(&json!({ "Events": events }), |answer| {
            let events = answer["Events"].as_array().into_iter().flatten();
            events.map(line).collect::<Vec<_>>().join("\n")
        })?;
        Ok(ExitCode::SUCCESS)
    })
}

fn line(event: &Value) -> String {
    let whole: Value = serde_json::from_str(text(event, "CloudTrailEvent")).unwrap_or_default();
    let source = text(event, "EventSource").trim_end_matches(".amazonaws.com");
    let about = event["Resources"].as_array().and_then(|all| all.last());
    format!(
        "{}  {:<15} {:<20} {}  {}{}",
        time(&event["EventTime"]),
        text(&whole, "sourceIPAddress"),
        text(event, "Username"),
        format_args!("{source}:{}", text(event, "EventName")),
        about.map_or("", |about| text(about, "ResourceName")),
        whole["errorCode"].as_str().map_or_else(String::new, |code| format!("  {code}")),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_call_is_told_with_its_error() {
        let event = json!({
            "EventTime": 1_795_378_551, "EventName": "CreateRole", "EventSource": "iam.amazonaws.com",
            "Username": "ann", "Resources": [{ "ResourceName": "r" }],
            "CloudTrailEvent": "{\"sourceIPAddress\": \"127.0.0.1\", \"errorCode\": \"AccessDenied\"}",
        });
        assert_eq!(
            line(&event),
            "2026-11-22T20:15:51.000Z  127.0.0.1       ann                  iam:CreateRole  r  AccessDenied"
        );
    }
}
