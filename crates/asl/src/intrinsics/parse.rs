//! From text to a [`Call`].

use serde_json::Value;

use super::{Argument, Call, FUNCTIONS, NESTING_MAX};
use crate::expression::Path;

pub(super) fn call(text: &str) -> Result<Call, String> {
    let mut parser = Parser { text, at: 0 };
    parser.skip_blanks();
    let call = parser.call(1)?;
    parser.skip_blanks();
    if parser.at < text.len() {
        Err(format!("Unexpected text after the call: {}", parser.rest()))
    } else {
        Ok(call)
    }
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Parser<'t> {
    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn eat(&mut self, token: &str) -> bool {
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    fn skip_blanks(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }

    fn call(&mut self, depth: usize) -> Result<Call, String> {
        if depth > NESTING_MAX {
            return Err(format!("Calls are nested more than {NESTING_MAX} deep"));
        }
        let start = self.at;
        if !self.eat("States.") {
            return Err("A function begins with 'States.'".to_owned());
        }
        let length =
            self.rest().find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(self.rest().len());
        let name = &self.rest()[..length];
        self.at += length;
        let function = FUNCTIONS
            .iter()
            .position(|function| function.name == name)
            .ok_or_else(|| format!("There is no function 'States.{name}'"))?;
        self.skip_blanks();
        if !self.eat("(") {
            return Err(format!("Expected '(' after 'States.{name}'"));
        }
        let mut arguments = Vec::new();
        self.skip_blanks();
        if !self.eat(")") {
            loop {
                self.skip_blanks();
                let argument = self.argument(depth)?;
                arguments.push(match argument {
                    // `States.Format` still has to tell `\\{}` from `{}`.
                    Argument::Literal(Value::String(text))
                        if name != "Format" || !arguments.is_empty() =>
                    {
                        Argument::Literal(Value::String(unescaped(&text)))
                    }
                    argument => argument,
                });
                self.skip_blanks();
                if self.eat(")") {
                    break;
                }
                if !self.eat(",") {
                    return Err(format!("Expected ',' or ')' in the call of 'States.{name}'"));
                }
            }
        }
        let (least, most) = FUNCTIONS[function].arguments;
        if arguments.len() < least || arguments.len() > most {
            return Err(format!("'States.{name}' cannot take {} arguments", arguments.len()));
        }
        Ok(Call { text: self.text[start..self.at].to_owned(), function, arguments })
    }

    fn argument(&mut self, depth: usize) -> Result<Argument, String> {
        match self.peek() {
            Some('\'') => self.string().map(|text| Argument::Literal(Value::String(text))),
            Some('$') => self.path().map(Argument::Path),
            Some('S') => self.call(depth + 1).map(Argument::Call),
            _ => {
                let rest = self.rest();
                let length = rest
                    .find(|c: char| c == ',' || c == ')' || c.is_whitespace())
                    .unwrap_or(rest.len());
                let word = &rest[..length];
                match serde_json::from_str::<Value>(word) {
                    Ok(value @ (Value::Null | Value::Bool(_) | Value::Number(_))) => {
                        self.at += length;
                        Ok(Argument::Literal(value))
                    }
                    _ => Err(format!("'{word}' is no argument")),
                }
            }
        }
    }

    /// A text in single quotes. `\'`, `\{`, `\}` and `\\` stand for the character itself; braces keep
    /// their backslash, so that `States.Format` can tell them from its placeholders.
    fn string(&mut self) -> Result<String, String> {
        self.at += 1;
        let mut text = String::new();
        let mut characters = self.rest().char_indices();
        while let Some((at, character)) = characters.next() {
            match character {
                '\'' => {
                    self.at += at + 1;
                    return Ok(text);
                }
                '\\' => match characters.next() {
                    Some((_, escaped @ ('{' | '}'))) => {
                        text.push('\\');
                        text.push(escaped);
                    }
                    Some((_, '\\')) => text.push_str("\\\\"),
                    Some((_, '\'')) => text.push('\''),
                    Some((_, other)) => {
                        return Err(format!(
                            "'\\{other}' is no escape; use '\\\\' for a backslash"
                        ));
                    }
                    None => break,
                },
                other => text.push(other),
            }
        }
        Err("A text is not closed".to_owned())
    }

    /// A path ends at a comma or parenthesis outside of its own brackets, parentheses and quotes.
    fn path(&mut self) -> Result<Path, String> {
        let mut depth = 0usize;
        let mut quote = None;
        let mut escaped = false;
        let rest = self.rest();
        let mut length = rest.len();
        for (at, character) in rest.char_indices() {
            if escaped {
                escaped = false;
                continue;
            }
            match (quote, character) {
                (Some(_), '\\') => escaped = true,
                (Some(open), close) if open == close => quote = None,
                (Some(_), _) => {}
                (None, '\'' | '"') => quote = Some(character),
                (None, '[' | '(') => depth += 1,
                (None, ']') => depth = depth.saturating_sub(1),
                (None, ')') if depth > 0 => depth -= 1,
                (None, ')' | ',') if depth == 0 => {
                    length = at;
                    break;
                }
                _ => {}
            }
        }
        let text = rest[..length].trim_end();
        let path = Path::parse(text).map_err(|error| error.to_string())?;
        self.at += text.len();
        Ok(path)
    }
}

/// A literal text as functions other than `States.Format` see it: without the backslashes of escapes.
fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => plain.extend(characters.next()),
            other => plain.push(other),
        }
    }
    plain
}
