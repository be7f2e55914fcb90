//! What a multipart upload is while it lasts: its record and its parts' records.

use asl::Timestamp;
use serde::{Deserialize, Serialize};
use store::Scan;

use super::checksum::{Algorithm, Kind};
use super::object::Attributes;
use super::store::ObjectStore;
use super::{Error, error, record};

/// The greatest part number.
pub(super) const PARTS_MAX: u32 = 10_000;
/// The least size of a part that is not the last.
pub(super) const PART_BYTES_MIN: u64 = 5 << 20;

/// An upload's record.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Upload {
    pub key: String,
    pub initiated: Timestamp,
    pub attributes: Attributes,
    /// The algorithm that its creator named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub algorithm: Option<Algorithm>,
    pub kind: Kind,
}

/// A part's record.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct PartRecord {
    pub size: u64,
    pub etag: String,
    /// Of the upload's algorithm.
    pub checksum: String,
    pub last_modified: Timestamp,
    pub file: String,
}

/// A part as read.
pub(super) struct Part {
    pub number: u32,
    pub record: PartRecord,
    pub version: u64,
}

impl Upload {
    /// The algorithm of its parts' checksums: the one that was named, else the one S3 computes.
    pub(super) fn algorithm(&self) -> Algorithm {
        self.algorithm.unwrap_or(Algorithm::Crc64nvme)
    }
}

impl ObjectStore {
    /// The upload of this key, and its record's version.
    pub(super) async fn upload(
        &self,
        bucket: &str,
        key: &str,
        id: &str,
    ) -> Result<(Upload, u64), Error> {
        let found = self.store.record(record::UPLOADS, &record::key(bucket, id)).await;
        let row = found.map_err(error::of_store)?.ok_or_else(|| error::no_such_upload(id))?;
        let upload: Upload = record::decode(&row.value)?;
        if upload.key != key {
            return Err(error::no_such_upload(id));
        }
        Ok((upload, row.version))
    }

    /// All parts of an upload, by number.
    pub(super) async fn parts(&self, bucket: &str, id: &str) -> Result<Vec<Part>, Error> {
        let scan = Scan::prefix(record::key(bucket, id) + "/", PARTS_MAX as usize);
        let rows = self.store.records(record::PARTS, scan).await.map_err(error::of_store)?;
        rows.into_iter()
            .map(|row| {
                let number = row.key.rsplit('/').next().and_then(|digits| digits.parse().ok());
                let number = number
                    .ok_or_else(|| error::internal(format!("`{}` is no part's key", row.key)))?;
                Ok(Part { number, record: record::decode(&row.value)?, version: row.version })
            })
            .collect()
    }
}
