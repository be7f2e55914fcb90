//! The wire, from the client's side: a call becomes a request, an answer becomes members.

mod form;
mod json;
mod rest;
mod xml;

use models::{Operation, Service};
use serde_json::Value;

use crate::{Call, Endpoint, Problem, Received, Refusal, Sent};

/// The protocols we speak, the easiest first; a service lists those it knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protocol {
    Json,
    RestJson,
    RestXml,
    Query,
}

fn protocol(service: &Service) -> Option<Protocol> {
    [
        ("json", Protocol::Json),
        ("rest-json", Protocol::RestJson),
        ("rest-xml", Protocol::RestXml),
        ("query", Protocol::Query),
    ]
    .into_iter()
    .find(|(name, _)| service.entry.protocols.contains(name))
    .map(|(_, protocol)| protocol)
}

/// The request, unsigned.
pub(crate) fn encode(endpoint: &Endpoint, call: &Call<'_>) -> Result<Sent, Problem> {
    match protocol(call.service) {
        Some(Protocol::Json) => json::encode(endpoint, call),
        Some(Protocol::RestJson) => rest::encode(endpoint, call, rest::Body::Json),
        Some(Protocol::RestXml) => rest::encode(endpoint, call, rest::Body::Xml),
        Some(Protocol::Query) => form::encode(endpoint, call),
        None => Err(Problem::Unsendable(format!(
            "Stepwell speaks none of the protocols of `{}` ({})",
            call.service.entry.name,
            call.service.entry.protocols.join(", ")
        ))),
    }
}

/// The members of an answer.
pub(crate) fn decode(
    service: &Service,
    operation: &Operation,
    response: &Received,
) -> Result<Value, Problem> {
    match protocol(service) {
        Some(Protocol::RestJson) => rest::decode(service, operation, response, rest::Body::Json),
        Some(Protocol::RestXml) => rest::decode(service, operation, response, rest::Body::Xml),
        Some(Protocol::Query) => form::decode(service, operation, response),
        Some(Protocol::Json) | None => json::decode(service, operation, response),
    }
}

/// What a refusal says. Never fails: an answer of a proxy in between is a refusal without a name.
pub(crate) fn decode_error(service: &Service, response: &Received) -> Refusal {
    let told = match protocol(service) {
        Some(Protocol::RestXml | Protocol::Query) => xml::error(response.body()),
        Some(Protocol::Json | Protocol::RestJson) | None => json::error(response),
    };
    let header = |name: &str| {
        response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
    };
    let status = response.status();
    Refusal {
        code: told.code.unwrap_or_else(|| "UnknownError".to_owned()),
        message: told.message.unwrap_or_else(|| {
            let text: String =
                String::from_utf8_lossy(response.body()).chars().take(1024).collect();
            let reason = status.canonical_reason().unwrap_or("no reason given");
            if text.trim().is_empty() { reason.to_owned() } else { text }
        }),
        status: status.as_u16(),
        request_id: told
            .request_id
            .or_else(|| header("x-amzn-requestid"))
            .or_else(|| header("x-amz-request-id")),
    }
}

/// What can be read of an error's answer.
#[derive(Debug, Default)]
struct Told {
    code: Option<String>,
    message: Option<String>,
    request_id: Option<String>,
}

/// A request to a path (percent-encoded) and query.
fn request(
    endpoint: &Endpoint,
    method: &str,
    path_and_query: &str,
) -> Result<http::request::Builder, Problem> {
    let (scheme, authority, base) = endpoint.base();
    let uri: http::Uri = format!("{scheme}://{authority}{base}{path_and_query}")
        .parse()
        .map_err(|error| Problem::Unsendable(format!("`{path_and_query}` is no path: {error}")))?;
    Ok(http::Request::builder().method(method).uri(uri).header(http::header::HOST, authority))
}
