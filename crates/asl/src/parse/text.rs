//! JSON text, looked at before it is parsed: nesting that would exhaust the stack and states of the same name.

use std::collections::HashSet;

use serde_json::Value;

use crate::limits::DEFINITION_DEPTH_MAX;
use crate::validate::{Diagnostic, Severity};

/// The document, or why there is none.
pub(super) fn document(text: &str) -> Result<Value, Vec<Diagnostic>> {
    if text.trim().is_empty() {
        return Err(vec![error(
            "MISSING_DESCRIPTION",
            "The workflow definition is empty",
            "/".into(),
        )]);
    }
    let scan = scan(text);
    if scan.too_deep {
        return Err(vec![error(
            "TOO_DEEPLY_NESTED",
            "The states are too deeply nested",
            "/".into(),
        )]);
    }
    let document = serde_json::from_str(text).map_err(|broken| vec![syntax(text, &broken)])?;
    if scan.duplicates.is_empty() {
        return Ok(document);
    }
    Err(scan
        .duplicates
        .into_iter()
        .map(|name| {
            let location = format!("/States/{name}");
            error("DUPLICATE_STATE_NAME", &format!("Duplicate State name: {name}"), location)
        })
        .collect())
}

fn error(code: &'static str, message: &str, location: String) -> Diagnostic {
    Diagnostic {
        severity: Severity::Error,
        code,
        message: message.to_owned(),
        location: Some(location),
    }
}

#[derive(Default)]
struct Scan {
    too_deep: bool,
    duplicates: Vec<String>,
}

/// One pass over the characters; knows strings, braces and colons, nothing else of JSON.
fn scan(text: &str) -> Scan {
    let mut found = Scan::default();
    let bytes = text.as_bytes();
    // For each open container: the names seen if it is the object of `States`.
    let mut open: Vec<Option<HashSet<&str>>> = Vec::new();
    let mut last: Option<&str> = None;
    let mut key = "";
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'"' => {
                let start = at + 1;
                at = start;
                while at < bytes.len() && bytes[at] != b'"' {
                    at += if bytes[at] == b'\\' { 2 } else { 1 };
                }
                last = text.get(start..at.min(text.len()));
            }
            b':' => {
                if let Some(name) = last.take() {
                    key = name;
                    if let Some(Some(names)) = open.last_mut()
                        && !names.insert(name)
                    {
                        found.duplicates.push(name.to_owned());
                    }
                }
            }
            b'{' => {
                open.push((key == "States").then(HashSet::new));
                key = "";
            }
            b'[' => {
                open.push(None);
                key = "";
            }
            b'}' | b']' => {
                open.pop();
            }
            b',' => key = "",
            _ => {}
        }
        if open.len() > DEFINITION_DEPTH_MAX {
            found.too_deep = true;
            return found;
        }
        at += 1;
    }
    found
}

/// A syntax error as AWS's JSON parser words it.
fn syntax(text: &str, broken: &serde_json::Error) -> Diagnostic {
    let (line, column) = (broken.line().max(1), broken.column());
    let offset: usize = text.split_inclusive('\n').take(line - 1).map(str::len).sum::<usize>()
        + column.saturating_sub(1);
    let rest = text.get(offset.min(text.len())..).unwrap_or_default();
    let before = &text[..text.floor_char_boundary(offset)];
    let word_start = before.trim_end_matches(|c: char| c.is_ascii_alphanumeric()).len();
    let word: String =
        text[word_start..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
    let (message, column) = if broken.is_eof() {
        (
            "Unexpected end-of-input: expected close marker for Object or Array".to_owned(),
            column + 1,
        )
    } else if !word.is_empty() && !word.starts_with(|c: char| c.is_ascii_digit()) {
        let line_start = text[..word_start].rfind('\n').map_or(0, |newline| newline + 1);
        (
            format!(
                "Unrecognized token '{word}': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')"
            ),
            word_start - line_start + word.len() + 1,
        )
    } else if let Some(found) = rest.chars().next() {
        (format!("Unexpected character ('{found}' (code {})): {broken}", found as u32), column + 1)
    } else {
        (broken.to_string(), column)
    };
    let shown: String = text.chars().take(500).collect();
    let left_out = text.chars().count() - shown.chars().count();
    let truncated =
        if left_out > 0 { format!("[truncated {left_out} chars]") } else { String::new() };
    let location =
        format!("[Source: (String)\"{shown}\"{truncated}; line: {line}, column: {column}]");
    error("INVALID_JSON_DESCRIPTION", &message, location)
}
