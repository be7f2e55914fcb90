//! awsJson 1.0 and 1.1: everything in one JSON body, the operation in `X-Amz-Target`.

use http::{HeaderValue, Response, StatusCode, header};
use models::conform::{Naming, conform};
use models::{Operation, Service, json};
use serde_json::{Map, Value};
use services::{Error, Output};

use super::{Modelled, Protocol, serialization};
use crate::ResponseBody;
use crate::answer::stamp;

/// The members of a request.
pub(crate) fn decode(
    service: &Service,
    operation: &Operation,
    body: &[u8],
) -> Result<Value, Error> {
    let mut value = parse(body)?;
    match operation.input {
        Some(input) => {
            conform(service, input, Naming::Member, &mut value).map_err(serialization)?
        }
        None => value = Value::Object(Map::new()),
    }
    Ok(value)
}

/// A JSON body; an empty one is an empty object.
pub(super) fn parse(body: &[u8]) -> Result<Value, Error> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Value::Object(Map::new()));
    }
    serde_json::from_slice(body).map_err(|error| {
        Error::new("SerializationException", format!("the request's body is not JSON: {error}"))
    })
}

/// A response.
pub(super) fn encode(
    service: &Service,
    operation: &Operation,
    output: Output,
    request_id: &str,
) -> Response<ResponseBody> {
    // An operation without an output shape answers an empty object too.
    let body = match operation.output {
        Some(shape) if output.members.is_object() => {
            json::encode(service, shape, Naming::Member, &output.members)
        }
        _ => b"{}".to_vec(),
    };
    respond(200, content_type(service), body, request_id)
}

/// An error's response, for REST too: the code in the header, and for both in the body.
pub(super) fn encode_error(
    protocol: Protocol,
    service: Option<&Service>,
    error: &Error,
    modelled: &Modelled,
    request_id: &str,
) -> Response<ResponseBody> {
    let mut members = modelled.members(error);
    if protocol == Protocol::AwsJson {
        members.shift_insert(0, "__type".to_owned(), Value::from(&*error.code));
    }
    let content_type = match (protocol, service) {
        (Protocol::AwsJson, Some(service)) => content_type(service),
        (Protocol::AwsJson, None) => "application/x-amz-json-1.1",
        _ => "application/json",
    };
    let body = serde_json::to_vec(&members).unwrap_or_default();
    let mut response = respond(modelled.status, content_type, body, request_id);
    if let Ok(code) = HeaderValue::from_str(&error.code) {
        response.headers_mut().insert("x-amzn-errortype", code);
    }
    // SQS and CloudWatch were query services: their old codes live on in a header.
    if service.is_some_and(|service| service.query_compatible) {
        let fault = if modelled.fault { "Receiver" } else { "Sender" };
        if let Ok(code) = HeaderValue::from_str(&format!("{};{fault}", modelled.query_code)) {
            response.headers_mut().insert("x-amzn-query-error", code);
        }
    }
    response
}

fn content_type(service: &Service) -> &'static str {
    match &*service.json_version {
        "1.0" => "application/x-amz-json-1.0",
        _ => "application/x-amz-json-1.1",
    }
}

fn respond(
    status: u16,
    content_type: &'static str,
    body: Vec<u8>,
    request_id: &str,
) -> Response<ResponseBody> {
    let mut response = Response::new(ResponseBody::from(body));
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    stamp(headers, request_id);
    response
}
