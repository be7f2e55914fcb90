//! Names that S3 takes: of buckets, and of objects.

use super::error;
use crate::Error;

/// The most bytes of a key.
pub const KEY_BYTES_MAX: usize = 1024;

/// Refuses a bucket name against S3's rules for general purpose buckets.
pub(super) fn check_bucket(name: &str) -> Result<(), Error> {
    let edge = |byte: Option<&u8>| {
        byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    let bytes = name.as_bytes();
    let good = (3..=63).contains(&bytes.len())
        && bytes
            .iter()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(byte))
        && edge(bytes.first())
        && edge(bytes.last())
        && !name.contains("..")
        && name.parse::<std::net::Ipv4Addr>().is_err()
        && !["xn--", "sthree-", "amzn-s3-demo-"].iter().any(|prefix| name.starts_with(prefix))
        && !["-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"]
            .iter()
            .any(|suffix| name.ends_with(suffix));
    if good { Ok(()) } else { Err(error::invalid_bucket_name(name)) }
}

/// Refuses a key that is empty or too long.
pub(super) fn check_key(key: &str) -> Result<(), Error> {
    match key.len() {
        0 => Err(error::invalid_argument("The object key must not be empty", "Key", "")),
        1..=KEY_BYTES_MAX => Ok(()),
        length => Err(error::key_too_long(length)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bucket_names() {
        for name in ["abc", "a.b-c.9", "sagemaker-us-east-1-000000000000", &"a".repeat(63)] {
            assert_eq!(check_bucket(name), Ok(()), "{name}");
        }
        let bad = ["", "ab", "Abc", "a_b", "-abc", "abc-", "a..b", "192.168.0.1", "xn--abc", "a/b"];
        for name in bad.into_iter().chain([&*"a".repeat(64), "abc-s3alias", "äbc"]) {
            assert_eq!(check_bucket(name).unwrap_err().code, "InvalidBucketName", "{name}");
        }
    }
}
