//! `States.Hash(data, algorithm)`: the digest in lower-case hexadecimal digits.

use md5::Digest;
use serde_json::Value;

use super::{as_text, not_too_long};
use crate::Dice;

/// The algorithms, as AWS names them.
const ALGORITHMS: &str = "MD5, SHA-1, SHA-256, SHA-384, SHA-512";

pub(super) fn call(arguments: &[Value], _: &mut Dice) -> Result<Value, String> {
    let data = match &arguments[0] {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let algorithm = as_text(&arguments[1])?;
    digest(not_too_long(&data)?.as_bytes(), algorithm)
        .map(Value::String)
        .ok_or_else(|| format!("'{algorithm}' is not one of the algorithms {ALGORITHMS}"))
}

/// The digest, or `None` when there is no such algorithm. Names are case-sensitive.
pub(crate) fn digest(data: &[u8], algorithm: &str) -> Option<String> {
    Some(match algorithm {
        "MD5" => hex::encode(md5::Md5::digest(data)),
        "SHA-1" => hex::encode(sha1::Sha1::digest(data)),
        "SHA-256" => hex::encode(sha2::Sha256::digest(data)),
        "SHA-384" => hex::encode(sha2::Sha384::digest(data)),
        "SHA-512" => hex::encode(sha2::Sha512::digest(data)),
        _ => return None,
    })
}
