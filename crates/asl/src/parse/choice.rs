//! The rules of a Choice state.

use serde_json::Value;

use super::Reader;
use super::fields::Object;
use super::state::Within;
use crate::definition::{Choice, Condition, Operand, QueryLanguage, Rule};
use crate::states::choice::{Operator, timestamp};

const RULE_KINDS: [&str; 5] = ["And", "Or", "Not", "Variable", "Condition"];

impl Reader {
    pub(super) fn choice(&mut self, object: &Object, within: &Within) -> Option<Choice> {
        self.required(object, &["Choices"]);
        let mut rules = Vec::new();
        for (index, value) in self.nonempty(object, "Choices").into_iter().flatten().enumerate() {
            let at = format!("{}[{index}]", object.place("Choices"));
            let Some(rule) = self.element(value, at) else { continue };
            self.required(&rule, &["Next"]);
            let condition = self.condition(&rule, within, true);
            let next = self.text(&rule, "Next").unwrap_or_default().into();
            let assign = self.assign(&rule, &within.plain());
            let output = match within.language {
                QueryLanguage::Jsonata => self.template(&rule, "Output", &within.plain()),
                QueryLanguage::JsonPath => None,
            };
            rules.extend(condition.map(|condition| Rule { condition, next, assign, output }));
        }
        let default = self.text(object, "Default").map(Into::into);
        Some(Choice { rules, default })
    }

    /// `outermost`: a rule of `Choices` itself, which leads on; the others are only conditions.
    fn condition(&mut self, rule: &Object, within: &Within, outermost: bool) -> Option<Condition> {
        for field in rule.members.keys().map(String::as_str) {
            let known = RULE_KINDS.contains(&field)
                || field == "Comment"
                || outermost && matches!(field, "Next" | "Assign" | "Output")
                || Operator::parse(field).is_some();
            if !known {
                self.schema(format!("Field '{field}' is not supported"), rule.location());
            } else {
                self.language_of_field(field, within.language, rule);
            }
        }
        let kinds: Vec<&str> = RULE_KINDS.into_iter().filter(|kind| rule.has(kind)).collect();
        let [kind] = kinds[..] else {
            self.schema(
                format!(
                    "The object must have only one of the following fields, [{}]",
                    RULE_KINDS.join(", ")
                ),
                rule.location(),
            );
            return None;
        };
        match kind {
            "Condition" => {
                let text = match rule.get("Condition") {
                    // A literal boolean is a condition too.
                    Some(Value::Bool(fixed)) => format!("{{% {fixed} %}}"),
                    _ => self.text(rule, "Condition")?.to_owned(),
                };
                self.expression(&text, &rule.place("Condition"), &within.plain())
                    .map(Condition::Jsonata)
            }
            "And" | "Or" => {
                let mut conditions = Vec::new();
                for (index, value) in self.nonempty(rule, kind)?.iter().enumerate() {
                    let at = format!("{}[{index}]", rule.place(kind));
                    let Some(inner) = self.element(value, at) else { continue };
                    conditions.extend(self.condition(&inner, within, false));
                }
                Some(if kind == "And" {
                    Condition::And(conditions)
                } else {
                    Condition::Or(conditions)
                })
            }
            "Not" => {
                let inner = self.object(rule, "Not")?;
                self.condition(&inner, within, false).map(|inner| Condition::Not(Box::new(inner)))
            }
            _ => self.comparison(rule),
        }
    }

    fn comparison(&mut self, rule: &Object) -> Option<Condition> {
        let variable = self.variable_path(rule, "Variable");
        let found: Vec<&str> = rule
            .members
            .keys()
            .map(String::as_str)
            .filter(|field| Operator::parse(field).is_some())
            .collect();
        let [field] = found[..] else {
            let message = if found.is_empty() {
                "This object should have a comparison operator beside 'Variable'".to_owned()
            } else {
                format!("There should only be one of the following fields: [{}]", found.join(", "))
            };
            self.schema(message, rule.location());
            return None;
        };
        let (operator, path) = Operator::parse(field)?;
        let operand = if path {
            Operand::Path(self.variable_path(rule, field)?)
        } else {
            let value = rule.get(field)?;
            let expected = match field {
                _ if field.starts_with("String") => (!value.is_string()).then_some("STRING"),
                _ if field.starts_with("Numeric") => (!value.is_number()).then_some("NUMBER"),
                _ if field.starts_with("Timestamp") => (!value.is_string()).then_some("STRING"),
                _ => (!value.is_boolean()).then_some("BOOLEAN"),
            };
            if let Some(expected) = expected {
                self.schema(format!("Expected value of type [{expected}]"), rule.place(field));
                return None;
            }
            if field.starts_with("Timestamp") && value.as_str().and_then(timestamp).is_none() {
                self.schema("String does not match RFC3339 timestamp", rule.place(field));
                return None;
            }
            self.no_path(rule, field);
            Operand::Literal(value.clone())
        };
        Some(Condition::Compare { variable: variable?, operator, operand })
    }

    /// `Variable` and the operands of `…Path` operators: a path to one value, functions at its end allowed.
    fn variable_path(&mut self, rule: &Object, field: &str) -> Option<crate::expression::Path> {
        let text = self.text(rule, field)?;
        match crate::expression::Path::parse(text) {
            Ok(path) => Some(path),
            Err(_) if !text.starts_with('$') => {
                self.not_a_reference(rule, field, "Reference path didn't start with '$'");
                None
            }
            Err(error) => {
                self.not_a_reference(rule, field, &error.0);
                None
            }
        }
    }
}
