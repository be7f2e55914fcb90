//! S1, S2, S5: executions as fast as they are accepted, until none is running any more.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde_json::{Value, json};

use super::{create, hello, round, start, unique};
use crate::load::{Loaded, Until, closed_loop};
use crate::machines::output_of_chain;
use crate::process::Usage;
use crate::{Options, Server};

/// How long what was accepted may take to end.
const DRAIN: Duration = Duration::from_secs(120);

pub(super) async fn measure(
    options: &Options,
    definition: Value,
    states: usize,
    jsonata: bool,
) -> anyhow::Result<Value> {
    let hello = hello::rate(options).await?;
    let server = Server::of(options).await?;
    let arn = create(&server, "flood", &definition, "STANDARD").await?;
    let until = options.count.map_or(Until::Seconds(options.seconds), Until::Count);
    let mut flood = flood(&server, options.clients, until, &arn, states, jsonata).await?;
    let mut result = flood.told();
    result["hello_requests_per_s"] = json!(hello);
    result["accepted_to_hello"] = json!(round(flood.loaded.rate() / hello, 3));
    result["completed_to_hello"] = json!(round(flood.completed_per_s() / hello, 3));
    Ok(result)
}

/// What came of a flood.
pub(super) struct Flood {
    pub loaded: Loaded,
    states: usize,
    /// From the first start until nothing ran any more.
    elapsed: Duration,
    before: Option<Usage>,
    after: Option<Usage>,
    looked_at: usize,
    wrong: usize,
}

pub(super) async fn flood(
    server: &Server,
    clients: usize,
    until: Until,
    arn: &str,
    states: usize,
    jsonata: bool,
) -> anyhow::Result<Flood> {
    let (run, machine, input) = (unique(), arn.to_owned(), json!({"n": 0, "s": "a"}));
    let before = server.usage();
    let started = Instant::now();
    let loaded = closed_loop(server.target(), clients, until, "StartExecution", move |number| {
        start(&machine, &format!("{run}-{number}"), &input)
    })
    .await;
    drained(server, arn).await?;
    let (elapsed, after) = (started.elapsed(), server.usage());
    let expected = output_of_chain(states, jsonata);
    let wrong = wrong(server, &loaded, &expected).await?;
    let looked_at = loaded.samples.len();
    Ok(Flood { loaded, states, elapsed, before, after, looked_at, wrong })
}

impl Flood {
    /// Server CPU for one execution.
    pub fn cpu_us(&self) -> Option<f64> {
        let cpu = self.after?.cpu_seconds - self.before?.cpu_seconds;
        Some(round(cpu * 1e6 / self.loaded.count().max(1) as f64, 1))
    }

    pub fn completed_per_s(&self) -> f64 {
        self.loaded.count() as f64 / self.elapsed.as_secs_f64()
    }

    pub fn told(&mut self) -> Value {
        let completed = self.completed_per_s();
        json!({
            "executions": self.loaded.count(),
            "accepted_per_s": round(self.loaded.rate(), 1),
            "completed_per_s": round(completed, 1),
            "transitions_per_s": round(completed * self.states as f64, 1),
            "start_ms": self.loaded.latencies.summary(),
            "cpu_us_per_execution": self.cpu_us(),
            "rss_mib": self.after.map(|usage| round(usage.rss_mib, 1)),
            "errors": self.loaded.errors,
            "outputs_looked_at": self.looked_at,
            "outputs_wrong": self.wrong,
        })
    }
}

/// Waits until no execution of the machine runs.
async fn drained(server: &Server, arn: &str) -> anyhow::Result<()> {
    let running = json!({"stateMachineArn": arn, "statusFilter": "RUNNING", "maxResults": 1});
    let (mut connection, started) = (server.connection(), Instant::now());
    loop {
        let listed = connection.ask("ListExecutions", &running).await?;
        if listed["executions"].as_array().is_none_or(Vec::is_empty) {
            return Ok(());
        }
        anyhow::ensure!(started.elapsed() < DRAIN, "executions still run after {DRAIN:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Of the executions whose answers were kept, how many did not come to what they should.
async fn wrong(server: &Server, loaded: &Loaded, expected: &Value) -> anyhow::Result<usize> {
    let (mut connection, mut wrong) = (server.connection(), 0);
    for answer in &loaded.samples {
        let answer: Value = serde_json::from_slice(answer)?;
        let request = json!({"executionArn": answer["executionArn"]});
        let described = connection.ask("DescribeExecution", &request).await?;
        let output = described["output"].as_str().unwrap_or("null");
        let output: Value = serde_json::from_str(output).context("an output is no JSON")?;
        wrong += usize::from(described["status"] != "SUCCEEDED" || output != *expected);
    }
    Ok(wrong)
}
