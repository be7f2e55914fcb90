//! The query protocol: `Action=…&Version=…&Tags.member.1.Key=…` in, XML out.

use http::{HeaderValue, Response, StatusCode, header};
use indexmap::IndexMap;
use models::conform::Malformed;
use models::shape::{Kind, Member};
use models::{Operation, Service, ShapeId, Structure, text};
use percent_encoding::percent_decode;
use serde_json::{Map, Value};
use services::{Error, Output};

use super::{Modelled, serialization, xml};
use crate::ResponseBody;
use crate::answer::stamp;

/// A form's parameters, in order and decoded.
pub(crate) type Form = Vec<(String, String)>;

/// The parameters of a form or of a URL's query.
pub(crate) fn form(text: &[u8]) -> Form {
    let decode = |part: &[u8]| {
        let spaced: Vec<u8> =
            part.iter().map(|&byte| if byte == b'+' { b' ' } else { byte }).collect();
        percent_decode(&spaced).decode_utf8_lossy().into_owned()
    };
    text.split(|&byte| byte == b'&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let mut parts = pair.splitn(2, |&byte| byte == b'=');
            let (name, value) =
                (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
            (decode(name), decode(value))
        })
        .collect()
}

/// The members of a request.
pub(crate) fn decode(
    service: &Service,
    operation: &Operation,
    form: &Form,
) -> Result<Value, Error> {
    let mut root = Node::default();
    for (name, value) in form {
        root.insert(name, value);
    }
    match operation.input.and_then(|input| service.structure(input)) {
        Some(input) => structure(service, input, &root).map_err(serialization),
        None => Ok(Value::Object(Map::new())),
    }
}

/// A response.
pub(super) fn encode(
    service: &Service,
    operation: &Operation,
    output: Output,
    request_id: &str,
) -> Response<ResponseBody> {
    let mut body = String::with_capacity(512);
    let name = &operation.name;
    let namespace = service.xml_namespace.as_deref().unwrap_or_default();
    body.push_str(&format!("<{name}Response xmlns=\"{namespace}\">"));
    if let Some(shape) = operation.output.and_then(|shape| service.structure(shape)) {
        let wrapper = operation.result_wrapper.as_deref();
        let _ = wrapper.map(|wrapper| body.push_str(&format!("<{wrapper}>")));
        xml::members(service, shape, &output.members, &mut body);
        let _ = wrapper.map(|wrapper| body.push_str(&format!("</{wrapper}>")));
    }
    body.push_str("<ResponseMetadata>");
    xml::element("RequestId", request_id, &mut body);
    body.push_str(&format!("</ResponseMetadata></{name}Response>"));
    respond(200, body, request_id)
}

/// An error's response.
pub(super) fn encode_error(
    service: Option<&Service>,
    error: &Error,
    modelled: &Modelled,
    request_id: &str,
) -> Response<ResponseBody> {
    let mut body = String::with_capacity(512);
    match service.and_then(|service| service.xml_namespace.as_deref()) {
        Some(namespace) => body.push_str(&format!("<ErrorResponse xmlns=\"{namespace}\"><Error>")),
        None => body.push_str("<ErrorResponse><Error>"),
    }
    xml::element("Type", if modelled.fault { "Receiver" } else { "Sender" }, &mut body);
    xml::element("Code", modelled.query_code, &mut body);
    xml::element("Message", &error.message, &mut body);
    for (name, value) in &error.members {
        if let Value::String(text) = value {
            xml::element(name, text, &mut body);
        }
    }
    body.push_str("</Error>");
    xml::element("RequestId", request_id, &mut body);
    body.push_str("</ErrorResponse>");
    respond(modelled.status, body, request_id)
}

fn respond(status: u16, body: String, request_id: &str) -> Response<ResponseBody> {
    let mut response = Response::new(ResponseBody::from(body));
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/xml"));
    stamp(headers, request_id);
    response
}

/// The dotted names of a form as a tree.
#[derive(Default)]
struct Node {
    text: Option<String>,
    parts: IndexMap<String, Node>,
}

/// Deeper than any model goes, but for shapes that hold themselves.
const DEPTH_MAX: usize = 64;

impl Node {
    fn insert(&mut self, name: &str, value: &str) {
        let mut node = self;
        for part in name.splitn(DEPTH_MAX, '.') {
            node = node.parts.entry(part.to_owned()).or_default();
        }
        node.text = Some(value.to_owned());
    }

    /// The parts named by numbers, in their order.
    fn numbered(&self) -> Vec<&Node> {
        let mut items: Vec<(u64, &Node)> =
            self.parts.iter().filter_map(|(name, node)| Some((name.parse().ok()?, node))).collect();
        items.sort_by_key(|(number, _)| *number);
        items.into_iter().map(|(_, node)| node).collect()
    }

    /// The items of a list or map: below `name`, or right here where the client flattens.
    fn items(&self, name: &str) -> Vec<&Node> {
        self.parts.get(name).map_or_else(|| self.numbered(), Node::numbered)
    }
}

fn structure(service: &Service, shape: &Structure, node: &Node) -> Result<Value, Malformed> {
    let mut members = Map::new();
    for member in &shape.members {
        if let Some(node) = node.parts.get(name_in_form(service, member)) {
            members.insert(member.name.to_string(), decode_node(service, member.shape, node)?);
        }
    }
    Ok(Value::Object(members))
}

/// A flattened list stands under the name of its items.
fn name_in_form<'a>(service: &'a Service, member: &'a Member) -> &'a str {
    match &service.shape(member.shape).kind {
        Kind::List { member: item, flattened } if *flattened || member.flattened => {
            item.wire_name.as_deref().unwrap_or(member.wire_name())
        }
        _ => member.wire_name(),
    }
}

fn decode_node(service: &Service, shape: ShapeId, node: &Node) -> Result<Value, Malformed> {
    match &service.shape(shape).kind {
        Kind::Structure(shape) => structure(service, shape, node),
        Kind::List { member, .. } => node
            .items(member.wire_name.as_deref().unwrap_or("member"))
            .into_iter()
            .map(|item| decode_node(service, member.shape, item))
            .collect(),
        Kind::Map { key, value, .. } => {
            let key_name = key.wire_name.as_deref().unwrap_or("key");
            let value_name = value.wire_name.as_deref().unwrap_or("value");
            let mut entries = Map::new();
            for entry in node.items("entry") {
                let key = entry.parts.get(key_name).and_then(|key| key.text.clone());
                if let (Some(key), Some(node)) = (key, entry.parts.get(value_name)) {
                    entries.insert(key, decode_node(service, value.shape, node)?);
                }
            }
            Ok(Value::Object(entries))
        }
        _ => text::value_of(service, shape, node.text.as_deref().unwrap_or_default()),
    }
}
