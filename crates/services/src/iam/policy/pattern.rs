//! Patterns of policies: `*`, `?` and policy variables.
//!
//! A variable's *value* is text: a user who is called `*` matches nothing but `*`. So a pattern is kept
//! as tokens, and values enter it as literal bytes.

use super::Keys;

/// A compiled pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern {
    source: String,
    tokens: Vec<Token>,
    has_variables: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Byte(u8),
    /// `?`: one character.
    One,
    /// `*`: any characters, none too.
    Any,
    Variable(Box<Variable>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Variable {
    key: String,
    default: Option<String>,
}

/// How letters compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Case {
    Sensitive,
    Ignored,
}

impl Pattern {
    /// A pattern with wildcards; `variables` where the document's version and the place know them.
    pub fn wildcards(source: &str, variables: bool) -> Pattern {
        Pattern::compile(source, true, variables)
    }

    /// A text in which `*` and `?` are letters.
    pub fn literal(source: &str, variables: bool) -> Pattern {
        Pattern::compile(source, false, variables)
    }

    /// As the document has it.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The keys of its variables.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        // Most patterns have none, and every call comes through here.
        let tokens = if self.has_variables { &self.tokens[..] } else { &[] };
        tokens.iter().filter_map(|token| match token {
            Token::Variable(variable) => Some(variable.key.as_str()),
            _ => None,
        })
    }

    /// Whether the text is of this pattern. A variable that the request has no single value for, and
    /// that has no default, makes a pattern that nothing matches.
    pub fn matches(&self, text: &str, keys: &Keys, case: Case) -> bool {
        match self.expanded(keys) {
            Some(tokens) => glob(&tokens, text.as_bytes(), case),
            None => false,
        }
    }

    /// Compares as ARNs: each of the six parts by itself, so that no wildcard reaches over a colon but
    /// in the last.
    pub fn matches_arn(&self, text: &str, keys: &Keys) -> bool {
        let Some(tokens) = self.expanded(keys) else { return false };
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        if parts.len() < 6 || parts[0] != "arn" {
            return false;
        }
        let patterns: Vec<&[Token]> =
            tokens.splitn(6, |token| *token == Token::Byte(b':')).collect();
        if patterns.len() < 6 {
            // Too few parts: only a wildcard at the end may stand for the rest.
            return tokens.last() == Some(&Token::Any)
                && glob(&tokens, text.as_bytes(), Case::Sensitive);
        }
        let pairs = patterns.iter().zip(parts);
        pairs.into_iter().all(|(part, text)| glob(part, text.as_bytes(), Case::Sensitive))
    }

    fn compile(source: &str, wildcards: bool, variables: bool) -> Pattern {
        let mut tokens = Vec::with_capacity(source.len());
        let mut rest = source;
        while let Some(letter) = rest.chars().next() {
            if variables && let Some((token, after)) = variable(rest) {
                tokens.push(token);
                rest = after;
                continue;
            }
            match letter {
                '*' if wildcards => tokens.push(Token::Any),
                '?' if wildcards => tokens.push(Token::One),
                _ => tokens.extend(rest.bytes().take(letter.len_utf8()).map(Token::Byte)),
            }
            rest = &rest[letter.len_utf8()..];
        }
        let has_variables = tokens.iter().any(|token| matches!(token, Token::Variable(_)));
        Pattern { source: source.to_owned(), tokens, has_variables }
    }

    /// The tokens with every variable replaced by the letters of its value.
    fn expanded(&self, keys: &Keys) -> Option<std::borrow::Cow<'_, [Token]>> {
        if !self.has_variables {
            return Some((&self.tokens).into());
        }
        let mut expanded = Vec::with_capacity(self.tokens.len());
        for token in &self.tokens {
            match token {
                Token::Variable(variable) => {
                    let value = keys.single(&variable.key).or(variable.default.as_deref())?;
                    expanded.extend(value.bytes().map(Token::Byte));
                }
                token => expanded.push(token.clone()),
            }
        }
        Some(expanded.into())
    }
}

/// A `${…}` at the start of a text, and what follows it.
fn variable(text: &str) -> Option<(Token, &str)> {
    let (inside, after) = text.strip_prefix("${")?.split_once('}')?;
    let token = match inside {
        "*" | "?" | "$" => Token::Byte(inside.as_bytes()[0]),
        _ => {
            let (key, default) = match inside.split_once(',') {
                Some((key, default)) => {
                    let default = default.trim().strip_prefix('\'')?.strip_suffix('\'')?;
                    (key, Some(default.to_owned()))
                }
                None => (inside, None),
            };
            Token::Variable(Box::new(Variable { key: key.trim().to_ascii_lowercase(), default }))
        }
    };
    Some((token, after))
}

/// Whether the bytes match; remembers only the last `*`, which is enough.
fn glob(pattern: &[Token], text: &[u8], case: Case) -> bool {
    let (mut token, mut at) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    loop {
        let step = match pattern.get(token) {
            Some(Token::Any) => {
                star = Some((token + 1, at));
                token += 1;
                continue;
            }
            Some(Token::One) => text.get(at).and_then(|byte| width(*byte)),
            Some(Token::Byte(byte)) => {
                let same = |found: &&u8| match case {
                    Case::Sensitive => *found == byte,
                    Case::Ignored => found.eq_ignore_ascii_case(byte),
                };
                text.get(at).filter(same).map(|_| 1)
            }
            Some(Token::Variable(_)) => None,
            None if at == text.len() => return true,
            None => None,
        };
        match (step, star) {
            (Some(step), _) => {
                token += 1;
                at += step;
            }
            (None, Some((after, from))) if from < text.len() => {
                star = Some((after, from + 1));
                token = after;
                at = from + 1;
            }
            (None, _) => return false,
        }
    }
}

/// The length of the character that begins with this byte; none inside a character.
fn width(byte: u8) -> Option<usize> {
    match byte {
        0x00..=0x7f => Some(1),
        0xc0..=0xdf => Some(2),
        0xe0..=0xef => Some(3),
        0xf0..=0xff => Some(4),
        0x80..=0xbf => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, text: &str) -> bool {
        let mut keys = Keys::new();
        keys.set("aws:username", "a*b");
        keys.set_all("aws:TagKeys", vec!["one".into(), "two".into()]);
        Pattern::wildcards(pattern, true).matches(text, &keys, Case::Sensitive)
    }

    #[test]
    fn wildcards_and_variables() {
        for (pattern, text) in [
            ("*", ""),
            ("a*c*e", "abcde"),
            ("*aab", "aaaab"),
            ("?", "é"),
            ("home/${aws:username}/*", "home/a*b/x"),
            ("${AWS:UserName}", "a*b"),
            ("${*}${?}${$}", "*?$"),
            ("${aws:missing, 'x*'}", "x*"),
            ("${unclosed", "${unclosed"),
        ] {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [
            ("", "a"),
            ("?", ""),
            ("a?c", "abbc"),
            ("home/${aws:username}/*", "home/aXb/x"),
            ("${aws:missing}", ""),
            ("${aws:missing}", "${aws:missing}"),
            ("${aws:missing, 'x*'}", "xy"),
            ("${aws:TagKeys}", "one"),
        ] {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
    }

    #[test]
    fn an_arn_is_compared_part_by_part() {
        let matches = |pattern: &str, text: &str| {
            Pattern::wildcards(pattern, true).matches_arn(text, &Keys::new())
        };
        assert!(matches("arn:aws:sns:*:123456789012:*", "arn:aws:sns:us-east-1:123456789012:a:b"));
        assert!(!matches("arn:aws:sns:*:topic", "arn:aws:sns:us-east-1:123456789012:topic"));
        assert!(!matches("arn:*:123456789012:x:y:z", "arn:aws:sns:us-east-1:123456789012:x"));
    }
}
