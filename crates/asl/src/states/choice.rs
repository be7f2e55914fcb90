//! The Choice state: the first rule that matches leads on.

use serde_json::Value;

use crate::definition::Condition;
use crate::expression::{EvaluationError, Scope};

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
            Condition::Compare { .. } => Ok(false),
        }
    }
}
