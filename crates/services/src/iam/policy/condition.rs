//! Conditions: every operator of the policy language, with its set forms and `IfExists`.

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::Keys;
use super::pattern::{Case, Pattern};

/// One key of one operator: all of a statement's conditions must hold, one of the values is enough.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Condition {
    pub operator: Operator,
    pub key: String,
    pub values: Vec<Pattern>,
}

/// `ForAnyValue:StringNotLikeIfExists`, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Operator {
    quantifier: Quantifier,
    test: Test,
    /// `StringNotEquals` rather than `StringEquals`.
    negated: bool,
    if_exists: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Quantifier {
    One,
    All,
    Any,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Test {
    String,
    StringIgnoreCase,
    StringLike,
    Number(Order),
    Date(Order),
    Bool,
    Binary,
    Ip,
    Arn,
    Null,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Equals,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// Name, what it tests, whether it is the negation of that.
#[rustfmt::skip]
const OPERATORS: &[(&str, Test, bool)] = &[
    ("StringEquals", Test::String, false),
    ("StringNotEquals", Test::String, true),
    ("StringEqualsIgnoreCase", Test::StringIgnoreCase, false),
    ("StringNotEqualsIgnoreCase", Test::StringIgnoreCase, true),
    ("StringLike", Test::StringLike, false),
    ("StringNotLike", Test::StringLike, true),
    ("NumericEquals", Test::Number(Order::Equals), false),
    ("NumericNotEquals", Test::Number(Order::Equals), true),
    ("NumericLessThan", Test::Number(Order::Less), false),
    ("NumericLessThanEquals", Test::Number(Order::LessOrEqual), false),
    ("NumericGreaterThan", Test::Number(Order::Greater), false),
    ("NumericGreaterThanEquals", Test::Number(Order::GreaterOrEqual), false),
    ("DateEquals", Test::Date(Order::Equals), false),
    ("DateNotEquals", Test::Date(Order::Equals), true),
    ("DateLessThan", Test::Date(Order::Less), false),
    ("DateLessThanEquals", Test::Date(Order::LessOrEqual), false),
    ("DateGreaterThan", Test::Date(Order::Greater), false),
    ("DateGreaterThanEquals", Test::Date(Order::GreaterOrEqual), false),
    ("Bool", Test::Bool, false),
    ("BinaryEquals", Test::Binary, false),
    ("IpAddress", Test::Ip, false),
    ("NotIpAddress", Test::Ip, true),
    ("ArnEquals", Test::Arn, false),
    ("ArnNotEquals", Test::Arn, true),
    ("ArnLike", Test::Arn, false),
    ("ArnNotLike", Test::Arn, true),
    ("Null", Test::Null, false),
];

impl Operator {
    /// Reads an operator; none for a name that is no operator. The names know no case.
    pub fn parse(name: &str) -> Option<Operator> {
        let (quantifier, name) = match name.split_once(':') {
            None => (Quantifier::One, name),
            Some((set, name)) if set.eq_ignore_ascii_case("ForAllValues") => {
                (Quantifier::All, name)
            }
            Some((set, name)) if set.eq_ignore_ascii_case("ForAnyValue") => (Quantifier::Any, name),
            Some(_) => return None,
        };
        let suffix = name.len().checked_sub("IfExists".len());
        let (name, if_exists) = match suffix.and_then(|at| name.split_at_checked(at)) {
            Some((name, end)) if end.eq_ignore_ascii_case("IfExists") => (name, true),
            _ => (name, false),
        };
        let (_, test, negated) =
            OPERATORS.iter().find(|(known, ..)| known.eq_ignore_ascii_case(name))?;
        // Null asks whether the key is there: asking so only if it is there means nothing.
        if *test == Test::Null && (if_exists || quantifier != Quantifier::One) {
            return None;
        }
        Some(Operator { quantifier, test: *test, negated: *negated, if_exists })
    }

    /// Compiles a value for this operator.
    pub fn pattern(self, text: &str, variables: bool) -> Pattern {
        match self.test {
            Test::StringLike | Test::Arn => Pattern::wildcards(text, variables),
            Test::String | Test::StringIgnoreCase => Pattern::literal(text, variables),
            // The other types know no variables.
            _ => Pattern::literal(text, false),
        }
    }
}

impl Condition {
    /// Whether the request meets the condition.
    pub fn holds(&self, keys: &Keys) -> bool {
        let operator = self.operator;
        let found = keys.get(&self.key).filter(|values| !values.is_empty());
        if operator.test == Test::Null {
            let missing = found.is_none();
            return self.values.iter().any(|value| truth(value.source()) == Some(missing));
        }
        let Some(values) = found else {
            return match operator.quantifier {
                Quantifier::All => true,
                Quantifier::Any => operator.if_exists,
                Quantifier::One => operator.if_exists || operator.negated,
            };
        };
        let listed = |value: &String| {
            self.values.iter().any(|pattern| operator.test.holds(pattern, value, keys))
        };
        match (operator.quantifier, operator.negated) {
            (Quantifier::One, negated) => values.iter().any(listed) != negated,
            (Quantifier::All, negated) => values.iter().all(|value| listed(value) != negated),
            (Quantifier::Any, negated) => values.iter().any(|value| listed(value) != negated),
        }
    }
}

impl Condition {
    /// Whether it holds a request to values that are told one by one, rather than to patterns, to wide
    /// networks, or to anything but a value.
    pub fn is_fixed(&self) -> bool {
        let Operator { quantifier, test, negated, if_exists } = self.operator;
        let fixed = |value: &Pattern| match test {
            Test::Ip => is_narrow(value.source()),
            Test::String | Test::StringIgnoreCase | Test::StringLike | Test::Arn => {
                !value.source().contains(['*', '?', '$'])
            }
            _ => false,
        };
        !negated && !if_exists && quantifier != Quantifier::All && self.values.iter().all(fixed)
    }
}

/// Whether a network is no wider than S3 lets one be that is not everybody's.
fn is_narrow(range: &str) -> bool {
    let (network, bits) = range.split_once('/').unwrap_or((range, "128"));
    let least = if network.contains(':') { 32 } else { 8 };
    bits.parse::<u32>().is_ok_and(|bits| bits >= least)
}

impl Test {
    fn holds(self, pattern: &Pattern, value: &str, keys: &Keys) -> bool {
        let text = pattern.source();
        match self {
            Test::String | Test::StringLike => pattern.matches(value, keys, Case::Sensitive),
            Test::StringIgnoreCase => pattern.matches(value, keys, Case::Ignored),
            Test::Number(order) => order.holds(number(value), number(text)),
            Test::Date(order) => order.holds(date(value), date(text)),
            Test::Bool => truth(text).is_some() && truth(text) == truth(value),
            Test::Binary => {
                let wanted = BASE64.decode(text).ok();
                wanted.is_some() && wanted == BASE64.decode(value).ok()
            }
            Test::Ip => within(text, value),
            Test::Arn => pattern.matches_arn(value, keys),
            Test::Null => false,
        }
    }
}

impl Order {
    /// Whether `left` stands so to `right`; what could not be read stands in no order to anything.
    fn holds<T: PartialOrd>(self, left: Option<T>, right: Option<T>) -> bool {
        let (Some(left), Some(right)) = (left, right) else { return false };
        match self {
            Order::Equals => left == right,
            Order::Less => left < right,
            Order::LessOrEqual => left <= right,
            Order::Greater => left > right,
            Order::GreaterOrEqual => left >= right,
        }
    }
}

fn truth(text: &str) -> Option<bool> {
    match text {
        _ if text.eq_ignore_ascii_case("true") => Some(true),
        _ if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

fn number(text: &str) -> Option<f64> {
    text.trim().parse().ok().filter(|number: &f64| number.is_finite())
}

/// Milliseconds since the epoch, of ISO 8601 in the forms W3C names, or of epoch seconds. Four digits
/// are a year.
fn date(text: &str) -> Option<i64> {
    let text = text.trim();
    if text.len() != 4
        && let Ok(seconds) = text.parse::<f64>()
    {
        return Some((seconds * 1000.0) as i64);
    }
    let padded = match text.len() {
        4 => format!("{text}-01-01T00:00:00Z"),
        7 => format!("{text}-01T00:00:00Z"),
        10 => format!("{text}T00:00:00Z"),
        _ => text.to_owned(),
    };
    let stamp: Result<jiff::Timestamp, _> = padded.parse();
    stamp.ok().map(|stamp| stamp.as_millisecond())
}

/// Whether an address lies in a range (`203.0.113.0/24`, `2001:db8::/32`) or is the address it says.
fn within(range: &str, address: &str) -> bool {
    let (network, bits) = match range.split_once('/') {
        Some((network, bits)) => (network, bits.parse::<u32>().ok()),
        None => (range, Some(128)),
    };
    let (Ok(network), Ok(address), Some(bits)) =
        (network.parse::<IpAddr>(), address.parse::<IpAddr>(), bits)
    else {
        return false;
    };
    match (network, address) {
        (IpAddr::V4(network), IpAddr::V4(address)) => {
            if range.contains('/') && bits > 32 {
                return false;
            }
            let mask = u32::MAX.checked_shl(32 - bits.min(32)).unwrap_or(0);
            network.to_bits() & mask == address.to_bits() & mask
        }
        (IpAddr::V6(network), IpAddr::V6(address)) => {
            if bits > 128 {
                return false;
            }
            let mask = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
            network.to_bits() & mask == address.to_bits() & mask
        }
        _ => false,
    }
}

/// Whether a text is an address or a range.
pub(super) fn is_range(text: &str) -> bool {
    let (network, bits) = text.split_once('/').unwrap_or((text, "0"));
    let most = match network.parse::<IpAddr>() {
        Ok(IpAddr::V4(_)) => 32,
        Ok(IpAddr::V6(_)) => 128,
        Err(_) => return false,
    };
    bits.parse::<u32>().is_ok_and(|bits| bits <= most)
}

impl Operator {
    /// Whether AWS takes this value when the policy is written.
    pub fn takes(self, text: &str) -> bool {
        match self.test {
            Test::Number(_) => number(text).is_some(),
            Test::Date(_) => date(text).is_some(),
            Test::Bool | Test::Null => truth(text).is_some(),
            Test::Ip => is_range(text),
            Test::Binary => BASE64.decode(text).is_ok(),
            Test::String | Test::StringIgnoreCase | Test::StringLike | Test::Arn => true,
        }
    }
}
