//! From the string on the wire to a value, as Python's `int`, `float` and literals read it.

use super::{Kind, Parsed};

/// The value, or nothing if the text does not have the type's form.
pub(super) fn value(kind: Kind, text: &str) -> Option<Parsed> {
    match kind {
        Kind::Integer(..) => integer(text).map(Parsed::Integer),
        Kind::Float(..) => float(text).map(Parsed::Float),
        Kind::Choice(_) | Kind::Names(_) => Some(Parsed::Text(text.to_owned())),
        Kind::List(_) => Some(Parsed::List(text.split(',').map(str::to_owned).collect())),
        Kind::Tuple(_) => tuple(text).map(Parsed::Tuple),
        Kind::NestedList { .. } => nested(text).map(Parsed::Nested),
    }
}

fn integer(text: &str) -> Option<i128> {
    without_underscores(text.trim())?.parse().ok()
}

fn float(text: &str) -> Option<f64> {
    let text = without_underscores(text.trim())?;
    // Rust reads everything Python reads, and both read `inf` and `nan` in any case.
    text.parse().ok()
}

/// Python allows one underscore between two digits.
fn without_underscores(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let lone = |at: usize| {
        at > 0
            && bytes[at - 1].is_ascii_digit()
            && bytes.get(at + 1).is_some_and(u8::is_ascii_digit)
    };
    bytes
        .iter()
        .enumerate()
        .all(|(at, byte)| *byte != b'_' || lone(at))
        .then(|| text.replace('_', ""))
}

/// `(1, 0, -1)`, also in square brackets or bare.
fn tuple(text: &str) -> Option<Vec<i64>> {
    let text = text.trim();
    let inner = text
        .strip_prefix('(')
        .and_then(|text| text.strip_suffix(')'))
        .or_else(|| text.strip_prefix('[').and_then(|text| text.strip_suffix(']')))
        .unwrap_or(text);
    let inner = inner.trim();
    inner
        .strip_suffix(',')
        .unwrap_or(inner)
        .split(',')
        .map(|item| item.trim().parse().ok())
        .collect()
}

/// `[[1, 2], [3]]`; Python's other spelling with parentheses is read too.
fn nested(text: &str) -> Option<Vec<Vec<i64>>> {
    serde_json::from_str(&text.replace('(', "[").replace(')', "]").replace(",]", "]")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_python_reads() {
        for (text, expected) in [
            ("5", Some(5)),
            (" 7\n", Some(7)),
            ("1_000", Some(1000)),
            ("+2", Some(2)),
            ("5.0", None),
            ("1__0", None),
            ("", None),
        ] {
            assert_eq!(integer(text), expected, "{text:?}");
        }
        for (text, expected) in [
            ("0.3", Some(0.3)),
            ("1e-2", Some(0.01)),
            (".5", Some(0.5)),
            ("inf", Some(f64::INFINITY)),
            ("abc", None),
        ] {
            assert_eq!(float(text), expected, "{text:?}");
        }
        assert_eq!(tuple("(1, 0,-1)"), Some(vec![1, 0, -1]));
        assert_eq!(tuple("(1,)"), Some(vec![1]));
        assert_eq!(tuple("(a)"), None);
        assert_eq!(nested("[[1,2],[3]]"), Some(vec![vec![1, 2], vec![3]]));
        assert_eq!(nested("[1,2]"), None);
    }
}
