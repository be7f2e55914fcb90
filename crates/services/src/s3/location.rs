//! Where an object or a folder of objects is, in the forms that people and SDKs write.

use std::fmt;

use percent_encoding::percent_decode_str;

use crate::Error;

/// A bucket and a key (or a prefix of keys; empty for the whole bucket).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Location {
    /// The bucket.
    pub bucket: String,
    /// The key or prefix, without the slash that parts it from the bucket.
    pub key: String,
}

impl Location {
    /// Reads `s3://bucket/key`, `https://bucket.s3.REGION.amazonaws.com/key` (virtual-host style) and
    /// `https://s3-REGION.amazonaws.com/bucket/key` (path style), of any region.
    ///
    /// # Errors
    /// `ValidationException` that says which forms are understood.
    pub fn parse(text: &str) -> Result<Location, Error> {
        let location = match text.split_once("://") {
            Some(("s3" | "s3n" | "s3a", rest)) => split(rest),
            Some(("http" | "https", rest)) => from_url(rest),
            _ => None,
        };
        location.filter(|location| !location.bucket.is_empty()).ok_or_else(|| {
            Error::validation(format!(
                "`{text}` is no S3 location: write s3://BUCKET/KEY, \
                 https://BUCKET.s3.REGION.amazonaws.com/KEY or https://s3.REGION.amazonaws.com/BUCKET/KEY"
            ))
        })
    }

    /// The location of `name` below this one, with exactly one slash between them.
    pub fn join(&self, name: &str) -> Location {
        let folder = self.key.trim_end_matches('/');
        let key = if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
        Location { bucket: self.bucket.clone(), key }
    }

    /// Its ARN; without a key, its bucket's.
    pub fn arn(&self, region: &str) -> String {
        let partition = crate::arn::partition(region);
        let slash = if self.key.is_empty() { "" } else { "/" };
        format!("arn:{partition}:s3:::{}{slash}{}", self.bucket, self.key)
    }
}

impl fmt::Display for Location {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "s3://{}/{}", self.bucket, self.key)
    }
}

fn split(path: &str) -> Option<Location> {
    let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
    Some(Location { bucket: bucket.to_owned(), key: key.to_owned() })
}

fn from_url(rest: &str) -> Option<Location> {
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let path = percent_decode_str(path).decode_utf8().ok()?;
    match bucket_of_host(host)? {
        Some(bucket) => Some(Location { bucket, key: path.into_owned() }),
        None => split(&path),
    }
}

/// What a host of S3's says: none if it is not one, else the bucket it names (virtual-host style) or
/// that the path names it.
pub fn bucket_of_host(host: &str) -> Option<Option<String>> {
    let host = host.rsplit_once(':').map_or(host, |(name, port)| {
        if port.bytes().all(|byte| byte.is_ascii_digit()) { name } else { host }
    });
    let host = host.to_ascii_lowercase();
    let base = host
        .strip_suffix(".amazonaws.com")
        .or_else(|| host.strip_suffix(".amazonaws.com.cn"))
        .or_else(|| host.strip_suffix(".localhost"))?;
    // A bucket's name may have dots, and `s3` may be one of its labels: the service's is the last.
    let labels: Vec<&str> = base.split('.').collect();
    let service = labels.iter().rposition(|label| is_service(label));
    let Some(service) = service else {
        // `bucket.localhost` has no label of the service's.
        return (host.ends_with(".localhost") && !base.is_empty()).then(|| Some(base.to_owned()));
    };
    let behind = &labels[service + 1..];
    let plausible = match behind {
        [] => true,
        [region] => is_region(region) || *region == "dualstack",
        ["dualstack", region] => is_region(region),
        _ => false,
    };
    plausible.then(|| (service > 0).then(|| labels[..service].join(".")))
}

/// `s3`, `s3-eu-west-1`, `s3-external-1`, `s3-accelerate`, `s3-fips`.
fn is_service(label: &str) -> bool {
    label == "s3"
        || label.strip_prefix("s3-").is_some_and(|rest| {
            is_region(rest) || matches!(rest, "accelerate" | "fips" | "external-1")
        })
}

/// `us-east-1`, `us-gov-west-1`, `cn-north-1`.
fn is_region(label: &str) -> bool {
    let mut parts = label.split('-');
    let first = parts.next().unwrap_or_default();
    let last = parts.next_back().unwrap_or_default();
    first.len() == 2
        && label.split('-').count() >= 3
        && !last.is_empty()
        && last.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_read() {
        let cases = [
            ("s3://b/k", "b", "k"),
            ("s3://b", "b", ""),
            ("s3://b/", "b", ""),
            ("s3://b/a/b c+d%20.csv", "b", "a/b c+d%20.csv"),
            ("s3a://b//k/", "b", "/k/"),
            ("https://s3.amazonaws.com/b/k/x", "b", "k/x"),
            ("https://s3-eu-west-1.amazonaws.com/b/k", "b", "k"),
            ("https://s3.eu-west-1.amazonaws.com/b/k%20x", "b", "k x"),
            ("https://s3.dualstack.us-east-2.amazonaws.com/b/k", "b", "k"),
            ("https://b.s3.amazonaws.com/k", "b", "k"),
            ("https://b.s3-us-west-2.amazonaws.com/k", "b", "k"),
            ("https://my.dotted.b.s3.us-gov-west-1.amazonaws.com/k", "my.dotted.b", "k"),
            ("https://s3.x.s3.us-east-1.amazonaws.com/k", "s3.x", "k"),
            ("https://b.s3.cn-north-1.amazonaws.com.cn:443/k?versionId=null", "b", "k"),
            ("http://b.s3.localhost:4566/k", "b", "k"),
        ];
        for (text, bucket, key) in cases {
            let expected = Location { bucket: bucket.into(), key: key.into() };
            assert_eq!(Location::parse(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_location_is_refused() {
        for text in ["", "b/k", "s3://", "s3:///k", "ftp://b/k", "https://example.com/b/k"] {
            assert!(Location::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_host_names_the_bucket_or_leaves_it_to_the_path() {
        let some = |bucket: &str| Some(Some(bucket.to_owned()));
        let cases = [
            ("127.0.0.1:4566", None),
            ("localhost:4566", None),
            ("b.localhost:4566", some("b")),
            ("s3.localhost", Some(None)),
            ("b.s3.us-east-1.amazonaws.com", some("b")),
            ("s3.us-east-1.amazonaws.com", Some(None)),
            ("sagemaker.us-east-1.amazonaws.com", None),
            ("sts.amazonaws.com", None),
        ];
        for (host, expected) in cases {
            assert_eq!(bucket_of_host(host), expected, "{host}");
        }
    }

    #[test]
    fn one_slash_joins() {
        for text in ["s3://b/a", "s3://b/a/"] {
            assert_eq!(Location::parse(text).unwrap().join("x").to_string(), "s3://b/a/x");
        }
        assert_eq!(Location::parse("s3://b").unwrap().join("x").to_string(), "s3://b/x");
    }
}
