//! XML along a shape, both ways, and XML errors.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use models::shape::{Kind, Member};
use models::timestamp::Format;
use models::{Location, Service, ShapeId, text};
use quick_xml::Reader;
use quick_xml::events::Event;
use serde_json::{Map, Value};

use super::Told;
use crate::Problem;

/// Deeper than any model goes, but for shapes that hold themselves.
const DEPTH_MAX: usize = 128;

/// An element: names are without their prefixes.
#[derive(Clone, Debug, Default)]
pub(super) struct Element {
    name: String,
    attributes: Vec<(String, String)>,
    text: String,
    children: Vec<Element>,
}

impl Element {
    pub(super) fn child(&self, name: &str) -> Option<&Element> {
        self.children.iter().find(|child| child.name == name)
    }

    fn text_of(&self, name: &str) -> Option<String> {
        self.child(name).map(|child| child.text.clone())
    }
}

/// The root element of a document; an empty one for no document at all.
pub(super) fn parse(body: &[u8]) -> Result<Element, Problem> {
    let garbled = |why: String| Problem::Garbled(why);
    let text = std::str::from_utf8(body).map_err(|error| garbled(error.to_string()))?;
    let mut reader = Reader::from_str(text);
    let mut open = vec![Element::default()];
    loop {
        let event = reader.read_event().map_err(|error| garbled(error.to_string()))?;
        let place = open.len() - 1;
        match event {
            Event::Start(start) => {
                if open.len() > DEPTH_MAX {
                    return Err(garbled("XML elements are nested too deep".to_owned()));
                }
                open.push(element(&start)?);
            }
            Event::Empty(start) => {
                let element = element(&start)?;
                open[place].children.push(element);
            }
            Event::End(_) => {
                let Some(element) = open.pop().filter(|_| place > 0) else {
                    return Err(garbled("an XML element ends that never began".to_owned()));
                };
                open[place - 1].children.push(element);
            }
            Event::Text(piece) => {
                let piece = piece.xml_content(quick_xml::XmlVersion::Implicit1_0);
                open[place].text.push_str(&piece);
            }
            Event::CData(piece) => {
                let piece = piece.xml_content(quick_xml::XmlVersion::Implicit1_0);
                open[place].text.push_str(&piece);
            }
            Event::GeneralRef(name) => {
                let resolved = match name.resolve_char_ref() {
                    Ok(Some(char)) => char.to_string(),
                    _ => {
                        let name = name.xml_content(quick_xml::XmlVersion::Implicit1_0);
                        quick_xml::escape::resolve_predefined_entity(&name)
                            .ok_or_else(|| garbled(format!("unknown XML entity `{name}`")))?
                            .to_owned()
                    }
                };
                open[place].text.push_str(&resolved);
            }
            Event::Eof => break,
            Event::Decl(_) | Event::PI(_) | Event::DocType(_) | Event::Comment(_) => {}
        }
    }
    if open.len() > 1 {
        return Err(garbled("an XML element has no end".to_owned()));
    }
    Ok(open.pop().and_then(|mut document| document.children.pop()).unwrap_or_default())
}

fn element(start: &quick_xml::events::BytesStart<'_>) -> Result<Element, Problem> {
    let mut attributes = Vec::new();
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|error| Problem::Garbled(error.to_string()))?;
        attributes.push((attribute.key.as_ref().to_owned(), attribute.value.into_owned()));
    }
    Ok(Element { name: start.local_name().as_ref().to_owned(), attributes, ..Element::default() })
}

/// The value that an element means for a shape.
pub(super) fn value(
    service: &Service,
    shape: ShapeId,
    element: &Element,
) -> Result<Value, Problem> {
    Ok(match &service.shape(shape).kind {
        Kind::Structure(structure) => {
            let mut members = Map::new();
            for member in structure.members.iter().filter(|at| at.location == Location::Body) {
                if let Some(value) = member_value(service, member, element)? {
                    members.insert(member.name.to_string(), value);
                }
            }
            Value::Object(members)
        }
        Kind::List { member, .. } => {
            let name = member.wire_name.as_deref().unwrap_or("member");
            let items = element.children.iter().filter(|child| child.name == name);
            items.map(|item| value(service, member.shape, item)).collect::<Result<Value, _>>()?
        }
        Kind::Map { .. } => {
            let entries = element.children.iter().filter(|child| child.name == "entry");
            map(service, shape, entries)?
        }
        Kind::Blob => {
            // Checked here so that what follows may rely on it.
            let bytes = BASE64
                .decode(element.text.trim())
                .map_err(|error| Problem::Garbled(error.to_string()))?;
            Value::from(BASE64.encode(bytes))
        }
        Kind::String { .. } => Value::from(element.text.as_str()),
        _ => text::value_of(service, shape, element.text.trim())
            .map_err(|error| Problem::Garbled(error.to_string()))?,
    })
}

fn member_value(
    service: &Service,
    member: &Member,
    element: &Element,
) -> Result<Option<Value>, Problem> {
    if member.xml_attribute {
        let wanted = member.wire_name();
        let found = element.attributes.iter().find(|(name, _)| name == wanted);
        return Ok(found.map(|(_, value)| Value::from(value.as_str())));
    }
    let named = |name: &str| {
        let name = name.to_owned();
        element.children.iter().filter(move |child| child.name == name)
    };
    match &service.shape(member.shape).kind {
        Kind::List { member: item, flattened } if *flattened || member.flattened => {
            // Its items stand under the member's name, or under their own.
            let name = match named(member.wire_name()).next() {
                Some(_) => member.wire_name(),
                None => item.wire_name.as_deref().unwrap_or(member.wire_name()),
            };
            let items = named(name).map(|child| value(service, item.shape, child));
            let items = items.collect::<Result<Vec<_>, _>>()?;
            Ok((!items.is_empty()).then_some(Value::Array(items)))
        }
        Kind::Map { flattened, .. } if *flattened || member.flattened => {
            let entries: Vec<_> = named(member.wire_name()).collect();
            match entries.is_empty() {
                true => Ok(None),
                false => map(service, member.shape, entries.into_iter()).map(Some),
            }
        }
        _ => named(member.wire_name())
            .next()
            .map(|child| value(service, member.shape, child))
            .transpose(),
    }
}

fn map<'a>(
    service: &Service,
    shape: ShapeId,
    entries: impl Iterator<Item = &'a Element>,
) -> Result<Value, Problem> {
    let Kind::Map { key, value: held, .. } = &service.shape(shape).kind else {
        return Ok(Value::Null);
    };
    let mut members = Map::new();
    for entry in entries {
        let key = entry.text_of(key.wire_name.as_deref().unwrap_or("key"));
        let element = entry.child(held.wire_name.as_deref().unwrap_or("value"));
        if let (Some(key), Some(element)) = (key, element) {
            members.insert(key, value(service, held.shape, element)?);
        }
    }
    Ok(Value::Object(members))
}

/// Writes a value as an element of this name.
pub(super) fn write(
    service: &Service,
    shape: ShapeId,
    name: &str,
    value: &Value,
    out: &mut String,
) {
    match (&service.shape(shape).kind, value) {
        (_, Value::Null) => {}
        (Kind::Structure(structure), Value::Object(given)) => {
            out.push_str(&format!("<{name}"));
            for member in structure.members.iter().filter(|member| member.xml_attribute) {
                if let Some(value) = given.get(&*member.name).and_then(Value::as_str) {
                    out.push_str(&format!(" {}=\"{}\"", member.wire_name(), escaped(value)));
                }
            }
            out.push('>');
            let body = structure.members.iter().filter(|at| at.location == Location::Body);
            for member in body.filter(|member| !member.xml_attribute) {
                if let Some(value) = given.get(&*member.name) {
                    write_member(service, member, value, out);
                }
            }
            out.push_str(&format!("</{name}>"));
        }
        (Kind::List { member, .. }, Value::Array(items)) => {
            out.push_str(&format!("<{name}>"));
            for item in items {
                let name = member.wire_name.as_deref().unwrap_or("member");
                write(service, member.shape, name, item, out);
            }
            out.push_str(&format!("</{name}>"));
        }
        (_, value) => {
            if let Some(text) = text::text_of(service, shape, Format::Iso8601, value) {
                out.push_str(&format!("<{name}>{}</{name}>", escaped(&text)));
            }
        }
    }
}

fn write_member(service: &Service, member: &Member, value: &Value, out: &mut String) {
    match (&service.shape(member.shape).kind, value) {
        (Kind::List { member: item, flattened }, Value::Array(items))
            if *flattened || member.flattened =>
        {
            for value in items {
                write(service, item.shape, member.wire_name(), value, out);
            }
        }
        _ => write(service, member.shape, member.wire_name(), value, out),
    }
}

fn escaped(text: &str) -> std::borrow::Cow<'_, str> {
    quick_xml::escape::escape(text)
}

/// `<ErrorResponse><Error>…`, or S3's `<Error>…`.
pub(super) fn error(body: &[u8]) -> Told {
    let Ok(root) = parse(body) else { return Told::default() };
    let error = root.child("Error").unwrap_or(&root);
    Told {
        code: error.text_of("Code"),
        message: error.text_of("Message"),
        request_id: root.text_of("RequestId").or_else(|| error.text_of("RequestId")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn output(service: &str, operation: &str, body: &str) -> Value {
        let service = models::service(service).expect("is there");
        let operation = service.operation(operation).expect("is there");
        let root = parse(body.as_bytes()).expect("is XML");
        let element = match operation.result_wrapper.as_deref() {
            Some(wrapper) => root.child(wrapper).expect("is there").clone(),
            None => root,
        };
        value(service, operation.output.expect("has one"), &element).expect("fits")
    }

    #[test]
    fn elements_become_members() {
        let listing = output(
            "s3",
            "ListObjectsV2",
            "<?xml version=\"1.0\"?><ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
             <Name>b</Name><KeyCount>2</KeyCount><IsTruncated>false</IsTruncated>\
             <Contents><Key>a&amp;&#65;</Key><Size>3</Size><LastModified>2024-01-01T00:00:00.000Z</LastModified></Contents>\
             <Contents><Key>b</Key><Size>4</Size></Contents></ListBucketResult>",
        );
        assert_eq!(
            listing,
            json!({
                "IsTruncated": false, "Name": "b", "KeyCount": 2,
                "Contents": [{ "Key": "a&A", "Size": 3, "LastModified": 1704067200 }, { "Key": "b", "Size": 4 }],
            })
        );
        let roles = output(
            "iam",
            "ListRoleTags",
            "<ListRoleTagsResponse><ListRoleTagsResult><Tags><member><Key>k</Key><Value/></member></Tags>\
             <IsTruncated>false</IsTruncated></ListRoleTagsResult></ListRoleTagsResponse>",
        );
        assert_eq!(roles, json!({ "Tags": [{ "Key": "k", "Value": "" }], "IsTruncated": false }));
    }

    #[test]
    fn a_value_is_written_and_read_again() {
        let s3 = models::service("s3").expect("is there");
        let shape = s3.shape_named("Delete").expect("is there");
        let given = json!({ "Objects": [{ "Key": "a<b" }, { "Key": "c" }], "Quiet": true });
        let mut out = String::new();
        write(s3, shape, "Delete", &given, &mut out);
        assert_eq!(
            out,
            "<Delete><Object><Key>a&lt;b</Key></Object><Object><Key>c</Key></Object><Quiet>true</Quiet></Delete>"
        );
        let read = value(s3, shape, &parse(out.as_bytes()).expect("is XML")).expect("fits");
        assert_eq!(read, given);
    }

    #[test]
    fn errors_are_read_in_both_forms() {
        let told = error(
            b"<ErrorResponse><Error><Type>Sender</Type><Code>NotFound</Code><Message>no topic</Message></Error>\
              <RequestId>id</RequestId></ErrorResponse>",
        );
        assert_eq!(
            (told.code.as_deref(), told.message.as_deref(), told.request_id.as_deref()),
            (Some("NotFound"), Some("no topic"), Some("id"))
        );
        let told = error(b"<Error><Code>NoSuchKey</Code><Message>gone</Message></Error>");
        assert_eq!(told.code.as_deref(), Some("NoSuchKey"));
        assert!(error(b"not XML <").code.is_none());
    }

    #[test]
    fn what_is_no_xml_is_refused() {
        for wrong in ["<a>", "</a>", "<a>&nothing;</a>", "<a><b></a>"] {
            assert!(parse(wrong.as_bytes()).is_err(), "{wrong}");
        }
        let deep = "<a>".repeat(100_000);
        assert!(parse(deep.as_bytes()).is_err());
    }
}
