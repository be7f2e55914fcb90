//! The bytes of PutObject and UploadPart on their way in, and what their sender says of them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use futures::StreamExt;
use serde::Deserialize;

use super::checksum::Algorithm;
use super::files::{Draft, Written};
use super::{Error, error};
use crate::Body;

/// The most bytes of one PutObject, UploadPart or CopyObject.
pub(super) const UPLOAD_BYTES_MAX: u64 = 5 << 30;

/// The members that describe the bytes.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Payload {
    content_length: Option<u64>,
    #[serde(rename = "ContentMD5")]
    content_md5: Option<String>,
    /// Set without a value when the value follows the body, or to ask us to compute it.
    checksum_algorithm: Option<String>,
    #[serde(flatten)]
    checksums: Checksums,
    /// The bytes themselves in base64, where no stream carries them.
    body: Option<String>,
}

/// The five members that may carry a checksum's value.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Checksums {
    #[serde(rename = "ChecksumCRC32")]
    crc32: Option<String>,
    #[serde(rename = "ChecksumCRC32C")]
    crc32c: Option<String>,
    #[serde(rename = "ChecksumCRC64NVME")]
    crc64nvme: Option<String>,
    #[serde(rename = "ChecksumSHA1")]
    sha1: Option<String>,
    #[serde(rename = "ChecksumSHA256")]
    sha256: Option<String>,
}

impl Checksums {
    /// The one that was given.
    pub(super) fn given(&self) -> Result<Option<(Algorithm, &str)>, Error> {
        let mut given = [
            (Algorithm::Crc32, &self.crc32),
            (Algorithm::Crc32c, &self.crc32c),
            (Algorithm::Crc64nvme, &self.crc64nvme),
            (Algorithm::Sha1, &self.sha1),
            (Algorithm::Sha256, &self.sha256),
        ]
        .into_iter()
        .filter_map(|(algorithm, value)| Some((algorithm, value.as_deref()?)));
        let first = given.next();
        if given.next().is_some() {
            return Err(error::invalid_request(
                "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.",
            ));
        }
        Ok(first)
    }
}

impl Payload {
    /// The algorithm that the sender uses, and the value if it is known beforehand.
    pub(super) fn checksum(&self) -> Result<Option<(Algorithm, Option<&str>)>, Error> {
        if let Some((algorithm, value)) = self.checksums.given()? {
            if algorithm.decode(value).is_none() {
                return Err(error::invalid_checksum(algorithm));
            }
            return Ok(Some((algorithm, Some(value))));
        }
        self.checksum_algorithm
            .as_deref()
            .map(|name| Ok((parse_algorithm(name)?, None)))
            .transpose()
    }

    /// Writes the bytes and holds them against what was said of them. The checksums come in the order
    /// of `algorithms`, which must have the sender's.
    pub(super) async fn write(
        &self,
        body: Option<Body>,
        draft: &mut Draft,
        algorithms: &[Algorithm],
    ) -> Result<Written, Error> {
        let expected_md5 = self.content_md5.as_deref().map(decode_md5).transpose()?;
        if let Some(length) = self.content_length.filter(|length| *length > UPLOAD_BYTES_MAX) {
            return Err(error::entity_too_large(length, UPLOAD_BYTES_MAX));
        }
        let body = match (body, &self.body) {
            (Some(body), _) => body,
            (None, Some(text)) => {
                let bytes = BASE64
                    .decode(text)
                    .map_err(|_| error::invalid_argument("The body is not base64", "Body", ""))?;
                futures::stream::iter([Ok(bytes.into())]).boxed()
            }
            (None, None) => futures::stream::empty().boxed(),
        };
        let written = draft.fill(limited(body), algorithms).await?;
        if self.content_length.is_some_and(|length| length != written.size) {
            return Err(error::incomplete_body());
        }
        if expected_md5.is_some_and(|expected| expected != written.md5) {
            return Err(error::bad_digest());
        }
        if let Some((algorithm, Some(expected))) = self.checksum()? {
            let computed = algorithms.iter().zip(&written.checksums);
            if computed.into_iter().any(|(kind, value)| *kind == algorithm && value != expected) {
                return Err(error::bad_checksum(algorithm.name()));
            }
        }
        Ok(written)
    }
}

pub(super) fn parse_algorithm(name: &str) -> Result<Algorithm, Error> {
    Algorithm::parse(name).ok_or_else(|| {
        error::invalid_request(
            "Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]",
        )
    })
}

fn decode_md5(text: &str) -> Result<[u8; 16], Error> {
    let bytes = BASE64.decode(text).ok();
    bytes.and_then(|bytes| bytes.try_into().ok()).ok_or_else(error::invalid_digest)
}

/// Stops a body of unknown length where S3 would.
fn limited(body: Body) -> Body {
    let mut size = 0;
    body.map(move |chunk| {
        let chunk = chunk?;
        size += chunk.len() as u64;
        if size > UPLOAD_BYTES_MAX {
            return Err(std::io::Error::other(error::entity_too_large(size, UPLOAD_BYTES_MAX)));
        }
        Ok(chunk)
    })
    .boxed()
}
