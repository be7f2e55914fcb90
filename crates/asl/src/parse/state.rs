//! One state: what all types share, and the simple types.

use std::sync::Arc;

use serde_json::Value;

use super::Reader;
use super::fields::{BEGINS_ELSEWHERE, Object, looks_like_expression};
use crate::definition::{
    Body, Fail, Flow, JsonPathFlow, Kind, Parallel, Pass, QueryLanguage, ResultPath, Selection,
    Setting, State, Task, Text, Wait,
};
use crate::expression::{Root, Template};
use crate::limits::SECONDS_MAX;

/// Which language a field is written in and which members of `$states` it has.
#[derive(Clone, Copy)]
pub(super) struct Within {
    pub language: QueryLanguage,
    pub result: bool,
    pub error_output: bool,
}

impl Within {
    /// A field that is evaluated before there is a result.
    pub(super) fn plain(&self) -> Within {
        Within { result: false, error_output: false, ..*self }
    }

    /// `Output` and `Assign`.
    pub(super) fn after(&self) -> Within {
        Within { result: true, error_output: false, ..*self }
    }

    /// A catcher's `Output` and `Assign`.
    pub(super) fn caught(&self) -> Within {
        Within { result: false, error_output: true, ..*self }
    }
}

const TYPES: [&str; 8] = ["Task", "Wait", "Pass", "Succeed", "Fail", "Choice", "Parallel", "Map"];

/// Fields of JSONPath states alone.
const JSONPATH_FIELDS: [&str; 20] = [
    "InputPath",
    "OutputPath",
    "ResultPath",
    "ResultSelector",
    "Parameters",
    "Result",
    "ItemsPath",
    "TimeoutSecondsPath",
    "HeartbeatSecondsPath",
    "SecondsPath",
    "TimestampPath",
    "ErrorPath",
    "CausePath",
    "MaxConcurrencyPath",
    "ToleratedFailurePercentagePath",
    "ToleratedFailureCountPath",
    "MaxItemsPath",
    "MaxItemsPerBatchPath",
    "MaxInputBytesPerBatchPath",
    "Variable",
];

/// Fields of JSONata states alone.
const JSONATA_FIELDS: [&str; 4] = ["Arguments", "Output", "Items", "Condition"];

/// Which fields a type has besides `Type`, `Comment` and `QueryLanguage`.
fn fields_of(kind: &str) -> &'static [&'static str] {
    match kind {
        "Pass" => &[
            "InputPath",
            "OutputPath",
            "Result",
            "ResultPath",
            "Parameters",
            "Output",
            "Assign",
            "Next",
            "End",
        ],
        "Task" => &[
            "InputPath",
            "OutputPath",
            "ResultPath",
            "Parameters",
            "Arguments",
            "Output",
            "Assign",
            "Resource",
            "Credentials",
            "ResultSelector",
            "Retry",
            "Catch",
            "TimeoutSeconds",
            "TimeoutSecondsPath",
            "HeartbeatSeconds",
            "HeartbeatSecondsPath",
            "Next",
            "End",
        ],
        "Wait" => &[
            "InputPath",
            "OutputPath",
            "Output",
            "Assign",
            "Seconds",
            "Timestamp",
            "SecondsPath",
            "TimestampPath",
            "Next",
            "End",
        ],
        "Parallel" => &[
            "InputPath",
            "OutputPath",
            "ResultPath",
            "Parameters",
            "Arguments",
            "Output",
            "Assign",
            "ResultSelector",
            "Retry",
            "Catch",
            "Branches",
            "Next",
            "End",
        ],
        "Map" => &[
            "InputPath",
            "OutputPath",
            "ResultPath",
            "Parameters",
            "Output",
            "Assign",
            "ResultSelector",
            "Retry",
            "Catch",
            "ItemProcessor",
            "Iterator",
            "ItemsPath",
            "Items",
            "ItemSelector",
            "ItemReader",
            "ItemBatcher",
            "ResultWriter",
            "MaxConcurrency",
            "MaxConcurrencyPath",
            "ToleratedFailurePercentage",
            "ToleratedFailurePercentagePath",
            "ToleratedFailureCount",
            "ToleratedFailureCountPath",
            "Label",
            "Next",
            "End",
        ],
        "Choice" => &["InputPath", "OutputPath", "Output", "Assign", "Choices", "Default"],
        "Succeed" => &["InputPath", "OutputPath", "Output"],
        "Fail" => &["Error", "Cause", "ErrorPath", "CausePath"],
        _ => &[],
    }
}

impl Reader {
    pub(super) fn state(&mut self, name: &str, object: &Object) -> Option<State> {
        let kind = object.get("Type").and_then(Value::as_str).filter(|kind| TYPES.contains(kind));
        let Some(kind) = kind else {
            self.schema(
                format!("The field 'Type' should have one of these values: [{}]", TYPES.join(", ")),
                object.place("Type"),
            );
            return None;
        };
        let before = self.errors;
        let mut downgraded = false;
        let language = match object.get("QueryLanguage") {
            None => self.language,
            Some(value) => {
                if value.as_str() == Some("JSONPath") && self.language == QueryLanguage::Jsonata {
                    self.schema(
                        "'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine",
                        object.location(),
                    );
                    downgraded = true;
                    QueryLanguage::JsonPath
                } else if value.as_str() == Some("JSONPath") {
                    QueryLanguage::JsonPath
                } else {
                    QueryLanguage::Jsonata
                }
            }
        };
        let known = fields_of(kind);
        for field in object.members.keys().map(String::as_str) {
            if matches!(field, "Type" | "Comment" | "QueryLanguage") {
                continue;
            }
            if !known.contains(&field) {
                self.schema(format!("Field '{field}' is not supported"), object.location());
            } else if !downgraded {
                self.language_of_field(field, language, object);
            }
        }
        if let Some(value) = object.get("QueryLanguage").filter(|_| !downgraded) {
            self.query_language(value, &object.place("QueryLanguage"));
        }
        let comment = self.text(object, "Comment").map(str::to_owned);
        let within = Within { language, result: false, error_output: false };
        let next = self.next(kind, object);
        let flow = self.flow(kind, object, &within);
        let assign = self.assign(object, &within.after());
        let kind = self.kind(kind, object, &within);
        // What was accepted once goes on running, whatever today's checks say of it.
        if self.errors > before && !self.stored {
            return None;
        }
        let state_name = name.into();
        Some(State {
            name: state_name,
            comment,
            query_language: language,
            next,
            flow,
            assign,
            kind: kind?,
        })
    }

    /// A field that belongs to the other language.
    pub(super) fn language_of_field(
        &mut self,
        field: &str,
        language: QueryLanguage,
        object: &Object,
    ) {
        let (own, other, fields): (_, _, &[&str]) = match language {
            QueryLanguage::JsonPath => ("JSONPath", "JSONata", &JSONATA_FIELDS),
            QueryLanguage::Jsonata => ("JSONata", "JSONPath", &JSONPATH_FIELDS),
        };
        if fields.contains(&field) {
            self.schema(
                format!(
                    "The QueryLanguage is set to '{own}', but field '{field}' is only supported for the '{other}' QueryLanguage"
                ),
                object.location(),
            );
        }
    }

    fn next(&mut self, kind: &str, object: &Object) -> Option<crate::event::Name> {
        if matches!(kind, "Choice" | "Succeed" | "Fail") {
            return None;
        }
        let ends = self.boolean(object, "End").unwrap_or(false);
        match (object.has("Next"), ends) {
            (true, true) => self.schema(
                "There should only be one of the following fields: [Next, End]",
                object.location(),
            ),
            (false, false) => self.schema(
                "This object should have only one of the following fields: [Next, End]",
                object.location(),
            ),
            _ => {}
        }
        self.text(object, "Next").map(Into::into)
    }

    fn flow(&mut self, kind: &str, object: &Object, within: &Within) -> Flow {
        match within.language {
            QueryLanguage::JsonPath => Flow::JsonPath(Box::new(JsonPathFlow {
                input_path: self.selection(object, "InputPath"),
                // A Map's old `Parameters` is its ItemSelector.
                parameters: if kind == "Map" {
                    None
                } else {
                    self.template(object, "Parameters", &within.plain())
                },
                result_selector: self.object_template(object, "ResultSelector", &within.plain()),
                result_path: self.result_path(object),
                output_path: self.selection(object, "OutputPath"),
            })),
            QueryLanguage::Jsonata => Flow::Jsonata {
                arguments: self.template(object, "Arguments", &within.plain()),
                output: self.template(object, "Output", &within.after()),
            },
        }
    }

    /// A template that must be an object.
    pub(super) fn object_template(
        &mut self,
        object: &Object,
        field: &str,
        within: &Within,
    ) -> Option<Template> {
        let value = object.get(field)?;
        let expression = within.language == QueryLanguage::Jsonata && value.is_string();
        if !value.is_object() && !expression {
            self.schema("Expected value of type [OBJECT]", object.place(field));
            return None;
        }
        self.template(object, field, within)
    }

    fn selection(&mut self, object: &Object, field: &str) -> Selection {
        match object.get(field) {
            None => Selection::Whole,
            Some(Value::Null) => Selection::Nothing,
            Some(Value::String(text)) if text == "$" => Selection::Whole,
            Some(_) => self.path(object, field).map_or(Selection::Whole, Selection::Path),
        }
    }

    /// `ResultPath` of a state or a catcher.
    pub(super) fn result_path(&mut self, object: &Object) -> ResultPath {
        match object.get("ResultPath") {
            None => ResultPath::Whole,
            Some(Value::Null) => ResultPath::Discard,
            Some(_) => match self.reference_path(object, "ResultPath") {
                None => ResultPath::Whole,
                Some(path) if *path.root() != Root::Input => {
                    self.not_a_reference(object, "ResultPath", BEGINS_ELSEWHERE);
                    ResultPath::Whole
                }
                Some(path) => match path.query().segments() {
                    Some(segments) if !segments.is_empty() => ResultPath::At(segments),
                    _ => ResultPath::Whole,
                },
            },
        }
    }

    /// `Assign` of a state, a rule or a catcher.
    pub(super) fn assign(&mut self, object: &Object, within: &Within) -> Option<Template> {
        let members = self.object(object, "Assign")?;
        let most = self.options.limits.variable_name_characters_max;
        for name in members.members.keys() {
            let variable = match within.language {
                QueryLanguage::JsonPath => name.strip_suffix(".$").unwrap_or(name),
                QueryLanguage::Jsonata => name,
            };
            let place = members.place(name);
            if variable == "states" {
                self.error(
                    "RESERVED_VARIABLE_NAME",
                    "Cannot assign to reserved variable '$states'.",
                    place,
                );
            } else if variable.chars().count() > most
                || !crate::expression::is_variable_name(variable)
            {
                let why = if variable.chars().count() > most {
                    format!("the variable name exceeds the {most}-character limit")
                } else {
                    "the variable name contains invalid characters".to_owned()
                };
                self.error(
                    "INVALID_VARIABLE_NAME",
                    format!("Invalid variable name '{variable}': {why}."),
                    place,
                );
            }
        }
        self.template(object, "Assign", within)
    }

    fn kind(&mut self, kind: &str, object: &Object, within: &Within) -> Option<Kind> {
        match kind {
            "Pass" => {
                let result = object.get("Result").cloned();
                if let Some(result) = &result
                    && has_expression(result)
                {
                    self.warning(
                        "PASS_RESULT_IS_STATIC",
                        "The field 'Result' is static: paths and intrinsic functions in it are not evaluated",
                        object.place("Result"),
                    );
                }
                Some(Kind::Pass(Pass { result }))
            }
            "Task" => self.task(object, within).map(|task| Kind::Task(Box::new(task))),
            "Choice" => self.choice(object, within).map(Kind::Choice),
            "Wait" => self.wait(object, within).map(Kind::Wait),
            "Succeed" => Some(Kind::Succeed),
            "Fail" => Some(Kind::Fail(self.fail(object, within))),
            "Parallel" => self.parallel(object, within).map(Kind::Parallel),
            _ => self.map(object, within).map(|map| Kind::Map(Box::new(map))),
        }
    }

    fn task(&mut self, object: &Object, within: &Within) -> Option<Task> {
        let resource =
            self.required(object, &["Resource"]).then(|| self.resource(object)).flatten();
        let timeout_seconds =
            self.integer_setting(object, "TimeoutSeconds", (1, SECONDS_MAX), within);
        let heartbeat_seconds =
            self.integer_setting(object, "HeartbeatSeconds", (1, SECONDS_MAX), within);
        if let (Some(Setting::Literal(heartbeat)), Some(Setting::Literal(timeout))) =
            (&heartbeat_seconds, &timeout_seconds)
            && heartbeat >= timeout
        {
            self.schema(
                "HeartbeatSeconds must be smaller than TimeoutSeconds",
                object.place("HeartbeatSeconds"),
            );
        }
        let credentials = self.credentials(object, within);
        let retry = self.retry(object);
        let catch = self.catch(object, within);
        let (text, target, pattern) = resource?;
        Some(Task {
            resource: text,
            target,
            pattern,
            timeout_seconds,
            heartbeat_seconds,
            credentials,
            retry,
            catch,
        })
    }

    fn credentials(&mut self, object: &Object, within: &Within) -> Option<Template> {
        if !object.has("Credentials") {
            return None;
        }
        if let Some(Value::String(text)) = object.get("Credentials")
            && within.language == QueryLanguage::Jsonata
            && text.starts_with("{%")
        {
            return self.template(object, "Credentials", &within.plain());
        }
        let members = self.object(object, "Credentials")?;
        let named = members.has("RoleArn")
            || within.language == QueryLanguage::JsonPath && members.has("RoleArn.$");
        if !named {
            self.schema("The field 'RoleArn' is required but was missing", members.location());
        }
        self.template(object, "Credentials", &within.plain())
    }

    fn wait(&mut self, object: &Object, within: &Within) -> Option<Wait> {
        self.one_of(object, &["SecondsPath", "Seconds", "TimestampPath", "Timestamp"], true);
        if object.has("Seconds") || object.has("SecondsPath") {
            return self
                .integer_setting(object, "Seconds", (0, SECONDS_MAX), within)
                .map(Wait::Seconds);
        }
        self.setting(object, "Timestamp", within, |reader, object, field| {
            let text = reader.text(object, field)?;
            if crate::states::choice::timestamp(text).is_none() {
                reader.schema("String does not match RFC3339 timestamp", object.place(field));
            }
            Some(text.to_owned())
        })
        .map(Wait::Timestamp)
    }

    fn fail(&mut self, object: &Object, within: &Within) -> Fail {
        Fail {
            error: self.fail_text(object, "Error", within),
            cause: self.fail_text(object, "Cause", within),
        }
    }

    fn fail_text(&mut self, object: &Object, field: &str, within: &Within) -> Option<Text> {
        let path_field = format!("{field}Path");
        self.one_of(object, &[field, &path_field], false);
        if let Some(text) = self.text(object, &path_field) {
            let template = Template::path_or_call(text, &path_field);
            if template.is_none() {
                self.schema(
                    format!("The value for the field '{path_field}' must be a valid JSONPath or a valid intrinsic function call"),
                    object.place(&path_field),
                );
            }
            return template.map(Text::Template);
        }
        if within.language == QueryLanguage::JsonPath {
            self.no_path(object, field);
        }
        let text = self.text(object, field)?;
        if within.language == QueryLanguage::Jsonata && text.starts_with("{%") {
            return self.expression(text, &object.place(field), &within.plain()).map(Text::Jsonata);
        }
        Some(Text::Literal(text.to_owned()))
    }

    fn parallel(&mut self, object: &Object, within: &Within) -> Option<Parallel> {
        self.required(object, &["Branches"]);
        let mut branches: Vec<Arc<Body>> = Vec::new();
        for (index, value) in self.nonempty(object, "Branches").into_iter().flatten().enumerate() {
            let at = format!("{}[{index}]", object.place("Branches"));
            let Some(branch) = self.element(value, at) else { continue };
            self.only(&branch, &["Comment", "StartAt", "States"]);
            branches.extend(self.body(&branch).map(Arc::new));
        }
        let retry = self.retry(object);
        let catch = self.catch(object, within);
        Some(Parallel { branches, retry, catch })
    }
}

/// Whether a value holds something that looks as if it was meant to be evaluated.
fn has_expression(value: &Value) -> bool {
    match value {
        Value::Object(members) => members.iter().any(|(name, member)| {
            name.ends_with(".$") && member.as_str().is_some_and(looks_like_expression)
                || has_expression(member)
        }),
        Value::Array(items) => items.iter().any(has_expression),
        _ => false,
    }
}
