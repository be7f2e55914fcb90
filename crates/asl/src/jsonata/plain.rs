//! Plain JSONata, as `stepwell eval` and the reference's test suite want it.

use serde_json::{Map, Value};

use super::{messages, run};
use crate::Moment;

/// An expression that does not parse or fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// `S0202`, `T2001`, `D3137`, …; none for what has none.
    pub code: Option<String>,
    /// What is wrong, without the code.
    pub message: String,
}

/// What a plain evaluation may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Nodes and rounds of loops.
    pub steps: u64,
    /// Evaluations within each other; none leaves it to the evaluator (30,000).
    pub depth: Option<usize>,
}

impl Default for Bounds {
    /// Less than a second of work.
    fn default() -> Bounds {
        Bounds { steps: 4_000_000, depth: None }
    }
}

/// Evaluates an expression with `input` as context item; without input the context is undefined, and so
/// is a result of `None`.
///
/// # Errors
///
/// It does not parse, fails, or is ended because it does not end by itself.
pub fn evaluate_plain(
    expression: &str,
    input: Option<&Value>,
    bindings: &Map<String, Value>,
    moment: Moment,
    bounds: Bounds,
) -> Result<Option<Value>, Failure> {
    run::plainly(&run::parse(expression)?, input, bindings, moment, bounds)
}

impl Failure {
    pub(super) fn parsing(text: &str) -> Failure {
        Failure::coded(text)
    }

    pub(super) fn evaluating(text: &str) -> Failure {
        Failure::coded(text)
    }

    pub(super) fn internal() -> Failure {
        Failure { code: None, message: INTERNAL.to_owned() }
    }

    pub(super) fn out_of_memory() -> Failure {
        Failure::coded(jsonata::environment::OUT_OF_MEMORY)
    }

    /// `D3030: Cannot …` is a code and a text.
    fn coded(text: &str) -> Failure {
        let text = text.strip_prefix("Signature validation failed: ").unwrap_or(text);
        match jsonata::evaluator::error_code_prefix(text) {
            Some(code) => Failure {
                code: Some(code.to_owned()),
                message: messages::text_of(code, text[code.len() + 1..].trim_start()),
            },
            None => Failure { code: None, message: text.to_owned() },
        }
    }

    /// Whether the evaluator itself broke down.
    pub(super) fn is_internal(&self) -> bool {
        self.code.is_none() && self.message == INTERNAL
    }
}

const INTERNAL: &str = "The expression could not be evaluated because of an internal error.";

impl std::error::Error for Failure {}

impl std::fmt::Display for Failure {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(code) = &self.code {
            write!(formatter, "{code}: ")?;
        }
        formatter.write_str(&self.message)
    }
}
