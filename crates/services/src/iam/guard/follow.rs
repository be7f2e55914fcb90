//! What a role must be allowed, beside the call itself, where a state waits for what it begins (`.sync`): to
//! follow it, and to end it. `suggest` names what is asked for here.

use serde_json::Value;

use super::permission::Need;
use crate::{Caller, Origin};

/// What a `.sync` state does with what it began.
pub(in crate::iam) struct Followed {
    /// botocore's name.
    pub service: &'static str,
    /// What begins it.
    pub operation: &'static str,
    /// What tells of it.
    pub follows: &'static [&'static str],
    /// What ends it when nobody waits any more.
    pub ends: &'static [&'static str],
    /// An empty resource is the one of what was begun; what begins with `/` stands behind that.
    pub on: &'static str,
}

const fn followed(
    service: &'static str,
    operation: &'static str,
    follows: &'static [&'static str],
    ends: &'static [&'static str],
    on: &'static str,
) -> Followed {
    Followed { service, operation, follows, ends, on }
}

#[rustfmt::skip]
const FOLLOWED: &[Followed] = &[
    followed("stepfunctions", "StartExecution", &["DescribeExecution"], &["StopExecution"], ""),
    followed("sagemaker", "CreateTrainingJob", &["DescribeTrainingJob", LIST_TAGS], &["StopTrainingJob"], ""),
    followed("sagemaker", "CreateTransformJob", &["DescribeTransformJob", LIST_TAGS], &["StopTransformJob"], ""),
    followed("sagemaker", "CreateProcessingJob", &["DescribeProcessingJob", LIST_TAGS], &["StopProcessingJob"], ""),
    followed("sagemaker", "CreateHyperParameterTuningJob", &["DescribeHyperParameterTuningJob", LIST_TAGS], &["StopHyperParameterTuningJob"], ""),
    // Services elsewhere: what is asked of them here, and what AWS's documentation has beside it.
    followed("ecs", "RunTask", &["DescribeTasks"], &["StopTask"], "*"),
    followed("batch", "SubmitJob", &["DescribeJobs"], &["TerminateJob"], "*"),
    followed("glue", "StartJobRun", &["GetJobRun", "GetJobRuns"], &["BatchStopJobRun"], ""),
    followed("databrew", "StartJobRun", &["DescribeJobRun", "ListJobRuns"], &["StopJobRun"], ""),
    followed("codebuild", "StartBuild", &["BatchGetBuilds"], &["StopBuild"], ""),
    followed("codebuild", "StartBuildBatch", &["BatchGetBuildBatches"], &["StopBuildBatch"], ""),
    followed("codebuild", "RetryBuildBatch", &["BatchGetBuildBatches"], &["StopBuildBatch"], ""),
    followed("athena", "StartQueryExecution", &["GetDataCatalog", "GetQueryExecution"], &["StopQueryExecution"], "*"),
    followed("eks", "CreateCluster", &["DescribeCluster"], &["DeleteCluster"], "*"),
    followed("eks", "DeleteCluster", &["DescribeCluster"], &[], ""),
    followed("eks", "CreateNodegroup", &["DescribeNodegroup"], &["DeleteNodegroup"], "*"),
    followed("eks", "DeleteNodegroup", &["DescribeNodegroup"], &[], ""),
    followed("eks", "CreateFargateProfile", &["DescribeFargateProfile"], &["DeleteFargateProfile"], "*"),
    followed("eks", "DeleteFargateProfile", &["DescribeFargateProfile"], &[], ""),
    followed("emr", "RunJobFlow", &["DescribeCluster"], &["TerminateJobFlows"], "*"),
    followed("emr", "TerminateJobFlows", &["DescribeCluster"], &[], ""),
    followed("emr", "AddJobFlowSteps", &["DescribeStep"], &["CancelSteps"], ""),
    followed("emr-containers", "StartJobRun", &["DescribeJobRun"], &["CancelJobRun"], "/jobruns/*"),
    followed("emr-containers", "DeleteVirtualCluster", &["DescribeVirtualCluster"], &[], ""),
    followed("emr-serverless", "CreateApplication", &["GetApplication"], &["DeleteApplication"], "*"),
    followed("emr-serverless", "StartApplication", &["GetApplication"], &["StopApplication"], ""),
    followed("emr-serverless", "StopApplication", &["GetApplication"], &[], ""),
    followed("emr-serverless", "DeleteApplication", &["GetApplication"], &[], ""),
    followed("emr-serverless", "StartJobRun", &["GetJobRun"], &["CancelJobRun"], "/jobruns/*"),
    followed("emr-serverless", "CancelJobRun", &["GetJobRun"], &[], ""),
    followed("mediaconvert", "CreateJob", &["GetJob"], &["CancelJob"], "*"),
    followed("bedrock", "CreateModelCustomizationJob", &["GetModelCustomizationJob"], &["StopModelCustomizationJob"], "*"),
];

/// The tag that Step Functions puts on jobs is read again: with adding it, it is only told of.
const LIST_TAGS: &str = "ListTags";

/// What is done with what an operation begins.
pub(in crate::iam) fn of(service: &str, operation: &str) -> Option<&'static Followed> {
    FOLLOWED.iter().find(|known| (known.service, known.operation) == (service, operation))
}

/// What a Task that waits must be allowed to hear of what it begins, `begun` being the first thing that the call
/// itself needs. What runs elsewhere is asked for when it is asked.
pub(super) fn needed(
    service: &str,
    operation: &str,
    caller: &Caller,
    members: &Value,
    begun: &Need,
) -> Vec<Need> {
    if !matches!(caller.origin, Origin::Task { sync: true, .. }) {
        return Vec::new();
    }
    let Some(followed) = of(service, operation) else { return Vec::new() };
    let resource = match service {
        "sagemaker" => begun.resource.clone(),
        "stepfunctions" => {
            let name = members["name"].as_str().unwrap_or_default();
            format!("{}:{name}", begun.resource.replacen(":stateMachine:", ":execution:", 1))
        }
        _ => return Vec::new(),
    };
    let prefix = begun.action.split(':').next().unwrap_or_default();
    let need = |operation: &&str| Need {
        only_told: *operation == LIST_TAGS,
        ..Need::new(format!("{prefix}:{operation}"), resource.as_str())
    };
    followed.follows.iter().map(need).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::integrations::jobs_of_services;

    #[test]
    fn every_job_elsewhere_is_followed_as_it_is_asked_for() {
        for job in jobs_of_services() {
            let known = of(job.service, &job.operation);
            let known = known.unwrap_or_else(|| panic!("{}:{}", job.service, job.operation));
            assert!(known.follows.contains(&&*job.follows), "{}:{}", job.service, job.follows);
            let ended = job.ends.is_none_or(|ends| known.ends.contains(&&*ends));
            assert!(ended, "{}:{}", job.service, job.operation);
        }
    }
}
