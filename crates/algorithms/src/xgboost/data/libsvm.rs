//! libsvm: `label[:weight] [qid:query] index:value …`

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use super::{Dataset, Features, name_of, not_the_format};
use crate::Failure;
use crate::xgboost::library::Sparse;

/// Reads the files, features as they are numbered there.
pub(super) fn read(files: &[PathBuf]) -> Result<Option<Dataset>, Failure> {
    let mut data = Dataset {
        features: Features::Sparse(Sparse::default()),
        labels: Vec::new(),
        weights: None,
        queries: None,
    };
    let mut sparse = Sparse { offsets: vec![0], ..Sparse::default() };
    let mut line = String::new();
    for file in files {
        let fail = |error| Failure::io("read", file, &error);
        let mut reader = BufReader::with_capacity(1 << 18, File::open(file).map_err(fail)?);
        let mut number = 0;
        loop {
            line.clear();
            let mut bytes = Vec::new();
            if reader.read_until(b'\n', &mut bytes).map_err(fail)? == 0 {
                break;
            }
            line.push_str(&String::from_utf8_lossy(&bytes));
            number += 1;
            let text = line.split('#').next().unwrap_or("").trim();
            if text.is_empty() {
                continue;
            }
            add(text, &mut data, &mut sparse).map_err(|what| {
                if number == 1 {
                    return Failure::user(not_the_format(line.as_bytes(), file, "LIBSVM"));
                }
                failed(file, number, &what)
            })?;
        }
    }
    if data.labels.is_empty() {
        return Ok(None);
    }
    set_columns(&mut sparse);
    data.features = Features::Sparse(sparse);
    Ok(Some(data))
}

/// Rows of a request: labels are passed over. Features count from 1 if the model was trained so, or, if that is
/// not known, if the smallest is 1; then they are shifted to 0. The error is for people.
pub fn rows(text: &str, counts_from_one: Option<bool>) -> Result<Sparse, String> {
    let mut sparse = Sparse { offsets: vec![0], ..Sparse::default() };
    for (number, line) in text.split('\n').enumerate() {
        for item in line.split_ascii_whitespace().filter(|item| item.contains(':')) {
            feature(item, &mut sparse).map_err(|what| format!("line {}: {what}", number + 1))?;
        }
        sparse.offsets.push(sparse.values.len() as u64);
    }
    set_columns(&mut sparse);
    if counts_from_one.unwrap_or(sparse.indices.iter().min() == Some(&1)) {
        shift(&mut sparse);
    }
    Ok(sparse)
}

/// Features that count from 1 are made to count from 0; a feature 0 stays.
pub(super) fn shift(sparse: &mut Sparse) {
    sparse.indices.iter_mut().for_each(|index| *index = index.saturating_sub(1));
    set_columns(sparse);
}

fn add(line: &str, data: &mut Dataset, sparse: &mut Sparse) -> Result<(), String> {
    let mut items = line.split_ascii_whitespace();
    let label = items.next().unwrap_or("");
    let (label, weight) =
        label.split_once(':').map_or((label, None), |(label, weight)| (label, Some(weight)));
    let label = number(label).ok_or_else(|| format!("`{label}` is not a label"))?;
    if let Some(weight) = weight {
        let weight = number(weight).ok_or_else(|| format!("`{weight}` is not a weight"))?;
        let rows = data.labels.len();
        data.weights.get_or_insert_with(|| vec![1.0; rows]).push(weight);
    } else if let Some(weights) = &mut data.weights {
        weights.push(1.0);
    }
    data.labels.push(label);
    for item in items {
        if let Some(query) = item.strip_prefix("qid:") {
            let query = query.parse().map_err(|_| format!("`{item}` is not a query"))?;
            let queries = data.queries.get_or_insert_with(Vec::new);
            if queries.len() + 1 != data.labels.len() {
                return Err("some rows before it have no `qid:`".to_owned());
            }
            queries.push(query);
        } else {
            feature(item, sparse)?;
        }
    }
    if data.queries.as_ref().is_some_and(|queries| queries.len() != data.labels.len()) {
        return Err("it has no `qid:` as the rows before have".to_owned());
    }
    sparse.offsets.push(sparse.values.len() as u64);
    Ok(())
}

fn feature(item: &str, sparse: &mut Sparse) -> Result<(), String> {
    let parts = item
        .split_once(':')
        .and_then(|(index, value)| Some((index.parse::<u32>().ok()?, number(value)?)));
    let Some((index, value)) = parts else { return Err(format!("`{item}` is not `index:value`")) };
    if index >= i32::MAX as u32 {
        return Err(format!("feature {index} is out of range"));
    }
    sparse.indices.push(index);
    sparse.values.push(value);
    Ok(())
}

fn set_columns(sparse: &mut Sparse) {
    sparse.columns = sparse.indices.iter().max().map_or(0, |highest| *highest as usize + 1);
}

fn number(text: &str) -> Option<f32> {
    text.parse::<f64>().ok().map(|value| value as f32)
}

fn failed(file: &Path, number: usize, what: &str) -> Failure {
    Failure::user(format!(
        "Failed to load libsvm data with exception:\nfile '{}', line {number}: {what}",
        name_of(file)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("data.libsvm");
        std::fs::write(&file, text).unwrap();
        match read(&[file]) {
            Err(failure) => failure.message,
            Ok(None) => "no data".to_owned(),
            Ok(Some(data)) => {
                let Features::Sparse(sparse) = data.features else {
                    unreachable!("libsvm is sparse")
                };
                format!(
                    "{:?} {:?} {:?} {:?} {:?} {:?} of {}",
                    data.labels,
                    data.weights,
                    data.queries,
                    sparse.offsets,
                    sparse.indices,
                    sparse.values,
                    sparse.columns
                )
            }
        }
    }

    #[test]
    fn good_and_bad_files() {
        for (text, expected) in [
            (
                "1 0:5 2:6\n0 1:7 # seven\n",
                "[1.0, 0.0] None None [0, 2, 3] [0, 2, 1] [5.0, 6.0, 7.0] of 3",
            ),
            ("1 1:5 3:6\n0\n", "[1.0, 0.0] None None [0, 2, 2] [1, 3] [5.0, 6.0] of 4"),
            (
                "1:2 0:5\n0 0:6\n",
                "[1.0, 0.0] Some([2.0, 1.0]) None [0, 1, 2] [0, 0] [5.0, 6.0] of 1",
            ),
            (
                "1 qid:4 0:5\n0 qid:4 0:6\n",
                "[1.0, 0.0] None Some([4, 4]) [0, 1, 2] [0, 0] [5.0, 6.0] of 1",
            ),
            ("\n", "no data"),
            (
                "13,1,2\n",
                "First line '13,1,2...' of file 'data.libsvm' is not 'LIBSVM' format. Please ensure the file is in 'LIBSVM' format.",
            ),
            (
                "1 0:5\n1 x:5\n",
                "Failed to load libsvm data with exception:\nfile 'data.libsvm', line 2: `x:5` is not `index:value`",
            ),
        ] {
            assert_eq!(check(text), expected, "{text:?}");
        }
    }

    #[test]
    fn requests() {
        let sparse = rows("1 1:5 3:6\n2:4", None).unwrap();
        assert_eq!(
            (sparse.offsets, sparse.indices, sparse.columns),
            (vec![0, 2, 3], vec![0, 2, 1], 3)
        );
        assert_eq!(rows("2:4", None).unwrap().indices, [2]);
        assert_eq!(rows("2:4", Some(true)).unwrap().indices, [1]);
        assert_eq!(rows("1:4", Some(false)).unwrap().indices, [1]);
        assert_eq!(rows("a:4", None).unwrap_err(), "line 1: `a:4` is not `index:value`");
    }
}
