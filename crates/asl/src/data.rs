//! A JSON payload that many places share: one allocation, written as text at most once.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::definition::Segment;

/// An immutable JSON document. Cloning is cheap; the text form (compact, as history events carry it)
/// is made when first asked for and shared by all clones.
#[derive(Clone)]
pub struct Data(Arc<Inner>);

struct Inner {
    value: Value,
    text: OnceLock<Box<str>>,
}

impl Data {
    /// Parses JSON text.
    pub fn parse(text: &str) -> Result<Data, serde_json::Error> {
        Ok(Data::from(serde_json::from_str::<Value>(text)?))
    }

    /// The value.
    pub fn value(&self) -> &Value {
        &self.0.value
    }

    /// The compact JSON text.
    pub fn text(&self) -> &str {
        self.0.text.get_or_init(|| self.0.value.to_string().into_boxed_str())
    }

    /// The same document with its text in compact form, whatever form it was read in.
    pub fn compact(&self) -> Data {
        let compact = self.0.value.to_string();
        if compact == self.text() { self.clone() } else { Data::from(self.0.value.clone()) }
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
        match Arc::try_unwrap(self.0) {
            Ok(inner) => inner.value,
            Err(shared) => shared.value.clone(),
        }
    }

    /// Whether both are the same allocation (then they are equal without looking).
    pub fn same(&self, other: &Data) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl From<Value> for Data {
    fn from(value: Value) -> Data {
        Data(Arc::new(Inner { value, text: OnceLock::new() }))
    }
}

impl Default for Data {
    fn default() -> Data {
        Data::from(Value::Object(Default::default()))
    }
}

impl PartialEq for Data {
    fn eq(&self, other: &Data) -> bool {
        self.same(other) || self.0.value == other.0.value
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
        Data::written(&text).map_err(serde::de::Error::custom)
    }
}
