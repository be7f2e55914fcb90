//! What GetObject and HeadObject share: which object, which of its bytes, and whether it is wanted.

use std::ops::Range;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::condition::ReadCondition;
use super::object::Object;
use super::{Error, error};
use crate::{Caller, Context};

/// The request.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Read {
    pub bucket: String,
    pub key: String,
    expected_bucket_owner: Option<String>,
    version_id: Option<String>,
    range: Option<String>,
    part_number: Option<u32>,
    checksum_mode: Option<String>,
    #[serde(flatten)]
    condition: ReadCondition,
    response_cache_control: Option<String>,
    response_content_disposition: Option<String>,
    response_content_encoding: Option<String>,
    response_content_language: Option<String>,
    response_content_type: Option<String>,
    response_expires: Option<Value>,
}

impl Read {
    /// The object, the bytes that are asked for, and the members of the answer.
    pub(super) async fn resolve(
        &self,
        context: &Context,
        caller: &Caller,
    ) -> Result<(Object, Range<u64>, Map<String, Value>), Error> {
        let objects = &context.objects;
        objects.bucket_of(caller, &self.bucket, self.expected_bucket_owner.as_deref()).await?;
        check_version(&self.key, self.version_id.as_deref())?;
        let found = objects.versioned(&self.bucket, &self.key).await?;
        let (object, _) = found.ok_or_else(|| error::no_such_key(&self.key))?;
        self.condition.check(&object)?;

        let asked = match (&self.range, self.part_number) {
            (Some(_), Some(_)) => {
                return Err(error::invalid_request(
                    "Cannot specify both Range header and partNumber query parameter",
                ));
            }
            (None, Some(number)) => Some(object.part(number).ok_or_else(invalid_part_number)?),
            (Some(text), None) => parse_range(text, object.size)?,
            (None, None) => None,
        };
        let whole = 0..object.size;
        let part = asked.is_some();
        let range = asked.unwrap_or(whole.clone());
        let with_checksum = self.checksum_mode.is_some() && range == whole;
        let mut members = object.members(with_checksum);
        members.insert("ContentLength".into(), (range.end - range.start).into());
        if part && !range.is_empty() {
            let text = format!("bytes {}-{}/{}", range.start, range.end - 1, object.size);
            members.insert("ContentRange".into(), text.into());
        }
        if self.part_number.is_some() && !object.parts.is_empty() {
            members.insert("PartsCount".into(), object.parts.len().into());
        }
        self.overrule(&mut members);
        Ok((object, range, members))
    }

    fn overrule(&self, members: &mut Map<String, Value>) {
        let texts = [
            ("CacheControl", &self.response_cache_control),
            ("ContentDisposition", &self.response_content_disposition),
            ("ContentEncoding", &self.response_content_encoding),
            ("ContentLanguage", &self.response_content_language),
            ("ContentType", &self.response_content_type),
        ];
        for (member, text) in texts {
            if let Some(text) = text {
                members.insert(member.into(), text.clone().into());
            }
        }
        if let Some(expires) = &self.response_expires {
            members.insert("Expires".into(), expires.clone());
        }
    }
}

/// A bucket without versioning has one version of each object, `null`.
pub(super) fn check_version(key: &str, version: Option<&str>) -> Result<(), Error> {
    match version {
        None | Some("null" | "") => Ok(()),
        Some(other) => Err(error::no_such_version(key, other)),
    }
}

fn invalid_part_number() -> Error {
    Error::new("InvalidPartNumber", "The requested partnumber is not satisfiable").with_status(416)
}

/// The bytes that a `Range` header asks for; none if it is not of the one form that S3 serves, which
/// gives the whole object.
pub(super) fn parse_range(text: &str, size: u64) -> Result<Option<Range<u64>>, Error> {
    let Some((first, last)) =
        text.trim().strip_prefix("bytes=").and_then(|spec| spec.split_once('-'))
    else {
        return Ok(None);
    };
    let number = |digits: &str| match digits {
        "" => Some(None),
        _ if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            Some(Some(digits.parse().unwrap_or(u64::MAX)))
        }
        _ => None,
    };
    let range = match (number(first), number(last)) {
        (Some(None), Some(Some(length))) => size - size.min(length)..size,
        (Some(Some(first)), Some(None)) => first..size,
        (Some(Some(first)), Some(Some(last))) if first <= last => {
            first..size.min(last.saturating_add(1))
        }
        _ => return Ok(None),
    };
    if range.start >= range.end { Err(error::invalid_range(size, text)) } else { Ok(Some(range)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        let cases = [
            ("bytes=0-0", Ok(Some(0..1))),
            ("bytes=0-", Ok(Some(0..10))),
            ("bytes=3-99", Ok(Some(3..10))),
            ("bytes=-3", Ok(Some(7..10))),
            ("bytes=-99", Ok(Some(0..10))),
            ("bytes=10-", Err("InvalidRange")),
            ("bytes=-0", Err("InvalidRange")),
            ("bytes=99999999999999999999-", Err("InvalidRange")),
            ("bytes=5-4", Ok(None)),
            ("bytes=0-1,3-4", Ok(None)),
            ("bytes=-", Ok(None)),
            ("lines=0-1", Ok(None)),
        ];
        for (text, expected) in cases {
            let found = parse_range(text, 10).map_err(|error| error.code.into_owned());
            assert_eq!(found, expected.map_err(String::from), "{text}");
        }
        assert!(parse_range("bytes=0-", 0).is_err(), "an empty object has no first byte");
    }
}
