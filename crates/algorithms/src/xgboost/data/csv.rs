//! CSV: numbers only, no header, the label in column 0.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use super::{Dataset, Features, name_of, not_the_format, snippet};
use crate::Failure;

/// Reads the files; the delimiter is that of the first file's first line.
pub(super) fn read(
    files: &[PathBuf],
    with_weights: bool,
    notes: &mut Vec<String>,
) -> Result<Option<Dataset>, Failure> {
    let mut rows = Rows { delimiter: 0, columns: 0, with_weights, ..Rows::default() };
    let mut line = Vec::new();
    for file in files {
        let fail = |error| Failure::io("read", file, &error);
        let mut reader = BufReader::with_capacity(1 << 18, File::open(file).map_err(fail)?);
        let mut number = 0;
        while {
            line.clear();
            reader.read_until(b'\n', &mut line).map_err(fail)? > 0
        } {
            number += 1;
            let text = trimmed(&line, number == 1);
            if text.is_empty() {
                continue;
            }
            if rows.delimiter == 0 {
                rows.delimiter = delimiter(text).ok_or_else(|| no_delimiter(text))?;
                notes.push(format!(
                    "Determined delimiter of CSV input is '{}'",
                    char::from(rows.delimiter)
                ));
            }
            rows.add(text, file, number)?;
        }
    }
    Ok((rows.columns > 0).then(|| rows.dataset()))
}

/// The delimiter of a line: the first of comma, tab, semicolon, space, colon and bar that is in it.
pub fn delimiter(line: &[u8]) -> Option<u8> {
    [b',', b'\t', b';', b' ', b':', b'|'].into_iter().find(|candidate| line.contains(candidate))
}

/// Rows without labels, as a request has them: the values and how many make a row. The error is for people.
pub fn rows(text: &str) -> Result<(Vec<f32>, usize), String> {
    let first = text.split('\n').next().unwrap_or("");
    let delimiter = delimiter(first.as_bytes()).unwrap_or(b',');
    let mut values = Vec::with_capacity(text.len() / 4);
    let mut columns = 0;
    for (number, line) in text.split('\n').enumerate() {
        let line = line.strip_suffix('\r').unwrap_or(line);
        let before = values.len();
        for field in line.as_bytes().split(|byte| *byte == delimiter) {
            let value = number_of(field).ok_or_else(|| {
                format!(
                    "line {}: could not convert string to float: '{}'",
                    number + 1,
                    String::from_utf8_lossy(field)
                )
            })?;
            values.push(value);
        }
        let width = values.len() - before;
        if number == 0 {
            columns = width;
        } else if width != columns {
            return Err(format!(
                "line {} has {width} values, the first line {columns}",
                number + 1
            ));
        }
    }
    Ok((values, columns))
}

#[derive(Default)]
struct Rows {
    delimiter: u8,
    /// Of the file, with label and weight; 0 before the first row.
    columns: usize,
    with_weights: bool,
    values: Vec<f32>,
    labels: Vec<f32>,
    weights: Vec<f32>,
}

impl Rows {
    fn add(&mut self, line: &[u8], file: &Path, number: usize) -> Result<(), Failure> {
        let mut column = 0;
        for field in line.split(|byte| *byte == self.delimiter) {
            let Some(value) = number_of(field) else {
                return Err(no_number(line, field, file, number, column));
            };
            match column {
                0 if value.is_nan() => {
                    return Err(failed(file, number, "column 1: the label is missing"));
                }
                0 => self.labels.push(value),
                1 if self.with_weights => self.weights.push(value),
                _ => self.values.push(value),
            }
            column += 1;
        }
        let least = if self.with_weights { 3 } else { 2 };
        if column < least {
            return Err(failed(
                file,
                number,
                &format!("it has {column} columns; at least {least} are needed"),
            ));
        }
        if self.columns == 0 {
            self.columns = column;
        }
        if column != self.columns {
            return Err(failed(
                file,
                number,
                &format!("it has {column} columns, the rows before {}", self.columns),
            ));
        }
        Ok(())
    }

    fn dataset(self) -> Dataset {
        let columns = self.columns - if self.with_weights { 2 } else { 1 };
        Dataset {
            features: Features::Dense { values: self.values, columns },
            labels: self.labels,
            weights: self.with_weights.then_some(self.weights),
            queries: None,
        }
    }
}

/// A field's number; an empty one is missing. Read as a double first, as Python does, so that a value rounds to
/// the same `f32` in training, in requests and in Python.
fn number_of(field: &[u8]) -> Option<f32> {
    let field = field.trim_ascii();
    let field = match field {
        [b'"', inner @ .., b'"'] => inner.trim_ascii(),
        field => field,
    };
    if field.is_empty() {
        return Some(f32::NAN);
    }
    std::str::from_utf8(field).ok()?.parse::<f64>().ok().map(|value| value as f32)
}

fn trimmed(line: &[u8], first: bool) -> &[u8] {
    let line = if first { line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line) } else { line };
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

fn no_delimiter(line: &[u8]) -> Failure {
    Failure::user(format!(
        "Could not determine delimiter on line {}:\nCould not determine delimiter",
        snippet(line)
    ))
}

fn no_number(line: &[u8], field: &[u8], file: &Path, number: usize, column: usize) -> Failure {
    let field = snippet(field.trim_ascii());
    if number == 1 {
        // A header, most likely.
        return Failure::user(format!(
            "{} Line 1, column {}: {field} is not a number; the data must have numbers only and no header row.",
            not_the_format(line, file, "CSV"),
            column + 1
        ));
    }
    failed(file, number, &format!("column {}: {field} is not a number", column + 1))
}

fn failed(file: &Path, number: usize, what: &str) -> Failure {
    Failure::user(format!(
        "Failed to load csv data with exception:\nfile '{}', line {number}: {what}",
        name_of(file)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, with_weights: bool) -> String {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("data.csv");
        std::fs::write(&file, text).unwrap();
        match read(&[file], with_weights, &mut Vec::new()) {
            Err(failure) => failure.message,
            Ok(None) => "no data".to_owned(),
            Ok(Some(data)) => {
                let Features::Dense { values, columns } = data.features else {
                    unreachable!("CSV is dense")
                };
                let weights =
                    data.weights.map_or(String::new(), |weights| format!(" weights {weights:?}"));
                format!("labels {:?}{weights} rows of {columns}: {values:?}", data.labels)
            }
        }
    }

    #[test]
    fn good_and_bad_files() {
        for (text, expected) in [
            ("1,2,3\n4,5,6\n", "labels [1.0, 4.0] rows of 2: [2.0, 3.0, 5.0, 6.0]"),
            ("1;2;3\r\n4;;6", "labels [1.0, 4.0] rows of 2: [2.0, 3.0, NaN, 6.0]"),
            ("1\t2e1\n\n4\t .5 \n", "labels [1.0, 4.0] rows of 1: [20.0, 0.5]"),
            ("\u{feff}1,\"2\"\n", "labels [1.0] rows of 1: [2.0]"),
            ("1,nan\n", "labels [1.0] rows of 1: [NaN]"),
            ("", "no data"),
            (
                "season,hr\n1,2\n",
                "First line 'season,hr...' of file 'data.csv' is not 'CSV' format. Please ensure the file is in 'CSV' format. \
                 Line 1, column 1: season is not a number; the data must have numbers only and no header row.",
            ),
            (
                "1,2\n3,clear\n",
                "Failed to load csv data with exception:\nfile 'data.csv', line 2: column 2: clear is not a number",
            ),
            (
                "1,2\n,3\n",
                "Failed to load csv data with exception:\nfile 'data.csv', line 2: column 1: the label is missing",
            ),
            (
                "1,2,3\n4,5\n",
                "Failed to load csv data with exception:\nfile 'data.csv', line 2: it has 2 columns, the rows before 3",
            ),
            ("17\n", "Could not determine delimiter on line 17:\nCould not determine delimiter"),
        ] {
            assert_eq!(check(text, false), expected, "{text:?}");
        }
        assert_eq!(
            check("1,0.5,3\n4,2,6\n", true),
            "labels [1.0, 4.0] weights [0.5, 2.0] rows of 1: [3.0, 6.0]"
        );
        assert!(check("1,0.5\n", true).contains("at least 3 are needed"));
    }

    #[test]
    fn requests() {
        assert_eq!(rows("1,2\n3,4").unwrap(), (vec![1.0, 2.0, 3.0, 4.0], 2));
        assert_eq!(rows("7").unwrap(), (vec![7.0], 1));
        assert_eq!(rows("1,a").unwrap_err(), "line 1: could not convert string to float: 'a'");
        assert_eq!(rows("1,2\n3").unwrap_err(), "line 2 has 1 values, the first line 2");
    }
}
