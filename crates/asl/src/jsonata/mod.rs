//! AWS's dialect of JSONata.

mod references;

use std::sync::Arc;

use jsonata_core::ast::AstNode;
use jsonata_core::evaluator::{Context, Evaluator, EvaluatorOptions};
use jsonata_core::value::JValue;
use serde_json::Value;

use crate::expression::{EvaluationError, Scope, type_name};

pub(crate) use references::References;

/// A compiled JSONata expression: what stands between `{%` and `%}`.
#[derive(Clone, Debug)]
pub struct Jsonata {
    text: String,
    program: Arc<AstNode>,
    references: Arc<References>,
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
    /// Compiles an expression.
    ///
    /// # Errors
    ///
    /// It does not parse, or it uses what AWS's dialect does not have.
    pub fn compile(text: &str) -> Result<Jsonata, Refused> {
        let program = jsonata_core::parser::parse(text).map_err(|error| Refused {
            code: "INVALID_JSONATA_EXPRESSION",
            messages: vec![error.to_string()],
        })?;
        let references = References::of(&program);
        if !references.unsupported.is_empty() {
            return Err(Refused {
                code: "UNSUPPORTED_JSONATA_EXPRESSION",
                messages: references.unsupported,
            });
        }
        Ok(Jsonata {
            text: text.to_owned(),
            program: Arc::new(program),
            references: Arc::new(references),
        })
    }

    /// As written, without the delimiters.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What it reads.
    pub(crate) fn references(&self) -> &References {
        &self.references
    }

    /// What the expression gives. `field` names it in errors and in EvaluationFailed's location.
    ///
    /// # Errors
    ///
    /// `States.QueryEvaluationError`: it failed, or gave nothing.
    pub fn evaluate(&self, scope: &Scope, field: &str) -> Result<Value, EvaluationError> {
        let mut context = Context::new();
        let mut states = serde_json::Map::new();
        states.insert("input".into(), scope.input.clone());
        let context_value: &Value = scope.context;
        states.insert("context".into(), context_value.clone());
        if let Some(result) = scope.result {
            states.insert("result".into(), result.clone());
        }
        if let Some(error_output) = scope.error_output {
            states.insert("errorOutput".into(), error_output.clone());
        }
        context.bind("states".into(), JValue::from(Value::Object(states)));
        for name in &self.references.variables {
            if let Some(value) = scope.variables.get(name) {
                context.bind(name.clone(), JValue::from(value.clone()));
            }
        }
        let mut evaluator = Evaluator::with_options(context, EvaluatorOptions::default());
        let result = evaluator.evaluate(&self.program, &JValue::Undefined).map_err(|error| {
            let separator = if error.code().is_some() { ". " } else { ": " };
            EvaluationError::query(
                format!(
                    "The JSONata expression '{}' specified for the field '{field}' threw an error during evaluation{separator}{}",
                    self.text,
                    error.message()
                ),
                field,
            )
        })?;
        if result.is_undefined() {
            return Err(EvaluationError::query(
                format!(
                    "The JSONata expression '{}' specified for the field '{field}' returned nothing (undefined).",
                    self.text
                ),
                field,
            ));
        }
        let text = result.to_json_string().unwrap_or_default();
        serde_json::from_str(&text)
            .map_err(|error| EvaluationError::query(error.to_string(), field))
    }

    /// The failure of a field whose expression gave something of the wrong type. `expected` is
    /// JSON's word: `array`, `number`, `string`, `boolean`, `object`.
    pub fn unexpected_type(&self, field: &str, expected: &str, value: &Value) -> EvaluationError {
        EvaluationError::query(
            format!(
                "The JSONata expression '{}' specified for the field '{field}' returned an unexpected result type. Expected '{expected}', but was '{}' for value: {value}",
                self.text,
                type_name(value)
            ),
            field,
        )
    }
}
