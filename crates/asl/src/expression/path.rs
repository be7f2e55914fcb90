//! A JSONPath with its root: `$.a`, `$$.Execution.Id`, `$variable.a`.

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::Value;

use super::{EvaluationError, SPENT, Scope};
use crate::jsonpath::{Missing, Query, SyntaxError};

/// A compiled JSONPath: of the state's input (`$`), the context object (`$$`) or a variable (`$name`).
/// Cloning is cheap.
#[derive(Clone, Debug)]
pub struct Path(Arc<Compiled>);

#[derive(Debug)]
struct Compiled {
    text: String,
    root: Root,
    query: Query,
}

/// What a path begins at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Root {
    /// `$`.
    Input,
    /// `$$`.
    Context,
    /// `$name`.
    Variable(String),
}

impl Path {
    /// Compiles a path.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Path, SyntaxError> {
        let Some(rest) = text.strip_prefix('$') else {
            return Err(SyntaxError("A path begins with '$'".to_owned()));
        };
        let (root, rest) = match rest.strip_prefix('$') {
            Some(rest) => (Root::Context, rest),
            None => match rest.find(['.', '[']).unwrap_or(rest.len()) {
                0 => (Root::Input, rest),
                length => {
                    let (name, rest) = rest.split_at(length);
                    if !is_variable_name(name) {
                        return Err(SyntaxError(format!("'{name}' is not a variable's name")));
                    }
                    (Root::Variable(name.to_owned()), rest)
                }
            },
        };
        let query = Query::parse(rest)?;
        Ok(Path(Arc::new(Compiled { text: text.to_owned(), root, query })))
    }

    /// As written.
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// What it begins at.
    pub fn root(&self) -> &Root {
        &self.0.root
    }

    /// What follows the root.
    pub fn query(&self) -> &Query {
        &self.0.query
    }

    /// What the path finds: the value of a definite path, an array for an indefinite one.
    ///
    /// # Errors
    ///
    /// `States.Runtime` when a definite path finds nothing. AWS has two texts: fields of templates
    /// (`value.$`), `ErrorPath` and `CausePath` say that the path could not be found in the input, all
    /// other fields say what Jayway says.
    pub fn evaluate(&self, scope: &Scope, field: &str) -> Result<Value, EvaluationError> {
        let of_template = field.ends_with(".$") || field == "ErrorPath" || field == "CausePath";
        if *self.root() == Root::Input && scope.input.is_null() {
            // AWS's library takes no null; a task that returns none makes such an input.
            let cause = "Unable to apply Path transformation to null or empty input.";
            return Err(EvaluationError::runtime(cause));
        }
        self.look_up(scope).map(Cow::into_owned).or_else(|missing| {
            self.check_spent(scope)?;
            if of_template && self.finds_nothing_gently(scope) {
                return Ok(Value::Array(Vec::new()));
            }
            Err(EvaluationError::runtime(if of_template {
                format!(
                    "The JSONPath '{}' specified for the field '{field}' could not be found in the input '{}'",
                    self.0.text, scope.input
                )
            } else {
                format!("Invalid path '{}' : {}", self.0.text, missing.0)
            }))
        })
    }

    /// What the path finds, or `None` when a definite path finds nothing.
    pub fn find(&self, scope: &Scope) -> Option<Value> {
        match self.look_up(scope) {
            Ok(found) => Some(found.into_owned()),
            Err(_) => self.finds_nothing_gently(scope).then(|| Value::Array(Vec::new())),
        }
    }

    /// Fails where what the path asks for was more than its field may take.
    ///
    /// # Errors
    ///
    /// `States.Runtime`.
    pub(crate) fn check_spent(&self, scope: &Scope) -> Result<(), EvaluationError> {
        match scope.budget.is_spent() {
            true => {
                Err(EvaluationError::runtime(format!("Invalid path '{}' : {SPENT}", self.0.text)))
            }
            false => Ok(()),
        }
    }

    /// In templates an indefinite path over something that is not there gives an empty array.
    fn finds_nothing_gently(&self, scope: &Scope) -> bool {
        let defined = match &self.0.root {
            Root::Variable(name) => scope.variables.get(name).is_some(),
            _ => true,
        };
        defined && !self.0.query.is_definite()
    }

    /// What the path finds, borrowed where it can be.
    ///
    /// # Errors
    ///
    /// Jayway's text when a definite path finds nothing.
    pub fn look_up<'s>(&self, scope: &'s Scope) -> Result<Cow<'s, Value>, Missing> {
        let root: &Value = match &self.0.root {
            Root::Input => scope.input,
            Root::Context => scope.context,
            Root::Variable(name) => scope
                .variables
                .get(name)
                .ok_or_else(|| Missing(format!("The variable '${name}' is not defined")))?,
        };
        self.0.query.find(root, scope.budget)
    }
}

/// Whether a variable may have this name: a letter, then letters, digits and `_` (of any script).
/// How long it may be is asked where it is assigned.
pub(crate) fn is_variable_name(name: &str) -> bool {
    let mut characters = name.chars();
    characters.next().is_some_and(char::is_alphabetic)
        && characters.all(|character| character.is_alphanumeric() || character == '_')
}
