//! Bytes out, bytes in: one HTTP exchange over plain HTTP or TLS.

use std::error::Error;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;

use crate::Problem;

/// How long it may take until somebody listens.
const CONNECT: Duration = Duration::from_secs(10);

/// HTTP clients, one for each scheme; the system's trusted roots are read when `https` is first spoken.
pub struct HttpClient {
    plain: Client<HttpConnector, Full<Bytes>>,
    tls: OnceLock<Client<HttpsConnector<HttpConnector>, Full<Bytes>>>,
}

impl Default for HttpClient {
    fn default() -> HttpClient {
        HttpClient {
            plain: Client::builder(TokioExecutor::new()).build(connector()),
            tls: OnceLock::new(),
        }
    }
}

impl HttpClient {
    /// Sends a request and reads the whole answer.
    ///
    /// # Errors
    /// [`Problem::Unreachable`] when there is no answer within the time, [`Problem::TooLarge`] for one of
    /// more than `bytes_max`, [`Problem::Unsendable`] where this system trusts no certificates.
    pub async fn send(
        &self,
        request: Request<Bytes>,
        within: Duration,
        bytes_max: usize,
    ) -> Result<Response<Bytes>, Problem> {
        let request = request.map(Full::new);
        let exchange = async {
            let secure = request.uri().scheme_str() == Some("https");
            let answer = match secure {
                true => self.tls()?.request(request).await,
                false => self.plain.request(request).await,
            };
            let (parts, body) =
                answer.map_err(|error| Problem::Unreachable(chain(&error)))?.into_parts();
            let body = Limited::new(body, bytes_max).collect().await.map_err(|error| {
                match error.downcast_ref::<LengthLimitError>() {
                    Some(_) => Problem::TooLarge(bytes_max),
                    None => Problem::Unreachable(chain(&*error)),
                }
            })?;
            Ok(Response::from_parts(parts, body.to_bytes()))
        };
        tokio::time::timeout(within, exchange).await.unwrap_or_else(|_| {
            Err(Problem::Unreachable(format!("no answer within {} seconds", within.as_secs())))
        })
    }

    fn tls(&self) -> Result<&Client<HttpsConnector<HttpConnector>, Full<Bytes>>, Problem> {
        if let Some(client) = self.tls.get() {
            return Ok(client);
        }
        let config = tls_config().map_err(Problem::Unsendable)?;
        let mut http = connector();
        http.enforce_http(false);
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(config)
            .https_only()
            .enable_http1()
            .wrap_connector(http);
        Ok(self.tls.get_or_init(|| Client::builder(TokioExecutor::new()).build(connector)))
    }
}

impl std::fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HttpClient")
    }
}

fn connector() -> HttpConnector {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    connector.set_connect_timeout(Some(CONNECT));
    connector
}

fn tls_config() -> Result<rustls::ClientConfig, String> {
    let loaded = rustls_native_certs::load_native_certs();
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(loaded.certs);
    if roots.is_empty() {
        return Err(
            "this system trusts no certificates, so no https endpoint can be asked: install \
                    the package ca-certificates"
                .to_owned(),
        );
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// An error with its causes, since hyper's own text ("client error (Connect)") says nothing.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.ends_with(&next) {
            text = format!("{text}: {next}");
        }
        cause = error.source();
    }
    text
}
