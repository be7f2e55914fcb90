//! Numbers and lists as Python prints them: the container is Python, and its messages and answers show it.

/// `repr` of a float: `1.0`, `0.1`, `1e-05`, `1e+16`, `nan`, `inf`.
pub fn float(value: f64) -> String {
    if value.is_nan() {
        return "nan".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    // `{:e}` gives the shortest digits that read back as the same number, which is also Python's choice.
    let scientific = format!("{value:e}");
    let Some((digits, exponent)) = scientific.split_once('e') else { return scientific };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..16).contains(&exponent) {
        return format!("{value:?}");
    }
    format!("{digits}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs())
}

/// `repr` of a `float32` turned into a Python float, as `numpy`'s `tolist` does.
pub fn float32(value: f32) -> String {
    float(f64::from(value))
}

/// `repr` of a string.
pub fn string(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push(quote);
    for character in text.chars() {
        match character {
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            character if character == quote => {
                quoted.push('\\');
                quoted.push(character);
            }
            character => quoted.push(character),
        }
    }
    quoted.push(quote);
    quoted
}

/// `repr` of a list whose items are printed already.
pub fn list(items: impl IntoIterator<Item = String>) -> String {
    format!("[{}]", items.into_iter().collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    #[test]
    fn as_python_prints() {
        for (value, expected) in [
            (1.0, "1.0"),
            (0.1, "0.1"),
            (3.5e-5, "3.5e-05"),
            (0.0001, "0.0001"),
            (1e16, "1e+16"),
            (123456789012345680.0, "1.2345678901234568e+17"),
            (1e15, "1000000000000000.0"),
            (-2.5, "-2.5"),
            (f64::NAN, "nan"),
            (f64::NEG_INFINITY, "-inf"),
            (-0.0, "-0.0"),
        ] {
            assert_eq!(super::float(value), expected);
        }
        assert_eq!(super::float32(0.438_619_08), "0.43861907720565796");
        assert_eq!(super::string("it's"), r#""it's""#);
        assert_eq!(super::string("a\nb"), r"'a\nb'");
    }
}
