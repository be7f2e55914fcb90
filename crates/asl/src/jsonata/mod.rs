//! JSONata, in two dialects: AWS's (2.0.6 with six functions more, no context item, bounds) for states, and
//! the plain one (2.2.2) for `stepwell eval`.
//!
//! The evaluator is `crates/jsonata`. An evaluation sees nothing but its scope: time and dice come from the
//! [`Moment`](crate::Moment), and what it may use is counted in steps and bytes.

mod functions;
mod messages;
mod plain;
mod references;
mod run;

use std::cell::RefCell;
use std::sync::Arc;

use jsonata::ast::AstNode;
use jsonata::exact::Integers;
use jsonata::value::JValue;
use serde_json::Value;

use crate::expression::{EvaluationError, Scope, type_name};

pub use plain::{Bounds, Failure, evaluate_plain};
pub(crate) use references::{Part, References};

/// A compiled JSONata expression: what stands between `{%` and `%}`. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct Jsonata(Arc<Compiled>);

#[derive(Debug)]
struct Compiled {
    text: String,
    program: AstNode,
    references: References,
}

/// Why an expression is refused when its definition is validated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// `INVALID_JSONATA_EXPRESSION`, `UNSUPPORTED_JSONATA_EXPRESSION`.
    pub code: &'static str,
    /// What is wrong, one text a finding.
    pub messages: Vec<String>,
}

impl Jsonata {
    /// Compiles an expression of AWS's dialect.
    ///
    /// # Errors
    ///
    /// It does not parse, or it uses what the dialect does not have.
    pub fn compile(text: &str) -> Result<Jsonata, Refused> {
        let invalid = |message: String| Refused {
            code: "INVALID_JSONATA_EXPRESSION",
            messages: vec![message],
        };
        let program = run::parse(text).map_err(|error| invalid(error.message))?;
        let references = References::of(&program);
        if let Some(symbol) = &references.newer {
            return Err(invalid(format!(
                "The symbol \"{symbol}\" cannot be used as a unary operator"
            )));
        }
        if !references.unsupported.is_empty() {
            return Err(Refused {
                code: "UNSUPPORTED_JSONATA_EXPRESSION",
                messages: references.unsupported,
            });
        }
        Ok(Jsonata(Arc::new(Compiled { text: text.to_owned(), program, references })))
    }

    /// As written, without the delimiters.
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// What it reads.
    pub(crate) fn references(&self) -> &References {
        &self.0.references
    }

    /// What the expression gives. `field` names it in errors and in EvaluationFailed's location.
    ///
    /// # Errors
    ///
    /// `States.QueryEvaluationError`: it failed, or gave nothing.
    pub fn evaluate(&self, scope: &Scope, field: &str) -> Result<Value, EvaluationError> {
        self.evaluate_in(&Session::new(scope), field)
    }

    /// The same for one of several expressions of a template, which share their session.
    pub(crate) fn evaluate_in(
        &self,
        session: &Session,
        field: &str,
    ) -> Result<Value, EvaluationError> {
        let specified = || {
            format!("The JSONata expression '{}' specified for the field '{field}'", self.text())
        };
        match run::in_state(&self.0.program, &self.0.references, session, field) {
            Ok(Some(value)) => Ok(value),
            Ok(None) => Err(EvaluationError::query(
                format!("{} returned nothing (undefined).", specified()),
                field,
            )),
            Err(failure) => Err(EvaluationError::query(
                format!("{} threw an {}", specified(), messages::in_state(&failure)),
                field,
            )),
        }
    }

    /// The failure of a field whose expression gave something of the wrong type. `expected` is
    /// JSON's word: `array`, `number`, `string`, `boolean`, `object`.
    pub fn unexpected_type(&self, field: &str, expected: &str, value: &Value) -> EvaluationError {
        EvaluationError::query(
            format!(
                "The JSONata expression '{}' specified for the field '{field}' returned an unexpected result type. Expected '{expected}', but was '{}' for value: {value}",
                self.text(),
                type_name(value)
            ),
            field,
        )
    }
}

/// What the expressions of one template share: what they read of `$states`, converted once.
pub(crate) struct Session<'s> {
    pub scope: &'s Scope<'s>,
    /// Arrays and objects with what became of them, known by where they are.
    converted: RefCell<Vec<(*const Value, JValue)>>,
    /// Whole numbers among it that no double holds.
    integers: RefCell<Integers>,
}

impl<'s> Session<'s> {
    pub(crate) fn new(scope: &'s Scope<'s>) -> Session<'s> {
        Session { scope, converted: RefCell::default(), integers: RefCell::default() }
    }

    /// A member of `$states`, if it exists here, as far as it is read.
    fn member(&self, name: &str, part: &Part) -> Option<JValue> {
        let value: &'s Value = match name {
            "input" => self.scope.input,
            "context" => self.scope.context,
            "result" => self.scope.result?,
            "errorOutput" => self.scope.error_output?,
            _ => return None,
        };
        Some(self.convert(value, part))
    }

    /// The members of objects that are read by name, and no others: an input may be large.
    fn convert(&self, value: &'s Value, part: &Part) -> JValue {
        match value {
            Value::Object(members) if !part.whole => {
                let read = part.members.iter().filter_map(|(name, part)| {
                    Some((name.clone(), self.convert(members.get(name)?, part)))
                });
                JValue::object(read.collect())
            }
            Value::Object(_) | Value::Array(_) => {
                let mut converted = self.converted.borrow_mut();
                if let Some((_, known)) = converted.iter().find(|(at, _)| std::ptr::eq(*at, value))
                {
                    return known.clone();
                }
                let made = JValue::from(value);
                converted.push((value, made.clone()));
                made
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                JValue::from(value)
            }
        }
    }
}
