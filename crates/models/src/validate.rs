//! Whether a value fits its shape, said in AWS's words.

use std::fmt;

use serde_json::Value;

use crate::pattern::Pattern;
use crate::service::Service;
use crate::shape::{Kind, Member, Shape, ShapeId, Structure};

/// Everything about a value that does not fit; its text is what AWS answers, as [`error_code`] says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violations(pub Vec<Violation>);

/// One constraint that a value does not satisfy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Where: `routingConfiguration.1.member.weight`.
    pub path: String,
    /// The value as AWS prints it; none where it is sensitive.
    pub value: Option<String>,
    /// `Member must not be null`
    pub constraint: String,
}

impl std::error::Error for Violations {}

/// Greatest lengths of texts that are not the model's: whoever owns the box may set others than AWS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lengths(Vec<(&'static str, &'static str, usize)>);

impl Lengths {
    /// Texts of this service's shape may be so long.
    pub fn set(&mut self, service: &'static str, shape: &'static str, most: usize) {
        self.0.push((service, shape, most));
    }

    /// The shapes that are told.
    pub fn shapes(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().map(|(_, shape, _)| *shape)
    }

    fn of(&self, service: &Service, shape: &Shape) -> Option<f64> {
        let set =
            self.0.iter().find(|(of, name, _)| *of == service.entry.name && **name == *shape.name);
        set.map(|(_, _, most)| *most as f64).or(shape.max)
    }
}

impl fmt::Display for Violations {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let errors = if self.0.len() == 1 { "error" } else { "errors" };
        write!(out, "{} validation {errors} detected: ", self.0.len())?;
        for (place, violation) in self.0.iter().enumerate() {
            out.write_str(if place == 0 { "" } else { "; " })?;
            out.write_str("Value ")?;
            if let Some(value) = &violation.value {
                write!(out, "{value} ")?;
            }
            let Violation { path, constraint, .. } = violation;
            write!(out, "at '{path}' failed to satisfy constraint: {constraint}")?;
        }
        Ok(())
    }
}

/// Checks a value, already [conformed](crate::conform::conform), against its shape.
///
/// ```
/// use models::validate::validate;
/// let states = models::service("stepfunctions").unwrap();
/// let input = states.operation("ListStateMachines").unwrap().input.unwrap();
/// let error = validate(states, input, &serde_json::json!({ "maxResults": 1001 })).unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "1 validation error detected: Value '1001' at 'maxResults' failed to satisfy constraint: \
///      Member must have value less than or equal to 1000"
/// );
/// ```
///
/// # Errors
/// Every violation, in the order of the model's members.
pub fn validate(service: &Service, shape: ShapeId, value: &Value) -> Result<(), Violations> {
    validate_within(service, shape, value, &Lengths::default())
}

/// As [`validate`], with other bounds of some lengths than the model's.
///
/// # Errors
/// As [`validate`].
pub fn validate_within(
    service: &Service,
    shape: ShapeId,
    value: &Value,
    lengths: &Lengths,
) -> Result<(), Violations> {
    let mut found = Vec::new();
    check(service, shape, value, lengths, &Path::Root, &mut found);
    if found.is_empty() { Ok(()) } else { Err(Violations(found)) }
}

/// The error under which a service tells violations of its model.
pub fn error_code(service: &Service) -> &'static str {
    match service.entry.name {
        "logs" => "InvalidParameterException",
        _ if service.entry.protocols == ["query"] => "ValidationError",
        // sagemaker-runtime calls it so in its own model.
        _ if service.shape_named("ValidationError").is_some() => "ValidationError",
        _ => "ValidationException",
    }
}

/// Where in the value we are; text only when there is something to tell.
enum Path<'a> {
    Root,
    Member(&'a Path<'a>, &'a str),
    Item(&'a Path<'a>, usize),
    Entry(&'a Path<'a>, &'a str),
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Path::Root => Ok(()),
            Path::Member(parent, name) => {
                if !matches!(parent, Path::Root) {
                    write!(out, "{parent}.")?;
                }
                out.write_str(&lower_first(name))
            }
            Path::Item(parent, place) => write!(out, "{parent}.{}.member", place + 1),
            Path::Entry(parent, key) => write!(out, "{parent}.{key}.member"),
        }
    }
}

fn check(
    service: &Service,
    id: ShapeId,
    value: &Value,
    lengths: &Lengths,
    path: &Path,
    found: &mut Vec<Violation>,
) {
    let shape = service.shape(id);
    let mut violated = |constraint: String| {
        let value = (!shape.sensitive).then(|| format!("'{}'", Printed { service, id, value }));
        found.push(Violation { path: path.to_string(), value, constraint });
    };
    match &shape.kind {
        Kind::Structure(structure) => {
            for member in &structure.members {
                let path = Path::Member(path, &member.name);
                match value.get(&*member.name) {
                    None | Some(Value::Null) => {
                        if member.required && !travels_as_a_stream(service, structure, member) {
                            let hidden = service.shape(member.shape).sensitive;
                            found.push(Violation {
                                path: path.to_string(),
                                value: (!hidden).then(|| "null".to_owned()),
                                constraint: "Member must not be null".to_owned(),
                            });
                        }
                    }
                    Some(value) => check(service, member.shape, value, lengths, &path, found),
                }
            }
        }
        Kind::List { member, .. } => {
            let items = value.as_array().map(Vec::as_slice).unwrap_or_default();
            length(shape, shape.max, items.len(), &mut violated);
            let item = service.shape(member.shape);
            if item.is_simple() {
                // AWS tells what holds for each item, not which item breaks it.
                if items.iter().any(|value| !fits(item, value)) {
                    violated(format!("Member must satisfy constraint: [{}]", constraints(item)));
                }
            } else {
                for (place, value) in items.iter().enumerate() {
                    let path = Path::Item(path, place);
                    check(service, member.shape, value, lengths, &path, found);
                }
            }
        }
        Kind::Map { key, value: held, .. } => {
            let Some(entries) = value.as_object() else { return };
            length(shape, shape.max, entries.len(), &mut violated);
            let key = service.shape(key.shape);
            if entries.keys().any(|name| !text_fits(key, name)) {
                violated(format!("Map keys must satisfy constraint: [{}]", constraints(key)));
            }
            let item = service.shape(held.shape);
            if item.is_simple() {
                if entries.values().any(|value| !fits(item, value)) {
                    violated(format!("Map value must satisfy constraint: [{}]", constraints(item)));
                }
            } else {
                for (name, value) in entries {
                    let path = Path::Entry(path, name);
                    check(service, held.shape, value, lengths, &path, found);
                }
            }
        }
        Kind::String { choices } => {
            let Some(text) = value.as_str() else { return };
            length(shape, lengths.of(service, shape), length_of(text), &mut violated);
            if !pattern_fits(shape, text) {
                violated(pattern_constraint(shape));
            }
            if !choices.is_empty() && !choices.iter().any(|choice| **choice == *text) {
                violated(choices_constraint(choices));
            }
        }
        Kind::Blob => {
            let Some(text) = value.as_str() else { return };
            length(shape, shape.max, decoded_length(text), &mut violated);
        }
        Kind::Integer | Kind::Long | Kind::Float | Kind::Double => {
            let Some(number) = value.as_f64() else { return };
            if shape.max.is_some_and(|max| number > max) {
                violated(greatest_value(shape));
            }
            if shape.min.is_some_and(|min| number < min) {
                violated(least_value(shape));
            }
        }
        Kind::Boolean | Kind::Timestamp(_) | Kind::Document => {}
    }
}

/// Bytes that are the whole body travel beside the members.
fn travels_as_a_stream(service: &Service, structure: &Structure, member: &Member) -> bool {
    let whole = structure.payload().is_some_and(|payload| payload.name == member.name);
    member.streaming || whole && matches!(service.shape(member.shape).kind, Kind::Blob)
}

impl Shape {
    fn is_simple(&self) -> bool {
        !matches!(self.kind, Kind::Structure(_) | Kind::List { .. } | Kind::Map { .. })
    }
}

fn fits(shape: &Shape, value: &Value) -> bool {
    match &shape.kind {
        Kind::String { .. } => value.as_str().is_none_or(|text| text_fits(shape, text)),
        Kind::Blob => value.as_str().is_none_or(|text| length_fits(shape, decoded_length(text))),
        _ => value.as_f64().is_none_or(|number| {
            shape.max.is_none_or(|max| number <= max) && shape.min.is_none_or(|min| number >= min)
        }),
    }
}

fn text_fits(shape: &Shape, text: &str) -> bool {
    let chosen = match &shape.kind {
        Kind::String { choices } if !choices.is_empty() => {
            choices.iter().any(|choice| **choice == *text)
        }
        _ => true,
    };
    chosen && length_fits(shape, length_of(text)) && pattern_fits(shape, text)
}

pub(crate) fn pattern_fits(shape: &Shape, text: &str) -> bool {
    let Some(pattern) = &shape.pattern else { return true };
    shape.compiled.get_or_init(|| Pattern::compile(pattern)).matches(text)
}

fn length_fits(shape: &Shape, length: usize) -> bool {
    let length = length as f64;
    shape.max.is_none_or(|max| length <= max) && shape.min.is_none_or(|min| length >= min)
}

fn length(shape: &Shape, max: Option<f64>, length: usize, violated: &mut impl FnMut(String)) {
    let length = length as f64;
    if let Some(max) = max.filter(|max| length > *max) {
        violated(greatest_length(max));
    }
    if shape.min.is_some_and(|min| length < min) {
        violated(least_length(shape));
    }
}

/// AWS counts UTF-16 code units.
pub(crate) fn length_of(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.encode_utf16().count() }
}

fn decoded_length(base64: &str) -> usize {
    base64.trim_end_matches('=').len() * 3 / 4
}

/// What must hold for each item of a list or map, greatest first as AWS writes it.
fn constraints(shape: &Shape) -> String {
    let mut all = Vec::new();
    match &shape.kind {
        Kind::String { .. } | Kind::Blob => {
            all.extend(shape.max.map(greatest_length));
            all.extend(shape.min.map(|_| least_length(shape)));
        }
        _ => {
            all.extend(shape.max.map(|_| greatest_value(shape)));
            all.extend(shape.min.map(|_| least_value(shape)));
        }
    }
    all.extend(shape.pattern.as_ref().map(|_| pattern_constraint(shape)));
    if let Kind::String { choices } = &shape.kind
        && !choices.is_empty()
    {
        all.push(choices_constraint(choices));
    }
    all.join(", ")
}

fn greatest_length(max: f64) -> String {
    format!("Member must have length less than or equal to {max}")
}

fn least_length(shape: &Shape) -> String {
    format!("Member must have length greater than or equal to {}", shape.min.unwrap_or_default())
}

fn greatest_value(shape: &Shape) -> String {
    format!("Member must have value less than or equal to {}", shape.max.unwrap_or_default())
}

fn least_value(shape: &Shape) -> String {
    format!("Member must have value greater than or equal to {}", shape.min.unwrap_or_default())
}

fn pattern_constraint(shape: &Shape) -> String {
    let pattern = shape.pattern.as_deref().unwrap_or_default();
    format!("Member must satisfy regular expression pattern: {pattern}")
}

fn choices_constraint(choices: &[Box<str>]) -> String {
    format!("Member must satisfy enum value set: [{}]", choices.join(", "))
}

/// AWS names members in its messages with a small first letter, whatever the model says.
fn lower_first(name: &str) -> String {
    let mut chars = name.chars();
    chars.next().map(|first| first.to_ascii_lowercase()).into_iter().chain(chars).collect()
}

/// A value as AWS prints it: `[RoutingConfigurationListItem(weight=50), …]`, `{key=value}`.
struct Printed<'a> {
    service: &'a Service,
    id: ShapeId,
    value: &'a Value,
}

impl fmt::Display for Printed<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let service = self.service;
        let inner = |id, value| Printed { service, id, value };
        let shape = service.shape(self.id);
        if shape.sensitive {
            return out.write_str("*** Sensitive Data Redacted ***");
        }
        match (&shape.kind, self.value) {
            (Kind::Structure(structure), Value::Object(members)) => {
                write!(out, "{}(", shape.name)?;
                for (place, (name, value)) in members.iter().enumerate() {
                    let Some(member) = structure.member(name) else { continue };
                    let comma = if place == 0 { "" } else { ", " };
                    write!(out, "{comma}{}={}", lower_first(name), inner(member.shape, value))?;
                }
                out.write_str(")")
            }
            (Kind::List { member, .. }, Value::Array(items)) => {
                out.write_str("[")?;
                for (place, item) in items.iter().enumerate() {
                    let comma = if place == 0 { "" } else { ", " };
                    write!(out, "{comma}{}", inner(member.shape, item))?;
                }
                out.write_str("]")
            }
            (Kind::Map { value: held, .. }, Value::Object(entries)) => {
                out.write_str("{")?;
                for (place, (key, value)) in entries.iter().enumerate() {
                    let comma = if place == 0 { "" } else { ", " };
                    write!(out, "{comma}{key}={}", inner(held.shape, value))?;
                }
                out.write_str("}")
            }
            (_, Value::String(text)) => out.write_str(text),
            (_, other) => write!(out, "{other}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn message(service: &str, operation: &str, value: Value) -> String {
        let service = crate::service(service).expect("is there");
        let input = service.operation(operation).and_then(|operation| operation.input);
        match validate(service, input.expect("has input"), &value) {
            Ok(()) => String::new(),
            Err(violations) => violations.to_string(),
        }
    }

    #[test]
    fn messages_are_awss() {
        let arn = "arn:aws:states:us-east-1:000000000000:stateMachine:m";
        let version = |weight| json!({ "stateMachineVersionArn": arn, "weight": weight });
        let cases = [
            (
                json!({ "name": "n", "routingConfiguration": [version(101)] }),
                "1 validation error detected: Value '101' at 'routingConfiguration.1.member.weight' failed to \
                 satisfy constraint: Member must have value less than or equal to 100"
                    .to_owned(),
            ),
            (
                json!({ "name": "123", "routingConfiguration": [version(100)] }),
                "1 validation error detected: Value '123' at 'name' failed to satisfy constraint: Member must \
                 satisfy regular expression pattern: ^(?=.*[a-zA-Z_\\-\\.])[a-zA-Z0-9_\\-\\.]+$"
                    .to_owned(),
            ),
            (
                json!({ "name": "n", "routingConfiguration": [version(1), version(2), version(3)] }),
                format!(
                    "1 validation error detected: Value '[RoutingConfigurationListItem(stateMachineVersionArn={arn}, \
                     weight=1), RoutingConfigurationListItem(stateMachineVersionArn={arn}, weight=2), \
                     RoutingConfigurationListItem(stateMachineVersionArn={arn}, weight=3)]' at \
                     'routingConfiguration' failed to satisfy constraint: Member must have length less than or \
                     equal to 2"
                ),
            ),
            (
                json!({}),
                "2 validation errors detected: Value null at 'name' failed to satisfy constraint: Member must \
                 not be null; Value null at 'routingConfiguration' failed to satisfy constraint: Member must \
                 not be null"
                    .to_owned(),
            ),
        ];
        for (value, expected) in cases {
            assert_eq!(message("stepfunctions", "CreateStateMachineAlias", value), expected);
        }
    }

    #[test]
    fn names_enumerations_and_items_read_as_on_aws() {
        assert_eq!(
            message("sagemaker", "DescribeTrainingJob", json!({ "TrainingJobName": "a_b" })),
            "1 validation error detected: Value 'a_b' at 'trainingJobName' failed to satisfy constraint: Member \
             must satisfy regular expression pattern: [a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}"
        );
        let listed = message("stepfunctions", "ListExecutions", json!({ "statusFilter": "GONE" }));
        assert_eq!(
            listed,
            "1 validation error detected: Value 'GONE' at 'statusFilter' failed to satisfy constraint: Member \
             must satisfy enum value set: [RUNNING, SUCCEEDED, FAILED, TIMED_OUT, ABORTED, PENDING_REDRIVE]"
        );
        let vpc = json!({ "SecurityGroupIds": ["sg 1"], "Subnets": ["subnet-1"] });
        let model = json!({ "ModelName": "m", "VpcConfig": vpc });
        assert_eq!(
            message("sagemaker", "CreateModel", model),
            "1 validation error detected: Value '[sg 1]' at 'vpcConfig.securityGroupIds' failed to satisfy \
             constraint: Member must satisfy constraint: [Member must have length less than or equal to 32, \
             Member must have length greater than or equal to 0, Member must satisfy regular expression \
             pattern: [-0-9a-zA-Z]+]"
        );
    }

    #[test]
    fn sensitive_values_are_not_shown() {
        let machine = json!({ "stateMachineArn": "a", "input": "x".repeat(262_145) });
        assert_eq!(
            message("stepfunctions", "StartExecution", machine),
            "1 validation error detected: Value at 'input' failed to satisfy constraint: Member must have \
             length less than or equal to 262144"
        );
    }
}
