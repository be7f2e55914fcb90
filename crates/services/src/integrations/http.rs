//! `arn:aws:states:::http:invoke`: a call of any HTTP API. What lets us in is a connection, which the
//! configuration has instead of EventBridge.

use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use remote::Problem;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::http_exchange::{Exchange, told};
use super::{Answer, Failed, Integration, Pattern, Work, answer, credentials};
use crate::Error;
use crate::elsewhere::{self, Connection, OAuth};

/// HTTP tasks.
pub struct Http;

/// AWS gives up after a minute, whatever the task's timeout says.
const ANSWER_COMES: Duration = Duration::from_secs(60);
/// What the header `Range` asks for.
const ANSWER_BYTES_MAX: usize = 262_144;
const RANGE: &str = "bytes=0-262144";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Parameters {
    api_endpoint: String,
    method: String,
    authentication: Option<ConnectionRef>,
    invocation_config: Option<ConnectionRef>,
    headers: Option<Map<String, Value>>,
    query_parameters: Option<Value>,
    request_body: Option<Value>,
    #[serde(default)]
    transform: Transform,
}

impl Parameters {
    /// The ARN of the connection that is named.
    fn connection(&self) -> Option<&str> {
        let named = self.invocation_config.as_ref().or(self.authentication.as_ref());
        named.map(|named| named.connection_arn.as_str())
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct ConnectionRef {
    connection_arn: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
struct Transform {
    request_body_encoding: Encoding,
    request_encoding_options: Options,
}

#[derive(Default, Deserialize, PartialEq)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Encoding {
    #[default]
    None,
    UrlEncoded,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
struct Options {
    array_format: ArrayFormat,
}

/// How arrays are written in a form.
#[derive(Clone, Copy, Default, Deserialize, PartialEq)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum ArrayFormat {
    #[default]
    Indices,
    Repeat,
    Commas,
    Brackets,
}

#[async_trait]
impl Integration for Http {
    fn service(&self) -> &'static str {
        "http"
    }

    async fn run(&self, work: &Work<'_>) -> Result<Answer, Failed> {
        invoke(work, &mut None).await
    }

    async fn cancel(&self, _: &Work<'_>) -> Result<(), Error> {
        Ok(())
    }
}

/// Calls the API; what was sent and answered is put into `exchange`.
pub(super) async fn invoke(
    work: &Work<'_>,
    exchange: &mut Option<Exchange>,
) -> Result<Answer, Failed> {
    if work.action != "invoke" || work.pattern != Pattern::RequestResponse {
        return Err(Failed::unsupported(work.service, work.action));
    }
    let parameters =
        Parameters::deserialize(work.parameters()).map_err(|error| runtime(error.to_string()))?;
    may_call(work, &parameters).await?;
    let connection = connection(work, &parameters)?;
    may_use(work, &parameters).await?;
    let mut message = request(work, &parameters, connection)?;
    let authorization = authorize(work, connection, message.headers_mut()).await?;
    let nothing = Connection::default();
    let plain = request(work, &parameters, &nothing)?;
    let seen = exchange.insert(Exchange::new(
        told(&message, headers_told(work, &parameters, connection, authorization)),
        told(&plain, headers_told(work, &parameters, &nothing, None)),
    ));
    let protocol = message.uri().scheme_str().unwrap_or_default().to_owned();
    let response = elsewhere::send(work, message, ANSWER_COMES, ANSWER_BYTES_MAX).await;
    let response = response.map_err(|problem| match problem {
        Problem::TooLarge(_) => Failed::too_large(work),
        problem => Failed::new("States.Http.Socket", problem.to_string()),
    })?;
    seen.answered(&protocol, &response);
    answered(&response).map(Answer::Succeeded)
}

/// Whether the role may call this API at all.
async fn may_call(work: &Work<'_>, parameters: &Parameters) -> Result<(), Failed> {
    let Parameters { api_endpoint: endpoint, method, .. } = parameters;
    let keys = [("states:HTTPEndpoint", endpoint.as_str()), ("states:HTTPMethod", method)];
    let (context, machine) = (work.context, credentials::machine(work.header));
    let action = "states:InvokeHTTPEndpoint";
    let may = context.iam.permits(context, &work.caller, action, machine, &keys).await;
    may.map_err(|_| {
        Failed::new(
            "States.Http.AccessDenied",
            format!(
                "AWS Step Functions is not authorized to perform {action} on API Endpoint {endpoint}. \
                 Ensure that the StateMachine role contains the {action} permission for the given API \
                 Endpoint"
            ),
        )
    })
}

/// Whether the role may use the connection, and the secret that EventBridge keeps for it.
async fn may_use(work: &Work<'_>, parameters: &Parameters) -> Result<(), Failed> {
    let Some(arn) = parameters.connection() else { return Ok(()) };
    let secret = secret_of(arn);
    for (action, resource) in [
        ("events:RetrieveConnectionCredentials", arn),
        ("secretsmanager:DescribeSecret", &secret),
        ("secretsmanager:GetSecretValue", &secret),
    ] {
        let may = work.context.iam.permits(work.context, &work.caller, action, resource, &[]).await;
        may.map_err(|refusal| Failed::new("Events.ConnectionResource.AccessDenied", refusal))?;
    }
    Ok(())
}

/// The ARN of the secret of a connection, with six characters at its end as every secret's has.
fn secret_of(connection: &str) -> String {
    let (place, name) = connection.split_once(":connection/").unwrap_or((connection, ""));
    let place = place.replacen(":events:", ":secretsmanager:", 1);
    format!("{place}:secret:events!connection/{name}-{}", &credentials::letters(connection)[..6])
}

/// The headers of a request as AWS tells them: the task's, what authorizes, the connection's, AWS's own.
fn headers_told(
    work: &Work<'_>,
    parameters: &Parameters,
    connection: &Connection,
    authorization: Option<(String, String)>,
) -> Vec<(String, String)> {
    let mut told: Vec<(String, String)> = Vec::new();
    for (name, value) in parameters.headers.iter().flatten() {
        if connection.headers.keys().any(|ours| ours.eq_ignore_ascii_case(name)) {
            continue;
        }
        let values = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        told.extend(values.iter().map(|value| (name.clone(), plain(value))));
    }
    told.extend(authorization);
    told.extend(connection.headers.iter().map(|(name, value)| (name.clone(), value.clone())));
    told.push(("User-Agent".to_owned(), user_agent(work)));
    told.push(("Range".to_owned(), RANGE.to_owned()));
    told
}

fn user_agent(work: &Work<'_>) -> String {
    format!("Amazon|StepFunctions|HttpInvoke|{}", work.header.region)
}

fn runtime(cause: impl Into<String>) -> Failed {
    Failed::new("States.Runtime", cause)
}

/// The connection that a task names.
fn connection<'a>(work: &'a Work<'_>, parameters: &Parameters) -> Result<&'a Connection, Failed> {
    let arn = match parameters.connection() {
        Some(arn) => arn,
        None => {
            return Err(runtime(
                "An HTTP task needs a connection: give Authentication or InvocationConfig with a \
                 ConnectionArn",
            ));
        }
    };
    let name = arn.split(":connection/").nth(1).and_then(|rest| rest.split('/').next());
    let name = name.unwrap_or_default();
    work.context.settings.elsewhere.connection(name).ok_or_else(|| {
        Failed::new(
            "Events.ConnectionResource.ResourceNotFound",
            format!(
                "There is no connection `{name}` ({arn}): Stepwell has EventBridge's connections in its \
                 configuration, so add [connections.{name}] to stepwell.toml"
            ),
        )
    })
}

fn request(
    work: &Work<'_>,
    parameters: &Parameters,
    connection: &Connection,
) -> Result<http::Request<Bytes>, Failed> {
    const METHODS: [&str; 7] = ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"];
    if !METHODS.contains(&&*parameters.method) {
        return Err(runtime(format!(
            "The Method '{}' is not one of {}",
            parameters.method,
            METHODS.join(", ")
        )));
    }
    let body = body(parameters, connection)?;
    let query = query(parameters, connection)?;
    let separator = if parameters.api_endpoint.contains('?') { '&' } else { '?' };
    let uri = match query.is_empty() {
        true => parameters.api_endpoint.clone(),
        false => format!("{}{separator}{query}", parameters.api_endpoint),
    };
    let uri: http::Uri =
        uri.parse().map_err(|error| runtime(format!("The ApiEndpoint '{uri}': {error}")))?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.host().is_none() {
        return Err(runtime(format!("The ApiEndpoint '{uri}' is no HTTPS URL")));
    }
    let mut message = http::Request::builder()
        .method(parameters.method.as_str())
        .uri(uri)
        .body(Bytes::from(body))
        .map_err(|error| runtime(error.to_string()))?;
    let headers = message.headers_mut();
    for (name, value) in parameters.headers.iter().flatten() {
        if is_forbidden(name) {
            return Err(runtime(format!("The header '{name}' is not allowed in an HTTP task")));
        }
        let values = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        for value in values {
            add(headers, name, &plain(value), false)?;
        }
    }
    for (name, value) in &connection.headers {
        add(headers, name, value, true)?;
    }
    if !headers.contains_key(CONTENT_TYPE) {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=UTF-8"));
    }
    add(headers, "user-agent", &user_agent(work), true)?;
    add(headers, "range", RANGE, true)?;
    Ok(message)
}

fn add(headers: &mut HeaderMap, name: &str, value: &str, instead: bool) -> Result<(), Failed> {
    let wrong = || runtime(format!("The header '{name}' cannot be sent"));
    let name = HeaderName::try_from(name).map_err(|_| wrong())?;
    let value = HeaderValue::from_str(value).map_err(|_| wrong())?;
    match instead {
        true => drop(headers.insert(name, value)),
        false => drop(headers.append(name, value)),
    }
    Ok(())
}

/// Headers that are not the task's to set, as AWS documents them.
fn is_forbidden(name: &str) -> bool {
    const NAMES: [&str; 35] = [
        "a-im",
        "accept-charset",
        "accept-datetime",
        "accept-encoding",
        "authorization",
        "cache-control",
        "connection",
        "content-encoding",
        "content-md5",
        "date",
        "expect",
        "forwarded",
        "from",
        "host",
        "http2-settings",
        "if-match",
        "if-modified-since",
        "if-none-match",
        "if-range",
        "if-unmodified-since",
        "max-forwards",
        "origin",
        "pragma",
        "proxy-authorization",
        "range",
        "referer",
        "server",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "user-agent",
        "via",
        "warning",
        "content-length",
    ];
    let name = name.to_ascii_lowercase();
    NAMES.contains(&&*name)
        || ["x-forwarded-", "x-amz-", "x-amzn-"].iter().any(|prefix| name.starts_with(prefix))
}

/// The body, the connection's members before the task's.
fn body(parameters: &Parameters, connection: &Connection) -> Result<Vec<u8>, Failed> {
    let mut value = parameters.request_body.clone();
    if !connection.body.is_empty() {
        match value.get_or_insert_with(|| json!({})) {
            Value::Object(members) => {
                members.extend(
                    connection.body.iter().map(|(name, value)| (name.clone(), value.clone())),
                );
            }
            _ => {
                return Err(runtime(
                    "The RequestBody is no JSON object, so the connection's body parameters cannot be \
                     merged into it",
                ));
            }
        }
    }
    let Some(value) = value else { return Ok(Vec::new()) };
    let transform = &parameters.transform;
    if transform.request_body_encoding == Encoding::UrlEncoded {
        let is_form = |headers: &Map<String, Value>| {
            headers.iter().any(|(name, value)| {
                name.eq_ignore_ascii_case("content-type")
                    && plain(value).starts_with("application/x-www-form-urlencoded")
            })
        };
        if !parameters.headers.as_ref().is_some_and(is_form) {
            return Err(runtime(
                "A body with the RequestBodyEncoding URL_ENCODED needs the header content-type: \
                 application/x-www-form-urlencoded",
            ));
        }
        let form = form(&value, transform.request_encoding_options.array_format);
        return form.map(String::into_bytes).ok_or_else(|| {
            runtime("A body with the RequestBodyEncoding URL_ENCODED must be a JSON object")
        });
    }
    Ok(match value {
        Value::String(text) => text.into_bytes(),
        value => value.to_string().into_bytes(),
    })
}

/// The query: text as it is, an object by its members, a list of texts one after the other.
fn query(parameters: &Parameters, connection: &Connection) -> Result<String, Failed> {
    let mut pairs = Vec::new();
    match &parameters.query_parameters {
        None | Some(Value::Null) => {}
        Some(Value::String(text)) => pairs.push(text.clone()),
        Some(Value::Array(items)) => pairs.extend(items.iter().map(plain)),
        Some(Value::Object(members)) => {
            for (name, value) in members {
                if connection.query_parameters.contains_key(name) {
                    continue;
                }
                let values = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
                pairs.extend(values.iter().map(|value| pair(name, &plain(value))));
            }
        }
        Some(_) => {
            return Err(runtime("QueryParameters must be a JSON object, an array or a string"));
        }
    }
    pairs.extend(connection.query_parameters.iter().map(|(name, value)| pair(name, value)));
    Ok(pairs.join("&"))
}

/// An object as a form; none for other values.
fn form(value: &Value, format: ArrayFormat) -> Option<String> {
    fn write(name: &str, value: &Value, format: ArrayFormat, pairs: &mut Vec<String>) {
        match value {
            Value::Object(members) => {
                for (member, value) in members {
                    write(&format!("{name}[{member}]"), value, format, pairs);
                }
            }
            Value::Array(items) if format == ArrayFormat::Commas => {
                let items: Vec<String> = items.iter().map(|item| encoded(&plain(item))).collect();
                pairs.push(format!("{}={}", encoded(name), items.join(",")));
            }
            Value::Array(items) => {
                for (place, item) in items.iter().enumerate() {
                    let name = match format {
                        ArrayFormat::Indices => format!("{name}[{place}]"),
                        ArrayFormat::Brackets => format!("{name}[]"),
                        ArrayFormat::Repeat | ArrayFormat::Commas => name.to_owned(),
                    };
                    write(&name, item, format, pairs);
                }
            }
            value => pairs.push(pair(name, &plain(value))),
        }
    }
    let mut pairs = Vec::new();
    for (name, value) in value.as_object()? {
        write(name, value, format, &mut pairs);
    }
    Some(pairs.join("&"))
}

fn pair(name: &str, value: &str) -> String {
    format!("{}={}", encoded(name), encoded(value))
}

pub(super) fn encoded(text: &str) -> String {
    const RESERVED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
    utf8_percent_encode(text, &RESERVED).to_string()
}

/// Text as it is, other JSON as JSON.
pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        value => value.to_string(),
    }
}

/// Adds the header that lets us in, and tells it.
async fn authorize(
    work: &Work<'_>,
    connection: &Connection,
    headers: &mut HeaderMap,
) -> Result<Option<(String, String)>, Failed> {
    let (name, value) = if let Some(basic) = &connection.basic {
        let pair = BASE64.encode(format!("{}:{}", basic.username, basic.password));
        ("Authorization", format!("Basic {pair}"))
    } else if let Some(key) = &connection.api_key {
        (key.name.as_str(), key.value.clone())
    } else if let Some(oauth) = &connection.oauth {
        ("Authorization", format!("Bearer {}", token(work, oauth).await?))
    } else {
        return Ok(None);
    };
    add(headers, name, &value, true)?;
    Ok(Some((name.to_owned(), value)))
}

/// A token for a client's id and secret.
async fn token(work: &Work<'_>, oauth: &OAuth) -> Result<String, Failed> {
    let refused = |why: String| {
        Failed::new(
            "Events.ConnectionResource.InvalidConnectionState",
            format!("No token from {}: {why}", oauth.authorization_endpoint),
        )
    };
    let own = [
        ("grant_type", "client_credentials"),
        ("client_id", &oauth.client_id),
        ("client_secret", &oauth.client_secret),
    ];
    let further = oauth.body.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let pairs: Vec<String> =
        own.into_iter().chain(further).map(|(name, value)| pair(name, value)).collect();
    let request = http::Request::post(&oauth.authorization_endpoint)
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Bytes::from(pairs.join("&")))
        .map_err(|error| refused(error.to_string()))?;
    let response = elsewhere::send(work, request, ANSWER_COMES, ANSWER_BYTES_MAX)
        .await
        .map_err(|problem| refused(problem.to_string()))?;
    if !response.status().is_success() {
        return Err(refused(format!("it answered {}", response.status())));
    }
    let answer: Value =
        serde_json::from_slice(response.body()).map_err(|error| refused(error.to_string()))?;
    let token = answer["access_token"].as_str();
    token.map(str::to_owned).ok_or_else(|| refused("its answer has no access_token".to_owned()))
}

/// The task's result, or the failure that an error's status is.
fn answered(response: &http::Response<Bytes>) -> Result<Value, Failed> {
    let status = response.status();
    let content_type = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let content_type = content_type.unwrap_or_default().to_ascii_lowercase();
    if ["application/octet-stream", "image/", "video/", "audio/"]
        .iter()
        .any(|kind| content_type.starts_with(kind))
    {
        return Err(runtime(format!(
            "Responses of the content type {content_type} are not supported"
        )));
    }
    let text = std::str::from_utf8(response.body())
        .map_err(|_| runtime("The response cannot be read as text"))?;
    if !status.is_success() {
        return Err(Failed::new(format!("States.Http.StatusCode.{}", status.as_u16()), text));
    }
    let body = match content_type.contains("json") {
        true => serde_json::from_str(text).unwrap_or_else(|_| Value::from(text)),
        false => Value::from(text),
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

    #[test]
    fn arrays_are_encoded_as_documented() {
        let array = json!({ "array": ["a", "b"] });
        for (format, expected) in [
            (ArrayFormat::Indices, "array%5B0%5D=a&array%5B1%5D=b"),
            (ArrayFormat::Repeat, "array=a&array=b"),
            (ArrayFormat::Commas, "array=a,b"),
            (ArrayFormat::Brackets, "array%5B%5D=a&array%5B%5D=b"),
        ] {
            assert_eq!(form(&array, format).as_deref(), Some(expected));
        }
        let nested =
            json!({ "description": "Monthly subscription", "metadata": { "order_details": 1 } });
        let expected = "description=Monthly%20subscription&metadata%5Border_details%5D=1";
        assert_eq!(form(&nested, ArrayFormat::Indices).as_deref(), Some(expected));
        assert_eq!(form(&json!("text"), ArrayFormat::Indices), None);
    }

    #[test]
    fn a_connection_has_a_secret() {
        let secret = secret_of("arn:aws:events:us-east-1:123456789012:connection/shop/1-2");
        let front =
            "arn:aws:secretsmanager:us-east-1:123456789012:secret:events!connection/shop/1-2-";
        assert_eq!(secret.strip_prefix(front).map(str::len), Some(6), "{secret}");
    }

    #[test]
    fn some_headers_are_not_the_tasks_to_set() {
        for name in ["Authorization", "host", "X-Amz-Date", "x-forwarded-for", "Range"] {
            assert!(is_forbidden(name), "{name}");
        }
        assert!(!is_forbidden("content-type") && !is_forbidden("x-request-id"));
    }

    #[test]
    fn an_answer_is_a_result_or_a_failure() {
        let response = |status: u16, kind: &str, body: &'static str| {
            let response = http::Response::builder().status(status).header(CONTENT_TYPE, kind);
            answered(&response.body(Bytes::from_static(body.as_bytes())).unwrap())
        };
        let result = response(200, "application/json", r#"{"a":1}"#).unwrap();
        assert_eq!(
            result,
            json!({
                "Headers": { "Content-Type": ["application/json"] },
                "ResponseBody": { "a": 1 }, "StatusCode": 200, "StatusText": "OK",
            })
        );
        assert_eq!(response(201, "text/plain", "hi").unwrap()["ResponseBody"], "hi");
        let failure = response(404, "text/plain", "no such thing").unwrap_err().failure;
        assert_eq!(failure.error.as_deref(), Some("States.Http.StatusCode.404"));
        assert_eq!(failure.cause.as_deref(), Some("no such thing"));
        let failure = response(200, "image/png", "").unwrap_err().failure;
        assert_eq!(failure.error.as_deref(), Some("States.Runtime"));
    }
}
