//! A channel's files, read into memory as XGBoost takes them.

pub mod content_type;
mod csv;
mod files;
mod libsvm;

use std::path::{Path, PathBuf};

use super::library::{Library, LibraryError, Matrix, Sparse};
use super::recordio::{self, Records};
use crate::Failure;
use content_type::ContentType;

pub use csv::{delimiter, rows as csv_rows};
pub use libsvm::rows as libsvm_rows;

/// Labelled rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    /// The features.
    pub features: Features,
    /// One label a row.
    pub labels: Vec<f32>,
    /// One weight a row, if the data has any.
    pub weights: Option<Vec<f32>>,
    /// The query of each row, if the data has any (libsvm's `qid:`).
    pub queries: Option<Vec<u32>>,
}

/// Rows of features.
#[derive(Debug, Clone, PartialEq)]
pub enum Features {
    /// Row by row; NaN is missing.
    Dense {
        /// The values.
        values: Vec<f32>,
        /// How many make a row.
        columns: usize,
    },
    /// What is not there is missing.
    Sparse(Sparse),
}

/// How to read a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// The format.
    pub content_type: ContentType,
    /// Whether a CSV's second column holds weights.
    pub csv_weights: bool,
}

/// Reads a channel: every data file under the folder, in the order of their paths. Nothing if there are no data
/// at all. Notes for the log are added to `notes`.
pub fn read(
    folder: &Path,
    reading: Reading,
    notes: &mut Vec<String>,
) -> Result<Option<Dataset>, Failure> {
    let files = files::data_files(folder, notes)?;
    if files.is_empty() {
        return Ok(None);
    }
    let data = match reading.content_type {
        ContentType::Csv => csv::read(&files, reading.csv_weights, notes)?,
        ContentType::Libsvm => libsvm::read(&files)?,
        ContentType::RecordIo => read_records(&files)?,
        ContentType::Parquet => {
            return Err(Failure::user(format!(
                "content type `{}` is not supported here yet: give the data as `text/csv`, `text/libsvm` or \
                 `application/x-recordio-protobuf`",
                reading.content_type.name()
            )));
        }
    };
    Ok(data.filter(|data| !data.labels.is_empty()))
}

fn read_records(files: &[PathBuf]) -> Result<Option<Dataset>, Failure> {
    let mut whole: Option<Dataset> = None;
    for file in files {
        let bytes = std::fs::read(file).map_err(|error| Failure::io("read", file, &error))?;
        let fail = |what: String| {
            let name = name_of(file);
            Failure::user(format!(
                "Failed to load recordio-protobuf data with exception:\nfile '{name}', {what}"
            ))
        };
        let Records { features, labels } = recordio::read(&bytes).map_err(fail)?;
        if labels.len() != features.rows() {
            return Err(fail(format!(
                "it has {} records and {} labels",
                features.rows(),
                labels.len()
            )));
        }
        let part =
            Dataset { features: Features::Sparse(features), labels, weights: None, queries: None };
        whole = Some(match whole {
            Some(whole) => whole.join(part)?,
            None => part,
        });
    }
    Ok(whole)
}

impl Dataset {
    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.labels.len()
    }

    /// How many columns there are.
    pub fn columns(&self) -> usize {
        match &self.features {
            Features::Dense { columns, .. } => *columns,
            Features::Sparse(sparse) => sparse.columns,
        }
    }

    /// The smallest number of a feature in sparse data.
    pub fn lowest_feature(&self) -> Option<u32> {
        match &self.features {
            Features::Dense { .. } => None,
            Features::Sparse(sparse) => sparse.indices.iter().min().copied(),
        }
    }

    /// Features that count from 1 are made to count from 0.
    pub fn count_from_zero(&mut self) {
        if let Features::Sparse(sparse) = &mut self.features {
            libsvm::shift(sparse);
        }
    }

    /// The rows of both, these first.
    pub fn join(mut self, other: Dataset) -> Result<Dataset, Failure> {
        let (rows, other_rows) = (self.rows(), other.rows());
        match (&mut self.features, other.features) {
            (
                Features::Dense { values, columns },
                Features::Dense { values: more, columns: other_columns },
            ) if *columns == other_columns => {
                values.extend(more);
            }
            (Features::Sparse(sparse), Features::Sparse(more)) => {
                let end = sparse.values.len() as u64;
                sparse.offsets.extend(more.offsets.iter().skip(1).map(|offset| offset + end));
                sparse.indices.extend(more.indices);
                sparse.values.extend(more.values);
                sparse.columns = sparse.columns.max(more.columns);
            }
            _ => {
                return Err(Failure::user(
                    "the channels train and validation do not have the same number of columns",
                ));
            }
        }
        self.labels.extend(other.labels);
        if self.weights.is_some() || other.weights.is_some() {
            let weights = self.weights.get_or_insert_with(|| vec![1.0; rows]);
            weights.extend(other.weights.unwrap_or_else(|| vec![1.0; other_rows]));
        }
        if let (Some(queries), Some(more)) = (&mut self.queries, other.queries) {
            queries.extend(more);
        } else {
            self.queries = None;
        }
        Ok(self)
    }

    /// Gives the features' memory back; the labels stay. For when XGBoost has its own copy.
    pub fn release_features(&mut self) {
        match &mut self.features {
            Features::Dense { values, .. } => *values = Vec::new(),
            Features::Sparse(sparse) => {
                *sparse = Sparse { columns: sparse.columns, ..Sparse::default() }
            }
        }
    }

    /// Hands the rows to XGBoost.
    pub fn matrix(
        &self,
        library: &'static Library,
        nthread: usize,
    ) -> Result<Matrix, LibraryError> {
        let mut matrix = match &self.features {
            Features::Dense { values, columns } => {
                library.dense(values, self.rows(), *columns, nthread)?
            }
            Features::Sparse(sparse) => library.sparse(sparse, nthread)?,
        };
        matrix.set_labels(&self.labels)?;
        if let Some(weights) = &self.weights {
            matrix.set_weights(weights)?;
        }
        if let Some(queries) = &self.queries {
            matrix.set_queries(queries)?;
        }
        Ok(matrix)
    }
}

/// The first 50 characters of a line, for a message.
fn snippet(line: &[u8]) -> String {
    String::from_utf8_lossy(line).trim_end_matches(['\r', '\n']).chars().take(50).collect()
}

/// The container's message for a file that is not what its content type says.
fn not_the_format(line: &[u8], file: &Path, format: &str) -> String {
    format!(
        "First line '{}...' of file '{}' is not '{format}' format. Please ensure the file is in '{format}' format.",
        snippet(line),
        name_of(file)
    )
}

fn name_of(file: &Path) -> String {
    file.file_name()
        .map_or_else(|| file.display().to_string(), |name| name.to_string_lossy().into_owned())
}
