//! `arn:aws:states:::sagemaker:*`: the optimised integration of SageMaker.

use async_trait::async_trait;
use serde_json::json;

use super::{Answer, Failed, Integration, Pattern, Work, aws_sdk, with_sdk_metadata};
use crate::Error;
use crate::sagemaker::awaited_job;

/// SageMaker's integration.
pub struct SageMaker;

/// An action: its operation and whether the state may wait for the end of what it begins.
struct Action {
    name: &'static str,
    operation: &'static str,
    sync: bool,
}

const ACTIONS: &[Action] = &[
    Action { name: "createTrainingJob", operation: "CreateTrainingJob", sync: true },
    Action { name: "createTransformJob", operation: "CreateTransformJob", sync: true },
    Action { name: "createModel", operation: "CreateModel", sync: false },
    Action { name: "createEndpointConfig", operation: "CreateEndpointConfig", sync: false },
    Action { name: "createEndpoint", operation: "CreateEndpoint", sync: false },
    Action { name: "updateEndpoint", operation: "UpdateEndpoint", sync: false },
];

#[async_trait]
impl Integration for SageMaker {
    fn service(&self) -> &'static str {
        "sagemaker"
    }

    async fn run(&self, work: &Work<'_>) -> Result<Answer, Failed> {
        let action = ACTIONS.iter().find(|action| action.name == work.action);
        let served = match work.pattern {
            Pattern::RequestResponse => true,
            Pattern::Sync => action.is_some_and(|action| action.sync),
            Pattern::Sync2 | Pattern::WaitForTaskToken => false,
        };
        let (Some(action), true) = (action, served) else {
            return Err(Failed::unsupported(work.service, work.action));
        };
        models::task::action("sagemaker", action.name)
            .ok_or_else(|| Failed::unsupported(work.service, work.action))?
            .input(work.parameters())
            .map_err(|misfits| aws_sdk::misfit(work, &misfits))?;
        let called = work.call("sagemaker", action.operation, work.parameters().clone()).await;
        let moment = work.context.clock.moment();
        let members = match called {
            Ok(members) => members,
            Err(refusal) => return Err(failed(work, &refusal)),
        };
        if work.waits_for_job() {
            return Ok(Answer::Begun);
        }
        Ok(Answer::Succeeded(with_sdk_metadata(members, moment)))
    }

    async fn cancel(&self, work: &Work<'_>) -> Result<(), Error> {
        let Some((operation, member)) = (match work.action {
            "createTrainingJob" => Some(("StopTrainingJob", "TrainingJobName")),
            "createTransformJob" => Some(("StopTransformJob", "TransformJobName")),
            _ => None,
        }) else {
            return Ok(());
        };
        let name = &work.parameters()[member];
        // Only the job that this task began: one of the same name may be somebody else's.
        let ours =
            awaited_job(work.context, &work.caller, work.action, name.as_str().unwrap_or_default())
                .await?;
        if !work.waits_for_job() || ours != Some(work.awaiting()) {
            return Ok(());
        }
        match work.call("sagemaker", operation, json!({ member: name })).await {
            Ok(_) => Ok(()),
            // It has ended already.
            Err(refusal) if refusal.status < 500 => Ok(()),
            Err(error) => Err(error),
        }
    }
}

fn failed(work: &Work<'_>, refusal: &Error) -> Failed {
    let request_id = work.context.clock.moment().dice("request id").uuid();
    let error = match refusal.code.as_ref() {
        "ResourceInUse" | "ResourceLimitExceeded" | "ResourceNotFound" => {
            format!("SageMaker.{}Exception", refusal.code)
        }
        _ => "SageMaker.AmazonSageMakerException".to_owned(),
    };
    let failed = Failed::optimised(error, "AmazonSageMaker", refusal, &request_id);
    if work.waits_for_job() { failed.at_submit() } else { failed }
}
