//! The canonical form of a request: what is signed.

use std::borrow::Cow;

use http::{HeaderMap, Method};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};

use super::{Claim, Fault};

/// A request without its body.
#[derive(Clone, Copy)]
pub(crate) struct Head<'a> {
    pub method: &'a Method,
    /// As it was sent.
    pub path: &'a str,
    /// As it was sent.
    pub query: &'a str,
    pub headers: &'a HeaderMap,
}

const RESERVED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
const RESERVED_IN_PATH: AsciiSet = RESERVED.remove(b'/');

/// The canonical request without its last line, the hash of the body. S3's are two, for clients that send
/// their paths otherwise than they sign them.
///
/// # Errors
/// Headers that must be signed and are not, or are signed and not there.
pub(super) fn requests(head: &Head<'_>, claim: &Claim<'_>) -> Result<Vec<String>, Fault> {
    let signed = claim.signed_headers();
    let query = query(head.query);
    // What comes behind the path is the same in both.
    let mut rest = String::with_capacity(512);
    for part in ["\n", &query, "\n"] {
        rest.push_str(part);
    }
    add_headers(&mut rest, head.headers, &signed)?;
    rest.push('\n');
    for (place, name) in signed.iter().enumerate() {
        rest.push_str(if place > 0 { ";" } else { "" });
        rest.push_str(name);
    }
    let whole = |path: &str| [head.method.as_str(), "\n", path, &rest].concat();
    if claim.service() == "s3" {
        let again = percent_decode_str(head.path).collect::<Vec<u8>>();
        let again = percent_encode(&again, &RESERVED_IN_PATH).to_string();
        let mut both = vec![whole(head.path)];
        if again != head.path {
            both.push(whole(&again));
        }
        return Ok(both);
    }
    // Every service but S3 signs the path without dots and encoded a second time.
    let path = without_dots(head.path);
    let path: Cow<str> = percent_encode(path.as_bytes(), &RESERVED_IN_PATH).into();
    Ok(vec![whole(&path)])
}

fn query(query: &str) -> String {
    let encode = |text: &str| {
        let text: Vec<u8> = percent_decode_str(text).collect();
        percent_encode(&text, &RESERVED).to_string()
    };
    let mut pairs: Vec<(String, String)> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .filter(|(name, _)| *name != "X-Amz-Signature")
        .map(|(name, value)| (encode(name), encode(value)))
        .collect();
    pairs.sort();
    let pairs: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join("&")
}

/// A line for each signed header: its values without spaces that mean nothing.
fn add_headers(lines: &mut String, headers: &HeaderMap, signed: &[&str]) -> Result<(), Fault> {
    let is_signed = |name: &str| signed.contains(&name);
    if !is_signed("host") {
        return Err(Fault::Incomplete(
            "'Host' must be a 'SignedHeader' in the AWS Authorization.".to_owned(),
        ));
    }
    // What AWS's services act on must not be put in by somebody on the way.
    let unsigned: Vec<&str> = headers
        .keys()
        .map(http::HeaderName::as_str)
        .filter(|name| name.starts_with("x-amz-") && !is_signed(name))
        .collect();
    if !unsigned.is_empty() {
        return Err(Fault::HeadersNotSigned(unsigned.join(", ")));
    }
    for name in signed {
        lines.push_str(name);
        let mut between = ':';
        for value in headers.get_all(*name) {
            lines.push(between);
            between = ',';
            let text = String::from_utf8_lossy(value.as_bytes());
            for (place, word) in text.split_ascii_whitespace().enumerate() {
                lines.push_str(if place > 0 { " " } else { "" });
                lines.push_str(word);
            }
        }
        // One that is not there is as one that is empty.
        if between == ':' {
            lines.push(':');
        }
        lines.push('\n');
    }
    Ok(())
}

/// A path without empty, `.` and `..` segments.
fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                kept.pop();
            }
            other => kept.push(other),
        }
    }
    let end = if path.ends_with('/') && !kept.is_empty() { "/" } else { "" };
    format!("/{}{end}", kept.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_queries_have_one_form() {
        for (path, plain) in [
            ("/", "/"),
            ("", "/"),
            ("//a//b", "/a/b"),
            ("/a/./b/../c/", "/a/c/"),
            ("/endpoints/a%20b/invocations", "/endpoints/a%20b/invocations"),
        ] {
            assert_eq!(without_dots(path), plain);
        }
        assert_eq!(query("b=2&a=x%2fy&a=&X-Amz-Signature=00&acl"), "a=&a=x%2Fy&acl=&b=2");
    }
}
