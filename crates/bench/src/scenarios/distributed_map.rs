//! A Distributed Map: a million lines of one object, an Express child for each.

use std::io::Write as _;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{create, round, start, unique};
use crate::machines;
use crate::{Options, Server};

const ITEMS: u64 = 1_000_000;

pub(super) async fn measure(options: &Options) -> anyhow::Result<Value> {
    let items = options.count.unwrap_or(ITEMS);
    let server = Server::of(options).await?;
    let client = server.client()?;
    let bucket = format!("bench-{}", unique());
    client.s3().create_bucket(&bucket).await?;
    let mut lines = tempfile::NamedTempFile::new_in(&options.folder)?;
    let mut writer = std::io::BufWriter::new(&mut lines);
    for number in 0..items {
        writeln!(writer, "{{\"n\":{number},\"s\":\"item\"}}")?;
    }
    writer.flush()?;
    drop(writer);
    client.s3().put_file(&bucket, "items.jsonl", lines.path()).await?;

    let machine = machines::distributed_map(&bucket, "items.jsonl");
    let arn = create(&server, "map", &machine, "STANDARD").await?;
    let (mut connection, before, began) = (server.connection(), server.usage(), Instant::now());
    let request: Value = serde_json::from_str(&start(&arn, &unique().to_string(), &json!({})))?;
    let started = connection.ask("StartExecution", &request).await?;
    let look = json!({"executionArn": started["executionArn"]});
    let mut rss_most: f64 = 0.0;
    let ended = loop {
        let described = connection.ask("DescribeExecution", &look).await?;
        rss_most = rss_most.max(server.usage().unwrap_or_default().rss_mib);
        if described["status"] != "RUNNING" {
            break described;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    let (elapsed, after) = (began.elapsed().as_secs_f64(), server.usage());
    let runs = connection.ask("ListMapRuns", &look).await?;
    let run = json!({"mapRunArn": runs["mapRuns"][0]["mapRunArn"]});
    let run = connection.ask("DescribeMapRun", &run).await?;
    let cpu = before.zip(after).map(|(before, after)| after.cpu_seconds - before.cpu_seconds);
    Ok(json!({
        "items": items,
        "status": ended["status"],
        "error": ended["error"],
        "cause": ended["cause"],
        "items_succeeded": run["itemCounts"]["succeeded"],
        "seconds": round(elapsed, 2),
        "items_per_s": round(items as f64 / elapsed, 1),
        "cpu_us_per_item": cpu.map(|cpu| round(cpu * 1e6 / items.max(1) as f64, 1)),
        "rss_most_mib": round(rss_most, 1),
    }))
}
