//! `arn:aws:states:::apigateway:invoke`: a call of an API behind API Gateway. The request goes to the
//! endpoint that the configuration names, with the API's own host in its header, by which emulators tell
//! APIs apart.

use async_trait::async_trait;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST, HeaderName, HeaderValue};
use remote::Problem;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::http::{encoded, plain};
use super::{Answer, Failed, Integration, Pattern, Work, answer};
use crate::{Error, elsewhere};

/// API Gateway's integration.
pub struct ApiGateway;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Parameters {
    api_endpoint: String,
    method: Method,
    #[serde(default)]
    stage: String,
    #[serde(default)]
    path: String,
    headers: Option<Map<String, Value>>,
    query_parameters: Option<Map<String, Value>>,
    request_body: Option<Value>,
    #[serde(default)]
    allow_null_values: bool,
    #[serde(default)]
    auth_type: AuthType,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Method {
    Get,
    Post,
    Put,
    Delete,
    Patch,
    Head,
    Options,
}

#[derive(Clone, Copy, Default, Deserialize, PartialEq)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum AuthType {
    #[default]
    NoAuth,
    IamRole,
    ResourcePolicy,
}

/// Headers that are not the task's to set, as AWS documents them.
const FORBIDDEN: [&str; 14] = [
    "authorization",
    "connection",
    "content-md5",
    "expect",
    "host",
    "max-forwards",
    "proxy-authenticate",
    "server",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
    "www-authenticate",
];

#[async_trait]
impl Integration for ApiGateway {
    fn service(&self) -> &'static str {
        "apigateway"
    }

    async fn run(&self, work: &Work<'_>) -> Result<Answer, Failed> {
        if work.action != "invoke" || work.waits_for_job() {
            return Err(Failed::unsupported(work.service, work.action));
        }
        let endpoint = work.context.settings.elsewhere.endpoint("apigateway");
        let endpoint =
            endpoint.ok_or_else(|| Failed::no_endpoint("apigateway", &work.task.target))?;
        let parameters = Parameters::deserialize(work.parameters())
            .map_err(|error| runtime(error.to_string()))?;
        let iam = &work.context.iam;
        let may =
            iam.check(work.context, &work.caller, "apigateway", "Invoke", work.parameters(), None);
        may.await.map_err(|refusal| {
            Failed::new("ApiGateway.403", json!({ "Message": refusal.message }).to_string())
        })?;
        let request = request(&parameters, endpoint)?;
        let signed = parameters.auth_type != AuthType::NoAuth;
        let response = elsewhere::send_to(work, endpoint, request, signed.then_some("execute-api"));
        let response = response.await.map_err(|problem| match problem {
            Problem::TooLarge(_) => Failed::too_large(work),
            problem => Failed::new("ApiGateway.SdkClientException", problem.to_string()),
        })?;
        let result = answered(&response)?;
        Ok(match work.pattern {
            Pattern::WaitForTaskToken => Answer::Submitted(result),
            _ => Answer::Succeeded(result),
        })
    }

    async fn cancel(&self, _: &Work<'_>) -> Result<(), Error> {
        // A call is over when it is answered: there is nothing to end.
        Ok(())
    }
}

fn runtime(cause: impl Into<String>) -> Failed {
    Failed::new("States.Runtime", cause)
}

fn request(
    parameters: &Parameters,
    endpoint: &remote::Endpoint,
) -> Result<http::Request<Bytes>, Failed> {
    let method = match parameters.method {
        Method::Get => http::Method::GET,
        Method::Post => http::Method::POST,
        Method::Put => http::Method::PUT,
        Method::Delete => http::Method::DELETE,
        Method::Patch => http::Method::PATCH,
        Method::Head => http::Method::HEAD,
        Method::Options => http::Method::OPTIONS,
    };
    // AWS's has neither scheme nor path; those of emulators have.
    let named = &parameters.api_endpoint;
    let api = named.split_once("://").map_or(named.as_str(), |(_, rest)| rest);
    let (host, base) = api.split_once('/').unwrap_or((api, ""));
    let mut path = String::new();
    for part in [base, &parameters.stage, &parameters.path] {
        let part = part.strip_prefix('/').unwrap_or(part);
        if !part.is_empty() {
            path = format!("{}/{part}", path.trim_end_matches('/'));
        }
    }
    let nulls = parameters.allow_null_values;
    let query: Vec<String> = values(&parameters.query_parameters, nulls)
        .map(|(name, value)| format!("{}={}", encoded(name), encoded(&value)))
        .collect();
    let query = if query.is_empty() { String::new() } else { format!("?{}", query.join("&")) };
    let uri = endpoint.url(&format!("{path}{query}"));
    let body = parameters.request_body.as_ref().map(Value::to_string).unwrap_or_default();
    let has_body = !body.is_empty();
    let mut request = http::Request::builder()
        .method(method)
        .uri(uri)
        .header(HOST, host)
        .body(Bytes::from(body))
        .map_err(|error| runtime(format!("The ApiEndpoint '{named}': {error}")))?;
    for (name, value) in values(&parameters.headers, nulls) {
        let small = name.to_ascii_lowercase();
        let aws = ["x-forwarded", "x-amz"].iter().any(|prefix| small.starts_with(prefix));
        if aws || FORBIDDEN.contains(&small.as_str()) {
            return Err(runtime(format!("The header '{name}' is not allowed in a call of an API")));
        }
        let wrong = || runtime(format!("The header '{name}' cannot be sent"));
        let name = HeaderName::try_from(name).map_err(|_| wrong())?;
        let value = HeaderValue::from_str(&value).map_err(|_| wrong())?;
        request.headers_mut().append(name, value);
    }
    if has_body && !request.headers().contains_key(CONTENT_TYPE) {
        let json = HeaderValue::from_static("application/json");
        request.headers_mut().insert(CONTENT_TYPE, json);
    }
    Ok(request)
}

/// Names with each of their values. Nulls are left out unless they are wanted, as nothing then.
fn values(
    members: &Option<Map<String, Value>>,
    nulls: bool,
) -> impl Iterator<Item = (&str, String)> {
    members.iter().flatten().flat_map(move |(name, value)| {
        let values = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        values.iter().filter_map(move |value| match value {
            Value::Null => nulls.then(|| (name.as_str(), String::new())),
            value => Some((name.as_str(), plain(value))),
        })
    })
}

/// The task's result, or the failure that an error's status is: the cause is what the API said.
fn answered(response: &http::Response<Bytes>) -> Result<Value, Failed> {
    let status = response.status();
    let text = String::from_utf8_lossy(response.body());
    if !status.is_success() {
        return Err(Failed::new(format!("ApiGateway.{}", status.as_u16()), text));
    }
    let kind = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let body = match kind.unwrap_or_default().contains("json") {
        true => serde_json::from_str(&text).unwrap_or_else(|_| Value::from(&*text)),
        false => Value::from(&*text),
    };
    Ok(json!({
        "Headers": answer::headers(response.headers()),
        "ResponseBody": body,
        "StatusCode": status.as_u16(),
        "StatusText": status.canonical_reason().unwrap_or_default(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(parameters: Value) -> Result<http::Request<Bytes>, Failed> {
        let endpoint = remote::Endpoint::new("http://127.0.0.1:9/base", None).unwrap();
        request(&Parameters::deserialize(parameters).unwrap(), &endpoint)
    }

    #[test]
    fn a_request_is_made_of_its_parts() {
        let request = made(json!({
            "ApiEndpoint": "id.execute-api.us-east-1.amazonaws.com", "Method": "POST",
            "Stage": "prod", "Path": "bills/add",
            "QueryParameters": { "id": ["1", "a b"], "none": null, "n": 2 },
            "Headers": { "x-mine": ["a", "b"] }, "RequestBody": "text",
        }))
        .unwrap();
        let expected = "http://127.0.0.1:9/base/prod/bills/add?id=1&id=a%20b&n=2";
        assert_eq!(request.uri().to_string(), expected);
        assert_eq!(request.headers()[HOST], "id.execute-api.us-east-1.amazonaws.com");
        assert_eq!(request.headers()[CONTENT_TYPE], "application/json");
        assert_eq!(request.headers().get_all("x-mine").iter().count(), 2);
        // JSON, whatever it is.
        assert_eq!(request.body(), "\"text\"");
    }

    #[test]
    fn an_emulators_endpoint_has_a_path() {
        let request = made(json!({
            "ApiEndpoint": "http://localhost:4566/restapis/id", "Method": "GET",
            "Stage": "dev", "Path": "/", "QueryParameters": { "a": [null] }, "AllowNullValues": true,
        }))
        .unwrap();
        assert_eq!(request.uri().to_string(), "http://127.0.0.1:9/base/restapis/id/dev?a=");
        assert_eq!(request.headers()[HOST], "localhost:4566");
        assert!(request.body().is_empty() && !request.headers().contains_key(CONTENT_TYPE));
    }

    #[test]
    fn some_headers_are_not_the_tasks_to_set() {
        for name in ["Host", "Authorization", "X-Amz-Date", "x-forwarded-for", "TE"] {
            let refused = made(json!({
                "ApiEndpoint": "id.example", "Method": "GET", "Headers": { name: ["a"] },
            }));
            let failure = refused.unwrap_err().failure;
            assert_eq!(failure.error.as_deref(), Some("States.Runtime"), "{name}");
        }
    }

    #[test]
    fn an_answer_is_a_result_or_a_failure() {
        let response = |status: u16, body: &'static str| {
            let made = http::Response::builder().status(status);
            let made = made.header(CONTENT_TYPE, "application/json");
            answered(&made.body(Bytes::from_static(body.as_bytes())).unwrap())
        };
        let result = response(200, r#"{"a":1}"#).unwrap();
        assert_eq!(
            result,
            json!({
                "Headers": { "Content-Type": ["application/json"] },
                "ResponseBody": { "a": 1 }, "StatusCode": 200, "StatusText": "OK",
            })
        );
        let failure = response(403, r#"{"message":"no"}"#).unwrap_err().failure;
        assert_eq!(failure.error.as_deref(), Some("ApiGateway.403"));
        assert_eq!(failure.cause.as_deref(), Some(r#"{"message":"no"}"#));
    }
}
