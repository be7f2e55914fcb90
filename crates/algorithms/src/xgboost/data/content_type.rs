//! Content types, as the container reads them.

use crate::Failure;

/// A format of data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContentType {
    /// Comma-separated (or otherwise) numbers, the label first.
    Csv,
    /// `label index:value …`
    Libsvm,
    /// Apache Parquet.
    Parquet,
    /// SageMaker's protobuf records.
    RecordIo,
}

const NAMES: &[(&str, ContentType)] = &[
    ("csv", ContentType::Csv),
    ("libsvm", ContentType::Libsvm),
    ("parquet", ContentType::Parquet),
    ("recordio-protobuf", ContentType::RecordIo),
    ("text/csv", ContentType::Csv),
    ("text/libsvm", ContentType::Libsvm),
    ("text/x-libsvm", ContentType::Libsvm),
    ("application/x-parquet", ContentType::Parquet),
    ("application/x-recordio-protobuf", ContentType::RecordIo),
];

impl ContentType {
    /// Reads a content type; none means libsvm.
    pub fn parse(text: Option<&str>) -> Result<ContentType, Failure> {
        let Some(text) = text else { return Ok(ContentType::Libsvm) };
        let lower = text.to_lowercase();
        let mut parts = lower.split(';').map(str::trim);
        let name = parts.next().unwrap_or("");
        let Some((_, content_type)) = NAMES.iter().find(|(known, _)| *known == name) else {
            let names: Vec<_> = NAMES.iter().map(|(name, _)| *name).collect();
            return Err(Failure::user(format!(
                "{text} is not an accepted ContentType: {}.",
                names.join(", ")
            )));
        };
        let label_size = parts
            .filter_map(|part| part.split_once('='))
            .find(|(key, _)| key.trim() == "label_size")
            .map(|(_, value)| value.trim().trim_matches('"').to_owned());
        if *content_type == ContentType::Csv && label_size.is_some_and(|size| size != "1") {
            return Err(Failure::user(format!(
                "{text} is not an accepted csv ContentType. Optional parameter label_size must be equal to 1"
            )));
        }
        Ok(*content_type)
    }

    /// Its short name.
    pub fn name(self) -> &'static str {
        NAMES.iter().find(|(_, content_type)| *content_type == self).map_or("csv", |(name, _)| name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_types() {
        for (text, expected) in [
            (None, "libsvm"),
            (Some("CSV"), "csv"),
            (Some("text/csv; label_size=1"), "csv"),
            (Some("text/csv;label_size=1; charset=utf-8"), "csv"),
            (Some("text/x-libsvm"), "libsvm"),
            (Some("text/libsvm ;charset=utf8"), "libsvm"),
            (Some("application/x-parquet"), "parquet"),
            (Some("application/x-recordio-protobuf"), "recordio-protobuf"),
            (
                Some("text/csv;label_size=2"),
                "text/csv;label_size=2 is not an accepted csv ContentType. Optional parameter label_size must be equal to 1",
            ),
            (
                Some("text/plain"),
                "text/plain is not an accepted ContentType: csv, libsvm, parquet, recordio-protobuf, text/csv, text/libsvm, \
                 text/x-libsvm, application/x-parquet, application/x-recordio-protobuf.",
            ),
        ] {
            let answer = ContentType::parse(text)
                .map_or_else(|failure| failure.message, |found| found.name().to_owned());
            assert_eq!(answer, expected);
        }
    }
}
