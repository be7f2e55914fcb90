//! `GET /_stepwell/health`.

use http::{Response, StatusCode};
use serde_json::json;

use crate::answer::json_text;
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
