//! What Step Functions asks of a state machine's role when the state machine is made or changed: that the
//! service may assume it, that it may make the event rules by which the service hears of ended jobs, and that
//! it may deliver the log.

use serde_json::Value;

use super::permission::Need;
use super::subject;
use super::{Asker, Guard};
use crate::{Caller, Context, Error, arn, stepfunctions};

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
    (":codebuild:startBuildBatch.sync", "StepFunctionsGetEventForCodeBuildStartBuildBatchRule"),
    (":emr-serverless:createApplication.sync", "StepFunctionsGetEventsForEMRServerlessApplicationRule"),
    (":emr-serverless:startApplication.sync", "StepFunctionsGetEventsForEMRServerlessApplicationRule"),
    (":emr-serverless:stopApplication.sync", "StepFunctionsGetEventsForEMRServerlessApplicationRule"),
    (":emr-serverless:deleteApplication.sync", "StepFunctionsGetEventsForEMRServerlessApplicationRule"),
    (":emr-serverless:startJobRun.sync", "StepFunctionsGetEventsForEMRServerlessJobRule"),
    (":emr-serverless:cancelJobRun.sync", "StepFunctionsGetEventsForEMRServerlessJobRule"),
    (":mediaconvert:createJob.sync", "StepFunctionsGetEventsForMediaConvertJobRule"),
];

/// The managed rule that a task's resource needs.
pub(in crate::iam) fn managed_rule(resource: &str) -> Option<&'static str> {
    RULES.iter().find(|(known, _)| resource.contains(known)).map(|(_, rule)| *rule)
}

const ACTIONS: &[&str] = &["events:PutTargets", "events:PutRule", "events:DescribeRule"];

/// What delivers an execution's log.
pub(in crate::iam) const LOG_DELIVERY: &[&str] = &[
    "logs:CreateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:DescribeLogGroups",
    "logs:DescribeResourcePolicies",
    "logs:GetLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:UpdateLogDelivery",
];

/// The first thing that is wrong with the role of the state machine to be made.
pub(super) async fn refusal(
    guard: &Guard,
    context: &Context,
    caller: &Caller,
    operation: &str,
    members: &Value,
) -> Result<Option<Refusal>, Error> {
    let (machine, known) = match (operation, members["stateMachineArn"].as_str()) {
        ("CreateStateMachine", _) => {
            let name = format!("stateMachine:{}", members["name"].as_str().unwrap_or_default());
            (arn::arn("states", &caller.region, &caller.account, &name), Value::Null)
        }
        // What is not changed must do with what is.
        ("UpdateStateMachine", Some(arn)) => {
            (arn.to_owned(), stepfunctions::role_needs(context, caller, arn).await?)
        }
        _ => return Ok(None),
    };
    let asked = |member: &str| match &members[member] {
        Value::Null => &known[member],
        given => given,
    };
    let Some(role_arn) = asked("roleArn").as_str() else { return Ok(None) };
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
    let subject = guard.subjects.of(context, &role).await?;
    let asker = Asker::service(&role);
    let definition = asked("definition").as_str().unwrap_or_default();
    for (_, rule) in RULES.iter().filter(|(resource, _)| definition.contains(resource)) {
        let resource = arn::arn("events", &caller.region, &role.account, &format!("rule/{rule}"));
        for action in ACTIONS {
            let need = Need::new(*action, resource.as_str());
            if guard.refusal(context, asker, &subject, &need).await?.is_some() {
                let message = format!("'{role_arn}' is not authorized to create managed-rule.");
                return Ok(Some(Refusal { role, need, message }));
            }
        }
    }
    if asked("loggingConfiguration")["level"].as_str().is_some_and(|level| level != "OFF") {
        for action in LOG_DELIVERY {
            let need = Need::new(*action, "*");
            if guard.refusal(context, asker, &subject, &need).await?.is_some() {
                let message =
                    "The state machine IAM Role is not authorized to access the Log Destination";
                return Ok(Some(Refusal { role, need, message: message.to_owned() }));
            }
        }
    }
    Ok(None)
}
