//! The log's files: lines of JSON, a new file when one is full, the oldest removed.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// The folder, and the file that is written.
pub(crate) struct Files {
    folder: PathBuf,
    bytes_max: u64,
    kept: usize,
    open: Mutex<Option<Open>>,
}

struct Open {
    number: u64,
    file: File,
    bytes: u64,
}

/// Where in the log a reader has come to, from the end: what lies before it was not seen yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub file: u64,
    pub offset: u64,
}

impl Files {
    pub fn new(folder: &Path, bytes_max: u64, kept: usize) -> Files {
        Files { folder: folder.to_owned(), bytes_max, kept, open: Mutex::default() }
    }

    /// Appends whole lines.
    ///
    /// # Errors
    /// The folder cannot be written; some of the lines may have been.
    pub fn append(&self, lines: &[u8]) -> io::Result<()> {
        let mut place = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let mut open = match place.take() {
            Some(open) => open,
            None => self.open_newest()?,
        };
        // What goes wrong here leaves no open file behind: the next time looks at how it ends.
        let mut rest = lines;
        while !rest.is_empty() {
            let room = usize::try_from(self.bytes_max.saturating_sub(open.bytes));
            let fitting = fitting(rest, room.unwrap_or(usize::MAX), open.bytes == 0);
            if fitting == 0 {
                open = self.open(open.number + 1)?;
                self.remove_old(open.number)?;
                continue;
            }
            open.file.write_all(&rest[..fitting])?;
            open.bytes += fitting as u64;
            rest = &rest[fitting..];
        }
        *place = Some(open);
        Ok(())
    }

    fn open_newest(&self) -> io::Result<Open> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        let newest = self.numbers()?.last().copied().unwrap_or(1);
        let mut open = self.open(newest)?;
        // The last line may have been cut short.
        let mut last = [b'\n'];
        if open.bytes > 0 {
            open.file.seek(SeekFrom::End(-1))?;
            open.file.read_exact(&mut last)?;
        }
        if last != *b"\n" {
            open.file.write_all(b"\n")?;
            open.bytes += 1;
        }
        Ok(open)
    }

    fn open(&self, number: u64) -> io::Result<Open> {
        let mut options = OpenOptions::new();
        options.create(true).read(true).append(true).mode(0o600);
        let file = options.open(self.path(number))?;
        let bytes = file.metadata()?.len();
        Ok(Open { number, file, bytes })
    }

    fn remove_old(&self, newest: u64) -> io::Result<()> {
        for number in self.numbers()? {
            if number + self.kept as u64 <= newest {
                fs::remove_file(self.path(number))?;
            }
        }
        Ok(())
    }

    fn path(&self, number: u64) -> PathBuf {
        self.folder.join(format!("events-{number:08}.jsonl"))
    }

    /// The numbers of the files, in order.
    fn numbers(&self) -> io::Result<Vec<u64>> {
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut numbers = Vec::new();
        for entry in entries {
            let name = entry?.file_name();
            let number = name.to_str().and_then(|name| {
                name.strip_prefix("events-")?.strip_suffix(".jsonl")?.parse::<u64>().ok()
            });
            numbers.extend(number);
        }
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// Shows the lines before a place (or all), the last first, each with the place where it begins, until
    /// `see` has seen enough.
    ///
    /// # Errors
    /// A file that is there and cannot be read.
    pub fn backwards(
        &self,
        from: Option<Place>,
        mut see: impl FnMut(Place, &[u8]) -> bool,
    ) -> io::Result<()> {
        let numbers = self.numbers()?;
        for number in numbers.into_iter().rev() {
            if from.is_some_and(|from| number > from.file) {
                continue;
            }
            let mut bytes = match fs::read(self.path(number)) {
                Ok(bytes) => bytes,
                // It was removed just now.
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
                Err(error) => return Err(error),
            };
            if let Some(from) = from.filter(|from| from.file == number) {
                bytes.truncate(usize::try_from(from.offset).unwrap_or(usize::MAX));
            }
            // A line without an end is being written.
            let mut end = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
            while end > 0 {
                let begin = bytes[..end - 1].iter().rposition(|byte| *byte == b'\n');
                let begin = begin.map_or(0, |at| at + 1);
                let place = Place { file: number, offset: begin as u64 };
                if !see(place, &bytes[begin..end - 1]) {
                    return Ok(());
                }
                end = begin;
            }
        }
        Ok(())
    }
}

/// How many bytes of the lines, whole ones, there is room for. A line that is too long for any file stands
/// in one alone.
fn fitting(lines: &[u8], room: usize, is_new: bool) -> usize {
    if lines.len() <= room {
        return lines.len();
    }
    let end = |place: Option<usize>| place.map_or(0, |at| at + 1);
    match end(lines[..room].iter().rposition(|byte| *byte == b'\n')) {
        0 if is_new => end(lines.iter().position(|byte| *byte == b'\n')).max(1),
        fitting => fitting,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(files: &Files, from: Option<Place>) -> Vec<String> {
        let mut seen = Vec::new();
        let see = |_, line: &[u8]| {
            seen.push(String::from_utf8_lossy(line).into_owned());
            true
        };
        files.backwards(from, see).unwrap();
        seen
    }

    #[test]
    fn full_files_are_followed_by_others_and_the_oldest_go() {
        let folder = tempfile::tempdir().unwrap();
        let files = Files::new(folder.path(), 8, 2);
        for line in ["one", "two", "three", "four", "five"] {
            files.append(format!("{line}\n").as_bytes()).unwrap();
        }
        // one+two, three, four, five: the last two files are left.
        assert_eq!(all(&files, None), ["five", "four"]);
        let mut place = None;
        files
            .backwards(None, |at, _| {
                place = Some(at);
                false
            })
            .unwrap();
        assert_eq!(all(&files, place), ["four"]);
    }

    #[test]
    fn lines_that_come_together_are_parted() {
        let folder = tempfile::tempdir().unwrap();
        let files = Files::new(folder.path(), 8, 9);
        files.append(b"one\ntwo\nthree and more\nfour\n").unwrap();
        assert_eq!(all(&files, None), ["four", "three and more", "two", "one"]);
        assert_eq!(files.numbers().unwrap(), [1, 2, 3]);
    }

    #[test]
    fn a_line_that_was_cut_short_spoils_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let files = Files::new(folder.path(), 1 << 20, 2);
        files.append(b"one\n").unwrap();
        let mut file = OpenOptions::new()
            .append(true)
            .open(folder.path().join("events-00000001.jsonl"))
            .unwrap();
        file.write_all(b"tor").unwrap();
        assert_eq!(all(&files, None), ["one"]);
        let again = Files::new(folder.path(), 1 << 20, 2);
        again.append(b"two\n").unwrap();
        assert_eq!(all(&again, None), ["two", "tor", "one"]);
    }
}
