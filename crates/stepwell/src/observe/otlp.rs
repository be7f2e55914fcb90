//! Traces of executions for OpenTelemetry's collectors: OTLP over HTTP, in its JSON form. A trace is told
//! when its execution has ended, so nothing is kept of those that run; what takes a few functions here
//! would be a dozen crates otherwise.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use serde::Deserialize;
use serde_json::{Value, json};
use services::Context;
use services::stepfunctions::{Ended, Span, spans};
use tokio::sync::mpsc;

use super::post::Post;

/// Where traces go (`[traces]` of `stepwell.toml`).
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Traces {
    /// The collector's address, without `/v1/traces`; none: nothing is traced.
    pub endpoint: Option<String>,
    /// The share of executions that are traced unless their X-Ray header says, 0 to 1.
    pub sample: f64,
}

impl Default for Traces {
    fn default() -> Traces {
        Traces { endpoint: None, sample: 1.0 }
    }
}

impl Traces {
    /// # Errors
    /// The address is none, or the share no share.
    pub fn open(&self) -> anyhow::Result<Option<Exporter>> {
        anyhow::ensure!(
            (0.0..=1.0).contains(&self.sample),
            "`sample` of traces is {}; it is a share, 0 to 1",
            self.sample
        );
        let Some(endpoint) = &self.endpoint else { return Ok(None) };
        let address = format!("{}/v1/traces", endpoint.trim_end_matches('/'));
        Ok(Some(Exporter(Post::to(&address).context("the endpoint of traces")?)))
    }
}

/// Sends spans.
pub struct Exporter(Post);

/// So many executions are told together, or those of so long.
const EXECUTIONS_MAX: usize = 64;
const TOGETHER: Duration = Duration::from_millis(500);

/// Tells executions that have ended, until no more come.
pub async fn export(context: Arc<Context>, mut ended: mpsc::Receiver<Ended>, exporter: Exporter) {
    let mut executions = Vec::with_capacity(EXECUTIONS_MAX);
    while ended.recv_many(&mut executions, EXECUTIONS_MAX).await > 0 {
        let mut told = Vec::new();
        for execution in executions.drain(..) {
            match spans(&context, execution).await {
                Ok(spans) => told.extend(spans),
                Err(error) => tracing::warn!(%error, "an execution's trace cannot be made"),
            }
        }
        if let Err(error) = exporter.0.send(document(&told).to_string()).await {
            tracing::warn!(error = %format!("{error:#}"), spans = told.len(), "traces are lost");
        }
        tokio::time::sleep(TOGETHER).await;
    }
}

/// An `ExportTraceServiceRequest`.
fn document(spans: &[Span]) -> Value {
    let service = attribute("service.name", "stepwell");
    let scope = json!({ "name": "stepwell", "version": env!("CARGO_PKG_VERSION") });
    let spans: Vec<Value> = spans.iter().map(span).collect();
    json!({ "resourceSpans": [{
        "resource": { "attributes": [service] },
        "scopeSpans": [{ "scope": scope, "spans": spans }],
    }] })
}

fn span(span: &Span) -> Value {
    const INTERNAL: u8 = 1;
    const ERROR: u8 = 2;
    let nanoseconds = |at: asl::Timestamp| (i128::from(at.0) * 1_000_000).to_string();
    let mut attributes: Vec<Value> =
        span.attributes.iter().map(|(name, value)| attribute(name, value)).collect();
    let mut told = json!({
        "traceId": span.trace,
        "spanId": span.id,
        "name": span.name,
        "kind": INTERNAL,
        "startTimeUnixNano": nanoseconds(span.start),
        "endTimeUnixNano": nanoseconds(span.end),
    });
    if let Some(parent) = &span.parent {
        told["parentSpanId"] = json!(parent);
    }
    if let Some(failure) = &span.failure {
        let error = failure.error.as_deref().unwrap_or("_OTHER");
        attributes.push(attribute("error.type", error));
        let cause = failure.cause.as_deref().unwrap_or(error);
        told["status"] = json!({ "code": ERROR, "message": cause });
    }
    told["attributes"] = attributes.into();
    told
}

fn attribute(name: &str, value: &str) -> Value {
    json!({ "key": name, "value": { "stringValue": value } })
}

#[cfg(test)]
mod tests {
    use asl::{Failure, Timestamp};

    use super::*;

    #[test]
    fn spans_are_otlps() {
        let span = Span {
            trace: "5b8efff798038103d269b633813fc60c".into(),
            id: "eee19b7ec3c1b174".into(),
            parent: Some("eee19b7ec3c1b173".into()),
            name: "Train".into(),
            start: Timestamp(1_544_712_660_000),
            end: Timestamp(1_544_712_661_500),
            failure: Some(Failure { error: Some("E".into()), cause: None }),
            attributes: vec![("aws.step_functions.state.type", "Task".into())],
        };
        let told = document(&[span]);
        let expected = json!({
            "traceId": "5b8efff798038103d269b633813fc60c",
            "spanId": "eee19b7ec3c1b174",
            "parentSpanId": "eee19b7ec3c1b173",
            "name": "Train",
            "kind": 1,
            "startTimeUnixNano": "1544712660000000000",
            "endTimeUnixNano": "1544712661500000000",
            "attributes": [
                { "key": "aws.step_functions.state.type", "value": { "stringValue": "Task" } },
                { "key": "error.type", "value": { "stringValue": "E" } },
            ],
            "status": { "code": 2, "message": "E" },
        });
        assert_eq!(told["resourceSpans"][0]["scopeSpans"][0]["spans"], json!([expected]));
    }

    #[test]
    fn a_share_is_one() {
        let traces = |sample| Traces { endpoint: Some("http://127.0.0.1:4318".into()), sample };
        assert!(traces(0.5).open().unwrap().is_some());
        assert!(traces(1.5).open().is_err());
        assert!(Traces::default().open().unwrap().is_none());
        let odd = Traces { endpoint: Some("127.0.0.1:4318".into()), sample: 1.0 };
        assert!(odd.open().is_err());
    }
}
