//! Error texts as the reference writes them, and AWS behind a sentence of its own.

use super::plain::Failure;

/// What follows `… threw an `.
pub(super) fn in_state(failure: &Failure) -> String {
    if failure.is_internal() {
        return "internal error during evaluation.".to_owned();
    }
    let message = &failure.message;
    match failure.code.as_deref() {
        // Bounds have no code at AWS.
        Some("D1011") => {
            "error during evaluation: Stack overflow error: Check for non-terminating recursive function. Consider rewriting as tail-recursive.".to_owned()
        }
        Some("U1001" | "U1002" | "D1012" | "D2015") => format!("error during evaluation: {message}"),
        Some(code) => format!("error during evaluation. {code}: {message}"),
        None => format!("error during evaluation: {message}"),
    }
}

/// The reference's text of a code, where the evaluator words it otherwise.
pub(super) fn text_of(code: &str, message: &str) -> String {
    if let Ok(place) = FIXED.binary_search_by_key(&code, |(code, _)| code) {
        return FIXED[place].1.to_owned();
    }
    match code {
        // The operator is quoted there.
        "T2001" | "T2002" => match message.split_once(" of the ") {
            Some((side, rest)) if !rest.starts_with('"') => {
                format!("{side} of the \"{}", rest.replacen(' ', "\" ", 1))
            }
            _ => message.to_owned(),
        },
        _ => message.to_owned(),
    }
}

/// Texts without anything to fill in.
const FIXED: [(&str, &str); 27] = [
    ("D1004", "Regular expression matches zero length string"),
    ("D2005", "The left side of := must be a variable name (start with $)"),
    ("D3001", "Attempting to invoke string function on Infinity or NaN"),
    ("D3010", "Second argument of replace function cannot be an empty string"),
    ("D3011", "Fourth argument of replace function must evaluate to a positive number"),
    ("D3012", "Attempted to replace a matched string with a non-string value"),
    ("D3020", "Third argument of split function must evaluate to a positive number"),
    ("D3040", "Third argument of match function must evaluate to a positive number"),
    ("D3080", "The picture string must only contain a maximum of two sub-pictures"),
    (
        "D3081",
        "The sub-picture must not contain more than one instance of the 'decimal-separator' character",
    ),
    ("D3082", "The sub-picture must not contain more than one instance of the 'percent' character"),
    (
        "D3083",
        "The sub-picture must not contain more than one instance of the 'per-mille' character",
    ),
    ("D3084", "The sub-picture must not contain both a 'percent' and a 'per-mille' character"),
    (
        "D3085",
        "The mantissa part of a sub-picture must contain at least one character that is either an 'optional digit character' or a member of the 'decimal digit family'",
    ),
    (
        "D3086",
        "The sub-picture must not contain a passive character that is preceded by an active character and that is followed by another active character",
    ),
    (
        "D3087",
        "The sub-picture must not contain a 'grouping-separator' character that appears adjacent to a 'decimal-separator' character",
    ),
    (
        "D3088",
        "The sub-picture must not contain a 'grouping-separator' at the end of the integer part",
    ),
    (
        "D3089",
        "The sub-picture must not contain two adjacent instances of the 'grouping-separator' character",
    ),
    (
        "D3090",
        "The integer part of the sub-picture must not contain a member of the 'decimal digit family' that is followed by an instance of the 'optional digit character'",
    ),
    (
        "D3091",
        "The fractional part of the sub-picture must not contain an instance of the 'optional digit character' that is followed by a member of the 'decimal digit family'",
    ),
    (
        "D3092",
        "A sub-picture that contains a 'percent' or 'per-mille' character must not contain a character treated as an 'exponent-separator'",
    ),
    (
        "D3093",
        "The exponent part of the sub-picture must comprise only of one or more characters that are members of the 'decimal digit family'",
    ),
    (
        "D3138",
        "The $single() function expected exactly 1 matching result.  Instead it matched more.",
    ),
    ("D3139", "The $single() function expected exactly 1 matching result.  Instead it matched 0."),
    ("T1006", "Attempted to invoke a non-function"),
    ("T2003", "The left side of the range operator (..) must evaluate to an integer"),
    ("T2004", "The right side of the range operator (..) must evaluate to an integer"),
];
