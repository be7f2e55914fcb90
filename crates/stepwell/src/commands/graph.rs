//! `stepwell graph`.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use asl::graph::{Graph, Theme};
use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use crate::client::{self, Target, block_on, state_machine_arn};

/// Flags of `graph`.
#[derive(Args)]
pub struct Flags {
    /// A definition's file, an execution's ARN, or a state machine's name or ARN
    what: String,
    /// The file to write: its ending says what, .svg, .mmd (Mermaid), .txt or .json (coordinates)
    #[arg(long, short = 'o', value_name = "FILE")]
    out: Option<PathBuf>,
    /// The colours of an SVG
    #[arg(long, value_enum, default_value_t)]
    theme: Colours,
    #[command(flatten)]
    target: Target,
}

/// Light or dark.
#[derive(Clone, Copy, Default, ValueEnum)]
enum Colours {
    Light,
    Dark,
    /// As whoever looks at it prefers
    #[default]
    Auto,
}

/// Draws.
pub fn run(flags: &Flags) -> anyhow::Result<ExitCode> {
    let format = match &flags.out {
        Some(out) => format_of(out)?,
        None if std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none() => "ansi",
        None => "text",
    };
    let path = Path::new(&flags.what);
    // No state machine's name has a slash, and few end like a file's.
    let is_file = flags.what.contains('/') || flags.what.ends_with(".json");
    let drawn = if !flags.what.starts_with("arn:") && (is_file || path.exists()) {
        of_file(path, format, flags.theme)?
    } else {
        block_on(of_server(flags, format))?
    };
    match &flags.out {
        Some(out) => std::fs::write(out, drawn)
            .with_context(|| format!("cannot write `{}`", out.display()))?,
        // A reader that has seen enough (head) is no error.
        None => drop(write!(std::io::stdout(), "{drawn}")),
    }
    Ok(ExitCode::SUCCESS)
}

fn format_of(out: &Path) -> anyhow::Result<&'static str> {
    Ok(match out.extension().and_then(|ending| ending.to_str()) {
        Some("svg") => "svg",
        Some("mmd") => "mermaid",
        Some("txt") => "text",
        Some("json") => "json",
        _ => bail!("`{}` must end in .svg, .mmd, .txt or .json", out.display()),
    })
}

fn of_file(path: &Path, format: &str, theme: Colours) -> anyhow::Result<String> {
    let definition = client::read(path)?;
    if let Err(error) = serde_json::from_str::<Value>(&definition) {
        bail!("`{}` is not JSON: {error}", path.display());
    }
    let title = path.file_name().map_or(String::new(), |name| name.to_string_lossy().into_owned());
    let graph = Graph::read(&definition).titled(title);
    Ok(match format {
        "svg" => graph.svg(match theme {
            Colours::Light => Theme::Light,
            Colours::Dark => Theme::Dark,
            Colours::Auto => Theme::Auto,
        }),
        "mermaid" => graph.mermaid(),
        "json" => format!("{:#}\n", graph.picture().json()),
        format => graph.text(format == "ansi"),
    })
}

async fn of_server(flags: &Flags, format: &str) -> anyhow::Result<String> {
    let client = flags.target.client()?;
    let mut request = if flags.what.contains(":execution:") || flags.what.contains(":express:") {
        json!({ "executionArn": flags.what })
    } else {
        json!({ "stateMachineArn": state_machine_arn(&client, &flags.what).await? })
    };
    request["format"] = format.into();
    request["theme"] = match flags.theme {
        Colours::Light => "light",
        Colours::Dark => "dark",
        Colours::Auto => "auto",
    }
    .into();
    Ok(client.draw(request).await?)
}
