//! The baseline: a server that reads a request and answers with a constant of the same length.

use std::convert::Infallible;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};

use super::{round, start};
use crate::Options;
use crate::connection::{Connection, Target};
use crate::load::{Until, closed_loop};
use crate::process;
use crate::server::free_address;

const ANSWER: &[u8] = br#"{"executionArn":"arn:aws:states:us-east-1:000000000000:execution:hello:00000000-0000-0000-0000-000000000000","startDate":1795000000.123}"#;

/// How long the baseline is asked before a scenario.
const SECONDS: f64 = 3.0;

/// Serves hello-world until the process ends.
///
/// # Errors
/// The address is taken.
pub async fn serve(address: &str) -> anyhow::Result<()> {
    let listener = tokio::net::TcpListener::bind(address).await?;
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        stream.set_nodelay(true)?;
        tokio::spawn(async move {
            let answer = service_fn(|request: Request<Incoming>| async move {
                // What was sent is read and thrown away.
                let _ = request.into_body().collect().await;
                let response =
                    Response::builder().header("content-type", "application/x-amz-json-1.0");
                Ok::<_, Infallible>(
                    response.body(Full::new(Bytes::from_static(ANSWER))).unwrap_or_default(),
                )
            });
            // A client that has gone is no error.
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), answer)
                .await;
        });
    }
}

pub(super) async fn measure(options: &Options) -> anyhow::Result<Value> {
    let (address, seconds) = (free_address()?, options.seconds);
    let mut child = std::process::Command::new(&options.program)
        .args(["bench", "--serve-hello", &address])
        .stdin(std::process::Stdio::null())
        .spawn()?;
    let measured = loaded(&address, child.id(), options.clients, seconds).await;
    child.kill()?;
    child.wait()?;
    measured
}

async fn loaded(
    address: &str,
    process: u32,
    clients: usize,
    seconds: f64,
) -> anyhow::Result<Value> {
    let target = Target::own(address.to_owned());
    while Connection::new(&target).call("StartExecution", "{}").await.is_err() {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let before = process::usage(process).unwrap_or_default().cpu_seconds;
    let mut loaded =
        closed_loop(&target, clients, Until::Seconds(seconds), "StartExecution", |number| {
            start(
                "arn:aws:states:us-east-1:000000000000:stateMachine:hello",
                &number.to_string(),
                &json!({"n": 0}),
            )
        })
        .await;
    let cpu = process::usage(process).unwrap_or_default().cpu_seconds - before;
    Ok(json!({
        "requests_per_s": round(loaded.rate(), 1),
        "cpu_us_per_request": round(cpu * 1e6 / loaded.count().max(1) as f64, 1),
        "ms": loaded.latencies.summary(),
        "errors": loaded.errors,
    }))
}

/// Requests a second that hello-world answers now.
pub(super) async fn rate(options: &Options) -> anyhow::Result<f64> {
    let options = Options { seconds: SECONDS, ..options.clone() };
    Ok(measure(&options).await?["requests_per_s"].as_f64().unwrap_or_default())
}
