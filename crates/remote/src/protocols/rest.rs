//! rest-json and rest-xml: members in the path, the query, headers, and a body of JSON, XML or bytes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use md5::{Digest, Md5};
use models::conform::{Naming, conform};
use models::shape::{Kind, Member};
use models::timestamp::Format;
use models::{Location, Operation, Service, Structure, text};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value};

use super::{json, xml};
use crate::{Call, Endpoint, Problem, Received, Sent};

/// What a body is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Body {
    Json,
    Xml,
}

pub(super) fn encode(endpoint: &Endpoint, call: &Call<'_>, format: Body) -> Result<Sent, Problem> {
    let (service, operation) = (call.service, call.operation);
    let structure = operation.input.and_then(|shape| service.structure(shape));
    let mut request =
        super::request(endpoint, &operation.method, &target(service, operation, call.members)?)?;
    let mut typed = false;
    for member in structure.iter().flat_map(|structure| &structure.members) {
        let value = &call.members[&*member.name];
        match member.location {
            Location::Header => {
                if let Some(text) = header_text(service, member, value) {
                    typed |= member.wire_name().eq_ignore_ascii_case("content-type");
                    request = request.header(member.wire_name(), text);
                }
            }
            Location::Headers => {
                for (key, value) in value.as_object().into_iter().flatten() {
                    let text = value.as_str().unwrap_or_default();
                    request = request.header(format!("{}{key}", member.wire_name()), text);
                }
            }
            _ => {}
        }
    }
    let (body, content_type) = body(service, operation, structure, call.members, format);
    if let Some(content_type) = content_type.filter(|_| !typed) {
        request = request.header(CONTENT_TYPE, content_type);
    }
    // Some of S3's operations insist on a digest of what they are told.
    if format == Body::Xml && content_type == Some("application/xml") {
        request = request.header("content-md5", BASE64.encode(Md5::digest(&body)));
    }
    request.body(Bytes::from(body)).map_err(|error| Problem::Unsendable(error.to_string()))
}

/// The path with its labels, and the query.
fn target(service: &Service, operation: &Operation, members: &Value) -> Result<String, Problem> {
    let structure = operation.input.and_then(|shape| service.structure(shape));
    let (path, literals) = operation.uri.split_once('?').unwrap_or((&operation.uri, ""));
    let mut out = String::with_capacity(128);
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('{') {
        let (label, after) = after.split_once('}').unwrap_or((after, ""));
        let (label, greedy) = match label.strip_suffix('+') {
            Some(label) => (label, true),
            None => (label, false),
        };
        let member = structure.and_then(|structure| {
            let uri = |member: &&Member| member.location == Location::Uri;
            structure.members.iter().filter(uri).find(|member| member.wire_name() == label)
        });
        let text = member
            .and_then(|member| single(service, member, Format::Iso8601, &members[&*member.name]))
            .filter(|text| !text.is_empty())
            .ok_or_else(|| Problem::Unsendable(format!("the parameter `{label}` is missing")))?;
        out.push_str(before);
        out.push_str(&percent_encoded(&text, greedy));
        rest = after;
    }
    out.push_str(rest);
    let mut separator = '?';
    let mut add = |pair: &str| {
        out.push(separator);
        out.push_str(pair);
        separator = '&';
    };
    literals.split('&').filter(|pair| !pair.is_empty()).for_each(&mut add);
    let query = |member: &&Member| member.location == Location::Query;
    for member in structure.iter().flat_map(|structure| structure.members.iter().filter(query)) {
        let name = percent_encoded(member.wire_name(), false);
        match (&service.shape(member.shape).kind, &members[&*member.name]) {
            (_, Value::Null) => {}
            (Kind::Map { .. }, Value::Object(entries)) => {
                for (key, value) in entries {
                    let values =
                        value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
                    for value in values.iter().filter_map(Value::as_str) {
                        let key = percent_encoded(key, false);
                        add(&format!("{key}={}", percent_encoded(value, false)));
                    }
                }
            }
            (Kind::List { member: item, .. }, Value::Array(items)) => {
                for item_value in items {
                    let text = text::text_of(service, item.shape, Format::Iso8601, item_value);
                    let text = text.unwrap_or_default();
                    add(&format!("{name}={}", percent_encoded(&text, false)));
                }
            }
            (_, value) => {
                if let Some(text) = single(service, member, Format::Iso8601, value) {
                    add(&format!("{name}={}", percent_encoded(&text, false)));
                }
            }
        }
    }
    Ok(out)
}

fn body(
    service: &Service,
    operation: &Operation,
    structure: Option<&Structure>,
    members: &Value,
    format: Body,
) -> (Vec<u8>, Option<&'static str>) {
    let nothing = (Vec::new(), None);
    let (Some(structure), Some(shape)) = (structure, operation.input) else { return nothing };
    if let Some(payload) = structure.payload() {
        let value = &members[&*payload.name];
        return match (&service.shape(payload.shape).kind, value) {
            (_, Value::Null) => nothing,
            (Kind::Blob, Value::String(base64)) => {
                let bytes = BASE64.decode(base64).unwrap_or_default();
                (bytes, Some("application/octet-stream"))
            }
            (Kind::String { .. }, Value::String(text)) => {
                (text.clone().into_bytes(), Some("text/plain"))
            }
            (_, value) if format == Body::Json => {
                let json = models::json::encode(service, payload.shape, Naming::Wire, value);
                (json, Some("application/json"))
            }
            (_, value) => {
                let mut out = String::with_capacity(256);
                xml::write(service, payload.shape, payload.wire_name(), value, &mut out);
                (out.into_bytes(), Some("application/xml"))
            }
        };
    }
    if !structure.members.iter().any(|member| member.location == Location::Body) {
        return nothing;
    }
    match format {
        Body::Json => {
            let json = models::json::encode(service, shape, Naming::Wire, members);
            (json, Some("application/json"))
        }
        Body::Xml => {
            let mut out = String::with_capacity(256);
            let name = format!("{}Request", operation.name);
            xml::write(service, shape, &name, members, &mut out);
            (out.into_bytes(), Some("application/xml"))
        }
    }
}

pub(super) fn decode(
    service: &Service,
    operation: &Operation,
    response: &Received,
    format: Body,
) -> Result<Value, Problem> {
    let Some(shape) = operation.output else { return Ok(Value::Object(Map::new())) };
    let Some(structure) = service.structure(shape) else {
        return Ok(Value::Object(Map::new()));
    };
    let garbled = |error: models::conform::Malformed| Problem::Garbled(error.to_string());
    let bytes = response.body();
    let mut members = Map::new();
    if let Some(payload) = structure.payload() {
        let value = match &service.shape(payload.shape).kind {
            Kind::Blob => Some(Value::from(BASE64.encode(bytes))),
            Kind::String { .. } => Some(Value::from(String::from_utf8_lossy(bytes).into_owned())),
            _ if bytes.is_empty() => None,
            _ if format == Body::Xml => {
                Some(xml::value(service, payload.shape, &xml::parse(bytes)?)?)
            }
            _ => {
                let mut value = json::parse(bytes)?;
                conform(service, payload.shape, Naming::Wire, &mut value).map_err(garbled)?;
                Some(value)
            }
        };
        if let Some(value) = value {
            members.insert(payload.name.to_string(), value);
        }
    } else if structure.members.iter().any(|member| member.location == Location::Body) {
        let value = match format {
            Body::Xml => xml::value(service, shape, &xml::parse(bytes)?)?,
            Body::Json => {
                let mut value = json::parse(bytes)?;
                conform(service, shape, Naming::Wire, &mut value).map_err(garbled)?;
                value
            }
        };
        if let Value::Object(given) = value {
            members = given;
        }
    }
    for member in &structure.members {
        let value = match member.location {
            Location::Status => Some(Value::from(response.status().as_u16())),
            Location::Header => {
                header_value(service, member, response.headers()).map_err(garbled)?
            }
            Location::Headers => Some(prefixed(member, response.headers())),
            Location::Body | Location::Uri | Location::Query => None,
        };
        if let Some(value) = value {
            members.insert(member.name.to_string(), value);
        }
    }
    Ok(Value::Object(members))
}

fn single(service: &Service, member: &Member, format: Format, value: &Value) -> Option<String> {
    text::text_of(service, member.shape, member.timestamp_format.unwrap_or(format), value)
}

fn header_text(service: &Service, member: &Member, value: &Value) -> Option<String> {
    match (&service.shape(member.shape).kind, value) {
        (Kind::List { member: item, .. }, Value::Array(items)) => {
            let texts = items
                .iter()
                .filter_map(|value| text::text_of(service, item.shape, Format::Http, value));
            Some(texts.collect::<Vec<_>>().join(",")).filter(|text| !text.is_empty())
        }
        _ => single(service, member, Format::Http, value),
    }
}

fn header_value(
    service: &Service,
    member: &Member,
    headers: &HeaderMap,
) -> Result<Option<Value>, models::conform::Malformed> {
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

fn prefixed(member: &Member, headers: &HeaderMap) -> Value {
    let prefix = member.wire_name().to_ascii_lowercase();
    let found = headers.iter().filter_map(|(name, value)| {
        let key = name.as_str().strip_prefix(&prefix)?;
        let text = String::from_utf8_lossy(value.as_bytes()).into_owned();
        Some((key.to_owned(), Value::from(text)))
    });
    Value::Object(found.collect())
}

/// Everything but letters, digits and `-._~`; slashes stay in a label that takes the rest of a path.
pub(super) fn percent_encoded(text: &str, keep_slashes: bool) -> String {
    const RESERVED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
    const RESERVED_IN_PATH: AsciiSet = RESERVED.remove(b'/');
    let reserved = if keep_slashes { &RESERVED_IN_PATH } else { &RESERVED };
    utf8_percent_encode(text, reserved).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn path(service: &str, operation: &str, members: &Value) -> Result<String, String> {
        let service = models::service(service).expect("is there");
        let operation = service.operation(operation).expect("is there");
        target(service, operation, members).map_err(|problem| problem.to_string())
    }

    #[test]
    fn labels_and_queries_are_encoded() {
        let name = "arn:aws:lambda:us-east-1:000000000000:function:f";
        assert_eq!(
            path("lambda", "Invoke", &json!({ "FunctionName": name, "Qualifier": "$LATEST" })),
            Ok("/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Af\
                /invocations?Qualifier=%24LATEST"
                .to_owned())
        );
        assert_eq!(
            path("s3", "GetObject", &json!({ "Bucket": "b", "Key": "a/b c" })),
            Ok("/b/a/b%20c".to_owned())
        );
        assert_eq!(
            path("s3", "ListObjectsV2", &json!({ "Bucket": "b", "Prefix": "p/" })),
            Ok("/b?list-type=2&prefix=p%2F".to_owned())
        );
        assert!(path("lambda", "Invoke", &json!({})).is_err());
    }
}
