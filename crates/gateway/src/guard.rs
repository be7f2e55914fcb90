//! Who may speak to us at all: no web page of a stranger, and no stranger's name that resolves to us.
//!
//! A page on the web can make a browser send requests to `http://127.0.0.1:4566`. It then bears the
//! page's `Origin`; or, by DNS rebinding, the page's own host name as `Host`. Both are refused.

use std::net::{IpAddr, SocketAddr};

use http::{HeaderMap, header};

use crate::GatewaySettings;

/// Why a request is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// The name is not ours.
    #[error(
        "the host `{0}` is not one this server answers for; add it to `allowed_hosts` in the configuration"
    )]
    Host(String),
    /// The page is not ours.
    #[error(
        "web pages of `{0}` may not call this server; add it to `allowed_origins` in the configuration"
    )]
    Origin(String),
    /// A link or a picture that would act.
    #[error("an operation in the address (`?Action=…`) is not taken from another web page")]
    Lured,
}

/// Checks the host a request names and the web origin it comes from.
pub(crate) fn check(
    host: Option<&str>,
    headers: &HeaderMap,
    listening: SocketAddr,
    settings: &GatewaySettings,
) -> Result<(), Refusal> {
    // Only programs leave the host out; browsers cannot.
    if let Some(host) = host
        && !host_is_allowed(name_of(host), listening.ip(), settings)
    {
        return Err(Refusal::Host(host.to_owned()));
    }
    let Some(origin) = headers.get(header::ORIGIN) else { return Ok(()) };
    let origin = origin.to_str().unwrap_or("?");
    if is_same_origin(origin, host) || origin_is_allowed(origin, settings) {
        Ok(())
    } else {
        Err(Refusal::Origin(origin.to_owned()))
    }
}

/// Checks an address that names an operation: a link or a picture in a stranger's page can hold one, and a
/// browser sends no `Origin` with those. It says where they come from by `Sec-Fetch-Site`.
pub(crate) fn check_address(headers: &HeaderMap, query: &str) -> Result<(), Refusal> {
    let acts = query.split('&').any(|part| part.starts_with("Action="));
    let site = headers.get("sec-fetch-site").and_then(|site| site.to_str().ok());
    match site {
        Some("cross-site" | "same-site") if acts && !headers.contains_key(header::ORIGIN) => {
            Err(Refusal::Lured)
        }
        _ => Ok(()),
    }
}

/// Whether a browser is about to show the answer as a page of this very origin, which is the console's:
/// a page among S3's objects must not act as the console can. A bucket's own host name is another origin.
pub(crate) fn shows_as_our_page(headers: &HeaderMap) -> bool {
    let shown = headers.get("sec-fetch-dest").is_some_and(|shown| shown != "empty");
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).map(name_of);
    shown && host.is_some_and(|host| !host.contains(".s3.") && !host.ends_with(".localhost"))
}

/// The origin whose page may read the answer, if the configuration lets it.
pub(crate) fn shared_with<'a>(
    headers: &'a HeaderMap,
    settings: &GatewaySettings,
) -> Option<&'a str> {
    let origin = headers.get(header::ORIGIN)?.to_str().ok()?;
    origin_is_allowed(origin, settings).then_some(origin)
}

/// A host without its port.
pub(crate) fn name_of(host: &str) -> &str {
    if let Some(rest) = host.strip_prefix('[') {
        return rest.split(']').next().unwrap_or(rest);
    }
    match host.rsplit_once(':') {
        Some((name, _)) if !name.contains(':') => name,
        _ => host,
    }
}

/// Whether a host is one of AWS's, for which we stand in.
pub(crate) fn is_aws(host: &str) -> bool {
    ["amazonaws.com", "amazonaws.com.cn", "api.aws"].iter().any(|aws| is_below(host, aws))
}

fn host_is_allowed(host: &str, listening: IpAddr, settings: &GatewaySettings) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    // boto3 puts `sync-` before whatever host it is given.
    let host = host.strip_prefix("sync-").unwrap_or(host);
    if let Ok(address) = host.parse::<IpAddr>() {
        // A number needs no name server, so nobody can make it point elsewhere.
        return address.is_loopback()
            || address == listening
            || listening.is_unspecified()
            || is_listed(host, &settings.allowed_hosts);
    }
    is_below(host, "localhost") || is_aws(host) || is_listed(host, &settings.allowed_hosts)
}

fn is_listed(host: &str, allowed: &[String]) -> bool {
    allowed.iter().any(|entry| match entry.strip_prefix("*.") {
        Some(parent) => is_below(host, parent),
        None => entry == "*" || entry.eq_ignore_ascii_case(host),
    })
}

fn is_below(host: &str, parent: &str) -> bool {
    let Some(start) = host.len().checked_sub(parent.len()) else { return false };
    let (Some(head), Some(tail)) = (host.get(..start), host.get(start..)) else { return false };
    tail.eq_ignore_ascii_case(parent) && (head.is_empty() || head.ends_with('.'))
}

fn is_same_origin(origin: &str, host: Option<&str>) -> bool {
    let authority = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    authority.is_some() && authority == host
}

fn origin_is_allowed(origin: &str, settings: &GatewaySettings) -> bool {
    settings.allowed_origins.iter().any(|entry| entry == "*" || entry.eq_ignore_ascii_case(origin))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(host: &str, origin: &str) -> Result<(), Refusal> {
        let settings = GatewaySettings {
            allowed_origins: vec!["https://console.example.org".into()],
            allowed_hosts: vec!["stepwell.internal".into(), "*.lab.example.org".into()],
            ..GatewaySettings::default()
        };
        let mut headers = HeaderMap::new();
        if !origin.is_empty() {
            headers.insert(header::ORIGIN, origin.parse().expect("a header"));
        }
        check(Some(host), &headers, "127.0.0.1:4566".parse().expect("an address"), &settings)
    }

    #[test]
    fn our_own_names_and_awss_are_answered() {
        for host in [
            "127.0.0.1:4566",
            "sync-127.0.0.1:4566",
            "localhost",
            "LOCALHOST:4566",
            "bucket.s3.localhost:4566",
            "[::1]:4566",
            "sts.us-east-1.amazonaws.com",
            "sync-states.eu-west-1.amazonaws.com",
            "bucket.s3.cn-north-1.amazonaws.com.cn",
            "stepwell.internal:80",
            "a.lab.example.org",
        ] {
            assert_eq!(verdict(host, ""), Ok(()), "{host}");
        }
    }

    #[test]
    fn an_address_that_acts_is_not_taken_from_a_strangers_page() {
        let headers = |site: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert("sec-fetch-site", http::HeaderValue::from_static(site));
            headers
        };
        let acts = "Action=CreateUser&Version=2010-05-08&UserName=x";
        for site in ["cross-site", "same-site"] {
            assert_eq!(check_address(&headers(site), acts), Err(Refusal::Lured), "{site}");
            assert_eq!(check_address(&headers(site), "X-Amz-Signature=0"), Ok(()), "{site}");
        }
        for site in ["same-origin", "none"] {
            assert_eq!(check_address(&headers(site), acts), Ok(()), "{site}");
        }
        assert_eq!(check_address(&HeaderMap::new(), acts), Ok(()));
    }

    #[test]
    fn pages_among_objects_are_known_by_where_they_are_shown() {
        let shown = |host: &'static str, dest: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, http::HeaderValue::from_static(host));
            headers.insert("sec-fetch-dest", http::HeaderValue::from_static(dest));
            shows_as_our_page(&headers)
        };
        assert!(shown("127.0.0.1:4566", "document"));
        assert!(shown("localhost:4566", "iframe"));
        assert!(!shown("127.0.0.1:4566", "empty"), "a script asks, nothing is shown");
        assert!(!shown("bucket.s3.localhost:4566", "document"));
        assert!(!shows_as_our_page(&HeaderMap::new()));
    }

    #[test]
    fn strangers_are_refused() {
        for host in
            ["evil.example", "notlocalhost", "amazonaws.com.evil.example", "10.0.0.1", "", "ü"]
        {
            assert_eq!(verdict(host, ""), Err(Refusal::Host(host.into())), "{host}");
        }
        for origin in ["https://evil.example", "null", "http://localhost:3000", "http://127.0.0.1"]
        {
            let refused = verdict("127.0.0.1:4566", origin);
            assert_eq!(refused, Err(Refusal::Origin(origin.into())), "{origin}");
        }
        for origin in ["http://127.0.0.1:4566", "https://console.example.org"] {
            assert_eq!(verdict("127.0.0.1:4566", origin), Ok(()), "{origin}");
        }
    }
}
