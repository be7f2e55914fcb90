//! Where S3's records lie in the store, and how they are written.

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Error, error};

/// Buckets by name.
pub(super) const BUCKETS: &str = "s3/bucket";
/// Objects by `BUCKET/KEY`: a bucket's name has no slash, so a bucket's keys lie together and in order.
pub(super) const OBJECTS: &str = "s3/object";
/// Multipart uploads by `BUCKET/UPLOAD`.
pub(super) const UPLOADS: &str = "s3/upload";
/// Their parts by `BUCKET/UPLOAD/NUMBER`, the number in five digits.
pub(super) const PARTS: &str = "s3/part";

pub(super) fn key(bucket: &str, key: &str) -> String {
    format!("{bucket}/{key}")
}

pub(super) fn part_key(bucket: &str, upload: &str, number: u32) -> String {
    format!("{bucket}/{upload}/{number:05}")
}

pub(super) fn encode(value: &impl Serialize) -> Result<Bytes, Error> {
    match serde_json::to_vec(value) {
        Ok(bytes) => Ok(bytes.into()),
        Err(error) => Err(error::internal(error.to_string())),
    }
}

pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(bytes)
        .map_err(|error| error::internal(format!("a record of S3's cannot be read: {error}")))
}
