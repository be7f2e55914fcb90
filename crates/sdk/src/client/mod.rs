//! A client that speaks the wire to Stepwell and to AWS alike.
//!
//! [`Client::call`] takes and gives JSON for every operation of the services it knows; [`Client::s3`] and
//! [`Client::invoke_endpoint`] carry bytes.

mod clock;
mod config;
mod credentials;
mod s3;
mod service;
mod sigv4;
mod transport;
mod xml;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Map, Value, json};

pub use config::ConfigError;
pub use credentials::Credentials;
pub use s3::{Object, ObjectHead, S3};
pub use sigv4::Signer;

pub(crate) use clock::{now, stamp, unique_name};
pub(crate) use service::{dns_suffix, partition};

use crate::error::{Error, ServiceError};
use crate::log;
use config::{Config, Wishes};
use service::{Protocol, Service};
use sigv4::{Scope, Signable, encode_path, sha256_hex};
use transport::{Failure, Payload, Response, Transport};

/// Speaks to AWS's services: those of a Stepwell server, or AWS's own. Cheap to clone.
///
/// ```no_run
/// use serde_json::json;
/// use stepwell_sdk::client::Client;
///
/// # async fn run() -> Result<(), stepwell_sdk::Error> {
/// let client = Client::local("http://127.0.0.1:4566")?;
/// let answer = client.call("stepfunctions", "ListStateMachines", json!({ "maxResults": 10 })).await?;
/// for machine in answer["stateMachines"].as_array().into_iter().flatten() {
///     println!("{}", machine["name"]);
/// }
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    config: Config,
    transport: Transport,
}

impl Client {
    /// A client as the environment describes it: `AWS_ENDPOINT_URL` and `AWS_ENDPOINT_URL_<SERVICE>`,
    /// `AWS_REGION`, `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`, `AWS_PROFILE`,
    /// `AWS_CA_BUNDLE`, `AWS_MAX_ATTEMPTS`, and the shared files in `~/.aws`. Without an endpoint it speaks
    /// to AWS; with one on this machine, missing credentials are made up (`test`/`test`).
    ///
    /// # Errors
    /// [`Error::Config`] when region or credentials are missing or an endpoint is not a URL.
    pub fn from_env() -> Result<Client, Error> {
        Client::builder().build()
    }

    /// A client of the server at `endpoint`, whatever the `AWS_ENDPOINT_URL…` variables say.
    ///
    /// ```
    /// let client = stepwell_sdk::Client::local("http://127.0.0.1:4566")?;
    /// # let _ = client;
    /// # Ok::<(), stepwell_sdk::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Config`] when `endpoint` is not a URL, or is not on this machine and no credentials are configured.
    pub fn local(endpoint: impl Into<String>) -> Result<Client, Error> {
        Client::builder().endpoint(endpoint).build()
    }

    /// Sets in code what [`from_env`](Client::from_env) would look up.
    pub fn builder() -> ClientBuilder {
        ClientBuilder { wishes: Wishes::default() }
    }

    /// The same client, sharing no connection with this one.
    pub(crate) fn with_own_connections(&self) -> Client {
        let (config, transport) = (self.inner.config.clone(), Transport::new());
        Client { inner: Arc::new(Inner { config, transport }) }
    }

    /// The region requests are signed for.
    pub fn region(&self) -> &str {
        &self.inner.config.region
    }

    /// The endpoint of all services, when one is configured; else AWS's own are asked.
    pub fn endpoint(&self) -> Option<&str> {
        self.inner.config.endpoint.as_deref()
    }

    /// Calls one operation with its input as JSON and gives its answer as JSON.
    ///
    /// Services: `stepfunctions` (also `states`, `sfn`), `sagemaker`, `logs`, `cloudwatch`, `events`,
    /// `dynamodb`, `sqs`, `ecs`, `glue`; and `sts`, `iam`, `sns`, whose answers are XML and come as JSON
    /// of strings. Timestamps are epoch seconds, blobs base64 text. Throttled and broken calls are repeated.
    ///
    /// # Errors
    /// [`Error::Service`] with AWS's exception, [`Error::Transport`] when no answer came.
    pub async fn call(&self, service: &str, operation: &str, input: Value) -> Result<Value, Error> {
        let known = Service::named(service).filter(|service| service.protocol != Protocol::Rest);
        let Some(service) = known else {
            let known = Service::all().filter(|service| service.protocol != Protocol::Rest);
            let mut known = known.map(|service| service.names[0]).collect::<Vec<_>>().join(", ");
            known.push_str(
                "; S3 objects and predictions have methods of their own (`s3`, `invoke_endpoint`)",
            );
            return Err(ConfigError::UnknownService { service: service.to_owned(), known }.into());
        };
        let input = if input.is_null() { json!({}) } else { input };
        let (headers, body) = match service.protocol {
            Protocol::Json { version, target } => (
                vec![
                    ("content-type".to_owned(), format!("application/x-amz-json-{version}")),
                    ("x-amz-target".to_owned(), format!("{target}.{operation}")),
                ],
                input.to_string(),
            ),
            Protocol::Query { version } => (
                vec![(
                    "content-type".to_owned(),
                    "application/x-www-form-urlencoded; charset=utf-8".to_owned(),
                )],
                form(operation, version, &input),
            ),
            Protocol::Rest => unreachable!("filtered above"),
        };
        let call = Call {
            service,
            operation,
            method: "POST",
            host_prefix: match (service.signing_name, operation) {
                ("states", "StartSyncExecution" | "TestState") => "sync-",
                _ => "",
            },
            bucket: None,
            path: "/".to_owned(),
            query: Vec::new(),
            headers,
            payload: Payload::Bytes(body.into()),
        };
        let answer = self.send(call).await?;
        let unreadable = |reason: String| Error::Answer {
            service: service.names[0].to_owned(),
            operation: operation.to_owned(),
            reason,
        };
        if let Protocol::Query { .. } = service.protocol {
            let text = String::from_utf8_lossy(answer.body());
            let (_, mut value) = xml::parse(&text).map_err(unreadable)?;
            let result = value.get_mut(format!("{operation}Result")).map(Value::take);
            return Ok(result.filter(Value::is_object).unwrap_or_else(|| json!({})));
        }
        match answer.body().is_empty() {
            true => Ok(json!({})),
            false => {
                serde_json::from_slice(answer.body()).map_err(|error| unreadable(error.to_string()))
            }
        }
    }

    /// Calls a paged operation until no `nextToken`/`NextToken` is left, or `limit` items are there;
    /// gives the items of the answers' member `items`.
    ///
    /// # Errors
    /// As [`call`](Client::call).
    pub async fn call_all(
        &self,
        service: &str,
        operation: &str,
        mut input: Value,
        items: &str,
        limit: usize,
    ) -> Result<Vec<Value>, Error> {
        let mut found = Vec::new();
        loop {
            let mut page = self.call(service, operation, input.clone()).await?;
            if let Some(Value::Array(values)) = page.get_mut(items).map(Value::take) {
                found.extend(values);
            }
            found.truncate(limit);
            let next = ["nextToken", "NextToken"]
                .into_iter()
                .find_map(|name| page[name].as_str().map(|token| (name, token.to_owned())));
            match next {
                Some((name, token)) if found.len() < limit && !token.is_empty() => {
                    input[name] = token.into()
                }
                _ => return Ok(found),
            }
        }
    }

    /// Has a Stepwell server draw a state machine or an execution: `definition`, `executionArn` or
    /// `stateMachineArn`, and `format`: `svg`, `text`, `ansi`, `mermaid` or `json`.
    ///
    /// # Errors
    /// [`ConfigError::NoServer`] when this client speaks to AWS, which draws nothing; else as
    /// [`call`](Client::call).
    pub async fn draw(&self, request: Value) -> Result<String, Error> {
        let answer = self.ask_own("graph", &request).await?;
        String::from_utf8(answer.into_body().into()).map_err(|error| Error::Answer {
            service: "stepfunctions".to_owned(),
            operation: "graph".to_owned(),
            reason: error.to_string(),
        })
    }

    /// What AWS would have refused an execution, and what a Stepwell server refused it: objects with
    /// `time`, `principal`, `action`, `resource`, `message` and `hint`, oldest first.
    ///
    /// # Errors
    /// [`ConfigError::NoServer`] when this client speaks to AWS, which tells no such thing; else as
    /// [`call`](Client::call).
    pub async fn denials(&self, execution_arn: &str) -> Result<Vec<Value>, Error> {
        let answer = self.ask_own("denials", &json!({ "executionArn": execution_arn })).await?;
        let told: Result<Value, _> = serde_json::from_slice(answer.body());
        let mut told = told.map_err(|error| Error::Answer {
            service: "stepfunctions".to_owned(),
            operation: "denials".to_owned(),
            reason: error.to_string(),
        })?;
        match told["denials"].take() {
            Value::Array(denials) => Ok(denials),
            _ => Ok(Vec::new()),
        }
    }

    /// Asks one of a Stepwell server's own paths, which AWS has not.
    async fn ask_own(&self, path: &str, request: &Value) -> Result<Response, Error> {
        let service = Service::named("stepfunctions").expect("in the table");
        if self.inner.config.endpoint_of(service).is_none() {
            return Err(ConfigError::NoServer.into());
        }
        self.send(Call {
            service,
            operation: path,
            method: "POST",
            host_prefix: "",
            bucket: None,
            path: format!("/_stepwell/{path}"),
            query: Vec::new(),
            headers: vec![("content-type".to_owned(), "application/json".to_owned())],
            payload: Payload::Bytes(request.to_string().into()),
        })
        .await
    }

    /// Asks an endpoint for a prediction.
    ///
    /// # Errors
    /// [`Error::Service`] with `ModelError` when the model refused, `ValidationError` when there is no such endpoint.
    pub async fn invoke_endpoint(
        &self,
        endpoint_name: &str,
        content_type: &str,
        accept: Option<&str>,
        body: impl Into<Bytes>,
    ) -> Result<Invocation, Error> {
        let mut headers = vec![("content-type".to_owned(), content_type.to_owned())];
        headers.extend(accept.map(|accept| ("accept".to_owned(), accept.to_owned())));
        let service = Service::named("sagemaker-runtime").expect("in the table");
        let call = Call {
            service,
            operation: "InvokeEndpoint",
            method: "POST",
            host_prefix: "",
            bucket: None,
            path: format!("/endpoints/{}/invocations", sigv4::encode(endpoint_name)),
            query: Vec::new(),
            headers,
            payload: Payload::Bytes(body.into()),
        };
        let (parts, body) = self.send(call).await?.into_parts();
        let content_type = header(&parts.headers, "content-type").unwrap_or_default();
        Ok(Invocation { content_type, body })
    }

    /// The object store.
    pub fn s3(&self) -> S3<'_> {
        S3::new(self)
    }

    /// Signs and sends `call`, again while it is throttled or broken, and refuses what is not a success.
    async fn send(&self, call: Call<'_>) -> Result<Response, Error> {
        let config = &self.inner.config;
        let mut attempt = 1;
        loop {
            let (head, endpoint) = self.sign(&call);
            let last = attempt >= config.attempts;
            let refusal = match self.inner.transport.exchange(head, &call.payload, config).await {
                Ok(answer) if answer.status().is_success() => return Ok(answer),
                Ok(answer) => {
                    let refusal = refusal(&answer, &call);
                    if last || !transport::is_passing(refusal.status, &refusal.code) {
                        return Err(refusal.into());
                    }
                    refusal.to_string()
                }
                Err(Failure::Config(error)) => return Err(error.into()),
                Err(Failure::File(source)) => {
                    let path = match &call.payload {
                        Payload::File { path, .. } => path.clone(),
                        Payload::Bytes(_) => Default::default(),
                    };
                    return Err(Error::File { path, source });
                }
                Err(Failure::Broken(reason)) => {
                    if last {
                        return Err(Error::Transport {
                            service: call.service.names[0].to_owned(),
                            endpoint,
                            reason,
                        });
                    }
                    reason
                }
            };
            let pause = transport::pause(attempt, config.backoff);
            log::debug(&format!(
                "{} attempt {attempt}: {refusal}; asking again in {pause:?}",
                call.operation
            ));
            tokio::time::sleep(pause).await;
            attempt += 1;
        }
    }

    /// The head of the request, signed for this moment, and the endpoint it goes to.
    fn sign(&self, call: &Call) -> (http::request::Builder, String) {
        let config = &self.inner.config;
        let (aws_host, region) = call.service.address(&config.region);
        let configured = config.endpoint_of(call.service);
        let region = if configured.is_some() { config.region.clone() } else { region };
        let (scheme, authority, base) = match configured {
            Some(url) => split(url),
            None => ("https", "", ""),
        };
        // AWS wants buckets in the host name; a server of one's own is asked by path, which needs no DNS. A
        // name with a dot would not fit AWS's certificate.
        let (authority, path) = match (&call.bucket, configured) {
            (None, Some(_)) => (authority.to_owned(), call.path.clone()),
            (None, None) => (format!("{}{aws_host}", call.host_prefix), call.path.clone()),
            (Some(bucket), None) if !bucket.contains('.') => {
                (format!("{bucket}.{aws_host}"), call.path.clone())
            }
            (Some(bucket), _) => {
                let authority = if configured.is_some() { authority.to_owned() } else { aws_host };
                let path = if call.path == "/" { "" } else { call.path.as_str() };
                (authority, format!("/{}{path}", encode_path(bucket)))
            }
        };
        let path = format!("{base}{path}");
        let date = stamp(now(), "%Y%m%dT%H%M%SZ");
        let payload_hash = match &call.payload {
            Payload::Bytes(bytes) => sha256_hex(bytes),
            Payload::File { sha256, .. } => sha256.clone(),
        };
        let mut headers = call.headers.clone();
        headers.push(("host".to_owned(), authority.clone()));
        headers.push(("x-amz-date".to_owned(), date.clone()));
        if call.service.signing_name == "s3" {
            headers.push(("x-amz-content-sha256".to_owned(), payload_hash.clone()));
        }
        if let Some(token) = &config.credentials.session_token {
            headers.push(("x-amz-security-token".to_owned(), token.clone()));
        }
        let authorization = sigv4::authorization(
            &Signable {
                method: call.method,
                path: &path,
                query: &call.query,
                headers: &headers,
                payload_hash: &payload_hash,
            },
            &Scope {
                credentials: &config.credentials,
                region: &region,
                service: call.service.signing_name,
                date: &date,
            },
        );
        let query: Vec<String> = call
            .query
            .iter()
            .map(|(name, value)| format!("{}={}", sigv4::encode(name), sigv4::encode(value)))
            .collect();
        let query = if query.is_empty() { String::new() } else { format!("?{}", query.join("&")) };
        let mut head = http::Request::builder()
            .method(call.method)
            .uri(format!("{scheme}://{authority}{path}{query}"))
            .header("authorization", authorization)
            .header("user-agent", concat!("stepwell-sdk/", env!("CARGO_PKG_VERSION")));
        for (name, value) in headers {
            head = head.header(name, value);
        }
        if let Payload::File { length, .. } = &call.payload {
            head = head.header("content-length", *length);
        }
        (head, format!("{scheme}://{authority}"))
    }
}

/// Shows where it asks, and no secret.
impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.debug_struct("Client")
            .field("region", &self.inner.config.region)
            .field("endpoint", &self.inner.config.endpoint)
            .finish_non_exhaustive()
    }
}

/// The answer of an endpoint.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// The media type of the body.
    pub content_type: String,
    /// What the model said.
    pub body: Bytes,
}

/// Sets in code what the environment would say. See [`Client::from_env`].
///
/// ```
/// use stepwell_sdk::client::{Client, Credentials};
///
/// let client = Client::builder()
///     .endpoint("http://stepwell.example:4566")
///     .region("eu-central-1")
///     .credentials(Credentials::new("id", "secret"))
///     .build()?;
/// assert_eq!(client.region(), "eu-central-1");
/// # Ok::<(), stepwell_sdk::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct ClientBuilder {
    wishes: Wishes,
}

impl ClientBuilder {
    /// One endpoint for every service; the `AWS_ENDPOINT_URL…` variables are then not read.
    pub fn endpoint(mut self, url: impl Into<String>) -> Self {
        self.wishes.endpoint = Some(url.into());
        self
    }

    /// The region.
    pub fn region(mut self, region: impl Into<String>) -> Self {
        self.wishes.region = Some(region.into());
        self
    }

    /// The key pair to sign with.
    pub fn credentials(mut self, credentials: Credentials) -> Self {
        self.wishes.credentials = Some(credentials);
        self
    }

    /// A profile of the shared files; its credentials are then preferred to those in variables.
    pub fn profile(mut self, name: impl Into<String>) -> Self {
        self.wishes.profile = Some(name.into());
        self
    }

    /// The certificates to trust, in a PEM file, in place of the system's.
    pub fn ca_bundle(mut self, path: impl Into<std::path::PathBuf>) -> Self {
        self.wishes.ca_bundle = Some(path.into());
        self
    }

    /// How often a call is tried at all, and the pause before the second attempt, which doubles from there.
    pub fn retries(mut self, attempts: u32, first_pause: Duration) -> Self {
        self.wishes.attempts = Some(attempts);
        self.wishes.backoff = Some(first_pause);
        self
    }

    /// How long one attempt may take (330 s unless set).
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.wishes.timeout = Some(timeout);
        self
    }

    /// The client.
    ///
    /// # Errors
    /// [`Error::Config`] when region or credentials are missing or an endpoint is not a URL.
    pub fn build(self) -> Result<Client, Error> {
        let config = Config::resolve(self.wishes, &|name| std::env::var(name).ok())?;
        Ok(Client { inner: Arc::new(Inner { config, transport: Transport::new() }) })
    }
}

/// One request before it is signed.
struct Call<'a> {
    service: &'static Service,
    operation: &'a str,
    method: &'a str,
    host_prefix: &'a str,
    bucket: Option<String>,
    /// Percent-encoded once.
    path: String,
    query: Vec<(String, String)>,
    headers: Vec<(String, String)>,
    payload: Payload,
}

fn header(headers: &http::HeaderMap, name: &str) -> Option<String> {
    headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

/// Scheme, authority and path of an endpoint that was checked to be a URL.
fn split(url: &str) -> (&str, &str, &str) {
    let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
    match rest.find('/') {
        Some(slash) => (scheme, &rest[..slash], rest[slash..].trim_end_matches('/')),
        None => (scheme, rest, ""),
    }
}

/// AWS's exception out of an answer, wherever the service's protocol puts it.
fn refusal(answer: &Response, call: &Call) -> ServiceError {
    let headers = answer.headers();
    let text = String::from_utf8_lossy(answer.body());
    let json: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
    let xml = match text.trim_start().starts_with('<') {
        true => xml::parse(&text).map(|(_, value)| value).unwrap_or_default(),
        false => Value::Null,
    };
    let error = match (&xml["Error"], &xml["Errors"]["Error"]) {
        (Value::Object(_), _) => &xml["Error"],
        (_, Value::Object(_)) => &xml["Errors"]["Error"],
        _ => &xml,
    };
    let string = |value: &Value| value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    // `aws.sagemaker#ResourceNotFound:http://…` names ResourceNotFound.
    let bare = |name: String| {
        let name = name.rsplit('#').next().unwrap_or_default();
        name.split(':').next().unwrap_or_default().to_owned()
    };
    let status = answer.status();
    let code = header(headers, "x-amzn-errortype")
        .or_else(|| ["__type", "code", "Code"].iter().find_map(|name| string(&json[name])))
        .or_else(|| string(&error["Code"]))
        .map(bare)
        // A HEAD's refusal has no body: S3 leaves the status to say it.
        .unwrap_or_else(|| match status.as_u16() {
            404 => "NotFound".to_owned(),
            403 => "Forbidden".to_owned(),
            number => number.to_string(),
        });
    let message = ["message", "Message", "errorMessage"]
        .iter()
        .find_map(|name| string(&json[name]))
        .or_else(|| string(&error["Message"]))
        .unwrap_or_else(|| match text.trim() {
            "" => status.canonical_reason().unwrap_or("no message").to_owned(),
            text => text.chars().take(500).collect(),
        });
    let request_id = ["x-amzn-requestid", "x-amz-request-id"]
        .iter()
        .find_map(|name| header(headers, name))
        .or_else(|| string(&xml["RequestId"]))
        .or_else(|| string(&xml["RequestID"]));
    ServiceError {
        code,
        message,
        status: status.as_u16(),
        request_id,
        service: call.service.names[0].to_owned(),
        operation: call.operation.to_owned(),
    }
}

/// The form body of the query protocol: `Tags.member.1.Key=…`.
fn form(operation: &str, version: &str, input: &Value) -> String {
    fn flatten(prefix: &str, value: &Value, pairs: &mut Vec<(String, String)>) {
        match value {
            Value::Null => {}
            Value::Object(members) => flatten_object(prefix, members, pairs),
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    flatten(&format!("{prefix}.member.{}", index + 1), item, pairs);
                }
            }
            Value::String(text) => pairs.push((prefix.to_owned(), text.clone())),
            other => pairs.push((prefix.to_owned(), other.to_string())),
        }
    }
    fn flatten_object(
        prefix: &str,
        members: &Map<String, Value>,
        pairs: &mut Vec<(String, String)>,
    ) {
        for (name, value) in members {
            let name = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
            flatten(&name, value, pairs);
        }
    }
    let mut pairs = vec![
        ("Action".to_owned(), operation.to_owned()),
        ("Version".to_owned(), version.to_owned()),
    ];
    flatten("", input, &mut pairs);
    let pairs: Vec<String> = pairs
        .iter()
        .map(|(name, value)| format!("{}={}", sigv4::encode(name), sigv4::encode(value)))
        .collect();
    pairs.join("&")
}
