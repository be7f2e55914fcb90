//! Items from Parquet: every row is an object. One row group's pages are in memory at a time.

use std::fs::File;

use asl::Failure;
use parquet::errors::ParquetError;
use parquet::file::reader::SerializedFileReader;

use super::failed;
use super::reader::Rows;

/// The rows of all row groups.
pub(super) fn rows(file: File) -> Result<Rows, Failure> {
    let reader = SerializedFileReader::new(file).map_err(|error| broken(&error))?;
    let rows = reader.into_iter().map(|row| match row {
        Ok(row) => Ok((None, row.to_json_value())),
        Err(error) => Err(broken(&error)),
    });
    Ok(Box::new(rows))
}

fn broken(error: &ParquetError) -> Failure {
    failed::reader(format!("The object is no valid Parquet: {error}"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
    use parquet::file::properties::WriterProperties;
    use parquet::file::writer::SerializedFileWriter;
    use parquet::schema::parser::parse_message_type;
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn rows_are_objects() {
        let mut file = tempfile::tempfile().unwrap();
        let schema = "message m { required int64 n; required binary name (UTF8); }";
        let schema = Arc::new(parse_message_type(schema).unwrap());
        let properties = Arc::new(WriterProperties::builder().build());
        let mut writer = SerializedFileWriter::new(&mut file, schema, properties).unwrap();
        for first in [1, 3] {
            let mut group = writer.next_row_group().unwrap();
            let mut column = group.next_column().unwrap().unwrap();
            column.typed::<Int64Type>().write_batch(&[first, first + 1], None, None).unwrap();
            column.close().unwrap();
            let mut column = group.next_column().unwrap().unwrap();
            let names = [ByteArray::from("a"), ByteArray::from("b")];
            column.typed::<ByteArrayType>().write_batch(&names, None, None).unwrap();
            column.close().unwrap();
            group.close().unwrap();
        }
        writer.close().unwrap();
        let rows: Vec<Value> = rows(file).unwrap().map(|row| row.unwrap().1).collect();
        assert_eq!(rows[0], json!({"n": 1, "name": "a"}));
        assert_eq!(rows[3], json!({"n": 4, "name": "b"}));
        assert_eq!(rows.len(), 4);
    }

    #[test]
    fn what_is_no_parquet_is_refused() {
        let mut file = tempfile::tempfile().unwrap();
        std::io::Write::write_all(&mut file, b"a,b\n1,2\n").unwrap();
        assert!(rows(file).is_err());
    }
}
