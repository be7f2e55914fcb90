//! A door that answers as told, a clock that stands still, and a server in front of them.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use asl::{Moment, Timestamp};
use bytes::Bytes;
use futures::StreamExt;
use futures::future::BoxFuture;
use gateway::tls::Authority;
use gateway::{Door, Gateway, GatewaySettings, ObjectDoor, Objects, ResponseBody};
use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::{Value, json};
use services::audit::Wire;
use services::stepfunctions::graph::Drawing;
use services::{Caller, Clock, Error, Input, Output};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// What the door shall answer next, and what it was asked last.
#[derive(Default)]
pub struct Script {
    pub answer: Mutex<Value>,
    pub call: Mutex<Option<Value>>,
}

impl Door for Script {
    fn call<'a>(
        &'a self,
        caller: &'a Caller,
        service: &'a str,
        operation: &'a str,
        input: Input,
    ) -> BoxFuture<'a, Result<Output, Error>> {
        Box::pin(async move {
            if !self.serves(service, operation) {
                return Err(Error::unknown_operation(service, operation));
            }
            let mut call = json!({
                "service": service,
                "operation": operation,
                "account": caller.account,
                "region": caller.region,
                "members": input.members,
            });
            if let Some(body) = input.body {
                let parts: Vec<_> = body.collect().await;
                let whole: Result<Vec<Bytes>, _> = parts.into_iter().collect();
                let whole = whole.map_err(|error| Error::internal(error.to_string()))?;
                call["body"] = String::from_utf8_lossy(&whole.concat()).into();
            }
            *self.call.lock().unwrap() = Some(call);
            let answer = self.answer.lock().unwrap().clone();
            let by_operation = answer.get("by_operation").map(|answers| answers[operation].clone());
            answered(by_operation.unwrap_or(answer))
        })
    }

    fn serves(&self, service: &str, _: &str) -> bool {
        service != "glue"
    }

    fn changes<'a>(
        &'a self,
        _: &'a Caller,
        _: &'a Wire,
    ) -> BoxFuture<'a, Result<services::changes::Subscription, Error>> {
        Box::pin(async {
            Err(Error::new("AccessDeniedException", "the script tells of no changes"))
        })
    }

    fn draw<'a>(
        &'a self,
        caller: &'a Caller,
        input: Input,
    ) -> BoxFuture<'a, Result<Drawing, Error>> {
        Box::pin(async move {
            *self.call.lock().unwrap() =
                Some(json!({ "region": caller.region, "asked": input.members }));
            let text = answered(self.answer.lock().unwrap().clone())?.members.to_string();
            Ok(Drawing { content_type: "application/json", text })
        })
    }

    fn denials<'a>(
        &'a self,
        caller: &'a Caller,
        input: Input,
    ) -> BoxFuture<'a, Result<Value, Error>> {
        Box::pin(async move {
            *self.call.lock().unwrap() =
                Some(json!({ "region": caller.region, "asked": input.members }));
            Ok(answered(self.answer.lock().unwrap().clone())?.members)
        })
    }

    fn services(&self) -> Vec<&'static str> {
        vec!["stepfunctions", "sagemaker"]
    }
}

/// `{"members": …, "body": "text"}`, `{"error": {code, message, status?, members?}}` or `"panic"`;
/// `{"by_operation": {NAME: …}}` has one for each operation.
fn answered(answer: Value) -> Result<Output, Error> {
    if answer == "panic" {
        panic!("as the script says");
    }
    if let Some(error) = answer.get("error") {
        let text = |name: &str| error[name].as_str().unwrap_or_default().to_owned();
        let mut failed = Error::new(text("code"), text("message"));
        failed.status = error["status"].as_u64().unwrap_or(400) as u16;
        failed.members = error["members"].as_object().cloned().unwrap_or_default();
        return Err(failed);
    }
    let chunks = |text: &str| -> Vec<std::io::Result<Bytes>> {
        text.as_bytes().chunks(3).map(|chunk| Ok(Bytes::copy_from_slice(chunk))).collect()
    };
    let body = answer["body"].as_str().map(|text| futures::stream::iter(chunks(text)).boxed());
    Ok(Output { members: answer["members"].clone(), body })
}

/// Tells what S3 was asked.
pub struct EchoObjects;

impl ObjectDoor for EchoObjects {
    fn answer(
        &self,
        request: Request<Incoming>,
        caller: Caller,
        request_id: String,
    ) -> BoxFuture<'static, Response<ResponseBody>> {
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
            let host = parts.headers.get("host").and_then(|host| host.to_str().ok()).unwrap_or("");
            // As XML: boto3 takes any other body of a PutObject for an error.
            let text = format!(
                "<Echo>{} {} host={host} body={} region={} id={request_id}</Echo>",
                parts.method,
                parts.uri,
                body.len(),
                caller.region
            );
            let mut response = Response::new(ResponseBody::from(text));
            response.headers_mut().insert("etag", "\"echo\"".parse().unwrap());
            response
        })
    }
}

/// A clock that stands still.
pub struct Still;

impl Clock for Still {
    fn moment(&self) -> Moment {
        Moment { now: Timestamp(1_700_000_000_000), seed: 7 }
    }
}

/// A clock as good as the binary's, for clients that look at certificates' dates.
pub struct LivingClock;

impl Clock for LivingClock {
    #[expect(clippy::disallowed_methods, reason = "real clients have real clocks")]
    fn moment(&self) -> Moment {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        Moment { now: Timestamp(now.as_millis() as i64), seed: now.subsec_nanos().into() }
    }
}

/// A server on a free port.
pub struct Server {
    pub address: SocketAddr,
    pub script: Arc<Script>,
    pub data: tempfile::TempDir,
    stop: Option<oneshot::Sender<()>>,
    serving: JoinHandle<std::io::Result<()>>,
}

impl Server {
    pub async fn start() -> Server {
        Server::start_with(Still).await
    }

    pub async fn start_with(clock: impl Clock) -> Server {
        Server::start_before(clock, |_, _| Arc::new(EchoObjects)).await
    }

    /// With S3 as it is, in front of the script.
    pub async fn start_with_objects() -> Server {
        Server::start_before(Still, |door, clock| Arc::new(Objects::new(door, clock))).await
    }

    async fn start_before(
        clock: impl Clock,
        objects: impl FnOnce(Arc<dyn Door>, Arc<dyn Clock>) -> Arc<dyn ObjectDoor>,
    ) -> Server {
        let settings = GatewaySettings {
            allowed_origins: vec!["https://console.example.org".into()],
            body_bytes_max: 4096,
            shutdown_seconds: 2,
            ..GatewaySettings::default()
        };
        let script = Arc::new(Script::default());
        let door: Arc<dyn Door> = Arc::clone(&script) as _;
        let data = tempfile::tempdir().unwrap();
        let authority = Authority::open(&data.path().join("tls"), clock.moment().now).unwrap();
        let clock: Arc<dyn Clock> = Arc::new(clock);
        let objects = objects(Arc::clone(&door), Arc::clone(&clock));
        let gateway = Gateway::new(door, clock, settings)
            .with_objects(objects)
            .with_authority(Arc::new(authority));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let shutdown = async move {
            let _ = stopped.await;
        };
        let serving = tokio::spawn(gateway::serve(listener, Arc::new(gateway), shutdown));
        Server { address, script, data, stop: Some(stop), serving }
    }

    pub fn bundle(&self) -> PathBuf {
        self.data.path().join("tls/bundle.pem")
    }

    pub fn answer_with(&self, answer: Value) {
        *self.script.answer.lock().unwrap() = answer;
    }

    pub fn take_call(&self) -> Option<Value> {
        self.script.call.lock().unwrap().take()
    }

    pub async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Asks to stop and waits for the end.
    pub async fn stop(mut self) {
        let _ = self.stop.take().map(|stop| stop.send(()));
        self.serving.await.unwrap().unwrap();
    }
}

/// Sends a request and reads one response: its head, and its body with any chunking undone.
pub async fn exchange<S>(stream: &mut S, request: &[u8]) -> (String, Vec<u8>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    stream.write_all(request).await.unwrap();
    receive(stream).await
}

/// Reads one response.
pub async fn receive<S: AsyncRead + Unpin>(stream: &mut S) -> (String, Vec<u8>) {
    let head = read_until(stream, b"\r\n\r\n").await;
    let head = String::from_utf8(head).unwrap();
    let header = |name: &str| {
        head.lines().find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then(|| value.to_owned())
        })
    };
    let mut body = Vec::new();
    if header("transfer-encoding").is_some() {
        loop {
            let size = read_until(stream, b"\r\n").await;
            let size = usize::from_str_radix(String::from_utf8(size).unwrap().trim(), 16).unwrap();
            let mut chunk = vec![0; size + 2];
            stream.read_exact(&mut chunk).await.unwrap();
            if size == 0 {
                break;
            }
            body.extend_from_slice(&chunk[..size]);
        }
    } else if let Some(length) = header("content-length") {
        body = vec![0; length.parse().unwrap()];
        stream.read_exact(&mut body).await.unwrap();
    }
    (head, body)
}

async fn read_until<S: AsyncRead + Unpin>(stream: &mut S, end: &[u8]) -> Vec<u8> {
    let mut read = Vec::new();
    while !read.ends_with(end) {
        match stream.read_u8().await {
            Ok(byte) => read.push(byte),
            Err(error) => panic!("{error} after {:?}", String::from_utf8_lossy(&read)),
        }
    }
    read
}
