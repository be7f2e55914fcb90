//! Optimised integrations that are one call: SQS, SNS, DynamoDB, EventBridge. Those services answer where the
//! configuration says.

use async_trait::async_trait;
use models::Service;
use remote::Problem;
use serde_json::Value;

use super::{Answer, Failed, Integration, Pattern, Work, answer, aws_sdk};
use crate::{Error, elsewhere};

/// SQS.
pub static SQS: Optimised = Optimised {
    service: "sqs",
    task_name: "sqs",
    actions: &["sendMessage"],
    names: Names { prefix: "SQS", base: "AmazonSQSException", sdk_service: "AmazonSQS" },
};

/// SNS.
pub static SNS: Optimised = Optimised {
    service: "sns",
    task_name: "sns",
    actions: &["publish"],
    names: Names { prefix: "SNS", base: "AmazonSNSException", sdk_service: "AmazonSNS" },
};

/// DynamoDB.
pub static DYNAMODB: Optimised = Optimised {
    service: "dynamodb",
    task_name: "dynamodb",
    actions: &["getItem", "putItem", "updateItem", "deleteItem"],
    names: Names {
        prefix: "DynamoDB",
        base: "AmazonDynamoDBException",
        sdk_service: "AmazonDynamoDBv2",
    },
};

/// EventBridge.
pub static EVENTS: Optimised = Optimised {
    service: "events",
    task_name: "eventbridge",
    actions: &["putEvents"],
    names: Names {
        prefix: "EventBridge",
        base: "AmazonEventBridgeException",
        sdk_service: "AmazonEventBridge",
    },
};

/// One service.
pub struct Optimised {
    /// In a resource: `arn:aws:states:::SERVICE:action`.
    service: &'static str,
    /// In `arn:aws:states:::aws-sdk:NAME:action`, which finds the model.
    task_name: &'static str,
    actions: &'static [&'static str],
    names: Names,
}

/// How a service's failures are called. The SDK of these integrations is the first one for Java.
#[derive(Clone, Copy)]
pub(super) struct Names {
    /// `SQS` in `SQS.QueueDoesNotExistException`.
    pub prefix: &'static str,
    /// What an error without a shape of its own is.
    pub base: &'static str,
    /// The SDK's word for the service.
    pub sdk_service: &'static str,
}

#[async_trait]
impl Integration for Optimised {
    fn service(&self) -> &'static str {
        self.service
    }

    async fn run(&self, work: &Work<'_>) -> Result<Answer, Failed> {
        let action = models::task::action(self.task_name, work.action)
            .filter(|_| self.actions.contains(&work.action))
            .ok_or_else(|| Failed::unsupported(work.service, work.action))?;
        let name = action.service.entry.name;
        let endpoint = work.context.settings.elsewhere.endpoint(name);
        let endpoint = endpoint.ok_or_else(|| Failed::no_endpoint(name, &work.task.target))?;
        let members =
            action.input(work.parameters()).map_err(|misfits| aws_sdk::misfit(work, &misfits))?;
        let members = match self.service {
            "events" => with_resources(work, members),
            _ => members,
        };
        let answered =
            elsewhere::call(work, endpoint, action.service, action.operation, &members).await;
        let answered =
            answered.map_err(|problem| self.names.failed(work, action.service, problem))?;
        let output = action.output(&answered.members);
        if output["FailedEntryCount"].as_u64().is_some_and(|count| count > 0) {
            return Err(Failed::new("EventBridge.FailedEntry", output.to_string()));
        }
        let output = answer::with_received_metadata(output, &answered, work);
        Ok(match work.pattern {
            Pattern::WaitForTaskToken => Answer::Submitted(output),
            _ => Answer::Succeeded(output),
        })
    }

    async fn cancel(&self, _: &Work<'_>) -> Result<(), Error> {
        // A call is over when it is answered: there is nothing to end.
        Ok(())
    }
}

/// Events say which execution of which state machine they come from.
fn with_resources(work: &Work<'_>, mut members: Value) -> Value {
    let own = [&work.header.state_machine_arn, &work.header.execution_arn];
    for entry in members["Entries"].as_array_mut().into_iter().flatten() {
        let mut resources = entry["Resources"].as_array().cloned().unwrap_or_default();
        resources.extend(own.map(|arn| Value::from(arn.as_str())));
        entry["Resources"] = resources.into();
    }
    members
}

impl Names {
    /// A call that brought no answer, as the state machine sees it.
    pub(super) fn failed(self, work: &Work<'_>, service: &Service, problem: Problem) -> Failed {
        match problem {
            Problem::Refused(refusal) => {
                let name = match service.error(&refusal.code) {
                    Some(shape) if shape.name.ends_with("Exception") => shape.name.to_string(),
                    Some(shape) => format!("{}Exception", shape.name),
                    None => self.base.to_owned(),
                };
                let request_id = refusal.request_id.clone().unwrap_or_else(|| new_id(work));
                let refusal = Error::new(refusal.code, refusal.message).with_status(refusal.status);
                let error = format!("{}.{name}", self.prefix);
                Failed::optimised(error, self.sdk_service, &refusal, &request_id)
            }
            Problem::TooLarge(_) => Failed::too_large(work),
            problem => {
                Failed::new(format!("{}.SdkClientException", self.prefix), problem.to_string())
            }
        }
    }
}

/// An id for a request that was given none.
pub(super) fn new_id(work: &Work<'_>) -> String {
    work.context.clock.moment().dice("request id").uuid()
}
