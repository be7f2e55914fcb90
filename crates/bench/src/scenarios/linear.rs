//! Whether the cost depends on what is stored: S1 and S2 on an empty store, and on one that holds a million.

use serde_json::{Value, json};

use super::{create, flood, hello, round};
use crate::load::Until;
use crate::machines::chain;
use crate::{Options, Server};

const STORED: u64 = 1_000_000;

pub(super) async fn measure(options: &Options) -> anyhow::Result<Value> {
    let server = Server::of(options).await?;
    let one = create(&server, "one", &chain(1, false), "STANDARD").await?;
    let ten = create(&server, "ten", &chain(10, false), "STANDARD").await?;
    let stored = options.count.unwrap_or(STORED);
    let before = both(options, &server, &one, &ten).await?;
    let filled =
        flood::flood(&server, options.clients, Until::Count(stored), &one, 1, false).await?;
    let after = both(options, &server, &one, &ten).await?;
    let share = |name: &str| {
        let of = |both: &Value| both[name].as_f64().unwrap_or_default();
        round(of(&after) / of(&before), 3)
    };
    Ok(json!({
        "stored": stored,
        "filled_per_s": round(filled.completed_per_s(), 1),
        "before": before,
        "after": after,
        "s1_to_hello_share": share("s1_to_hello"),
        "s1_cpu_share": share("s1_cpu_us"),
        "s2_to_hello_share": share("s2_to_hello"),
        "s2_cpu_share": share("s2_cpu_us"),
        "rss_mib": server.usage().map(|usage| round(usage.rss_mib, 1)),
        "disk_mib": server.disk_bytes().map(|bytes| bytes >> 20),
    }))
}

async fn both(options: &Options, server: &Server, one: &str, ten: &str) -> anyhow::Result<Value> {
    let (clients, until) = (options.clients, Until::Seconds(options.seconds));
    let hello = hello::rate(options).await?;
    let s1 = flood::flood(server, clients, until, one, 1, false).await?;
    let s2 = flood::flood(server, clients, until, ten, 10, false).await?;
    Ok(json!({
        "hello_requests_per_s": hello,
        "s1_per_s": round(s1.completed_per_s(), 1),
        "s1_to_hello": round(s1.completed_per_s() / hello, 3),
        "s1_cpu_us": s1.cpu_us(),
        "s2_per_s": round(s2.completed_per_s(), 1),
        "s2_to_hello": round(s2.completed_per_s() / hello, 3),
        "s2_cpu_us": s2.cpu_us(),
    }))
}
