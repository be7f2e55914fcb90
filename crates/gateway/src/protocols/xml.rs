//! Writing XML along a shape.

use models::shape::{Kind, Member};
use models::timestamp::Format;
use models::{Location, Service, ShapeId, Structure, text};
use serde_json::Value;

/// Writes the members of a structure, in the model's order.
pub(super) fn members(service: &Service, structure: &Structure, value: &Value, out: &mut String) {
    for member in structure.members.iter().filter(|member| member.location == Location::Body) {
        match value.get(&*member.name) {
            None | Some(Value::Null) => {}
            Some(value) => write_member(service, member, value, out),
        }
    }
}

/// Writes an element with text.
pub(super) fn element(name: &str, text: &str, out: &mut String) {
    open(name, out);
    escape(text, out);
    close(name, out);
}

fn write_member(service: &Service, member: &Member, value: &Value, out: &mut String) {
    match (&service.shape(member.shape).kind, value) {
        (Kind::List { member: item, flattened }, Value::Array(items))
            if *flattened || member.flattened =>
        {
            let name = item.wire_name.as_deref().unwrap_or(member.wire_name());
            for value in items {
                write(service, item.shape, name, value, out);
            }
        }
        (Kind::Map { key, value: held, flattened }, Value::Object(entries))
            if *flattened || member.flattened =>
        {
            let names = (key.wire_name.as_deref(), held.wire_name.as_deref());
            for entry in entries {
                write_entry(service, member.wire_name(), names, held.shape, entry, out);
            }
        }
        _ => write(service, member.shape, member.wire_name(), value, out),
    }
}

fn write(service: &Service, shape: ShapeId, name: &str, value: &Value, out: &mut String) {
    match (&service.shape(shape).kind, value) {
        (Kind::Structure(structure), _) => {
            open(name, out);
            members(service, structure, value, out);
            close(name, out);
        }
        (Kind::List { member, .. }, Value::Array(items)) => {
            open(name, out);
            for item in items {
                write(
                    service,
                    member.shape,
                    member.wire_name.as_deref().unwrap_or("member"),
                    item,
                    out,
                );
            }
            close(name, out);
        }
        (Kind::Map { key, value: held, .. }, Value::Object(entries)) => {
            open(name, out);
            let names = (key.wire_name.as_deref(), held.wire_name.as_deref());
            for entry in entries {
                write_entry(service, "entry", names, held.shape, entry, out);
            }
            close(name, out);
        }
        (_, value) => {
            if let Some(text) = text::text_of(service, shape, Format::Iso8601, value) {
                element(name, &text, out);
            }
        }
    }
}

fn write_entry(
    service: &Service,
    name: &str,
    (key_name, value_name): (Option<&str>, Option<&str>),
    held: ShapeId,
    (key, value): (&String, &Value),
    out: &mut String,
) {
    open(name, out);
    element(key_name.unwrap_or("key"), key, out);
    write(service, held, value_name.unwrap_or("value"), value, out);
    close(name, out);
}

fn open(name: &str, out: &mut String) {
    out.push('<');
    out.push_str(name);
    out.push('>');
}

fn close(name: &str, out: &mut String) {
    out.push_str("</");
    out.push_str(name);
    out.push('>');
}

/// Text, with what XML cannot hold at all replaced.
fn escape(text: &str, out: &mut String) {
    for char in text.chars() {
        match char {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            // A parser would make a line feed of it.
            '\r' => out.push_str("&#xD;"),
            '\0'..='\x08' | '\x0B' | '\x0C' | '\x0E'..='\x1F' | '\u{FFFE}' | '\u{FFFF}' => {
                out.push('\u{FFFD}');
            }
            other => out.push(other),
        }
    }
}
