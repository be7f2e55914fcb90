//! S7: executions that wait while the server is killed end, and on time.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{create, round, start as start_body, unique};
use crate::machines;
use crate::{Options, Server};

const EXECUTIONS: u64 = 100;
const WAIT_SECONDS: u64 = 20;
const KILLED_AFTER: Duration = Duration::from_secs(5);
const PATIENCE: Duration = Duration::from_secs(60);

/// What the second half has to know.
#[derive(Serialize, Deserialize)]
struct Started {
    executions: Vec<String>,
}

/// Both halves, against a server of our own that is killed in between.
pub(super) async fn measure(options: &Options) -> anyhow::Result<Value> {
    let mut server = Server::of(&Options { given: None, ..options.clone() }).await?;
    let started = begin(&server, options).await?;
    tokio::time::sleep(KILLED_AFTER).await;
    server.kill()?;
    let ready = server.start_again().await?;
    let mut result = end(&server, &started).await?;
    result["restart_ms"] = json!(round(ready.as_secs_f64() * 1000.0, 1));
    Ok(result)
}

pub(super) async fn start(options: &Options) -> anyhow::Result<Value> {
    anyhow::ensure!(options.given.is_some(), "s7-start needs a server (--endpoint)");
    let server = Server::of(options).await?;
    let started = begin(&server, options).await?;
    std::fs::write(&options.state, serde_json::to_vec(&started)?)?;
    Ok(json!({"started": started.executions.len(), "state": options.state}))
}

pub(super) async fn check(options: &Options) -> anyhow::Result<Value> {
    anyhow::ensure!(options.given.is_some(), "s7-check needs a server (--endpoint)");
    let server = Server::of(options).await?;
    let started: Started = serde_json::from_slice(&std::fs::read(&options.state)?)?;
    end(&server, &started).await
}

async fn begin(server: &Server, options: &Options) -> anyhow::Result<Started> {
    let arn = create(server, "wait", &machines::wait(WAIT_SECONDS), "STANDARD").await?;
    let (mut connection, run, mut executions) = (server.connection(), unique(), Vec::new());
    for number in 0..options.count.unwrap_or(EXECUTIONS) {
        let body = start_body(&arn, &format!("{run}-{number}"), &json!({"n": number}));
        let body: Value = serde_json::from_str(&body)?;
        let started = connection.ask("StartExecution", &body).await?;
        executions.push(started["executionArn"].as_str().unwrap_or_default().to_owned());
    }
    Ok(Started { executions })
}

async fn end(server: &Server, started: &Started) -> anyhow::Result<Value> {
    let (mut connection, began) = (server.connection(), Instant::now());
    let mut statuses: BTreeMap<String, u64> = BTreeMap::new();
    let mut late_ms = Vec::new();
    for execution in &started.executions {
        let look = json!({"executionArn": execution});
        let described = loop {
            match connection.ask("DescribeExecution", &look).await {
                Ok(described) if described["status"] == "RUNNING" && began.elapsed() < PATIENCE => {
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
                Ok(described) => break described,
                Err(error) => break json!({"status": format!("{error:#}")}),
            }
        };
        let status = described["status"].as_str().unwrap_or("-").to_owned();
        *statuses.entry(status).or_default() += 1;
        if let (Some(start), Some(stop)) =
            (described["startDate"].as_f64(), described["stopDate"].as_f64())
        {
            late_ms.push((stop - start - WAIT_SECONDS as f64) * 1000.0);
        }
    }
    late_ms.sort_by(f64::total_cmp);
    Ok(json!({
        "executions": started.executions.len(),
        "statuses": statuses,
        "soonest_late_ms": late_ms.first().map(|late| round(*late, 1)),
        "latest_late_ms": late_ms.last().map(|late| round(*late, 1)),
    }))
}
