//! Logs of executions in CloudWatch Logs, by the level of the state machine's `loggingConfiguration`.
//!
//! The engine tells of durable events, Express executions of theirs; lines wait here until a writer, or
//! whoever is about to read logs, puts them into the group's stream. As on AWS a line may be lost (in a
//! crash, with a group that is gone), and no execution waits for its log.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use asl::event::TaskTarget;
use asl::{Event, EventKind, Header, TaskId};
use engine::News;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::sync::Notify;

use super::execution::Attributes;
use super::get_execution_history::{Qualified, View, targets};
use crate::logs::{self, Destination};
use crate::{Context, Error};

/// So many events wait; then the oldest are lost.
const WAITING_MAX: usize = 1_000_000;

/// Lines that wait to be written.
#[derive(Default)]
pub(super) struct ExecutionLog {
    waiting: Mutex<Waiting>,
    changed: Notify,
    writer: tokio::sync::Mutex<Tasks>,
}

#[derive(Default)]
struct Waiting {
    news: Vec<Entry>,
    events: usize,
}

/// What tasks of unfinished executions ask for: later events name it again.
type Tasks = HashMap<String, HashMap<TaskId, TaskTarget>>;

struct Entry {
    /// The engine's number of a stored execution.
    stored: Option<u64>,
    header: Arc<Header>,
    logging: Arc<Logging>,
    started_by: Qualified,
    redrive_count: u32,
    events: Vec<Event>,
}

/// What a `loggingConfiguration` asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Logging {
    level: Level,
    data: bool,
    group: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    All,
    Error,
    Fatal,
}

/// An Express execution's way into its log.
pub(super) struct Log<'a> {
    log: &'a ExecutionLog,
    header: Arc<Header>,
    logging: Arc<Logging>,
    started_by: Qualified,
}

impl Log<'_> {
    /// Takes events that have happened.
    pub fn heard(&self, events: Vec<Event>) {
        self.log.take(Entry {
            stored: None,
            header: self.header.clone(),
            logging: self.logging.clone(),
            started_by: self.started_by.clone(),
            redrive_count: 0,
            events,
        });
    }
}

impl ExecutionLog {
    /// Whether an execution with these attributes is logged.
    pub fn wants(&self, attributes: &str) -> bool {
        // Most executions are not logged, and this is asked of every one.
        attributes.contains(r#""logging":"#) && logging_of(attributes).is_some()
    }

    /// Takes what has happened in a stored execution.
    pub fn heard(&self, news: News) {
        let Some(logging) = logging_of(&news.attributes) else { return };
        self.take(Entry {
            stored: Some(news.execution),
            header: news.header,
            logging: Arc::new(logging),
            started_by: serde_json::from_str(&news.attributes).unwrap_or_default(),
            redrive_count: news.redrive_count,
            events: news.events,
        });
    }

    /// The log of an Express execution, if it is logged.
    pub fn of(&self, header: &Arc<Header>, attributes: &Attributes) -> Option<Log<'_>> {
        let logging = Arc::new(Logging::of(&attributes.logging)?);
        let started_by = Qualified::of(attributes);
        Some(Log { log: self, header: header.clone(), logging, started_by })
    }

    fn take(&self, entry: Entry) {
        let mut waiting = self.waiting();
        waiting.events += entry.events.len();
        waiting.news.push(entry);
        if waiting.events > WAITING_MAX {
            tracing::warn!(
                events = waiting.events,
                "execution logs cannot be written as fast as executions run: events are left out"
            );
            *waiting = Waiting::default();
        }
        drop(waiting);
        self.changed.notify_one();
    }

    /// Waits until lines wait.
    pub async fn something_waits(&self) {
        self.changed.notified().await;
    }

    /// Writes what waits; readers of logs call it before they read.
    pub async fn write(&self, context: &Context) -> Result<(), Error> {
        // One at a time, so that the events of an execution stay in order. Who finds nothing waiting has
        // waited for the writer that took it: what was heard before is there to be read.
        let mut tasks = self.writer.lock().await;
        let entries = std::mem::take(&mut *self.waiting()).news;
        let mut pages: Vec<(Destination, Vec<(i64, String)>)> = Vec::new();
        for entry in entries {
            let lines = lines(context, &entry, &mut tasks).await?;
            if lines.is_empty() {
                continue;
            }
            let destination = Destination {
                account: entry.header.account.clone(),
                region: entry.header.region.clone(),
                group: entry.logging.group.clone(),
                family: format!("states/{}", entry.header.state_machine_name),
            };
            match pages.iter_mut().find(|(known, _)| *known == destination) {
                Some((_, page)) => page.extend(lines),
                None => pages.push((destination, lines)),
            }
        }
        for (destination, lines) in pages {
            logs::append(context, &destination, &lines).await?;
        }
        Ok(())
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// The lines of what happened: time and text.
async fn lines(
    context: &Context,
    entry: &Entry,
    tasks: &mut Tasks,
) -> Result<Vec<(i64, String)>, Error> {
    let arn = &entry.header.execution_arn;
    let known = tasks.entry(arn.clone()).or_default();
    let mut over = false;
    for event in &entry.events {
        match &event.kind {
            EventKind::TaskScheduled { task, target, .. } => {
                known.insert(*task, target.clone());
            }
            EventKind::ExecutionSucceeded { .. }
            | EventKind::ExecutionFailed { .. }
            | EventKind::ExecutionTimedOut { .. }
            | EventKind::ExecutionAborted { .. } => over = true,
            _ => {}
        }
    }
    let mut view = View {
        targets: known.clone(),
        data: entry.logging.data,
        started_by: entry.started_by.clone(),
    };
    if let Some(key) = entry.stored
        && entry.events.iter().any(|event| event.id > 0 && view.of(event).is_none())
    {
        // Scheduled before this server started.
        view.targets.extend(targets(context, key, &entry.events).await?);
    }
    if over {
        tasks.remove(arn);
    }
    let shown = entry.events.iter().filter(|event| event.id > 0).filter_map(|event| {
        let shown = view.of(event)?;
        let kind = shown["type"].as_str()?;
        (entry.logging.level <= level(kind)).then(|| {
            (event.at.0, line(&shown, entry.logging.data, arn, event.at.0, entry.redrive_count))
        })
    });
    Ok(shown.collect())
}

/// A history event as AWS logs it.
fn line(shown: &Value, data: bool, arn: &str, at: i64, redrive_count: u32) -> String {
    let mut details = Map::new();
    for (name, value) in shown.as_object().into_iter().flatten() {
        if let (true, Some(members)) = (name.ends_with("EventDetails"), value.as_object()) {
            details.clone_from(members);
        }
    }
    if !data {
        details.shift_remove("parameters");
    }
    details.sort_keys();
    json!({
        "id": shown["id"].to_string(),
        "type": shown["type"],
        "details": details,
        "previous_event_id": shown["previousEventId"].to_string(),
        "event_timestamp": at.to_string(),
        "execution_arn": arn,
        "redrive_count": redrive_count.to_string(),
    })
    .to_string()
}

/// The highest level that still logs events of this type.
fn level(kind: &str) -> Level {
    match kind {
        "ExecutionAborted" | "ExecutionFailed" | "ExecutionTimedOut" => Level::Fatal,
        "FailStateEntered" => Level::Error,
        _ if ["Failed", "TimedOut", "Aborted"].iter().any(|end| kind.ends_with(end)) => {
            Level::Error
        }
        _ => Level::All,
    }
}

fn logging_of(attributes: &str) -> Option<Logging> {
    #[derive(Deserialize)]
    struct Kept {
        logging: Value,
    }
    Logging::of(&serde_json::from_str::<Kept>(attributes).ok()?.logging)
}

impl Logging {
    /// None: nothing is logged.
    fn of(configuration: &Value) -> Option<Logging> {
        let level = match configuration["level"].as_str()? {
            "ALL" => Level::All,
            "ERROR" => Level::Error,
            "FATAL" => Level::Fatal,
            _ => return None,
        };
        let arn =
            configuration["destinations"][0]["cloudWatchLogsLogGroup"]["logGroupArn"].as_str();
        let (_, group) = arn?.split_once(":log-group:")?;
        Some(Logging {
            level,
            data: configuration["includeExecutionData"].as_bool().unwrap_or_default(),
            group: group.trim_end_matches(":*").to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_log_what_aws_lists() {
        let cases = [
            ("ExecutionFailed", Level::Fatal),
            ("FailStateEntered", Level::Error),
            ("LambdaFunctionTimedOut", Level::Error),
            ("TaskStateAborted", Level::Error),
            ("MapIterationFailed", Level::Error),
            ("TaskSubmitFailed", Level::Error),
            ("ExecutionSucceeded", Level::All),
            ("PassStateEntered", Level::All),
            ("ExecutionRedriven", Level::All),
        ];
        for (kind, expected) in cases {
            assert_eq!(level(kind), expected, "{kind}");
        }
    }

    #[test]
    fn a_configuration_that_is_off_or_none_logs_nothing() {
        let of = |text: &str| logging_of(&format!(r#"{{"logging":{text}}}"#));
        assert_eq!(of("null"), None);
        assert_eq!(of(r#"{"level":"OFF","includeExecutionData":true}"#), None);
        let arn = "arn:aws:logs:us-east-1:000000000000:log-group:/aws/g:*";
        let text = format!(
            r#"{{"level":"ERROR","includeExecutionData":true,
                "destinations":[{{"cloudWatchLogsLogGroup":{{"logGroupArn":"{arn}"}}}}]}}"#
        );
        let expected = Logging { level: Level::Error, data: true, group: "/aws/g".to_owned() };
        assert_eq!(of(&text), Some(expected));
    }
}
