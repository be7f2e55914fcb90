//! Where a service answers, and as whom it is asked.

use http::Uri;

/// A service's endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    url: Uri,
    credentials: Option<Credentials>,
}

/// What requests are signed with.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The access key's id.
    pub access_key: String,
    /// Its secret.
    pub secret_key: String,
    /// The session's token, if it is a session's.
    pub session_token: Option<String>,
}

impl Endpoint {
    /// An endpoint by its URL; without credentials requests are signed with the caller's account number as key.
    ///
    /// # Errors
    /// What is wrong with the URL.
    pub fn new(url: &str, credentials: Option<Credentials>) -> Result<Endpoint, String> {
        let wrong = |why: &str| format!("`{url}` {why}: say http://HOST:PORT or https://HOST");
        let url: Uri = url.parse().map_err(|_| wrong("is no URL"))?;
        if !matches!(url.scheme_str(), Some("http" | "https")) || url.host().is_none() {
            return Err(wrong("is no http or https URL"));
        }
        if url.query().is_some() {
            return Err(wrong("has a query"));
        }
        Ok(Endpoint { url, credentials })
    }

    /// The URL of something there, by its path and query.
    pub fn url(&self, path: &str) -> String {
        let (scheme, authority, base) = self.base();
        let slash = if path.starts_with('/') { "" } else { "/" };
        format!("{scheme}://{authority}{base}{slash}{path}")
    }

    /// `http://HOST:PORT` with the path that precedes every other, without a slash at its end.
    pub(crate) fn base(&self) -> (&str, &str, &str) {
        let scheme = self.url.scheme_str().unwrap_or("http");
        let authority = self.url.authority().map_or("", http::uri::Authority::as_str);
        (scheme, authority, self.url.path().trim_end_matches('/'))
    }

    pub(crate) fn credentials(&self, account: &str) -> Credentials {
        self.credentials.clone().unwrap_or_else(|| Credentials {
            access_key: account.to_owned(),
            secret_key: "stepwell".to_owned(),
            session_token: None,
        })
    }
}

impl std::fmt::Display for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.url)
    }
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("access_key", &self.access_key).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_http_and_has_a_host() {
        let endpoint = Endpoint::new("http://127.0.0.1:3001/base/", None).expect("is one");
        assert_eq!(endpoint.base(), ("http", "127.0.0.1:3001", "/base"));
        assert_eq!(endpoint.url("/a?b=c"), "http://127.0.0.1:3001/base/a?b=c");
        assert_eq!(endpoint.url("?b=c"), "http://127.0.0.1:3001/base/?b=c");
        for wrong in ["", "127.0.0.1:3001", "ftp://host", "http://", "http://host/?a=b"] {
            assert!(Endpoint::new(wrong, None).is_err(), "{wrong}");
        }
    }

    #[test]
    fn secrets_are_not_shown() {
        let secret = Credentials {
            access_key: "AKIDEXAMPLE".to_owned(),
            secret_key: "hidden".to_owned(),
            session_token: Some("hidden".to_owned()),
        };
        assert!(!format!("{secret:?}").contains("hidden"));
    }
}
