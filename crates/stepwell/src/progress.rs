//! An execution's states as they run, a line each, on standard error.

use std::collections::HashMap;
use std::io::{IsTerminal, Write};
use std::time::Duration;

use serde_json::{Value, json};
use stepwell_sdk::Client;

use crate::client::text;

/// How often the server is asked.
const LOOK: Duration = Duration::from_millis(100);

/// How an execution ended.
pub struct Ended {
    /// DescribeExecution's answer.
    pub description: Value,
}

impl Ended {
    /// Whether it succeeded.
    pub fn succeeded(&self) -> bool {
        self.description["status"] == "SUCCEEDED"
    }

    /// Error and cause, for people.
    pub fn why(&self) -> String {
        let member = |name| self.description[name].as_str().unwrap_or_default();
        format!("{} {} {}", member("status"), member("error"), member("cause")).trim().to_owned()
    }
}

/// Follows an execution to its end, showing its states; quietly if asked.
///
/// # Errors
/// When the server cannot be asked.
pub async fn follow(client: &Client, execution_arn: &str, quiet: bool) -> anyhow::Result<Ended> {
    let mut shown = Shown::default();
    loop {
        let description = client
            .call("stepfunctions", "DescribeExecution", json!({ "executionArn": execution_arn }))
            .await?;
        let running = description["status"] == "RUNNING";
        if !quiet {
            // Express executions have no history to show.
            match new_events(client, execution_arn, shown.last_event).await {
                Ok(events) => shown.events(client, &events).await,
                Err(error) if error.service().is_some() => {}
                Err(error) => return Err(error.into()),
            }
        }
        if !running {
            shown.finish();
            return Ok(Ended { description });
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Events behind the one with id `last`, oldest first: read from the newest down.
async fn new_events(
    client: &Client,
    execution_arn: &str,
    last: i64,
) -> Result<Vec<Value>, stepwell_sdk::Error> {
    let mut request =
        json!({ "executionArn": execution_arn, "reverseOrder": true, "maxResults": 100 });
    let mut found = Vec::new();
    loop {
        let page = client.call("stepfunctions", "GetExecutionHistory", request.clone()).await?;
        let events = page["events"].as_array().cloned().unwrap_or_default();
        let reached = events.iter().any(|event| event["id"].as_i64().is_some_and(|id| id <= last));
        found.extend(
            events.into_iter().filter(|event| event["id"].as_i64().is_some_and(|id| id > last)),
        );
        match page.get("nextToken").filter(|token| !token.is_null()) {
            Some(token) if !reached => request["nextToken"] = token.clone(),
            _ => break,
        }
    }
    found.reverse();
    Ok(found)
}

/// What is on the screen.
#[derive(Default)]
struct Shown {
    last_event: i64,
    /// Since when a state runs, in seconds.
    since: HashMap<String, f64>,
    /// The training job that runs: its name, and how far its log was read.
    job: Option<(String, Option<String>)>,
    /// A line that is written over.
    open: bool,
}

impl Shown {
    async fn events(&mut self, client: &Client, events: &[Value]) {
        for event in events {
            self.last_event = event["id"].as_i64().unwrap_or(self.last_event);
            self.event(event);
        }
        if let Some(line) = self.training_line(client).await {
            self.over(&line);
        }
    }

    fn event(&mut self, event: &Value) {
        let (kind, at) = (text(event, "type"), event["timestamp"].as_f64().unwrap_or_default());
        if kind.ends_with("StateEntered") {
            let name = text(&event["stateEnteredEventDetails"], "name").to_owned();
            self.line(&format!("  ▶ {name}"));
            self.since.insert(name, at);
        } else if kind.ends_with("StateExited") {
            let name = text(&event["stateExitedEventDetails"], "name");
            let took = self.since.remove(name).map(|since| at - since).unwrap_or_default();
            self.line(&format!("  ✔ {name}  {took:.1} s"));
        } else if kind == "TaskScheduled" {
            let details = &event["taskScheduledEventDetails"];
            let parameters: Value =
                serde_json::from_str(text(details, "parameters")).unwrap_or_default();
            self.job = parameters["TrainingJobName"].as_str().map(|name| (name.to_owned(), None));
        } else if kind == "TaskSucceeded" {
            self.job = None;
        } else if kind.ends_with("Failed")
            || kind.ends_with("TimedOut")
            || kind.ends_with("Aborted")
        {
            let details = event
                .as_object()
                .into_iter()
                .flatten()
                .find(|(name, _)| name.ends_with("EventDetails"));
            let details = details.map_or(&Value::Null, |(_, details)| details);
            let told = [details["error"].as_str(), details["cause"].as_str()].into_iter().flatten();
            self.line(&format!("  ✘ {kind}  {}", told.collect::<Vec<_>>().join(": ")));
        }
    }

    /// The newest line of the running training job's log with a metric.
    async fn training_line(&mut self, client: &Client) -> Option<String> {
        let (job, token) = self.job.as_mut()?;
        let group = "/aws/sagemaker/TrainingJobs";
        let streams = json!({ "logGroupName": group, "logStreamNamePrefix": format!("{job}/") });
        let streams = client.call("logs", "DescribeLogStreams", streams).await.ok()?;
        let stream = streams["logStreams"][0]["logStreamName"].as_str()?;
        let mut request =
            json!({ "logGroupName": group, "logStreamName": stream, "startFromHead": true });
        if let Some(token) = token {
            request["nextToken"] = json!(token);
        }
        let answer = client.call("logs", "GetLogEvents", request).await.ok()?;
        *token = answer["nextForwardToken"].as_str().map(str::to_owned);
        let lines = answer["events"].as_array()?.iter().rev();
        let metric = lines
            .filter_map(|event| event["message"].as_str())
            .find(|line| line.starts_with('['))?;
        Some(format!("    {}", metric.replace("#011", "  ")))
    }

    fn line(&mut self, line: &str) {
        self.finish();
        eprintln!("{line}");
    }

    /// Writes over the last such line where that can be seen; elsewhere each would be noise.
    fn over(&mut self, line: &str) {
        let mut errors = std::io::stderr();
        if errors.is_terminal() {
            let _ = write!(errors, "\r\x1b[2K{line}");
            let _ = errors.flush();
            self.open = true;
        }
    }

    fn finish(&mut self) {
        if std::mem::take(&mut self.open) {
            eprintln!();
        }
    }
}
