//! Signature Version 4: how a request proves who sent it. Pure: the time is an argument.

use hmac::{Hmac, Mac};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::{Digest, Sha256};

use super::Credentials;

/// What is signed. Names of headers are lower-case; `host` and `x-amz-date` must be among them.
pub(crate) struct Signable<'a> {
    pub method: &'a str,
    /// The path as it is sent, already percent-encoded once.
    pub path: &'a str,
    /// Decoded names and values.
    pub query: &'a [(String, String)],
    pub headers: &'a [(String, String)],
    /// Lower-case hex of the body's SHA-256, or a word such as `UNSIGNED-PAYLOAD`.
    pub payload_hash: &'a str,
}

/// For whom, where and when a signature holds.
pub(crate) struct Scope<'a> {
    pub credentials: &'a Credentials,
    pub region: &'a str,
    /// The signing name, such as `states` or `sagemaker`.
    pub service: &'a str,
    /// `YYYYMMDD'T'HHMMSS'Z'`.
    pub date: &'a str,
}

/// The value of the `Authorization` header.
pub(crate) fn authorization(request: &Signable, scope: &Scope) -> String {
    authorization_with(request, scope, &signing_key(scope))
}

fn authorization_with(request: &Signable, scope: &Scope, key: &[u8]) -> String {
    let day = &scope.date[..8];
    let credential_scope = format!("{day}/{}/{}/aws4_request", scope.region, scope.service);
    let (canonical, signed_headers) = canonical_request(request, scope.service);
    let to_sign = format!(
        "AWS4-HMAC-SHA256\n{}\n{credential_scope}\n{}",
        scope.date,
        sha256_hex(canonical.as_bytes())
    );
    let signature = hex::encode(hmac(key, to_sign.as_bytes()));
    format!(
        "AWS4-HMAC-SHA256 Credential={}/{credential_scope}, SignedHeaders={signed_headers}, Signature={signature}",
        scope.credentials.access_key_id
    )
}

/// The key that signs on a day.
fn signing_key(scope: &Scope) -> Vec<u8> {
    let secret = format!("AWS4{}", scope.credentials.secret_access_key);
    [&scope.date[..8], scope.region, scope.service, "aws4_request"]
        .iter()
        .fold(secret.into_bytes(), |key, part| hmac(&key, part.as_bytes()))
}

/// Signs requests that somebody else sends. It keeps the key of the day, so that a signature costs little.
///
/// ```
/// use stepwell_sdk::client::{Credentials, Signer};
///
/// let mut signer = Signer::new(Credentials::new("id", "secret"), "us-east-1", "states");
/// let headers = [
///     ("host".to_owned(), "127.0.0.1:4566".to_owned()),
///     ("x-amz-date".to_owned(), "20261122T101500Z".to_owned()),
///     ("x-amz-target".to_owned(), "AWSStepFunctions.ListStateMachines".to_owned()),
/// ];
/// let authorization = signer.authorization("POST", "/", &headers, b"{}", "20261122T101500Z");
/// assert!(authorization.starts_with("AWS4-HMAC-SHA256 Credential=id/20261122/us-east-1/states/aws4_request"));
/// ```
pub struct Signer {
    credentials: Credentials,
    region: String,
    service: String,
    /// A day, and its key.
    key: (String, Vec<u8>),
}

impl Signer {
    /// For a service by its signing name (`states`, `s3`).
    pub fn new(
        credentials: Credentials,
        region: impl Into<String>,
        service: impl Into<String>,
    ) -> Signer {
        let (region, service) = (region.into(), service.into());
        Signer { credentials, region, service, key: Default::default() }
    }

    /// The value of the `Authorization` header of a request without a query. `headers` have lower-case
    /// names and hold `host` and `x-amz-date`; `date` is `YYYYMMDD'T'HHMMSS'Z'`, the same as in the header.
    pub fn authorization(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(String, String)],
        body: &[u8],
        date: &str,
    ) -> String {
        let Signer { credentials, region, service, key } = self;
        let scope = Scope { credentials, region, service, date };
        if key.0 != date[..8] {
            *key = (date[..8].to_owned(), signing_key(&scope));
        }
        let payload_hash = sha256_hex(body);
        let request = Signable { method, path, query: &[], headers, payload_hash: &payload_hash };
        authorization_with(&request, &scope, &key.1)
    }
}

/// Lower-case hex of the SHA-256 of `bytes`.
pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// Percent-encodes as the signature wants it: everything but letters, digits and `-._~`.
pub(crate) fn encode(text: &str) -> String {
    utf8_percent_encode(text, &RESERVED).to_string()
}

/// As [`encode`], but `/` stays: for paths.
pub(crate) fn encode_path(path: &str) -> String {
    utf8_percent_encode(path, &RESERVED_IN_PATH).to_string()
}

const RESERVED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
const RESERVED_IN_PATH: AsciiSet = RESERVED.remove(b'/');

fn canonical_request(request: &Signable, service: &str) -> (String, String) {
    // Every service but S3 signs the path encoded a second time.
    let path = match service {
        "s3" => request.path.to_owned(),
        _ => encode_path(request.path),
    };
    let mut query: Vec<String> = request
        .query
        .iter()
        .map(|(name, value)| format!("{}={}", encode(name), encode(value)))
        .collect();
    query.sort();
    let mut headers: Vec<(&str, String)> = request
        .headers
        .iter()
        .map(|(name, value)| {
            (name.as_str(), value.split_whitespace().collect::<Vec<_>>().join(" "))
        })
        .collect();
    headers.sort();
    let signed = headers.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";");
    let headers: String = headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
    let canonical =
        [request.method, &path, &query.join("&"), &headers, &signed, request.payload_hash]
            .join("\n");
    (canonical, signed)
}

fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    /// Signs one of the examples printed in AWS's documentation and compares the signature.
    #[allow(clippy::too_many_arguments)]
    fn check(
        (id, secret): (&str, &str),
        (service, date): (&str, &str),
        (method, path): (&str, &str),
        query: &[(&str, &str)],
        headers: &[(&str, &str)],
        payload_hash: &str,
        signature: &str,
    ) {
        let pairs = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
            pairs.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
        };
        let authorization = authorization(
            &Signable {
                method,
                path,
                query: &pairs(query),
                headers: &pairs(headers),
                payload_hash,
            },
            &Scope {
                credentials: &Credentials::new(id, secret),
                region: "us-east-1",
                service,
                date,
            },
        );
        assert_eq!(authorization.rsplit_once("Signature=").unwrap().1, signature);
    }

    const SUITE: (&str, &str) = ("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
    const S3: (&str, &str) = ("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");

    #[test]
    fn general_reference_list_users() {
        check(
            SUITE,
            ("iam", "20150830T123600Z"),
            ("GET", "/"),
            &[("Version", "2010-05-08"), ("Action", "ListUsers")],
            &[
                ("content-type", "application/x-www-form-urlencoded; charset=utf-8"),
                ("host", "iam.amazonaws.com"),
                ("x-amz-date", "20150830T123600Z"),
            ],
            EMPTY,
            "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
        );
    }

    #[test]
    fn test_suite_get_vanilla() {
        check(
            SUITE,
            ("service", "20150830T123600Z"),
            ("GET", "/"),
            &[],
            &[("host", "example.amazonaws.com"), ("x-amz-date", "20150830T123600Z")],
            EMPTY,
            "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
        );
    }

    #[test]
    fn s3_get_object() {
        check(
            S3,
            ("s3", "20130524T000000Z"),
            ("GET", "/test.txt"),
            &[],
            &[
                ("host", "examplebucket.s3.amazonaws.com"),
                ("range", "bytes=0-9"),
                ("x-amz-content-sha256", EMPTY),
                ("x-amz-date", "20130524T000000Z"),
            ],
            EMPTY,
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
        );
    }

    #[test]
    fn s3_put_object() {
        let body = "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072";
        check(
            S3,
            ("s3", "20130524T000000Z"),
            ("PUT", "/test%24file.text"),
            &[],
            &[
                ("date", "Fri, 24 May 2013 00:00:00 GMT"),
                ("host", "examplebucket.s3.amazonaws.com"),
                ("x-amz-content-sha256", body),
                ("x-amz-date", "20130524T000000Z"),
                ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
            ],
            body,
            "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
        );
    }

    #[test]
    fn s3_get_bucket_lifecycle_and_list() {
        let headers = [
            ("host", "examplebucket.s3.amazonaws.com"),
            ("x-amz-content-sha256", EMPTY),
            ("x-amz-date", "20130524T000000Z"),
        ];
        check(
            S3,
            ("s3", "20130524T000000Z"),
            ("GET", "/"),
            &[("lifecycle", "")],
            &headers,
            EMPTY,
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
        );
        check(
            S3,
            ("s3", "20130524T000000Z"),
            ("GET", "/"),
            &[("max-keys", "2"), ("prefix", "J")],
            &headers,
            EMPTY,
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
        );
    }
}
