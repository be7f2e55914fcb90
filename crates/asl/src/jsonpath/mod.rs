//! JSONPath as AWS has it: the semantics of Jayway's implementation, down to the texts of its failures.
//!
//! A *definite* path names at most one value and gives that value; an *indefinite* one (wildcard,
//! slice, union of indexes, filter, deep scan) gives an array of all it finds, which may be empty.

mod filter;
mod function;
mod parse;
mod search;

use std::borrow::Cow;
use std::fmt;

use serde_json::Value;

use crate::expression::Budget;
use filter::Filter;
pub use function::Function;

/// A compiled path below its root (`$`).
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    steps: Vec<Step>,
    function: Option<Function>,
    definite: bool,
}

/// One step of a path.
#[derive(Clone, Debug, PartialEq)]
enum Step {
    /// `.a`, `['a']`.
    Name(String),
    /// `['a','b']`.
    Names(Vec<String>),
    /// `[0]`, `[-1]`.
    Index(i64),
    /// `[0,2]`.
    Indexes(Vec<i64>),
    /// `[1:3]`.
    Slice(Option<i64>, Option<i64>),
    /// `.*`, `[*]`.
    Wildcard,
    /// `..`: the next step is tried on every container below.
    Scan,
    /// `[?(…)]`.
    Filter(Filter),
}

/// Why a text is no path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxError(pub String);

impl fmt::Display for SyntaxError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A definite path found nothing. The text is Jayway's, which AWS shows: `No results for path: $['a']`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing(pub String);

impl Query {
    /// Compiles what follows the root: `.a[0]`, the empty text for the root itself.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Query, SyntaxError> {
        parse::query(text)
    }

    /// Whether the path names at most one value.
    pub fn is_definite(&self) -> bool {
        self.definite
    }

    /// Whether the path is the root itself.
    pub fn is_root(&self) -> bool {
        self.steps.is_empty() && self.function.is_none()
    }

    /// The names and indexes of a reference path; `None` if it is more than that.
    pub fn segments(&self) -> Option<Vec<crate::definition::Segment>> {
        use crate::definition::Segment;
        if self.function.is_some() {
            return None;
        }
        self.steps
            .iter()
            .map(|step| match step {
                Step::Name(name) => Some(Segment::Name(name.clone())),
                Step::Index(index) => usize::try_from(*index).ok().map(Segment::Index),
                _ => None,
            })
            .collect()
    }

    /// What the path finds below `root`.
    ///
    /// # Errors
    ///
    /// A definite path that finds nothing, a path that asks for members of something that has none, or one
    /// that asks for more than the budget has room for.
    pub fn find<'v>(&self, root: &'v Value, budget: &Budget) -> Result<Cow<'v, Value>, Missing> {
        search::find(self, root, budget)
    }
}

/// The path in Jayway's bracket form, as its messages show it.
impl fmt::Display for Query {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("$")?;
        for step in &self.steps {
            write!(formatter, "{step}")?;
        }
        if let Some(function) = &self.function {
            write!(formatter, ".{}()", function.name())?;
        }
        Ok(())
    }
}

impl fmt::Display for Step {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::Name(name) => write!(formatter, "['{name}']"),
            Step::Names(names) => write!(formatter, "['{}']", names.join("','")),
            Step::Index(index) => write!(formatter, "[{index}]"),
            Step::Indexes(indexes) => {
                let indexes: Vec<String> = indexes.iter().map(i64::to_string).collect();
                write!(formatter, "[{}]", indexes.join(","))
            }
            Step::Slice(from, to) => {
                let side =
                    |bound: &Option<i64>| bound.map(|bound| bound.to_string()).unwrap_or_default();
                write!(formatter, "[{}:{}]", side(from), side(to))
            }
            Step::Wildcard => formatter.write_str("[*]"),
            Step::Scan => formatter.write_str(".."),
            Step::Filter(_) => formatter.write_str("[?]"),
        }
    }
}

#[cfg(test)]
mod tests;
