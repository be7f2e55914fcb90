//! What the evaluation of one field may cost. A definition is somebody's text: it may ask for `$..a..a..a` of a
//! deep document, for the whole input forty thousand times over, or for as many heavy expressions.

use std::cell::{Cell, RefCell};

use jsonata::environment::Seen;
use serde_json::Value;

/// Values looked at, nodes of expressions and rounds of loops: well below a second.
const STEPS_MAX: u64 = 12_000_000;
/// Bytes of all values that are made.
const BYTES_MAX: u64 = 256 << 20;

/// What a value takes besides its texts.
const VALUE_BYTES: u64 = 32;
const MEMBER_BYTES: u64 = 64;

/// What is told of an evaluation that has used all it may.
pub(crate) const SPENT: &str =
    "its evaluation takes more steps or more memory than one field of a state may take";

/// What the evaluation of one field may still cost. It counts work, never time: the same evaluation ends the same
/// way on every machine.
#[derive(Debug)]
pub struct Budget {
    steps: Cell<u64>,
    bytes: Cell<u64>,
    patterns: RefCell<Seen>,
}

impl Default for Budget {
    fn default() -> Budget {
        Budget {
            steps: Cell::new(STEPS_MAX),
            bytes: Cell::new(BYTES_MAX),
            patterns: RefCell::default(),
        }
    }
}

impl Budget {
    /// So many steps. `false`: that is more than there are.
    pub(crate) fn steps(&self, count: u64) -> bool {
        take(&self.steps, count)
    }

    /// Whether a pattern comes up for the first time. It is counted then, whether or not it had been compiled before.
    pub(crate) fn is_new_pattern(&self, pattern: &str) -> bool {
        self.patterns.borrow_mut().is_new(&pattern)
    }

    /// A value is about to be copied or has been made. `false`: that is more than fits.
    pub(crate) fn hold(&self, value: &Value) -> bool {
        take(&self.bytes, bytes_of(value))
    }

    /// Whether something was asked for that it had no room for. Then it has room for nothing more.
    pub(crate) fn is_spent(&self) -> bool {
        self.steps.get() == 0 || self.bytes.get() == 0
    }

    /// Steps that are left.
    pub(crate) fn steps_left(&self) -> u64 {
        self.steps.get()
    }

    /// Steps taken so far, a large copy counted as some.
    pub(crate) fn work(&self) -> u64 {
        (STEPS_MAX - self.steps.get()) + (BYTES_MAX - self.bytes.get()) / MEMBER_BYTES
    }
}

fn take(left: &Cell<u64>, count: u64) -> bool {
    let rest = left.get().saturating_sub(count);
    left.set(rest);
    rest > 0
}

/// How many values are in a value, itself included.
pub(crate) fn values_in(value: &Value) -> u64 {
    1 + match value {
        Value::Array(items) => items.iter().map(values_in).sum(),
        Value::Object(members) => members.values().map(values_in).sum(),
        _ => 0,
    }
}

fn bytes_of(value: &Value) -> u64 {
    VALUE_BYTES
        + match value {
            Value::String(text) => text.len() as u64,
            Value::Array(items) => items.iter().map(bytes_of).sum(),
            Value::Object(members) => {
                let member = |(name, member): (&String, &Value)| {
                    MEMBER_BYTES + name.len() as u64 + bytes_of(member)
                };
                members.iter().map(member).sum()
            }
            _ => 0,
        }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::expression::{LazyContext, NoVariables, Scope, Template};
    use crate::{Moment, Timestamp};

    #[test]
    fn expressions_of_one_field_share_what_they_may_take() {
        let make = || json!({});
        let evaluated = |count: usize| {
            let work = json!("{% $count($map([1..1000], function($x) { $x })) %}");
            let template = Template::jsonata(&vec![work; count].into(), &mut Vec::new());
            let budget = Budget { steps: Cell::new(10_000), ..Budget::default() };
            let scope = Scope {
                input: &json!({}),
                context: &LazyContext::new(&make),
                variables: &NoVariables,
                result: None,
                error_output: None,
                moment: Moment { now: Timestamp(0), seed: 1 },
                budget: &budget,
            };
            template.evaluate(&scope, "Output")
        };
        assert_eq!(evaluated(2), Ok(json!([1000, 1000])));
        let failed = evaluated(20).unwrap_err();
        assert_eq!(failed.error, "States.QueryEvaluationError");
        assert!(failed.cause.contains("timeout"), "{}", failed.cause);
    }
}
