//! Items from CSV: every row is an object of strings.

use std::io::Read;

use asl::Failure;
use csv::{ByteRecord, ReaderBuilder};
use serde_json::{Map, Value};

use super::failed;
use super::reader::{Format, Rows};

/// How the rows are to be read.
pub(super) struct Dialect {
    pub delimiter: u8,
    /// None: the first row has them.
    pub headers: Option<Vec<String>>,
}

impl Dialect {
    pub fn of(format: &Format) -> Result<Dialect, Failure> {
        let delimiter = match format.text("CSVDelimiter") {
            Some("PIPE") => b'|',
            Some("SEMICOLON") => b';',
            Some("SPACE") => b' ',
            Some("TAB") => b'\t',
            _ => b',',
        };
        let given = format.text("CSVHeaderLocation") == Some("GIVEN");
        let headers = given.then(|| {
            let headers = format.config.get("CSVHeaders").and_then(Value::as_array);
            let names = headers.into_iter().flatten();
            names.map(|name| name.as_str().unwrap_or_default().to_owned()).collect()
        });
        Ok(Dialect { delimiter, headers })
    }
}

/// The rows, each with the columns that have a header: what is missing is empty, what is too much is left out.
pub(super) fn rows(bytes: Box<dyn Read + Send>, dialect: &Dialect) -> Result<Rows, Failure> {
    let mut reader = ReaderBuilder::new()
        .delimiter(dialect.delimiter)
        .has_headers(false)
        .flexible(true)
        .from_reader(bytes);
    let headers = match &dialect.headers {
        Some(given) => given.clone(),
        None => {
            let mut first = ByteRecord::new();
            match reader.read_byte_record(&mut first) {
                Ok(true) => first.iter().map(text).collect(),
                Ok(false) => return Ok(Box::new(std::iter::empty())),
                Err(error) => return Err(failed::reader(error.to_string())),
            }
        }
    };
    let columns = in_javas_order(&headers);
    if columns.windows(2).any(|two| headers[two[0]] == headers[two[1]]) {
        return Err(failed::reader("CSV headers cannot contain duplicates."));
    }
    Ok(Box::new(reader.into_byte_records().map(move |record| {
        let record = record.map_err(|error| failed::reader(error.to_string()))?;
        let mut row = Map::with_capacity(columns.len());
        for column in &columns {
            let cell = record.get(*column).map(text).unwrap_or_default();
            row.insert(headers[*column].clone(), cell.into());
        }
        Ok((None, Value::Object(row)))
    })))
}

fn text(cell: &[u8]) -> String {
    let cell = cell.strip_prefix(b"\xef\xbb\xbf").unwrap_or(cell);
    String::from_utf8_lossy(cell).into_owned()
}

/// The order in which AWS writes a row's members: that of a `java.util.HashMap`, by the lowest bits of the
/// names' hashes. Equal names stand beside each other.
fn in_javas_order(headers: &[String]) -> Vec<usize> {
    let mut buckets = 16;
    while headers.len() * 4 > buckets * 3 {
        buckets *= 2;
    }
    let bucket = |name: &String| {
        let add = |hash: u32, unit: u16| hash.wrapping_mul(31).wrapping_add(u32::from(unit));
        let hash = name.encode_utf16().fold(0, add);
        (hash ^ (hash >> 16)) as usize & (buckets - 1)
    };
    let mut columns: Vec<usize> = (0..headers.len()).collect();
    columns.sort_by_key(|column| (bucket(&headers[*column]), *column));
    // Within a bucket in the order written; equal names are refused by who asks, so they must be neighbours.
    let mut ordered: Vec<usize> = Vec::with_capacity(columns.len());
    for column in columns {
        let twin = ordered.iter().position(|known| headers[*known] == headers[column]);
        ordered.insert(twin.map_or(ordered.len(), |place| place + 1), column);
    }
    ordered
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(text: &'static str, delimiter: u8, headers: Option<&[&str]>) -> Result<Value, String> {
        let headers = headers.map(|names| names.iter().map(|name| (*name).to_owned()).collect());
        let dialect = Dialect { delimiter, headers };
        let rows = rows(Box::new(text.as_bytes()), &dialect).map_err(|f| f.cause.unwrap())?;
        Ok(rows.map(|row| row.unwrap().1).collect())
    }

    #[test]
    fn rows_are_objects_of_strings_by_the_headers() {
        let given = Some(&["H1", "H2"][..]);
        let expected =
            json!([{"H1": "a", "H2": "b"}, {"H1": "   ", "H2": ""}, {"H1": "", "H2": ""}]);
        assert_eq!(read("a,b,too much\n   \n,,,\n", b',', given), Ok(expected));
        assert_eq!(read("x|y\n1|\"a|b\"\n", b'|', None), Ok(json!([{"x": "1", "y": "a|b"}])));
        assert_eq!(read("", b',', None), Ok(json!([])));
    }

    #[test]
    fn headers_are_different() {
        let refused = Err("CSV headers cannot contain duplicates.".to_owned());
        assert_eq!(read("a", b',', Some(&["H1", "H3", "H1"])), refused);
        assert_eq!(read("a,b,a\n", b',', None), refused);
    }

    #[test]
    fn members_stand_as_java_has_them() {
        // As recorded on AWS.
        let order = |headers: &[&str]| {
            let headers: Vec<String> = headers.iter().map(|name| (*name).to_owned()).collect();
            in_javas_order(&headers)
        };
        assert_eq!(order(&["0", "True", "{}"]), [0, 2, 1]);
        assert_eq!(order(&["H1", ""]), [1, 0]);
        assert_eq!(order(&["H1", "H2", "H3"]), [0, 1, 2]);
    }
}
