//! S4: synchronous Express executions.

use serde_json::{Value, json};

use super::{create, hello, round, start, unique};
use crate::load::{Until, closed_loop};
use crate::machines;
use crate::{Options, Server};

pub(super) async fn measure(options: &Options) -> anyhow::Result<Value> {
    let hello = hello::rate(options).await?;
    let server = Server::of(options).await?;
    let arn = create(&server, "express", &machines::express(), "EXPRESS").await?;
    let (run, input) = (unique(), json!({"n": 7, "s": "a"}));
    let before = server.usage();
    let until = options.count.map_or(Until::Seconds(options.seconds), Until::Count);
    let mut loaded =
        closed_loop(server.target(), options.clients, until, "StartSyncExecution", move |number| {
            start(&arn, &format!("{run}-{number}"), &input)
        })
        .await;
    let cpu =
        before.zip(server.usage()).map(|(before, after)| after.cpu_seconds - before.cpu_seconds);
    let mut wrong = 0;
    for answer in &loaded.samples {
        let answer: Value = serde_json::from_slice(answer)?;
        let output: Value = serde_json::from_str(answer["output"].as_str().unwrap_or("null"))?;
        wrong += usize::from(output != json!({"n": 7, "s": "a", "r": {"big": true}}));
    }
    Ok(json!({
        "requests_per_s": round(loaded.rate(), 1),
        "hello_requests_per_s": hello,
        "requests_to_hello": round(loaded.rate() / hello, 3),
        "ms": loaded.latencies.summary(),
        "cpu_us_per_request": cpu.map(|cpu| round(cpu * 1e6 / loaded.count().max(1) as f64, 1)),
        "rss_mib": server.usage().map(|usage| round(usage.rss_mib, 1)),
        "errors": loaded.errors,
        "outputs_looked_at": loaded.samples.len(),
        "outputs_wrong": wrong,
    }))
}
