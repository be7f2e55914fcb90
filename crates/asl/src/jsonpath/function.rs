//! Functions at the end of a path: `$.items.length()`.

use serde_json::{Number, Value, json};

use super::Missing;
use super::filter::Operand;
use crate::expression::{Budget, SPENT};

/// A function with its arguments.
#[derive(Clone, Debug, PartialEq)]
pub struct Function {
    kind: Kind,
    arguments: Vec<Operand>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Length,
    Keys,
    Min,
    Max,
    Average,
    StandardDeviation,
    Sum,
    First,
    Last,
    Index,
    Append,
    Concat,
}

const NAMES: [(&str, Kind); 13] = [
    ("length", Kind::Length),
    ("size", Kind::Length),
    ("keys", Kind::Keys),
    ("min", Kind::Min),
    ("max", Kind::Max),
    ("avg", Kind::Average),
    ("stddev", Kind::StandardDeviation),
    ("sum", Kind::Sum),
    ("first", Kind::First),
    ("last", Kind::Last),
    ("index", Kind::Index),
    ("append", Kind::Append),
    ("concat", Kind::Concat),
];

impl Function {
    pub(super) fn new(name: &str, arguments: Vec<Operand>) -> Option<Function> {
        let (_, kind) = NAMES.iter().find(|(known, _)| *known == name)?;
        Some(Function { kind: *kind, arguments })
    }

    /// The function's name.
    pub fn name(&self) -> &'static str {
        NAMES.iter().find(|(_, kind)| *kind == self.kind).map_or("", |(name, _)| name)
    }

    /// Whether it is asked of all that a scan finds rather than of each.
    pub(super) fn gathers(&self) -> bool {
        self.kind != Kind::Keys
    }

    pub(super) fn apply(
        &self,
        value: &Value,
        root: &Value,
        budget: &Budget,
    ) -> Result<Value, Missing> {
        let mut arguments = Vec::with_capacity(self.arguments.len());
        for argument in &self.arguments {
            if let Some(argument) = argument.value(value, root, budget) {
                if !budget.hold(&argument) {
                    return Err(Missing(SPENT.to_owned()));
                }
                arguments.push(argument.into_owned());
            }
        }
        let items = value.as_array().map(Vec::as_slice).unwrap_or_default();
        Ok(match self.kind {
            Kind::Length => match value {
                Value::Array(items) => json!(items.len()),
                Value::Object(members) => json!(members.len()),
                _ => Value::Null,
            },
            Kind::Keys => match value {
                Value::Object(members) => members.keys().cloned().map(Value::String).collect(),
                _ => Value::Null,
            },
            Kind::First => items.first().cloned().unwrap_or(Value::Null),
            Kind::Last => items.last().cloned().unwrap_or(Value::Null),
            Kind::Index => {
                let index = arguments.first().and_then(Value::as_i64).unwrap_or(0);
                let index = if index < 0 { items.len() as i64 + index } else { index };
                usize::try_from(index)
                    .ok()
                    .and_then(|index| items.get(index))
                    .cloned()
                    .unwrap_or(Value::Null)
            }
            Kind::Append => {
                let mut items = items.to_vec();
                items.extend(arguments);
                Value::Array(items)
            }
            Kind::Concat => {
                let mut text = String::new();
                for part in items.iter().chain(&arguments) {
                    match part {
                        Value::String(part) => text.push_str(part),
                        Value::Array(_) | Value::Object(_) => {}
                        other => text.push_str(&other.to_string()),
                    }
                }
                Value::String(text)
            }
            Kind::Min | Kind::Max | Kind::Average | Kind::StandardDeviation | Kind::Sum => {
                let mut numbers: Vec<f64> = items.iter().filter_map(Value::as_f64).collect();
                for argument in &arguments {
                    match argument {
                        Value::Array(more) => numbers.extend(more.iter().filter_map(Value::as_f64)),
                        other => numbers.extend(other.as_f64()),
                    }
                }
                if numbers.is_empty() {
                    return Err(Missing(
                        "Aggregation function attempted to calculate value using empty array"
                            .into(),
                    ));
                }
                let count = numbers.len() as f64;
                let sum: f64 = numbers.iter().sum();
                let result = match self.kind {
                    Kind::Min => numbers.iter().copied().fold(f64::INFINITY, f64::min),
                    Kind::Max => numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max),
                    Kind::Average => sum / count,
                    Kind::StandardDeviation => {
                        let squares: f64 = numbers.iter().map(|number| number * number).sum();
                        (squares / count - (sum / count).powi(2)).max(0.0).sqrt()
                    }
                    _ => sum,
                };
                Number::from_f64(result).map_or(Value::Null, Value::Number)
            }
        })
    }
}
