//! S3: one execution, an inline Map over a thousand items.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{create, round, start, unique};
use crate::latency::Latencies;
use crate::machines;
use crate::{Options, Server};

const ITEMS: u64 = 1000;
const RUNS: u32 = 7;

pub(super) async fn measure(options: &Options) -> anyhow::Result<Value> {
    let server = Server::of(options).await?;
    let arn = create(&server, "map", &machines::inline_map(), "STANDARD").await?;
    let items = options.count.unwrap_or(ITEMS);
    let input = json!({"items": (0..items).collect::<Vec<_>>()});
    let (mut connection, mut wall, run) = (server.connection(), Latencies::default(), unique());
    let before = server.usage();
    for number in 0..RUNS {
        let asked = Instant::now();
        let request: Value =
            serde_json::from_str(&start(&arn, &format!("{run}-{number}"), &input))?;
        let started = connection.ask("StartExecution", &request).await?;
        let look = json!({"executionArn": started["executionArn"]});
        let ended = loop {
            let described = connection.ask("DescribeExecution", &look).await?;
            if described["status"] != "RUNNING" {
                break described;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        };
        wall.add(asked.elapsed());
        let output: Value = serde_json::from_str(ended["output"].as_str().unwrap_or("null"))?;
        anyhow::ensure!(output == input["items"], "the Map came to something else: {ended}");
    }
    let cpu =
        before.zip(server.usage()).map(|(before, after)| after.cpu_seconds - before.cpu_seconds);
    Ok(json!({
        "items": items,
        "runs": RUNS,
        "wall_ms": wall.summary(),
        "cpu_ms_per_run": cpu.map(|cpu| round(cpu * 1e3 / f64::from(RUNS), 1)),
    }))
}
