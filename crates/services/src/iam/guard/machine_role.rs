//! What Step Functions asks of a state machine's role when the state machine is made: that the service
//! may assume it, and that it may make the event rules by which the service hears of ended jobs.

use serde_json::Value;

use super::permission::Need;
use super::subject;
use super::{Guard, Keys};
use crate::iam::policy::{Policies, Principal, Request, decide};
use crate::{Caller, Context, Error, Origin, arn};

/// Why the role does not do.
pub(super) struct Refusal {
    pub need: Need,
    pub message: String,
}

/// What in a definition needs which managed rule.
#[rustfmt::skip]
const RULES: &[(&str, &str)] = &[
    (":sagemaker:createTrainingJob.sync", "StepFunctionsGetEventsForSageMakerTrainingJobsRule"),
    (":sagemaker:createTransformJob.sync", "StepFunctionsGetEventsForSageMakerTransformJobsRule"),
    (":sagemaker:createHyperParameterTuningJob.sync", "StepFunctionsGetEventsForSageMakerTuningJobsRule"),
    (":sagemaker:createProcessingJob.sync", "StepFunctionsGetEventsForSageMakerProcessingJobsRule"),
    (":ecs:runTask.sync", "StepFunctionsGetEventsForECSTaskRule"),
    (":batch:submitJob.sync", "StepFunctionsGetEventsForBatchJobsRule"),
    (":states:startExecution.sync", "StepFunctionsGetEventsForStepFunctionsExecutionRule"),
    (":codebuild:startBuild.sync", "StepFunctionsGetEventForCodeBuildStartBuildRule"),
];

const ACTIONS: &[&str] = &["events:PutTargets", "events:PutRule", "events:DescribeRule"];

/// The first thing that is wrong with the role of the state machine to be made.
pub(super) async fn refusal(
    guard: &Guard,
    context: &Context,
    caller: &Caller,
    operation: &str,
    members: &Value,
) -> Result<Option<Refusal>, Error> {
    let Some(role_arn) = members["roleArn"].as_str() else { return Ok(None) };
    if !["CreateStateMachine", "UpdateStateMachine"].contains(&operation) {
        return Ok(None);
    }
    let trusted = match subject::trust(context, role_arn).await? {
        Some(trust) => {
            let mut keys = Keys::new();
            keys.set("aws:SourceAccount", &*caller.account);
            let machine = match (members["stateMachineArn"].as_str(), members["name"].as_str()) {
                (Some(arn), _) => arn.to_owned(),
                (None, name) => {
                    let name = format!("stateMachine:{}", name.unwrap_or_default());
                    arn::arn("states", &caller.region, &caller.account, &name)
                }
            };
            keys.set("aws:SourceArn", machine);
            let policies = Policies {
                resource: Some(trust),
                resource_must_allow: true,
                ..Policies::default()
            };
            let global = Principal::Service("states.amazonaws.com".to_owned());
            let regional = Principal::Service(format!("states.{}.amazonaws.com", caller.region));
            [global, regional].iter().any(|principal| {
                let request = Request {
                    principal,
                    action: "sts:AssumeRole",
                    resource: role_arn,
                    resource_account: None,
                    keys: &keys,
                };
                decide(&request, &policies).is_allowed()
            })
        }
        None => false,
    };
    if !trusted {
        let need = Need {
            action: "sts:AssumeRole".to_owned(),
            resource: role_arn.to_owned(),
            keys: Vec::new(),
        };
        let message =
            "Neither the global service principal states.amazonaws.com, nor the regional \
                       one is authorized to assume the provided role."
                .to_owned();
        return Ok(Some(Refusal { need, message }));
    }
    let definition = members["definition"].as_str().unwrap_or_default();
    let mut acting: Option<Caller> = None;
    for (_, rule) in RULES.iter().filter(|(resource, _)| definition.contains(resource)) {
        let role = acting.get_or_insert_with(|| session(caller, role_arn));
        let resource = arn::arn("events", &caller.region, &role.account, &format!("rule/{rule}"));
        for action in ACTIONS {
            let need =
                Need { action: (*action).to_owned(), resource: resource.clone(), keys: Vec::new() };
            let subject = guard.subjects.of(context, role).await?;
            if guard.refusal(context, role, &subject, &need).await?.is_some() {
                let message = format!("'{role_arn}' is not authorized to create managed-rule.");
                return Ok(Some(Refusal { need, message }));
            }
        }
    }
    Ok(None)
}

/// The service as a session of the role.
fn session(caller: &Caller, role_arn: &str) -> Caller {
    let account = role_arn.split(':').nth(4).unwrap_or(&caller.account);
    let role = role_arn.rsplit('/').next().unwrap_or_default();
    let partition = arn::partition(&caller.region);
    Caller {
        account: account.to_owned(),
        region: caller.region.clone(),
        arn: format!("arn:{partition}:sts::{account}:assumed-role/{role}/states"),
        access_key: None,
        origin: Origin::Service,
    }
}
