//! An execution's input: JSON as the caller wrote it, or AWS's complaint.

use asl::Data;
use serde::Deserialize;
use serde::de::IntoDeserializer;

use crate::Error;

/// The input with its text kept as it was written; `{}` when none was given.
///
/// # Errors
/// `InvalidExecutionInput`, in the words of the parser that AWS uses.
pub(super) fn parse(text: Option<String>) -> Result<Data, Error> {
    let Some(text) = text else { return Ok(Data::default()) };
    let deserializer: serde::de::value::StringDeserializer<serde_json::Error> =
        text.clone().into_deserializer();
    Data::deserialize(deserializer).map_err(|_| {
        Error::new(
            "InvalidExecutionInput",
            format!("Invalid State Machine Execution Input: '{}'", complaint(&text)),
        )
    })
}

/// A task's output, as SendTaskSuccess gives it.
///
/// # Errors
/// `InvalidOutput`, in the words of the same parser.
pub(super) fn parse_output(text: String) -> Result<Data, Error> {
    let deserializer: serde::de::value::StringDeserializer<serde_json::Error> =
        text.clone().into_deserializer();
    Data::deserialize(deserializer)
        .map_err(|_| Error::new("InvalidOutput", format!("Invalid Output: '{}'", complaint(&text))))
}

/// What Jackson, which reads JSON on AWS's side, says of a text that is none.
fn complaint(text: &str) -> String {
    if text.trim().is_empty() {
        return "Invalid execution input.".to_owned();
    }
    let Err(error) = serde_json::from_str::<serde_json::Value>(text) else { return String::new() };
    if error.is_eof() {
        return "Unexpected end-of-input".to_owned();
    }
    let line = text.lines().nth(error.line().saturating_sub(1)).unwrap_or_default();
    let at = error.column().saturating_sub(1).min(line.len());
    let is_word = |character: char| character.is_alphanumeric() || character == '_';
    let head = line.get(..at).unwrap_or_default();
    let start = head.rfind(|character| !is_word(character)).map_or(0, |at| at + 1);
    let word: String =
        line.get(start..).unwrap_or_default().chars().take_while(|c| is_word(*c)).collect();
    let wanted = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')";
    if word.starts_with(char::is_alphabetic) {
        return format!("Unrecognized token '{word}': was expecting {wanted}");
    }
    let character = line.get(at..).and_then(|rest| rest.chars().next()).unwrap_or(' ');
    let code = u32::from(character);
    if error.to_string().starts_with("key must be a string") {
        format!(
            "Unexpected character ('{character}' (code {code})): was expecting double-quote to \
             start field name"
        )
    } else {
        format!(
            "Unexpected character ('{character}' (code {code})): expected a valid value {wanted}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_input_is_refused_in_awss_words() {
        let cases = [
            (
                "not some json",
                "Unrecognized token 'not': was expecting (JSON String, Number, Array, Object or \
                 token 'null', 'true' or 'false')",
            ),
            (
                "{'not': 'json'",
                "Unexpected character (''' (code 39)): was expecting double-quote to start field name",
            ),
            ("", "Invalid execution input."),
            ("{\"a\":", "Unexpected end-of-input"),
        ];
        for (text, expected) in cases {
            let error = parse(Some(text.to_owned())).unwrap_err();
            let expected = format!("Invalid State Machine Execution Input: '{expected}'");
            assert_eq!(error.message, expected, "{text}");
        }
    }

    #[test]
    fn the_text_stays_as_it_was_written() {
        let text = "{\n  \"a\": 1\n}";
        assert_eq!(parse(Some(text.to_owned())).unwrap().text(), text);
        assert_eq!(parse(None).unwrap().text(), "{}");
    }
}
