//! An endpoint's container: `GET /ping`, `GET /execution-parameters`, `POST /invocations`.

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::header::{ACCEPT, ALLOW, CONTENT_TYPE, HeaderMap};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::inference::{Answer, Model};

/// The header that carries an endpoint's secret.
pub const SECRET_HEADER: &str = "x-stepwell-endpoint-key";

/// Bodies above this are predicted on a thread of their own, so that small requests need not wait for them.
const INLINE_BYTES_MAX: usize = 16 * 1024;

/// Answers requests until `shutdown` is done; then no connection is taken any more, and those that are open are
/// answered to the end.
pub async fn serve(model: Arc<Model>, listener: TcpListener, shutdown: impl Future<Output = ()>) {
    let (stop, stopping) = watch::channel(());
    let mut connections = JoinSet::new();
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = connections.join_next(), if !connections.is_empty() => continue,
            () = &mut shutdown => break,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of file descriptors, most likely: some connections must end first.
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                continue;
            }
        };
        // Answers are small and a client waits for each.
        let _ = stream.set_nodelay(true);
        let model = model.clone();
        let mut stopping = stopping.clone();
        connections.spawn(async move {
            let service = service_fn(move |request| respond(model.clone(), request));
            // Our own server keeps connections open between requests for as long as it likes.
            let connection = hyper::server::conn::http1::Builder::new()
                .header_read_timeout(None)
                .serve_connection(TokioIo::new(stream), service);
            let mut connection = std::pin::pin!(connection);
            let ended = tokio::select! {
                ended = connection.as_mut() => ended,
                _ = stopping.changed() => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            };
            if let Err(error) = ended {
                tracing::debug!(%error, "a connection broke");
            }
        });
    }
    drop(listener);
    drop(stop);
    while connections.join_next().await.is_some() {}
}

async fn respond(
    model: Arc<Model>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    if !knows_the_secret(request.headers(), model.secret()) {
        return Ok(plain(
            StatusCode::FORBIDDEN,
            format!("the header {SECRET_HEADER} does not carry this endpoint's key"),
        ));
    }
    let response = match (request.uri().path(), request.method()) {
        ("/ping", &Method::GET | &Method::HEAD) => plain(StatusCode::OK, String::new()),
        ("/execution-parameters", &Method::GET) => http(model.execution_parameters()),
        ("/invocations", &Method::POST) => invocation(model, request).await,
        ("/ping" | "/execution-parameters", _) => not_allowed("GET"),
        ("/invocations", _) => not_allowed("POST"),
        (path, _) => plain(StatusCode::NOT_FOUND, format!("there is nothing at {path}")),
    };
    Ok(response)
}

async fn invocation(model: Arc<Model>, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let (parts, body) = request.into_parts();
    let body = match Limited::new(body, model.payload_bytes_max()).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => {
            let text = format!(
                "the body is larger than the {} bytes this container takes",
                model.payload_bytes_max()
            );
            return plain(StatusCode::PAYLOAD_TOO_LARGE, text);
        }
        Err(error) => {
            return plain(StatusCode::BAD_REQUEST, format!("the body broke off: {error}"));
        }
    };
    if body.len() <= INLINE_BYTES_MAX {
        return http(answer(&model, &parts.headers, &body));
    }
    let answered = tokio::task::spawn_blocking(move || answer(&model, &parts.headers, &body)).await;
    answered.map(http).unwrap_or_else(|error| {
        plain(StatusCode::INTERNAL_SERVER_ERROR, format!("the prediction died: {error}"))
    })
}

fn answer(model: &Model, headers: &HeaderMap, body: &[u8]) -> Answer {
    let text =
        |name| headers.get(name).and_then(|value: &hyper::header::HeaderValue| value.to_str().ok());
    model.invoke(super::inference::Request {
        content_type: text(CONTENT_TYPE),
        accept: text(ACCEPT),
        body,
    })
}

fn http(answer: Answer) -> Response<Full<Bytes>> {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = Response::new(Full::new(Bytes::from(answer.body)));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static(answer.content_type));
    response
}

fn plain(status: StatusCode, text: String) -> Response<Full<Bytes>> {
    http(Answer {
        status: status.as_u16(),
        content_type: "text/html; charset=utf-8",
        body: text.into_bytes(),
    })
}

fn not_allowed(allowed: &'static str) -> Response<Full<Bytes>> {
    let mut response =
        plain(StatusCode::METHOD_NOT_ALLOWED, format!("only {allowed} is answered here"));
    response.headers_mut().insert(ALLOW, hyper::header::HeaderValue::from_static(allowed));
    response
}

/// Compares in a time that does not tell how much was right.
fn knows_the_secret(headers: &HeaderMap, secret: Option<&str>) -> bool {
    let Some(secret) = secret else { return true };
    let given = headers.get(SECRET_HEADER).map_or(&b""[..], |value| value.as_bytes());
    let differing =
        given.iter().zip(secret.as_bytes()).fold(0, |differing, (a, b)| differing | (a ^ b));
    given.len() == secret.len() && differing == 0
}
