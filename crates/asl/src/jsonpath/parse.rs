//! From text to a [`Query`]. Every loop consumes input and nesting is bounded, so hostile text ends in an error.

use serde_json::Value;

use super::filter::{Comparison, Filter, Operand, Pattern};
use super::{Function, Query, Step, SyntaxError};

/// Filters within filters.
const DEPTH_MAX: usize = 32;
/// Steps of a path: far more than any document is deep. What follows a filter is looked at within it, and
/// filters may follow one another on the same object.
const STEPS_MAX: usize = 500;

pub(super) fn query(text: &str) -> Result<Query, SyntaxError> {
    let mut parser = Parser { text, at: 0, depth: 0 };
    let query = parser.path(false)?;
    match parser.peek() {
        None => Ok(query),
        Some(found) => Err(parser.error(format!("Unexpected character '{found}'"))),
    }
}

/// However many stand beside each other, they are not within each other: there is a stack to what is.
fn one_or(mut filters: Vec<Filter>, together: fn(Vec<Filter>) -> Filter) -> Filter {
    match filters.len() {
        1 => filters.remove(0),
        _ => together(filters),
    }
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
    depth: usize,
}

impl<'t> Parser<'t> {
    fn error(&self, what: impl std::fmt::Display) -> SyntaxError {
        SyntaxError(format!("{what} at position {}", self.at))
    }

    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        Some(next)
    }

    fn eat(&mut self, token: &str) -> bool {
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    fn skip_blanks(&mut self) {
        while matches!(self.peek(), Some(' ' | '\t' | '\n' | '\r')) {
            self.at += 1;
        }
    }

    fn expect(&mut self, token: &str) -> Result<(), SyntaxError> {
        self.skip_blanks();
        if self.eat(token) { Ok(()) } else { Err(self.error(format!("Expected '{token}'"))) }
    }

    /// Steps until the text ends; within a filter until something else than a step follows.
    fn path(&mut self, in_filter: bool) -> Result<Query, SyntaxError> {
        let mut steps = Vec::new();
        let mut function = None;
        loop {
            if function.is_some() {
                break;
            }
            if steps.len() > STEPS_MAX {
                return Err(self.error("The path has too many steps"));
            }
            if self.eat("..") {
                steps.push(Step::Scan);
                match self.peek() {
                    Some('[') => continue,
                    Some(_) => function = self.dotted(&mut steps, in_filter)?,
                    None => return Err(self.error("Path must not end with a '.' or '..'")),
                }
            } else if self.eat(".") {
                function = self.dotted(&mut steps, in_filter)?;
            } else if self.eat("[") {
                steps.push(self.bracket()?);
            } else {
                break;
            }
        }
        let last = steps.len().saturating_sub(1);
        let definite = steps.iter().enumerate().all(|(place, step)| match step {
            Step::Name(_) | Step::Index(_) => true,
            // At the end the members are put together in one object.
            Step::Names(_) => place == last,
            _ => false,
        });
        Ok(Query { steps, function, definite })
    }

    /// What follows a dot: a name, `*` or a function call.
    fn dotted(
        &mut self,
        steps: &mut Vec<Step>,
        in_filter: bool,
    ) -> Result<Option<Function>, SyntaxError> {
        if self.eat("*") {
            steps.push(Step::Wildcard);
            return Ok(None);
        }
        if self.peek() == Some('[') {
            steps.push({
                self.at += 1;
                self.bracket()?
            });
            return Ok(None);
        }
        let start = self.at;
        while let Some(found) = self.peek() {
            let ends = match found {
                '.' | '[' | '(' => true,
                ' ' | '\t' | '\n' | '\r' if !in_filter => {
                    return Err(self.error(
                        "Use bracket notion ['my prop'] if your property contains blank characters",
                    ));
                }
                ' ' | '\t' | '\n' | '\r' | ')' | ']' | ',' | '=' | '!' | '<' | '>' | '&' | '|' => {
                    in_filter
                }
                _ => false,
            };
            if ends {
                break;
            }
            self.next();
        }
        let name = &self.text[start..self.at];
        if name.is_empty() {
            return Err(self.error("Expected a property name"));
        }
        if self.peek() != Some('(') {
            steps.push(Step::Name(name.to_owned()));
            return Ok(None);
        }
        self.at += 1;
        let mut arguments = Vec::new();
        self.skip_blanks();
        if !self.eat(")") {
            loop {
                arguments.push(self.operand()?);
                self.skip_blanks();
                if self.eat(")") {
                    break;
                }
                self.expect(",")?;
            }
        }
        match Function::new(name, arguments) {
            Some(function) => Ok(Some(function)),
            None => Err(self.error(format!("Function with name: {name} does not exist."))),
        }
    }

    /// What stands in brackets; the opening one is behind us.
    fn bracket(&mut self) -> Result<Step, SyntaxError> {
        self.skip_blanks();
        let step = match self.peek() {
            Some('*') => {
                self.at += 1;
                Step::Wildcard
            }
            Some('?') => {
                self.at += 1;
                Step::Filter(self.filter()?)
            }
            Some('\'' | '"') => {
                let mut names = Vec::new();
                loop {
                    self.skip_blanks();
                    names.push(self.string()?);
                    self.skip_blanks();
                    if !self.eat(",") {
                        break;
                    }
                }
                if names.len() == 1 { Step::Name(names.remove(0)) } else { Step::Names(names) }
            }
            Some('-' | ':' | '0'..='9') => self.indexes()?,
            _ => {
                return Err(
                    self.error("Could not parse token: expected a name, an index, '*' or '?'")
                );
            }
        };
        self.expect("]")?;
        Ok(step)
    }

    fn indexes(&mut self) -> Result<Step, SyntaxError> {
        let first = self.integer()?;
        self.skip_blanks();
        if self.eat(":") {
            self.skip_blanks();
            let to = self.integer()?;
            return Ok(Step::Slice(first, to));
        }
        let Some(first) = first else { return Err(self.error("Expected an index")) };
        let mut indexes = vec![first];
        while self.eat(",") {
            self.skip_blanks();
            match self.integer()? {
                Some(index) => indexes.push(index),
                None => return Err(self.error("Expected an index")),
            }
            self.skip_blanks();
        }
        Ok(if indexes.len() == 1 { Step::Index(first) } else { Step::Indexes(indexes) })
    }

    fn integer(&mut self) -> Result<Option<i64>, SyntaxError> {
        let start = self.at;
        self.eat("-");
        while matches!(self.peek(), Some('0'..='9')) {
            self.at += 1;
        }
        match &self.text[start..self.at] {
            "" => Ok(None),
            digits => match digits.parse::<i32>() {
                Ok(number) => Ok(Some(i64::from(number))),
                Err(_) => Err(self.error(format!("'{digits}' is not an index"))),
            },
        }
    }

    /// A quoted text.
    fn string(&mut self) -> Result<String, SyntaxError> {
        let Some(quote @ ('\'' | '"')) = self.next() else {
            return Err(self.error("Expected a quoted text"));
        };
        let mut string = String::new();
        loop {
            match self.next() {
                None => {
                    return Err(self.error("Property has not been closed - missing closing quote"));
                }
                // Only the quote and the backslash itself can be escaped; before anything else it stands for itself.
                Some('\\') => match self.next() {
                    Some(escaped) if escaped == quote || escaped == '\\' => string.push(escaped),
                    Some(other) => {
                        string.push('\\');
                        string.push(other);
                    }
                    None => return Err(self.error("Text ends in an escape")),
                },
                Some(found) if found == quote => return Ok(string),
                Some(found) => string.push(found),
            }
        }
    }

    /// `(…)` after the question mark.
    fn filter(&mut self) -> Result<Filter, SyntaxError> {
        self.expect("(")?;
        let filter = self.any()?;
        self.expect(")")?;
        Ok(filter)
    }

    fn any(&mut self) -> Result<Filter, SyntaxError> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(self.error("Filters are nested too deeply"));
        }
        let mut filters = vec![self.all()?];
        loop {
            self.skip_blanks();
            if !self.eat("||") {
                break;
            }
            filters.push(self.all()?);
        }
        self.depth -= 1;
        Ok(one_or(filters, Filter::Or))
    }

    fn all(&mut self) -> Result<Filter, SyntaxError> {
        let mut filters = vec![self.condition()?];
        loop {
            self.skip_blanks();
            if !self.eat("&&") {
                return Ok(one_or(filters, Filter::And));
            }
            filters.push(self.condition()?);
        }
    }

    fn condition(&mut self) -> Result<Filter, SyntaxError> {
        self.skip_blanks();
        if self.eat("!") {
            self.depth += 1;
            if self.depth > DEPTH_MAX {
                return Err(self.error("Filters are nested too deeply"));
            }
            let inner = self.condition()?;
            self.depth -= 1;
            return Ok(Filter::Not(Box::new(inner)));
        }
        if self.eat("(") {
            let inner = self.any()?;
            self.expect(")")?;
            return Ok(inner);
        }
        let left = self.operand()?;
        self.skip_blanks();
        let Some(comparison) = self.comparison() else {
            return match left {
                Operand::Current(_) | Operand::Root(_) => Ok(Filter::Exists(left)),
                _ => Err(self.error("Expected a comparison")),
            };
        };
        self.skip_blanks();
        let right = if comparison == Comparison::Matches && self.peek() == Some('/') {
            self.regex()?
        } else {
            self.operand()?
        };
        Ok(Filter::Compare(left, comparison, right))
    }

    fn comparison(&mut self) -> Option<Comparison> {
        for (token, comparison) in [
            ("===", Comparison::Equal),
            ("!==", Comparison::NotEqual),
            ("==", Comparison::Equal),
            ("!=", Comparison::NotEqual),
            ("<=", Comparison::LessEqual),
            (">=", Comparison::GreaterEqual),
            ("=~", Comparison::Matches),
            ("<", Comparison::Less),
            (">", Comparison::Greater),
        ] {
            if self.eat(token) {
                return Some(comparison);
            }
        }
        let word: String = self.rest().chars().take_while(char::is_ascii_alphabetic).collect();
        let comparison = match word.to_ascii_uppercase().as_str() {
            "IN" => Comparison::In,
            "NIN" => Comparison::NotIn,
            "SUBSETOF" => Comparison::SubsetOf,
            "ANYOF" => Comparison::AnyOf,
            "NONEOF" => Comparison::NoneOf,
            "ALL" => Comparison::All,
            "CONTAINS" => Comparison::Contains,
            "SIZE" => Comparison::Size,
            "EMPTY" => Comparison::Empty,
            _ => return None,
        };
        self.at += word.len();
        Some(comparison)
    }

    /// A path, a literal, an array or object written as JSON.
    fn operand(&mut self) -> Result<Operand, SyntaxError> {
        self.skip_blanks();
        match self.peek() {
            Some('@') => {
                self.at += 1;
                Ok(Operand::Current(self.path(true)?))
            }
            Some('$') => {
                self.at += 1;
                Ok(Operand::Root(self.path(true)?))
            }
            Some('\'' | '"') => Ok(Operand::Value(Value::String(self.string()?))),
            Some('[') => {
                self.at += 1;
                let mut items = Vec::new();
                loop {
                    self.skip_blanks();
                    if self.eat("]") {
                        break;
                    }
                    match self.operand()? {
                        Operand::Value(item) => items.push(item),
                        _ => return Err(self.error("Expected a literal in the list")),
                    }
                    self.skip_blanks();
                    if self.eat("]") {
                        break;
                    }
                    self.expect(",")?;
                }
                Ok(Operand::Value(Value::Array(items)))
            }
            Some('{') => {
                let mut stream =
                    serde_json::Deserializer::from_str(self.rest()).into_iter::<Value>();
                match stream.next() {
                    Some(Ok(value)) => {
                        self.at += stream.byte_offset();
                        Ok(Operand::Value(value))
                    }
                    _ => Err(self.error("Expected a JSON object")),
                }
            }
            Some('-' | '0'..='9') => {
                let length = self
                    .rest()
                    .find(|found: char| !matches!(found, '-' | '+' | '.' | 'e' | 'E' | '0'..='9'))
                    .unwrap_or(self.rest().len());
                let text = &self.rest()[..length];
                match serde_json::from_str::<Value>(text) {
                    Ok(number) => {
                        self.at += length;
                        Ok(Operand::Value(number))
                    }
                    Err(_) => Err(self.error(format!("'{text}' is not a number"))),
                }
            }
            _ => {
                for (word, value) in [
                    ("true", Value::Bool(true)),
                    ("false", Value::Bool(false)),
                    ("null", Value::Null),
                ] {
                    if self.eat(word) {
                        return Ok(Operand::Value(value));
                    }
                }
                Err(self.error("Expected a value"))
            }
        }
    }

    /// `/pattern/flags`.
    fn regex(&mut self) -> Result<Operand, SyntaxError> {
        self.at += 1;
        let start = self.at;
        loop {
            match self.next() {
                None => return Err(self.error("Pattern not closed - expected '/'")),
                Some('\\') => {
                    self.next();
                }
                Some('/') => break,
                Some(_) => {}
            }
        }
        let pattern = self.text[start..self.at - 1].replace("\\/", "/");
        let mut flags = String::new();
        while let Some(flag @ ('i' | 'm' | 's' | 'x' | 'u' | 'd' | 'U')) = self.peek() {
            self.at += 1;
            if matches!(flag, 'i' | 'm' | 's' | 'x') && !flags.contains(flag) {
                flags.push(flag);
            }
        }
        let flags = if flags.is_empty() { flags } else { format!("(?{flags})") };
        // Java's `matches`: the whole text.
        match Pattern::new(format!("{flags}^(?:{pattern})$")) {
            Some(pattern) => Ok(Operand::Regex(pattern)),
            None => Err(self.error(format!("'{pattern}' is not a pattern"))),
        }
    }
}
