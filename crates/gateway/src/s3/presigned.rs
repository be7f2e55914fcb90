//! Signatures, in the header or in a presigned URL: taken off, so that the rest is the request itself.
//! They were verified before, where that is asked for; a presigned URL has its time all the same.

use asl::Timestamp;
use http::{HeaderName, HeaderValue, Request, Uri, header};
use percent_encoding::percent_decode_str;
use services::Error;

/// The request without its signature.
///
/// # Errors
/// `AccessDenied` for a presigned URL whose time is over or unreadable.
pub(super) fn strip<B>(mut request: Request<B>, now: Timestamp) -> Result<Request<B>, Error> {
    request.headers_mut().remove(header::AUTHORIZATION);
    let Some(query) = request.uri().query().map(str::to_owned) else { return Ok(request) };
    let parameters: Vec<(&str, &str)> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .collect();
    let value = |name: &str| {
        let found = parameters.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| percent_decode_str(value).decode_utf8_lossy().into_owned())
    };
    let version4 = value("X-Amz-Signature").is_some();
    let version2 = value("Signature").is_some() && value("AWSAccessKeyId").is_some();
    if !version4 && !version2 {
        return Ok(request);
    }
    let expires = if version4 {
        let date = value("X-Amz-Date").and_then(|date| signed_at(&date)).ok_or_else(unreadable)?;
        let seconds: i64 =
            value("X-Amz-Expires").and_then(|text| text.parse().ok()).ok_or_else(unreadable)?;
        if !(0..=7 * 24 * 3600).contains(&seconds) {
            return Err(Error::new(
                "AuthorizationQueryParametersError",
                "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than 604800 seconds",
            ));
        }
        date.plus_millis(seconds * 1000)
    } else {
        let seconds: i64 =
            value("Expires").and_then(|text| text.parse().ok()).ok_or_else(unreadable)?;
        Timestamp(seconds.saturating_mul(1000))
    };
    if expires < now {
        return Err(denied("Request has expired")
            .with("Expires", expires.iso8601())
            .with("ServerTime", now.iso8601()));
    }

    let mut kept = Vec::new();
    for (name, value) in &parameters {
        let lower = name.to_ascii_lowercase();
        let signature = SIGNATURE.contains(&lower.as_str())
            || version2 && ["expires", "signature", "awsaccesskeyid"].contains(&lower.as_str());
        if signature {
            continue;
        }
        // Some clients sign headers into the URL: they mean the same there.
        if lower.starts_with("x-amz-") {
            let text = percent_decode_str(value).decode_utf8_lossy().into_owned();
            if let (Ok(name), Ok(text)) =
                (HeaderName::try_from(lower.as_str()), HeaderValue::from_str(&text))
            {
                request.headers_mut().entry(name).or_insert(text);
            }
            continue;
        }
        kept.push(if value.is_empty() { (*name).to_owned() } else { format!("{name}={value}") });
    }
    let path = request.uri().path();
    let target =
        if kept.is_empty() { path.to_owned() } else { format!("{path}?{}", kept.join("&")) };
    let uri: Uri = target.parse().map_err(|_| unreadable())?;
    *request.uri_mut() = uri;
    Ok(request)
}

/// Parameters that are the signature.
const SIGNATURE: &[&str] = &[
    "x-amz-algorithm",
    "x-amz-credential",
    "x-amz-date",
    "x-amz-expires",
    "x-amz-signedheaders",
    "x-amz-signature",
    "x-amz-security-token",
];

/// `20261122T140000Z`
fn signed_at(text: &str) -> Option<Timestamp> {
    let time = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", text).ok()?;
    let time = time.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(Timestamp(time.timestamp().as_millisecond()))
}

fn denied(message: &str) -> Error {
    Error::new("AccessDenied", message).with_status(403)
}

fn unreadable() -> Error {
    Error::new("AuthorizationQueryParametersError", "The presigned URL's parameters cannot be read")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strip_at(query: &str, now: &str) -> Result<(String, Vec<String>), String> {
        let request = Request::builder().uri(format!("/b/k{query}")).body(()).unwrap();
        let now = signed_at(now).unwrap();
        strip(request, now).map_err(|error| error.to_string()).map(|request| {
            let headers = request.headers().iter();
            let headers =
                headers.map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()));
            (request.uri().to_string(), headers.collect())
        })
    }

    #[test]
    fn urls_have_their_time() {
        let signed = "?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=k&X-Amz-Date=20261122T140000Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature=00";
        assert_eq!(strip_at(signed, "20261122T140059Z").unwrap().0, "/b/k");
        assert!(strip_at(signed, "20261122T140101Z").unwrap_err().contains("Request has expired"));
        let version2 =
            "?uploadId=a%2Bb&AWSAccessKeyId=k&Signature=x%3D&Expires=1795356000&partNumber=1";
        assert_eq!(
            strip_at(version2, "20261122T135959Z").unwrap().0,
            "/b/k?uploadId=a%2Bb&partNumber=1"
        );
        assert!(
            strip_at(version2, "20261122T140001Z").unwrap_err().contains("Request has expired")
        );
        assert!(strip_at("?X-Amz-Signature=00", "20261122T140000Z").is_err());
    }

    #[test]
    fn headers_in_the_url_are_headers() {
        let signed = "?X-Amz-Date=20261122T140000Z&X-Amz-Expires=60&X-Amz-Signature=00&x-amz-storage-class=STANDARD_IA&response-content-type=text%2Fplain&acl";
        let (uri, headers) = strip_at(signed, "20261122T140000Z").unwrap();
        assert_eq!(uri, "/b/k?response-content-type=text%2Fplain&acl");
        assert_eq!(headers, ["x-amz-storage-class: STANDARD_IA"]);
    }

    #[test]
    fn unsigned_requests_pass_as_they_are() {
        assert_eq!(
            strip_at("?Expires=1&list-type=2", "20261122T140000Z").unwrap().0,
            "/b/k?Expires=1&list-type=2"
        );
    }
}
