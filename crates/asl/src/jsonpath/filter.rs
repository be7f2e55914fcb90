//! `[?(…)]`: which elements pass.

use std::borrow::Cow;
use std::cmp::Ordering;

use serde_json::Value;

use super::Query;
use crate::expression::{Budget, values_in};

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Filter {
    And(Vec<Filter>),
    Or(Vec<Filter>),
    Not(Box<Filter>),
    Exists(Operand),
    Compare(Operand, Comparison, Operand),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Operand {
    /// `@…`: below the element.
    Current(Query),
    /// `$…`: below the root of the document.
    Root(Query),
    Value(Value),
    Regex(Pattern),
}

/// A regular expression, equal to another one by its text.
#[derive(Clone, Debug)]
pub(super) struct Pattern(regex::Regex);

impl From<regex::Regex> for Pattern {
    fn from(regex: regex::Regex) -> Pattern {
        Pattern(regex)
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Pattern) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Matches,
    In,
    NotIn,
    SubsetOf,
    AnyOf,
    NoneOf,
    All,
    Contains,
    Size,
    Empty,
}

impl Filter {
    pub(super) fn passes(&self, current: &Value, root: &Value, budget: &Budget) -> bool {
        if !budget.steps(4) {
            return false;
        }
        let passes = |filter: &Filter| filter.passes(current, root, budget);
        match self {
            Filter::And(all) => all.iter().all(passes),
            Filter::Or(any) => any.iter().any(passes),
            Filter::Not(inner) => !passes(inner),
            Filter::Exists(operand) => operand.value(current, root, budget).is_some(),
            Filter::Compare(left, comparison, right) => {
                let left = left.value(current, root, budget);
                if let Operand::Regex(Pattern(regex)) = right {
                    let Some(Value::String(text)) = left.as_deref() else { return false };
                    let may = *comparison == Comparison::Matches && budget.steps(text.len() as u64);
                    return may && regex.is_match(text);
                }
                compare(left, *comparison, right.value(current, root, budget), budget)
            }
        }
    }
}

impl Operand {
    pub(super) fn value<'v>(
        &'v self,
        current: &'v Value,
        root: &'v Value,
        budget: &Budget,
    ) -> Option<Cow<'v, Value>> {
        match self {
            Operand::Current(query) => query.find(current, budget).ok(),
            Operand::Root(query) => query.find(root, budget).ok(),
            Operand::Value(value) => Some(Cow::Borrowed(value)),
            Operand::Regex(_) => None,
        }
    }
}

/// Two values of different kinds are never equal and never in order; so is a value with none at all.
fn compare(
    left: Option<Cow<Value>>,
    comparison: Comparison,
    right: Option<Cow<Value>>,
    budget: &Budget,
) -> bool {
    if let (Some(left), Some(right)) = (&left, &right) {
        let (left, right) = (values_in(left), values_in(right));
        let each_with_each = matches!(
            comparison,
            Comparison::SubsetOf | Comparison::AnyOf | Comparison::NoneOf | Comparison::All
        );
        let cost = if each_with_each { left.saturating_mul(right) } else { left + right };
        if !budget.steps(cost) {
            return false;
        }
    }
    if comparison == Comparison::NotEqual {
        return !matches!((&left, &right), (Some(left), Some(right)) if equal(left, right));
    }
    let (Some(left), Some(right)) = (left, right) else { return false };
    let order = || match (&*left, &*right) {
        (Value::Number(left), Value::Number(right)) => left.as_f64()?.partial_cmp(&right.as_f64()?),
        (Value::String(left), Value::String(right)) => {
            Some(left.encode_utf16().cmp(right.encode_utf16()))
        }
        _ => None,
    };
    let listed = |value: &Value, list: &Value| {
        list.as_array().is_some_and(|list| list.iter().any(|item| equal(value, item)))
    };
    let each = |list: &Value| list.as_array().cloned().unwrap_or_default();
    match comparison {
        Comparison::Equal => equal(&left, &right),
        Comparison::NotEqual => false,
        Comparison::Less => order() == Some(Ordering::Less),
        Comparison::LessEqual => matches!(order(), Some(Ordering::Less | Ordering::Equal)),
        Comparison::Greater => order() == Some(Ordering::Greater),
        Comparison::GreaterEqual => matches!(order(), Some(Ordering::Greater | Ordering::Equal)),
        Comparison::Matches => false,
        Comparison::In => listed(&left, &right),
        Comparison::NotIn => right.is_array() && !listed(&left, &right),
        Comparison::SubsetOf => {
            left.is_array() && each(&left).iter().all(|item| listed(item, &right))
        }
        Comparison::AnyOf => each(&left).iter().any(|item| listed(item, &right)),
        Comparison::NoneOf => {
            left.is_array() && !each(&left).iter().any(|item| listed(item, &right))
        }
        Comparison::All => right.is_array() && each(&right).iter().all(|item| listed(item, &left)),
        Comparison::Contains => match (&*left, &*right) {
            (Value::String(text), Value::String(part)) => text.contains(part.as_str()),
            _ => listed(&right, &left),
        },
        Comparison::Size => right.as_u64().is_some_and(|size| length(&left) == Some(size)),
        Comparison::Empty => {
            right.as_bool().is_some_and(|empty| length(&left).is_some_and(|l| (l == 0) == empty))
        }
    }
}

/// JSON equality in which `1` and `1.0` are the same number.
pub(super) fn equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => {
            left == right || left.as_f64() == right.as_f64()
        }
        _ => left == right,
    }
}

fn length(value: &Value) -> Option<u64> {
    match value {
        Value::String(text) => Some(text.chars().count() as u64),
        Value::Array(items) => Some(items.len() as u64),
        Value::Object(members) => Some(members.len() as u64),
        _ => None,
    }
}
