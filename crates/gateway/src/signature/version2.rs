//! Version 2 of signatures, which S3 alone still takes: old clients, and what boto3 makes of presigned
//! URLs in the oldest region.

use asl::Timestamp;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, Mac};
use http::{HeaderMap, header};
use percent_encoding::percent_decode_str;
use services::Identity;
use services::s3::bucket_of_host;
use sha1::Sha1;

use super::{Fault, Head, check_token};

/// A signature of version 2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Version2 {
    pub access_key: String,
    signature: String,
    token: Option<String>,
    /// Of a URL, in epoch seconds.
    pub expires: Option<i64>,
}

/// Parameters that are part of the resource.
const SUBRESOURCES: &[&str] = &[
    "accelerate",
    "acl",
    "analytics",
    "cors",
    "defaultObjectAcl",
    "delete",
    "inventory",
    "lifecycle",
    "location",
    "logging",
    "metrics",
    "notification",
    "object-lock",
    "partNumber",
    "policy",
    "replication",
    "requestPayment",
    "response-cache-control",
    "response-content-disposition",
    "response-content-encoding",
    "response-content-language",
    "response-content-type",
    "response-expires",
    "restore",
    "select",
    "select-type",
    "storageClass",
    "tagging",
    "torrent",
    "uploadId",
    "uploads",
    "versionId",
    "versioning",
    "versions",
    "website",
];

/// How far the clocks may be apart.
const SKEW_MILLIS: i64 = 15 * 60 * 1000;

impl Version2 {
    /// The signature of this version, if the request has one.
    pub(crate) fn read(headers: &HeaderMap, query: &str) -> Option<Version2> {
        let authorization = headers.get(header::AUTHORIZATION).and_then(|text| text.to_str().ok());
        if let Some(text) = authorization {
            let (access_key, signature) = text.strip_prefix("AWS ")?.split_once(':')?;
            let token = headers.get("x-amz-security-token").and_then(|text| text.to_str().ok());
            return Some(Version2 {
                access_key: access_key.to_owned(),
                signature: signature.to_owned(),
                token: token.map(str::to_owned),
                expires: None,
            });
        }
        let value = |name: &str| {
            pairs(query)
                .find(|(known, _)| known.eq_ignore_ascii_case(name))
                .map(|(_, value)| decoded(value))
        };
        Some(Version2 {
            access_key: value("AWSAccessKeyId")?,
            signature: value("Signature")?,
            token: value("x-amz-security-token"),
            expires: Some(value("Expires")?.parse().ok()?),
        })
    }

    /// Whether the key's holder signed this request.
    ///
    /// # Errors
    /// What is wrong.
    pub(crate) fn verify(
        &self,
        head: &Head<'_>,
        identity: &Identity,
        now: Timestamp,
    ) -> Result<(), Fault> {
        let text = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok());
        match self.expires {
            Some(seconds) => {
                let end = Timestamp(seconds.saturating_mul(1000));
                if end < now {
                    return Err(Fault::UrlExpired { end, now });
                }
            }
            None => {
                let date = text("x-amz-date").or(text("date"));
                let time = date.and_then(|date| jiff::fmt::rfc2822::parse(date).ok());
                let signed = time.map(|time| Timestamp(time.timestamp().as_millisecond()));
                let signed = signed.ok_or_else(|| {
                    Fault::Incomplete(
                        "AWS authentication requires a valid Date or x-amz-date header".to_owned(),
                    )
                })?;
                if (signed.0 - now.0).abs() > SKEW_MILLIS {
                    return Err(Fault::Late {
                        signed,
                        now,
                        earliest: now.plus_millis(-SKEW_MILLIS),
                    });
                }
            }
        }
        check_token(self.token.as_deref(), identity, now)?;
        let given = BASE64.decode(&self.signature).map_err(|_| Fault::Mismatch)?;
        // boto3 signs a bucket with a slash behind it that it does not send.
        let is_signed = |slash: &str| {
            let mut mac = <Hmac<Sha1> as Mac>::new_from_slice(identity.secret.as_bytes())
                .expect("HMAC takes a key of any length");
            mac.update(self.to_sign(head, slash).as_bytes());
            mac.verify_slice(&given).is_ok()
        };
        let bucket_alone = head.path.len() > 1 && !head.path[1..].contains('/');
        if is_signed("") || bucket_alone && is_signed("/") { Ok(()) } else { Err(Fault::Mismatch) }
    }

    fn to_sign(&self, head: &Head<'_>, slash: &str) -> String {
        let text = |name: &str| {
            head.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
        };
        let date = match self.expires {
            Some(seconds) => seconds.to_string(),
            None if head.headers.contains_key("x-amz-date") => String::new(),
            None => text("date").to_owned(),
        };
        let mut amz: Vec<(String, String)> = head
            .headers
            .iter()
            .filter(|(name, _)| name.as_str().starts_with("x-amz-"))
            .map(|(name, value)| {
                (
                    name.as_str().to_owned(),
                    String::from_utf8_lossy(value.as_bytes()).trim().to_owned(),
                )
            })
            .collect();
        if self.expires.is_some() {
            // A URL has them among its parameters.
            let in_url = pairs(head.query)
                .filter(|(name, _)| name.to_ascii_lowercase().starts_with("x-amz-"));
            amz.extend(in_url.map(|(name, value)| (name.to_ascii_lowercase(), decoded(value))));
        }
        amz.sort();
        let amz: String = amz.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
        format!(
            "{}\n{}\n{}\n{date}\n{amz}{}",
            head.method,
            text("content-md5"),
            text("content-type"),
            resource(head, slash)
        )
    }
}

fn resource(head: &Head<'_>, slash: &str) -> String {
    let host = head.headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let bucket = host.and_then(bucket_of_host).flatten();
    let mut resource = bucket.map_or_else(String::new, |bucket| format!("/{bucket}"));
    resource.push_str(head.path);
    resource.push_str(slash);
    let mut parts: Vec<String> =
        pairs(head.query)
            .filter(|(name, _)| SUBRESOURCES.contains(name))
            .map(|(name, value)| {
                if value.is_empty() {
                    name.to_owned()
                } else {
                    format!("{name}={}", decoded(value))
                }
            })
            .collect();
    parts.sort();
    if !parts.is_empty() {
        resource.push_str(&format!("?{}", parts.join("&")));
    }
    resource
}

fn pairs(query: &str) -> impl Iterator<Item = (&str, &str)> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}
