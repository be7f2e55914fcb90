//! What is kept of an object beside its bytes.

use std::collections::BTreeMap;

use asl::Timestamp;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::checksum::Checksum;
use super::{Error, error};

/// An object's record. Its bytes are in the file that it names.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Object {
    /// Its key; stands in the record's key.
    #[serde(skip)]
    pub key: String,
    /// How many bytes.
    pub size: u64,
    /// MD5 in hex; of a multipart object the MD5 of its parts' MD5s, `-`, and their number. Without quotes.
    pub etag: String,
    /// When it was written, in whole seconds as S3 has it.
    pub last_modified: Timestamp,
    /// What the writer said about it.
    #[serde(flatten)]
    pub attributes: Attributes,
    /// The checksum that the writer gave, or the one S3 computes.
    pub checksum: Checksum,
    /// The parts of a multipart object.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<ObjectPart>,
    /// The multipart upload it came from: a repeated completion is known by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upload: Option<String>,
    /// The file's id.
    pub(super) file: String,
}

/// A part of a multipart object.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ObjectPart {
    /// Its number.
    pub number: u32,
    /// How many bytes.
    pub size: u64,
    /// Its checksum's value, of the object's algorithm, where the upload named one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checksum: Option<String>,
}

/// What a writer says about an object: PutObject, CopyObject and CreateMultipartUpload take it,
/// GetObject and HeadObject give it back, under the same members.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Attributes {
    /// `text/csv`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// As given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_control: Option<String>,
    /// As given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_disposition: Option<String>,
    /// As given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_encoding: Option<String>,
    /// As given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_language: Option<String>,
    /// Epoch seconds or the text that was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<Value>,
    /// As given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub website_redirect_location: Option<String>,
    /// None is `STANDARD`; others are kept, all are stored alike.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage_class: Option<String>,
    /// Kept and told, not applied.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_side_encryption: Option<String>,
    /// Kept and told, not applied.
    #[serde(rename = "SSEKMSKeyId", skip_serializing_if = "Option::is_none")]
    pub ssekms_key_id: Option<String>,
    /// User metadata; names in lower case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<BTreeMap<String, String>>,
    /// The object's tags.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tag_set: Vec<Tag>,
}

/// A tag of a bucket or an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Tag {
    /// Up to 128 characters.
    pub key: String,
    /// Up to 256 characters.
    pub value: String,
}

impl Object {
    /// From its record.
    pub(super) fn read(key: &str, value: &[u8]) -> Result<Object, Error> {
        let mut object: Object = super::record::decode(value)?;
        object.key = key.to_owned();
        Ok(object)
    }

    /// To its record.
    pub(super) fn write(&self) -> Result<Bytes, Error> {
        super::record::encode(self)
    }

    /// The ETag as clients see it, in quotes.
    pub fn quoted_etag(&self) -> String {
        format!("\"{}\"", self.etag)
    }

    /// The bytes of a part; an object that came in one piece is its own part 1.
    pub(super) fn part(&self, number: u32) -> Option<std::ops::Range<u64>> {
        if self.parts.is_empty() {
            return (number == 1).then_some(0..self.size);
        }
        let mut start = 0;
        for part in &self.parts {
            if part.number == number {
                return Some(start..start + part.size);
            }
            start += part.size;
        }
        None
    }

    /// The members that GetObject and HeadObject share.
    pub(super) fn members(&self, with_checksum: bool) -> Map<String, Value> {
        let mut members = self.attributes.members();
        members.insert("AcceptRanges".into(), "bytes".into());
        members.insert("ETag".into(), self.quoted_etag().into());
        members.insert("LastModified".into(), (self.last_modified.0 / 1000).into());
        if with_checksum {
            members.insert(
                self.checksum.algorithm.member().into(),
                self.checksum.value.clone().into(),
            );
            members.insert("ChecksumType".into(), self.checksum.kind.name().into());
        }
        members
    }
}

/// S3 tells times in whole seconds, and compares what it was told.
pub(super) fn whole_seconds(time: Timestamp) -> Timestamp {
    Timestamp(time.0 - time.0.rem_euclid(1000))
}

impl Attributes {
    /// The most bytes of user metadata, names and values together.
    const METADATA_BYTES_MAX: usize = 2048;

    /// Checks what was given and brings it to the form that is kept.
    pub(super) fn checked(mut self) -> Result<Attributes, Error> {
        if let Some(metadata) = self.metadata.take() {
            let size = metadata.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>();
            if size > Attributes::METADATA_BYTES_MAX {
                return Err(error::metadata_too_large(size));
            }
            self.metadata = Some(
                metadata
                    .into_iter()
                    .map(|(name, value)| (name.to_ascii_lowercase(), value))
                    .collect(),
            );
        }
        if self.storage_class.as_deref() == Some("STANDARD") {
            self.storage_class = None;
        }
        super::tags::check(&self.tag_set, super::tags::OBJECT_TAGS_MAX)?;
        Ok(self)
    }

    /// How S3 says it is encrypted: since 2023 every object is, with S3's own keys unless it was asked otherwise.
    pub(super) fn encryption(&self) -> &str {
        self.server_side_encryption.as_deref().unwrap_or("AES256")
    }

    fn members(&self) -> Map<String, Value> {
        let mut members = match serde_json::to_value(self) {
            Ok(Value::Object(members)) => members,
            _ => Map::new(),
        };
        members.shift_remove("TagSet");
        if !self.tag_set.is_empty() {
            members.insert("TagCount".into(), self.tag_set.len().into());
        }
        members.entry("ContentType").or_insert_with(|| "binary/octet-stream".into());
        members.insert("ServerSideEncryption".into(), self.encryption().into());
        members.entry("Metadata").or_insert_with(|| Map::new().into());
        members
    }
}
