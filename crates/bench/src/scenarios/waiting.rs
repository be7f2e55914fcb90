//! Far more executions wait than fit in memory: what they take there, and how soon a restart is over.

use serde_json::{Value, json};

use super::{create, round, start, unique};
use crate::load::{Until, closed_loop};
use crate::machines;
use crate::{Options, Server};

const EXECUTIONS: u64 = 1_000_000;
/// Nobody sees them end.
const WAIT_SECONDS: u64 = 30 * 24 * 3600;

pub(super) async fn measure(options: &Options) -> anyhow::Result<Value> {
    let mut server = Server::of(&Options { given: None, ..options.clone() }).await?;
    let arn = create(&server, "waiting", &machines::wait(WAIT_SECONDS), "STANDARD").await?;
    let (run, machine, input) = (unique(), arn.clone(), json!({"n": 0}));
    let until = Until::Count(options.count.unwrap_or(EXECUTIONS));
    let loaded =
        closed_loop(server.target(), options.clients, until, "StartExecution", move |number| {
            start(&machine, &format!("{run}-{number}"), &input)
        })
        .await;
    let rss = |server: &Server| round(server.usage().unwrap_or_default().rss_mib, 1);
    let before = rss(&server);
    let disk = server.disk_bytes().unwrap_or_default();
    server.kill()?;
    let ready = server.start_again().await?;
    let listed = server
        .connection()
        .ask("ListExecutions", &json!({"stateMachineArn": arn, "statusFilter": "RUNNING"}))
        .await?;
    let executions = listed["executions"].as_array().map_or(0, Vec::len);
    anyhow::ensure!(executions > 0, "after the restart none is running");
    Ok(json!({
        "executions": loaded.count(),
        "accepted_per_s": round(loaded.rate(), 1),
        "errors": loaded.errors,
        "rss_mib": before,
        "disk_bytes_per_execution": round(disk as f64 / loaded.count().max(1) as f64, 1),
        "restart_ms": round(ready.as_secs_f64() * 1000.0, 1),
        "rss_after_restart_mib": rss(&server),
    }))
}
