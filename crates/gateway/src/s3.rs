//! S3 on the port: `s3s` decodes, routes and encodes; what an operation does lies behind the door.
//!
//! A request's way: `presigned.rs` takes the signature off, which was verified where that is asked for,
//! `payload.rs` holds the body to it, `chunked.rs` takes `aws-chunked` off the body, `s3s` makes a typed
//! request of it and [`Adapter`] members of that, as `operations.rs` lists. Errors are written here, because S3's have
//! more elements than `s3s` knows.

mod chunked;
mod members;
mod operations;
mod payload;
mod presigned;

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{StreamExt, TryStreamExt};
use http::{
    Extensions, HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header,
};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Incoming;
use s3s::host::{S3Host, VirtualHost};
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{S3Error, S3ErrorCode, S3Result};
use services::audit::Wire;
use services::s3::{Algorithm, bucket_of_host};
use services::{Caller, Clock, Error, Input, Output};

use crate::authenticate::Payload;
use crate::signature::{Fault, Style};
use crate::{Door, ObjectDoor, ResponseBody};

/// What answers S3 on the port.
pub struct Objects {
    service: S3Service,
    clock: Arc<dyn Clock>,
}

/// `s3s`'s side of the door.
struct Adapter {
    door: Arc<dyn Door>,
}

/// How an operation's own error gets past `s3s`, which would keep only its code.
#[derive(Clone, Default)]
struct Refusal(Arc<Mutex<Option<Error>>>);

/// Hosts that name a bucket.
struct Hosts;

impl Objects {
    /// In front of a door.
    pub fn new(door: Arc<dyn Door>, clock: Arc<dyn Clock>) -> Objects {
        let mut builder = S3ServiceBuilder::new(Adapter { door });
        builder.set_host(Hosts);
        Objects { service: builder.build(), clock }
    }
}

impl ObjectDoor for Objects {
    fn answer(
        &self,
        mut request: Request<Incoming>,
        caller: Caller,
        request_id: String,
    ) -> BoxFuture<'static, Response<ResponseBody>> {
        let service = self.service.clone();
        let now = self.clock.moment().now;
        Box::pin(async move {
            let head = request.method() == Method::HEAD;
            let path = request.uri().path().to_owned();
            let refusal = Refusal::default();
            let payload = request.extensions_mut().remove::<Payload>().unwrap_or(Payload::Free);
            let prepared = match presigned::strip(request, now) {
                Ok(request) => prepare(request, payload).await,
                Err(error) => Err(error),
            };
            let answer = match prepared {
                Ok(mut request) => {
                    request.extensions_mut().insert(caller);
                    request.extensions_mut().insert(refusal.clone());
                    service.call(request).await
                }
                Err(error) => {
                    refusal.set(error);
                    Ok(Response::new(s3s::Body::empty()))
                }
            };
            let answer = match (refusal.take(), answer) {
                (Some(error), _) => Err(error),
                (None, Ok(answer)) if answer.status().is_success() => Ok(answer),
                (None, Ok(answer)) => Err(foreign(answer)),
                (None, Err(error)) => {
                    let error: Box<dyn std::error::Error + Send + Sync> = error.into();
                    Err(Error::internal(error.to_string()))
                }
            };
            let mut response = match answer {
                Ok(answer) => answer.map(ResponseBody::wrap),
                Err(error) => refuse(&error, &path, head, &request_id),
            };
            stamp(response.headers_mut(), &request_id);
            response
        })
    }
}

impl Adapter {
    /// Through the door, as whoever the port says.
    async fn call(
        &self,
        extensions: &mut Extensions,
        operation: &str,
        input: Input,
    ) -> S3Result<Output> {
        let input = Input { wire: extensions.remove::<Arc<Wire>>(), ..input };
        let refusal = extensions.get::<Refusal>().cloned().unwrap_or_default();
        let Some(caller) = extensions.remove::<Caller>() else {
            return Err(refusal.raise(Error::internal("a request without a caller")));
        };
        self.door.call(&caller, "s3", operation, input).await.map_err(|error| refusal.raise(error))
    }
}

impl Refusal {
    fn set(&self, error: Error) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
    }

    fn take(&self) -> Option<Error> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn raise(&self, error: Error) -> S3Error {
        let mut raised = S3Error::with_message(
            S3ErrorCode::Custom(error.code.to_string().into()),
            error.message.clone(),
        );
        raised.set_status_code(StatusCode::from_u16(error.status).unwrap_or_default());
        self.set(error);
        raised
    }
}

impl S3Host for Hosts {
    fn parse_host_header<'a>(&'a self, host: &'a str) -> S3Result<VirtualHost<'a>> {
        Ok(match bucket_of_host(host) {
            Some(Some(bucket)) => VirtualHost::new(host).with_bucket(bucket),
            _ => VirtualHost::new(host),
        })
    }
}

/// Makes the request one that `s3s` reads as S3 would.
async fn prepare(request: Request<Incoming>, payload: Payload) -> Result<s3s::HttpRequest, Error> {
    let (mut parts, body) = request.into_parts();
    let headers = &mut parts.headers;
    // S3 passes over a range that it cannot read; `s3s` would refuse the request.
    let unreadable = |range: &HeaderValue| {
        range.to_str().map_or(true, |range| s3s::dto::Range::parse(range).is_err())
    };
    if headers.get(header::RANGE).is_some_and(unreadable) {
        headers.remove(header::RANGE);
    }
    let text = |headers: &HeaderMap, name: &str| {
        headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
    };
    let is_form =
        text(headers, "content-type").is_some_and(|kind| kind.starts_with("multipart/form-data"));
    if parts.method == Method::POST && is_form {
        return Err(Error::new(
            "NotImplemented",
            "Stepwell's S3 does not take objects from forms (POST Object): put them, by a presigned URL if need be",
        )
        .with_status(501));
    }
    let encodings = text(headers, "content-encoding").unwrap_or_default();
    let streaming =
        text(headers, "x-amz-content-sha256").is_some_and(|hash| hash.starts_with("STREAMING-"));
    if !streaming && !encodings.split(',').any(|one| one.trim() == "aws-chunked") {
        let body = payload::hold(body, payload).await?;
        return Ok(Request::from_parts(parts, body));
    }
    let length = text(headers, "x-amz-decoded-content-length").ok_or_else(|| {
        Error::new("MissingContentLength", "You must provide the Content-Length HTTP header.")
            .with_status(411)
    })?;
    let announced = text(headers, "x-amz-trailer")
        .and_then(|name| Algorithm::ALL.into_iter().find(|one| one.header() == name.trim()));
    let kept: Vec<_> = encodings
        .split(',')
        .map(str::trim)
        .filter(|one| !matches!(*one, "" | "aws-chunked"))
        .collect();
    set(headers, header::CONTENT_LENGTH, &length);
    set(headers, header::CONTENT_ENCODING, &kept.join(","));
    if kept.is_empty() {
        headers.remove(header::CONTENT_ENCODING);
    }
    headers.remove(header::TRANSFER_ENCODING);
    if let Some(algorithm) = announced {
        // So that it is computed and kept; that it fits is seen to while decoding.
        let name = HeaderName::from_static("x-amz-sdk-checksum-algorithm");
        set(headers, name, algorithm.name());
    }
    let bytes = body.into_data_stream().map_err(io::Error::other);
    let signatures = match payload {
        Payload::Chunks(signatures) => Some(signatures),
        // A hash of the chunked form as it was sent is nothing that clients make.
        Payload::Hash(_) => return Err(Fault::Payload.error(Style::Objects)),
        Payload::Free => None,
    };
    let decoded = chunked::decode(bytes.boxed(), announced, signatures).map_ok(Frame::data);
    let body = s3s::Body::http_body_unsync(StreamBody::new(decoded));
    Ok(Request::from_parts(parts, body))
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// An error that `s3s` itself found, before any operation.
fn foreign(answer: Response<s3s::Body>) -> Error {
    let status = answer.status().as_u16();
    let text = answer.body().bytes().unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let element = |name: &str| {
        let (_, rest) = text.split_once(&format!("<{name}>"))?;
        Some(rest.split_once(&format!("</{name}>"))?.0.to_owned())
    };
    let code = element("Code").unwrap_or_else(|| "InternalError".to_owned());
    let message = element("Message").unwrap_or_else(|| {
        match code.as_str() {
            "InvalidBucketName" => "The specified bucket is not valid.",
            "InvalidURI" => "Couldn't parse the specified URI.",
            "KeyTooLongError" => "Your key is too long",
            "MalformedXML" => {
                "The XML you provided was not well-formed or did not validate against our published schema"
            }
            "MethodNotAllowed" => "The specified method is not allowed against this resource.",
            "MissingContentLength" => "You must provide the Content-Length HTTP header.",
            "IncompleteBody" => {
                "You did not provide the number of bytes specified by the Content-Length HTTP header"
            }
            _ => "The request cannot be read.",
        }
        .to_owned()
    });
    Error::new(code, message).with_status(status)
}

/// An error as S3 writes it.
pub(crate) fn refuse(
    error: &Error,
    path: &str,
    head: bool,
    request_id: &str,
) -> Response<ResponseBody> {
    if error.status >= 500 && error.status != 501 {
        tracing::error!(request_id, %error, "an operation of S3's failed");
    }
    let mut response = Response::new(ResponseBody::empty());
    let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    *response.status_mut() = status;
    if let Some(etag) = error.members.get("ETag").and_then(|etag| etag.as_str())
        && status == StatusCode::NOT_MODIFIED
    {
        set(response.headers_mut(), header::ETAG, etag);
    }
    if head || status == StatusCode::NOT_MODIFIED {
        return response;
    }
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error>");
    element(&mut xml, "Code", &error.code);
    element(&mut xml, "Message", &error.message);
    for (name, value) in &error.members {
        element(&mut xml, name, value.as_str().unwrap_or(&value.to_string()));
    }
    if !error.members.contains_key("Resource") {
        element(&mut xml, "Resource", path);
    }
    element(&mut xml, "RequestId", request_id);
    element(&mut xml, "HostId", &host_id(request_id));
    xml.push_str("</Error>");
    set(response.headers_mut(), header::CONTENT_TYPE, "application/xml");
    *response.body_mut() = ResponseBody::from(Bytes::from(xml));
    response
}

fn element(xml: &mut String, name: &str, text: &str) {
    xml.push('<');
    xml.push_str(name);
    xml.push('>');
    for character in text.chars() {
        match character {
            '&' => xml.push_str("&amp;"),
            '<' => xml.push_str("&lt;"),
            '>' => xml.push_str("&gt;"),
            // No XML can hold it.
            '\0'..='\x08' | '\x0b' | '\x0c' | '\x0e'..='\x1f' | '\u{fffe}' | '\u{ffff}' => {
                xml.push('\u{fffd}');
            }
            other => xml.push(other),
        }
    }
    xml.push_str("</");
    xml.push_str(name);
    xml.push('>');
}

fn stamp(headers: &mut HeaderMap, request_id: &str) {
    set(headers, HeaderName::from_static("x-amz-request-id"), request_id);
    set(headers, HeaderName::from_static("x-amz-id-2"), &host_id(request_id));
}

fn host_id(request_id: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(request_id)
}
