//! Tags of buckets and objects: what is allowed, and the header form `a=1&b=2`.

use percent_encoding::percent_decode_str;

use super::object::Tag;
use super::{Error, error};

/// The most tags of an object.
pub(super) const OBJECT_TAGS_MAX: usize = 10;
/// The most tags of a bucket.
pub(super) const BUCKET_TAGS_MAX: usize = 50;

/// Refuses what S3 refuses.
pub(super) fn check(tags: &[Tag], most: usize) -> Result<(), Error> {
    if tags.len() > most {
        return Err(Error::new(
            "BadRequest",
            format!(
                "{} tags cannot be greater than {most}",
                if most == OBJECT_TAGS_MAX { "Object" } else { "Bucket" }
            ),
        ));
    }
    for (index, tag) in tags.iter().enumerate() {
        let invalid =
            |message: &str| Err(Error::new("InvalidTag", message).with("TagKey", tag.key.as_str()));
        if tag.key.is_empty() || tag.key.chars().count() > 128 {
            return invalid("The TagKey you have provided is invalid");
        }
        if tag.value.chars().count() > 256 {
            return invalid("The TagValue you have provided is invalid");
        }
        if tag.key.starts_with("aws:") {
            return invalid("System tags cannot be added/updated by requester");
        }
        if tags[..index].iter().any(|other| other.key == tag.key) {
            return invalid("Cannot provide multiple Tags with the same key");
        }
    }
    Ok(())
}

/// Reads `x-amz-tagging`: query parameters.
pub(super) fn parse(header: &str) -> Result<Vec<Tag>, Error> {
    let text = |encoded: &str| {
        percent_decode_str(&encoded.replace('+', " ")).decode_utf8().map(String::from).map_err(|_| {
            error::invalid_argument(
                "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name duplicates.",
                "x-amz-tagging",
                header,
            )
        })
    };
    header
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok(Tag { key: text(key)?, value: text(value)? })
        })
        .collect()
}
