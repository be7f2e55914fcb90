//! JavaScript's regular expressions: by automata whose work is counted (`regex-automata`), and by `fancy-regex` where
//! an expression looks around or back.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashMap;
use std::fmt::Display;
use std::rc::Rc;

use regex_automata::hybrid::dfa::{Cache, DFA};
use regex_automata::nfa::thompson::{self, WhichCaptures};
use regex_automata::{Input, meta};

use crate::environment::{self, OUT_OF_STEPS, Seen};

/// A compiled regular expression.
pub struct Pattern {
    engine: Engine,
}

enum Engine {
    Automaton(Box<Automaton>),
    Backtracking(Box<Backtracking>),
}

/// Where a match or a group stands in the text, in bytes.
pub type Span = (usize, usize);

/// Patterns kept per thread; all are dropped when there are more.
const KEPT_MAX: usize = 128;
/// Bytes that a compiled pattern may take.
const COMPILED_BYTES_MAX: usize = 10 << 20;

thread_local! {
    static KEPT: RefCell<HashMap<(String, String), Rc<Pattern>>> = RefCell::new(HashMap::new());
}

impl Pattern {
    /// Compiles a JavaScript pattern with flags (`i`, `m`, `s`; others are ignored).
    pub fn new(pattern: &str, flags: &str) -> Result<Rc<Pattern>, String> {
        let key = (pattern.to_owned(), flags.to_owned());
        let is_new = environment::is_new(&key);
        if is_new {
            let folded = if flags.contains('i') { wide_classes(pattern) } else { 0 };
            environment::steps(pattern.len() / 2 + Seen::FOLDED_CLASS * folded)?;
        }
        let pattern = match KEPT.with_borrow(|kept| kept.get(&key).cloned()) {
            Some(found) => found,
            None => {
                let made = Rc::new(Pattern::compiled(pattern, flags)?);
                KEPT.with_borrow_mut(|kept| {
                    if kept.len() >= KEPT_MAX {
                        kept.clear();
                    }
                    kept.insert(key, Rc::clone(&made));
                });
                made
            }
        };
        if is_new {
            environment::steps(pattern.compilation())?;
        }
        Ok(pattern)
    }

    fn compiled(pattern: &str, flags: &str) -> Result<Pattern, String> {
        let dot_matches_all = flags.contains('s');
        let flags: String = flags.chars().filter(|flag| matches!(flag, 'i' | 'm' | 's')).collect();
        let flags = if flags.is_empty() { flags } else { format!("(?{flags})") };
        let translated = |boundaries| {
            let translated = translated(pattern, dot_matches_all, boundaries)?;
            Ok::<_, String>(format!("{flags}{translated}"))
        };
        let engine = match Automaton::new(&translated(Boundaries::Ascii)?)? {
            Some(automaton) => Engine::Automaton(Box::new(automaton)),
            None => {
                let backtracking = Backtracking::new(translated(Boundaries::AsWritten)?)?;
                Engine::Backtracking(Box::new(backtracking))
            }
        };
        Ok(Pattern { engine })
    }

    /// What compiling takes, in steps.
    fn compilation(&self) -> usize {
        match &self.engine {
            Engine::Automaton(automaton) => 256 + automaton.states / 2,
            Engine::Backtracking(backtracking) => 1024 + 8 * backtracking.source.len(),
        }
    }

    /// Whether the text has a match.
    pub fn is_match(&self, text: &str) -> Result<bool, String> {
        match &self.engine {
            Engine::Automaton(automaton) => Ok(automaton.find(text, 0)?.is_some()),
            Engine::Backtracking(backtracking) => {
                backtracking.search(text, |regex| regex.is_match(text))
            }
        }
    }

    /// Groups, the whole match included.
    pub fn captures_len(&self) -> usize {
        match &self.engine {
            Engine::Automaton(automaton) => automaton.regex.captures_len(),
            Engine::Backtracking(backtracking) => {
                backtracking.regex(0).map_or(1, fancy_regex::Regex::captures_len)
            }
        }
    }

    /// The first match at or after a byte.
    pub fn find_at(&self, text: &str, from: usize) -> Result<Option<Span>, String> {
        match &self.engine {
            Engine::Automaton(automaton) => automaton.find(text, from),
            Engine::Backtracking(backtracking) => backtracking.search(text, |regex| {
                let found = regex.find_from_pos(text, from)?;
                Ok(found.map(|found| (found.start(), found.end())))
            }),
        }
    }

    /// The first match at or after a byte with its groups, the whole match first.
    pub fn captures_at(
        &self,
        text: &str,
        from: usize,
    ) -> Result<Option<Vec<Option<Span>>>, String> {
        match &self.engine {
            Engine::Automaton(automaton) => automaton.captures(text, from),
            Engine::Backtracking(backtracking) => backtracking.search(text, |regex| {
                let found = regex.captures_from_pos(text, from)?;
                Ok(found.map(|groups| {
                    (0..groups.len())
                        .map(|at| groups.get(at).map(|group| (group.start(), group.end())))
                        .collect()
                }))
            }),
        }
    }
}

/// A pattern without look-around: how far a search reads is known before it is made.
struct Automaton {
    regex: meta::Regex,
    states: usize,
    reader: DFA,
    /// Learned states, and the evaluation that learned them: the next one begins anew, so that it is counted alike
    /// whatever ran before it.
    learned: RefCell<Cache>,
    learned_in: Cell<u64>,
}

/// A text times the states of an automaton, up to which a search is not worth counting.
const SMALL_SEARCH: usize = 1024;

impl Automaton {
    /// None if the pattern looks around or back.
    fn new(pattern: &str) -> Result<Option<Automaton>, String> {
        let config = meta::Config::new().nfa_size_limit(Some(COMPILED_BYTES_MAX));
        let regex = match meta::Regex::builder().configure(config).build(pattern) {
            Ok(regex) => regex,
            Err(error) if error.size_limit().is_some() => {
                return Err(format!("Invalid regex: larger than {COMPILED_BYTES_MAX} bytes"));
            }
            Err(_) => return Ok(None),
        };
        let failed = |error: &dyn Display| format!("Invalid regex: {error}");
        let config = thompson::Config::new()
            .nfa_size_limit(Some(COMPILED_BYTES_MAX))
            .which_captures(WhichCaptures::None);
        let nfa = thompson::Compiler::new().configure(config).build(pattern);
        let nfa = nfa.map_err(|error| failed(&error))?;
        let states = nfa.states().len();
        let config = DFA::config()
            .cache_capacity(256 << 10)
            .skip_cache_capacity_check(true)
            .minimum_cache_clear_count(Some(3))
            .minimum_bytes_per_state(Some(10))
            .unicode_word_boundary(true);
        let reader = DFA::builder().configure(config).build_from_nfa(nfa);
        let reader = reader.map_err(|error| failed(&error))?;
        let learned = RefCell::new(reader.create_cache());
        Ok(Some(Automaton { regex, states, reader, learned, learned_in: Cell::new(0) }))
    }

    fn find(&self, text: &str, from: usize) -> Result<Option<Span>, String> {
        let Some(end) = self.end(text, from)? else { return Ok(None) };
        let found = self.regex.search(&Input::new(text).range(from..end));
        Ok(found.map(|found| (found.start(), found.end())))
    }

    fn captures(&self, text: &str, from: usize) -> Result<Option<Vec<Option<Span>>>, String> {
        let Some((start, end)) = self.find(text, from)? else { return Ok(None) };
        // Every state that is tried takes its groups along.
        let groups = self.regex.captures_len();
        let each = self.states / 64 + groups.saturating_mul(groups) / 1024;
        environment::steps((end - start).saturating_mul(each))?;
        let mut captures = self.regex.create_captures();
        self.regex.search_captures(&Input::new(text).range(start..end), &mut captures);
        let group = |at| captures.get_group(at).map(|span| (span.start, span.end));
        Ok(Some((0..captures.group_len()).map(group).collect()))
    }

    /// Where the first match ends, or at least where it must be looked for; none if there is none. Counts the search.
    fn end(&self, text: &str, from: usize) -> Result<Option<usize>, String> {
        let rest = text.len() - from;
        let work = rest.saturating_mul(self.states);
        if work <= SMALL_SEARCH {
            environment::steps(1)?;
            return Ok(Some(text.len()));
        }
        match self.read(text.as_bytes(), from) {
            Some((read, end)) => {
                environment::steps(2 + read / 16)?;
                Ok(end)
            }
            None => {
                environment::steps(work / 64)?;
                Ok(Some(text.len()))
            }
        }
    }

    /// How many bytes are read from there on before the first match is known, and where it ends. None if the automaton
    /// has too many states to be learned.
    fn read(&self, text: &[u8], from: usize) -> Option<(usize, Option<usize>)> {
        let mut learned = self.learned.borrow_mut();
        let serial = environment::serial();
        if self.learned_in.replace(serial) != serial {
            learned.reset(&self.reader);
        }
        let input = Input::new(text).range(from..);
        let mut state = self.reader.start_state_forward(&mut learned, &input).ok()?;
        let mut end = None;
        for (at, byte) in text.iter().enumerate().skip(from) {
            state = self.reader.next_state(&mut learned, state, *byte).ok()?;
            if state.is_tagged() {
                if state.is_match() {
                    // A match is told one byte late.
                    end = Some(at);
                } else if state.is_dead() {
                    return Some((at - from, end));
                } else if state.is_quit() {
                    return None;
                }
            }
        }
        let state = self.reader.next_eoi_state(&mut learned, state).ok()?;
        if state.is_match() {
            end = Some(text.len());
        }
        Some((text.len() - from, end))
    }
}

/// A pattern that looks around or back, and may have to take back what it tried.
struct Backtracking {
    source: String,
    reach: Reach,
    /// By how often it may take something back: most searches end with the first.
    regexes: [(usize, OnceCell<fancy_regex::Regex>); 4],
}

impl Backtracking {
    fn new(source: String) -> Result<Backtracking, String> {
        let regexes = [100, 3_000, 60_000, 1_000_000].map(|limit| (limit, OnceCell::new()));
        let reach = Reach::new(&source);
        let backtracking = Backtracking { source, reach, regexes };
        backtracking.regex(0)?;
        Ok(backtracking)
    }

    fn regex(&self, at: usize) -> Result<&fancy_regex::Regex, String> {
        let (limit, regex) = &self.regexes[at];
        if let Some(regex) = regex.get() {
            return Ok(regex);
        }
        let made = fancy_regex::RegexBuilder::new(&self.source)
            .backtrack_limit(*limit)
            .delegate_size_limit(COMPILED_BYTES_MAX / 10)
            .build()
            .map_err(|error| format!("Invalid regex: {error}"))?;
        Ok(regex.get_or_init(|| made))
    }

    /// Searches with ever more patience. Each attempt is counted for all that it may do.
    fn search<T>(
        &self,
        text: &str,
        search: impl Fn(&fancy_regex::Regex) -> fancy_regex::Result<T>,
    ) -> Result<T, String> {
        for (at, (limit, _)) in self.regexes.iter().enumerate() {
            environment::steps(self.reach.work(text.len()).saturating_mul(*limit) / 4)?;
            match search(self.regex(at)?) {
                Ok(found) => return Ok(found),
                Err(fancy_regex::Error::RuntimeError(_)) => {}
                Err(error) => return Err(format!("Invalid regex: {error}")),
            }
        }
        Err(OUT_OF_STEPS.to_owned())
    }
}

/// Parts of classes that may be nearly all characters, as in `[\s\S]`.
fn wide_classes(pattern: &str) -> usize {
    let (mut count, mut in_class, mut characters) = (0, false, pattern.chars());
    while let Some(character) = characters.next() {
        match character {
            '\\' => {
                let is_wide = matches!(characters.next(), Some('S' | 'D' | 'W' | 'u'));
                count += usize::from(in_class && is_wide);
            }
            '[' => in_class = true,
            ']' => in_class = false,
            _ => {}
        }
    }
    count
}

/// How `\b` is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Boundaries {
    /// As JavaScript has them.
    Ascii,
    /// As they are, for a parser that knows no flags of parts.
    AsWritten,
}

/// What JavaScript writes otherwise than Rust: `\d`, `\w` and `\b` are ASCII, `.` is no end of a line, `[` and `&` have
/// no meaning in a class, letters without a meaning of their own stand for themselves, and so does `{` that is no
/// quantifier.
fn translated(
    pattern: &str,
    dot_matches_all: bool,
    boundaries: Boundaries,
) -> Result<String, String> {
    let groups = groups(pattern);
    let mut out = String::with_capacity(pattern.len());
    let mut in_class = false;
    let mut rest = pattern;
    while let Some(character) = rest.chars().next() {
        rest = &rest[character.len_utf8()..];
        match character {
            '\\' => rest = escape(rest, in_class, boundaries, groups, &mut out),
            '[' if in_class => out.push_str("\\["),
            '[' => {
                in_class = true;
                out.push('[');
                if let Some(after) = rest.strip_prefix('^') {
                    rest = after;
                    out.push('^');
                }
                // `[]` matches nothing and `[^]` everything in JavaScript.
                if let Some(after) = rest.strip_prefix(']') {
                    rest = after;
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
            // Two of them are a set's difference in Rust.
            '-' if in_class && rest.starts_with('-') => {
                rest = &rest[1..];
                out.push_str("-\\-");
            }
            '.' if !in_class && !dot_matches_all => out.push_str("[^\\n\\r\\u{2028}\\u{2029}]"),
            '{' if !in_class && !is_quantifier(rest) => out.push_str("\\{"),
            '(' if !in_class && rest.starts_with('?') => {
                let known = ["?:", "?=", "?!", "?<="];
                let named = rest.strip_prefix("?<").is_some_and(|name| {
                    name.starts_with(|first: char| {
                        first == '!' || first == '_' || first.is_alphabetic()
                    })
                });
                if !named && !known.iter().any(|known| rest.starts_with(known)) {
                    return Err("Invalid regex: Invalid group".to_owned());
                }
                out.push('(');
            }
            other => out.push(other),
        }
    }
    Ok(out)
}

/// Writes what follows a backslash, and gives the rest.
fn escape<'p>(
    rest: &'p str,
    in_class: bool,
    boundaries: Boundaries,
    groups: usize,
    out: &mut String,
) -> &'p str {
    let Some(escaped) = rest.chars().next() else {
        out.push('\\');
        return rest;
    };
    let after = &rest[escaped.len_utf8()..];
    let hexadecimal = |digits: usize| {
        after.len() >= digits && after.bytes().take(digits).all(|digit| digit.is_ascii_hexdigit())
    };
    match escaped {
        'd' => out.push_str(if in_class { "0-9" } else { "[0-9]" }),
        'w' => out.push_str(if in_class { "A-Za-z0-9_" } else { "[A-Za-z0-9_]" }),
        'D' if !in_class => out.push_str("[^0-9]"),
        'W' if !in_class => out.push_str("[^A-Za-z0-9_]"),
        'b' if in_class => out.push_str("\\x08"),
        'b' if boundaries == Boundaries::Ascii => out.push_str("(?-u:\\b)"),
        'B' if !in_class && boundaries == Boundaries::Ascii => out.push_str("(?-u:\\B)"),
        'D' | 'W' | 's' | 'S' | 'n' | 'r' | 't' | 'f' | 'v' | 'b' | 'B' => {
            out.push('\\');
            out.push(escaped);
        }
        'x' if hexadecimal(2) => out.push_str("\\x"),
        'u' if hexadecimal(4) => out.push_str("\\u"),
        'k' if !in_class && after.starts_with('<') => out.push_str("\\k"),
        'c' if after.starts_with(|letter: char| letter.is_ascii_alphabetic()) => {
            let code = after.as_bytes()[0] % 32;
            out.push_str(&format!("\\x{code:02x}"));
            return &after[1..];
        }
        '0'..='9' => return number(rest, in_class, groups, out),
        '/' => out.push('/'),
        other if other.is_ascii_punctuation() => {
            out.push('\\');
            out.push(other);
        }
        other => out.push(other),
    }
    after
}

/// Writes a number after a backslash: a group that there is, or else the code of a character in octal digits.
fn number<'p>(rest: &'p str, in_class: bool, groups: usize, out: &mut String) -> &'p str {
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let group = rest[..digits].parse::<usize>().unwrap_or(usize::MAX);
    if !in_class && group > 0 && group <= groups {
        out.push('\\');
        out.push_str(&rest[..digits]);
        return &rest[digits..];
    }
    let octal = rest.bytes().take(3).take_while(|digit| (b'0'..b'8').contains(digit)).count();
    let taken = (1..=octal)
        .rev()
        .find(|taken| u32::from_str_radix(&rest[..*taken], 8).is_ok_and(|code| code <= 0xff));
    match taken {
        Some(taken) => {
            let code = u32::from_str_radix(&rest[..taken], 8).unwrap_or_default();
            out.push_str(&format!("\\x{code:02x}"));
            &rest[taken..]
        }
        None => {
            out.push_str(&rest[..1]);
            &rest[1..]
        }
    }
}

/// How far a pattern that looks around or back reads between two steps back, and by how much.
struct Reach {
    /// The length of the pattern when what is repeated is written out.
    size: usize,
    /// To the end of the text: what is looked for around a place, or after it, is repeated as often as it is there.
    unbounded: bool,
}

impl Reach {
    fn new(pattern: &str) -> Reach {
        // Of each open group what it has so far and its last part.
        let mut open: Vec<(usize, usize)> = vec![(0, 0)];
        let (mut in_class, mut looked, mut unbounded) = (false, false, false);
        let mut characters = pattern.chars();
        while let Some(character) = characters.next() {
            let rest = characters.as_str();
            let part = match character {
                '\\' => {
                    let escaped = characters.next();
                    looked |= escaped.is_some_and(|escaped| matches!(escaped, '1'..='9' | 'k'));
                    1
                }
                ']' => {
                    in_class = false;
                    1
                }
                _ if in_class => continue,
                '[' => {
                    in_class = true;
                    continue;
                }
                '(' => {
                    looked |= ["?=", "?!", "?<=", "?<!"].iter().any(|look| rest.starts_with(look));
                    open.push((0, 0));
                    continue;
                }
                ')' if open.len() > 1 => open.pop().map_or(0, |(whole, _)| whole),
                '{' if is_quantifier(rest) => {
                    let bounds = rest.split('}').next().unwrap_or_default();
                    unbounded |= looked && bounds.ends_with(',');
                    let most = bounds.rsplit(',').find(|bound| !bound.is_empty());
                    let times = most.and_then(|most| most.parse().ok()).unwrap_or(usize::MAX);
                    let last = open.last().map_or(0, |(_, last)| *last);
                    last.saturating_mul(times.saturating_sub(1))
                }
                '*' | '+' => {
                    unbounded |= looked;
                    1
                }
                _ => 1,
            };
            if let Some((whole, last)) = open.last_mut() {
                *whole = whole.saturating_add(part);
                *last = part;
            }
        }
        let size = open.iter().fold(0usize, |size, (whole, _)| size.saturating_add(*whole));
        Reach { size, unbounded }
    }

    /// What is done between two steps back in a text of so many bytes at most, in quarters of a step.
    fn work(&self, text: usize) -> usize {
        let read = if self.unbounded { text } else { text.min(self.size) };
        (1 + read / 64).saturating_mul(1 + self.size / 64)
    }
}

/// Groups that a pattern captures.
fn groups(pattern: &str) -> usize {
    let (mut count, mut in_class, mut rest) = (0, false, pattern.chars());
    while let Some(character) = rest.next() {
        match character {
            '\\' => drop(rest.next()),
            '[' => in_class = true,
            ']' => in_class = false,
            '(' if !in_class => {
                let after = rest.as_str();
                let is_named = after.starts_with("?<")
                    && !after.starts_with("?<=")
                    && !after.starts_with("?<!");
                count += usize::from(!after.starts_with('?') || is_named);
            }
            _ => {}
        }
    }
    count
}

/// Whether what follows a brace makes it a quantifier.
fn is_quantifier(rest: &str) -> bool {
    // No further than digits reach: a pattern may be full of braces.
    let after = |text: &str| text.trim_start_matches(|digit: char| digit.is_ascii_digit()).len();
    let least = after(rest);
    let bounds = &rest[rest.len() - least..];
    let bounds = bounds.strip_prefix(',').map_or(bounds, |most| &most[most.len() - after(most)..]);
    least < rest.len() && bounds.starts_with('}')
}
