//! `arn:aws:states:::lambda:invoke` and functions as resources by themselves (`arn:aws:lambda:…:function:NAME`).
//! Functions run where the configuration says: Stepwell runs none.

use asl::event::TaskTarget;
use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Map, Value, json};

use super::optimised::Names;
use super::{Answer, Failed, Integration, Pattern, Work, answer, aws_sdk};
use crate::{Error, elsewhere};

/// Lambda's integration.
pub struct Lambda;

const NAMES: Names =
    Names { prefix: "Lambda", base: "AWSLambdaException", sdk_service: "AWSLambda" };

#[async_trait]
impl Integration for Lambda {
    fn service(&self) -> &'static str {
        "lambda"
    }

    async fn run(&self, work: &Work<'_>) -> Result<Answer, Failed> {
        match &work.task.target {
            TaskTarget::Lambda { arn } => {
                let payload = work.task.parameters.text().as_bytes();
                let members = json!({ "FunctionName": arn, "Payload": BASE64.encode(payload) });
                Ok(Answer::Succeeded(result(&invoke(work, members).await?.members)))
            }
            _ if work.action == "invoke" => {
                let answered = optimised(work).await?;
                Ok(match work.pattern {
                    Pattern::WaitForTaskToken => Answer::Submitted(answered),
                    _ => Answer::Succeeded(answered),
                })
            }
            _ => Err(Failed::unsupported(work.service, work.action)),
        }
    }

    async fn cancel(&self, _: &Work<'_>) -> Result<(), Error> {
        // The call is broken off; a function that runs runs on, as on AWS.
        Ok(())
    }
}

async fn optimised(work: &Work<'_>) -> Result<Value, Failed> {
    let mut parameters = work.parameters().clone();
    let payload = parameters.as_object_mut().and_then(|all| all.remove("Payload"));
    let action = models::task::action("lambda", "invoke")
        .ok_or_else(|| Failed::not_here(&work.task.target))?;
    let mut members =
        action.input(&parameters).map_err(|misfits| aws_sdk::misfit(work, &misfits))?;
    members["Payload"] = BASE64.encode(event(payload)).into();
    let answered = invoke(work, members).await?;
    let mut output = Map::new();
    for name in ["ExecutedVersion", "LogResult", "StatusCode"] {
        if let Some(value) = answered.members.get(name) {
            output.insert(name.to_owned(), value.clone());
        }
    }
    output.insert("Payload".to_owned(), result(&answered.members));
    Ok(answer::with_received_metadata(output.into(), &answered, work))
}

/// What a function is called with: text that is JSON as it is, anything else as JSON.
fn event(payload: Option<Value>) -> String {
    match payload {
        None | Some(Value::Null) => "{}".to_owned(),
        Some(Value::String(text)) if serde_json::from_str::<Value>(&text).is_ok() => text,
        Some(value) => value.to_string(),
    }
}

/// What a function gave: JSON, or the text it is.
fn result(members: &Value) -> Value {
    let text = text(members);
    match text.is_empty() {
        // Nothing is told of an asynchronous call's outcome.
        true => Value::Object(Map::new()),
        false => serde_json::from_str(&text).unwrap_or(Value::String(text)),
    }
}

fn text(members: &Value) -> String {
    let bytes = BASE64.decode(members["Payload"].as_str().unwrap_or_default()).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

async fn invoke(work: &Work<'_>, mut members: Value) -> Result<remote::Answer, Failed> {
    let endpoint = work
        .context
        .settings
        .elsewhere
        .endpoint("lambda")
        .ok_or_else(|| Failed::no_endpoint("lambda", &work.task.target))?;
    let action = models::task::action("lambda", "invoke")
        .ok_or_else(|| Failed::not_here(&work.task.target))?;
    shorten(work, &mut members);
    let answered =
        elsewhere::call(work, endpoint, action.service, action.operation, &members).await;
    let answered = answered.map_err(|problem| NAMES.failed(work, action.service, problem))?;
    match answered.members["FunctionError"].is_string() {
        true => Err(failed(&text(&answered.members))),
        false => Ok(answered),
    }
}

/// A function of the caller's own account is called by its name: not every emulator knows ARNs.
fn shorten(work: &Work<'_>, members: &mut Value) {
    let name = members["FunctionName"].as_str().unwrap_or_default().to_owned();
    let parts: Vec<&str> = name.split(':').collect();
    let [_, _, "lambda", region, account, "function", name, qualifier @ ..] = &parts[..] else {
        return;
    };
    if *region != work.caller.region || *account != work.caller.account {
        return;
    }
    members["FunctionName"] = (*name).into();
    if let [qualifier] = qualifier
        && members["Qualifier"].is_null()
    {
        members["Qualifier"] = (*qualifier).into();
    }
}

/// A function that failed: the error is the one it names, the cause all that it said.
fn failed(payload: &str) -> Failed {
    let said: Value = serde_json::from_str(payload).unwrap_or_default();
    let payload = if said.is_null() { payload.to_owned() } else { said.to_string() };
    match said["errorType"].as_str() {
        Some(error) => Failed::new(error, payload),
        None => Failed::new(
            "Lambda.Unknown",
            format!(
                "The cause could not be determined because Lambda did not return an error type. \
                 Returned payload: {payload}"
            ),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_json() {
        let cases = [
            (json!(null), "{}"),
            (json!("[1]"), "[1]"),
            (json!("0.0"), "0.0"),
            (json!("hello"), "\"hello\""),
            (json!({ "a": 1 }), "{\"a\":1}"),
        ];
        for (payload, expected) in cases {
            assert_eq!(event(Some(payload)), expected);
        }
        assert_eq!(event(None), "{}");
    }

    #[test]
    fn a_function_names_its_error_or_none() {
        let told = |payload| failed(payload).failure;
        let named = told(r#"{"errorMessage": "no", "errorType": "Custom"}"#);
        assert_eq!(named.error.as_deref(), Some("Custom"));
        assert_eq!(named.cause.as_deref(), Some(r#"{"errorMessage":"no","errorType":"Custom"}"#));
        let unnamed = told(r#"{"errorMessage":"Task timed out after 3.00 seconds"}"#);
        assert_eq!(unnamed.error.as_deref(), Some("Lambda.Unknown"));
        assert!(unnamed.cause.is_some_and(|cause| cause.ends_with("3.00 seconds\"}")));
    }
}
