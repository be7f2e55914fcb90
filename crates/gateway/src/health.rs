//! `GET /_stepwell/health` and `GET /_stepwell/metrics`.

use http::{HeaderValue, Response, StatusCode, header};
use serde_json::json;

use crate::answer::{json_text, plain, stamp};
use crate::{Gateway, ResponseBody};

/// That we answer at all says the most.
pub(crate) fn health(gateway: &Gateway, request_id: &str) -> Response<ResponseBody> {
    let services = gateway.door.services();
    let health = json!({
        "status": "ok",
        "version": env!("CARGO_PKG_VERSION"),
        "services": services,
    });
    json_text(StatusCode::OK, health.to_string(), request_id)
}

/// What is counted, as Prometheus reads it.
pub(crate) fn metrics(gateway: &Gateway, request_id: &str) -> Response<ResponseBody> {
    let Some(metrics) = &gateway.metrics else {
        return plain(StatusCode::NOT_FOUND, "NotFound", "nothing is counted here", request_id);
    };
    let mut response = Response::new(ResponseBody::from(metrics()));
    let text = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(text));
    stamp(headers, request_id);
    response
}
