//! Sends documents to somebody's HTTP endpoint, again while it cannot take them.

use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use http::Uri;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

/// Where to.
pub(super) struct Post {
    to: Uri,
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

const ATTEMPTS: u32 = 5;
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const PATIENCE: Duration = Duration::from_secs(10);
/// More of an answer is not read.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

impl Post {
    /// # Errors
    /// The address is none, or there are no roots to trust.
    pub fn to(address: &str) -> anyhow::Result<Post> {
        let to: Uri = address.parse().with_context(|| format!("`{address}` is no URL"))?;
        anyhow::ensure!(
            matches!(to.scheme_str(), Some("http" | "https")),
            "`{address}` does not begin with http:// or https://"
        );
        let provider = rustls::crypto::ring::default_provider();
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_native_roots(provider)
            .context("cannot read the system's certificates")?
            .https_or_http()
            .enable_http1()
            .build();
        Ok(Post { to, client: Client::builder(TokioExecutor::new()).build(connector) })
    }

    /// Sends a JSON document until it is taken, a few times.
    ///
    /// # Errors
    /// How the last attempt failed.
    pub async fn send(&self, document: String) -> anyhow::Result<()> {
        let (document, mut pause) = (Bytes::from(document), FIRST_PAUSE);
        for attempt in 1.. {
            let sent = tokio::time::timeout(PATIENCE, self.attempt(document.clone())).await;
            match sent.context("no answer in time").and_then(|sent| sent) {
                Ok(()) => return Ok(()),
                Err(error) if attempt == ATTEMPTS => return Err(error),
                Err(_) => {
                    tokio::time::sleep(pause).await;
                    pause *= 2;
                }
            }
        }
        Ok(())
    }

    async fn attempt(&self, document: Bytes) -> anyhow::Result<()> {
        let request = http::Request::post(self.to.clone())
            .header("content-type", "application/json")
            .body(Full::new(document))?;
        let (head, body) = self.client.request(request).await?.into_parts();
        // Read to its end, so that the connection can be used again.
        let _ = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
        anyhow::ensure!(head.status.is_success(), "it answers with {}", head.status);
        Ok(())
    }
}
