//! S2 as a closed loop: each client starts an execution, asks until it has ended, and starts the next.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures::future::join_all;
use serde_json::{Value, json};

use super::{create, round, start, unique};
use crate::connection::Connection;
use crate::latency::Latencies;
use crate::{Options, Server};

/// The first pause between two looks at an execution, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(20));

pub(super) async fn measure(
    options: &Options,
    definition: Value,
    states: usize,
) -> anyhow::Result<Value> {
    let server = Server::of(options).await?;
    let arn: Arc<str> = create(&server, "closed", &definition, "STANDARD").await?.into();
    let (run, next) = (unique(), Arc::new(AtomicU64::new(0)));
    let before = server.usage();
    let started = Instant::now();
    let end = started + Duration::from_secs_f64(options.seconds);
    let client = || {
        let (arn, next, mut connection) = (arn.clone(), next.clone(), server.connection());
        tokio::spawn(async move {
            let mut seen = Latencies::default();
            while Instant::now() < end {
                let name = format!("{run}-{}", next.fetch_add(1, Ordering::Relaxed));
                let asked = Instant::now();
                to_its_end(&mut connection, &arn, &name).await?;
                seen.add(asked.elapsed());
            }
            anyhow::Ok(seen)
        })
    };
    let clients: Vec<_> = (0..options.clients.max(1)).map(|_| client()).collect();
    let mut seen = Latencies::default();
    for client in join_all(clients).await {
        seen.merge(client??);
    }
    let (elapsed, count) = (started.elapsed().as_secs_f64(), seen.len() as f64);
    let cpu =
        before.zip(server.usage()).map(|(before, after)| after.cpu_seconds - before.cpu_seconds);
    Ok(json!({
        "executions": count,
        "executions_per_s": round(count / elapsed, 1),
        "transitions_per_s": round(count * states as f64 / elapsed, 1),
        "start_to_seen_ms": seen.summary(),
        "cpu_us_per_execution": cpu.map(|cpu| round(cpu * 1e6 / count.max(1.0), 1)),
    }))
}

async fn to_its_end(connection: &mut Connection, arn: &str, name: &str) -> anyhow::Result<()> {
    let request: Value = serde_json::from_str(&start(arn, name, &json!({"n": 0, "s": "a"})))?;
    let started = connection.ask("StartExecution", &request).await?;
    let look = json!({"executionArn": started["executionArn"]});
    let (mut pause, longest) = PAUSES;
    loop {
        let described = connection.ask("DescribeExecution", &look).await?;
        match described["status"].as_str() {
            Some("SUCCEEDED") => return Ok(()),
            Some("RUNNING") => {}
            _ => anyhow::bail!("an execution ended otherwise: {described}"),
        }
        tokio::time::sleep(pause).await;
        pause = pause.mul_f64(1.5).min(longest);
    }
}
