//! One run of a workflow.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::{Picture, Progress, text};
use crate::Error;
use crate::client::Client;
use crate::log;

/// One run of a workflow.
///
/// ```no_run
/// # async fn run(execution: stepwell_sdk::Execution) -> Result<(), stepwell_sdk::Error> {
/// let end = execution.wait().await?;
/// match end.output {
///     Some(output) => println!("{output}"),
///     None => println!("{}: {}", end.status, end.cause.unwrap_or_default()),
/// }
/// print!("{}", execution.render_progress().await?);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Execution {
    client: Client,
    arn: String,
    name: String,
    started: Option<SystemTime>,
    definition: Arc<Value>,
}

/// What is known of an execution at one moment.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ExecutionDescription {
    /// The execution's ARN.
    pub arn: String,
    /// The ARN of its state machine.
    pub state_machine_arn: String,
    /// Its name.
    pub name: String,
    /// Whether it runs, or how it ended.
    pub status: ExecutionStatus,
    /// What it was given.
    pub input: Option<Value>,
    /// What it gave, when it succeeded.
    pub output: Option<Value>,
    /// The name of the error it failed with.
    pub error: Option<String>,
    /// What a person should know of the error.
    pub cause: Option<String>,
    /// When it was started.
    pub started: Option<SystemTime>,
    /// When it ended.
    pub stopped: Option<SystemTime>,
}

/// Whether an execution runs, or how it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ExecutionStatus {
    /// It is under way.
    Running,
    /// It ended well.
    Succeeded,
    /// A state failed.
    Failed,
    /// It took longer than its definition allows.
    TimedOut,
    /// It was stopped.
    Aborted,
    /// It ended badly and is about to be redriven.
    PendingRedrive,
}

impl Execution {
    pub(super) fn new(
        client: &Client,
        arn: String,
        name: String,
        started: &Value,
        definition: Value,
    ) -> Self {
        let started = moment(started);
        Execution { client: client.clone(), arn, name, started, definition: Arc::new(definition) }
    }

    /// The execution `arn`, with the definition it runs.
    ///
    /// # Errors
    /// `ExecutionDoesNotExist` when there is none.
    pub async fn attach(client: &Client, arn: &str) -> Result<Execution, Error> {
        let request = json!({ "executionArn": arn });
        let machine = client
            .call("stepfunctions", "DescribeStateMachineForExecution", request.clone())
            .await?;
        let definition = text(&machine, "definition", "DescribeStateMachineForExecution")?;
        let definition = parse(&definition, "DescribeStateMachineForExecution")?;
        let found = client.call("stepfunctions", "DescribeExecution", request).await?;
        let name = found["name"].as_str().unwrap_or_default().to_owned();
        Ok(Execution::new(client, arn.to_owned(), name, &found["startDate"], definition))
    }

    /// The execution's ARN.
    pub fn arn(&self) -> &str {
        &self.arn
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// When it was started.
    pub fn started(&self) -> Option<SystemTime> {
        self.started
    }

    /// What is known of it now.
    ///
    /// # Errors
    /// `ExecutionDoesNotExist`, and as [`Client::call`].
    pub async fn describe(&self) -> Result<ExecutionDescription, Error> {
        let found = self.client.call("stepfunctions", "DescribeExecution", self.request()).await?;
        let string = |member: &str| found[member].as_str().map(str::to_owned);
        let data =
            |member: &str| string(member).map(|text| parse(&text, "DescribeExecution")).transpose();
        let status = text(&found, "status", "DescribeExecution")?;
        Ok(ExecutionDescription {
            arn: self.arn.clone(),
            state_machine_arn: string("stateMachineArn").unwrap_or_default(),
            name: string("name").unwrap_or_default(),
            status: status.parse().map_err(|()| Error::Answer {
                service: "stepfunctions".to_owned(),
                operation: "DescribeExecution".to_owned(),
                reason: format!("status `{status}` is unknown"),
            })?,
            input: data("input")?,
            output: data("output")?,
            error: string("error"),
            cause: string("cause"),
            started: moment(&found["startDate"]),
            stopped: moment(&found["stopDate"]),
        })
    }

    /// Waits until it has ended, well or badly.
    ///
    /// # Errors
    /// As [`describe`](Execution::describe); an execution that failed is no error here.
    pub async fn wait(&self) -> Result<ExecutionDescription, Error> {
        // AWS counts requests; a server of one's own is asked more often at first, when most executions end.
        let most = if self.client.endpoint().is_some() { 500 } else { 2_000 };
        let mut pause = Duration::from_millis(20);
        loop {
            let found = self.describe().await?;
            if !matches!(found.status, ExecutionStatus::Running | ExecutionStatus::PendingRedrive) {
                return Ok(found);
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_millis(most));
        }
    }

    /// What it was given.
    ///
    /// # Errors
    /// As [`describe`](Execution::describe).
    pub async fn input(&self) -> Result<Option<Value>, Error> {
        Ok(self.describe().await?.input)
    }

    /// What it gave; `None` while it runs and when it did not succeed. With `wait`, once it has ended.
    ///
    /// # Errors
    /// As [`describe`](Execution::describe).
    pub async fn output(&self, wait: bool) -> Result<Option<Value>, Error> {
        Ok(if wait { self.wait().await? } else { self.describe().await? }.output)
    }

    /// Stops it, with an error's name and cause for its history.
    ///
    /// # Errors
    /// As [`describe`](Execution::describe).
    pub async fn stop(&self, error: Option<&str>, cause: Option<&str>) -> Result<(), Error> {
        let mut request = self.request();
        if let Some(error) = error {
            request["error"] = error.into();
        }
        if let Some(cause) = cause {
            request["cause"] = cause.into();
        }
        self.client.call("stepfunctions", "StopExecution", request).await?;
        log::info(&format!("Execution is stopped: {}", self.arn));
        Ok(())
    }

    /// Its history, oldest event first, at most `max_items`: AWS's `HistoryEvent`s as JSON.
    ///
    /// # Errors
    /// As [`describe`](Execution::describe).
    pub async fn events(&self, max_items: usize) -> Result<Vec<Value>, Error> {
        let mut request = self.request();
        request["maxResults"] = 1000.into();
        self.client
            .call_all("stepfunctions", "GetExecutionHistory", request, "events", max_items)
            .await
    }

    /// How far each state is: its status, how long it took, how often it was tried. It prints as a list,
    /// shows itself in a notebook, and is an image or a file by its [`picture`](Progress::picture).
    ///
    /// # Errors
    /// As [`describe`](Execution::describe).
    pub async fn render_progress(&self) -> Result<Progress, Error> {
        let mut request = self.request();
        request["maxResults"] = 1000.into();
        request["includeExecutionData"] = false.into();
        let all =
            self.client.call_all("stepfunctions", "GetExecutionHistory", request, "events", 25_000);
        let progress = Progress::new(&self.definition, &all.await?, crate::client::now());
        Ok(progress.with_picture(Picture::new(Some(&self.client), self.request())))
    }

    fn request(&self) -> Value {
        json!({ "executionArn": self.arn })
    }
}

impl ExecutionStatus {
    /// AWS's word, such as `TIMED_OUT`.
    pub fn as_str(self) -> &'static str {
        match self {
            ExecutionStatus::Running => "RUNNING",
            ExecutionStatus::Succeeded => "SUCCEEDED",
            ExecutionStatus::Failed => "FAILED",
            ExecutionStatus::TimedOut => "TIMED_OUT",
            ExecutionStatus::Aborted => "ABORTED",
            ExecutionStatus::PendingRedrive => "PENDING_REDRIVE",
        }
    }
}

impl fmt::Display for ExecutionStatus {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for ExecutionStatus {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, ()> {
        use ExecutionStatus::*;
        let all = [Running, Succeeded, Failed, TimedOut, Aborted, PendingRedrive];
        all.into_iter().find(|status| status.as_str() == word).ok_or(())
    }
}

/// A timestamp of the JSON protocols: seconds since 1970.
pub(super) fn moment(seconds: &Value) -> Option<SystemTime> {
    let seconds = seconds.as_f64().filter(|seconds| seconds.is_finite() && *seconds >= 0.0)?;
    Some(UNIX_EPOCH + Duration::try_from_secs_f64(seconds).ok()?)
}

fn parse(json: &str, operation: &str) -> Result<Value, Error> {
    serde_json::from_str(json).map_err(|error| Error::Answer {
        service: "stepfunctions".to_owned(),
        operation: operation.to_owned(),
        reason: error.to_string(),
    })
}
