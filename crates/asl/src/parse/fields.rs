//! Reading members of an object, each with its place in the document.

use serde_json::{Map, Value};

use super::Reader;
use super::state::Within;
use crate::definition::{QueryLanguage, Setting};
use crate::expression::{Jsonata, Path, Root, Template};
use crate::jsonpath::SyntaxError;

/// Why a path is no reference path into the input.
pub(super) const BEGINS_ELSEWHERE: &str = "it must begin with '$.' or be '$'";

/// An object of the document.
#[derive(Clone)]
pub(super) struct Object<'d> {
    pub members: &'d Map<String, Value>,
    /// `/States/Wait`; empty for the document itself.
    pub at: String,
}

impl<'d> Object<'d> {
    pub(super) fn get(&self, field: &str) -> Option<&'d Value> {
        self.members.get(field)
    }

    pub(super) fn has(&self, field: &str) -> bool {
        self.members.contains_key(field)
    }

    pub(super) fn place(&self, field: &str) -> String {
        format!("{}/{field}", self.at)
    }

    /// The object's own location: `/` for the document.
    pub(super) fn location(&self) -> &str {
        if self.at.is_empty() { "/" } else { &self.at }
    }
}

/// Reads an integer that is at least the one and at most the other.
fn integer_between(
    (least, most): (u64, u64),
) -> impl Fn(&mut Reader, &Object, &str) -> Option<u64> {
    move |reader, object, field| reader.integer(object, field, least, most)
}

impl Reader {
    /// Refuses fields that do not belong here.
    pub(super) fn only(&mut self, object: &Object, known: &[&str]) {
        for field in object.members.keys() {
            if !known.contains(&field.as_str()) {
                self.schema(format!("Field '{field}' is not supported"), object.location());
            }
        }
    }

    pub(super) fn required(&mut self, object: &Object, fields: &[&str]) -> bool {
        let missing: Vec<&str> =
            fields.iter().copied().filter(|field| !object.has(field)).collect();
        if !missing.is_empty() {
            self.schema(
                format!("These fields are required: [{}]", missing.join(", ")),
                object.location(),
            );
        }
        missing.is_empty()
    }

    /// At most one of the fields; with `needed` exactly one.
    pub(super) fn one_of(&mut self, object: &Object, fields: &[&str], needed: bool) {
        let count = fields.iter().filter(|field| object.has(field)).count();
        let names = fields.join(", ");
        if count > 1 {
            self.schema(
                format!("There should only be one of the following fields: [{names}]"),
                object.location(),
            );
        } else if count == 0 && needed {
            self.schema(
                format!("This object should have only one of the following fields: [{names}]"),
                object.location(),
            );
        }
    }

    fn typed<'d, T>(
        &mut self,
        object: &Object<'d>,
        field: &str,
        name: &str,
        read: impl Fn(&'d Value) -> Option<T>,
    ) -> Option<T> {
        let value = object.get(field)?;
        let read = read(value);
        if read.is_none() {
            self.schema(format!("Expected value of type [{name}]"), object.place(field));
        }
        read
    }

    pub(super) fn text<'d>(&mut self, object: &Object<'d>, field: &str) -> Option<&'d str> {
        self.typed(object, field, "STRING", Value::as_str)
    }

    pub(super) fn boolean(&mut self, object: &Object, field: &str) -> Option<bool> {
        self.typed(object, field, "BOOLEAN", Value::as_bool)
    }

    pub(super) fn array<'d>(&mut self, object: &Object<'d>, field: &str) -> Option<&'d Vec<Value>> {
        self.typed(object, field, "ARRAY", Value::as_array)
    }

    pub(super) fn object<'d>(&mut self, object: &Object<'d>, field: &str) -> Option<Object<'d>> {
        let members = self.typed(object, field, "OBJECT", Value::as_object)?;
        Some(Object { members, at: object.place(field) })
    }

    /// An array that must not be empty.
    pub(super) fn nonempty<'d>(
        &mut self,
        object: &Object<'d>,
        field: &str,
    ) -> Option<&'d Vec<Value>> {
        let array = self.array(object, field)?;
        if array.is_empty() {
            self.schema("Value cannot be empty", object.place(field));
        }
        Some(array)
    }

    /// An element that must be an object.
    pub(super) fn element<'d>(&mut self, value: &'d Value, at: String) -> Option<Object<'d>> {
        match value.as_object() {
            Some(members) => Some(Object { members, at }),
            None => {
                self.schema("Expected value of type [OBJECT]", at);
                None
            }
        }
    }

    pub(super) fn integer(
        &mut self,
        object: &Object,
        field: &str,
        least: u64,
        most: u64,
    ) -> Option<u64> {
        let value = object.get(field)?;
        let number = match value.as_u64() {
            Some(number) => Some(i128::from(number)),
            // `60.0` is an integer too.
            None => {
                value.as_f64().filter(|number| number.fract() == 0.0).map(|number| number as i128)
            }
        };
        let wrong = match number {
            None => "Expected value of type [INTEGER]".to_owned(),
            Some(number) if number < i128::from(least) => format!("Minimum value is {least}"),
            Some(number) if number > i128::from(most) => format!("Maximum value is {most}"),
            Some(number) => return u64::try_from(number).ok(),
        };
        self.schema(wrong, object.place(field));
        None
    }

    pub(super) fn number(
        &mut self,
        object: &Object,
        field: &str,
        least: f64,
        most: f64,
    ) -> Option<f64> {
        let number = self.typed(object, field, "NUMBER", Value::as_f64)?;
        // A bound of a number that may have a fraction is shown with one: `0.0`.
        let wrong = match number {
            _ if number < least => format!("Minimum value is {least:?}"),
            _ if number > most => format!("Maximum value is {most:?}"),
            _ => return Some(number),
        };
        self.schema(wrong, object.place(field));
        None
    }

    pub(super) fn choice_of<'d>(
        &mut self,
        object: &Object<'d>,
        field: &str,
        values: &[&str],
    ) -> Option<&'d str> {
        let text = self.text(object, field)?;
        if values.contains(&text) {
            return Some(text);
        }
        self.schema(
            format!("Value should be one of the following: [{}]", values.join(", ")),
            object.place(field),
        );
        None
    }

    /// A number, its `…Path` twin, or in a JSONata state an expression.
    pub(super) fn integer_setting(
        &mut self,
        object: &Object,
        field: &str,
        bounds: (u64, u64),
        within: &Within,
    ) -> Option<Setting<u64>> {
        self.setting(object, field, within, integer_between(bounds))
    }

    /// As [`Reader::integer_setting`], of a Map: its `…Path` must be a reference path.
    pub(super) fn map_integer(
        &mut self,
        object: &Object,
        field: &str,
        bounds: (u64, u64),
        within: &Within,
    ) -> Option<Setting<u64>> {
        self.setting_with(
            object,
            field,
            within,
            integer_between(bounds),
            Reader::reference_into_data,
        )
    }

    pub(super) fn setting<T>(
        &mut self,
        object: &Object,
        field: &str,
        within: &Within,
        literal: impl Fn(&mut Reader, &Object, &str) -> Option<T>,
    ) -> Option<Setting<T>> {
        self.setting_with(object, field, within, literal, Reader::path)
    }

    pub(super) fn setting_with<T>(
        &mut self,
        object: &Object,
        field: &str,
        within: &Within,
        literal: impl Fn(&mut Reader, &Object, &str) -> Option<T>,
        path: fn(&mut Reader, &Object, &str) -> Option<Path>,
    ) -> Option<Setting<T>> {
        let path_field = format!("{field}Path");
        self.one_of(object, &[field, &path_field], false);
        if object.has(&path_field) {
            return path(self, object, &path_field).map(Setting::Path);
        }
        if within.language == QueryLanguage::Jsonata
            && let Some(Value::String(text)) = object.get(field)
            && text.starts_with("{%")
        {
            return self
                .expression(text, &object.place(field), &within.plain())
                .map(Setting::Jsonata);
        }
        if object.has(field) { literal(self, object, field).map(Setting::Literal) } else { None }
    }

    /// A JSONPath.
    pub(super) fn path(&mut self, object: &Object, field: &str) -> Option<Path> {
        let text = self.text(object, field)?;
        match Path::parse(text) {
            Ok(path) => Some(path),
            Err(_) => {
                self.schema("Value must be a valid JSONPath.", object.place(field));
                None
            }
        }
    }

    /// A path to one place: names and indexes only.
    pub(super) fn reference_path(&mut self, object: &Object, field: &str) -> Option<Path> {
        let text = self.text(object, field)?;
        if !text.starts_with('$') {
            self.schema(
                "Value is not a Reference Path: Reference path didn't start with '$'",
                object.place(field),
            );
            return None;
        }
        match Path::parse(text) {
            Ok(path) if path.query().is_definite() && path.query().segments().is_some() => {
                Some(path)
            }
            Ok(_) => {
                self.not_a_reference(object, field, "the path is ambiguous");
                None
            }
            Err(SyntaxError(why)) => {
                self.not_a_reference(object, field, &why);
                None
            }
        }
    }

    /// A reference path that does not begin at the context object.
    pub(super) fn reference_into_data(&mut self, object: &Object, field: &str) -> Option<Path> {
        let path = self.reference_path(object, field)?;
        if *path.root() != Root::Context {
            return Some(path);
        }
        self.not_a_reference(object, field, BEGINS_ELSEWHERE);
        None
    }

    pub(super) fn not_a_reference(&mut self, object: &Object, field: &str, why: &str) {
        self.schema(format!("Value is not a Reference Path: {why}"), object.place(field));
    }

    /// `{% … %}`.
    pub(super) fn expression(
        &mut self,
        text: &str,
        location: &str,
        within: &Within,
    ) -> Option<Jsonata> {
        let Some(source) = text.strip_prefix("{%").and_then(|rest| rest.strip_suffix("%}")) else {
            self.schema("JSONata string must start with {% and end with %}", location);
            return None;
        };
        match Jsonata::compile(source.trim()) {
            Ok(expression) => {
                self.states_members(&expression, location, within);
                Some(expression)
            }
            Err(refused) => {
                for message in refused.messages {
                    self.error(refused.code, message, location);
                }
                None
            }
        }
    }

    /// A template of the state's language.
    pub(super) fn template(
        &mut self,
        object: &Object,
        field: &str,
        within: &Within,
    ) -> Option<Template> {
        use crate::expression::{TemplateError, TemplateErrorKind};
        let value = object.get(field)?;
        let location = object.place(field);
        let mut errors: Vec<TemplateError> = Vec::new();
        let template = match within.language {
            QueryLanguage::JsonPath => Template::jsonpath(value, &mut errors),
            QueryLanguage::Jsonata => Template::jsonata(value, &mut errors),
        };
        for error in errors {
            let at = format!("{location}{}", error.place);
            match error.kind {
                TemplateErrorKind::JsonPath => self.schema(
                    format!(
                        "The value for the field '{}' must be a valid JSONPath or a valid intrinsic function call",
                        error.key
                    ),
                    at,
                ),
                TemplateErrorKind::Unclosed => {
                    self.schema("JSONata string must start with {% and end with %}", at);
                }
                TemplateErrorKind::Jsonata(refused) => {
                    for message in refused.messages {
                        self.error(refused.code, message, at.clone());
                    }
                }
            }
        }
        if within.language == QueryLanguage::JsonPath {
            self.no_dollar(value, &location);
        }
        let (mut paths, mut expressions) = (Vec::new(), Vec::new());
        template.references(&mut paths, &mut expressions);
        for expression in expressions {
            self.states_members(expression, &location, within);
        }
        Some(template)
    }

    /// `$states` has four members, and `result` and `errorOutput` exist in some fields only.
    fn states_members(&mut self, expression: &Jsonata, location: &str, within: &Within) {
        for (member, _) in &expression.references().states.members {
            let exists = match member.as_str() {
                "result" => within.result,
                "errorOutput" => within.error_output,
                "input" | "context" => true,
                _ => false,
            };
            if !exists {
                self.error(
                    "UNSUPPORTED_JSONATA_EXPRESSION",
                    format!("Field '$states.{member}' does not exist."),
                    location,
                );
            }
        }
    }

    /// Warns of a value that looks like a path where only the field's `…Path` form would be one.
    pub(super) fn no_path(&mut self, object: &Object, field: &str) {
        let text = object.get(field).and_then(Value::as_str);
        if text.is_some_and(|text| text == "$" || text.starts_with("$.") || text.starts_with("$$."))
        {
            self.warning(
                "NO_PATH",
                format!(
                    "The field '{field}' looks like a path, but its name does not end with 'Path'"
                ),
                object.place(field),
            );
        }
    }

    /// Warns of values that look like expressions under names without `.$`.
    fn no_dollar(&mut self, value: &Value, location: &str) {
        for (name, member) in value.as_object().into_iter().flatten() {
            match member {
                Value::String(text) if !name.ends_with(".$") && looks_like_expression(text) => {
                    self.warning(
                        "NO_DOLLAR",
                        format!("The field '{name}' looks like a JSONPath or intrinsic function, but its name does not end with '.$'"),
                        location,
                    );
                }
                Value::Object(_) => self.no_dollar(member, &format!("{location}/{name}")),
                _ => {}
            }
        }
    }
}

/// Whether a text looks as if it was meant to be evaluated.
pub(super) fn looks_like_expression(text: &str) -> bool {
    text == "$" || text.starts_with("$.") || text.starts_with("$$.") || text.starts_with("States.")
}
