//! What Step Functions asks of a state machine's role when the state machine is made: that the service
//! may assume it, and that it may make the event rules by which the service hears of ended jobs.

use serde_json::Value;

use super::Guard;
use super::permission::Need;
use super::subject;
use crate::{Caller, Context, Error, arn};

/// Why the role does not do.
pub(super) struct Refusal {
    /// The role as a session, for it is not the caller who lacks something.
    pub role: Caller,
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

/// The managed rule that a task's resource needs.
pub(in crate::iam) fn managed_rule(resource: &str) -> Option<&'static str> {
    RULES.iter().find(|(known, _)| resource.contains(known)).map(|(_, rule)| *rule)
}

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
    let machine = match (members["stateMachineArn"].as_str(), members["name"].as_str()) {
        (Some(arn), _) => arn.to_owned(),
        (None, name) => {
            let name = format!("stateMachine:{}", name.unwrap_or_default());
            arn::arn("states", &caller.region, &caller.account, &name)
        }
    };
    let role = Caller::service(role_arn, &caller.region, "states");
    let trusted = subject::trusts(context, role_arn, "states", caller, Some(&machine)).await?;
    if !trusted {
        let need = Need::new("sts:AssumeRole", role_arn);
        let message =
            "Neither the global service principal states.amazonaws.com, nor the regional \
                       one is authorized to assume the provided role."
                .to_owned();
        return Ok(Some(Refusal { role, need, message }));
    }
    let definition = members["definition"].as_str().unwrap_or_default();
    for (_, rule) in RULES.iter().filter(|(resource, _)| definition.contains(resource)) {
        let resource = arn::arn("events", &caller.region, &role.account, &format!("rule/{rule}"));
        for action in ACTIONS {
            let need = Need::new(*action, resource.as_str());
            let subject = guard.subjects.of(context, &role).await?;
            if guard.refusal(context, &role, &subject, None, &need).await?.is_some() {
                let message = format!("'{role_arn}' is not authorized to create managed-rule.");
                return Ok(Some(Refusal { role, need, message }));
            }
        }
    }
    Ok(None)
}
