//! What every answer has, and answers that no protocol shapes.

use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use serde_json::json;

use crate::ResponseBody;

/// Puts the request id on an answer.
pub(crate) fn stamp(headers: &mut HeaderMap, request_id: &str) {
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert("x-amzn-requestid", id);
    }
}

/// An answer of the port itself, in plain JSON.
pub(crate) fn plain(
    status: StatusCode,
    code: &str,
    message: &str,
    request_id: &str,
) -> Response<ResponseBody> {
    let body = json!({ "__type": code, "message": message }).to_string();
    json_text(status, body, request_id)
}

/// JSON that is not AWS's.
pub(crate) fn json_text(
    status: StatusCode,
    body: String,
    request_id: &str,
) -> Response<ResponseBody> {
    let mut response = Response::new(ResponseBody::from(body));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    stamp(response.headers_mut(), request_id);
    response
}
