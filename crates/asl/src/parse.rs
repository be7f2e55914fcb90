//! From JSON text to a [`Definition`], with everything that is wrong with it on the way.
//!
//! One walk does both: what compiles is what validates.

mod body;
mod choice;
mod error_handling;
mod fields;
mod map;
mod resource;
mod state;
mod text;
mod variables;

use std::collections::HashSet;

use serde_json::Value;

use crate::definition::{Definition, QueryLanguage};
use crate::validate::{Diagnostic, Invalid, Options, Severity};

use fields::Object;

impl Definition {
    /// Parses and checks a definition.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it.
    pub fn parse(text: &str) -> Result<Definition, Invalid> {
        Definition::parse_with(text, Options::default())
    }

    /// Parses and checks one state by itself, as the only state of a machine in which it is called
    /// `name`. What follows it need not be there.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it.
    pub fn parse_state(text: &str, name: &str) -> Result<Definition, Invalid> {
        Definition::parse_state_with(text, name, Options::default())
    }

    /// As [`parse_state`](Definition::parse_state), for a type of state machine and with other bounds.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it.
    pub fn parse_state_with(
        text: &str,
        name: &str,
        options: Options,
    ) -> Result<Definition, Invalid> {
        let state = text::document(text).map_err(|diagnostics| Invalid { diagnostics })?;
        let machine = serde_json::json!({ "StartAt": name, "States": { name: state } });
        let mut reader = Reader { isolated: true, ..Reader::new(options) };
        let definition = reader.definition(&machine);
        let mut diagnostics = reader.diagnostics;
        diagnostics.retain(|diagnostic| diagnostic.severity == Severity::Error);
        match definition {
            Some(definition) if diagnostics.is_empty() => Ok(definition),
            _ => Err(Invalid { diagnostics }),
        }
    }

    /// Parses and checks a definition for a type of state machine.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it.
    pub fn parse_with(text: &str, options: Options) -> Result<Definition, Invalid> {
        let (definition, mut diagnostics) = read(text, options);
        diagnostics.retain(|diagnostic| diagnostic.severity == Severity::Error);
        match definition {
            Some(definition) if diagnostics.is_empty() => Ok(definition),
            _ => Err(Invalid { diagnostics }),
        }
    }

    /// Parses a definition that was accepted when it was stored. Checks may have become stricter since;
    /// executions that run it must go on and be readable all the same, so what they find is no error.
    ///
    /// # Errors
    ///
    /// The text holds no state machine at all, or a state in it cannot be read.
    pub fn parse_stored(text: &str) -> Result<Definition, Invalid> {
        let document = text::document(text).map_err(|diagnostics| Invalid { diagnostics })?;
        let mut reader = Reader { stored: true, ..Reader::new(Options::default()) };
        let definition = reader.definition(&document);
        definition.ok_or(Invalid { diagnostics: reader.diagnostics })
    }
}

/// The definition, unless there is none at all in the text, and what is wrong or doubtful.
pub(crate) fn read(text: &str, options: Options) -> (Option<Definition>, Vec<Diagnostic>) {
    let document = match text::document(text) {
        Ok(document) => document,
        Err(diagnostics) => return (None, diagnostics),
    };
    let mut reader = Reader::new(options);
    let definition = reader.definition(&document);
    if reader.diagnostics.iter().all(|diagnostic| diagnostic.severity != Severity::Error)
        && let Some(definition) = &definition
    {
        variables::check(definition, &mut reader.diagnostics);
    }
    (definition, reader.diagnostics)
}

/// What the walk carries along.
struct Reader {
    options: Options,
    diagnostics: Vec<Diagnostic>,
    /// How many of them are errors of a state itself: what is wrong with a graph does not keep its states from
    /// being read.
    errors: usize,
    /// The machine's language, which nested states inherit whatever the state around them says.
    language: QueryLanguage,
    /// State names seen so far: unique in the whole machine.
    names: HashSet<String>,
    /// Labels of Distributed Maps seen so far.
    labels: HashSet<String>,
    /// The machine is one state by itself: where it leads need not be there.
    isolated: bool,
    /// The definition was accepted when it was stored: what is wrong with a state does not take it away.
    stored: bool,
}

const MACHINE_FIELDS: [&str; 6] =
    ["Comment", "QueryLanguage", "StartAt", "States", "TimeoutSeconds", "Version"];

impl Reader {
    fn new(options: Options) -> Reader {
        Reader {
            options,
            diagnostics: Vec::new(),
            errors: 0,
            language: QueryLanguage::JsonPath,
            names: HashSet::new(),
            labels: HashSet::new(),
            isolated: false,
            stored: false,
        }
    }

    fn definition(&mut self, document: &Value) -> Option<Definition> {
        let Value::Object(members) = document else {
            self.schema("Expected value of type [OBJECT]", "/");
            return None;
        };
        let object = Object { members, at: String::new() };
        if let Some(value) = object.get("QueryLanguage") {
            self.language = self.query_language(value, "/QueryLanguage");
        }
        self.only(&object, &MACHINE_FIELDS);
        if let Some(version) = self.text(&object, "Version")
            && version != "1.0"
        {
            self.schema("Value should be one of the following: [1.0]", "/Version");
        }
        let comment = self.text(&object, "Comment").map(str::to_owned);
        let version = self.text(&object, "Version").map(str::to_owned);
        let timeout_seconds =
            self.integer(&object, "TimeoutSeconds", 1, crate::limits::SECONDS_MAX);
        let body = self.body(&object)?;
        Some(Definition { comment, version, timeout_seconds, query_language: self.language, body })
    }

    /// A `QueryLanguage`: whatever is not exactly `JSONPath` counts as JSONata, as it does at AWS.
    fn query_language(&mut self, value: &Value, location: &str) -> QueryLanguage {
        match value.as_str() {
            Some("JSONPath") => QueryLanguage::JsonPath,
            Some("JSONata") => QueryLanguage::Jsonata,
            Some(_) => {
                self.schema("Value should be one of the following: [JSONPath, JSONata]", location);
                QueryLanguage::Jsonata
            }
            None => {
                self.schema("Expected value of type [STRING]", location);
                QueryLanguage::Jsonata
            }
        }
    }

    fn schema(&mut self, message: impl Into<String>, location: impl Into<String>) {
        self.error("SCHEMA_VALIDATION_FAILED", message, location);
    }

    fn error(
        &mut self,
        code: &'static str,
        message: impl Into<String>,
        location: impl Into<String>,
    ) {
        let of_graph = ["MISSING_TRANSITION_TARGET", "MISSING_END_STATE", "DUPLICATE_STATE_NAME"];
        self.errors += usize::from(!of_graph.contains(&code));
        self.diagnostics.push(Diagnostic {
            severity: Severity::Error,
            code,
            message: message.into(),
            location: Some(location.into()),
        });
    }

    fn warning(
        &mut self,
        code: &'static str,
        message: impl Into<String>,
        location: impl Into<String>,
    ) {
        self.diagnostics.push(Diagnostic {
            severity: Severity::Warning,
            code,
            message: message.into(),
            location: Some(location.into()),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stored_definition_is_readable_also_if_it_would_be_refused_today() {
        let text = r#"{"StartAt": "A", "Surprise": 1, "States": {
            "A": {"Type": "Pass", "Surprise": 2, "End": true},
            "B": {"Type": "Pass", "End": true}}}"#;
        assert!(Definition::parse(text).is_err());
        assert_eq!(Definition::parse_stored(text).unwrap().body.states.len(), 2);
        for damaged in ["", "[]", "{", r#"{"StartAt": "A"}"#] {
            assert!(Definition::parse_stored(damaged).is_err(), "{damaged}");
        }
    }
}
