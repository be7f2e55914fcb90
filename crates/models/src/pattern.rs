//! The models' regular expressions. They are written for Java; here they are translated for the
//! `fancy-regex` crate, compiled when first needed, and must match the whole string as they do at AWS.

use fancy_regex::{Regex, RegexBuilder};

/// A compiled pattern.
#[derive(Debug)]
pub(crate) struct Pattern(Option<Regex>);

impl Pattern {
    /// Compiles a pattern of a model. One that cannot be translated matches everything: to refuse what
    /// AWS takes is worse than to take what AWS refuses. (A test keeps the list of those short.)
    pub(crate) fn compile(java: &str) -> Pattern {
        Pattern(try_compile(java).ok())
    }

    /// Whether the whole text matches. So does a text on which the matcher gives up.
    pub(crate) fn matches(&self, text: &str) -> bool {
        self.0.as_ref().is_none_or(|regex| regex.is_match(text).unwrap_or(true))
    }
}

fn try_compile(java: &str) -> Result<Regex, Box<fancy_regex::Error>> {
    // A repetition of a large class is unrolled: `[\p{L}\p{P}]{0,1024}` exceeds the compiler's limit.
    try_compile_bounded(java, 9_999).or_else(|_| try_compile_bounded(java, 255))
}

fn try_compile_bounded(java: &str, repetitions_max: u32) -> Result<Regex, Box<fancy_regex::Error>> {
    let regex = format!(r"\A(?:{})\z", translate(java, repetitions_max));
    RegexBuilder::new(&regex).backtrack_limit(100_000).build().map_err(Box::new)
}

/// Java's dialect to Rust's: ASCII `\d \w \s`, POSIX names, `\uXXXX` with surrogate pairs, and hyphens
/// in classes that are no ranges (Rust reads `--` as a difference).
///
/// Upper bounds above `repetitions_max` are left to the shape's own greatest length.
fn translate(java: &str, repetitions_max: u32) -> String {
    let mut out = String::with_capacity(java.len() + 16);
    let mut scan = Scan { chars: java.chars().collect(), at: 0 };
    while let Some(next) = scan.next() {
        match next {
            '\\' => match scan.escape() {
                Item::Char(char) => push_char(&mut out, char),
                Item::Class(class) => out.push_str(&class),
                Item::Verbatim(escape) => out.push_str(&escape),
            },
            '[' => class(&mut scan, &mut out),
            '{' => {
                out.push('{');
                scan.repetition(repetitions_max, &mut out);
            }
            other => out.push(other),
        }
    }
    out
}

/// One class, from behind its `[` to its `]`.
fn class(scan: &mut Scan, out: &mut String) {
    out.push('[');
    if scan.eat('^') {
        out.push('^');
    }
    let mut first = true;
    while let Some(next) = scan.next() {
        let begin = match next {
            ']' if !first => {
                out.push(']');
                return;
            }
            '[' => {
                class(scan, out);
                None
            }
            '&' if scan.peek() == Some('&') => {
                scan.next();
                out.push_str("&&");
                None
            }
            '\\' => match scan.escape() {
                Item::Char(char) => Some(char),
                Item::Class(class) => {
                    out.push_str(&class);
                    None
                }
                Item::Verbatim(escape) => {
                    out.push_str(&escape);
                    None
                }
            },
            other => Some(other),
        };
        first = false;
        let Some(begin) = begin else { continue };
        push_char(out, begin);
        if let Some(end) = scan.range_end() {
            out.push('-');
            push_char(out, end.max(begin));
        }
    }
}

fn push_char(out: &mut String, char: char) {
    if char.is_ascii_alphanumeric() || char == '_' || !char.is_ascii() && !char.is_control() {
        out.push(char);
    } else {
        out.push_str(&format!("\\x{{{:X}}}", char as u32));
    }
}

/// What an escape means.
enum Item {
    Char(char),
    Class(String),
    Verbatim(String),
}

struct Scan {
    chars: Vec<char>,
    at: usize,
}

impl Scan {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += 1;
        Some(next)
    }

    fn eat(&mut self, expected: char) -> bool {
        let found = self.peek() == Some(expected);
        self.at += found as usize;
        found
    }

    /// Behind a character of a class: the other end, if a range begins here.
    fn range_end(&mut self) -> Option<char> {
        let start = self.at;
        if self.eat('-') {
            match self.next() {
                Some('\\') => {
                    if let Item::Char(end) = self.escape() {
                        return Some(end);
                    }
                }
                Some(']' | '[') | None => {}
                Some(end) => return Some(end),
            }
        }
        self.at = start;
        None
    }

    /// Behind a `{`: the bounds of a repetition, if they are any.
    fn repetition(&mut self, repetitions_max: u32, out: &mut String) {
        let digits = |scan: &mut Scan| {
            let start = scan.at;
            while scan.peek().is_some_and(|next| next.is_ascii_digit()) {
                scan.at += 1;
            }
            scan.chars[start..scan.at].iter().collect::<String>()
        };
        out.push_str(&digits(self));
        if self.eat(',') {
            out.push(',');
            let most = digits(self);
            if most.parse::<u32>().is_ok_and(|most| most <= repetitions_max) {
                out.push_str(&most);
            }
        }
    }

    /// Behind a backslash.
    fn escape(&mut self) -> Item {
        let Some(kind) = self.next() else { return Item::Char('\\') };
        match kind {
            'd' => Item::Class("[0-9]".into()),
            'D' => Item::Class("[^0-9]".into()),
            'w' => Item::Class("[a-zA-Z0-9_]".into()),
            'W' => Item::Class("[^a-zA-Z0-9_]".into()),
            's' => Item::Class(r"[ \t\n\x0B\f\r]".into()),
            'S' => Item::Class(r"[^ \t\n\x0B\f\r]".into()),
            'h' => Item::Class(r"[ \t\u{A0}]".into()),
            'p' | 'P' => self.property(kind),
            'u' => self.unicode(),
            'x' => match self.hex(2) {
                Some(code) => Item::Char(char::from_u32(code).unwrap_or('\u{FFFD}')),
                None => Item::Verbatim("\\x".into()),
            },
            't' => Item::Char('\t'),
            'n' => Item::Char('\n'),
            'r' => Item::Char('\r'),
            'f' => Item::Char('\x0C'),
            'e' => Item::Char('\x1B'),
            letter if letter.is_ascii_alphanumeric() => Item::Verbatim(format!("\\{letter}")),
            punctuation => Item::Char(punctuation),
        }
    }

    /// `\p{…}` and `\P{…}`; Java's POSIX names are ASCII.
    fn property(&mut self, kind: char) -> Item {
        let mut name = String::new();
        if self.eat('{') {
            while let Some(next) = self.next() {
                if next == '}' {
                    break;
                }
                name.push(next);
            }
        } else {
            name.extend(self.next());
        }
        let ascii = match name.as_str() {
            "ASCII" => r"\x00-\x7F",
            "Alnum" => "a-zA-Z0-9",
            "Alpha" => "a-zA-Z",
            "Digit" => "0-9",
            "Lower" => "a-z",
            "Upper" => "A-Z",
            "Punct" => r"!-/:-@\[-`{-~",
            "Graph" => "!-~",
            "Print" => " -~",
            "Blank" => r" \t",
            "Cntrl" => r"\x00-\x1F\x7F",
            "XDigit" => "0-9a-fA-F",
            "Space" => r" \t\n\x0B\f\r",
            other => {
                let name = other.strip_prefix("Is").unwrap_or(other);
                return Item::Class(format!("\\{kind}{{{name}}}"));
            }
        };
        let not = if kind == 'P' { "^" } else { "" };
        Item::Class(format!("[{not}{ascii}]"))
    }

    /// Behind `\u`: a code unit; two of them where they are a surrogate pair.
    fn unicode(&mut self) -> Item {
        let Some(high) = self.hex(4) else { return Item::Verbatim("\\u".into()) };
        let start = self.at;
        if (0xD800..0xDC00).contains(&high) && self.eat('\\') && self.eat('u') {
            match self.hex(4) {
                Some(low) if (0xDC00..0xE000).contains(&low) => {
                    let code = 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
                    return Item::Char(char::from_u32(code).unwrap_or('\u{FFFD}'));
                }
                _ => {}
            }
        }
        if (0xD800..0xDC00).contains(&high) {
            self.at = start;
        }
        Item::Char(char::from_u32(high).unwrap_or('\u{FFFD}'))
    }

    fn hex(&mut self, digits: usize) -> Option<u32> {
        let text: String = self.chars.get(self.at..self.at + digits)?.iter().collect();
        let code = u32::from_str_radix(&text, 16).ok()?;
        self.at += digits;
        Some(code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_mean_what_they_mean_in_java() {
        let cases = [
            (r"^(?=.*[a-zA-Z_\-\.])[a-zA-Z0-9_\-\.]+$", "PROD", true),
            (r"^(?=.*[a-zA-Z_\-\.])[a-zA-Z0-9_\-\.]+$", "123", false),
            (r"^(?=.*[a-zA-Z_\-\.])[a-zA-Z0-9_\-\.]+$", "A B", false),
            (r"[\w+=,.@-]+", "a-b@c", true),
            (r"[\w+=,.@-]+", "ä", false),
            (r"[\w-/]+", "a-/", true),
            (r"[a-zA-Z0-9--_]+", "-", true),
            (r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}", "a--b", true),
            (r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}", "a-", false),
            (r"\p{ASCII}*", "plain", true),
            (r"\p{ASCII}*", "ümlaut", false),
            (r"[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\r\n\t]*", "a\u{1F600}", true),
            (r"[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\r\n\t]*", "a\u{1}", false),
            (r"[\p{L}\p{Z}\p{N}_.:/=+\-@]*", "größe 1", true),
            (r"(?!\s*$).+", "  ", false),
            (r"(https|s3)://([^/]+)/?(.*)", "s3://bucket/key", true),
            (r"(https|s3)://([^/]+)/?(.*)", "bucket", false),
            (r"[^\s]*", "a b", false),
        ];
        for (pattern, text, expected) in cases {
            let compiled = Pattern::compile(pattern);
            assert!(compiled.0.is_some(), "{pattern}: {:?}", try_compile(pattern));
            assert_eq!(compiled.matches(text), expected, "{pattern} on {text:?}");
        }
    }

    #[test]
    fn nearly_every_pattern_of_the_models_is_checked() {
        let mut patterns: Vec<&str> = crate::entries()
            .iter()
            .flat_map(|entry| entry.service().shapes())
            .filter_map(|(_, shape)| shape.pattern.as_deref())
            .collect();
        patterns.sort();
        patterns.dedup();
        let failed: Vec<_> = patterns
            .iter()
            .filter_map(|pattern| Some((pattern, try_compile(pattern).err()?)))
            .collect();
        assert!(patterns.len() > 500);
        assert!(failed.is_empty(), "{} of {}: {failed:#?}", failed.len(), patterns.len());
    }
}
