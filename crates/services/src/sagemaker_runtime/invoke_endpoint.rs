//! InvokeEndpoint: hands the request to the process that serves, and its answer back. Bodies stream.

use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use http_body_util::{BodyExt, BodyStream, StreamBody};
use hyper::body::{Frame, Incoming};
use serde::Deserialize;
use serde_json::json;

use crate::sagemaker::{InFlight, Invocation, Server, endpoint_key, endpoint_status};
use crate::{Body, Caller, Context, Error, Input, Output};

/// What an XGBoost container takes at most, and SageMaker with it: 6 MiB.
const BODY_MAX: usize = 6 << 20;
/// A container's refusal is told in the error; more of it than this helps nobody.
const MESSAGE_MAX: usize = 4096;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    endpoint_name: String,
    content_type: Option<String>,
    accept: Option<String>,
    custom_attributes: Option<String>,
    target_variant: Option<String>,
    target_model: Option<String>,
    inference_id: Option<String>,
    body: Option<String>,
}

pub(super) async fn invoke_endpoint(
    context: &Context,
    caller: &Caller,
    input: Input,
) -> Result<Output, Error> {
    let request: Request =
        serde_json::from_value(input.members).map_err(|error| validation(error.to_string()))?;
    if request.target_model.is_some() {
        return Err(validation(
            "Stepwell does not yet serve multi-model endpoints: leave out TargetModel",
        ));
    }
    let body = match (input.body, &request.body) {
        (Some(body), _) => body,
        (None, Some(text)) => {
            let bytes = STANDARD
                .decode(text)
                .map_err(|error| validation(format!("Body is not base64: {error}")))?;
            futures::stream::iter([Ok(Bytes::from(bytes))]).boxed()
        }
        (None, None) => futures::stream::empty().boxed(),
    };
    let key = endpoint_key(caller, &request.endpoint_name);
    let mut invocation = Invocation::begin(context, caller);
    let hosts = &context.sagemaker.hosts;
    let route = match hosts.route(&key) {
        Some(route) => route,
        None => {
            refuse_unless_served(context, caller, &key, &request.endpoint_name).await?;
            hosts.route_soon(&key).await.ok_or_else(|| {
                unavailable(&request.endpoint_name, "it is being brought up again")
            })?
        }
    };
    let dice = context.clock.moment().dice("variant").next_f64();
    let Some(server) = route.choose(request.target_variant.as_deref(), dice) else {
        return Err(validation(format!(
            "Variant {} of endpoint {} not found",
            request.target_variant.unwrap_or_default(),
            request.endpoint_name
        )));
    };
    let in_flight = InFlight::enter(&route);
    invocation.send(&route, &server.variant);
    let answer = ask(context, server, &request, body).await.inspect_err(|error| {
        if error.code != UNAVAILABLE {
            invocation.withdraw();
        }
    })?;
    let status = answer.status();
    invocation.answered(status.as_u16());
    let header = |name: &str| {
        answer.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
    };
    if !status.is_success() {
        let message = text_of(answer.into_body()).await;
        return Err(model_error(caller, &request.endpoint_name, server, status.as_u16(), &message));
    }
    let mut members = json!({ "InvokedProductionVariant": server.variant });
    if let Some(content_type) = header("content-type") {
        members["ContentType"] = json!(content_type);
    }
    if let Some(attributes) = header("x-amzn-sagemaker-custom-attributes") {
        members["CustomAttributes"] = json!(attributes);
    }
    // The endpoint's old process lives until the last byte has gone out.
    let frames = TryStreamExt::map_err(BodyStream::new(answer.into_body()), io::Error::other);
    let bytes = frames.try_filter_map(|frame| async { Ok(frame.into_data().ok()) });
    let body: Body = bytes
        .inspect(move |_| {
            let _ = (&in_flight, &invocation);
        })
        .boxed();
    Ok(Output { members, body: Some(body) })
}

async fn ask(
    context: &Context,
    server: &Server,
    request: &Request,
    body: Body,
) -> Result<hyper::Response<Incoming>, Error> {
    let unavailable = |why: &str| unavailable(&request.endpoint_name, why);
    let port = server.port().await.ok_or_else(|| unavailable("its process is being started"))?;
    let mut builder = hyper::Request::post(format!("http://127.0.0.1:{port}/invocations"))
        .header("x-stepwell-endpoint-key", &server.secret);
    let headers = [
        ("content-type", &request.content_type),
        ("accept", &request.accept),
        ("x-amzn-sagemaker-custom-attributes", &request.custom_attributes),
        ("x-amzn-sagemaker-inference-id", &request.inference_id),
    ];
    for (name, value) in headers {
        if let Some(value) = value {
            builder = builder.header(name, value);
        }
    }
    let limited = limit(body).map_ok(Frame::data);
    let message = builder
        .body(StreamBody::new(limited).boxed_unsync())
        .map_err(|error| validation(format!("a header cannot be sent on: {error}")))?;
    context.sagemaker.http.request(message).await.map_err(|error| {
        let mut cause: &dyn std::error::Error = &error;
        while let Some(inner) = cause.source() {
            if inner.to_string() == TOO_LARGE {
                return validation(format!("Request size exceeds the limit of {BODY_MAX} bytes"));
            }
            cause = inner;
        }
        unavailable(&error.to_string())
    })
}

const TOO_LARGE: &str = "the body is too large";

fn limit(body: Body) -> impl futures::Stream<Item = io::Result<Bytes>> + Send {
    let mut left = BODY_MAX;
    body.and_then(move |bytes| {
        let fits = bytes.len() <= left;
        left = left.saturating_sub(bytes.len());
        async move { if fits { Ok(bytes) } else { Err(io::Error::other(TOO_LARGE)) } }
    })
}

async fn text_of(body: Incoming) -> String {
    let limited = http_body_util::Limited::new(body, MESSAGE_MAX * 16);
    let bytes = limited.collect().await.map(|collected| collected.to_bytes()).unwrap_or_default();
    String::from_utf8_lossy(&bytes).chars().take(MESSAGE_MAX).collect()
}

/// AWS's error of an endpoint that is not there or not there yet. One that served before the server was
/// started again is, in a moment.
async fn refuse_unless_served(
    context: &Context,
    caller: &Caller,
    key: &str,
    name: &str,
) -> Result<(), Error> {
    let account = &caller.account;
    match endpoint_status(context, key).await?.as_deref() {
        Some("InService" | "Updating") => Ok(()),
        Some(status) => Err(validation(format!(
            "Endpoint {name} of account {account} is not in service: its status is {status}."
        ))),
        None => Err(validation(format!("Endpoint {name} of account {account} not found."))),
    }
}

const UNAVAILABLE: &str = "ServiceUnavailable";

fn unavailable(endpoint: &str, why: &str) -> Error {
    Error::new(UNAVAILABLE, format!("The endpoint {endpoint} does not answer: {why}"))
        .with_status(503)
}

fn model_error(
    caller: &Caller,
    endpoint: &str,
    server: &Server,
    status: u16,
    message: &str,
) -> Error {
    let side = if status < 500 { "client" } else { "server" };
    let (region, account) = (&caller.region, &caller.account);
    let group = format!("/aws/sagemaker/Endpoints/{endpoint}");
    let stream = crate::arn::arn(
        "logs",
        region,
        account,
        &format!("log-group:{group}:log-stream:{}", server.log_stream),
    );
    Error::new(
        "ModelError",
        format!(
            "Received {side} error ({status}) from primary with message \"{message}\". See \
             https://{region}.console.aws.amazon.com/cloudwatch/home?region={region}#logEventViewer:group={group} in \
             account {account} for more information."
        ),
    )
    .with_status(424)
    .with("OriginalStatusCode", status)
    .with("OriginalMessage", message)
    .with("LogStreamArn", stream)
}

/// The runtime's own name for what other services call ValidationException.
fn validation(message: impl Into<String>) -> Error {
    Error::new("ValidationError", message)
}
