//! S6: how soon it is ready, what it holds in memory, what an execution takes on disk.

use std::time::Duration;

use anyhow::Context as _;
use serde_json::{Value, json};

use super::{create, flood, round};
use crate::load::Until;
use crate::machines::chain;
use crate::{Options, Server};

const EXECUTIONS: u64 = 100_000;

pub(super) async fn measure(options: &Options) -> anyhow::Result<Value> {
    let mut server = Server::of(&Options { given: None, ..options.clone() }).await?;
    // The folder is there now, as it is from the second start on.
    server.stop()?;
    let mut ready = Vec::new();
    for _ in 0..5 {
        ready.push(server.start_again().await?.as_secs_f64() * 1000.0);
        server.stop()?;
    }
    ready.sort_by(f64::total_cmp);
    let disk_before = server.disk_bytes().context("it is our own server")?;
    server.start_again().await?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let idle = server.usage().context("there is no /proc")?;
    let arn = create(&server, "memory", &chain(10, false), "STANDARD").await?;
    let count = options.count.unwrap_or(EXECUTIONS);
    let flood =
        flood::flood(&server, options.clients, Until::Count(count), &arn, 10, false).await?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let after = server.usage().context("there is no /proc")?;
    server.stop()?;
    let disk = server.disk_bytes().context("it is our own server")? - disk_before;
    Ok(json!({
        "ready_ms": round(ready[ready.len() / 2], 1),
        "rss_idle_mib": round(idle.rss_mib, 1),
        "executions": flood.loaded.count(),
        "rss_after_mib": round(after.rss_mib, 1),
        "disk_bytes_per_execution": round(disk as f64 / flood.loaded.count().max(1) as f64, 1),
        "completed_per_s": round(flood.completed_per_s(), 1),
        "errors": flood.loaded.errors,
    }))
}
