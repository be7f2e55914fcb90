//! Items from JSON (an array's elements, an object's members) and from JSON lines, one at a time.

use std::io::{BufRead, BufReader, Read};

use asl::Failure;
use serde_json::Value;

use super::failed;
use super::reader::{ITEM_BYTES_MAX, Row, Rows, too_large};

/// The elements of the array, or the members of the object, that the JSON Pointer leads to. Without a
/// pointer it is the whole document, which must be an array.
pub(super) fn rows(bytes: Box<dyn Read + Send>, pointer: Option<&str>) -> Result<Rows, Failure> {
    let mut text = Text { bytes: BufReader::with_capacity(64 << 10, bytes) };
    for name in pointer.unwrap_or_default().split('/').skip(1) {
        let name = name.replace("~1", "/").replace("~0", "~");
        if !text.descend(&name)? {
            return Err(failed::reader(
                "The provided ReaderConfig.ItemsPointer does not match any valid path in the JSON structure.",
            ));
        }
    }
    let object = match text.peek()? {
        Some(b'[') => false,
        Some(b'{') if pointer.is_some() => true,
        Some(_) => return Err(failed::reader("Attempting to map over non-iterable node.")),
        None => return Err(failed::reader("The object has no JSON in it.")),
    };
    text.bytes.consume(1);
    Ok(Box::new(Elements { text, object, begun: false, ended: false }))
}

/// A value from each line that is not blank.
pub(super) fn lines(bytes: Box<dyn Read + Send>) -> Rows {
    let mut bytes = BufReader::with_capacity(64 << 10, bytes);
    let mut line = Vec::new();
    let mut number = 0u64;
    Box::new(std::iter::from_fn(move || {
        loop {
            line.clear();
            number += 1;
            let bounded = &mut bytes.by_ref().take(ITEM_BYTES_MAX as u64 + 1);
            match bounded.read_until(b'\n', &mut line) {
                Ok(0) => return None,
                Ok(read) if read > ITEM_BYTES_MAX => return Some(Err(too_large(ITEM_BYTES_MAX))),
                Ok(_) if line.iter().all(u8::is_ascii_whitespace) => {}
                Ok(_) => {
                    return Some(serde_json::from_slice(&line).map(|value| (None, value)).map_err(
                        |error| failed::reader(format!("Line {number} is no JSON: {error}")),
                    ));
                }
                Err(error) => return Some(Err(failed::unreadable(&error))),
            }
        }
    }))
}

/// The elements or members that come next in the text.
struct Elements {
    text: Text,
    object: bool,
    begun: bool,
    ended: bool,
}

impl Iterator for Elements {
    type Item = Result<Row, Failure>;

    fn next(&mut self) -> Option<Result<Row, Failure>> {
        if self.ended {
            return None;
        }
        let read = self.read();
        self.ended = !matches!(read, Ok(Some(_)));
        read.transpose()
    }
}

impl Elements {
    fn read(&mut self) -> Result<Option<Row>, Failure> {
        let end = if self.object { b'}' } else { b']' };
        if !self.text.goes_on(end, &mut self.begun)? {
            return Ok(None);
        }
        let key = if self.object { Some(self.text.name()?) } else { None };
        let mut value = Vec::new();
        self.text.value(Some(&mut value))?;
        Ok(Some((key, parse(&value)?)))
    }
}

fn parse(bytes: &[u8]) -> Result<Value, Failure> {
    serde_json::from_slice(bytes).map_err(|error| broken(&error.to_string()))
}

fn broken(reason: &str) -> Failure {
    failed::reader(format!("The object is no valid JSON: {reason}"))
}

/// JSON that is read forward only.
struct Text {
    bytes: BufReader<Box<dyn Read + Send>>,
}

impl Text {
    /// The next byte as it is.
    fn byte(&mut self) -> Result<Option<u8>, Failure> {
        match self.bytes.fill_buf() {
            Ok(bytes) => Ok(bytes.first().copied()),
            Err(error) => Err(failed::unreadable(&error)),
        }
    }

    /// The next byte behind white space (and a byte order mark).
    fn peek(&mut self) -> Result<Option<u8>, Failure> {
        loop {
            match self.byte()? {
                Some(b' ' | b'\t' | b'\n' | b'\r' | 0xef | 0xbb | 0xbf) => self.bytes.consume(1),
                other => return Ok(other),
            }
        }
    }

    /// Whether another element follows; takes the comma before it or the end behind the last.
    fn goes_on(&mut self, end: u8, begun: &mut bool) -> Result<bool, Failure> {
        let first = !std::mem::replace(begun, true);
        match self.peek()? {
            Some(byte) if byte == end => {
                self.bytes.consume(1);
                Ok(false)
            }
            Some(b',') if !first => {
                self.bytes.consume(1);
                Ok(true)
            }
            Some(_) if first => Ok(true),
            Some(byte) => Err(broken(&format!("`{}` between elements", byte.escape_ascii()))),
            None => Err(broken("it ends within an array or an object")),
        }
    }

    /// A member's name and the colon behind it.
    fn name(&mut self) -> Result<String, Failure> {
        let mut name = Vec::new();
        self.value(Some(&mut name))?;
        if self.peek()? != Some(b':') {
            return Err(broken("a member without a colon"));
        }
        self.bytes.consume(1);
        serde_json::from_slice(&name).map_err(|_| broken("a member's name is no string"))
    }

    /// Goes to the value of this member or element.
    fn descend(&mut self, name: &str) -> Result<bool, Failure> {
        let object = match self.peek()? {
            Some(b'{') => true,
            Some(b'[') => false,
            _ => return Ok(false),
        };
        self.bytes.consume(1);
        let (mut begun, mut index) = (false, 0u64);
        while self.goes_on(if object { b'}' } else { b']' }, &mut begun)? {
            let here = match object {
                true => self.name()? == name,
                false => index.to_string() == name,
            };
            if here {
                return Ok(true);
            }
            self.value(None)?;
            index += 1;
        }
        Ok(false)
    }

    /// Takes one value, and keeps its bytes if asked. What is taken is not checked beyond where it ends.
    fn value(&mut self, mut kept: Option<&mut Vec<u8>>) -> Result<(), Failure> {
        self.peek()?;
        let (mut depth, mut quoted, mut escaped, mut any) = (0u32, false, false, false);
        loop {
            let Some(byte) = self.byte()? else {
                return if any && depth == 0 && !quoted {
                    Ok(())
                } else {
                    Err(broken("it ends early"))
                };
            };
            if !quoted && depth == 0 && any && b",]} \t\r\n:".contains(&byte) {
                return Ok(());
            }
            self.bytes.consume(1);
            any = true;
            if let Some(kept) = &mut kept {
                if kept.len() >= ITEM_BYTES_MAX {
                    return Err(too_large(ITEM_BYTES_MAX));
                }
                kept.push(byte);
            }
            if quoted {
                (quoted, escaped) = (escaped || byte != b'"', !escaped && byte == b'\\');
            } else {
                match byte {
                    b'"' => quoted = true,
                    b'[' | b'{' => depth += 1,
                    b']' | b'}' => match depth.checked_sub(1) {
                        Some(less) => depth = less,
                        None => return Err(broken("a bracket that nothing opened")),
                    },
                    _ => {}
                }
            }
            // What ends by a mark of its own is done with it.
            if !quoted && depth == 0 && matches!(byte, b'"' | b']' | b'}') {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(text: &str, pointer: Option<&str>) -> Result<Value, String> {
        let bytes = Box::new(std::io::Cursor::new(text.as_bytes().to_vec()));
        let rows = rows(bytes, pointer).map_err(|failure| failure.cause.unwrap())?;
        rows.map(|row| match row {
            Ok((Some(key), value)) => Ok(json!([key, value])),
            Ok((None, value)) => Ok(value),
            Err(failure) => Err(failure.cause.unwrap()),
        })
        .collect()
    }

    #[test]
    fn elements_come_one_by_one() {
        let text = r#" [ 1 , "a\"],\\" , {"b": [1, "]"]}, [], null,-1.5e3 ] "#;
        assert_eq!(read(text, None), Ok(json!([1, "a\"],\\", {"b": [1, "]"]}, [], null, -1500.0])));
        assert_eq!(read("[]", None), Ok(json!([])));
    }

    #[test]
    fn a_pointer_leads_to_an_array_or_an_object() {
        let text = r#"{"x": {"a/b": [7, [{"k": 1}, 2]]}, "o": {"m": 1, "n": "2"}}"#;
        assert_eq!(read(text, Some("/x/a~1b/1")), Ok(json!([{"k": 1}, 2])));
        assert_eq!(read(text, Some("/o")), Ok(json!([["m", 1], ["n", "2"]])));
        assert!(read(text, Some("/x/none")).unwrap_err().contains("ItemsPointer does not match"));
    }

    #[test]
    fn what_is_no_list_is_refused() {
        let refused = Err("Attempting to map over non-iterable node.".to_owned());
        assert_eq!(read(r#"{"Hello": "world"}"#, None), refused);
        assert_eq!(read("7", None), refused);
        for broken in ["", "[1 2]", "[1", "[1,", "[}", "[\"a", "[1,]", "[tru]"] {
            assert!(read(broken, None).is_err(), "{broken}");
        }
    }

    #[test]
    fn lines_are_values_and_blank_ones_are_none() {
        let text = "{\"a\": 1}\n\n[2]\r\n  3";
        let rows = lines(Box::new(text.as_bytes()));
        let values: Vec<Value> = rows.map(|row| row.unwrap().1).collect();
        assert_eq!(values, [json!({"a": 1}), json!([2]), json!(3)]);
        let failure = lines(Box::new(&b"1\nx\n"[..])).nth(1).unwrap().unwrap_err();
        assert!(failure.cause.unwrap().starts_with("Line 2 is no JSON"));
    }
}
