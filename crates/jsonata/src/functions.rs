// Built-in function implementations
// Mirrors functions.js from the reference implementation

#![allow(clippy::explicit_counter_loop)]
#![allow(clippy::approx_constant)]

use crate::value::{JValue, walk, with_stack};
use indexmap::IndexMap;
use std::borrow::Cow;
use thiserror::Error;

/// Function errors
#[derive(Error, Debug)]
pub enum FunctionError {
    #[error("Argument error: {0}")]
    ArgumentError(String),

    #[error("Type error: {0}")]
    TypeError(String),

    #[error("Runtime error: {0}")]
    RuntimeError(String),
}

/// Built-in string functions
/// Mimic JS Array.prototype.slice(start, end) semantics.
/// - Negative start/end count from the end of the array.
/// - Out-of-bounds values are clamped.
fn js_slice<T: Clone>(arr: &[T], start: i64, end: Option<i64>) -> Vec<T> {
    let len = arr.len() as i64;
    let s = if start < 0 { (len + start).max(0) as usize } else { start.min(len) as usize };
    let e = match end {
        Some(end) => {
            if end < 0 {
                (len + end).max(0) as usize
            } else {
                (end.min(len)) as usize
            }
        }
        None => arr.len(),
    };
    if s >= e {
        return Vec::new();
    }
    arr[s..e].to_vec()
}

pub mod string {
    use super::*;
    use crate::pattern::Pattern;
    use std::rc::Rc;

    /// Helper to detect and extract regex from a JValue
    pub fn extract_regex(value: &JValue) -> Option<(String, String)> {
        match value {
            JValue::Regex { pattern, flags } => Some((pattern.to_string(), flags.to_string())),
            _ => None,
        }
    }

    /// Helper to build a Regex from pattern and flags
    pub fn build_regex(pattern: &str, flags: &str) -> Result<Rc<Pattern>, FunctionError> {
        Pattern::new(pattern, flags).map_err(FunctionError::RuntimeError)
    }

    /// $string(value, prettify) - Convert value to string
    ///
    /// - undefined inputs return undefined (but this is handled at call site)
    /// - strings returned unchanged
    /// - functions/lambdas return empty string
    /// - non-finite numbers (Infinity, NaN) throw error D3001
    /// - other values use JSON.stringify with number precision
    /// - prettify=true uses 2-space indentation
    pub fn string(value: &JValue, prettify: Option<bool>) -> Result<JValue, FunctionError> {
        // Check if this is undefined or a function first
        if value.is_undefined() {
            return Ok(JValue::Undefined);
        }
        if value.is_function() {
            return Ok(JValue::string(""));
        }

        let result = match value {
            JValue::String(s) => s.to_string(),
            JValue::Number(n) => {
                let f = *n;
                // Check for non-finite numbers (Infinity, NaN)
                if !f.is_finite() {
                    return Err(FunctionError::RuntimeError(format!(
                        "D3001: Attempting to invoke string function with non-finite number: {}",
                        f
                    )));
                }

                // Format numbers like JavaScript does: integers print as
                // the shortest round-trip decimal; non-integers are rounded
                // to 15 significant digits first (jsonata-js's replacer:
                // `Number.isInteger(val) ? val : Number(val.toPrecision(15))`)
                format_stringified_number(f)
            }
            JValue::Bool(b) => b.to_string(),
            JValue::Null => {
                // Explicit null goes through JSON.stringify to become "null"
                // Undefined variables are handled at the evaluator level
                "null".to_string()
            }
            JValue::Array(_) | JValue::Object(_) => {
                // JSON.stringify with optional prettification
                // Uses custom serialization to handle numbers and functions correctly
                let indent = if prettify.unwrap_or(false) { Some(2) } else { None };
                stringify_value_custom(value, indent)?
            }

            _ => String::new(),
        };
        Ok(JValue::string(result))
    }

    /// Round to 15 significant digits, the way jsonata-js's `$string`
    /// replacer treats every non-integer number
    /// (`Number(val.toPrecision(15))`). `{:.14e}` (1 leading digit + 14
    /// decimals) is exactly `toPrecision(15)`; the round-trip parse yields
    /// the normalized rounded value.
    fn round_to_precision_15(f: f64) -> f64 {
        format!("{:.14e}", f).parse().unwrap_or(f)
    }

    /// Print one finite number for `$string`/stringification: integers keep
    /// full (shortest round-trip) precision, non-integers are rounded to 15
    /// significant digits first, and both print via the shared JS number
    /// printer (exponential outside [1e-6, 1e21), `+` on positive exponents,
    /// `-0` as `0`).
    fn format_stringified_number(f: f64) -> String {
        if f.is_nan() {
            return "null".to_string();
        }
        // 2.0.6 rounds whole numbers as well, AWS does not: it writes 2^63 as 9223372036854776000.
        if f.fract() == 0.0 {
            crate::value::js_number_to_string(f)
        } else {
            crate::value::js_number_to_string(round_to_precision_15(f))
        }
    }

    /// Reject a non-finite number anywhere in the value.
    ///
    /// jsonata-js serializes through `isNumeric`, which throws D1001 for
    /// Infinity; NaN becomes `null`. The scalar case raises D3001 earlier.
    fn reject_non_finite(value: &JValue) -> Result<(), FunctionError> {
        match value {
            JValue::Number(n) if n.is_infinite() => {
                Err(FunctionError::RuntimeError("D1001: Number out of range: null".to_string()))
            }
            JValue::Array(arr) => walk(arr.len(), || arr.iter().try_for_each(reject_non_finite)),
            JValue::Object(obj) => walk(obj.len(), || obj.values().try_for_each(reject_non_finite)),
            _ => Ok(()),
        }
    }

    /// Stringify a value the way jsonata-js's `$string` does
    /// (`JSON.stringify` with the function-to-"" / non-integer-toPrecision(15)
    /// replacer). Hand-rolled rather than routed through serde so numbers
    /// print with JavaScript's exact rules — integers above 2^53 print as the
    /// float's shortest round-trip decimal, not the exact i64 digits serde
    /// would emit.
    /// Values in one value that is written as text.
    pub(crate) const VALUES_MAX: usize = 4_000_000;

    /// Values in a value, itself included, counted up to a bound: shared parts count each time they stand.
    pub(crate) fn weight(value: &JValue, most: usize) -> usize {
        let mut open = vec![value];
        let mut count = 0;
        while let Some(value) = open.pop() {
            count += 1;
            if count >= most {
                break;
            }
            match value {
                JValue::Array(items) => open.extend(items.iter()),
                JValue::Object(members) => open.extend(members.values()),
                _ => {}
            }
        }
        count
    }

    fn stringify_value_custom(
        value: &JValue,
        indent: Option<usize>,
    ) -> Result<String, FunctionError> {
        let mut out = String::new();
        let weight = weight(value, VALUES_MAX);
        if weight >= VALUES_MAX {
            return Err(FunctionError::RuntimeError(crate::environment::OUT_OF_MEMORY.to_owned()));
        }
        crate::environment::steps(weight / 2).map_err(FunctionError::RuntimeError)?;
        reject_non_finite(value)?;
        write_stringified(value, indent, 0, &mut out);
        crate::environment::hold(out.len()).map_err(FunctionError::RuntimeError)?;
        Ok(out)
    }

    /// Recursive writer for `stringify_value_custom`. `indent` = Some(width)
    /// pretty-prints exactly like `JSON.stringify(v, replacer, width)` (and
    /// serde_json's pretty printer): items one per line, `": "` after keys,
    /// empty containers stay `{}`/`[]`.
    fn write_stringified(value: &JValue, indent: Option<usize>, depth: usize, out: &mut String) {
        let (open_sep, close_sep, item_sep, key_sep): (String, String, &str, &str) = match indent {
            Some(w) => (
                format!("\n{}", " ".repeat(w * (depth + 1))),
                format!("\n{}", " ".repeat(w * depth)),
                ",",
                ": ",
            ),
            None => (String::new(), String::new(), ",", ":"),
        };
        match value {
            // JSON.stringify turns undefined into null in array position; an
            // undefined-valued object key never gets here (construction drops
            // it), so mapping the whole variant to null preserves both.
            JValue::Null | JValue::Undefined => out.push_str("null"),
            JValue::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
            JValue::Number(n) => out.push_str(&format_stringified_number(*n)),
            JValue::String(s) => write_json_escaped(s, out),
            // The replacer maps functions, regexes included, to "" wherever
            // they appear.
            JValue::Lambda { .. } | JValue::Builtin { .. } | JValue::Regex { .. } => {
                out.push_str("\"\"")
            }
            JValue::Array(arr) => {
                if arr.is_empty() {
                    out.push_str("[]");
                    return;
                }
                out.push('[');
                for (i, v) in arr.iter().enumerate() {
                    if i > 0 {
                        out.push_str(item_sep);
                    }
                    out.push_str(&open_sep);
                    with_stack(|| write_stringified(v, indent, depth + 1, out));
                }
                out.push_str(&close_sep);
                out.push(']');
            }
            JValue::Object(obj) => {
                if obj.is_empty() {
                    out.push_str("{}");
                    return;
                }
                out.push('{');
                for (i, (k, v)) in obj.iter().enumerate() {
                    if i > 0 {
                        out.push_str(item_sep);
                    }
                    out.push_str(&open_sep);
                    write_json_escaped(k, out);
                    out.push_str(key_sep);
                    with_stack(|| write_stringified(v, indent, depth + 1, out));
                }
                out.push_str(&close_sep);
                out.push('}');
            }
        }
    }

    /// Append the JSON string literal (quotes and escapes included) for `s`.
    fn write_json_escaped(s: &str, out: &mut String) {
        // serde_json's string escaping is JSON.stringify's.
        out.push_str(&serde_json::to_string(s).expect("string serialization is infallible"));
    }

    /// $length() - Get string length with proper Unicode support
    /// Returns the number of Unicode characters (not bytes)
    pub fn length(s: &str) -> Result<JValue, FunctionError> {
        Ok(JValue::Number(s.chars().count() as f64))
    }

    /// $uppercase() - Convert to uppercase
    pub fn uppercase(s: &str) -> Result<JValue, FunctionError> {
        Ok(JValue::string(s.to_uppercase()))
    }

    /// $lowercase() - Convert to lowercase
    pub fn lowercase(s: &str) -> Result<JValue, FunctionError> {
        Ok(JValue::string(s.to_lowercase()))
    }

    /// $substring(str, start, length) - Extract substring
    /// Extracts a substring from a string using Unicode character positions.
    /// Follows the JSONata spec (which mirrors JS Array.prototype.slice):
    /// - start: zero-based position; negative means count from end
    /// - length: optional max number of characters to extract
    pub fn substring(s: &str, start: i64, length: Option<i64>) -> Result<JValue, FunctionError> {
        let chars: Vec<char> = s.chars().collect();
        let str_len = chars.len() as i64;

        // Clamp start if it goes past the beginning
        // Matches JS: if (strLength + start < 0) { start = 0; }
        let start = if str_len + start < 0 { 0 } else { start };

        if let Some(len) = length {
            // Negative or zero length → empty string (matches JS reference)
            if len <= 0 {
                return Ok(JValue::string(""));
            }
            // Compute end index: mirrors JS reference exactly
            // JS: var end = start >= 0 ? start + length : strLength + start + length;
            let end = if start >= 0 { start + len } else { str_len + start + len };
            // JS: strArray.slice(start, end).join('')
            // JS slice handles negative start natively (counts from end)
            let slice = js_slice(&chars, start, Some(end));
            Ok(JValue::string(slice.iter().collect::<String>()))
        } else {
            // No length: take from start to end of string
            // JS: strArray.slice(start).join('')
            let slice = js_slice(&chars, start, None);
            Ok(JValue::string(slice.iter().collect::<String>()))
        }
    }

    /// $substringBefore(str, separator) - Get substring before separator
    pub fn substring_before(s: &str, separator: &str) -> Result<JValue, FunctionError> {
        if separator.is_empty() {
            return Ok(JValue::string(""));
        }

        let result = s.split(separator).next().unwrap_or(s).to_string();
        Ok(JValue::string(result))
    }

    /// $substringAfter(str, separator) - Get substring after separator
    pub fn substring_after(s: &str, separator: &str) -> Result<JValue, FunctionError> {
        if separator.is_empty() {
            return Ok(JValue::string(s));
        }

        if let Some(pos) = s.find(separator) {
            let result = s[pos + separator.len()..].to_string();
            Ok(JValue::string(result))
        } else {
            // If separator not found, return the original string
            Ok(JValue::string(s))
        }
    }

    /// $trim(str) - Normalize and trim whitespace
    ///
    /// Normalizes whitespace by replacing runs of whitespace characters (space, tab, newline, etc.)
    /// with a single space, then strips leading and trailing spaces.
    pub fn trim(s: &str) -> Result<JValue, FunctionError> {
        use regex::Regex;
        use std::sync::OnceLock;

        static WS_REGEX: OnceLock<Regex> = OnceLock::new();
        let ws_regex = WS_REGEX.get_or_init(|| Regex::new(r"[ \t\n\r]+").unwrap());

        let normalized = ws_regex.replace_all(s, " ");
        Ok(JValue::string(normalized.trim()))
    }

    /// $contains(str, pattern) - Check if string contains substring or matches regex
    pub fn contains(s: &str, pattern: &JValue) -> Result<JValue, FunctionError> {
        // Check if pattern is a regex
        if let Some((pat, flags)) = extract_regex(pattern) {
            let re = build_regex(&pat, &flags)?;
            return re.is_match(s).map(JValue::Bool).map_err(FunctionError::RuntimeError);
        }

        // Handle string pattern
        let pat = match pattern {
            JValue::String(s) => &**s,
            _ => {
                return Err(FunctionError::TypeError(
                    "contains() requires string arguments".to_string(),
                ));
            }
        };

        Ok(JValue::Bool(s.contains(pat)))
    }

    /// $split(str, separator, limit) - Split string into array
    /// separator can be a string or a regex object
    pub fn split(s: &str, separator: &JValue, limit: Option<f64>) -> Result<JValue, FunctionError> {
        if let Some((pattern, flags)) = extract_regex(separator) {
            let re = build_regex(&pattern, &flags)?;
            let mut parts = Vec::new();
            let mut start = 0;
            let mut matches = RegexMatches::new(&re, s);
            // The next match is looked for also when there are enough parts.
            let mut found = if limit == Some(0.0) { None } else { matches.next_match()? };
            let has_room =
                |parts: &Vec<JValue>| limit.is_none_or(|limit| (parts.len() as f64) < limit);
            while let Some(separating) = &found {
                if !has_room(&parts) {
                    break;
                }
                parts.push(JValue::string(&s[start..separating.byte_start]));
                start = separating.byte_end;
                found = matches.next_match()?;
            }
            if has_room(&parts) {
                parts.push(JValue::string(&s[start..]));
            }
            return Ok(JValue::array(parts));
        }
        let limit = limit.map(|limit| limit.floor() as usize);

        // Handle string separator. The signature `<s-(sf)n?:a<s>>` admits a
        // string or a function, and the regex/function branch is handled
        // above, so anything left here is a plain function used as a matcher
        // that did not produce the expected structure -- T1010 in jsonata-js.
        let sep = match separator {
            JValue::String(s) => &**s,
            _ => {
                return Err(FunctionError::TypeError(
                    "T1010: The matcher function argument passed to function $split does not \
                     return the correct object structure"
                        .to_string(),
                ));
            }
        };

        if sep.is_empty() {
            // Split into individual characters
            crate::environment::steps(s.len() / 4).map_err(FunctionError::RuntimeError)?;
            let chars: Vec<JValue> = s.chars().map(|c| JValue::string(c.to_string())).collect();
            // Truncate to limit if specified
            let result =
                if let Some(lim) = limit { chars.into_iter().take(lim).collect() } else { chars };
            return Ok(JValue::array(result));
        }

        let count = s.matches(sep).count() + 1;
        crate::environment::steps(count / 4).map_err(FunctionError::RuntimeError)?;
        crate::environment::hold_items(count).map_err(FunctionError::RuntimeError)?;
        let parts: Vec<JValue> = s.split(sep).map(JValue::string).collect();

        // Truncate to limit if specified (limit is max number of results)
        let result =
            if let Some(lim) = limit { parts.into_iter().take(lim).collect() } else { parts };

        Ok(JValue::array(result))
    }

    /// $join(array, separator) - Join array into string
    pub fn join(arr: &[JValue], separator: Option<&str>) -> Result<JValue, FunctionError> {
        let sep = separator.unwrap_or("");
        let parts: Result<Vec<String>, FunctionError> = arr
            .iter()
            .map(|v| match v {
                JValue::String(s) => Ok(s.to_string()),
                JValue::Number(n) => Ok(format_join_number(*n)),
                JValue::Bool(b) => Ok(b.to_string()),
                JValue::Null => Ok(String::new()),
                _ => Err(FunctionError::TypeError(
                    "Cannot join array containing objects or nested arrays".to_string(),
                )),
            })
            .collect();

        let parts = parts?;
        let size = parts.iter().map(|part| part.len() + sep.len()).sum();
        crate::environment::hold(size).map_err(FunctionError::RuntimeError)?;
        Ok(JValue::string(parts.join(sep)))
    }

    /// Format a number for $join. Unreachable through validated dispatch —
    /// the reference raises T0412 for non-string elements — but kept for
    /// unvalidated callers, printing the JS way like everything else.
    fn format_join_number(n: f64) -> String {
        crate::value::js_number_to_string(n)
    }

    /// JavaScript's whitespace (`WhiteSpace` and `LineTerminator`), which
    /// `parseInt`, `Number` and `trim` skip. Unlike `char::is_whitespace`,
    /// it includes U+FEFF and leaves out U+0085.
    pub fn is_js_whitespace(c: char) -> bool {
        matches!(
            c,
            '\t' | '\n' | '\u{b}' | '\u{c}' | '\r' | ' ' | '\u{a0}' | '\u{1680}' | '\u{2000}'
                ..='\u{200a}'
                    | '\u{2028}'
                    | '\u{2029}'
                    | '\u{202f}'
                    | '\u{205f}'
                    | '\u{3000}'
                    | '\u{feff}'
        )
    }

    /// jsonata-js `replace`'s string replacer: appends `replacement` to `out`
    /// with `$$` as `$`, `$0` as the match and `$n` as group `n` of
    /// `group_count`. `group(i)` gives group `i + 1`, and is only asked for
    /// the groups the replacement refers to, as jsonata-js converts only
    /// those; a group that is `None` or doesn't exist gives nothing. As in
    /// jsonata-js, `$` takes at most as many digits as the group count has
    /// (falling back to one fewer when that number is out of range), they are
    /// read with `parseInt`, and a `$` not followed by a number is kept.
    pub fn substitute_capture_groups<'g, E>(
        out: &mut String,
        replacement: &str,
        full_match: &str,
        group_count: usize,
        mut group: impl FnMut(usize) -> Result<Option<Cow<'g, str>>, E>,
    ) -> Result<(), E> {
        let bytes = replacement.as_bytes();
        let mut position = 0;
        let mut index = replacement.find('$');
        while let Some(dollar) = index {
            if position >= bytes.len() {
                break;
            }
            out.push_str(&replacement[position..dollar]);
            position = dollar + 1;
            match bytes.get(position) {
                Some(b'$') => {
                    out.push('$');
                    position += 1;
                }
                Some(b'0') => {
                    out.push_str(full_match);
                    position += 1;
                }
                _ => {
                    let max_digits = if group_count == 0 {
                        1
                    } else {
                        (group_count as f64).log10().floor() as usize + 1
                    };
                    let rest = &replacement[position..];
                    let mut number = js_parse_int(rest, max_digits);
                    if max_digits > 1 && number.is_some_and(|n| n > group_count as i64) {
                        number = js_parse_int(rest, max_digits - 1);
                    }
                    match number {
                        Some(n) => {
                            if n >= 1 && (n as usize) <= group_count {
                                if let Some(text) = group(n as usize - 1)? {
                                    out.push_str(&text);
                                }
                            }
                            // `position += index.toString().length`, in UTF-16
                            // units: the number was read from whitespace, a
                            // sign and digits, each one unit long.
                            position += rest
                                .chars()
                                .take(n.to_string().len())
                                .map(char::len_utf8)
                                .sum::<usize>();
                        }
                        None => out.push('$'),
                    }
                }
            }
            index = replacement[position..].find('$').map(|i| i + position);
        }
        out.push_str(&replacement[position..]);
        Ok(())
    }

    /// JavaScript `parseInt(text.substring(0, max_len), 10)`, where
    /// `max_len` counts UTF-16 units: leading whitespace, an optional sign,
    /// then the digits. `None` is NaN.
    fn js_parse_int(text: &str, max_len: usize) -> Option<i64> {
        let mut units = 0;
        let mut chars = text
            .chars()
            .take_while(|c| {
                units += c.len_utf16();
                units <= max_len
            })
            .skip_while(|c| is_js_whitespace(*c))
            .peekable();
        let negative = match chars.peek() {
            Some('-') => true,
            Some('+') => false,
            _ => return parse_digits(chars),
        };
        chars.next();
        parse_digits(chars).map(|n| if negative { -n } else { n })
    }

    fn parse_digits(chars: impl Iterator<Item = char>) -> Option<i64> {
        let mut digits = chars.map_while(|c| c.to_digit(10)).peekable();
        digits.peek()?;
        digits.try_fold(0i64, |n, d| n.checked_mul(10)?.checked_add(i64::from(d)))
    }

    /// One match of a regex, as jsonata-js's regex closure (`evaluateRegex`)
    /// describes it. `byte_start` and `byte_end` index the Rust string; a
    /// group that didn't take part in the match is `None`. `utf16_span` is
    /// the match's `start` and `end` in UTF-16 code units, as JavaScript
    /// strings count them, when the cursor counts them (see
    /// `RegexMatches::counting_utf16`).
    pub struct RegexMatch<'s> {
        pub text: &'s str,
        pub byte_start: usize,
        pub byte_end: usize,
        pub utf16_span: Option<(usize, usize)>,
        pub groups: Vec<Option<&'s str>>,
    }

    impl RegexMatch<'_> {
        /// The `{match, start, end, groups}` object jsonata-js hands a
        /// `$replace` replacement function. jsonata-js also gives it a `next`
        /// function, which only a regex function value's result adds (see
        /// `Evaluator::call_regex`). Needs `utf16_span`.
        pub fn to_object(&self) -> JValue {
            let (start, end) = self.utf16_span.expect("the cursor counts UTF-16 offsets");
            let mut obj = IndexMap::with_capacity(4);
            obj.insert("match".to_string(), JValue::string(self.text));
            obj.insert("start".to_string(), JValue::from(start as i64));
            obj.insert("end".to_string(), JValue::from(end as i64));
            obj.insert("groups".to_string(), self.groups_value());
            JValue::object(obj)
        }

        fn groups_value(&self) -> JValue {
            JValue::array(
                self.groups
                    .iter()
                    .map(|group| group.map_or(JValue::Undefined, JValue::string))
                    .collect(),
            )
        }
    }

    /// The successive matches of a regex over a string, following
    /// jsonata-js `evaluateRegex`: the first call to `next_match` is the
    /// closure applied to the string, each later one is the previous match's
    /// `next()`. jsonata-js regexes are always global, so a `g` flag changes
    /// nothing. A later match that is zero-length is D1004, since matching
    /// would never move on; the first match may be zero-length.
    pub struct RegexMatches<'r, 's> {
        re: &'r Pattern,
        s: &'s str,
        /// Where the next search starts (`lastIndex`); `None` before the first.
        from: Option<usize>,
        /// Where the first search starts.
        first_from: usize,
        /// Whether to fill in each match's `utf16_span`.
        count_utf16: bool,
        /// The UTF-16 offset of byte `counted_to`, kept as the search moves on.
        counted_to: usize,
        utf16_index: usize,
    }

    impl<'r, 's> RegexMatches<'r, 's> {
        pub fn new(re: &'r Pattern, s: &'s str) -> Self {
            RegexMatches {
                re,
                s,
                from: None,
                first_from: 0,
                count_utf16: false,
                counted_to: 0,
                utf16_index: 0,
            }
        }

        /// Fill in each match's `utf16_span`, which costs a pass over the
        /// string; only what is visible to an expression needs it.
        pub fn counting_utf16(mut self) -> Self {
            self.count_utf16 = true;
            self
        }

        /// Start at `from`, in UTF-16 units, as jsonata-js's regex closure
        /// does when called with `fromIndex` (`first`), or as a match's
        /// `next()` does from where that match ended. `None` when `from` is
        /// past the end, where JavaScript finds no match.
        pub fn starting_at(mut self, from: usize, first: bool) -> Option<Self> {
            let mut units = 0;
            let mut byte = self.s.len();
            for (i, c) in self.s.char_indices() {
                if units >= from {
                    byte = i;
                    break;
                }
                units += c.len_utf16();
            }
            if units < from {
                return None;
            }
            self.counted_to = byte;
            self.utf16_index = units;
            if first {
                self.first_from = byte;
            } else {
                self.from = Some(byte);
            }
            Some(self)
        }

        pub fn next_match(&mut self) -> Result<Option<RegexMatch<'s>>, FunctionError> {
            let start = match self.from {
                None => self.first_from,
                Some(from) if from >= self.s.len() => return Ok(None),
                Some(from) => from,
            };
            // A regex without groups needs only the match's bounds, which
            // the regex finds faster than its captures.
            let (found, groups) = if self.re.captures_len() == 1 {
                match self.re.find_at(self.s, start).map_err(FunctionError::RuntimeError)? {
                    Some(found) => (found, Vec::new()),
                    None => return self.end(),
                }
            } else {
                match self.re.captures_at(self.s, start).map_err(FunctionError::RuntimeError)? {
                    Some(caps) => {
                        let groups = caps[1..]
                            .iter()
                            .map(|group| group.map(|(from, to)| &self.s[from..to]))
                            .collect();
                        (caps[0].unwrap_or((start, start)), groups)
                    }
                    None => return self.end(),
                }
            };
            let (found_start, found_end) = found;
            if self.from.is_some() && found_start == found_end {
                return Err(FunctionError::RuntimeError(
                    "D1004: Regular expression matches zero length string".to_string(),
                ));
            }
            self.from = Some(found_end);
            let utf16_span = self.count_utf16.then(|| {
                self.utf16_index += self.s[self.counted_to..found_start].encode_utf16().count();
                self.counted_to = found_start;
                let end = self.utf16_index + self.s[found_start..found_end].encode_utf16().count();
                (self.utf16_index, end)
            });
            Ok(Some(RegexMatch {
                text: &self.s[found_start..found_end],
                byte_start: found_start,
                byte_end: found_end,
                utf16_span,
                groups,
            }))
        }

        fn end(&mut self) -> Result<Option<RegexMatch<'s>>, FunctionError> {
            self.from = Some(self.s.len());
            Ok(None)
        }
    }

    /// $match(str, regex, limit) with a regex, following jsonata-js `match`:
    /// every match from the start of the string (see `RegexMatches`), up to
    /// `limit`, each as `{match, index, groups}`, in a sequence. As in
    /// jsonata-js, the next match is looked for after each one, even when the
    /// limit has been reached, so a zero-length match found that way is still
    /// D1004. `index` counts UTF-16 code units.
    pub fn match_regex(
        re: &Pattern,
        s: &str,
        limit: Option<usize>,
    ) -> Result<JValue, FunctionError> {
        let mut results = Vec::new();
        if limit == Some(0) {
            return Ok(JValue::sequence(results));
        }
        let mut matches = RegexMatches::new(re, s).counting_utf16();
        let mut current = matches.next_match()?;
        while let Some(found) = current {
            crate::environment::steps(4).map_err(FunctionError::RuntimeError)?;
            let (index, _) = found.utf16_span.expect("counting UTF-16 offsets");
            let mut match_obj = IndexMap::with_capacity(3);
            match_obj.insert("match".to_string(), JValue::string(found.text));
            match_obj.insert("index".to_string(), JValue::from(index as i64));
            match_obj.insert("groups".to_string(), found.groups_value());
            results.push(JValue::object(match_obj));

            current = matches.next_match()?;
            if limit.is_some_and(|limit| results.len() >= limit) {
                break;
            }
        }
        Ok(JValue::sequence(results))
    }

    /// jsonata-js `replace`'s loop over the matches of a regex: each match,
    /// up to `limit`, is replaced by what `replacer` appends to the result
    /// for it. As in jsonata-js, the next match is looked for after each
    /// replacement, even when the limit has been reached, so a zero-length
    /// match found that way is still D1004.
    pub fn replace_regex<E: From<FunctionError>>(
        mut matches: RegexMatches,
        limit: Option<usize>,
        mut replacer: impl FnMut(&RegexMatch, &mut String) -> Result<(), E>,
    ) -> Result<String, E> {
        let s = matches.s;
        if limit == Some(0) {
            return Ok(s.to_string());
        }
        let mut result = String::with_capacity(s.len());
        let mut position = 0;
        let mut count = 0;
        let mut current = matches.next_match()?;
        while let Some(found) = current {
            if limit.is_some_and(|limit| count >= limit) {
                break;
            }
            result.push_str(&s[position..found.byte_start]);
            replacer(&found, &mut result)?;
            position = found.byte_end;
            crate::environment::steps(1).map_err(FunctionError::RuntimeError)?;
            if result.len() > s.len() {
                crate::environment::hold(result.len() / 8).map_err(FunctionError::RuntimeError)?;
            }
            count += 1;
            current = matches.next_match()?;
        }
        result.push_str(&s[position..]);
        Ok(result)
    }

    /// $replace(str, pattern, replacement, limit) with a substring or regex
    /// pattern and a replacement string. In the replacement, `$0` is the
    /// match and `$1`... its groups when the pattern is a regex; a substring
    /// pattern's replacement is used as it is, as in jsonata-js.
    pub fn replace(
        s: &str,
        pattern: &JValue,
        replacement: &str,
        limit: Option<usize>,
    ) -> Result<JValue, FunctionError> {
        // Check if pattern is a regex
        if let Some((pat, flags)) = extract_regex(pattern) {
            let re = build_regex(&pat, &flags)?;
            let output = replace_regex(RegexMatches::new(&re, s), limit, |found, out| {
                substitute_capture_groups(out, replacement, found.text, found.groups.len(), |i| {
                    Ok::<_, FunctionError>(found.groups[i].map(Cow::Borrowed))
                })
            })?;
            return Ok(JValue::string(output));
        }

        // Handle string pattern
        let pat = match pattern {
            JValue::String(s) => &**s,
            _ => {
                return Err(FunctionError::TypeError(
                    "replace() requires string arguments".to_string(),
                ));
            }
        };

        if pat.is_empty() {
            return Err(FunctionError::RuntimeError("D3010: Pattern cannot be empty".to_string()));
        }

        let result = if let Some(lim) = limit {
            let mut remaining = s;
            let mut output = String::new();
            let mut count = 0;

            while count < lim {
                if let Some(pos) = remaining.find(pat) {
                    output.push_str(&remaining[..pos]);
                    output.push_str(replacement);
                    remaining = &remaining[pos + pat.len()..];
                    count += 1;
                } else {
                    output.push_str(remaining);
                    break;
                }
            }
            if count == lim {
                output.push_str(remaining);
            }
            output
        } else {
            let size = s.len() + s.matches(pat).count().saturating_mul(replacement.len());
            crate::environment::hold(size).map_err(FunctionError::RuntimeError)?;
            s.replace(pat, replacement)
        };

        Ok(JValue::string(result))
    }
}

/// Built-in boolean functions
pub mod boolean {
    use super::*;

    /// $boolean(value) - Convert value to boolean
    ///
    /// Conversion rules:
    /// - boolean: unchanged
    /// - string: zero-length -> false; otherwise -> true
    /// - number: 0 -> false; otherwise -> true
    /// - null -> false
    /// - array: empty -> false; single element -> recursive; multi-element -> any truthy
    /// - object: empty -> false; non-empty -> true
    /// - function -> false
    pub fn boolean(value: &JValue) -> Result<JValue, FunctionError> {
        Ok(JValue::Bool(to_boolean(value)))
    }

    /// Helper function to recursively convert values to boolean.
    fn to_boolean(value: &JValue) -> bool {
        match value {
            JValue::Null | JValue::Undefined => false,
            JValue::Bool(b) => *b,
            JValue::Number(n) => *n != 0.0 && !n.is_nan(),
            JValue::String(s) => !s.is_empty(),
            JValue::Array(arr) => {
                walk(arr.len(), || {
                    if arr.len() == 1 {
                        to_boolean(&arr[0])
                    } else {
                        // Empty arrays are falsy; multi-element: true if any element is truthy
                        arr.iter().any(to_boolean)
                    }
                })
            }
            JValue::Object(obj) => !obj.is_empty(),
            // Functions are false, a regex being one (#205).
            JValue::Lambda { .. } | JValue::Builtin { .. } | JValue::Regex { .. } => false,
        }
    }
}

/// Built-in numeric functions
pub mod numeric {
    use super::*;

    /// $number(value) - Convert value to number
    /// Supports decimal, hex (0x), octal (0o), and binary (0b) formats
    pub fn number(value: &JValue) -> Result<JValue, FunctionError> {
        use std::sync::OnceLock;

        use regex::Regex;

        static DECIMAL: OnceLock<Regex> = OnceLock::new();
        static PREFIXED: OnceLock<Regex> = OnceLock::new();
        let failed = || {
            let text = super::string::string(value, None)
                .ok()
                .and_then(|text| match (value, text) {
                    (JValue::String(text), _) => Some(serde_json::Value::from(&**text).to_string()),
                    (_, JValue::String(text)) => Some(text.to_string()),
                    _ => None,
                })
                .unwrap_or_default();
            FunctionError::RuntimeError(format!("D3030: Unable to cast value to a number: {text}"))
        };
        match value {
            JValue::Number(_) => Ok(value.clone()),
            JValue::Bool(bool) => Ok(JValue::Number(f64::from(*bool))),
            JValue::String(text) => {
                let decimal = DECIMAL.get_or_init(|| {
                    Regex::new(r"^-?[0-9]+(\.[0-9]+)?([Ee][-+]?[0-9]+)?$")
                        .expect("a pattern of our own")
                });
                // The reference's alternatives are not held together: what only begins or ends so is NaN.
                let prefixed = PREFIXED.get_or_init(|| {
                    Regex::new(r"^(0[xX][0-9A-Fa-f]+)|(0[oO][0-7]+)|(0[bB][01]+)$")
                        .expect("a pattern of our own")
                });
                if decimal.is_match(text) {
                    match text.parse::<f64>() {
                        Ok(number) if number.is_finite() => Ok(JValue::Number(number)),
                        _ => Err(failed()),
                    }
                } else if prefixed.is_match(text) {
                    Ok(JValue::Number(number_with_prefix(text)))
                } else {
                    Err(failed())
                }
            }
            _ => Err(failed()),
        }
    }

    /// JavaScript's `Number` of a text in base 16, 8 or 2.
    fn number_with_prefix(text: &str) -> f64 {
        let text = text.trim();
        let radix = match text.as_bytes().get(1) {
            Some(b'x' | b'X') => 16,
            Some(b'o' | b'O') => 8,
            _ => 2,
        };
        let digits = text.get(2..).unwrap_or_default();
        if !text.starts_with('0') || digits.is_empty() {
            return f64::NAN;
        }
        digits.chars().fold(0.0, |sum, digit| {
            digit
                .to_digit(radix)
                .map_or(f64::NAN, |digit| sum * f64::from(radix) + f64::from(digit))
        })
    }

    /// $sum(array) - Sum array of numbers
    pub fn sum(arr: &[JValue]) -> Result<JValue, FunctionError> {
        if arr.is_empty() {
            return Ok(JValue::Number(0.0));
        }

        let mut total = 0.0;
        for value in arr {
            match value {
                JValue::Number(n) => {
                    total += n;
                }
                _ => {
                    return Err(FunctionError::TypeError(format!(
                        "sum() requires all array elements to be numbers, got: {:?}",
                        value
                    )));
                }
            }
        }
        Ok(JValue::Number(total))
    }

    /// $abs(number) - Absolute value
    pub fn abs(n: f64) -> Result<JValue, FunctionError> {
        Ok(JValue::Number(n.abs()))
    }

    /// $floor(number) - Floor
    pub fn floor(n: f64) -> Result<JValue, FunctionError> {
        Ok(JValue::Number(n.floor()))
    }

    /// $ceil(number) - Ceiling
    pub fn ceil(n: f64) -> Result<JValue, FunctionError> {
        Ok(JValue::Number(n.ceil()))
    }

    /// $sqrt(number) - Square root
    pub fn sqrt(n: f64) -> Result<JValue, FunctionError> {
        if n < 0.0 {
            return Err(FunctionError::ArgumentError(format!(
                "D3060: The sqrt function cannot be applied to a negative number: {}",
                JValue::Number(n)
            )));
        }
        Ok(JValue::Number(n.sqrt()))
    }

    /// $power(base, exponent) - Power
    pub fn power(base: f64, exponent: f64) -> Result<JValue, FunctionError> {
        let result = base.powf(exponent);
        if result.is_nan() || result.is_infinite() {
            return Err(FunctionError::RuntimeError(format!(
                "D3061: The power function has resulted in a value that cannot be \
                 represented as a JSON number: base={}, exponent={}",
                JValue::Number(base),
                JValue::Number(exponent)
            )));
        }
        Ok(JValue::Number(result))
    }
}

/// Built-in array functions
pub mod array {
    use super::*;

    /// $count(array) - Count array elements
    pub fn count(arr: &[JValue]) -> Result<JValue, FunctionError> {
        Ok(JValue::Number(arr.len() as f64))
    }

    /// $append(array1, array2) - Append arrays/values
    pub fn append(arr1: &[JValue], val: &JValue) -> Result<JValue, FunctionError> {
        let mut result = arr1.to_vec();
        match val {
            JValue::Array(arr2) => result.extend(arr2.iter().cloned()),
            other => result.push(other.clone()),
        }
        Ok(JValue::array(result))
    }

    /// $reverse(array) - Reverse array
    pub fn reverse(arr: &[JValue]) -> Result<JValue, FunctionError> {
        let mut result = arr.to_vec();
        result.reverse();
        Ok(JValue::array(result))
    }

    /// $sort(array) - Sort array
    pub fn sort(arr: &[JValue]) -> Result<JValue, FunctionError> {
        crate::environment::steps(arr.len() / 2).map_err(FunctionError::RuntimeError)?;
        let mut result = arr.to_vec();

        // Check if all elements are of comparable types
        let all_numbers = result.iter().all(|v| matches!(v, JValue::Number(_)));
        let all_strings = result.iter().all(|v| matches!(v, JValue::String(_)));

        if all_numbers {
            result.sort_by(|a, b| {
                let a_num = a.as_f64().unwrap();
                let b_num = b.as_f64().unwrap();
                a_num.partial_cmp(&b_num).unwrap_or(std::cmp::Ordering::Equal)
            });
        } else if all_strings {
            result.sort_by(|a, b| {
                let a_str = a.as_str().unwrap();
                let b_str = b.as_str().unwrap();
                a_str.cmp(b_str)
            });
        } else if result.len() < 2 {
            // Nothing to compare, so the element type does not matter:
            // `$sort(true)` is `[true]`. The signature's `a` type wraps a
            // scalar into a singleton before we get here.
        } else {
            return Err(FunctionError::TypeError(
                "D3070: The single argument form of the sort function can only be applied to an \
                 array of strings or an array of numbers.  Use the second argument to specify a \
                 comparison function"
                    .to_string(),
            ));
        }

        Ok(JValue::array(result))
    }

    /// $distinct(array) - Get unique elements
    pub fn distinct(arr: &[JValue]) -> Result<JValue, FunctionError> {
        let mut result = Vec::new();
        let mut seen: Vec<JValue> = Vec::new();

        for value in arr {
            // Materialize a lazy element before comparing so an unconvertible
            // Python value raises `TypeError` here instead of being silently
            // treated as "always distinct from everything else" -- `values_equal`'s
            // lazy arms return `false` (not-equal) on conversion failure, by
            // design (see its doc comment), which would let two references to
            // the very same unconvertible value (e.g. two aliases of one
            // Python `set`-valued field) both survive dedup.

            let compare_value = value.clone();

            crate::environment::steps(1 + seen.len() / 32).map_err(FunctionError::RuntimeError)?;
            let mut is_new = true;
            for seen_value in &seen {
                if values_equal(&compare_value, seen_value) {
                    is_new = false;
                    break;
                }
            }
            if is_new {
                seen.push(compare_value);
                result.push(value.clone());
            }
        }

        Ok(JValue::array(result))
    }

    /// $exists(value) - Check if value exists (not null/undefined)
    pub fn exists(value: &JValue) -> Result<JValue, FunctionError> {
        // Only a *missing* value is absent. An explicit null exists.
        let is_missing = value.is_undefined();
        Ok(JValue::Bool(!is_missing))
    }

    /// Compare two JSON values for deep equality (JSONata semantics)
    ///
    /// Cannot return `Result`, so a lazy-conversion failure in the `LazyPyDict` arms
    /// below is swallowed and yields `false` (not-equal), by design -- callers that need
    /// the failure to surface as a Python `TypeError` (the `=`/`!=`/`in` operators) must
    /// call `evaluator::normalize_lazy` on their operands *before* calling this function.
    pub fn values_equal(a: &JValue, b: &JValue) -> bool {
        match (a, b) {
            (JValue::Null, JValue::Null) => true,
            (JValue::Bool(a), JValue::Bool(b)) => a == b,
            (JValue::Number(a), JValue::Number(b)) => a == b,
            (JValue::String(a), JValue::String(b)) => a == b,
            (JValue::Array(a), JValue::Array(b)) => walk(a.len(), || {
                a.len() == b.len() && a.iter().zip(b.iter()).all(|(x, y)| values_equal(x, y))
            }),
            (JValue::Object(a), JValue::Object(b)) => walk(a.len(), || {
                a.len() == b.len()
                    && a.iter().all(|(k, v)| b.get(k).is_some_and(|v2| values_equal(v, v2)))
            }),

            _ => false,
        }
    }

    /// $shuffle(array) - Randomly shuffle array elements
    /// Uses Fisher-Yates (inside-out variant) algorithm
    pub fn shuffle(arr: &[JValue]) -> Result<JValue, FunctionError> {
        if arr.len() <= 1 {
            return Ok(JValue::array(arr.to_vec()));
        }

        let mut result = arr.to_vec();
        for last in (1..result.len()).rev() {
            let other = (crate::environment::random() * (last + 1) as f64) as usize;
            result.swap(last, other.min(last));
        }

        Ok(JValue::array(result))
    }
}

/// Built-in object functions
pub mod object {
    use super::*;

    /// $spread(object) - Spread object into array of key-value pairs
    pub fn spread(obj: &IndexMap<String, JValue>) -> Result<JValue, FunctionError> {
        // Each key-value pair becomes a single-key object: {"key": value}
        crate::environment::steps(obj.len()).map_err(FunctionError::RuntimeError)?;
        let pairs: Vec<JValue> = obj
            .iter()
            .map(|(k, v)| {
                let mut pair = IndexMap::new();
                pair.insert(k.clone(), v.clone());
                JValue::object(pair)
            })
            .collect();
        Ok(JValue::array(pairs))
    }

    /// $merge(objects) - Merge multiple objects
    pub fn merge(objects: &[JValue]) -> Result<JValue, FunctionError> {
        let mut result = IndexMap::new();

        for obj in objects {
            match obj {
                JValue::Object(map) => {
                    crate::environment::steps(map.len()).map_err(FunctionError::RuntimeError)?;
                    for (k, v) in map.iter() {
                        result.insert(k.clone(), v.clone());
                    }
                }
                _ => {
                    return Err(FunctionError::TypeError(
                        "merge() requires all arguments to be objects".to_string(),
                    ));
                }
            }
        }

        Ok(JValue::object(result))
    }
}

/// Encoding/decoding functions
pub mod encoding {
    use super::*;
    use base64::{Engine as _, engine::general_purpose};

    /// $base64encode(string) - Encode string to base64
    /// Decode base64 the way Node's `Buffer.from(str, 'base64')` does, which
    /// is what jsonata-js delegates to.
    ///
    /// Node never rejects input. It ignores every character outside the
    /// alphabet, stops at the first padding character, accepts the URL-safe
    /// alphabet alongside the standard one, and drops an incomplete trailing
    /// quantum instead of erroring -- so `$base64decode("a")` is "" and
    /// `$base64decode("YQ")` is "a". A strict decoder rejects all of those.
    fn lenient_base64_bytes(s: &str) -> Vec<u8> {
        let sextet = |c: char| -> Option<u8> {
            match c {
                'A'..='Z' => Some(c as u8 - b'A'),
                'a'..='z' => Some(c as u8 - b'a' + 26),
                '0'..='9' => Some(c as u8 - b'0' + 52),
                '+' | '-' => Some(62),
                '/' | '_' => Some(63),
                _ => None,
            }
        };

        let mut out = Vec::new();
        let mut acc: u32 = 0;
        let mut bits = 0u32;
        for c in s.chars() {
            if c == '=' {
                break;
            }
            let Some(v) = sextet(c) else { continue };
            acc = (acc << 6) | u32::from(v);
            bits += 6;
            if bits >= 8 {
                bits -= 8;
                out.push(((acc >> bits) & 0xff) as u8);
            }
        }
        // Whatever is left is an incomplete byte and is discarded, which is
        // why a lone trailing character contributes nothing.
        out
    }

    pub fn base64encode(s: &str) -> Result<JValue, FunctionError> {
        // The reference takes the low byte of each UTF-16 unit.
        let bytes: Vec<u8> = s.encode_utf16().map(|unit| unit as u8).collect();
        Ok(JValue::string(general_purpose::STANDARD.encode(bytes)))
    }

    /// $base64decode(string) - Decode base64 string: each byte is a character, as in the reference.
    pub fn base64decode(s: &str) -> Result<JValue, FunctionError> {
        let bytes = lenient_base64_bytes(s);
        Ok(JValue::string(bytes.into_iter().map(char::from).collect::<String>()))
    }

    /// $encodeUrlComponent(string) - Encode URL component
    pub fn encode_url_component(s: &str) -> Result<JValue, FunctionError> {
        Ok(JValue::string(percent_encoding::utf8_percent_encode(s, COMPONENT).to_string()))
    }

    /// $decodeUrlComponent(string) - Decode URL component
    pub fn decode_url_component(s: &str) -> Result<JValue, FunctionError> {
        decoded(s, "", "decodeUrlComponent")
    }

    /// $encodeUrl(string) - Encode full URL
    /// More permissive than encodeUrlComponent - allows URL structure characters
    pub fn encode_url(s: &str) -> Result<JValue, FunctionError> {
        Ok(JValue::string(percent_encoding::utf8_percent_encode(s, WHOLE).to_string()))
    }

    /// $decodeUrl(string) - Decode full URL
    pub fn decode_url(s: &str) -> Result<JValue, FunctionError> {
        decoded(s, RESERVED, "decodeUrl")
    }

    /// What structures a URL: `encodeURI` leaves it as it is, `decodeURI` its escapes.
    const RESERVED: &str = ";/?:@&=+$,#";
    const COMPONENT: &percent_encoding::AsciiSet = &percent_encoding::NON_ALPHANUMERIC
        .remove(b'-')
        .remove(b'_')
        .remove(b'.')
        .remove(b'!')
        .remove(b'~')
        .remove(b'*')
        .remove(b'\'')
        .remove(b'(')
        .remove(b')');
    const WHOLE: &percent_encoding::AsciiSet = &COMPONENT
        .remove(b';')
        .remove(b'/')
        .remove(b'?')
        .remove(b':')
        .remove(b'@')
        .remove(b'&')
        .remove(b'=')
        .remove(b'+')
        .remove(b'$')
        .remove(b',')
        .remove(b'#');

    /// JavaScript's `decodeURI` and `decodeURIComponent`: escapes of these characters stay, and what is no
    /// escape is an error.
    fn decoded(s: &str, stay: &str, function: &str) -> Result<JValue, FunctionError> {
        let malformed = || {
            FunctionError::RuntimeError(format!(
                "D3140: Malformed URL passed to ${function}(): {}",
                serde_json::Value::from(s)
            ))
        };
        let mut bytes = Vec::with_capacity(s.len());
        let mut rest = s.as_bytes();
        while let Some((first, after)) = rest.split_first() {
            rest = after;
            if *first != b'%' {
                bytes.push(*first);
                continue;
            }
            let digits = rest.get(..2).ok_or_else(malformed)?;
            let value = digits.iter().try_fold(0, |value, digit| {
                Some(value * 16 + (*digit as char).to_digit(16)? as u8)
            });
            let value = value.ok_or_else(malformed)?;
            if stay.as_bytes().contains(&value) {
                bytes.push(b'%');
                bytes.extend(digits);
            } else {
                bytes.push(value);
            }
            rest = &rest[2..];
        }
        String::from_utf8(bytes).map(JValue::string).map_err(|_| malformed())
    }
}
