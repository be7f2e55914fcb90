//! Bytes out, bytes in: one HTTP exchange, and the rules by which it is repeated.

use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
use hyper::body::{Body, Frame, SizeHint};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use tokio::io::{AsyncRead, ReadBuf};

use super::clock;
use super::config::{Config, ConfigError};

pub(crate) type RequestBody = UnsyncBoxBody<Bytes, std::io::Error>;
pub(crate) type Response = http::Response<Bytes>;

/// What is sent: kept so that it can be sent again.
#[derive(Debug, Clone)]
pub(crate) enum Payload {
    Bytes(Bytes),
    /// A file, read anew for every attempt, and the SHA-256 of its bytes in hex.
    File {
        path: std::path::PathBuf,
        length: u64,
        sha256: String,
    },
}

impl Payload {
    async fn body(&self) -> std::io::Result<RequestBody> {
        Ok(match self {
            Payload::Bytes(bytes) => {
                Full::new(bytes.clone()).map_err(|never| match never {}).boxed_unsync()
            }
            Payload::File { path, length, .. } => {
                FileBody { file: tokio::fs::File::open(path).await?, remaining: *length }
                    .boxed_unsync()
            }
        })
    }
}

/// HTTP clients, one for each scheme; the trusted roots are read when `https` is first spoken.
pub(crate) struct Transport {
    plain: Client<HttpConnector, RequestBody>,
    tls: OnceLock<Client<HttpsConnector<HttpConnector>, RequestBody>>,
}

/// Why an exchange brought no answer.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It may be tried again.
    Broken(String),
    /// It can not: the configuration or a file is at fault.
    Config(ConfigError),
    File(std::io::Error),
}

impl Transport {
    pub fn new() -> Transport {
        Transport {
            plain: Client::builder(TokioExecutor::new()).build(connector()),
            tls: OnceLock::new(),
        }
    }

    /// One exchange, without repetition.
    pub async fn exchange(
        &self,
        head: http::request::Builder,
        payload: &Payload,
        config: &Config,
    ) -> Result<Response, Failure> {
        let request = head
            .body(payload.body().await.map_err(Failure::File)?)
            .map_err(|error| Failure::Broken(error.to_string()))?;
        let secure = request.uri().scheme_str() == Some("https");
        let exchange = async {
            let answer = match secure {
                true => self.tls(config)?.request(request).await,
                false => self.plain.request(request).await,
            };
            let (parts, body) =
                answer.map_err(|error| Failure::Broken(chain(&error)))?.into_parts();
            let bytes =
                body.collect().await.map_err(|error| Failure::Broken(chain(&error)))?.to_bytes();
            Ok(Response::from_parts(parts, bytes))
        };
        match payload {
            // A large upload takes the time it takes.
            Payload::File { .. } => exchange.await,
            Payload::Bytes(_) => {
                tokio::time::timeout(config.timeout, exchange).await.unwrap_or_else(|_| {
                    Err(Failure::Broken(format!("no answer within {:?}", config.timeout)))
                })
            }
        }
    }

    fn tls(
        &self,
        config: &Config,
    ) -> Result<&Client<HttpsConnector<HttpConnector>, RequestBody>, Failure> {
        if let Some(client) = self.tls.get() {
            return Ok(client);
        }
        let tls = tls_config(config).map_err(Failure::Config)?;
        let mut http = connector();
        http.enforce_http(false);
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_only()
            .enable_http1()
            .wrap_connector(http);
        Ok(self.tls.get_or_init(|| Client::builder(TokioExecutor::new()).build(connector)))
    }
}

fn connector() -> HttpConnector {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    connector.set_connect_timeout(Some(Duration::from_secs(10)));
    connector
}

fn tls_config(config: &Config) -> Result<rustls::ClientConfig, ConfigError> {
    let path = config.ca_bundle.clone();
    let refuse = |reason: String| ConfigError::Certificates { path: path.clone(), reason };
    let loaded = match &path {
        Some(file) => rustls_native_certs::load_certs_from_paths(Some(file), None),
        None => rustls_native_certs::load_native_certs(),
    };
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(loaded.certs);
    if roots.is_empty() {
        let reason = loaded.errors.first().map(ToString::to_string);
        return Err(refuse(reason.unwrap_or_else(|| "there are none on this system".to_owned())));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| refuse(error.to_string()))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// An error with its causes, since hyper's own text ("client error (Connect)") says nothing.
fn chain(error: &dyn std::error::Error) -> String {
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

/// Whether an answer asks to be asked again.
pub(crate) fn is_passing(status: u16, code: &str) -> bool {
    const PASSING: [&str; 19] = [
        "BandwidthLimitExceeded",
        "EC2ThrottledException",
        "InternalError",
        "KmsThrottlingException",
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "RequestTimeout",
        "RequestTimeoutException",
        "ServiceUnavailable",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "TransactionInProgressException",
        "OperationAborted",
    ];
    matches!(status, 429 | 500 | 502 | 503 | 504) || PASSING.contains(&code)
}

/// How long to wait before attempt `attempt` (the first repetition is 1): doubling, a random half of it off.
pub(crate) fn pause(attempt: u32, backoff: Duration) -> Duration {
    let full =
        backoff.saturating_mul(1 << attempt.saturating_sub(1).min(16)).min(Duration::from_secs(20));
    let dice = f64::from(clock::now().subsec_nanos() % 1_000) / 1_000.0;
    full.mul_f64(0.5 + dice / 2.0)
}

/// A file as a request's body, never in memory as a whole.
struct FileBody {
    file: tokio::fs::File,
    remaining: u64,
}

impl Body for FileBody {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context,
    ) -> Poll<Option<std::io::Result<Frame<Bytes>>>> {
        if self.remaining == 0 {
            return Poll::Ready(None);
        }
        let size = usize::try_from(self.remaining).unwrap_or(usize::MAX).min(128 * 1024);
        let mut chunk = vec![0; size];
        let mut buffer = ReadBuf::new(&mut chunk);
        ready!(Pin::new(&mut self.file).poll_read(context, &mut buffer))?;
        let read = buffer.filled().len();
        if read == 0 {
            let error = std::io::Error::new(
                std::io::ErrorKind::UnexpectedEof,
                "the file became shorter while it was sent",
            );
            return Poll::Ready(Some(Err(error)));
        }
        chunk.truncate(read);
        self.remaining -= read as u64;
        Poll::Ready(Some(Ok(Frame::data(chunk.into()))))
    }

    fn is_end_stream(&self) -> bool {
        self.remaining == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.remaining)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_limit() {
        for (attempt, least, most) in
            [(1, 50, 100), (2, 100, 200), (4, 400, 800), (30, 10_000, 20_000)]
        {
            let pause = pause(attempt, Duration::from_millis(100)).as_millis();
            assert!((least..=most).contains(&pause), "attempt {attempt}: {pause} ms");
        }
    }
}
