//! From a model's compressed JSON to its table.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::Read;
use std::sync::OnceLock;

use flate2::read::GzDecoder;
use indexmap::IndexMap;
use serde::Deserialize;

use crate::service::{Entry, Operation, Service};
use crate::shape::{Kind, Location, Member, Reference, Shape, ShapeId, Structure};
use crate::timestamp::Format;

/// Parses a model. The data are embedded and every one is parsed in a test, so damage is a defect of
/// the build and ends the program.
pub(crate) fn parse(entry: &'static Entry) -> Service {
    match try_parse(entry) {
        Ok(service) => service,
        Err(reason) => panic!("the embedded model of `{}` is damaged: {reason}", entry.name),
    }
}

fn try_parse(entry: &'static Entry) -> Result<Service, String> {
    let mut text = String::new();
    GzDecoder::new(entry.data).read_to_string(&mut text).map_err(|error| error.to_string())?;
    let raw: RawModel = serde_json::from_str(&text).map_err(|error| error.to_string())?;

    let places: HashMap<&str, ShapeId> =
        raw.shapes.keys().enumerate().map(|(place, name)| (*name, ShapeId(place as u32))).collect();
    let id =
        |name: &str| places.get(name).copied().ok_or_else(|| format!("there is no shape `{name}`"));

    let shapes = raw
        .shapes
        .iter()
        .map(|(name, shape)| build_shape(name, shape, &id))
        .collect::<Result<Vec<_>, String>>()?;
    let operations = raw
        .operations
        .iter()
        .map(|(name, operation)| build_operation(name, operation, &id))
        .collect::<Result<Vec<_>, String>>()?;
    Ok(Service {
        entry,
        json_version: raw.metadata.json_version.unwrap_or("1.1").into(),
        xml_namespace: raw.metadata.xml_namespace.map(|namespace| namespace.uri().into()),
        query_compatible: raw.metadata.aws_query_compatible.is_some(),
        operation_places: operations
            .iter()
            .enumerate()
            .map(|(place, operation)| (operation.name.clone(), place as u32))
            .collect(),
        shape_places: places.iter().map(|(name, id)| (Box::from(*name), *id)).collect(),
        operations,
        shapes,
        routes: OnceLock::new(),
    })
}

fn build_operation(
    name: &str,
    raw: &RawOperation,
    id: &impl Fn(&str) -> Result<ShapeId, String>,
) -> Result<Operation, String> {
    let body = |part: &Option<RawBody>| part.as_ref().map(|part| id(part.shape)).transpose();
    Ok(Operation {
        name: name.into(),
        method: raw.http.method.into(),
        uri: raw.http.request_uri.as_ref().into(),
        status: raw.http.response_code.unwrap_or(200),
        input: body(&raw.input)?,
        output: body(&raw.output)?,
        result_wrapper: raw.output.as_ref().and_then(|output| output.result_wrapper).map(Box::from),
        errors: raw.errors.iter().map(|error| id(error)).collect::<Result<_, _>>()?,
        host_prefix: raw.host_prefix.map(Box::from),
    })
}

fn build_shape(
    name: &str,
    raw: &RawShape,
    id: &impl Fn(&str) -> Result<ShapeId, String>,
) -> Result<Shape, String> {
    let reference = |raw: &Option<RawReference>| -> Result<Reference, String> {
        let raw = raw.as_ref().ok_or_else(|| format!("`{name}` does not say what it holds"))?;
        Ok(Reference { shape: id(raw.shape)?, wire_name: raw.location_name.map(Box::from) })
    };
    let kind = match raw.kind {
        _ if raw.document => Kind::Document,
        "structure" => Kind::Structure(build_structure(name, raw, id)?),
        "list" => Kind::List { member: reference(&raw.member)?, flattened: raw.flattened },
        "map" => Kind::Map {
            key: reference(&raw.key)?,
            value: reference(&raw.value)?,
            flattened: raw.flattened,
        },
        "string" | "character" => Kind::String {
            choices: raw.choices.iter().map(|choice| choice.as_ref().into()).collect(),
        },
        "integer" | "short" | "byte" => Kind::Integer,
        "long" | "bigInteger" => Kind::Long,
        "float" => Kind::Float,
        "double" | "bigDecimal" => Kind::Double,
        "boolean" => Kind::Boolean,
        "blob" => Kind::Blob,
        "timestamp" => Kind::Timestamp(raw.timestamp_format.and_then(Format::of_model)),
        other => return Err(format!("`{name}` has the unknown type `{other}`")),
    };
    Ok(Shape {
        name: name.into(),
        kind,
        min: raw.min,
        max: raw.max,
        // Step Functions' streams can also be asked for by the state machine's ARN, which has colons;
        // CreateLogStream itself refuses them.
        pattern: raw.pattern.as_deref().filter(|_| name != "LogStreamName").map(Box::from),
        sensitive: raw.sensitive,
        compiled: OnceLock::new(),
    })
}

fn build_structure(
    name: &str,
    raw: &RawShape,
    id: &impl Fn(&str) -> Result<ShapeId, String>,
) -> Result<Structure, String> {
    let members = raw
        .members
        .iter()
        .map(|(member, reference)| build_member(member, reference, &raw.required, id))
        .collect::<Result<Vec<_>, String>>()?;
    let payload = match raw.payload {
        None => None,
        Some(payload) => Some(
            members
                .iter()
                .position(|member| &*member.name == payload)
                .ok_or_else(|| format!("`{name}` has no member `{payload}`"))?,
        ),
    };
    let error = raw.error.as_ref();
    Ok(Structure {
        members,
        payload,
        union: raw.union,
        exception: raw.exception || error.is_some(),
        error_code: error.and_then(|error| error.code).map(Box::from),
        status: error.and_then(|error| error.status).or(raw.fault.then_some(500)),
        fault: raw.fault,
        event_stream: raw.event_stream,
    })
}

fn build_member(
    name: &str,
    raw: &RawReference,
    required: &[&str],
    id: &impl Fn(&str) -> Result<ShapeId, String>,
) -> Result<Member, String> {
    let location = match raw.location {
        None => Location::Body,
        Some("uri") => Location::Uri,
        Some("querystring") => Location::Query,
        Some("header") => Location::Header,
        Some("headers") => Location::Headers,
        Some("statusCode") => Location::Status,
        Some(other) => return Err(format!("`{name}` is at the unknown location `{other}`")),
    };
    Ok(Member {
        name: name.into(),
        shape: id(raw.shape)?,
        required: required.contains(&name),
        location,
        wire_name: raw.location_name.map(Box::from),
        flattened: raw.flattened,
        streaming: raw.streaming,
        timestamp_format: raw.timestamp_format.and_then(Format::of_model),
        xml_attribute: raw.xml_attribute,
    })
}

#[derive(Deserialize)]
struct RawModel<'a> {
    #[serde(borrow)]
    metadata: RawMetadata<'a>,
    #[serde(borrow)]
    operations: IndexMap<&'a str, RawOperation<'a>>,
    #[serde(borrow)]
    shapes: IndexMap<&'a str, RawShape<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawMetadata<'a> {
    json_version: Option<&'a str>,
    #[serde(borrow)]
    xml_namespace: Option<RawNamespace<'a>>,
    aws_query_compatible: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum RawNamespace<'a> {
    Text(&'a str),
    Object { uri: &'a str },
}

impl RawNamespace<'_> {
    fn uri(&self) -> &str {
        match self {
            RawNamespace::Text(uri) | RawNamespace::Object { uri } => uri,
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawOperation<'a> {
    #[serde(borrow)]
    http: RawHttp<'a>,
    #[serde(borrow)]
    input: Option<RawBody<'a>>,
    #[serde(borrow)]
    output: Option<RawBody<'a>>,
    #[serde(borrow, default)]
    errors: Vec<&'a str>,
    host_prefix: Option<&'a str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawHttp<'a> {
    method: &'a str,
    #[serde(borrow)]
    request_uri: Cow<'a, str>,
    response_code: Option<u16>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawBody<'a> {
    shape: &'a str,
    result_wrapper: Option<&'a str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawReference<'a> {
    shape: &'a str,
    location: Option<&'a str>,
    location_name: Option<&'a str>,
    #[serde(default)]
    flattened: bool,
    #[serde(default)]
    streaming: bool,
    timestamp_format: Option<&'a str>,
    #[serde(default)]
    xml_attribute: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawShape<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    #[serde(borrow, default)]
    required: Vec<&'a str>,
    #[serde(borrow, default, rename = "enum")]
    choices: Vec<Cow<'a, str>>,
    min: Option<f64>,
    max: Option<f64>,
    #[serde(borrow)]
    pattern: Option<Cow<'a, str>>,
    #[serde(default)]
    sensitive: bool,
    payload: Option<&'a str>,
    #[serde(default)]
    flattened: bool,
    #[serde(default)]
    union: bool,
    #[serde(default)]
    document: bool,
    #[serde(default)]
    exception: bool,
    #[serde(default)]
    fault: bool,
    #[serde(default, rename = "eventstream")]
    event_stream: bool,
    timestamp_format: Option<&'a str>,
    #[serde(borrow, default)]
    members: IndexMap<&'a str, RawReference<'a>>,
    #[serde(borrow)]
    member: Option<RawReference<'a>>,
    #[serde(borrow)]
    key: Option<RawReference<'a>>,
    #[serde(borrow)]
    value: Option<RawReference<'a>>,
    #[serde(borrow)]
    error: Option<RawError<'a>>,
}

#[derive(Deserialize)]
struct RawError<'a> {
    code: Option<&'a str>,
    #[serde(rename = "httpStatusCode")]
    status: Option<u16>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_embedded_model_parses() {
        for entry in crate::entries() {
            let service =
                try_parse(entry).unwrap_or_else(|error| panic!("{}: {error}", entry.name));
            assert!(!service.operations.is_empty(), "{}", entry.name);
            let structured =
                |id: Option<ShapeId>| id.is_none_or(|id| service.structure(id).is_some());
            for operation in &service.operations {
                assert!(structured(operation.input) && structured(operation.output));
            }
        }
    }
}
