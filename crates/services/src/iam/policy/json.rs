//! JSON whose values know where they stand, so that a fault in a policy can be told with its line.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// A place in a text: lines and columns count from one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
}

/// A JSON value as it stands in its document.
#[derive(Clone, Copy)]
pub(super) struct Node<'a> {
    document: &'a str,
    raw: &'a str,
}

/// The shape of a value, one level deep.
pub(super) enum Shape<'a> {
    Object(Vec<(Cow<'a, str>, Node<'a>)>),
    Array(Vec<Node<'a>>),
    String(String),
    /// A number, `true` or `false`, as written.
    Scalar(&'a str),
    Null,
}

impl<'a> Node<'a> {
    /// Reads a document; the error says where the text stops being JSON.
    pub fn parse(document: &'a str) -> Result<Node<'a>, (Position, String)> {
        let raw: &RawValue = serde_json::from_str(document).map_err(|error| {
            let position = Position { line: error.line().max(1), column: error.column().max(1) };
            let text = error.to_string();
            let cause = text.rsplit_once(" at line ").map_or(text.as_str(), |(cause, _)| cause);
            (position, cause.to_owned())
        })?;
        Ok(Node { document, raw: raw.get() })
    }

    /// Where the value begins.
    pub fn start(&self) -> Position {
        self.position(self.offset())
    }

    /// Where its last character stands.
    pub fn end(&self) -> Position {
        self.position(self.offset() + self.raw.len().saturating_sub(1))
    }

    pub fn shape(&self) -> Shape<'a> {
        match self.raw.as_bytes().first() {
            Some(b'{') => Shape::Object(self.members()),
            Some(b'[') => {
                let items: Vec<&'a RawValue> = serde_json::from_str(self.raw).unwrap_or_default();
                Shape::Array(items.into_iter().map(|item| self.child(item)).collect())
            }
            Some(b'"') => Shape::String(serde_json::from_str(self.raw).unwrap_or_default()),
            Some(b'n') => Shape::Null,
            _ => Shape::Scalar(self.raw),
        }
    }

    fn members(&self) -> Vec<(Cow<'a, str>, Node<'a>)> {
        let mut deserializer = serde_json::Deserializer::from_str(self.raw);
        let members = deserializer.deserialize_map(Members).unwrap_or_default();
        members.into_iter().map(|(name, value)| (name.into(), self.child(value))).collect()
    }

    fn child(&self, raw: &'a RawValue) -> Node<'a> {
        Node { document: self.document, raw: raw.get() }
    }

    fn offset(&self) -> usize {
        self.raw.as_ptr() as usize - self.document.as_ptr() as usize
    }

    fn position(&self, offset: usize) -> Position {
        let before = &self.document.as_bytes()[..offset.min(self.document.len())];
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let column = String::from_utf8_lossy(&before[start..]).chars().count() + 1;
        Position { line, column }
    }
}

/// The members of an object in their order, a name that stands twice told twice.
struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Vec<(String, &'de RawValue)>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(members)
    }
}
