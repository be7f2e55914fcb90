//! A request's way: guarded, told apart, decoded, checked, answered.

use std::net::SocketAddr;
use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use models::validate::{error_code, validate_within};
use models::{Operation, Service, task};
use serde_json::Value;
use services::audit::{Tls, Wire};
use services::s3::bucket_of_host;
use services::{Caller, Error, Input, Output};
use tokio_util::sync::CancellationToken;

use crate::answer::{plain, stamp};
use crate::authenticate::{self, Refused, Sender};
use crate::caller::{Scope, anonymous};
use crate::identify::{self, Meaning, Meant, Shown, Unknown};
use crate::protocols::query::{self, Form};
use crate::protocols::{self, Protocol, aws_json, rest_json};
use crate::signature::{self, Fault, RequestHead, Style};
use crate::{
    Gateway, ResponseBody, body, changes, console, guard, health, meter, s3, sign_in, tunnel,
};

/// Where a request came from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer {
    /// The client.
    pub address: SocketAddr,
    /// What it connected to.
    pub listening: SocketAddr,
    /// How, if not in the clear.
    pub tls: Option<Tls>,
}

/// Answers a request.
pub(crate) async fn handle(
    gateway: Arc<Gateway>,
    peer: Peer,
    mut request: Request<Incoming>,
) -> Response<ResponseBody> {
    let request_id = gateway.moment().dice("request-id").uuid();
    if request.method() == Method::CONNECT {
        return tunnel::connect(gateway, peer, request, &request_id);
    }
    make_host_plain(&mut request);
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let allowed = guard::check(host, request.headers(), peer.listening, &gateway.settings)
        .and_then(|()| {
            guard::check_address(request.headers(), request.uri().query().unwrap_or_default())
        });
    if let Err(refusal) = allowed {
        let message = refusal.to_string();
        return plain(StatusCode::FORBIDDEN, "AccessDeniedException", &message, &request_id);
    }
    let shared = guard::shared_with(request.headers(), &gateway.settings)
        .and_then(|origin| HeaderValue::from_str(origin).ok());
    let mut response = match &shared {
        Some(_) if is_preflight(&request) => preflight(&request, &request_id),
        _ => dispatch(&gateway, peer, request, request_id).await,
    };
    if let Some(origin) = shared {
        let headers = response.headers_mut();
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("*"));
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
    }
    response
}

/// A proxy's request (`GET http://sts.amazonaws.com/`) becomes a server's: its host counts.
fn make_host_plain(request: &mut Request<Incoming>) {
    let Some(authority) = request.uri().authority() else { return };
    if let Ok(host) = HeaderValue::from_str(authority.as_str()) {
        request.headers_mut().insert(header::HOST, host);
    }
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    if let Ok(path) = path.parse() {
        *request.uri_mut() = path;
    }
}

fn is_preflight(request: &Request<Incoming>) -> bool {
    request.method() == Method::OPTIONS
        && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

fn preflight(request: &Request<Incoming>, request_id: &str) -> Response<ResponseBody> {
    let mut response = Response::new(ResponseBody::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    let methods = HeaderValue::from_static("GET, HEAD, POST, PUT, DELETE, PATCH");
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods);
    if let Some(asked) = request.headers().get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, asked.clone());
    }
    crate::answer::stamp(headers, request_id);
    response
}

async fn dispatch(
    gateway: &Arc<Gateway>,
    peer: Peer,
    mut request: Request<Incoming>,
    request_id: String,
) -> Response<ResponseBody> {
    let ending = request.extensions_mut().remove::<CancellationToken>().unwrap_or_default();
    let (headers, uri) = (request.headers(), request.uri());
    if let Some(elsewhere) = console::instead(request.method(), uri, headers) {
        return console::redirect(&elsewhere);
    }
    if let Some(ours) = uri.path().strip_prefix("/_stepwell/") {
        return match (request.method(), ours) {
            (&Method::GET | &Method::HEAD, "health") => health::health(gateway, &request_id),
            (&Method::GET | &Method::HEAD, "metrics") => health::metrics(gateway, &request_id),
            (&Method::GET, "changes") => follow(gateway, peer, &request, ending, &request_id).await,
            (method, _) if uri.path().starts_with(console::HOME) => {
                console::answer(method, &uri.path()[console::HOME.len()..], headers)
            }
            (method, path) if path == sign_in::PATH || path.starts_with("sign-in/") => {
                let asked = (method.clone(), path[sign_in::PATH.len()..].to_owned());
                let wire = wire(peer, headers, &request_id);
                let asked = (&asked.0, asked.1.as_str());
                sign_in::answer(gateway, peer, asked, request.into_body(), wire).await
            }
            (&Method::POST, "graph") => draw(gateway, peer, request, &request_id).await,
            (&Method::POST, "denials") => denials(gateway, peer, request, &request_id).await,
            _ => plain(StatusCode::NOT_FOUND, "NotFound", "there is nothing here", &request_id),
        };
    }
    let query = uri.query().unwrap_or_default();
    let scope = Scope::of(headers, query);
    let wire = wire(peer, headers, &request_id);
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let (host_service, host_region) =
        host.map(guard::name_of).map(identify::of_host).unwrap_or_default();
    let head = RequestHead { method: request.method(), path: uri.path(), query, headers };
    let sender = authenticate::sender(gateway, head, &scope, host_region).await;
    let parameters = query::form(query.as_bytes());
    let content_type = headers.get(header::CONTENT_TYPE).map_or(&b""[..], |value| value.as_bytes());
    let shown = Shown {
        method: request.method(),
        path: uri.path(),
        parameters: &parameters,
        target: headers.get("x-amz-target").and_then(|target| target.to_str().ok()),
        is_form: request.method() == Method::POST
            && content_type.starts_with(b"application/x-www-form-urlencoded"),
        scope: scope.service,
        host_service,
    };
    let meaning = identify::identify(&shown);
    if let Meaning::Objects = meaning {
        let sender = match sender {
            Err(why) if why.is_missing() => {
                let nobody = anonymous(&scope, host_region, &gateway.settings);
                unsigned(gateway, nobody, host, uri.path()).await.ok_or(why)
            }
            sender => sender,
        };
        let signed = signature::signed(headers, query);
        request.extensions_mut().insert(Arc::new(Wire { signed, ..wire }));
        return objects(gateway, peer, request, sender, request_id).await;
    }
    let style = meaning.style();
    let refused = |refused: &Refused, service: Option<&'static Service>| {
        let error = count(gateway, peer, refused, style);
        protocols::encode_error(meaning.protocol(), service, &error, &request_id)
    };
    let named = meaning.service();
    let sender = match sender {
        Ok(sender) => Some(sender),
        // Whether a form may come unsigned is seen in it.
        Err(why) if why.is_missing() && meaning.may_be_open() => None,
        Err(why) => {
            let response = refused(&why, named);
            body::drain(request.into_body()).await;
            return response;
        }
    };
    let nobody = sender.is_none().then(|| anonymous(&scope, host_region, &gateway.settings));
    let (parts, incoming) = request.into_parts();
    let must_read = sender.as_ref().is_none_or(|sender| sender.proof.is_some());
    let body = if must_read || matches!(meaning, Meaning::Form) {
        match body::read(incoming, gateway).await {
            Ok((bytes, held)) => body::Incoming::Read(bytes, held),
            Err(error) => {
                return protocols::encode_error(meaning.protocol(), named, &error, &request_id);
            }
        }
    } else {
        body::Incoming::Live(incoming)
    };
    let bytes = body.bytes();
    let meaning = match meaning {
        Meaning::Form => identify::by_form(&query::form(&bytes)),
        other => other,
    };
    let refused = |why: &Refused| {
        let error = count(gateway, peer, why, style);
        protocols::encode_error(meaning.protocol(), meaning.service(), &error, &request_id)
    };
    let caller = match (sender, nobody) {
        (Some(sender), _) => {
            let signing_name = meaning.service().map(|service| service.entry.signing_name);
            let checked = sender
                .check_body(&bytes)
                .and_then(|()| signing_name.map_or(Ok(()), |name| sender.check_service(name)));
            if let Err(fault) = checked {
                return refused(&fault.into());
            }
            sender.caller
        }
        (None, Some(nobody)) if meaning.is_open() => nobody,
        (None, _) => return refused(&Refused::Fault(Fault::Missing)),
    };
    match meaning {
        Meaning::Operation(meant) => {
            let parameters = if meant.protocol == Protocol::Query && !bytes.is_empty() {
                query::form(&bytes)
            } else {
                parameters
            };
            operate(gateway, &parts.headers, body, meant, parameters, caller, Arc::new(wire)).await
        }
        Meaning::Unknown(unknown) => refuse(&unknown, &request_id),
        Meaning::Form | Meaning::Objects => {
            let error = Error::internal("a form means no operation");
            protocols::encode_error(Protocol::Query, None, &error, &request_id)
        }
    }
}

/// Whoever asks one of our own paths. Any service's signature will do: they speak of all of them.
async fn own_caller<B>(
    gateway: &Gateway,
    peer: Peer,
    request: &Request<B>,
    body: &[u8],
) -> Result<Caller, Error> {
    let (headers, uri) = (request.headers(), request.uri());
    let query = uri.query().unwrap_or_default();
    let head = RequestHead { method: request.method(), path: uri.path(), query, headers };
    let sender = authenticate::sender(gateway, head, &Scope::of(headers, query), None).await;
    let proven = sender.and_then(|sender| {
        sender.check_body(body)?;
        Ok(sender.caller)
    });
    proven.map_err(|why| count(gateway, peer, &why, Style::Rest))
}

/// Lets the caller follow what changes.
async fn follow(
    gateway: &Gateway,
    peer: Peer,
    request: &Request<Incoming>,
    ending: CancellationToken,
    request_id: &str,
) -> Response<ResponseBody> {
    let caller = match own_caller(gateway, peer, request, b"").await {
        Ok(caller) => caller,
        Err(error) => return protocols::encode_error(Protocol::RestJson, None, &error, request_id),
    };
    let wire = wire(peer, request.headers(), request_id);
    match gateway.door.changes(&caller, &wire).await {
        Ok(subscription) => changes::stream(subscription, ending, request_id),
        Err(error) => protocols::encode_error(Protocol::AwsJson, None, &error, request_id),
    }
}

/// Draws a state machine or an execution for the caller.
async fn draw(
    gateway: &Gateway,
    peer: Peer,
    request: Request<Incoming>,
    request_id: &str,
) -> Response<ResponseBody> {
    let drawn = async {
        let (caller, input) = own_request(gateway, peer, request, request_id).await?;
        gateway.door.draw(&caller, input).await
    };
    match drawn.await {
        Ok(drawing) => own_answer(drawing.text, drawing.content_type, request_id),
        Err(error) => protocols::encode_error(Protocol::AwsJson, None, &error, request_id),
    }
}

/// Tells what AWS would have refused an execution.
async fn denials(
    gateway: &Gateway,
    peer: Peer,
    request: Request<Incoming>,
    request_id: &str,
) -> Response<ResponseBody> {
    let told = async {
        let (caller, input) = own_request(gateway, peer, request, request_id).await?;
        gateway.door.denials(&caller, input).await
    };
    match told.await {
        Ok(told) => own_answer(told.to_string(), "application/json", request_id),
        Err(error) => protocols::encode_error(Protocol::AwsJson, None, &error, request_id),
    }
}

/// Who asks one of our own paths for what.
async fn own_request(
    gateway: &Gateway,
    peer: Peer,
    request: Request<Incoming>,
    request_id: &str,
) -> Result<(Caller, Input), Error> {
    let (parts, incoming) = request.into_parts();
    let (bytes, _held) = body::read(incoming, gateway).await?;
    let request = Request::from_parts(parts, ());
    let caller = own_caller(gateway, peer, &request, &bytes).await?;
    let members: Value = serde_json::from_slice(&bytes)
        .map_err(|error| Error::new("SerializationException", error.to_string()))?;
    let wire = Some(Arc::new(wire(peer, request.headers(), request_id)));
    Ok((caller, Input { members, wire, ..Input::default() }))
}

fn own_answer(text: String, kind: &'static str, request_id: &str) -> Response<ResponseBody> {
    let mut response = Response::new(ResponseBody::from(text));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    stamp(response.headers_mut(), request_id);
    response
}

/// The error of a signature that is wrong; of one too many, that there were too many.
fn count(gateway: &Gateway, peer: Peer, refused: &Refused, style: Style) -> Error {
    let error = refused.error(style);
    if let Refused::Fault(fault) = refused {
        if !gateway.limiter.take(peer.address.ip().to_canonical(), gateway.moment().now) {
            return Fault::TooMany.error(style);
        }
        tracing::info!(peer = %peer.address.ip(), "a request was not taken: {}", error.message);
        tracing::debug!(?fault, "why");
    }
    error
}

/// Reads the members where the protocol has them, then calls.
async fn operate(
    gateway: &Arc<Gateway>,
    headers: &HeaderMap,
    incoming: body::Incoming,
    meant: Meant,
    parameters: Form,
    caller: Caller,
    wire: Arc<Wire>,
) -> Response<ResponseBody> {
    let (service, operation) = (meant.service, meant.operation);
    let mut held = None;
    let input = match (meant.protocol, operation.input) {
        (Protocol::Query, _) => query::decode(service, operation, &parameters).map(Input::from),
        (Protocol::RestJson, Some(shape)) if task::blob_payload(service, shape).is_some() => {
            rest_json::decode(service, operation, &meant.labels, &parameters, headers, b"")
                .map(|members| Input { members, body: Some(incoming.stream()), ..Input::default() })
        }
        (protocol, _) => {
            let decode = |bytes: &[u8]| match protocol {
                Protocol::AwsJson => aws_json::decode(service, operation, bytes),
                _ => rest_json::decode(
                    service,
                    operation,
                    &meant.labels,
                    &parameters,
                    headers,
                    bytes,
                ),
            };
            // The members take about as much room as the bytes: it is theirs until they are used.
            incoming.read(gateway).await.and_then(|(bytes, room)| {
                held = Some(room);
                decode(&bytes).map(Input::from)
            })
        }
    };
    let trace = headers.get("x-amzn-trace-id").and_then(|trace| trace.to_str().ok());
    let trace_header = trace.map(str::to_owned);
    let input = input.map(|input| Input { trace_header, wire: Some(wire.clone()), ..input });
    let response = finish(gateway, meant, input, caller, &wire.request_id).await;
    drop(held);
    response
}

/// Checks, calls, encodes.
async fn finish(
    gateway: &Arc<Gateway>,
    meant: Meant,
    input: Result<Input, Error>,
    caller: Caller,
    request_id: &str,
) -> Response<ResponseBody> {
    let Meant { service, operation, protocol, .. } = meant;
    let begun = meter::now();
    let response = answer(gateway, service, operation, protocol, input, caller, request_id).await;
    let (name, status) = (service.entry.name, response.status().as_u16());
    gateway.meter.answered(name, &operation.name, status, begun);
    response
}

async fn answer(
    gateway: &Arc<Gateway>,
    service: &'static Service,
    operation: &'static Operation,
    protocol: Protocol,
    input: Result<Input, Error>,
    caller: Caller,
    request_id: &str,
) -> Response<ResponseBody> {
    let result = match input.and_then(|input| checked(gateway, service, operation, &caller, input))
    {
        Ok(input) => call(gateway, service, operation, caller, input).await,
        // That we do not serve it at all is the better news.
        Err(_) if !gateway.door.serves(service.entry.name, &operation.name) => {
            Err(Error::unknown_operation(service.entry.name, &operation.name))
        }
        Err(error) => Err(error),
    };
    match result {
        Ok(output) => protocols::encode(protocol, service, operation, output, request_id),
        Err(error) => {
            if error.status >= 500 {
                let (service, operation) = (service.entry.name, &operation.name);
                tracing::error!(service, %operation, request_id, %error, "an operation failed");
            }
            protocols::encode_error(protocol, Some(service), &error, request_id)
        }
    }
}

fn checked(
    gateway: &Gateway,
    service: &Service,
    operation: &Operation,
    caller: &Caller,
    input: Input,
) -> Result<Input, Error> {
    let Some(shape) = operation.input else { return Ok(input) };
    let lengths = &gateway.settings.lengths;
    let Err(found) = validate_within(service, shape, &input.members, lengths) else {
        return Ok(input);
    };
    let error = Error::new(error_code(service), found.to_string());
    gateway.door.refused(caller, service.entry.name, &operation.name, &input, &error);
    Err(error)
}

/// What is known of a request, for the audit log.
fn wire(peer: Peer, headers: &HeaderMap, request_id: &str) -> Wire {
    let text = |name: &HeaderName| {
        let text = headers.get(name).and_then(|value| value.to_str().ok());
        text.map(|text| text.chars().take(USER_AGENT_MAX).collect())
    };
    Wire {
        address: peer.address.ip().to_canonical(),
        user_agent: text(&header::USER_AGENT),
        referer: text(&header::REFERER),
        request_id: request_id.to_owned(),
        host: text(&header::HOST),
        tls: peer.tls,
        signed: None,
    }
}

/// CloudTrail keeps so many letters.
const USER_AGENT_MAX: usize = 1024;

/// Calls in a task of its own: a client that goes away does not stop an operation in its middle, and a
/// panic in it is an answer.
async fn call(
    gateway: &Arc<Gateway>,
    service: &'static Service,
    operation: &'static Operation,
    caller: Caller,
    mut input: Input,
) -> Result<Output, Error> {
    // A client that goes away drops this call, and the guard with it.
    let gone = CancellationToken::new();
    input.gone = gone.clone();
    let _guard = gone.drop_guard();
    let door = Arc::clone(&gateway.door);
    let place = gateway.load.call()?;
    let called = tokio::spawn(async move {
        let _place = place;
        door.call(&caller, service.entry.name, &operation.name, input).await
    });
    called.await.unwrap_or_else(|_| {
        Err(Error::internal("the operation ended unexpectedly; the server's log says where"))
    })
}

/// Whoever asks without a signature for what may be open to everybody.
async fn unsigned(
    gateway: &Gateway,
    nobody: Caller,
    host: Option<&str>,
    path: &str,
) -> Option<Sender> {
    let of_path = || path.trim_start_matches('/').split('/').next().unwrap_or_default();
    let bucket = match host.and_then(bucket_of_host) {
        Some(Some(bucket)) => bucket.to_owned(),
        _ => percent_encoding::percent_decode_str(of_path()).decode_utf8_lossy().into_owned(),
    };
    let may = gateway.door.may_be_open(&bucket).await.unwrap_or_default();
    may.then(|| Sender::unproven(nobody))
}

async fn objects(
    gateway: &Gateway,
    peer: Peer,
    mut request: Request<Incoming>,
    sender: Result<Sender, Refused>,
    request_id: String,
) -> Response<ResponseBody> {
    let guarded = guard::shows_as_our_page(request.headers());
    let Some(objects) = &gateway.objects else {
        let error =
            Error::new("NotImplemented", "this server has no object store").with_status(501);
        return protocols::encode_error(Protocol::Query, None, &error, &request_id);
    };
    let checked = sender.and_then(|sender| {
        let payload = sender.check_objects(request.headers())?;
        Ok((sender.caller, payload))
    });
    let mut response = match checked {
        Ok((caller, payload)) => {
            request.extensions_mut().insert(payload);
            let (id, begun) = (request_id.clone(), meter::now());
            let response = objects.answer(request, caller, id).await;
            gateway.meter.answered("s3", "", response.status().as_u16(), begun);
            response
        }
        Err(why) => {
            let error = count(gateway, peer, &why, Style::Objects);
            let head = request.method() == Method::HEAD;
            let response = s3::refuse(&error, request.uri().path(), head, &request_id);
            body::drain(request.into_body()).await;
            response
        }
    };
    if let Ok(id) = HeaderValue::from_str(&request_id) {
        response.headers_mut().entry("x-amz-request-id").or_insert(id);
    }
    if guarded {
        let sandbox = HeaderValue::from_static("sandbox");
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, sandbox);
    }
    response
}

fn refuse(unknown: &Unknown, request_id: &str) -> Response<ResponseBody> {
    let (code, status) = match unknown.protocol {
        Protocol::AwsJson => ("UnknownOperationException", 400),
        Protocol::RestJson => ("UnknownOperationException", 404),
        Protocol::Query => ("InvalidAction", 400),
    };
    let error = Error::new(code, unknown.message.as_str()).with_status(status);
    protocols::encode_error(unknown.protocol, unknown.service, &error, request_id)
}
