//! What an HTTP task sent and was answered, as TestState tells it.

use bytes::Bytes;
use http::HeaderMap;
use serde_json::{Value, json};

/// The request as it was sent, the same without what the connection added, and the answer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Exchange {
    whole: Value,
    without_secrets: Value,
    answer: Option<Value>,
}

impl Exchange {
    /// Before the answer.
    pub fn new(whole: Value, without_secrets: Value) -> Exchange {
        Exchange { whole, without_secrets, answer: None }
    }

    /// With the answer.
    pub fn answered(&mut self, protocol: &str, response: &http::Response<Bytes>) {
        let status = response.status();
        self.answer = Some(json!({
            "protocol": protocol,
            "statusCode": status.as_u16().to_string(),
            "statusMessage": status.canonical_reason().unwrap_or_default(),
            "headers": listed(of_map(response.headers())),
            "body": String::from_utf8_lossy(response.body()),
        }));
    }

    /// `inspectionData.request`.
    pub fn request(&self, secrets: bool) -> &Value {
        if secrets { &self.whole } else { &self.without_secrets }
    }

    /// `inspectionData.response`.
    pub fn response(&self) -> Option<&Value> {
        self.answer.as_ref()
    }
}

/// A request as TestState tells it, its headers spelled and ordered as here.
pub(super) fn told(request: &http::Request<Bytes>, headers: Vec<(String, String)>) -> Value {
    let mut told = json!({
        "protocol": request.uri().scheme_str().unwrap_or_default(),
        "method": request.method().as_str(),
        "url": request.uri().to_string(),
        "headers": listed(headers),
    });
    if !request.body().is_empty() {
        told["body"] = String::from_utf8_lossy(request.body()).into();
    }
    told
}

/// Headers as they are.
fn of_map(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect()
}

fn listed(headers: Vec<(String, String)>) -> String {
    let all: Vec<String> =
        headers.into_iter().map(|(name, value)| format!("{name}: {value}")).collect();
    format!("[{}]", all.join(", "))
}
