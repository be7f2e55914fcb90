//! The rules of a Choice state.

use serde_json::{Map, Value, json};

use super::BuildError;
use super::graph::Paths;
use super::state::Path;

/// A condition on a state's input. The constructors are named as the operators of the States Language; those
/// that end in `_path` compare with a value of the input instead of a constant.
///
/// ```
/// use stepwell_sdk::inputs::ExecutionInput;
/// use stepwell_sdk::steps::ChoiceRule;
///
/// let rule = ChoiceRule::and([
///     ChoiceRule::is_present("$.rmse", true),
///     ChoiceRule::numeric_less_than_path("$.rmse", ExecutionInput::default().get("Limit")),
///     ChoiceRule::not(ChoiceRule::string_matches("$.name", "*.tmp")),
/// ]);
/// # let _ = rule;
/// ```
#[derive(Debug, Clone)]
pub struct ChoiceRule {
    rule: Rule,
}

#[derive(Debug, Clone)]
enum Rule {
    Compare { variable: Value, operator: &'static str, value: Value },
    All(Vec<ChoiceRule>),
    Any(Vec<ChoiceRule>),
    Not(Box<ChoiceRule>),
}

macro_rules! comparisons {
    ($($doc:literal $constant:ident, $path:ident, $type:ty => $operator:literal, $path_operator:literal;)*) => {
        impl ChoiceRule {$(
            #[doc = $doc]
            pub fn $constant(variable: impl Into<Path>, value: $type) -> Self {
                ChoiceRule::compare(variable, $operator, json!(value))
            }

            #[doc = $doc]
            /// The value is itself taken from the input.
            pub fn $path(variable: impl Into<Path>, value: impl Into<Path>) -> Self {
                ChoiceRule::compare(variable, $path_operator, value.into().into_value())
            }
        )*}
    };
}

comparisons! {
    "The text at `variable` is `value`."
    string_equals, string_equals_path, &str => "StringEquals", "StringEqualsPath";
    "The text at `variable` comes before `value`."
    string_less_than, string_less_than_path, &str => "StringLessThan", "StringLessThanPath";
    "The text at `variable` comes after `value`."
    string_greater_than, string_greater_than_path, &str => "StringGreaterThan", "StringGreaterThanPath";
    "The text at `variable` is or comes before `value`."
    string_less_than_equals, string_less_than_equals_path, &str => "StringLessThanEquals", "StringLessThanEqualsPath";
    "The text at `variable` is or comes after `value`."
    string_greater_than_equals, string_greater_than_equals_path, &str => "StringGreaterThanEquals", "StringGreaterThanEqualsPath";
    "The number at `variable` is `value`."
    numeric_equals, numeric_equals_path, f64 => "NumericEquals", "NumericEqualsPath";
    "The number at `variable` is less than `value`."
    numeric_less_than, numeric_less_than_path, f64 => "NumericLessThan", "NumericLessThanPath";
    "The number at `variable` is greater than `value`."
    numeric_greater_than, numeric_greater_than_path, f64 => "NumericGreaterThan", "NumericGreaterThanPath";
    "The number at `variable` is at most `value`."
    numeric_less_than_equals, numeric_less_than_equals_path, f64 => "NumericLessThanEquals", "NumericLessThanEqualsPath";
    "The number at `variable` is at least `value`."
    numeric_greater_than_equals, numeric_greater_than_equals_path, f64 => "NumericGreaterThanEquals", "NumericGreaterThanEqualsPath";
    "The moment at `variable` is `value`."
    timestamp_equals, timestamp_equals_path, &str => "TimestampEquals", "TimestampEqualsPath";
    "The moment at `variable` is before `value`."
    timestamp_less_than, timestamp_less_than_path, &str => "TimestampLessThan", "TimestampLessThanPath";
    "The moment at `variable` is after `value`."
    timestamp_greater_than, timestamp_greater_than_path, &str => "TimestampGreaterThan", "TimestampGreaterThanPath";
    "The moment at `variable` is or is before `value`."
    timestamp_less_than_equals, timestamp_less_than_equals_path, &str => "TimestampLessThanEquals", "TimestampLessThanEqualsPath";
    "The moment at `variable` is or is after `value`."
    timestamp_greater_than_equals, timestamp_greater_than_equals_path, &str => "TimestampGreaterThanEquals", "TimestampGreaterThanEqualsPath";
    "The truth value at `variable` is `value`."
    boolean_equals, boolean_equals_path, bool => "BooleanEquals", "BooleanEqualsPath";
}

macro_rules! tests {
    ($($doc:literal $name:ident => $operator:literal;)*) => {
        impl ChoiceRule {$(
            #[doc = $doc]
            pub fn $name(variable: impl Into<Path>, value: bool) -> Self {
                ChoiceRule::compare(variable, $operator, json!(value))
            }
        )*}
    };
}

tests! {
    "Whether the value is null." is_null => "IsNull";
    "Whether there is a value at all." is_present => "IsPresent";
    "Whether the value is text." is_string => "IsString";
    "Whether the value is a number." is_numeric => "IsNumeric";
    "Whether the value is `true` or `false`." is_boolean => "IsBoolean";
    "Whether the value is text with an RFC 3339 timestamp." is_timestamp => "IsTimestamp";
}

impl ChoiceRule {
    /// The text matches a pattern in which `*` stands for any characters.
    pub fn string_matches(variable: impl Into<Path>, pattern: &str) -> Self {
        ChoiceRule::compare(variable, "StringMatches", json!(pattern))
    }

    /// All of the rules hold.
    pub fn and(rules: impl IntoIterator<Item = ChoiceRule>) -> Self {
        ChoiceRule { rule: Rule::All(rules.into_iter().collect()) }
    }

    /// One of the rules holds.
    pub fn or(rules: impl IntoIterator<Item = ChoiceRule>) -> Self {
        ChoiceRule { rule: Rule::Any(rules.into_iter().collect()) }
    }

    /// The rule does not hold.
    #[expect(
        clippy::should_implement_trait,
        reason = "the States Language's own word, beside `and` and `or`"
    )]
    pub fn not(rule: ChoiceRule) -> Self {
        ChoiceRule { rule: Rule::Not(Box::new(rule)) }
    }

    fn compare(variable: impl Into<Path>, operator: &'static str, value: Value) -> Self {
        ChoiceRule {
            rule: Rule::Compare { variable: variable.into().into_value(), operator, value },
        }
    }

    pub(super) fn to_value(&self, paths: &mut Paths) -> Result<Value, BuildError> {
        let mut all = |rules: &[ChoiceRule]| match rules {
            [] => Err(BuildError::BadValue {
                place: "And/Or of a Choice rule".to_owned(),
                value: "empty".to_owned(),
                reason: "it needs at least one rule".to_owned(),
            }),
            rules => rules.iter().map(|rule| rule.to_value(paths)).collect::<Result<Vec<_>, _>>(),
        };
        Ok(match &self.rule {
            Rule::All(rules) => json!({ "And": all(rules)? }),
            Rule::Any(rules) => json!({ "Or": all(rules)? }),
            Rule::Not(rule) => json!({ "Not": rule.to_value(paths)? }),
            Rule::Compare { variable, operator, value } => {
                let variable = paths.text(variable)?;
                check_path(&variable, "the variable of a Choice rule")?;
                let value = paths.text(value)?;
                if operator.ends_with("Path") {
                    check_path(&value, "the value of a Choice rule")?;
                }
                if operator.starts_with("Timestamp")
                    && !operator.ends_with("Path")
                    && value.as_str().is_none_or(|text| text.parse::<jiff::Timestamp>().is_err())
                {
                    return Err(BuildError::BadValue {
                        place: format!("{operator} of a Choice rule"),
                        value: value.to_string(),
                        reason: "it must be an RFC 3339 timestamp such as 2026-03-14T01:59:00Z"
                            .to_owned(),
                    });
                }
                Value::Object(Map::from_iter([
                    ("Variable".to_owned(), variable),
                    (operator.to_string(), value),
                ]))
            }
        })
    }
}

fn check_path(path: &Value, place: &str) -> Result<(), BuildError> {
    match path.as_str() {
        Some(text) if text.starts_with('$') => Ok(()),
        _ => Err(BuildError::BadPath {
            path: path.as_str().unwrap_or("null").to_owned(),
            place: place.to_owned(),
        }),
    }
}
