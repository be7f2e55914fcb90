//! The file behind a log stream: one event a line, appended, never changed.
//!
//! `1700000000000<TAB>text` is what a job wrote at that millisecond. `1700000000000{"ingested":…,"text":…}`
//! is an event of PutLogEvents, whose text may have line breaks. The last line counts once its line break is there.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use serde::{Deserialize, Serialize};

/// One event, and where in the file it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// Byte offset of its line.
    pub start: u64,
    /// Byte offset behind its line.
    pub end: u64,
    /// Milliseconds since the epoch.
    pub timestamp: i64,
    /// When it came here.
    pub ingested_at: i64,
    /// The text.
    pub text: String,
}

#[derive(Serialize, Deserialize)]
struct Ingested {
    ingested: i64,
    text: String,
}

/// The line of an event that came by PutLogEvents.
pub fn encode(timestamp: i64, ingested: i64, text: &str) -> String {
    let body = Ingested { ingested, text: text.to_owned() };
    format!("{timestamp}{}\n", serde_json::to_string(&body).unwrap_or_default())
}

/// Events from byte `from` on, until `want` says enough. A file that does not exist (yet) is empty.
pub fn read_forward(
    path: &Path,
    from: u64,
    mut want: impl FnMut(LogLine) -> bool,
) -> io::Result<()> {
    let Some(mut file) = open(path)? else { return Ok(()) };
    file.seek(SeekFrom::Start(from))?;
    let mut reader = BufReader::with_capacity(1 << 16, file);
    let (mut start, mut bytes) = (from, Vec::new());
    loop {
        bytes.clear();
        let read = reader.read_until(b'\n', &mut bytes)? as u64;
        if bytes.last() != Some(&b'\n') {
            return Ok(());
        }
        let end = start + read;
        if !want(decode(&bytes[..bytes.len() - 1], start, end)) {
            return Ok(());
        }
        start = end;
    }
}

/// Events before byte `until` (none: the end of the file), last first, until `want` says enough.
pub fn read_backward(
    path: &Path,
    until: Option<u64>,
    mut want: impl FnMut(LogLine) -> bool,
) -> io::Result<()> {
    const BLOCK: u64 = 1 << 16;
    let Some(mut file) = open(path)? else { return Ok(()) };
    let length = file.metadata()?.len();
    let mut position = until.unwrap_or(length).min(length);
    // `pending` is what was read from `position` on and not given out: the tail of an unfinished line first.
    let mut pending: Vec<u8> = Vec::new();
    let mut complete = until.is_some();
    loop {
        let step = BLOCK.min(position);
        if step == 0 {
            if complete && !pending.is_empty() {
                let end = pending.len() as u64;
                want(decode(trim(&pending), 0, end));
            }
            return Ok(());
        }
        position -= step;
        let mut block = vec![0; step as usize];
        file.seek(SeekFrom::Start(position))?;
        file.read_exact(&mut block)?;
        block.append(&mut pending);
        pending = block;
        if !complete {
            // What follows the last line break is still being written.
            let Some(last) = pending.iter().rposition(|byte| *byte == b'\n') else {
                pending.clear();
                continue;
            };
            pending.truncate(last + 1);
            complete = true;
        }
        while let Some(before) =
            trim(&pending).iter().rposition(|byte| *byte == b'\n').filter(|_| !pending.is_empty())
        {
            let line = pending.split_off(before + 1);
            let start = position + pending.len() as u64;
            if !want(decode(trim(&line), start, start + line.len() as u64)) {
                return Ok(());
            }
        }
    }
}

/// Timestamps of the first and the last event.
pub fn span(path: &Path) -> io::Result<Option<(LogLine, LogLine)>> {
    let (mut first, mut last) = (None, None);
    read_forward(path, 0, |line| {
        first = Some(line);
        false
    })?;
    read_backward(path, None, |line| {
        last = Some(line);
        false
    })?;
    Ok(first.zip(last))
}

fn open(path: &Path) -> io::Result<Option<File>> {
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn trim(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\n").unwrap_or(line)
}

fn decode(bytes: &[u8], start: u64, end: u64) -> LogLine {
    let digits = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (number, rest) = bytes.split_at(digits);
    let timestamp = std::str::from_utf8(number).ok().and_then(|text| text.parse().ok());
    let line = |timestamp, ingested_at, text| LogLine { start, end, timestamp, ingested_at, text };
    match (timestamp, rest.split_first()) {
        (Some(timestamp), Some((b'\t', text))) => {
            line(timestamp, timestamp, String::from_utf8_lossy(text).into_owned())
        }
        (Some(timestamp), Some((b'{', _))) => match serde_json::from_slice::<Ingested>(rest) {
            Ok(body) => line(timestamp, body.ingested, body.text),
            Err(_) => line(timestamp, timestamp, String::from_utf8_lossy(rest).into_owned()),
        },
        // A line that nobody stamped is shown rather than lost.
        _ => line(0, 0, String::from_utf8_lossy(bytes).into_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn texts(lines: &[LogLine]) -> Vec<&str> {
        lines.iter().map(|line| line.text.as_str()).collect()
    }

    #[test]
    fn lines_are_read_from_both_ends_and_an_unfinished_one_is_not() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        write!(file, "1\tone\n{}3\tthree\n4\tunfin", encode(2, 9, "two\nlines")).unwrap();
        let mut forward = Vec::new();
        read_forward(file.path(), 0, |line| {
            forward.push(line);
            true
        })
        .unwrap();
        assert_eq!(texts(&forward), ["one", "two\nlines", "three"]);
        let mut backward = Vec::new();
        read_backward(file.path(), None, |line| {
            backward.push(line);
            true
        })
        .unwrap();
        backward.reverse();
        assert_eq!(backward, forward);
        let mut before = Vec::new();
        read_backward(file.path(), Some(forward[2].start), |line| {
            before.push(line);
            true
        })
        .unwrap();
        assert_eq!(texts(&before), ["two\nlines", "one"]);
    }

    #[test]
    fn blocks_do_not_cut_lines() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        for number in 0..20_000 {
            writeln!(file, "{number}\tline {number} {}", "x".repeat(number % 50)).unwrap();
        }
        let mut expected = 20_000;
        read_backward(file.path(), None, |line| {
            expected -= 1;
            assert_eq!(line.timestamp, expected);
            true
        })
        .unwrap();
        assert_eq!(expected, 0);
        assert_eq!(span(Path::new("/nowhere/at/all")).unwrap(), None);
    }
}
