//! A value that is known only when the execution runs.

use std::fmt;
use std::sync::PoisonError;

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Value, json};

use super::Names;

/// Stands for a part of an execution's or a step's input; becomes a JSONPath in the definition.
///
/// ```
/// use stepwell_sdk::inputs::ExecutionInput;
///
/// let inputs = ExecutionInput::default();
/// let first = inputs.get("Channels").at(0).get("S3Uri");
/// assert_eq!(first.to_string(), "$$.Execution.Input['Channels'][0]['S3Uri']");
/// ```
#[derive(Debug, Clone)]
pub struct Placeholder {
    root: Root,
    path: Vec<Segment>,
    names: Names,
    fault: Option<String>,
}

/// What the path begins at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Root {
    /// `$$.Execution.Input`
    Execution,
    /// `$`, the output of the named step when it is tied to one.
    Step(Option<String>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    Name(String),
    Index(usize),
}

impl Placeholder {
    pub(crate) fn new(root: Root, names: Names) -> Self {
        Placeholder { root, path: Vec::new(), names, fault: None }
    }

    /// The member `name` of this value.
    pub fn get(&self, name: &str) -> Placeholder {
        self.extended(Segment::Name(name.to_owned()))
    }

    /// The element `index` of this array.
    pub fn at(&self, index: usize) -> Placeholder {
        self.extended(Segment::Index(index))
    }

    /// The path as it stands in a definition.
    pub fn to_jsonpath(&self) -> String {
        self.to_string()
    }

    fn extended(&self, segment: Segment) -> Placeholder {
        let mut longer = self.clone();
        longer.path.push(segment);
        // Below an index the schema says nothing.
        let names: Vec<&str> = longer
            .path
            .iter()
            .map_while(|segment| match segment {
                Segment::Name(name) => Some(name.as_str()),
                Segment::Index(_) => None,
            })
            .collect();
        let mut schema = longer.names.schema.lock().unwrap_or_else(PoisonError::into_inner);
        let fault = match longer.names.fixed {
            true if schema.lookup(names.iter().copied()).is_none() => {
                Some(format!("`{}` is not in the schema {schema}", names.join(".")))
            }
            true => None,
            false => {
                schema.require(names.iter().copied());
                None
            }
        };
        drop(schema);
        longer.fault = longer.fault.take().or(fault);
        longer
    }
}

impl fmt::Display for Placeholder {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self.root {
            Root::Execution => "$$.Execution.Input",
            Root::Step(_) => "$",
        })?;
        self.path.iter().try_for_each(|segment| match segment {
            Segment::Name(name) => {
                write!(f, "['{}']", name.replace('\\', "\\\\").replace('\'', "\\'"))
            }
            Segment::Index(index) => write!(f, "[{index}]"),
        })
    }
}

/// The only member of the object that carries a placeholder through JSON until the definition is made.
const MARK: &str = "$stepwell_sdk::Placeholder";

/// Serializes as a marked object, which building the definition turns into a path and a key with `.$`.
impl Serialize for Placeholder {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let step = match &self.root {
            Root::Step(Some(step)) => Some(step),
            _ => None,
        };
        let content = json!({
            "path": self.to_string(), "execution": self.root == Root::Execution, "step": step, "fault": self.fault,
        });
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry(MARK, &content)?;
        map.end()
    }
}

impl From<&Placeholder> for Value {
    fn from(placeholder: &Placeholder) -> Self {
        serde_json::to_value(placeholder).unwrap_or_default()
    }
}

/// A placeholder found in a value.
pub(crate) struct Found {
    pub path: String,
    pub root: Root,
    pub fault: Option<String>,
}

impl Found {
    /// The placeholder that `value` is, if it is one.
    pub fn in_value(value: &Value) -> Option<Found> {
        let object = value.as_object().filter(|object| object.len() == 1)?;
        let content = object.get(MARK)?;
        let text = |name: &str| content[name].as_str().map(str::to_owned);
        let root =
            if content["execution"] == true { Root::Execution } else { Root::Step(text("step")) };
        Some(Found { path: text("path")?, root, fault: text("fault") })
    }
}
