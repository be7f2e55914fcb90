//! The query protocol: `Action=…&Version=…&Tags.member.1.Key=…` out, XML in.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use models::shape::{Kind, Member};
use models::timestamp::Format;
use models::{Operation, Service, ShapeId, text};
use serde_json::Value;

use super::rest::percent_encoded;
use super::xml;
use crate::{Call, Endpoint, Problem, Received, Sent};

pub(super) fn encode(endpoint: &Endpoint, call: &Call<'_>) -> Result<Sent, Problem> {
    let mut form = Form(String::with_capacity(256));
    form.add("Action", &call.operation.name);
    form.add("Version", call.service.entry.api_version);
    if let Some(shape) = call.operation.input {
        form.write(call.service, shape, "", call.members);
    }
    super::request(endpoint, "POST", "/")?
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded; charset=utf-8")
        .body(Bytes::from(form.0))
        .map_err(|error| Problem::Unsendable(error.to_string()))
}

pub(super) fn decode(
    service: &Service,
    operation: &Operation,
    response: &Received,
) -> Result<Value, Problem> {
    let Some(shape) = operation.output else { return Ok(Value::Object(Default::default())) };
    let root = xml::parse(response.body())?;
    let element = match operation.result_wrapper.as_deref() {
        Some(wrapper) => root.child(wrapper).cloned().unwrap_or_default(),
        None => root,
    };
    xml::value(service, shape, &element)
}

struct Form(String);

impl Form {
    fn add(&mut self, name: &str, value: &str) {
        if !self.0.is_empty() {
            self.0.push('&');
        }
        self.0.push_str(&percent_encoded(name, false));
        self.0.push('=');
        self.0.push_str(&percent_encoded(value, false));
    }

    fn write(&mut self, service: &Service, shape: ShapeId, name: &str, value: &Value) {
        let below = |part: &str| {
            if name.is_empty() { part.to_owned() } else { format!("{name}.{part}") }
        };
        match (&service.shape(shape).kind, value) {
            (Kind::Structure(structure), Value::Object(given)) => {
                for member in &structure.members {
                    match given.get(&*member.name) {
                        None | Some(Value::Null) => {}
                        Some(value) => self.write_member(service, member, &below, value),
                    }
                }
            }
            (Kind::List { member, flattened }, Value::Array(items)) => {
                let items_name = match (flattened, member.wire_name.as_deref()) {
                    (true, _) => name.to_owned(),
                    (false, wire_name) => below(wire_name.unwrap_or("member")),
                };
                self.write_items(service, member.shape, &items_name, items);
            }
            (Kind::Map { key, value: held, flattened }, Value::Object(entries)) => {
                let entries_name = if *flattened { name.to_owned() } else { below("entry") };
                let key_name = key.wire_name.as_deref().unwrap_or("key");
                let value_name = held.wire_name.as_deref().unwrap_or("value");
                for (place, (key, value)) in entries.iter().enumerate() {
                    let entry = format!("{entries_name}.{}", place + 1);
                    self.add(&format!("{entry}.{key_name}"), key);
                    self.write(service, held.shape, &format!("{entry}.{value_name}"), value);
                }
            }
            (_, value) => {
                if let Some(text) = text::text_of(service, shape, Format::Iso8601, value) {
                    self.add(name, &text);
                }
            }
        }
    }

    fn write_member(
        &mut self,
        service: &Service,
        member: &Member,
        below: &impl Fn(&str) -> String,
        value: &Value,
    ) {
        match (&service.shape(member.shape).kind, value) {
            // A flattened list stands under the name of its items.
            (Kind::List { member: item, flattened }, Value::Array(items))
                if *flattened || member.flattened =>
            {
                let name = below(item.wire_name.as_deref().unwrap_or(member.wire_name()));
                self.write_items(service, item.shape, &name, items);
            }
            _ => self.write(service, member.shape, &below(member.wire_name()), value),
        }
    }

    fn write_items(&mut self, service: &Service, shape: ShapeId, name: &str, items: &[Value]) {
        if items.is_empty() {
            self.add(name, "");
        }
        for (place, item) in items.iter().enumerate() {
            self.write(service, shape, &format!("{name}.{}", place + 1), item);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn members_are_dotted_names() {
        let sns = models::service("sns").expect("is there");
        let input = sns.operation("Publish").and_then(|publish| publish.input).expect("has one");
        let mut form = Form(String::new());
        let members = json!({
            "TopicArn": "arn",
            "Message": "a b&c",
            "MessageAttributes": { "n": { "DataType": "String", "StringValue": "v" } },
        });
        form.write(sns, input, "", &members);
        assert_eq!(
            form.0,
            "TopicArn=arn&Message=a%20b%26c&MessageAttributes.entry.1.Name=n\
             &MessageAttributes.entry.1.Value.DataType=String\
             &MessageAttributes.entry.1.Value.StringValue=v"
        );
        let iam = models::service("iam").expect("is there");
        let input = iam.operation("TagRole").and_then(|tag| tag.input).expect("has one");
        let mut form = Form(String::new());
        form.write(iam, input, "", &json!({ "Tags": [{ "Key": "k", "Value": "v" }] }));
        assert_eq!(form.0, "Tags.member.1.Key=k&Tags.member.1.Value=v");
    }
}
