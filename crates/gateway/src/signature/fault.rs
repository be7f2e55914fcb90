//! What is wrong with a signature, in the words of each kind of service.

use asl::Timestamp;
use services::Error;

use super::claim::basic;
use crate::protocols::Protocol;

/// Why a request is not taken for that of whoever it names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is not signed.
    Missing,
    /// Something of the signature is missing or cannot be read.
    Incomplete(String),
    /// It is meant for another day, region or service.
    Scope(String),
    /// Nobody has this access key.
    UnknownKey(String),
    /// The session token is missing, or is not this key's.
    Token,
    /// The temporary credentials are over.
    TokenExpired,
    /// Signed too long ago.
    Late { signed: Timestamp, now: Timestamp, earliest: Timestamp },
    /// Signed in the future.
    Early { signed: Timestamp, now: Timestamp, latest: Timestamp },
    /// The URL's time is over.
    UrlExpired { end: Timestamp, now: Timestamp },
    /// Not what the key's holder would have signed.
    Mismatch,
    /// Headers that must be signed.
    HeadersNotSigned(String),
    /// The body is not the one that was signed.
    Payload,
    /// The client says nothing of the body.
    NoPayloadHash,
    /// Too many wrong ones from there.
    TooMany,
}

/// How a kind of service says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// Step Functions, SageMaker, …
    Json,
    /// InvokeEndpoint, Lambda, …
    Rest,
    /// IAM, STS, …
    Query,
    /// S3.
    Objects,
}

impl From<Protocol> for Style {
    fn from(protocol: Protocol) -> Style {
        match protocol {
            Protocol::AwsJson => Style::Json,
            Protocol::RestJson => Style::Rest,
            Protocol::Query => Style::Query,
        }
    }
}

const MISMATCH: &str = "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.";
const UNKNOWN: &str = "The security token included in the request is invalid.";
const EXPIRED: &str = "The security token included in the request is expired";

impl Fault {
    /// The error that the client sees.
    pub(crate) fn error(&self, style: Style) -> Error {
        match style {
            Style::Objects => self.of_objects(),
            Style::Query => self.of_query(),
            Style::Json => self.of_json(400),
            Style::Rest => self.of_json(403),
        }
    }

    fn of_json(&self, status: u16) -> Error {
        let (code, message) = match self {
            Fault::Missing => {
                ("MissingAuthenticationTokenException", "Missing Authentication Token".to_owned())
            }
            Fault::Incomplete(text) => ("IncompleteSignatureException", text.clone()),
            Fault::UnknownKey(_) | Fault::Token => {
                ("UnrecognizedClientException", UNKNOWN.to_owned())
            }
            Fault::TokenExpired => ("ExpiredTokenException", EXPIRED.to_owned()),
            Fault::TooMany => {
                return Error::new("ThrottlingException", "Rate exceeded").with_status(429);
            }
            other => ("InvalidSignatureException", other.text()),
        };
        Error::new(code, message).with_status(status)
    }

    fn of_query(&self) -> Error {
        let (code, message, status) = match self {
            Fault::Missing => (
                "MissingAuthenticationToken",
                "Request is missing Authentication Token".to_owned(),
                403,
            ),
            Fault::Incomplete(text) => ("IncompleteSignature", text.clone(), 400),
            Fault::UnknownKey(_) | Fault::Token => {
                ("InvalidClientTokenId", UNKNOWN.to_owned(), 403)
            }
            Fault::TokenExpired => ("ExpiredToken", EXPIRED.to_owned(), 403),
            Fault::TooMany => ("Throttling", "Rate exceeded".to_owned(), 400),
            other => ("SignatureDoesNotMatch", other.text(), 403),
        };
        Error::new(code, message).with_status(status)
    }

    fn of_objects(&self) -> Error {
        let denied = |message: &str| Error::new("AccessDenied", message).with_status(403);
        match self {
            Fault::Missing => denied("Access Denied"),
            Fault::Incomplete(text) | Fault::Scope(text) => {
                Error::new("AuthorizationHeaderMalformed", text.clone())
            }
            Fault::UnknownKey(id) => {
                let message = "The AWS Access Key Id you provided does not exist in our records.";
                Error::new("InvalidAccessKeyId", message)
                    .with_status(403)
                    .with("AWSAccessKeyId", id.as_str())
            }
            Fault::Token => {
                Error::new("InvalidToken", "The provided token is malformed or otherwise invalid.")
            }
            Fault::TokenExpired => Error::new("ExpiredToken", "The provided token has expired."),
            Fault::Late { signed, now, .. } | Fault::Early { signed, now, .. } => {
                let message =
                    "The difference between the request time and the current time is too large.";
                Error::new("RequestTimeTooSkewed", message)
                    .with_status(403)
                    .with("RequestTime", basic(*signed))
                    .with("ServerTime", now.iso8601())
                    .with("MaxAllowedSkewMilliseconds", "900000")
            }
            Fault::UrlExpired { end, now } => denied("Request has expired")
                .with("Expires", end.iso8601())
                .with("ServerTime", now.iso8601()),
            Fault::Mismatch => {
                let message = "The request signature we calculated does not match the signature you provided. Check your key and signing method.";
                Error::new("SignatureDoesNotMatch", message).with_status(403)
            }
            Fault::HeadersNotSigned(names) => {
                denied("There were headers present in the request which were not signed")
                    .with("HeadersNotSigned", names.as_str())
            }
            Fault::Payload => Error::new("XAmzContentSHA256Mismatch", self.text()),
            Fault::NoPayloadHash => Error::new("MissingSecurityHeader", self.text()),
            Fault::TooMany => {
                Error::new("SlowDown", "Please reduce your request rate.").with_status(503)
            }
        }
    }

    fn text(&self) -> String {
        match self {
            Fault::Scope(text) => text.clone(),
            Fault::Late { signed, now, earliest } => format!(
                "Signature expired: {} is now earlier than {} ({} - 15 min.)",
                basic(*signed),
                basic(*earliest),
                basic(*now)
            ),
            Fault::Early { signed, now, latest } => format!(
                "Signature not yet current: {} is still later than {} ({} + 15 min.)",
                basic(*signed),
                basic(*latest),
                basic(*now)
            ),
            Fault::UrlExpired { end, now } => {
                format!("Signature expired: {} is now earlier than {}", basic(*end), basic(*now))
            }
            Fault::HeadersNotSigned(names) => {
                format!("'{names}' must be a 'SignedHeader' in the AWS Authorization.")
            }
            Fault::Payload => {
                "The provided 'x-amz-content-sha256' header does not match what was computed."
                    .to_owned()
            }
            Fault::NoPayloadHash => {
                "Missing required header for this request: x-amz-content-sha256".to_owned()
            }
            _ => MISMATCH.to_owned(),
        }
    }
}
