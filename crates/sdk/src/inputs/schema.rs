//! What an input must look like, and how it does not.

use std::fmt;

use indexmap::IndexMap;
use serde_json::Value;

/// The type of one value of an input.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Type {
    /// Any JSON value.
    #[default]
    Any,
    /// Text.
    String,
    /// A whole number.
    Integer,
    /// Any number.
    Float,
    /// `true` or `false`.
    Boolean,
    /// An array of anything.
    List,
    /// An object of anything.
    Map,
    /// An object with these members.
    Object(Schema),
}

impl Type {
    fn fits(&self, value: &Value) -> bool {
        match self {
            Type::Any => true,
            Type::String => value.is_string(),
            // JSON does not tell 1 from 1.0.
            Type::Integer => value.as_f64().is_some_and(|number| number.fract() == 0.0),
            Type::Float => value.is_number(),
            Type::Boolean => value.is_boolean(),
            Type::List => value.is_array(),
            Type::Map | Type::Object(_) => value.is_object(),
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Type::Any => "any value",
            Type::String => "a string",
            Type::Integer => "an integer",
            Type::Float => "a number",
            Type::Boolean => "a boolean",
            Type::List => "an array",
            Type::Map | Type::Object(_) => "an object",
        })
    }
}

/// The members of an object and their types, all of them required.
///
/// ```
/// use stepwell_sdk::inputs::{Schema, Type};
///
/// let schema = Schema::from([
///     ("ModelName", Type::String),
///     ("Hyperparameters", Type::Object([("eta", Type::Float)].into())),
/// ]);
/// assert_eq!(schema.to_string(), r#"{"ModelName": a string, "Hyperparameters": {"eta": a number}}"#);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Schema {
    members: IndexMap<String, Type>,
}

impl<Name: Into<String>, const N: usize> From<[(Name, Type); N]> for Schema {
    fn from(members: [(Name, Type); N]) -> Self {
        members.into_iter().collect()
    }
}

impl<Name: Into<String>> FromIterator<(Name, Type)> for Schema {
    fn from_iter<I: IntoIterator<Item = (Name, Type)>>(members: I) -> Self {
        Schema { members: members.into_iter().map(|(name, kind)| (name.into(), kind)).collect() }
    }
}

impl Schema {
    /// Whether `input` fits. Members beyond the schema are allowed.
    ///
    /// # Errors
    /// Everything that is missing or of another type, at once.
    pub fn validate(&self, input: &Value) -> Result<(), SchemaViolation> {
        let mut violation =
            SchemaViolation { missing: vec![], mismatched: vec![], schema: self.clone() };
        match input.is_object() {
            true => self.compare("", input, &mut violation),
            false if self.members.is_empty() => {}
            false => violation.missing.extend(self.members.keys().cloned()),
        }
        match violation.missing.is_empty() && violation.mismatched.is_empty() {
            true => Ok(()),
            false => Err(violation),
        }
    }

    fn compare(&self, prefix: &str, input: &Value, violation: &mut SchemaViolation) {
        for (name, expected) in &self.members {
            let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
            match (input.get(name), expected) {
                (None, _) => violation.missing.push(key),
                (Some(found @ Value::Object(_)), Type::Object(schema)) => {
                    schema.compare(&key, found, violation)
                }
                (Some(found), expected) if !expected.fits(found) => {
                    violation.mismatched.push(Mismatch {
                        key,
                        expected: expected.clone(),
                        found: found.clone(),
                    });
                }
                _ => {}
            }
        }
    }

    /// The type at `path`, as far as the schema says; `None` when it has no such member.
    pub(crate) fn lookup<'a>(&self, path: impl IntoIterator<Item = &'a str>) -> Option<Type> {
        let mut here = Type::Object(self.clone());
        for name in path {
            here = match here {
                Type::Object(schema) => schema.members.get(name)?.clone(),
                // Below a member whose inside is not described, everything is allowed.
                Type::Any | Type::Map | Type::List => return Some(Type::Any),
                _ => return None,
            };
        }
        Some(here)
    }

    /// Notes that the member at `path` is needed.
    pub(crate) fn require<'a>(&mut self, path: impl IntoIterator<Item = &'a str>) {
        let mut path = path.into_iter();
        let Some(name) = path.next() else { return };
        let entry = self.members.entry(name.to_owned()).or_default();
        let mut rest = path.peekable();
        if rest.peek().is_some() {
            if !matches!(entry, Type::Object(_)) {
                *entry = Type::Object(Schema::default());
            }
            if let Type::Object(schema) = entry {
                schema.require(rest.collect::<Vec<_>>());
            }
        }
    }
}

impl fmt::Display for Schema {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("{")?;
        for (index, (name, kind)) in self.members.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            match kind {
                Type::Object(schema) => write!(f, "{comma}{name:?}: {schema}")?,
                kind => write!(f, "{comma}{name:?}: {kind}")?,
            }
        }
        f.write_str("}")
    }
}

/// An input that does not fit its schema; nothing was sent.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub struct SchemaViolation {
    /// The members that are not there, nested ones with dots.
    pub missing: Vec<String>,
    /// The members of another type.
    pub mismatched: Vec<Mismatch>,
    /// What was expected.
    pub schema: Schema,
}

/// A member of another type than the schema's.
#[derive(Debug, Clone, PartialEq)]
pub struct Mismatch {
    /// The member, with dots when it is nested.
    pub key: String,
    /// The type in the schema.
    pub expected: Type,
    /// The value in the input.
    pub found: Value,
}

impl fmt::Display for SchemaViolation {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let missing = self.missing.iter().map(|key| format!("`{key}` is missing"));
        let mismatched = self.mismatched.iter().map(|Mismatch { key, expected, found }| {
            format!("`{key}` should be {expected}, not {found}")
        });
        let faults: Vec<String> = missing.chain(mismatched).collect();
        write!(
            f,
            "the execution's input does not fit its schema: {}\n  expected: {}",
            faults.join("; "),
            self.schema
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn faults_are_reported_together() {
        let schema = Schema::from([
            ("a", Type::String),
            ("b", Type::Object([("c", Type::Integer), ("d", Type::List)].into())),
            ("e", Type::Boolean),
            ("f", Type::Float),
        ]);
        let whole = json!({"a": "x", "b": {"c": 3.0, "d": []}, "e": false, "f": 1, "more": null});
        assert_eq!(schema.validate(&whole), Ok(()));
        let broken =
            schema.validate(&json!({"a": null, "b": {"c": 1.5}, "e": 1, "f": 0.5})).unwrap_err();
        assert_eq!(
            broken.to_string(),
            "the execution's input does not fit its schema: `b.d` is missing; `a` should be a string, not null; \
             `b.c` should be an integer, not 1.5; `e` should be a boolean, not 1\n  expected: \
             {\"a\": a string, \"b\": {\"c\": an integer, \"d\": an array}, \"e\": a boolean, \"f\": a number}"
        );
        assert_eq!(schema.validate(&Value::Null).unwrap_err().missing, ["a", "b", "e", "f"]);
    }
}
