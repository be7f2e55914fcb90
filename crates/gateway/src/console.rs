//! `/_stepwell/console`: the console's files, which are part of the program.
//!
//! They are kept compressed and sent as they are to whoever takes that. Names under `assets/` bear a hash
//! and never change; the page is asked for again each time. The page may load nothing from elsewhere, run
//! no script that is written into it, and stand in nobody's frame.

use std::borrow::Cow;
use std::io::Read;

use flate2::read::GzDecoder;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Uri, header};
use sha2::{Digest, Sha256};

use crate::ResponseBody;

mod files {
    include!(concat!(env!("OUT_DIR"), "/console.rs"));
}

/// Where the console is.
pub(crate) const HOME: &str = "/_stepwell/console";

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; \
    connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Shown where the program was built without the console.
const MISSING: &str = include_str!("console/missing.html");

/// AWS's own console has its pages here; links to them lead to ours.
const AWS_PAGES: [&str; 6] =
    ["/states/home", "/sagemaker/home", "/s3/home", "/iam/home", "/iamv2/home", "/cloudwatch/home"];

/// Where a person's browser that opens this address is sent instead: to the console, from `/` and from
/// addresses of AWS's. Programs ask the same addresses for other things (`/` is S3's ListBuckets); they
/// sign, or do not ask for a page.
pub(crate) fn instead(method: &Method, uri: &Uri, headers: &HeaderMap) -> Option<String> {
    let wants_page = headers
        .get(header::ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("text/html"));
    let query = uri.query().unwrap_or_default();
    let signed = headers.contains_key(header::AUTHORIZATION)
        || ["X-Amz-Signature=", "Signature=", "Action="].iter().any(|word| query.contains(word));
    if method != Method::GET || !wants_page || signed {
        return None;
    }
    if uri.path() == "/" && query.is_empty() {
        return Some(format!("{HOME}/"));
    }
    // What follows `#` stays with the browser, which takes it along.
    AWS_PAGES.contains(&uri.path()).then(|| match query {
        "" => format!("{HOME}/aws{}", uri.path()),
        query => format!("{HOME}/aws{}?{query}", uri.path()),
    })
}

/// Sends the browser elsewhere.
pub(crate) fn redirect(to: &str) -> Response<ResponseBody> {
    let mut response = Response::new(ResponseBody::empty());
    *response.status_mut() = StatusCode::FOUND;
    if let Ok(to) = HeaderValue::from_str(to) {
        response.headers_mut().insert(header::LOCATION, to);
    }
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Answers for a path behind [`HOME`]: a file, or the page, which knows its own addresses.
pub(crate) fn answer(method: &Method, path: &str, headers: &HeaderMap) -> Response<ResponseBody> {
    if method != Method::GET && method != Method::HEAD {
        return text(StatusCode::METHOD_NOT_ALLOWED, "text/plain", "the console is only read\n");
    }
    if path.is_empty() {
        return redirect(&format!("{HOME}/"));
    }
    let path = path.trim_start_matches('/');
    if files::FILES.is_empty() {
        return text(StatusCode::NOT_FOUND, "text/html; charset=utf-8", MISSING);
    }
    let found = |name: &str| files::FILES.iter().find(|(known, _)| *known == name);
    match found(path) {
        Some((name, bytes)) => file(name, bytes, headers),
        None if path.starts_with("assets/") => {
            text(StatusCode::NOT_FOUND, "text/plain", "there is no such file\n")
        }
        None => match found("index.html") {
            Some((name, bytes)) => file(name, bytes, headers),
            None => text(StatusCode::NOT_FOUND, "text/html; charset=utf-8", MISSING),
        },
    }
}

fn file(name: &str, compressed: &'static [u8], asked: &HeaderMap) -> Response<ResponseBody> {
    let takes_gzip = asked
        .get(header::ACCEPT_ENCODING)
        .and_then(|accepted| accepted.to_str().ok())
        .is_some_and(|accepted| accepted.contains("gzip"));
    let tag = format!("\"{}\"", hex::encode(&Sha256::digest(compressed)[..12]));
    let known = asked.get(header::IF_NONE_MATCH).and_then(|known| known.to_str().ok()).is_some_and(
        |known| known.split(',').any(|known| known.trim_start_matches("W/").trim() == tag),
    );
    let (status, body) = match (known, takes_gzip) {
        (true, _) => (StatusCode::NOT_MODIFIED, Cow::Borrowed(&b""[..])),
        (false, true) => (StatusCode::OK, Cow::Borrowed(compressed)),
        (false, false) => {
            let mut plain = Vec::new();
            // It is our own file; if it were damaged, the part that is not is still shown.
            let _ = GzDecoder::new(compressed).read_to_end(&mut plain);
            (StatusCode::OK, Cow::Owned(plain))
        }
    };
    let body = match body {
        Cow::Borrowed(bytes) => ResponseBody::from(bytes),
        Cow::Owned(bytes) => ResponseBody::from(bytes),
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    guard(headers);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type(name)));
    headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    let kept = match name.starts_with("assets/") {
        true => "public, max-age=31536000, immutable",
        false => "no-cache",
    };
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(kept));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(header::ETAG, tag);
    }
    if status == StatusCode::OK && takes_gzip {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

fn text(
    status: StatusCode,
    media_type: &'static str,
    text: &'static str,
) -> Response<ResponseBody> {
    let mut response = Response::new(ResponseBody::from(text));
    *response.status_mut() = status;
    guard(response.headers_mut());
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}

fn guard(headers: &mut HeaderMap) {
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert("cross-origin-opener-policy", HeaderValue::from_static("same-origin"));
}

fn media_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map_or("", |(_, ending)| ending) {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "json" => "application/json",
        "md" => "text/plain; charset=utf-8",
        "webmanifest" => "application/manifest+json",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent_to(uri: &str, accept: &str, authorization: Option<&str>) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, accept.parse().unwrap());
        if let Some(text) = authorization {
            headers.insert(header::AUTHORIZATION, text.parse().unwrap());
        }
        instead(&Method::GET, &uri.parse().unwrap(), &headers)
    }

    #[test]
    fn only_a_person_is_sent_to_the_console() {
        let browser = "text/html,application/xhtml+xml,*/*;q=0.8";
        assert_eq!(sent_to("/", browser, None).as_deref(), Some("/_stepwell/console/"));
        assert_eq!(
            sent_to("/states/home?region=eu-west-1", browser, None).as_deref(),
            Some("/_stepwell/console/aws/states/home?region=eu-west-1")
        );
        assert_eq!(sent_to("/", "*/*", None), None);
        assert_eq!(sent_to("/", browser, Some("AWS4-HMAC-SHA256 …")), None);
        assert_eq!(sent_to("/?Action=GetCallerIdentity&Version=2011-06-15", browser, None), None);
        assert_eq!(sent_to("/bucket/page.html", browser, None), None);
        assert_eq!(sent_to("/states/home?X-Amz-Signature=0", browser, None), None);
    }

    #[test]
    fn the_page_is_guarded_and_its_script_comes_from_here() {
        let response = answer(&Method::GET, "/state-machines", &HeaderMap::new());
        let policy = response.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.contains("script-src 'self';") && policy.contains("frame-ancestors 'none'"));
        assert_eq!(response.headers()[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
        assert_eq!(answer(&Method::POST, "/", &HeaderMap::new()).status(), 405);
    }

    #[test]
    fn what_the_browser_has_is_not_sent_again() {
        let Some((name, bytes)) = files::FILES.first() else { return };
        let first = file(name, bytes, &HeaderMap::new());
        assert!(!first.headers().contains_key(header::CONTENT_ENCODING));
        let mut asked = HeaderMap::new();
        asked.insert(header::IF_NONE_MATCH, first.headers()[header::ETAG].clone());
        asked.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        assert_eq!(file(name, bytes, &asked).status(), StatusCode::NOT_MODIFIED);
        asked.remove(header::IF_NONE_MATCH);
        assert_eq!(file(name, bytes, &asked).headers()[header::CONTENT_ENCODING], "gzip");
    }
}
