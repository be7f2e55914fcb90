//! `stepwell top`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use http_body_util::BodyExt as _;

use crate::client::{block_on, pages};

/// Flags of `top`.
#[derive(Args)]
pub struct Flags {
    /// The server's address [default: http://127.0.0.1:4566]
    #[arg(long, value_name = "URL", env = "STEPWELL_ENDPOINT")]
    endpoint: Option<String>,
    /// How often to look
    #[arg(long, value_name = "SECONDS", default_value_t = 2.0)]
    every: f64,
    /// Look once and end: what has been since the server started
    #[arg(long)]
    once: bool,
}

/// States, operations and tasks shown.
const SLOWEST: usize = 5;

/// Shows what the server is doing until it is interrupted.
pub fn run(flags: &Flags) -> anyhow::Result<ExitCode> {
    let endpoint = flags.endpoint.as_deref().unwrap_or("http://127.0.0.1:4566");
    block_on(async {
        let client = pages(endpoint)?;
        let address: http::Uri =
            format!("{}/_stepwell/metrics", endpoint.trim_end_matches('/')).parse()?;
        let look = async || {
            let answer = client.get(address.clone()).await;
            let answer = answer.with_context(|| format!("no server answers at {endpoint}"))?;
            anyhow::ensure!(answer.status().is_success(), "{endpoint}: {}", answer.status());
            let text = answer.into_body().collect().await?.to_bytes();
            anyhow::Ok((Sample::read(&String::from_utf8_lossy(&text)), crate::clock::instant()))
        };
        let (mut before, mut at) = (Sample::default(), None);
        loop {
            let (now, looked) = look().await?;
            let seconds = at.map(|at| looked.duration_since(at).as_secs_f64());
            let text = frame(endpoint, &before, &now, seconds);
            let mut out = std::io::stdout();
            if out.is_terminal() && !flags.once {
                // Home, and nothing below.
                write!(out, "\x1b[H\x1b[2J{text}")?;
            } else {
                write!(out, "{text}")?;
            }
            out.flush()?;
            if flags.once {
                return Ok(ExitCode::SUCCESS);
            }
            (before, at) = (now, Some(looked));
            tokio::time::sleep(Duration::from_secs_f64(flags.every.max(0.1))).await;
        }
    })
}

/// Metrics at one moment, by name with labels.
#[derive(Default)]
struct Sample(BTreeMap<String, f64>);

impl Sample {
    fn read(text: &str) -> Sample {
        let value = |line: &str| {
            let (name, value) = line.rsplit_once(' ')?;
            Some((name.strip_prefix("stepwell_")?.to_owned(), value.parse().ok()?))
        };
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        Sample(lines.filter_map(value).collect())
    }

    /// Of all labels together.
    fn sum(&self, name: &str) -> f64 {
        let is_of = |known: &str| known == name || known.starts_with(&format!("{name}{{"));
        // Not `sum`: that of nothing is -0.
        self.0.iter().filter(|(known, _)| is_of(known)).fold(0.0, |sum, (_, value)| sum + value)
    }

    /// Of the labels that hold this one.
    fn labelled(&self, name: &str, label: &str) -> f64 {
        let is_of = |known: &str| known.starts_with(&format!("{name}{{")) && known.contains(label);
        // Not `sum`: that of nothing is -0.
        self.0.iter().filter(|(known, _)| is_of(known)).fold(0.0, |sum, (_, value)| sum + value)
    }
}

/// What is shown: totals, and rates since the last look.
fn frame(endpoint: &str, before: &Sample, now: &Sample, seconds: Option<f64>) -> String {
    let more = |name: &str| now.sum(name) - before.sum(name);
    let rate = |grown: f64| {
        seconds.map_or(String::new(), |seconds| format!(" ({:.1}/s)", grown / seconds))
    };
    let mean_ms = |name: &str| {
        1000.0 * more(&format!("{name}_sum")) / more(&format!("{name}_count")).max(1.0)
    };
    let mut text = String::new();
    let mut line = |title: &str, rest: String| {
        // A string takes everything.
        let _ = writeln!(text, "{title:<12} {rest}");
    };
    line("server", endpoint.to_owned());
    let started = "executions_started_total";
    let ended = |status: &str| {
        format!("{}", now.labelled("executions_ended_total", &format!("status=\"{status}\"")))
    };
    line(
        "executions",
        format!(
            "started {}{}  succeeded {}  failed {}  timed out {}  aborted {}  in memory {}",
            now.sum(started),
            rate(more(started)),
            ended("SUCCEEDED"),
            ended("FAILED"),
            ended("TIMED_OUT"),
            ended("ABORTED"),
            now.sum("executions_in_memory"),
        ),
    );
    let entered = more("transitions_total") + more("express_transitions_total");
    let all = now.sum("transitions_total") + now.sum("express_transitions_total");
    line("states", format!("entered {all}{}", rate(entered)));
    line(
        "commits",
        format!(
            "{}{}  {:.1} batches each  {:.2} ms  waiting {}",
            now.sum("commit_seconds_count"),
            rate(more("commit_seconds_count")),
            more("commit_batches_sum") / more("commit_batches_count").max(1.0),
            mean_ms("commit_seconds"),
            now.sum("batches_waiting"),
        ),
    );
    line(
        "tasks",
        format!(
            "ready {}  running {}  resting {}  to end {}",
            now.sum("tasks_ready"),
            now.sum("tasks_running"),
            now.sum("tasks_resting"),
            now.sum("work_to_end"),
        ),
    );
    line(
        "jobs",
        format!("running {}  waiting {}", now.sum("jobs_running"), now.sum("jobs_waiting")),
    );
    for (title, name) in [
        ("slow states", "state_seconds"),
        ("slow calls", "request_seconds"),
        ("slow tasks", "task_seconds"),
    ] {
        for (place, (labels, mean, count)) in slowest(before, now, name).into_iter().enumerate() {
            let title = if place == 0 { title } else { "" };
            line(title, format!("{mean:>10.2} ms  {count:>8}  {labels}"));
        }
    }
    text
}

/// Labels with the greatest means since the last look: milliseconds, and how many there were.
fn slowest(before: &Sample, now: &Sample, name: &str) -> Vec<(String, f64, f64)> {
    let prefix = format!("{name}_count{{");
    let mut found: Vec<(String, f64, f64)> = now
        .0
        .iter()
        .filter_map(|(known, count)| {
            let labels = known.strip_prefix(&prefix)?.strip_suffix('}')?;
            let sum_name = format!("{name}_sum{{{labels}}}");
            let past = |name: &str| before.0.get(name).copied().unwrap_or_default();
            let (count, sum) = (count - past(known), now.0.get(&sum_name)? - past(&sum_name));
            let values: Vec<&str> = labels.split('"').skip(1).step_by(2).collect();
            (count > 0.0).then(|| (values.join(" "), 1000.0 * sum / count, count))
        })
        .collect();
    found.sort_by(|one, other| other.1.total_cmp(&one.1));
    found.truncate(SLOWEST);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: &str = "\
# HELP stepwell_transitions States entered.
stepwell_transitions_total 100
stepwell_request_seconds_sum{service=\"stepfunctions\",operation=\"StartExecution\"} 1.0
stepwell_request_seconds_count{service=\"stepfunctions\",operation=\"StartExecution\"} 1000
# EOF
";
    const NOW: &str = "\
stepwell_transitions_total 300
stepwell_executions_started_total{type=\"STANDARD\"} 40
stepwell_executions_started_total{type=\"EXPRESS\"} 2
stepwell_executions_ended_total{type=\"STANDARD\",status=\"FAILED\"} 3
stepwell_state_seconds_sum{state_machine=\"m\",state=\"Wait 2\"} 10
stepwell_state_seconds_count{state_machine=\"m\",state=\"Wait 2\"} 4
stepwell_request_seconds_sum{service=\"stepfunctions\",operation=\"StartExecution\"} 1.5
stepwell_request_seconds_count{service=\"stepfunctions\",operation=\"StartExecution\"} 1100
stepwell_request_seconds_sum{service=\"s3\",operation=\"\"} 2
stepwell_request_seconds_count{service=\"s3\",operation=\"\"} 4
";

    #[test]
    fn a_frame_shows_totals_and_rates_since_the_last_look() {
        let text = frame("http://x", &Sample::read(BEFORE), &Sample::read(NOW), Some(2.0));
        assert!(text.contains("started 42 (21.0/s)"), "{text}");
        assert!(text.contains("failed 3"), "{text}");
        assert!(text.contains("entered 300 (100.0/s)"), "{text}");
        let slow: Vec<&str> = text.lines().filter(|line| line.contains(" ms  ")).skip(1).collect();
        assert!(slow[0].starts_with("slow states") && slow[0].ends_with("m Wait 2"), "{text}");
        assert!(slow[0].contains("2500.00 ms         4"), "{text}");
        assert!(slow[1].contains("500.00 ms") && slow[1].contains("s3"), "{text}");
        assert!(slow[2].contains("5.00 ms") && slow[2].contains("StartExecution"), "{text}");
    }
}
