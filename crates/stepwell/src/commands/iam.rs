//! `stepwell iam`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use services::iam::guard::{Denial, read_denials};

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
    let Command::Report(report) = &flags.command;
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
            execution_arn: None,
        };
        let text = told(&[denial("s3:GetObject"), denial("logs:PutLogEvents")]);
        assert_eq!(
            text,
            "arn:aws:iam::000000000000:role/work\n  logs:PutLogEvents on *\n    because no \
             identity-based policy allows the logs:PutLogEvents action\n  s3:GetObject on *\n    \
             because no identity-based policy allows the s3:GetObject action\n"
        );
    }
}
