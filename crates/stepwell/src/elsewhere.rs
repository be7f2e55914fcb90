//! Which services answer elsewhere, and with which credentials they are asked.

use anyhow::Context as _;
use remote::{Credentials, Endpoint};
use services::elsewhere::Elsewhere;

use crate::config::Config;

/// What the configuration says of services elsewhere.
///
/// # Errors
/// A service that is none, or whose tasks cannot be sent elsewhere; a URL that is none.
pub fn elsewhere(config: &Config) -> anyhow::Result<Elsewhere> {
    let credentials = credentials(|name| std::env::var(name).ok());
    let mut elsewhere = Elsewhere::default().with_connections(config.connections.clone());
    for (service, url) in &config.service_endpoints {
        let context = || format!("the service endpoint `{service}={url}`");
        let endpoint = Endpoint::new(url, credentials.clone())
            .map_err(|why| anyhow::anyhow!(why))
            .with_context(context)?;
        elsewhere = elsewhere
            .with_endpoint(service, endpoint)
            .map_err(|why| anyhow::anyhow!(why))
            .with_context(context)?;
    }
    Ok(elsewhere)
}

/// Splits `SERVICE=URL`.
///
/// # Errors
/// What is wrong with it.
pub fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((service, url)) if !service.is_empty() && !url.is_empty() => {
            Ok((service.to_owned(), url.to_owned()))
        }
        _ => Err("say SERVICE=URL, e.g. lambda=http://127.0.0.1:3001".to_owned()),
    }
}

/// Those of the environment. Without any, requests are signed with the account's number as key, which is how
/// emulators tell accounts apart.
fn credentials(variable: impl Fn(&str) -> Option<String>) -> Option<Credentials> {
    let variable = |name| variable(name).filter(|value| !value.is_empty());
    Some(Credentials {
        access_key: variable("AWS_ACCESS_KEY_ID")?,
        secret_key: variable("AWS_SECRET_ACCESS_KEY")?,
        session_token: variable("AWS_SESSION_TOKEN"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_is_service_and_url() {
        let expected = ("lambda".to_owned(), "http://h/?a=b".to_owned());
        assert_eq!(pair("lambda=http://h/?a=b"), Ok(expected));
        for wrong in ["lambda", "=http://h", "lambda="] {
            assert!(pair(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn credentials_are_whole_or_none() {
        let of = |set: &'static [(&str, &str)]| {
            credentials(|name| {
                set.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
            })
        };
        assert_eq!(of(&[("AWS_ACCESS_KEY_ID", "a")]), None);
        assert_eq!(of(&[("AWS_ACCESS_KEY_ID", ""), ("AWS_SECRET_ACCESS_KEY", "s")]), None);
        let found = of(&[("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "s")]);
        assert_eq!(found.map(|found| found.session_token), Some(None));
    }
}
