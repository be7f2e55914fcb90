//! The Choice state: the first rule that matches leads on.

use std::borrow::Cow;
use std::cmp::Ordering;

use serde_json::Value;

use crate::definition::{Condition, Operand};
use crate::expression::{Budget, EvaluationError, Path, Scope};
use crate::jsonpath::Missing;

/// So many characters are compared in the time of one step of an evaluation.
const CHARACTERS_A_STEP: usize = 16;

/// A comparison operator, without its `Path` form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Operator {
    StringEquals,
    StringLessThan,
    StringGreaterThan,
    StringLessThanEquals,
    StringGreaterThanEquals,
    StringMatches,
    NumericEquals,
    NumericLessThan,
    NumericGreaterThan,
    NumericLessThanEquals,
    NumericGreaterThanEquals,
    BooleanEquals,
    TimestampEquals,
    TimestampLessThan,
    TimestampGreaterThan,
    TimestampLessThanEquals,
    TimestampGreaterThanEquals,
    IsNull,
    IsPresent,
    IsNumeric,
    IsString,
    IsBoolean,
    IsTimestamp,
}

impl Condition {
    /// Whether the rule matches. `index` is the rule's place in `Choices`, for messages.
    ///
    /// # Errors
    ///
    /// A path that finds nothing, an expression that fails or gives no boolean.
    pub fn matches(&self, scope: &Scope, index: usize) -> Result<bool, EvaluationError> {
        match self {
            Condition::Jsonata(expression) => {
                let field = format!("Choices[{index}]/Condition");
                match expression.evaluate(scope, &field)? {
                    Value::Bool(matched) => Ok(matched),
                    other => Err(expression.unexpected_type(&field, "boolean", &other)),
                }
            }
            Condition::And(all) => {
                for one in all {
                    if !one.matches(scope, index)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Condition::Or(any) => {
                for one in any {
                    if one.matches(scope, index)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Condition::Not(one) => Ok(!one.matches(scope, index)?),
            Condition::Compare { variable, operator, operand } => {
                let value = look_up(variable, scope);
                variable.check_spent(scope)?;
                if *operator == Operator::IsPresent {
                    let present = value.is_ok();
                    return Ok(*operand_value(operand, scope)? == Value::Bool(present));
                }
                let value = value.map_err(|_| no_value(variable))?;
                let matched =
                    operator.compare(&value, &*operand_value(operand, scope)?, scope.budget);
                variable.check_spent(scope)?;
                Ok(matched)
            }
        }
    }
}

fn look_up<'s>(path: &Path, scope: &'s Scope) -> Result<Cow<'s, Value>, Missing> {
    path.look_up(scope)
}

fn operand_value<'s>(
    operand: &'s Operand,
    scope: &'s Scope,
) -> Result<Cow<'s, Value>, EvaluationError> {
    match operand {
        Operand::Literal(value) => Ok(Cow::Borrowed(value)),
        Operand::Path(path) => {
            let found = look_up(path, scope);
            path.check_spent(scope)?;
            found.map_err(|_| no_value(path))
        }
    }
}

fn no_value(path: &Path) -> EvaluationError {
    EvaluationError::runtime(format!(
        "Invalid path '{}': The choice state's condition path references an invalid value.",
        path.text()
    ))
}

impl Operator {
    /// The operator of this name, and whether it is the `Path` form.
    pub fn parse(name: &str) -> Option<(Operator, bool)> {
        use Operator::*;
        let (plain, path) = match name.strip_suffix("Path") {
            Some(plain) => (plain, true),
            None => (name, false),
        };
        let operator = match plain {
            "StringEquals" => StringEquals,
            "StringLessThan" => StringLessThan,
            "StringGreaterThan" => StringGreaterThan,
            "StringLessThanEquals" => StringLessThanEquals,
            "StringGreaterThanEquals" => StringGreaterThanEquals,
            "StringMatches" => StringMatches,
            "NumericEquals" => NumericEquals,
            "NumericLessThan" => NumericLessThan,
            "NumericGreaterThan" => NumericGreaterThan,
            "NumericLessThanEquals" => NumericLessThanEquals,
            "NumericGreaterThanEquals" => NumericGreaterThanEquals,
            "BooleanEquals" => BooleanEquals,
            "TimestampEquals" => TimestampEquals,
            "TimestampLessThan" => TimestampLessThan,
            "TimestampGreaterThan" => TimestampGreaterThan,
            "TimestampLessThanEquals" => TimestampLessThanEquals,
            "TimestampGreaterThanEquals" => TimestampGreaterThanEquals,
            "IsNull" => IsNull,
            "IsPresent" => IsPresent,
            "IsNumeric" => IsNumeric,
            "IsString" => IsString,
            "IsBoolean" => IsBoolean,
            "IsTimestamp" => IsTimestamp,
            _ => return None,
        };
        let no_path_form = matches!(
            operator,
            StringMatches | IsNull | IsPresent | IsNumeric | IsString | IsBoolean | IsTimestamp
        );
        (!path || !no_path_form).then_some((operator, path))
    }

    /// Values of other types than the operator's never match.
    fn compare(self, value: &Value, operand: &Value, budget: &Budget) -> bool {
        use Operator::*;
        if let (Value::String(value), Value::String(operand)) = (value, operand)
            && !budget.steps(1 + (value.len().min(operand.len()) / CHARACTERS_A_STEP) as u64)
        {
            return false;
        }
        let is = |holds: bool| *operand == Value::Bool(holds);
        match self {
            StringEquals => texts(value, operand) == Some(Ordering::Equal),
            StringLessThan => texts(value, operand) == Some(Ordering::Less),
            StringGreaterThan => texts(value, operand) == Some(Ordering::Greater),
            StringLessThanEquals => texts(value, operand).is_some_and(Ordering::is_le),
            StringGreaterThanEquals => texts(value, operand).is_some_and(Ordering::is_ge),
            StringMatches => match (value, operand) {
                (Value::String(text), Value::String(pattern)) => {
                    wildcard_match(text, pattern, budget)
                }
                _ => false,
            },
            NumericEquals => numbers(value, operand) == Some(Ordering::Equal),
            NumericLessThan => numbers(value, operand) == Some(Ordering::Less),
            NumericGreaterThan => numbers(value, operand) == Some(Ordering::Greater),
            NumericLessThanEquals => numbers(value, operand).is_some_and(Ordering::is_le),
            NumericGreaterThanEquals => numbers(value, operand).is_some_and(Ordering::is_ge),
            BooleanEquals => value.is_boolean() && value == operand,
            TimestampEquals => times(value, operand) == Some(Ordering::Equal),
            TimestampLessThan => times(value, operand) == Some(Ordering::Less),
            TimestampGreaterThan => times(value, operand) == Some(Ordering::Greater),
            TimestampLessThanEquals => times(value, operand).is_some_and(Ordering::is_le),
            TimestampGreaterThanEquals => times(value, operand).is_some_and(Ordering::is_ge),
            IsNull => is(value.is_null()),
            IsPresent => is(true),
            IsNumeric => is(value.is_number()),
            IsString => is(value.is_string()),
            IsBoolean => is(value.is_boolean()),
            IsTimestamp => is(value.as_str().and_then(timestamp).is_some()),
        }
    }
}

/// Java's order of texts: by UTF-16 units.
fn texts(value: &Value, operand: &Value) -> Option<Ordering> {
    let (value, operand) = (value.as_str()?, operand.as_str()?);
    if value == operand {
        return Some(Ordering::Equal);
    }
    Some(value.encode_utf16().cmp(operand.encode_utf16()))
}

fn numbers(value: &Value, operand: &Value) -> Option<Ordering> {
    let (Value::Number(value), Value::Number(operand)) = (value, operand) else { return None };
    match (value.as_i64(), operand.as_i64()) {
        (Some(value), Some(operand)) => Some(value.cmp(&operand)),
        _ => value.as_f64()?.partial_cmp(&operand.as_f64()?),
    }
}

fn times(value: &Value, operand: &Value) -> Option<Ordering> {
    Some(timestamp(value.as_str()?)?.cmp(&timestamp(operand.as_str()?)?))
}

/// The time that an RFC 3339 text says, in the profile of the States Language: upper-case `T`, and
/// upper-case `Z` where there is no offset.
pub fn timestamp(text: &str) -> Option<jiff::Timestamp> {
    let bytes = text.as_bytes();
    let shaped = bytes.len() >= 20
        && bytes[4] == b'-'
        && bytes[7] == b'-'
        && bytes[10] == b'T'
        && bytes[13] == b':'
        && bytes[16] == b':'
        && bytes[..4].iter().all(u8::is_ascii_digit);
    if !shaped {
        return None;
    }
    let zone =
        &text[text.char_indices().skip(19).find(|(_, c)| !matches!(c, '.' | '0'..='9'))?.0..];
    let offset = zone == "Z"
        || zone.len() == 6 && zone.starts_with(['+', '-']) && zone.as_bytes()[3] == b':';
    if offset { text.parse().ok() } else { None }
}

/// `*` stands for any characters; `\\*` and `\\\\` for the characters themselves.
fn wildcard_match(text: &str, pattern: &str, budget: &Budget) -> bool {
    let text: Vec<char> = text.chars().collect();
    let mut tokens: Vec<Option<char>> = Vec::new();
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        match character {
            '*' => {
                if tokens.last() != Some(&None) {
                    tokens.push(None);
                }
            }
            '\\' => tokens.push(Some(characters.next().unwrap_or('\\'))),
            other => tokens.push(Some(other)),
        }
    }
    // Greedy with one point to go back to: linear for one star, text × pattern at worst.
    let (mut at, mut token) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    let mut compared = 0;
    while at < text.len() {
        compared += 1;
        if compared % CHARACTERS_A_STEP == 0 && !budget.steps(1) {
            return false;
        }
        match tokens.get(token) {
            Some(Some(character)) if *character == text[at] => {
                at += 1;
                token += 1;
            }
            Some(None) => {
                star = Some((token, at));
                token += 1;
            }
            _ => match star {
                Some((back, from)) => {
                    token = back + 1;
                    at = from + 1;
                    star = Some((back, from + 1));
                }
                None => return false,
            },
        }
    }
    tokens[token..].iter().all(Option::is_none)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::expression::{LazyContext, NoVariables};
    use crate::{Definition, Moment, Timestamp};

    fn matches(rule: Value, input: Value) -> Result<bool, String> {
        let mut rule = rule;
        rule["Next"] = json!("End");
        let definition = json!({
            "StartAt": "C",
            "States": {"C": {"Type": "Choice", "Choices": [rule], "Default": "End"}, "End": {"Type": "Succeed"}}
        });
        let definition =
            Definition::parse(&definition.to_string()).map_err(|error| error.to_string())?;
        let crate::definition::Kind::Choice(choice) = &definition.body.states["C"].kind else {
            return Err("no choice".into());
        };
        let make = || json!({});
        let context = LazyContext::new(&make);
        let scope = Scope {
            input: &input,
            context: &context,
            variables: &NoVariables,
            result: None,
            error_output: None,
            moment: Moment { now: Timestamp(0), seed: 0 },
            budget: &Budget::default(),
        };
        choice.rules[0].condition.matches(&scope, 0).map_err(|error| error.cause)
    }

    #[test]
    fn operators_compare_as_aws_does() {
        for (operator, operand, value, expected) in [
            ("StringEquals", json!("a"), json!("a"), true),
            ("StringEquals", json!("1"), json!(1), false),
            ("StringLessThan", json!("b"), json!("a"), true),
            ("StringGreaterThanEquals", json!("b"), json!("b"), true),
            ("StringMatches", json!("log-*.txt"), json!("log-a.b.txt"), true),
            ("StringMatches", json!("log-*.txt"), json!("log-a.b.txt.gz"), false),
            ("StringMatches", json!("*a*b"), json!("xaxbxab"), true),
            ("StringMatches", json!("a\\*b"), json!("a*b"), true),
            ("StringMatches", json!("a\\*b"), json!("axb"), false),
            ("StringMatches", json!("\\\\*"), json!("\\x"), true),
            ("StringMatches", json!(""), json!(""), true),
            ("NumericEquals", json!(1), json!(1.0), true),
            ("NumericEquals", json!(1), json!("1"), false),
            ("NumericGreaterThan", json!(9007199254740992i64), json!(9007199254740993i64), true),
            ("NumericLessThanEquals", json!(2), json!(1.5), true),
            ("BooleanEquals", json!(true), json!(true), true),
            ("BooleanEquals", json!(true), json!("true"), false),
            (
                "TimestampEquals",
                json!("2012-10-09T19:00:55Z"),
                json!("2012-10-09T20:00:55+01:00"),
                true,
            ),
            (
                "TimestampLessThan",
                json!("2012-10-09T19:00:56Z"),
                json!("2012-10-09T19:00:55.999Z"),
                true,
            ),
            (
                "TimestampEquals",
                json!("2012-10-09T19:00:55Z"),
                json!("2012-10-09 19:00:55Z"),
                false,
            ),
            ("IsNull", json!(true), json!(null), true),
            ("IsNull", json!(false), json!(0), true),
            ("IsPresent", json!(true), json!(null), true),
            ("IsNumeric", json!(true), json!(1.5), true),
            ("IsString", json!(false), json!(1), true),
            ("IsBoolean", json!(true), json!(false), true),
            ("IsTimestamp", json!(true), json!("2012-10-09T19:00:55Z"), true),
            ("IsTimestamp", json!(true), json!("2023-02-24 12:15:56.832957"), false),
        ] {
            let rule = json!({"Variable": "$.v", operator: operand});
            let got = matches(rule.clone(), json!({"v": value}));
            assert_eq!(got, Ok(expected), "{rule} {value}");
            if !operator.starts_with("Is") && operator != "StringMatches" {
                let rule = json!({"Variable": "$.v", format!("{operator}Path"): "$.w"});
                let got = matches(rule.clone(), json!({"v": value, "w": operand}));
                assert_eq!(got, Ok(expected), "{rule} {value}");
            }
        }
    }

    #[test]
    fn a_path_that_finds_nothing_fails_unless_presence_is_asked() {
        let missing =
            "Invalid path '$.v': The choice state's condition path references an invalid value.";
        assert_eq!(
            matches(json!({"Variable": "$.v", "IsNull": true}), json!({})),
            Err(missing.into())
        );
        assert_eq!(matches(json!({"Variable": "$.v", "IsPresent": false}), json!({})), Ok(true));
        assert_eq!(matches(json!({"Variable": "$.v", "IsPresent": true}), json!({})), Ok(false));
        let guarded = json!({"And": [
            {"Variable": "$.v", "IsPresent": true}, {"Variable": "$.v", "NumericEquals": 1}
        ]});
        assert_eq!(matches(guarded, json!({})), Ok(false));
        let either = json!({"Or": [
            {"Not": {"Variable": "$.v", "IsPresent": true}}, {"Variable": "$.v", "NumericEquals": 1}
        ]});
        assert_eq!(matches(either, json!({})), Ok(true));
    }
}
