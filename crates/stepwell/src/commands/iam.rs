//! `stepwell iam`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use services::iam::guard::{Denial, read_denials};
use services::iam::suggest;
use stepwell_sdk::Client;

use crate::client::{Target, block_on, state_machine_arn};
use crate::config::DEFAULT_DATA;

/// Flags of `iam`.
#[derive(Args)]
pub struct Flags {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Show what AWS would have refused, and what the server refused, by role or user
    Report(Report),
    /// Show the least that a state machine's role must be allowed, from its definition and its executions
    Suggest(Suggest),
}

#[derive(Args)]
struct Suggest {
    /// A state machine's name or ARN, or an execution's ARN
    name: String,
    /// How many of its last executions are looked at
    #[arg(long, value_name = "N", default_value_t = 20)]
    executions: usize,
    #[command(flatten)]
    target: Target,
}

#[derive(Args)]
struct Report {
    /// The server's data folder [default: ./.stepwell]
    #[arg(long, value_name = "DIR", env = "STEPWELL_DATA")]
    data: Option<PathBuf>,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

/// Runs a subcommand.
pub fn run(flags: &Flags) -> anyhow::Result<ExitCode> {
    match &flags.command {
        Command::Report(flags) => report(flags),
        Command::Suggest(flags) => block_on(suggest(flags)),
    }
}

fn report(report: &Report) -> anyhow::Result<ExitCode> {
    let data = report.data.clone().unwrap_or_else(|| DEFAULT_DATA.into());
    let denials = read_denials(&data)
        .with_context(|| format!("cannot read the refusals in `{}`", data.display()))?;
    if report.json {
        for denial in &denials {
            println!("{}", serde_json::to_string(denial)?);
        }
        return Ok(ExitCode::SUCCESS);
    }
    if denials.is_empty() {
        println!("Every call that was made is allowed by IAM's policies.");
    }
    print!("{}", told(&denials));
    Ok(ExitCode::SUCCESS)
}

/// Prints a policy document, ready for `aws iam put-role-policy`.
async fn suggest(flags: &Suggest) -> anyhow::Result<ExitCode> {
    let client = flags.target.client()?;
    let is_execution = flags.name.contains(":execution:");
    let machine = if is_execution {
        let asked = json!({ "executionArn": flags.name });
        client.call("stepfunctions", "DescribeStateMachineForExecution", asked).await?
    } else {
        let arn = state_machine_arn(&client, &flags.name).await?;
        let asked = json!({ "stateMachineArn": arn });
        client.call("stepfunctions", "DescribeStateMachine", asked).await?
    };
    let executions = match is_execution {
        true => vec![flags.name.clone()],
        // Express executions are not listed; the definition alone speaks of them.
        false if machine["type"] == "EXPRESS" => Vec::new(),
        false => {
            let arn = &machine["stateMachineArn"];
            let asked = json!({ "stateMachineArn": arn, "maxResults": 1000 });
            listed(&client, asked, flags.executions).await?
        }
    };
    let mut histories = Vec::new();
    for execution in &executions {
        histories.push(history(&client, execution).await?);
        let asked = json!({ "executionArn": execution });
        let runs =
            client.call_all("stepfunctions", "ListMapRuns", asked, "mapRuns", usize::MAX).await?;
        for run in runs {
            let asked = json!({ "mapRunArn": run["mapRunArn"], "maxResults": 1000 });
            for child in listed(&client, asked, flags.executions).await? {
                // Express children have no history.
                if !child.contains(":express:") {
                    histories.push(history(&client, &child).await?);
                }
            }
        }
    }
    let policy = suggest::policy(&machine, &histories);
    eprintln!("from the definition and {} executions", histories.len());
    flags.target.show(&policy, |policy| format!("{policy:#}"))?;
    Ok(ExitCode::SUCCESS)
}

async fn listed(client: &Client, asked: Value, most: usize) -> anyhow::Result<Vec<String>> {
    let found =
        client.call_all("stepfunctions", "ListExecutions", asked, "executions", most).await?;
    let arns = found.iter().filter_map(|execution| execution["executionArn"].as_str());
    Ok(arns.map(str::to_owned).collect())
}

async fn history(client: &Client, execution: &str) -> anyhow::Result<suggest::History> {
    let asked = json!({ "executionArn": execution, "maxResults": 1000 });
    Ok(client.call_all("stepfunctions", "GetExecutionHistory", asked, "events", usize::MAX).await?)
}

/// By principal, then by action.
fn told(denials: &[Denial]) -> String {
    let mut principals: BTreeMap<&str, Vec<&Denial>> = BTreeMap::new();
    for denial in denials {
        principals.entry(&denial.principal).or_default().push(denial);
    }
    let mut text = String::new();
    for (principal, mut denials) in principals {
        denials.sort_by_key(|denial| (&denial.action, &denial.resource));
        text += &format!("{principal}\n");
        for denial in denials {
            let reason = ["because ", "with an explicit deny"]
                .iter()
                .find_map(|word| denial.message.find(word).map(|at| &denial.message[at..]))
                .unwrap_or(&denial.message);
            text += &format!("  {} on {}\n    {reason}\n", denial.action, denial.resource);
            if let Some(reason) = denial.condition() {
                text += &format!("    {reason}\n");
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_told_by_principal() {
        let denial = |action: &str| Denial {
            time: "2026-01-01T00:00:00Z".into(),
            principal: "arn:aws:iam::000000000000:role/work".into(),
            action: action.into(),
            resource: "*".into(),
            message: format!(
                "User: x is not authorized to perform: {action} on resource: * because no identity-based policy allows the {action} action"
            ),
            passed_to: Some("sagemaker.amazonaws.com".into()),
            to_others: action == "iam:PassRole",
            execution_arn: None,
        };
        let text = told(&[denial("s3:GetObject"), denial("iam:PassRole")]);
        assert_eq!(
            text,
            "arn:aws:iam::000000000000:role/work\n  iam:PassRole on *\n    because no \
             identity-based policy allows the iam:PassRole action\n    a policy allows it on the \
             condition of another iam:PassedToService than sagemaker.amazonaws.com\n  s3:GetObject \
             on *\n    because no identity-based policy allows the s3:GetObject action\n"
        );
    }
}
