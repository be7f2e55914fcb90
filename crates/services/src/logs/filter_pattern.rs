//! Filter patterns: terms (`error "out of memory" -debug ?a ?b`), `%regex%`, and comparisons of JSON
//! events (`{ $.level = "ERROR" && $.code > 3 }`).

use regex::Regex;
use serde_json::Value;

use crate::Error;

/// A compiled pattern. The empty one matches everything.
#[derive(Clone, Debug)]
pub struct FilterPattern(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Terms { all: Vec<String>, any: Vec<String>, none: Vec<String> },
    Regex(Regex),
    Json(Test),
}

#[derive(Clone, Debug)]
enum Test {
    And(Box<Test>, Box<Test>),
    Or(Box<Test>, Box<Test>),
    Compare { path: Vec<String>, operator: String, operand: String },
}

impl FilterPattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// `InvalidParameterException` for a pattern that cannot be read, and for the forms that are not served.
    pub fn parse(text: &str) -> Result<FilterPattern, Error> {
        let text = text.trim();
        if let Some(body) = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
            let mut words = words(body)?;
            words.reverse();
            let test = disjunction(&mut words)?;
            return if words.is_empty() {
                Ok(FilterPattern(Kind::Json(test)))
            } else {
                Err(bad(text))
            };
        }
        if text.len() > 1
            && let Some(body) = text.strip_prefix('%').and_then(|rest| rest.strip_suffix('%'))
        {
            return Regex::new(body)
                .map(|regex| FilterPattern(Kind::Regex(regex)))
                .map_err(|_| bad(text));
        }
        if text.starts_with('[') {
            return Err(Error::new(
                "InvalidParameterException",
                "Stepwell does not serve space-delimited filter patterns; use terms or a JSON pattern",
            ));
        }
        let (mut all, mut any, mut none) = (Vec::new(), Vec::new(), Vec::new());
        for word in words(text)? {
            match word.chars().next() {
                Some('-') if word.len() > 1 => none.push(unquote(&word[1..])),
                Some('?') if word.len() > 1 => any.push(unquote(&word[1..])),
                _ => all.push(unquote(&word)),
            }
        }
        Ok(FilterPattern(Kind::Terms { all, any, none }))
    }

    /// Whether an event's text matches.
    pub fn matches(&self, text: &str) -> bool {
        match &self.0 {
            Kind::Terms { all, any, none } => {
                all.iter().all(|term| text.contains(term))
                    && (any.is_empty() || any.iter().any(|term| text.contains(term)))
                    && !none.iter().any(|term| text.contains(term))
            }
            Kind::Regex(regex) => regex.is_match(text),
            Kind::Json(test) => {
                serde_json::from_str(text).is_ok_and(|event: Value| test.matches(&event))
            }
        }
    }
}

impl Test {
    fn matches(&self, event: &Value) -> bool {
        match self {
            Test::And(one, other) => one.matches(event) && other.matches(event),
            Test::Or(one, other) => one.matches(event) || other.matches(event),
            Test::Compare { path, operator, operand } => {
                let found = path.iter().try_fold(event, |value, part| match value {
                    Value::Array(items) => items.get(part.parse::<usize>().ok()?),
                    other => other.get(part),
                });
                compare(found, operator, operand)
            }
        }
    }
}

fn compare(found: Option<&Value>, operator: &str, operand: &str) -> bool {
    match (operator, operand) {
        ("NOT", "EXISTS") => return found.is_none(),
        ("IS", word) => {
            let is = match word {
                "TRUE" => &Value::Bool(true),
                "FALSE" => &Value::Bool(false),
                _ => &Value::Null,
            };
            return found == Some(is);
        }
        _ => {}
    }
    let Some(found) = found else { return false };
    let number = operand.parse::<f64>().ok().zip(found.as_f64());
    match (operator, number) {
        ("=", Some((wanted, found))) => found == wanted,
        ("!=", Some((wanted, found))) => found != wanted,
        ("<", Some((wanted, found))) => found < wanted,
        ("<=", Some((wanted, found))) => found <= wanted,
        (">", Some((wanted, found))) => found > wanted,
        (">=", Some((wanted, found))) => found >= wanted,
        ("=", None) => found.as_str().is_some_and(|found| like(&unquote(operand), found)),
        ("!=", None) => found.as_str().is_some_and(|found| !like(&unquote(operand), found)),
        _ => false,
    }
}

/// Equality with `*` at either end.
fn like(pattern: &str, text: &str) -> bool {
    match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(rest), Some(_)) => text.contains(rest.trim_end_matches('*')),
        (Some(end), None) => text.ends_with(end),
        (None, Some(begin)) => text.starts_with(begin),
        (None, None) => text == pattern,
    }
}

/// Splits at blanks; quoted texts, parentheses and operators stand alone.
fn words(text: &str) -> Result<Vec<String>, Error> {
    let (mut words, mut word, mut quoted) = (Vec::new(), String::new(), false);
    for character in text.chars() {
        match character {
            '"' => {
                quoted = !quoted;
                word.push(character);
            }
            _ if quoted => word.push(character),
            ' ' | '\t' | '\n' => words.push(std::mem::take(&mut word)),
            '(' | ')' => {
                words.push(std::mem::take(&mut word));
                words.push(character.to_string());
            }
            _ => word.push(character),
        }
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    if quoted { Err(bad(text)) } else { Ok(words) }
}

fn disjunction(words: &mut Vec<String>) -> Result<Test, Error> {
    let mut test = conjunction(words)?;
    while words.pop_if(|word| word == "||").is_some() {
        test = Test::Or(Box::new(test), Box::new(conjunction(words)?));
    }
    Ok(test)
}

fn conjunction(words: &mut Vec<String>) -> Result<Test, Error> {
    let mut test = atom(words)?;
    while words.pop_if(|word| word == "&&").is_some() {
        test = Test::And(Box::new(test), Box::new(atom(words)?));
    }
    Ok(test)
}

fn atom(words: &mut Vec<String>) -> Result<Test, Error> {
    if words.pop_if(|word| word == "(").is_some() {
        let test = disjunction(words)?;
        words.pop_if(|word| word == ")").ok_or_else(|| bad("("))?;
        return Ok(test);
    }
    let mut word = || words.pop().ok_or_else(|| bad("{ }"));
    let (selector, operator, operand) = (word()?, word()?, word()?);
    let path = selector.strip_prefix('$').ok_or_else(|| bad(&selector))?;
    let path = path.split(['.', '[', ']']).filter(|part| !part.is_empty()).map(unquote).collect();
    Ok(Test::Compare { path, operator, operand })
}

fn unquote(text: &str) -> String {
    text.trim_matches(|character| character == '"' || character == '\'').to_owned()
}

fn bad(text: &str) -> Error {
    Error::new("InvalidParameterException", format!("Invalid filter pattern: `{text}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_written() {
        let cases = [
            ("", "anything", true),
            ("ERROR", "an ERROR here", true),
            ("ERROR Exit", "an ERROR here", false),
            ("\"out of memory\"", "ran out of memory", true),
            ("ERROR -debug", "ERROR in debug", false),
            ("?one ?two", "only two", true),
            ("?one ?two", "three", false),
            ("%a[0-9]+%", "xa12", true),
            ("{ $.level = \"ERR*\" }", r#"{"level":"ERROR"}"#, true),
            ("{ $.code > 3 && $.a[1].b != 2 }", r#"{"code":4,"a":[0,{"b":1}]}"#, true),
            ("{ ($.code > 9) || ($.ok IS TRUE) }", r#"{"code":4,"ok":true}"#, true),
            ("{ $.none NOT EXISTS }", r#"{"code":4}"#, true),
            ("{ $.code = 4 }", "no json", false),
        ];
        for (pattern, text, expected) in cases {
            let compiled = FilterPattern::parse(pattern).unwrap();
            assert_eq!(compiled.matches(text), expected, "{pattern} on {text}");
        }
        assert!(FilterPattern::parse("{ $.a = }").is_err());
        assert!(FilterPattern::parse("[a, b]").is_err());
    }
}
