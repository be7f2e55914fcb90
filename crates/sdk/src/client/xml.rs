//! The XML of the query services and of S3, as a JSON value.

use quick_xml::Reader;
use quick_xml::events::Event;
use serde_json::{Map, Value};

/// Reads a document into the value of its root element, with the root's name.
///
/// Elements with children become objects, others strings; an element that comes twice beside itself, or
/// holds nothing but `member`s, becomes an array. XML does not say more: a list of one looks like a member.
pub(crate) fn parse(text: &str) -> Result<(String, Value), String> {
    let mut reader = Reader::from_str(text);
    let mut open: Vec<Element> = vec![Element::default()];
    loop {
        match reader.read_event().map_err(|error| error.to_string())? {
            Event::Start(tag) => {
                let name = tag.local_name().as_ref().to_owned();
                open.push(Element { name, ..Element::default() });
            }
            Event::Empty(tag) => {
                let name = tag.local_name().as_ref().to_owned();
                open.last_mut()
                    .ok_or("unbalanced")?
                    .children
                    .push((name, Value::String(String::new())));
            }
            Event::End(_) => {
                let element = open.pop().ok_or("unbalanced")?;
                let parent = open.last_mut().ok_or("unbalanced")?;
                parent.children.push((element.name.clone(), element.value()));
            }
            Event::Text(text) => {
                open.last_mut().ok_or("unbalanced")?.text.push_str(&text);
            }
            Event::CData(data) => {
                open.last_mut().ok_or("unbalanced")?.text.push_str(&data);
            }
            Event::GeneralRef(reference) => {
                let name = reference.to_string();
                let text = match reference.resolve_char_ref().map_err(|error| error.to_string())? {
                    Some(character) => character.to_string(),
                    None => quick_xml::escape::resolve_xml_entity(&name)
                        .ok_or_else(|| format!("unknown entity &{name};"))?
                        .to_owned(),
                };
                open.last_mut().ok_or("unbalanced")?.text.push_str(&text);
            }
            Event::Eof => break,
            _ => {}
        }
    }
    match open.pop() {
        Some(mut root) if open.is_empty() && root.children.len() == 1 => {
            Ok(root.children.remove(0))
        }
        _ => Err("not one whole XML document".to_owned()),
    }
}

#[derive(Default)]
struct Element {
    name: String,
    text: String,
    children: Vec<(String, Value)>,
}

impl Element {
    fn value(self) -> Value {
        if self.children.is_empty() {
            return Value::String(self.text);
        }
        if self.children.iter().all(|(name, _)| name == "member") {
            return self.children.into_iter().map(|(_, value)| value).collect();
        }
        let mut object: Map<String, Value> = Map::new();
        let mut repeated: Vec<String> = Vec::new();
        for (name, value) in self.children {
            match object.get_mut(&name) {
                Some(Value::Array(values)) if repeated.contains(&name) => values.push(value),
                Some(first) => {
                    *first = Value::Array(vec![first.take(), value]);
                    repeated.push(name);
                }
                None => {
                    object.insert(name, value);
                }
            }
        }
        Value::Object(object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn elements_lists_and_entities() {
        let text = r#"<?xml version="1.0"?>
            <ListResponse xmlns="https://x/"><Result><Roles><member><Name>a &amp; b</Name></member></Roles>
            <Key>1</Key><Key>2</Key><Key>&#51;</Key><Empty/></Result></ListResponse>"#;
        let (name, value) = parse(text).unwrap();
        assert_eq!(name, "ListResponse");
        assert_eq!(
            value,
            json!({"Result": {"Roles": [{"Name": "a & b"}], "Key": ["1", "2", "3"], "Empty": ""}})
        );
        assert!(parse("<a><b></a>").is_err());
        assert!(parse("not xml").is_err());
    }
}
