//! A JSON payload that many places share: one allocation, written as text at most once, and read from
//! text at most once. A journal that is folded or shown reads few of its payloads.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::definition::Segment;

/// An immutable JSON document. Cloning is cheap; the text form (compact, as history events carry it)
/// is made when first asked for and shared by all clones, and so is the value of a text from a journal.
#[derive(Clone)]
pub struct Data(Arc<Inner>);

/// At least one of them is there.
struct Inner {
    value: OnceLock<Value>,
    text: OnceLock<Box<str>>,
}

impl Data {
    /// Parses JSON text.
    pub fn parse(text: &str) -> Result<Data, serde_json::Error> {
        Ok(Data::from(serde_json::from_str::<Value>(text)?))
    }

    /// The value.
    pub fn value(&self) -> &Value {
        self.0.value.get_or_init(|| {
            let text = self.0.text.get().map_or("null", |text| text);
            // It was a document when it was written, and its form was looked at when it was read.
            serde_json::from_str(text).unwrap_or_default()
        })
    }

    /// The compact JSON text.
    pub fn text(&self) -> &str {
        self.0.text.get_or_init(|| self.value().to_string().into_boxed_str())
    }

    /// The same document with its text in compact form, whatever form it was read in.
    pub fn compact(&self) -> Data {
        let compact = self.value().to_string();
        if compact == self.text() { self.clone() } else { Data::from(self.value().clone()) }
    }

    /// Bytes of the text in UTF-8: what AWS's payload limit of 262,144 counts.
    pub fn len(&self) -> usize {
        self.text().len()
    }

    /// Never: the shortest JSON text has one byte. Here because `len` is.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// The value at a place in the document, with its text as it is written there.
    pub fn part(&self, place: &[Segment]) -> Option<Data> {
        let mut text = self.text();
        for segment in place {
            text = match segment {
                Segment::Name(name) => {
                    let members: HashMap<String, &RawValue> = serde_json::from_str(text).ok()?;
                    members.get(name)?.get()
                }
                Segment::Index(index) => {
                    let elements: Vec<&RawValue> = serde_json::from_str(text).ok()?;
                    elements.get(*index)?.get()
                }
            };
        }
        Data::written(text).ok()
    }

    /// Parses JSON text and keeps the text as it is.
    pub fn written(text: &str) -> Result<Data, serde_json::Error> {
        let data = Data::parse(text)?;
        let _ = data.0.text.set(text.into());
        Ok(data)
    }

    /// The value by itself; clones it only if others hold it too.
    pub fn into_value(self) -> Value {
        self.value();
        match Arc::try_unwrap(self.0) {
            Ok(inner) => inner.value.into_inner().unwrap_or_default(),
            Err(shared) => Data(shared).value().clone(),
        }
    }

    /// Whether both are the same allocation (then they are equal without looking).
    pub fn same(&self, other: &Data) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl From<Value> for Data {
    fn from(value: Value) -> Data {
        Data(Arc::new(Inner { value: value.into(), text: OnceLock::new() }))
    }
}

impl Default for Data {
    fn default() -> Data {
        Data::from(Value::Object(Default::default()))
    }
}

impl PartialEq for Data {
    fn eq(&self, other: &Data) -> bool {
        let texts = self.0.text.get().zip(other.0.text.get());
        // The same text is the same document; one document has several texts.
        self.same(other)
            || texts.is_some_and(|(one, other)| one == other)
            || self.value() == other.value()
    }
}

impl fmt::Debug for Data {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.text())
    }
}

/// As a string of JSON: journal chunks are in a format that does not describe itself.
impl Serialize for Data {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.text())
    }
}

impl<'de> Deserialize<'de> for Data {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Data, D::Error> {
        let text = String::deserialize(deserializer)?;
        serde_json::from_str::<IgnoredAny>(&text).map_err(serde::de::Error::custom)?;
        let text = OnceLock::from(text.into_boxed_str());
        Ok(Data(Arc::new(Inner { value: OnceLock::new(), text })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_of_a_journal_is_read_when_it_is_asked_for() {
        let stored = serde_json::to_string(
            &Data::written(r#"{ "b": [1.50, "\u00e9"], "a": null }"#).unwrap(),
        );
        let read: Data = serde_json::from_str(&stored.unwrap()).unwrap();
        assert!(read.0.value.get().is_none());
        assert_eq!(read.text(), r#"{ "b": [1.50, "\u00e9"], "a": null }"#);
        assert_eq!(read, Data::written(r#"{ "b": [1.50, "\u00e9"], "a": null }"#).unwrap());
        assert!(read.0.value.get().is_none(), "to compare the same texts needs no value");
        assert_eq!(read.compact().text(), r#"{"b":[1.5,"é"],"a":null}"#);
        assert_eq!(read, read.compact());
        assert_eq!(read.clone().into_value(), read.value().clone());
        for damaged in ["", "{", "{}x", "[1,]", "nul"] {
            let text = serde_json::to_string(damaged).unwrap();
            assert!(serde_json::from_str::<Data>(&text).is_err(), "{damaged}");
        }
    }
}
