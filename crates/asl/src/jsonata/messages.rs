//! Error texts as AWS writes them: jsonata-js's, behind a sentence of its own.

use super::plain::Failure;

/// What follows `… threw an `.
pub(super) fn in_state(failure: &Failure) -> String {
    if failure.is_internal() {
        return "internal error during evaluation.".to_owned();
    }
    match failure.code.as_deref() {
        // Bounds have no code at AWS.
        Some("D1011") => {
            "error during evaluation: Stack overflow error: Check for non-terminating recursive function. Consider rewriting as tail-recursive.".to_owned()
        }
        Some("U1001" | "U1002" | "D1012" | "D2014" | "D2015") => {
            format!("error during evaluation: {}", failure.message)
        }
        Some(code) => format!("error during evaluation. {code}: {}", failure.message),
        None => format!("error during evaluation: {}", failure.message),
    }
}

/// A parser's text without code, with the symbols themselves for the names of tokens.
pub(super) fn without_code(text: &str) -> String {
    text.to_owned()
}
