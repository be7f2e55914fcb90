//! `/_stepwell/sign-in`: how people without an access key get one from an identity provider.
//!
//! `GET` says whether there is a provider, `GET …/authorize` where it asks people who they are, and `POST`
//! takes what the browser brought back from there and gives temporary credentials. Nothing here is signed:
//! that is what the answer is for.

use http::{HeaderValue, Method, Response, StatusCode, header};
use hyper::body::Incoming;
use serde_json::{Value, json};
use services::audit::Wire;
use services::{Error, Input};

use crate::answer::{plain, stamp};
use crate::handle::Peer;
use crate::protocols::{self, Protocol};
use crate::signature::{Fault, Style};
use crate::{Gateway, ResponseBody, body};

/// Where it is, behind `/_stepwell/`.
pub(crate) const PATH: &str = "sign-in";

/// Answers for a path at or below [`PATH`].
pub(crate) async fn answer(
    gateway: &Gateway,
    peer: Peer,
    (method, below): (&Method, &str),
    incoming: Incoming,
    wire: Wire,
) -> Response<ResponseBody> {
    let request_id = wire.request_id.clone();
    let answer = match (method, below) {
        (&Method::GET, "") => Ok(json!({ "provider": gateway.door.sign_in_offer() })),
        (&Method::GET, "/authorize") => {
            gateway.door.sign_in_at().await.map(|url| json!({ "url": url }))
        }
        (&Method::POST, "") => exchange(gateway, peer, incoming, wire).await,
        _ => return plain(StatusCode::NOT_FOUND, "NotFound", "there is nothing here", &request_id),
    };
    match answer {
        Ok(told) => {
            let mut response = Response::new(ResponseBody::from(told.to_string()));
            let headers = response.headers_mut();
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
            stamp(headers, &request_id);
            response
        }
        Err(error) => protocols::encode_error(Protocol::AwsJson, None, &error, &request_id),
    }
}

/// Credentials for what the browser brought. Those who bring nonsense are counted with wrong signatures.
async fn exchange(
    gateway: &Gateway,
    peer: Peer,
    incoming: Incoming,
    wire: Wire,
) -> Result<Value, Error> {
    let (bytes, _held) = body::read(incoming, gateway).await?;
    let members: Value = serde_json::from_slice(&bytes)
        .map_err(|error| Error::new("SerializationException", error.to_string()))?;
    let input = Input { wire: Some(wire.into()), ..Input::from(members) };
    let answer = gateway.door.sign_in(&gateway.settings.region, input).await;
    answer.map_err(|error| {
        tracing::info!(peer = %peer.address.ip(), "a sign-in failed: {}", error.message);
        match gateway.limiter.take(peer.address.ip().to_canonical(), gateway.moment().now) {
            true => error,
            false => Fault::TooMany.error(Style::Rest),
        }
    })
}
