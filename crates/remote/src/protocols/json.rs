//! awsJson: everything in one JSON body, the operation in a header.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use models::conform::{Naming, conform};
use models::{Operation, Service};
use serde_json::Value;

use super::Told;
use crate::{Call, Endpoint, Problem, Received, Sent};

pub(super) fn encode(endpoint: &Endpoint, call: &Call<'_>) -> Result<Sent, Problem> {
    let prefix = call.service.entry.target_prefix.unwrap_or_default();
    let body = match call.operation.input {
        Some(shape) => models::json::encode(call.service, shape, Naming::Member, call.members),
        None => b"{}".to_vec(),
    };
    super::request(endpoint, "POST", "/")?
        .header("x-amz-target", format!("{prefix}.{}", call.operation.name))
        .header(CONTENT_TYPE, format!("application/x-amz-json-{}", call.service.json_version))
        .body(Bytes::from(body))
        .map_err(|error| Problem::Unsendable(error.to_string()))
}

pub(super) fn decode(
    service: &Service,
    operation: &Operation,
    response: &Received,
) -> Result<Value, Problem> {
    let mut members = parse(response.body())?;
    if let Some(shape) = operation.output {
        conform(service, shape, Naming::Member, &mut members)
            .map_err(|error| Problem::Garbled(error.to_string()))?;
    }
    Ok(members)
}

/// A body; none at all is an empty object.
pub(super) fn parse(body: &[u8]) -> Result<Value, Problem> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Value::Object(Default::default()));
    }
    serde_json::from_slice(body).map_err(|error| Problem::Garbled(error.to_string()))
}

pub(super) fn error(response: &Received) -> Told {
    let body: Value = serde_json::from_slice(response.body()).unwrap_or_default();
    let text =
        |names: &[&str]| names.iter().find_map(|name| body[*name].as_str().map(str::to_owned));
    let header = response.headers().get("x-amzn-errortype").and_then(|value| value.to_str().ok());
    let code = header.map(str::to_owned).or_else(|| text(&["__type", "code", "Code"]));
    Told {
        code: code.map(|code| bare(&code).to_owned()).filter(|code| !code.is_empty()),
        message: text(&["message", "Message", "errorMessage"]),
        request_id: None,
    }
}

/// `com.amazonaws.sqs#QueueDoesNotExist` and `ValidationException:http://…` by their names alone.
fn bare(code: &str) -> &str {
    let code = code.split(':').next().unwrap_or(code);
    code.rsplit('#').next().unwrap_or(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_errors_name_is_found_wherever_it_stands() {
        let told = |header: Option<&str>, body: &str| {
            let mut response = http::Response::builder().status(400);
            if let Some(value) = header {
                response = response.header("x-amzn-ErrorType", value);
            }
            let told = error(&response.body(Bytes::from(body.to_owned())).expect("is a response"));
            (told.code.unwrap_or_default(), told.message.unwrap_or_default())
        };
        let named = |code: &str, message: &str| (code.to_owned(), message.to_owned());
        assert_eq!(
            told(None, r#"{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"gone"}"#),
            named("QueueDoesNotExist", "gone")
        );
        assert_eq!(
            told(Some("ResourceNotFoundException:http://x/"), r#"{"Message":"gone"}"#),
            named("ResourceNotFoundException", "gone")
        );
        assert_eq!(told(None, "<html>no</html>"), named("", ""));
    }
}
