//! `stepwell validate`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use crate::client::{self, Output};

/// Flags of `validate`.
#[derive(Args)]
pub struct Flags {
    /// The definition's file
    file: PathBuf,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

/// Checks a definition as ValidateStateMachineDefinition does; exit status 1 when it is wrong.
pub fn run(flags: &Flags) -> anyhow::Result<ExitCode> {
    let text = client::read(&flags.file)?;
    let diagnostics = asl::validate::validate(&text, asl::validate::Options::default());
    let wrong =
        diagnostics.iter().any(|diagnostic| diagnostic.severity == asl::validate::Severity::Error);
    match flags.output {
        Output::Json => {
            let shown: Vec<_> = diagnostics
                .iter()
                .map(|diagnostic| {
                    json!({
                        "severity": diagnostic.severity.as_str(), "code": diagnostic.code,
                        "message": diagnostic.message, "location": diagnostic.location,
                    })
                })
                .collect();
            let result = if wrong { "FAIL" } else { "OK" };
            println!("{:#}", json!({ "result": result, "diagnostics": shown }));
        }
        Output::Text => {
            for diagnostic in &diagnostics {
                let place = diagnostic.location.as_deref().unwrap_or("/");
                println!(
                    "{}: {} ({}) at {place}",
                    diagnostic.severity.as_str(),
                    diagnostic.message,
                    diagnostic.code
                );
            }
            if !wrong {
                println!("`{}` is valid", flags.file.display());
            }
        }
    }
    Ok(if wrong { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
