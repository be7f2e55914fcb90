//! rest-json: method and path say the operation; members are labels, parameters, headers, JSON, bytes.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use models::conform::{Malformed, Naming, conform};
use models::shape::{Kind, Member};
use models::timestamp::Format;
use models::{Location, Operation, Service, Structure, json, text};
use serde_json::{Map, Value};
use services::{Error, Output};

use super::query::Form;
use super::{aws_json, serialization};
use crate::ResponseBody;
use crate::answer::stamp;

/// The members of a request. A payload of bytes is not among them: it stays a stream.
pub(crate) fn decode(
    service: &Service,
    operation: &Operation,
    labels: &[(&str, String)],
    parameters: &Form,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Value, Error> {
    let Some(input) = operation.input.and_then(|input| service.structure(input)) else {
        return Ok(Value::Object(Map::new()));
    };
    let mut members = payload(service, operation, input, body)?;
    for member in &input.members {
        let outside = match member.location {
            Location::Uri => label(service, member, labels),
            Location::Query => parameter(service, member, parameters),
            Location::Header => header_value(service, member, headers),
            Location::Headers => Ok(prefixed_headers(member, headers)),
            Location::Body | Location::Status => continue,
        };
        if let Some(value) = outside.map_err(serialization)? {
            members.insert(member.name.to_string(), value);
        }
    }
    Ok(Value::Object(members))
}

fn payload(
    service: &Service,
    operation: &Operation,
    input: &Structure,
    body: &[u8],
) -> Result<Map<String, Value>, Error> {
    let mut members = Map::new();
    match (input.payload(), operation.input) {
        (Some(payload), _) => match &service.shape(payload.shape).kind {
            Kind::Blob => {}
            Kind::String { .. } => {
                let text = String::from_utf8_lossy(body).into_owned();
                members.insert(payload.name.to_string(), Value::from(text));
            }
            _ if body.is_empty() => {}
            _ => {
                let mut value = aws_json::parse(body)?;
                conform(service, payload.shape, Naming::Wire, &mut value).map_err(serialization)?;
                members.insert(payload.name.to_string(), value);
            }
        },
        (None, Some(shape)) if input.members.iter().any(|at| at.location == Location::Body) => {
            let mut value = aws_json::parse(body)?;
            conform(service, shape, Naming::Wire, &mut value).map_err(serialization)?;
            if let Value::Object(object) = value {
                members = object;
            }
        }
        _ => {}
    }
    Ok(members)
}

type Found = Result<Option<Value>, Malformed>;

fn label(service: &Service, member: &Member, labels: &[(&str, String)]) -> Found {
    let label = labels.iter().find(|(name, _)| *name == member.wire_name());
    label.map(|(_, value)| text::value_of(service, member.shape, value)).transpose()
}

fn parameter(service: &Service, member: &Member, parameters: &Form) -> Found {
    let mut given = parameters.iter().filter(|(name, _)| name == member.wire_name()).peekable();
    match &service.shape(member.shape).kind {
        // A map of parameters takes all that no other member takes; few models have one.
        Kind::Map { .. } => {
            let all =
                parameters.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str())));
            Ok(Some(Value::Object(all.collect())))
        }
        Kind::List { member: item, .. } => {
            if given.peek().is_none() {
                return Ok(None);
            }
            let items = given.map(|(_, value)| text::value_of(service, item.shape, value));
            items.collect::<Result<Value, _>>().map(Some)
        }
        _ => {
            given.next().map(|(_, value)| text::value_of(service, member.shape, value)).transpose()
        }
    }
}

fn header_value(service: &Service, member: &Member, headers: &HeaderMap) -> Found {
    let Some(value) = headers.get(member.wire_name()) else { return Ok(None) };
    let value = String::from_utf8_lossy(value.as_bytes());
    match &service.shape(member.shape).kind {
        Kind::List { member: item, .. } => value
            .split(',')
            .map(|part| text::value_of(service, item.shape, part.trim()))
            .collect::<Result<Value, _>>()
            .map(Some),
        _ => text::value_of(service, member.shape, &value).map(Some),
    }
}

fn prefixed_headers(member: &Member, headers: &HeaderMap) -> Option<Value> {
    let prefix = member.wire_name().to_ascii_lowercase();
    let found: Map<String, Value> = headers
        .iter()
        .filter_map(|(name, value)| {
            let key = name.as_str().strip_prefix(&prefix)?;
            Some((
                key.to_owned(),
                Value::from(String::from_utf8_lossy(value.as_bytes()).into_owned()),
            ))
        })
        .collect();
    (!found.is_empty()).then_some(Value::Object(found))
}

/// A response.
pub(super) fn encode(
    service: &Service,
    operation: &Operation,
    output: Output,
    request_id: &str,
) -> Response<ResponseBody> {
    let mut response = Response::new(ResponseBody::empty());
    *response.status_mut() = StatusCode::from_u16(operation.status).unwrap_or_default();
    stamp(response.headers_mut(), request_id);
    let Some((id, shape)) =
        operation.output.and_then(|id| service.structure(id).map(|shape| (id, shape)))
    else {
        return response;
    };
    let mut content_type = "application/json";
    *response.body_mut() = match (output.body, shape.payload()) {
        (Some(stream), _) => {
            content_type = "application/octet-stream";
            ResponseBody::stream(stream)
        }
        (None, Some(payload)) => {
            match (&service.shape(payload.shape).kind, &output.members[&*payload.name]) {
                (Kind::Blob, Value::String(base64)) => {
                    content_type = "application/octet-stream";
                    ResponseBody::from(BASE64.decode(base64).unwrap_or_default())
                }
                (Kind::String { .. }, Value::String(text)) => {
                    content_type = "text/plain";
                    ResponseBody::from(text.clone())
                }
                (_, Value::Null) => ResponseBody::empty(),
                (_, value) => json::encode(service, payload.shape, Naming::Wire, value).into(),
            }
        }
        (None, None) if operation.status == 204 => ResponseBody::empty(),
        (None, None) if output.members.is_object() => {
            json::encode(service, id, Naming::Wire, &output.members).into()
        }
        (None, None) => ResponseBody::from("{}"),
    };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    let mut status = None;
    for member in &shape.members {
        let value = &output.members[&*member.name];
        match member.location {
            Location::Header => write_header(service, member, value, headers),
            Location::Headers => write_headers(member, value, headers),
            Location::Status => {
                status = value.as_u64().and_then(|status| u16::try_from(status).ok())
            }
            Location::Body | Location::Uri | Location::Query => {}
        }
    }
    if let Some(Ok(status)) = status.map(StatusCode::from_u16) {
        *response.status_mut() = status;
    }
    response
}

fn write_header(service: &Service, member: &Member, value: &Value, headers: &mut HeaderMap) {
    let text = match (&service.shape(member.shape).kind, value) {
        (Kind::List { member: item, .. }, Value::Array(items)) => {
            let items = items
                .iter()
                .filter_map(|value| text::text_of(service, item.shape, Format::Http, value));
            Some(items.collect::<Vec<_>>().join(","))
        }
        _ => text::text_of(
            service,
            member.shape,
            member.timestamp_format.unwrap_or(Format::Http),
            value,
        ),
    };
    let name = HeaderName::try_from(member.wire_name());
    if let (Some(text), Ok(name)) = (text, name)
        && let Ok(value) = HeaderValue::from_str(&text)
    {
        headers.insert(name, value);
    }
}

fn write_headers(member: &Member, value: &Value, headers: &mut HeaderMap) {
    let Some(entries) = value.as_object() else { return };
    for (key, value) in entries {
        let name = HeaderName::try_from(format!("{}{key}", member.wire_name()));
        let value = value.as_str().map(HeaderValue::from_str);
        if let (Ok(name), Some(Ok(value))) = (name, value) {
            headers.insert(name, value);
        }
    }
}
