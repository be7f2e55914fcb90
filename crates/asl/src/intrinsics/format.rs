//! `States.Format(template, a, b, …)`: the template with each `{}` replaced by the next argument.

use serde_json::Value;

use super::as_text;
use crate::Dice;

pub(super) fn call(arguments: &[Value], _: &mut Dice) -> Result<Value, String> {
    let template = as_text(&arguments[0])?;
    let mut values = arguments[1..].iter();
    let mut text = String::with_capacity(template.len());
    let mut characters = template.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\\' if matches!(characters.peek(), Some('{' | '}' | '\\' | '\'')) => {
                text.extend(characters.next());
            }
            '{' if characters.peek() == Some(&'}') => {
                characters.next();
                let value = values.next().ok_or_else(mismatch)?;
                text.push_str(&java_text(value));
            }
            other => text.push(other),
        }
    }
    if values.next().is_some() { Err(mismatch()) } else { Ok(Value::String(text)) }
}

fn mismatch() -> String {
    "The number of arguments do not match the occurrences of {} in the template string".to_owned()
}

/// As AWS's Java prints the value: `{name=value, list=[1, 2]}`.
fn java_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => match number.as_f64() {
            Some(double) if number.is_f64() => java_double(double),
            _ => number.to_string(),
        },
        Value::Array(items) => {
            format!("[{}]", items.iter().map(java_text).collect::<Vec<_>>().join(", "))
        }
        Value::Object(members) => {
            let members: Vec<String> = members
                .iter()
                .map(|(name, member)| format!("{name}={}", java_text(member)))
                .collect();
            format!("{{{}}}", members.join(", "))
        }
        other => other.to_string(),
    }
}

/// `Double.toString`: plain between 0.001 and 10,000,000, else with an exponent.
fn java_double(number: f64) -> String {
    let size = number.abs();
    if size == 0.0 || (1e-3..1e7).contains(&size) {
        return format!("{number:?}");
    }
    let text = format!("{number:e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    if digits.contains('.') {
        format!("{digits}E{exponent}")
    } else {
        format!("{digits}.0E{exponent}")
    }
}

#[cfg(test)]
mod tests {
    use super::java_double;

    #[test]
    fn doubles_are_printed_as_java_does() {
        for (number, text) in [
            (1.0, "1.0"),
            (1.1, "1.1"),
            (1e20, "1.0E20"),
            (1.5e-7, "1.5E-7"),
            (0.0, "0.0"),
            (123456.5, "123456.5"),
        ] {
            assert_eq!(java_double(number), text);
        }
    }
}
