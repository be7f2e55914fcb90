//! One client: a keep-alive HTTP/1.1 connection, opened again when the server closes it. Thinner than the
//! SDK's client, so that the generator takes less of the machine that it shares with the server.

use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use bytes::Bytes;
use http::{HeaderValue, Request};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use stepwell_sdk::client::{Credentials, Signer};

/// An answer later than this is none.
const PATIENCE: Duration = Duration::from_secs(60);

/// Which server is asked, and whose keys sign.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// `HOST:PORT`.
    pub address: String,
    pub credentials: Credentials,
    /// What comes with keys that end.
    pub session_token: Option<String>,
}

pub(crate) struct Connection {
    address: String,
    session_token: Option<String>,
    sender: Option<SendRequest<Full<Bytes>>>,
    signer: Signer,
    /// A second, and how SigV4 writes it.
    stamp: (u64, String),
}

impl Connection {
    /// The server is connected to with the first request.
    pub fn new(target: &Target) -> Connection {
        let Target { address, credentials, session_token } = target.clone();
        let signer = Signer::new(credentials, "us-east-1", "states");
        Connection { address, session_token, sender: None, signer, stamp: Default::default() }
    }

    /// Calls an operation of Step Functions; the answer's status and body.
    pub async fn call(
        &mut self,
        operation: &str,
        body: impl Into<Bytes>,
    ) -> anyhow::Result<(u16, Bytes)> {
        let body = body.into();
        let asked = tokio::time::timeout(PATIENCE, self.exchange(operation, body)).await;
        match asked.context("no answer in 60 s").and_then(|answer| answer) {
            Ok(answer) => Ok(answer),
            Err(error) => {
                self.sender = None;
                Err(error)
            }
        }
    }

    /// As [`Connection::call`]; an answer that is no success is an error.
    pub async fn ask(&mut self, operation: &str, body: &Value) -> anyhow::Result<Value> {
        let (status, answer) = self.call(operation, body.to_string()).await?;
        let shown = || String::from_utf8_lossy(&answer[..answer.len().min(300)]);
        anyhow::ensure!(status == 200, "{operation} was answered with {status}: {}", shown());
        Ok(serde_json::from_slice(&answer)?)
    }

    async fn exchange(&mut self, operation: &str, body: Bytes) -> anyhow::Result<(u16, Bytes)> {
        if self.sender.as_ref().is_none_or(SendRequest::is_closed) {
            self.sender = Some(connect(&self.address).await?);
        }
        let request = self.signed(operation, body)?;
        let sender = self.sender.as_mut().context("connected above")?;
        sender.ready().await?;
        let (head, body) = sender.send_request(request).await?.into_parts();
        Ok((head.status.as_u16(), body.collect().await?.to_bytes()))
    }

    fn signed(&mut self, operation: &str, body: Bytes) -> anyhow::Result<Request<Full<Bytes>>> {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs();
        if self.stamp.0 != now {
            let time = jiff::Timestamp::from_second(now as i64)?;
            self.stamp = (now, time.strftime("%Y%m%dT%H%M%SZ").to_string());
        }
        let date = &self.stamp.1;
        let operation = format!("AWSStepFunctions.{operation}");
        let token = self.session_token.as_deref().map(|token| ("x-amz-security-token", token));
        let headers: Vec<(String, String)> = [
            ("content-type", "application/x-amz-json-1.0"),
            ("host", &self.address),
            ("x-amz-date", date),
        ]
        .into_iter()
        .chain(token)
        .chain([("x-amz-target", operation.as_str())])
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
        let authorization = self.signer.authorization("POST", "/", &headers, &body, date);
        let mut request = Request::post("/").header("authorization", authorization);
        for (name, value) in headers {
            request = request.header(name, HeaderValue::try_from(value)?);
        }
        Ok(request.body(Full::new(body))?)
    }
}

async fn connect(address: &str) -> anyhow::Result<SendRequest<Full<Bytes>>> {
    let stream = tokio::net::TcpStream::connect(address)
        .await
        .with_context(|| format!("cannot connect to {address}"))?;
    stream.set_nodelay(true)?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await?;
    tokio::spawn(async move {
        // How it ends, whoever waits for an answer hears.
        let _ = connection.await;
    });
    Ok(sender)
}
