//! What a request claims: out of its `Authorization` header, or out of a presigned URL.

use asl::Timestamp;
use http::{HeaderMap, header};
use percent_encoding::percent_decode_str;

use super::Fault;

/// A signature of version 4, and what it says it covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Claim {
    pub access_key: String,
    /// `20261122`
    pub day: String,
    pub region: String,
    pub service: String,
    /// `20261122T140000Z`
    pub date: String,
    /// That time.
    pub signed_at: Timestamp,
    /// Their names in small letters, sorted.
    pub signed_headers: Vec<String>,
    pub signature: Vec<u8>,
    pub token: Option<String>,
    /// How long a URL holds; none for a signature in a header.
    pub expires_seconds: Option<i64>,
}

/// How far the clocks of client and server may be apart.
const SKEW_MILLIS: i64 = 15 * 60 * 1000;
/// How long a URL may hold.
const WEEK_SECONDS: i64 = 7 * 24 * 3600;

/// Whether a request bears a signature at all, of whatever version.
pub(crate) fn is_signed(headers: &HeaderMap, query: &str) -> bool {
    let in_query = |pair: &str| {
        ["X-Amz-Signature=", "X-Amz-Credential=", "AWSAccessKeyId="]
            .iter()
            .any(|name| pair.starts_with(name))
    };
    headers.contains_key(header::AUTHORIZATION) || query.split('&').any(in_query)
}

impl Claim {
    /// Reads the claim of a request that [`is_signed`].
    ///
    /// # Errors
    /// What is missing or cannot be read.
    pub(crate) fn read(headers: &HeaderMap, query: &str) -> Result<Claim, Fault> {
        match headers.get(header::AUTHORIZATION) {
            Some(text) => Claim::of_header(headers, &String::from_utf8_lossy(text.as_bytes())),
            None => Claim::of_query(query),
        }
    }

    fn of_header(headers: &HeaderMap, text: &str) -> Result<Claim, Fault> {
        let Some(fields) = text.strip_prefix("AWS4-HMAC-SHA256") else {
            let message = format!(
                "'{text}' not a valid key=value pair (missing equal-sign) in Authorization header: it must begin with AWS4-HMAC-SHA256."
            );
            return Err(Fault::Incomplete(hide_signature(&message)));
        };
        let field = |name: &str| {
            let find = |part: &str| {
                part.trim().strip_prefix(name)?.strip_prefix('=').map(|text| text.trim().to_owned())
            };
            fields.split([',', ' ']).find_map(find).filter(|text| !text.is_empty()).ok_or_else(
                || Fault::Incomplete(format!("Authorization header requires '{name}' parameter.")),
            )
        };
        let (credential, signed, signature) =
            (field("Credential")?, field("SignedHeaders")?, field("Signature")?);
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let date = match (text("x-amz-date"), text("date")) {
            (Some(date), _) => date.to_owned(),
            (None, Some(date)) => of_http(date).unwrap_or_else(|| date.to_owned()),
            (None, None) => {
                let message = "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.";
                return Err(Fault::Incomplete(message.to_owned()));
            }
        };
        let token = text("x-amz-security-token").map(str::to_owned);
        Claim::new(&credential, &signed, &signature, date, token, None)
    }

    fn of_query(query: &str) -> Result<Claim, Fault> {
        let value = |name: &str| {
            query.split('&').find_map(|pair| {
                let (known, value) = pair.split_once('=')?;
                (known == name).then(|| percent_decode_str(value).decode_utf8_lossy().into_owned())
            })
        };
        let wanted = |name: &'static str| {
            value(name).ok_or_else(|| {
                Fault::Incomplete(format!("AWS query-string parameters must include '{name}'."))
            })
        };
        if wanted("X-Amz-Algorithm")? != "AWS4-HMAC-SHA256" {
            let message = "X-Amz-Algorithm only supports \"AWS4-HMAC-SHA256\"";
            return Err(Fault::Incomplete(message.to_owned()));
        }
        let expires = wanted("X-Amz-Expires")?;
        let expires: i64 = expires
            .parse()
            .map_err(|_| Fault::Incomplete("X-Amz-Expires should be a number".to_owned()))?;
        if !(0..=WEEK_SECONDS).contains(&expires) {
            return Err(Fault::Incomplete(
                "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than 604800 seconds".to_owned(),
            ));
        }
        Claim::new(
            &wanted("X-Amz-Credential")?,
            &wanted("X-Amz-SignedHeaders")?,
            &wanted("X-Amz-Signature")?,
            wanted("X-Amz-Date")?,
            value("X-Amz-Security-Token"),
            Some(expires),
        )
    }

    fn new(
        credential: &str,
        signed: &str,
        signature: &str,
        date: String,
        token: Option<String>,
        expires_seconds: Option<i64>,
    ) -> Result<Claim, Fault> {
        let malformed = || {
            Fault::Incomplete(format!(
                "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got: {credential}"
            ))
        };
        // A key's id has no slash; what comes last is always the same.
        let parts: Vec<&str> = credential.split('/').collect();
        let [access_key, day, region, service, "aws4_request"] = parts.as_slice() else {
            return Err(malformed());
        };
        let mut signed_headers: Vec<String> =
            signed.split(';').map(|name| name.trim().to_ascii_lowercase()).collect();
        signed_headers.sort();
        let signed_at = time_of(&date).ok_or_else(|| {
            let message = "Date must be in ISO-8601 'basic format'. Got ";
            Fault::Incomplete(format!(
                "{message}'{date}'. See http://en.wikipedia.org/wiki/ISO_8601"
            ))
        })?;
        let claim = Claim {
            signed_at,
            access_key: (*access_key).to_owned(),
            day: (*day).to_owned(),
            region: (*region).to_owned(),
            service: (*service).to_owned(),
            date,
            signed_headers,
            signature: hex::decode(signature).map_err(|_| Fault::Mismatch)?,
            token,
            expires_seconds,
        };
        if claim.date.get(..8) != Some(&claim.day) {
            return Err(Fault::Scope(format!(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{}' != '{}', from '{}'.",
                claim.day,
                &basic(claim.signed_at)[..8],
                claim.date
            )));
        }
        Ok(claim)
    }

    /// `20261122/us-east-1/states/aws4_request`
    pub(super) fn scope(&self) -> String {
        format!("{}/{}/{}/aws4_request", self.day, self.region, self.service)
    }

    /// Whether the signature is of our time.
    pub(super) fn check_time(&self, now: Timestamp) -> Result<(), Fault> {
        let signed = self.signed_at;
        if signed.0 > now.0 + SKEW_MILLIS {
            return Err(Fault::Early { signed, now, latest: now.plus_millis(SKEW_MILLIS) });
        }
        match self.expires_seconds {
            Some(seconds) => {
                let end = signed.plus_millis(seconds * 1000);
                if end < now { Err(Fault::UrlExpired { end, now }) } else { Ok(()) }
            }
            None if signed.0 < now.0 - SKEW_MILLIS => {
                Err(Fault::Late { signed, now, earliest: now.plus_millis(-SKEW_MILLIS) })
            }
            None => Ok(()),
        }
    }
}

/// The time that `20261122T140000Z` says.
fn time_of(date: &str) -> Option<Timestamp> {
    let time = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", date).ok()?;
    let time = time.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(Timestamp(time.timestamp().as_millisecond()))
}

/// `20261122T140000Z`
pub(super) fn basic(time: Timestamp) -> String {
    let time = jiff::Timestamp::from_millisecond(time.0).unwrap_or_default();
    time.strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// A `Date` header's time in the form that is signed.
fn of_http(date: &str) -> Option<String> {
    let time = jiff::fmt::rfc2822::parse(date).ok()?;
    Some(basic(Timestamp(time.timestamp().as_millisecond())))
}

/// Nothing of a signature goes back into texts that are logged.
fn hide_signature(text: &str) -> String {
    text.chars().take(160).collect()
}
