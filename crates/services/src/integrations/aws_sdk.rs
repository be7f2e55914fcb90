//! `arn:aws:states:::aws-sdk:SERVICE:action`: every operation that our services answer, named and
//! shaped along AWS's models.

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use futures::StreamExt;
use models::task::Action;
use remote::Problem;
use serde_json::Value;

use super::optimised::new_id;
use super::{Answer, Failed, Integration, Pattern, Work};
use crate::{Error, Input, Output, elsewhere};

/// The generic integration.
pub struct AwsSdk;

#[async_trait]
impl Integration for AwsSdk {
    fn service(&self) -> &'static str {
        "aws-sdk:*"
    }

    async fn run(&self, work: &Work<'_>) -> Result<Answer, Failed> {
        let name = work.service.strip_prefix("aws-sdk:").unwrap_or(work.service);
        let action = models::task::action(name, work.action)
            .ok_or_else(|| Failed::not_here(&work.task.target))?;
        let service = action.service.entry.name;
        let endpoint = work.context.settings.elsewhere.endpoint(service);
        if endpoint.is_none() && crate::find(service, &action.operation.name).is_none() {
            return Err(Failed::no_endpoint(service, &work.task.target));
        }
        if work.waits_for_job() {
            // AWS has `.sync` for its optimised integrations alone.
            return Err(Failed::unsupported(work.service, &format!("{}.sync", work.action)));
        }
        let members = action.input(work.parameters()).map_err(|misfits| misfit(work, &misfits))?;
        let answer = match endpoint {
            Some(endpoint) => {
                let answer =
                    elsewhere::call(work, endpoint, action.service, action.operation, &members);
                let answer = answer.await.map_err(|problem| unanswered(work, &action, problem))?;
                action.output(&answer.members)
            }
            None => match call(work, &action, members).await {
                Ok(answer) => action.output(&answer),
                Err(refusal) => return Err(refused(work, &action, &refusal, None)),
            },
        };
        Ok(match work.pattern {
            Pattern::WaitForTaskToken => Answer::Submitted(answer),
            _ => Answer::Succeeded(answer),
        })
    }

    async fn cancel(&self, _: &Work<'_>) -> Result<(), Error> {
        // A call is over when it is answered: there is nothing to end.
        Ok(())
    }
}

/// The call, with the members that are byte streams taken out of the input and put into the output.
async fn call(work: &Work<'_>, action: &Action, mut members: Value) -> Result<Value, Error> {
    let (service, operation) = (action.service.entry.name, &*action.operation.name);
    as_the_sdk_does(service, operation, &mut members);
    super::check(work.context, service, operation, &mut members)?;
    let mut input = Input::from(members);
    if let Some(member) = action.input_body()
        && let Some(text) = input.members.as_object_mut().and_then(|all| all.remove(&*member.name))
    {
        let bytes = BASE64.decode(text.as_str().unwrap_or_default()).unwrap_or_default();
        input.body = Some(futures::stream::iter([Ok(Bytes::from(bytes))]).boxed());
    }
    let Output { mut members, body } =
        crate::call(work.context, &work.caller, service, operation, input).await?;
    if let (Some(member), Some(body), Some(all)) =
        (action.output_body(), body, members.as_object_mut())
    {
        all.insert(
            member.name.to_string(),
            BASE64
                .encode(collect(body, work.context.settings.limits.payload_bytes_max).await?)
                .into(),
        );
    }
    Ok(members)
}

/// What AWS's SDK adds to what it stores in S3, unless told otherwise: a CRC32, and the type of text, which
/// is what a body in a state's parameters is.
fn as_the_sdk_does(service: &str, operation: &str, members: &mut Value) {
    let ("s3", "PutObject" | "UploadPart", Value::Object(given)) = (service, operation, members)
    else {
        return;
    };
    if !given.keys().any(|name| name.starts_with("Checksum")) {
        given.insert("ChecksumAlgorithm".to_owned(), "CRC32".into());
    }
    if operation == "PutObject" && given.contains_key("Body") {
        given.entry("ContentType").or_insert_with(|| "text/plain; charset=UTF-8".into());
    }
}

/// A body as bytes: one that could not be a result anyway is not held.
async fn collect(mut body: crate::Body, most: usize) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    while let Some(piece) = body.next().await {
        bytes.extend_from_slice(&piece.map_err(|error| Error::internal(error.to_string()))?);
        if bytes.len() > most {
            return Err(Error::new(TOO_LARGE, String::new()));
        }
    }
    Ok(bytes)
}

const TOO_LARGE: &str = "States.DataLimitExceeded";

/// A service elsewhere that refused, or did not answer.
fn unanswered(work: &Work<'_>, action: &Action, problem: Problem) -> Failed {
    match problem {
        Problem::Refused(refusal) => {
            let id = refusal.request_id.clone();
            let refusal = Error::new(refusal.code, refusal.message).with_status(refusal.status);
            refused(work, action, &refusal, id)
        }
        Problem::TooLarge(_) => Failed::too_large(work),
        problem => {
            let error = format!("{}.SdkClientException", action.service.entry.error_prefix);
            Failed::new(error, format!("{problem} (SDK Attempt Count: 1)"))
        }
    }
}

fn refused(work: &Work<'_>, action: &Action, refusal: &Error, id: Option<String>) -> Failed {
    if refusal.code == TOO_LARGE {
        return Failed::too_large(work);
    }
    let request_id = id.unwrap_or_else(|| new_id(work));
    let error = models::task::error_name(action.service, &refusal.code);
    Failed::sdk(error, action.service.entry.error_prefix, refusal, &request_id)
}

/// Parameters that are not the operation's.
pub(super) fn misfit(work: &Work<'_>, misfits: &[models::task::Misfit]) -> Failed {
    let told: Vec<String> = misfits.iter().map(ToString::to_string).collect();
    let given = work.task.parameters.text();
    let told = told.join(", ");
    Failed::refused(format!(
        "The Parameters '{given}' could not be used to start the Task: [{told}]"
    ))
}
