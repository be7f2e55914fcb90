//! How wide text is, and how it is cut into lines.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// The width in cells of a terminal.
pub(super) fn cells(text: &str) -> usize {
    text.width()
}

/// The width in pixels at a font size, near enough for the sans-serif fonts that browsers have; rather
/// too wide than too narrow.
pub(super) fn pixels(text: &str, size: f64) -> f64 {
    let ems: f64 =
        text.chars()
            .map(|character| match character {
                'i' | 'j' | 'l' | '\'' | '|' | '.' | ',' | ':' | ';' | '!' => 0.3,
                'f' | 't' | 'r' | 'I' | '(' | ')' | '[' | ']' | '{' | '}' | ' ' | '/' | '-'
                | '"' => 0.38,
                'm' | 'w' | 'M' | 'W' | '@' | '%' => 0.9,
                '=' | '<' | '>' | '+' | '~' | '&' => 0.64,
                'A'..='Z' => 0.72,
                _ if character.is_ascii() => 0.58,
                _ => match character.width() {
                    None | Some(0) => 0.0,
                    Some(1) => 0.62,
                    Some(_) => 1.0,
                },
            })
            .sum();
    ems * size
}

/// Cuts text to what fits, by `width`, with an ellipsis if anything is lost.
pub(super) fn cut(text: &str, most: f64, width: impl Fn(&str) -> f64) -> String {
    if width(text) <= most {
        return text.to_owned();
    }
    let mut kept = String::new();
    for character in text.chars() {
        kept.push(character);
        if width(&kept) + width("…") > most {
            kept.pop();
            break;
        }
    }
    format!("{}…", kept.trim_end())
}

/// Breaks text into lines that fit: at spaces, else behind punctuation, else anywhere. What does not fit
/// into `lines` lines is cut.
pub(super) fn wrap(
    text: &str,
    most: f64,
    lines: usize,
    width: impl Fn(&str) -> f64,
) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        if found.len() + 1 == lines || width(rest) <= most {
            found.push(cut(rest, most, &width));
            break;
        }
        let mut fits = 0;
        let mut good = None;
        for (at, character) in rest.char_indices() {
            let end = at + character.len_utf8();
            if width(rest[..end].trim_end()) > most {
                break;
            }
            fits = end;
            if character.is_whitespace() || (!character.is_alphanumeric() && at > 0) {
                good = Some(end);
            }
        }
        // Not even one character fits: it stands there all the same.
        let first = rest.chars().next().map_or(1, char::len_utf8);
        let at = good.filter(|good| *good * 3 > fits).unwrap_or(fits).max(first);
        found.push(rest[..at].trim_end().to_owned());
        rest = rest[at..].trim_start();
    }
    if found.is_empty() {
        found.push(String::new());
    }
    found
}

/// A duration for people: `0.4 s`, `12 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`.
pub(super) fn duration(milliseconds: i64) -> String {
    let seconds = milliseconds.max(0) / 1000;
    match seconds {
        0..10 => format!("{:.1} s", milliseconds.max(0) as f64 / 1000.0),
        10..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds % 86_400 / 3600),
    }
}
