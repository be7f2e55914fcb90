//! `stepwell watch`: an execution's picture, drawn over again until it ends.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use serde_json::json;
use stepwell_sdk::Client;
use terminal_size::{Height, Width, terminal_size};

use crate::client::{Target, block_on};
use crate::progress::{self, Ended};

/// How often the server is asked.
const LOOK: Duration = Duration::from_millis(250);

/// Flags of `watch`.
#[derive(Args)]
pub struct Flags {
    /// The execution's ARN
    execution_arn: String,
    #[command(flatten)]
    target: Target,
}

/// Watches an execution; the exit status says whether it succeeded.
pub fn run(flags: &Flags) -> anyhow::Result<ExitCode> {
    block_on(async {
        let client = flags.target.client()?;
        let arn = &flags.execution_arn;
        // What goes into a file or a pipe is told as it happens and drawn at the end.
        let ended = if std::io::stdout().is_terminal() {
            live(&client, arn).await?
        } else {
            let ended = progress::follow(&client, arn, false).await?;
            let _ = write!(std::io::stdout(), "{}", drawn(&client, arn, "text").await?);
            ended
        };
        if ended.succeeded() {
            return Ok(ExitCode::SUCCESS);
        }
        eprintln!("{}", ended.why());
        Ok(ExitCode::FAILURE)
    })
}

async fn drawn(client: &Client, arn: &str, format: &str) -> anyhow::Result<String> {
    Ok(client.draw(json!({ "executionArn": arn, "format": format })).await?)
}

async fn live(client: &Client, arn: &str) -> anyhow::Result<Ended> {
    let format = if std::env::var_os("NO_COLOR").is_some() { "text" } else { "ansi" };
    let mut shown = 0;
    loop {
        let request = json!({ "executionArn": arn });
        // Asked before the picture, which then shows the end.
        let description = client.call("stepfunctions", "DescribeExecution", request).await?;
        let ended = Ended { description };
        let running = ended.description["status"] == "RUNNING";
        let picture = drawn(client, arn, format).await?;
        let (Width(columns), Height(rows)) = terminal_size().unwrap_or((Width(80), Height(24)));
        // The last picture is left whole: it can be scrolled to.
        let rows = if running { usize::from(rows).saturating_sub(1) } else { usize::MAX };
        let lines = window(&picture, rows);
        let mut screen = String::new();
        if shown > 0 {
            screen.push_str(&format!("\x1b[{shown}A"));
        }
        screen.push_str("\r\x1b[J");
        for line in &lines {
            screen.push_str(&clipped(line, usize::from(columns)));
            screen.push('\n');
        }
        let mut out = std::io::stdout();
        let _ = out.write_all(screen.as_bytes());
        let _ = out.flush();
        shown = lines.len();
        if !running {
            return Ok(ended);
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// As many lines as there is room for, around the first state that runs.
fn window(picture: &str, rows: usize) -> Vec<&str> {
    let lines: Vec<&str> = picture.lines().collect();
    if lines.len() <= rows {
        return lines;
    }
    let running = lines.iter().position(|line| line.contains("▶ ")).unwrap_or(lines.len());
    let first = running.saturating_sub(rows / 2).min(lines.len() - rows);
    lines[first..first + rows].to_vec()
}

/// What fits into so many columns; colours take none, and end with the line.
fn clipped(line: &str, columns: usize) -> String {
    let mut kept = String::new();
    let mut width = 0;
    let mut escape = false;
    for character in line.chars() {
        if character == '\x1b' {
            escape = true;
        }
        if escape {
            escape = character != 'm';
            kept.push(character);
            continue;
        }
        let wide = unicode_width::UnicodeWidthChar::width(character).unwrap_or(0);
        if width + wide > columns {
            kept.push_str("\x1b[0m");
            break;
        }
        width += wide;
        kept.push(character);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_shows_what_runs() {
        let picture = "1\n2\n3\n│ ▶ Train\n5\n6\n7";
        assert_eq!(window(picture, 7).len(), 7);
        assert_eq!(window(picture, 3), ["3", "│ ▶ Train", "5"]);
        assert_eq!(window("1\n2\n3", 2), ["2", "3"]);
    }

    #[test]
    fn lines_are_cut_where_the_terminal_ends() {
        assert_eq!(clipped("\x1b[0;32m✔ Train\x1b[0m", 7), "\x1b[0;32m✔ Train\x1b[0m");
        assert_eq!(clipped("\x1b[0;32m✔ Train", 3), "\x1b[0;32m✔ T\x1b[0m");
        assert_eq!(clipped("训练", 3), "训\x1b[0m");
    }
}
