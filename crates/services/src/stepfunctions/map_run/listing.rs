//! Items from a list of objects: what the list says of each, or what is in each.

use std::collections::VecDeque;

use asl::Failure;
use serde_json::{Value, json};

use super::reader::{Format, Opener, Row, Rows};

/// Objects of a bucket below a prefix, in the order of their keys. With LOAD_AND_FLATTEN, the items in
/// them, one object after the other.
pub(super) fn rows(
    opener: Opener,
    bucket: String,
    prefix: String,
    format: Format,
) -> Result<Rows, Failure> {
    let flatten = format.text("Transformation") == Some("LOAD_AND_FLATTEN");
    let mut listing =
        Listing { opener, bucket, prefix, page: VecDeque::new(), token: None, begun: false };
    // A bucket that is not there is told at once.
    listing.fill()?;
    if !flatten {
        return Ok(Box::new(listing.map(|entry| Ok((None, item(&entry?))))));
    }
    let (opener, bucket) = (listing.opener.clone(), listing.bucket.clone());
    let keys = listing.filter_map(|entry| match entry {
        Ok(entry) => {
            let key = entry["Key"].as_str().unwrap_or_default().to_owned();
            // Folders of the console are objects without bytes.
            (!key.ends_with('/')).then_some(Ok(key))
        }
        Err(failure) => Some(Err(failure)),
    });
    Ok(flattened(keys, move |key| format.rows(opener.open(&bucket, &key)?)))
}

/// The items of each object in turn. The first failure is the last item.
pub(super) fn flattened<T: Send + 'static>(
    mut keys: impl Iterator<Item = Result<T, Failure>> + Send + 'static,
    mut open: impl FnMut(T) -> Result<Rows, Failure> + Send + 'static,
) -> Rows {
    let mut rows: Option<Rows> = None;
    Box::new(std::iter::from_fn(move || -> Option<Result<Row, Failure>> {
        loop {
            if let Some(row) = rows.as_mut().and_then(Iterator::next) {
                return Some(row);
            }
            match keys.next()?.and_then(&mut open) {
                Ok(next) => rows = Some(next),
                Err(failure) => return Some(Err(failure)),
            }
        }
    }))
}

struct Listing {
    opener: Opener,
    bucket: String,
    prefix: String,
    page: VecDeque<Value>,
    token: Option<Value>,
    begun: bool,
}

impl Listing {
    fn fill(&mut self) -> Result<(), Failure> {
        while self.page.is_empty() && (!self.begun || self.token.is_some()) {
            self.begun = true;
            let mut request = json!({ "Bucket": self.bucket, "Prefix": self.prefix });
            if let Some(token) = self.token.take() {
                request["ContinuationToken"] = token;
            }
            let mut answer = self.opener.call("ListObjectsV2", request)?;
            if let Some(Value::Array(contents)) = answer.get_mut("Contents").map(Value::take) {
                self.page.extend(contents);
            }
            self.token =
                answer.get("NextContinuationToken").filter(|token| !token.is_null()).cloned();
        }
        Ok(())
    }
}

impl Iterator for Listing {
    type Item = Result<Value, Failure>;

    fn next(&mut self) -> Option<Result<Value, Failure>> {
        match self.fill() {
            Ok(()) => self.page.pop_front().map(Ok),
            Err(failure) => Some(Err(failure)),
        }
    }
}

/// An object of the list as the item that AWS makes of it.
fn item(entry: &Value) -> Value {
    json!({
        "Etag": entry["ETag"],
        "LastModified": entry["LastModified"],
        "Key": entry["Key"],
        "Size": entry["Size"],
        "StorageClass": entry["StorageClass"],
    })
}
