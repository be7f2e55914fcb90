//! JavaScript's regular expressions, by `fancy-regex` (look-around, back-references).

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

/// A compiled regular expression.
pub struct Pattern {
    regex: fancy_regex::Regex,
    /// It looks around or back, so that a search may take the square of the text's length.
    backtracks: bool,
}

/// The longest text, in bytes, that a pattern which backtracks is tried on: a second's work at most.
const BACKTRACKED_MAX: usize = 32 << 10;

/// Where a match or a group stands in the text, in bytes.
pub type Span = (usize, usize);

/// Patterns kept per thread; all are dropped when there are more.
const KEPT_MAX: usize = 256;

thread_local! {
    static KEPT: RefCell<HashMap<(String, String), Rc<Pattern>>> = RefCell::new(HashMap::new());
}

impl Pattern {
    /// Compiles a JavaScript pattern with flags (`i`, `m`, `s`; others are ignored).
    pub fn new(pattern: &str, flags: &str) -> Result<Rc<Pattern>, String> {
        let key = (pattern.to_owned(), flags.to_owned());
        if let Some(found) = KEPT.with_borrow(|kept| kept.get(&key).cloned()) {
            return Ok(found);
        }
        let flags: String = flags.chars().filter(|flag| matches!(flag, 'i' | 'm' | 's')).collect();
        let flags = if flags.is_empty() { flags } else { format!("(?{flags})") };
        let translated = format!("{flags}{}", translated(pattern));
        let backtracks = regex::Regex::new(&translated).is_err();
        let regex = fancy_regex::RegexBuilder::new(&translated)
            .backtrack_limit(1_000_000)
            .build()
            .map_err(|error| format!("Invalid regex: {error}"))?;
        let made = Rc::new(Pattern { regex, backtracks });
        KEPT.with_borrow_mut(|kept| {
            if kept.len() >= KEPT_MAX {
                kept.clear();
            }
            kept.insert(key, Rc::clone(&made));
        });
        Ok(made)
    }

    /// Whether the text has a match.
    pub fn is_match(&self, text: &str) -> Result<bool, String> {
        self.bound(text)?;
        self.regex.is_match(text).map_err(|_| crate::environment::OUT_OF_STEPS.to_owned())
    }

    fn bound(&self, text: &str) -> Result<(), String> {
        if self.backtracks && text.len() > BACKTRACKED_MAX {
            return Err(crate::environment::OUT_OF_STEPS.to_owned());
        }
        Ok(())
    }

    /// Groups, the whole match included.
    pub fn captures_len(&self) -> usize {
        self.regex.captures_len()
    }

    /// The first match at or after a byte.
    pub fn find_at(&self, text: &str, from: usize) -> Result<Option<Span>, String> {
        self.bound(text)?;
        match self.regex.find_from_pos(text, from) {
            Ok(found) => Ok(found.map(|found| (found.start(), found.end()))),
            Err(_) => Err(crate::environment::OUT_OF_STEPS.to_owned()),
        }
    }

    /// The first match at or after a byte with its groups, the whole match first.
    pub fn captures_at(
        &self,
        text: &str,
        from: usize,
    ) -> Result<Option<Vec<Option<Span>>>, String> {
        self.bound(text)?;
        match self.regex.captures_from_pos(text, from) {
            Ok(found) => Ok(found.map(|groups| {
                (0..groups.len()).map(|at| groups.get(at).map(|g| (g.start(), g.end()))).collect()
            })),
            Err(_) => Err(crate::environment::OUT_OF_STEPS.to_owned()),
        }
    }
}

/// What JavaScript writes otherwise than Rust: `\d` and `\w` are ASCII, `[` and `&` have no meaning in a class.
fn translated(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len());
    let mut in_class = false;
    let mut characters = pattern.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\\' => match characters.next() {
                Some('d') => out.push_str(if in_class { "0-9" } else { "[0-9]" }),
                Some('w') => out.push_str(if in_class { "A-Za-z0-9_" } else { "[A-Za-z0-9_]" }),
                Some('D') if !in_class => out.push_str("[^0-9]"),
                Some('W') if !in_class => out.push_str("[^A-Za-z0-9_]"),
                Some('/') => out.push('/'),
                Some(escaped) if !escaped.is_ascii_alphanumeric() && escaped.is_ascii() => {
                    out.push('\\');
                    out.push(escaped);
                }
                Some(escaped) if escaped.is_ascii_alphanumeric() => {
                    out.push('\\');
                    out.push(escaped);
                }
                Some(escaped) => out.push(escaped),
                None => out.push('\\'),
            },
            '[' if in_class => out.push_str("\\["),
            '[' => {
                in_class = true;
                out.push('[');
                if characters.peek() == Some(&'^') {
                    characters.next();
                    out.push('^');
                }
                // `[]` matches nothing and `[^]` everything in JavaScript.
                if characters.peek() == Some(&']') {
                    characters.next();
                    in_class = false;
                    let everything = out.ends_with('^');
                    out.truncate(out.len() - if everything { 2 } else { 1 });
                    out.push_str(if everything { "(?s:.)" } else { "[^\\s\\S]" });
                }
            }
            ']' if in_class => {
                in_class = false;
                out.push(']');
            }
            '&' | '~' if in_class => {
                out.push('\\');
                out.push(character);
            }
            other => out.push(other),
        }
    }
    out
}
