//! `[?(…)]`: which elements pass.

use std::borrow::Cow;
use std::cell::RefCell;
use std::cmp::Ordering;
use std::collections::HashMap;

use jsonata::environment::Seen;
use regex::Regex;
use regex_syntax::ast::parse::Parser;
use regex_syntax::hir::{Class, Hir, HirKind};
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

/// A regular expression. It is compiled when it is used: a definition may hold more of them than can be compiled in a
/// second, or kept.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Pattern(String);

thread_local! {
    static COMPILED: RefCell<HashMap<String, Regex>> = RefCell::new(HashMap::new());
}

/// Bytes of a pattern.
const PATTERN_BYTES_MAX: usize = 16 << 10;

impl Pattern {
    /// None if it is no pattern, or too long.
    pub(super) fn new(text: String) -> Option<Pattern> {
        let is_pattern = text.len() <= PATTERN_BYTES_MAX && Parser::new().parse(&text).is_ok();
        is_pattern.then_some(Pattern(text))
    }

    fn matches(&self, text: &str, budget: &Budget) -> bool {
        let Pattern(pattern) = self;
        if budget.is_new_pattern(pattern) && !budget.steps(self.compilation(budget))
            || !budget.steps(text.len() as u64)
        {
            return false;
        }
        COMPILED.with_borrow_mut(|compiled| {
            if let Some(regex) = compiled.get(pattern) {
                return regex.is_match(text);
            }
            let Ok(regex) = Regex::new(pattern) else {
                budget.steps(u64::MAX);
                return false;
            };
            let matches = regex.is_match(text);
            if compiled.len() >= Seen::MAX {
                compiled.clear();
            }
            compiled.insert(pattern.clone(), regex);
            matches
        })
    }

    /// What it takes to compile the pattern, in steps; all there are if it cannot be compiled. To find that out is
    /// work, too, and counted.
    fn compilation(&self, budget: &Budget) -> u64 {
        let Pattern(pattern) = self;
        let ignores_case = pattern.match_indices("(?").any(|(at, opening)| {
            let flags = pattern[at + opening.len()..].chars();
            flags.take_while(|flag| flag.is_ascii_alphabetic() || *flag == '-').any(|f| f == 'i')
        });
        let classes = if ignores_case { pattern.matches('[').count() } else { 0 };
        if !budget.steps((Seen::FOLDED_CLASS * classes + 16 * pattern.len()) as u64) {
            return u64::MAX;
        }
        regex_syntax::parse(pattern).map_or(u64::MAX, |syntax| size(&syntax).saturating_mul(4))
    }
}

/// How large a pattern is when what is repeated is written out: a character, or a range of a class, is one.
fn size(syntax: &Hir) -> u64 {
    match syntax.kind() {
        HirKind::Empty | HirKind::Look(_) => 1,
        HirKind::Literal(literal) => literal.0.len() as u64,
        HirKind::Class(Class::Unicode(class)) => class.ranges().len() as u64,
        HirKind::Class(Class::Bytes(class)) => class.ranges().len() as u64,
        HirKind::Capture(group) => size(&group.sub),
        HirKind::Repetition(repetition) => {
            let times = repetition.max.unwrap_or(repetition.min.saturating_add(1));
            size(&repetition.sub).saturating_mul(u64::from(times))
        }
        HirKind::Concat(parts) | HirKind::Alternation(parts) => {
            parts.iter().map(size).fold(0, u64::saturating_add)
        }
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
                if let Operand::Regex(pattern) = right {
                    let Some(Value::String(text)) = left.as_deref() else { return false };
                    return *comparison == Comparison::Matches && pattern.matches(text, budget);
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
