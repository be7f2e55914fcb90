//! What a request claims: out of its `Authorization` header, or out of a presigned URL.

use std::borrow::Cow;

use asl::Timestamp;
use http::{HeaderMap, header};
use percent_encoding::percent_decode_str;

use super::Fault;

/// A signature of version 4, and what it says it covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Claim<'a> {
    /// `AKID/20261122/us-east-1/states/aws4_request`
    credential: Cow<'a, str>,
    /// `20261122T140000Z`
    pub date: Cow<'a, str>,
    /// That time.
    pub signed_at: Timestamp,
    /// Their names in small letters, with semicolons between.
    signed_headers: Cow<'a, str>,
    /// None that it could be: it is not as long.
    pub signature: Option<[u8; 32]>,
    pub token: Option<Cow<'a, str>>,
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

impl<'a> Claim<'a> {
    /// Reads the claim of a request that [`is_signed`].
    ///
    /// # Errors
    /// What is missing or cannot be read.
    pub(crate) fn read(headers: &'a HeaderMap, query: &'a str) -> Result<Claim<'a>, Fault> {
        match headers.get(header::AUTHORIZATION) {
            Some(text) => match text.to_str() {
                Ok(text) => Claim::of_header(headers, text),
                Err(_) => Err(not_a_signature(&String::from_utf8_lossy(text.as_bytes()))),
            },
            None => Claim::of_query(query),
        }
    }

    fn of_header(headers: &'a HeaderMap, text: &'a str) -> Result<Claim<'a>, Fault> {
        let fields = text.strip_prefix("AWS4-HMAC-SHA256").ok_or_else(|| not_a_signature(text))?;
        let field = |name: &str| {
            let find =
                |part: &'a str| part.trim().strip_prefix(name)?.strip_prefix('=').map(str::trim);
            fields.split([',', ' ']).find_map(find).filter(|text| !text.is_empty()).ok_or_else(
                || Fault::Incomplete(format!("Authorization header requires '{name}' parameter.")),
            )
        };
        let (credential, signed, signature) =
            (field("Credential")?, field("SignedHeaders")?, field("Signature")?);
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let date = match (text("x-amz-date"), text("date")) {
            (Some(date), _) => date.into(),
            (None, Some(date)) => of_http(date).map_or(date.into(), Cow::from),
            (None, None) => {
                let message = "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.";
                return Err(Fault::Incomplete(message.to_owned()));
            }
        };
        let token = text("x-amz-security-token").map(Cow::from);
        Claim::new(credential.into(), signed.into(), signature, date, token, None)
    }

    fn of_query(query: &'a str) -> Result<Claim<'a>, Fault> {
        let value = |name: &str| {
            query.split('&').find_map(|pair| {
                let (known, value) = pair.split_once('=')?;
                (known == name).then(|| percent_decode_str(value).decode_utf8_lossy())
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
            wanted("X-Amz-Credential")?,
            wanted("X-Amz-SignedHeaders")?,
            &wanted("X-Amz-Signature")?,
            wanted("X-Amz-Date")?,
            value("X-Amz-Security-Token"),
            Some(expires),
        )
    }

    fn new(
        credential: Cow<'a, str>,
        signed: Cow<'a, str>,
        signature: &str,
        date: Cow<'a, str>,
        token: Option<Cow<'a, str>>,
        expires_seconds: Option<i64>,
    ) -> Result<Claim<'a>, Fault> {
        // A key's id has no slash; what comes last is always the same.
        let slashes = credential.bytes().filter(|byte| *byte == b'/').count();
        if slashes != 4 || !credential.ends_with("/aws4_request") {
            return Err(Fault::Incomplete(format!(
                "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got: {credential}"
            )));
        }
        let is_plain = |byte: u8| !byte.is_ascii_uppercase() && !byte.is_ascii_whitespace();
        let signed_headers = match signed.bytes().all(is_plain) {
            true => signed,
            false => {
                let names = signed.split(';').map(|name| name.trim().to_ascii_lowercase());
                Cow::Owned(names.collect::<Vec<_>>().join(";"))
            }
        };
        let signed_at = time_of(&date).ok_or_else(|| {
            let message = "Date must be in ISO-8601 'basic format'. Got ";
            Fault::Incomplete(format!(
                "{message}'{date}'. See http://en.wikipedia.org/wiki/ISO_8601"
            ))
        })?;
        let mut bytes = [0; 32];
        let signature = hex::decode_to_slice(signature, &mut bytes).is_ok().then_some(bytes);
        let claim = Claim {
            credential,
            date,
            signed_at,
            signed_headers,
            signature,
            token,
            expires_seconds,
        };
        let day = claim.scope().split('/').next().unwrap_or_default();
        if claim.date.get(..8) != Some(day) {
            return Err(Fault::Scope(format!(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{day}' != '{}', from '{}'.",
                &basic(claim.signed_at)[..8],
                claim.date
            )));
        }
        Ok(claim)
    }

    /// `20261122/us-east-1/states/aws4_request`
    pub(super) fn scope(&self) -> &str {
        self.credential.split_once('/').map_or("", |(_, scope)| scope)
    }

    /// The service that is asked, by the name it is signed with.
    pub(crate) fn service(&self) -> &str {
        self.scope().split('/').nth(2).unwrap_or_default()
    }

    /// Names in small letters, in the order in which they are signed.
    pub(super) fn signed_headers(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.signed_headers.split(';').collect();
        names.sort_unstable();
        names
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
    let (day, time) = date.strip_suffix('Z')?.split_once('T')?;
    let digits = [day, time].concat();
    if day.len() != 8 || time.len() != 6 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // Every request comes through here; reading by a format takes a microsecond.
    let number = |from: usize, until: usize| digits[from..until].parse::<i8>().ok();
    let time = jiff::civil::DateTime::new(
        digits[..4].parse().ok()?,
        number(4, 6)?,
        number(6, 8)?,
        number(8, 10)?,
        number(10, 12)?,
        number(12, 14)?,
        0,
    );
    let time = jiff::tz::TimeZone::UTC.to_timestamp(time.ok()?).ok()?;
    Some(Timestamp(time.as_millisecond()))
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

fn not_a_signature(text: &str) -> Fault {
    let message = format!(
        "'{text}' not a valid key=value pair (missing equal-sign) in Authorization header: it must begin with AWS4-HMAC-SHA256."
    );
    Fault::Incomplete(hide_signature(&message))
}

/// Nothing of a signature goes back into texts that are logged.
fn hide_signature(text: &str) -> String {
    text.chars().take(160).collect()
}
