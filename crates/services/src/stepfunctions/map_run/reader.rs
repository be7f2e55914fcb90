//! Where a run's items come from: the state's input, an object of S3, or a list of objects.
//! Whatever it is, it is read as it is needed and not held.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::sync::Arc;

use asl::definition::{ItemReader, Map};
use asl::{Failure, MapItem, MapRunSpec};
use flate2::read::MultiGzDecoder;
use serde_json::Value;
use tokio::runtime::Handle;

use super::objects::Objects;
use super::{csv, failed, json, listing, manifest, parquet};
use crate::{Caller, Context};

/// An item: the member's name if items are an object's members, and the value.
pub(super) type Row = (Option<String>, Value);
/// Items as a format gives them.
pub(super) type Rows = Box<dyn Iterator<Item = Result<Row, Failure>> + Send>;

/// The items of a run.
pub(super) struct Items {
    rows: Rows,
    next: u64,
    /// At most so many.
    most: u64,
    source: String,
}

impl Items {
    /// The elements of an array or the members of an object.
    pub fn of_value(value: Value) -> Items {
        let rows: Rows = match value {
            Value::Array(elements) => Box::new(elements.into_iter().map(|value| Ok((None, value)))),
            Value::Object(members) => {
                Box::new(members.into_iter().map(|(key, value)| Ok((Some(key), value))))
            }
            _ => Box::new(std::iter::empty()),
        };
        Items { rows, next: 0, most: u64::MAX, source: "STATE_DATA".to_owned() }
    }

    /// The same items, as if an ItemReader had read them from there.
    pub fn read_from(self, bucket: &str, key: Option<&str>, spec: &MapRunSpec) -> Items {
        let most = spec.max_items.filter(|most| *most > 0).unwrap_or(u64::MAX);
        let source = match key {
            Some(key) => format!("S3://{bucket}/{key}"),
            None => format!("S3://{bucket}"),
        };
        Items { most, source, ..self }
    }

    /// The next one.
    pub fn next(&mut self) -> Result<Option<MapItem>, Failure> {
        if self.next >= self.most {
            return Ok(None);
        }
        let Some(row) = self.rows.next() else { return Ok(None) };
        let (key, value) = row?;
        let index = self.next;
        self.next += 1;
        Ok(Some(MapItem { index, key, value }))
    }

    /// How many there are behind the last one, where that is known without reading them.
    pub fn left(&self) -> Option<u64> {
        match self.rows.size_hint() {
            (least, Some(most)) if least == most => {
                Some((least as u64).min(self.most.saturating_sub(self.next)))
            }
            _ => None,
        }
    }

    /// `Map.Item.Source` of the context object.
    pub fn source(&self) -> &str {
        &self.source
    }
}

/// How the bytes of an object are to be understood.
pub(super) struct Format {
    pub input_type: String,
    pub config: Value,
}

impl Format {
    pub fn of(reader: &ItemReader) -> Format {
        let named = reader.config.get("InputType").and_then(Value::as_str);
        Format { input_type: named.unwrap_or("JSON").to_owned(), config: reader.config.clone() }
    }

    /// A member of ReaderConfig.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.config.get(name).and_then(Value::as_str)
    }

    /// The items in an object's bytes.
    pub fn rows(&self, file: File) -> Result<Rows, Failure> {
        if self.input_type == "PARQUET" {
            return parquet::rows(file);
        }
        self.text_rows(plain(file)?)
    }

    /// The items in a text.
    pub fn text_rows(&self, bytes: Box<dyn Read + Send>) -> Result<Rows, Failure> {
        match self.input_type.as_str() {
            "CSV" => csv::rows(bytes, &csv::Dialect::of(self)?),
            "JSON" => json::rows(bytes, self.text("ItemsPointer")),
            "JSONL" => Ok(json::lines(bytes)),
            other => Err(failed::reader(format!("The InputType '{other}' cannot be read here."))),
        }
    }
}

/// Opens objects, from a thread that reads items.
#[derive(Clone)]
pub(super) struct Opener {
    objects: Objects,
    handle: Handle,
}

impl Opener {
    fn new(context: &Arc<Context>, caller: Caller) -> Opener {
        Opener { objects: Objects::new(context, caller), handle: Handle::current() }
    }

    /// An object's bytes.
    pub fn open(&self, bucket: &str, key: &str) -> Result<File, Failure> {
        let opened = self.handle.block_on(self.objects.open(bucket, key));
        opened.map_err(|error| failed::refused(&error))
    }

    /// Calls an operation of S3.
    pub fn call(&self, operation: &str, members: Value) -> Result<Value, Failure> {
        let called = self.handle.block_on(self.objects.call(operation, members));
        called.map_err(|error| failed::refused(&error))
    }
}

/// Opens a run's items.
///
/// # Errors
/// What the run fails with.
pub(super) async fn open(
    context: &Arc<Context>,
    caller: Caller,
    spec: &MapRunSpec,
    map: &Map,
) -> Result<Items, Failure> {
    let reader = map.distributed.as_ref().and_then(|map| map.item_reader.as_ref());
    let Some(reader) = reader else {
        let items = spec.items.as_ref().map_or(Value::Null, |items| items.value().clone());
        return Ok(Items::of_value(items));
    };
    let format = Format::of(reader);
    let (bucket, key) = place(reader, spec)?;
    let opener = Opener::new(context, caller);
    let empty = Items::of_value(Value::Null).read_from(&bucket, key.as_deref(), spec);
    let arguments = spec.reader_arguments.as_ref().map_or(&Value::Null, |data| data.value());
    let prefix = arguments.get("Prefix").and_then(Value::as_str).unwrap_or_default().to_owned();
    let opened = tokio::task::spawn_blocking(move || match key {
        None => listing::rows(opener, bucket, prefix, format),
        Some(key) if manifest::is_one(&format) => manifest::rows(opener, &bucket, &key, format),
        Some(key) => format.rows(opener.open(&bucket, &key)?),
    });
    let rows = opened.await.map_err(|error| failed::reader(error.to_string()))??;
    Ok(Items { rows, ..empty })
}

/// The bucket, and the key unless the reader lists objects.
pub(super) fn place(
    reader: &ItemReader,
    spec: &MapRunSpec,
) -> Result<(String, Option<String>), Failure> {
    let arguments = spec.reader_arguments.as_ref().map_or(&Value::Null, |data| data.value());
    let bucket = argument(arguments, "Bucket")?;
    let lists = reader.resource.ends_with(":listObjectsV2");
    let key = if lists { None } else { Some(argument(arguments, "Key")?) };
    Ok((bucket, key))
}

fn argument(arguments: &Value, name: &str) -> Result<String, Failure> {
    match arguments.get(name).and_then(Value::as_str) {
        Some(text) if !text.is_empty() => Ok(text.to_owned()),
        _ => Err(failed::reader(format!("The ItemReader needs a string in the field '{name}'."))),
    }
}

/// An object's bytes, unpacked if they are gzip's.
pub(super) fn plain(mut file: File) -> Result<Box<dyn Read + Send>, Failure> {
    let mut magic = [0; 2];
    let packed = match file.read_exact(&mut magic) {
        Ok(()) => magic == [0x1f, 0x8b],
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => false,
        Err(error) => return Err(failed::unreadable(&error)),
    };
    file.seek(SeekFrom::Start(0)).map_err(|error| failed::unreadable(&error))?;
    let file = BufReader::with_capacity(64 << 10, file);
    Ok(if packed { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) })
}

/// The refusal of an item that no child could take.
pub(super) fn too_large(bytes: usize) -> Failure {
    failed::reader(format!("An item has more than {bytes} bytes."))
}

/// So many bytes of one item are read at most.
pub(super) const ITEM_BYTES_MAX: usize = 8 << 20;
