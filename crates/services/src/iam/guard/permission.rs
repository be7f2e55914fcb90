//! What an operation needs: its IAM action, the resources it touches, the condition keys its request
//! sets, the roles it hands on.
//!
//! Most follows from the request: `states:StopExecution` on the ARN it names. [`RULES`] has the others.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde_json::Value;

use crate::iam::name_of;
use crate::{Caller, Origin, arn};

/// One permission that a call needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    /// `sagemaker:CreateTrainingJob`.
    pub action: String,
    /// An ARN, or `*` for an action without resource.
    pub resource: String,
    /// Condition keys of this permission alone.
    pub keys: Vec<(String, Vec<String>)>,
    /// AWS asks for it, or documents that it does; we tell, and ask only if the configuration says so.
    pub only_told: bool,
    /// Whose the resource is, where its ARN does not say so.
    pub owner: Option<String>,
}

impl Need {
    /// To do this with that.
    pub fn new(action: impl Into<String>, resource: impl Into<String>) -> Need {
        let (action, resource) = (action.into(), resource.into());
        Need { action, resource, keys: Vec::new(), only_told: false, owner: None }
    }

    /// The service that a role is handed to.
    pub fn passed_to(&self) -> Option<&str> {
        let key = self.keys.iter().find(|(key, _)| key == PASSED_TO)?;
        key.1.first().map(String::as_str)
    }

    /// The account of the resource, if it is known.
    pub fn account(&self) -> Option<&str> {
        if let Some(owner) = &self.owner {
            return Some(owner);
        }
        let account = self.resource.split(':').nth(4)?;
        let digits = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
        digits.then_some(account)
    }
}

/// The key that says to which service a role is handed.
pub(super) const PASSED_TO: &str = "iam:PassedToService";

/// What an operation needs that does not follow from its name and request.
struct Rule {
    service: &'static str,
    operation: &'static str,
    /// With its prefix; empty for `PREFIX:OPERATION`.
    action: &'static str,
    /// An ARN from its resource on; `{Member}` is that member's text. Beginning with `:` it is put
    /// behind `arn:PARTITION`, else behind `arn:PARTITION:SERVICE:REGION:ACCOUNT:`.
    resource: &'static str,
}

const fn rule(
    service: &'static str,
    operation: &'static str,
    action: &'static str,
    resource: &'static str,
) -> Rule {
    Rule { service, operation, action, resource }
}

const BUCKET: &str = ":s3:::{Bucket}";
const OBJECT: &str = ":s3:::{Bucket}/{Key}";
const SOURCE: &str = ":s3:::{CopySource}";
const ROLE: &str = ":iam::{account}:role/{RoleName}";
const NEW_ROLE: &str = ":iam::{account}:role{Path}{RoleName}";
const USER: &str = ":iam::{account}:user/{UserName}";
const NEW_USER: &str = ":iam::{account}:user{Path}{UserName}";
const GROUP: &str = ":iam::{account}:group/{GroupName}";
const PROFILE: &str = ":iam::{account}:instance-profile/{InstanceProfileName}";
const LOG_GROUP: &str = "log-group:{logGroupName}:log-stream:";
const LOG_STREAM: &str = "log-group:{logGroupName}:log-stream:{logStreamName}";

/// Rows of one service and operation add up.
#[rustfmt::skip]
const RULES: &[Rule] = &[
    rule("stepfunctions", "CreateStateMachine", "", "stateMachine:{name}"),
    rule("stepfunctions", "CreateActivity", "", "activity:{name}"),
    rule("stepfunctions", "CreateStateMachineAlias", "", "{routingConfiguration.stateMachineVersionArn}"),
    rule("stepfunctions", "ValidateStateMachineDefinition", "", "*"),
    rule("stepfunctions", "TestState", "", "*"),
    rule("stepfunctions", "DescribeStateMachineForExecution", "", "{executionArn}"),

    rule("sagemaker", "CreateTrainingJob", "", "training-job/{TrainingJobName}"),
    rule("sagemaker", "DescribeTrainingJob", "", "training-job/{TrainingJobName}"),
    rule("sagemaker", "StopTrainingJob", "", "training-job/{TrainingJobName}"),
    rule("sagemaker", "CreateTransformJob", "", "transform-job/{TransformJobName}"),
    rule("sagemaker", "DescribeTransformJob", "", "transform-job/{TransformJobName}"),
    rule("sagemaker", "StopTransformJob", "", "transform-job/{TransformJobName}"),
    rule("sagemaker", "CreateProcessingJob", "", "processing-job/{ProcessingJobName}"),
    rule("sagemaker", "DescribeProcessingJob", "", "processing-job/{ProcessingJobName}"),
    rule("sagemaker", "StopProcessingJob", "", "processing-job/{ProcessingJobName}"),
    rule("sagemaker", "CreateHyperParameterTuningJob", "", "hyper-parameter-tuning-job/{HyperParameterTuningJobName}"),
    rule("sagemaker", "DescribeHyperParameterTuningJob", "", "hyper-parameter-tuning-job/{HyperParameterTuningJobName}"),
    rule("sagemaker", "StopHyperParameterTuningJob", "", "hyper-parameter-tuning-job/{HyperParameterTuningJobName}"),
    rule("sagemaker", "CreateModel", "", "model/{ModelName}"),
    rule("sagemaker", "DescribeModel", "", "model/{ModelName}"),
    rule("sagemaker", "DeleteModel", "", "model/{ModelName}"),
    rule("sagemaker", "CreateEndpointConfig", "", "endpoint-config/{EndpointConfigName}"),
    rule("sagemaker", "DescribeEndpointConfig", "", "endpoint-config/{EndpointConfigName}"),
    rule("sagemaker", "DeleteEndpointConfig", "", "endpoint-config/{EndpointConfigName}"),
    rule("sagemaker", "CreateEndpoint", "", "endpoint/{EndpointName}"),
    rule("sagemaker", "CreateEndpoint", "", "endpoint-config/{EndpointConfigName}"),
    rule("sagemaker", "UpdateEndpoint", "", "endpoint/{EndpointName}"),
    rule("sagemaker", "UpdateEndpoint", "", "endpoint-config/{EndpointConfigName}"),
    rule("sagemaker", "UpdateEndpointWeightsAndCapacities", "", "endpoint/{EndpointName}"),
    rule("sagemaker", "DescribeEndpoint", "", "endpoint/{EndpointName}"),
    rule("sagemaker", "DeleteEndpoint", "", "endpoint/{EndpointName}"),
    rule("sagemaker-runtime", "InvokeEndpoint", "", "endpoint/{EndpointName}"),

    rule("s3", "GetObject", "", OBJECT),
    rule("s3", "HeadObject", "s3:GetObject", OBJECT),
    rule("s3", "GetObjectAttributes", "s3:GetObject", OBJECT),
    rule("s3", "GetObjectAttributes", "", OBJECT),
    rule("s3", "PutObject", "", OBJECT),
    rule("s3", "CreateMultipartUpload", "s3:PutObject", OBJECT),
    rule("s3", "UploadPart", "s3:PutObject", OBJECT),
    rule("s3", "CompleteMultipartUpload", "s3:PutObject", OBJECT),
    rule("s3", "AbortMultipartUpload", "", OBJECT),
    rule("s3", "ListParts", "s3:ListMultipartUploadParts", OBJECT),
    rule("s3", "CopyObject", "s3:PutObject", OBJECT),
    rule("s3", "CopyObject", "s3:GetObject", SOURCE),
    rule("s3", "UploadPartCopy", "s3:PutObject", OBJECT),
    rule("s3", "UploadPartCopy", "s3:GetObject", SOURCE),
    rule("s3", "DeleteObject", "", OBJECT),
    rule("s3", "DeleteObjects", "s3:DeleteObject", ":s3:::{Bucket}/{Delete.Objects.Key}"),
    rule("s3", "GetObjectTagging", "", OBJECT),
    rule("s3", "PutObjectTagging", "", OBJECT),
    rule("s3", "DeleteObjectTagging", "", OBJECT),
    rule("s3", "GetObjectAcl", "", OBJECT),
    rule("s3", "ListBuckets", "s3:ListAllMyBuckets", ":s3:::*"),
    rule("s3", "HeadBucket", "s3:ListBucket", BUCKET),
    rule("s3", "ListObjectVersions", "s3:ListBucketVersions", BUCKET),
    rule("s3", "ListObjects", "s3:ListBucket", BUCKET),
    rule("s3", "ListObjectsV2", "s3:ListBucket", BUCKET),
    rule("s3", "ListMultipartUploads", "s3:ListBucketMultipartUploads", BUCKET),
    rule("s3", "DeleteBucketTagging", "s3:PutBucketTagging", BUCKET),
    rule("s3", "GetBucketAccelerateConfiguration", "s3:GetAccelerateConfiguration", BUCKET),
    rule("s3", "GetBucketCors", "s3:GetBucketCORS", BUCKET),
    rule("s3", "GetBucketEncryption", "s3:GetEncryptionConfiguration", BUCKET),
    rule("s3", "GetBucketLifecycleConfiguration", "s3:GetLifecycleConfiguration", BUCKET),
    rule("s3", "GetBucketNotificationConfiguration", "s3:GetBucketNotification", BUCKET),
    rule("s3", "GetBucketReplication", "s3:GetReplicationConfiguration", BUCKET),
    rule("s3", "GetObjectLockConfiguration", "s3:GetBucketObjectLockConfiguration", BUCKET),
    rule("s3", "GetPublicAccessBlock", "s3:GetBucketPublicAccessBlock", BUCKET),
    rule("s3", "PutBucketEncryption", "s3:PutEncryptionConfiguration", BUCKET),
    rule("s3", "PutPublicAccessBlock", "s3:PutBucketPublicAccessBlock", BUCKET),
    rule("s3", "DeletePublicAccessBlock", "s3:PutBucketPublicAccessBlock", BUCKET),

    rule("logs", "CreateLogGroup", "", LOG_GROUP),
    rule("logs", "DeleteLogGroup", "", LOG_GROUP),
    rule("logs", "DescribeLogGroups", "", "log-group::log-stream:"),
    rule("logs", "PutRetentionPolicy", "", LOG_GROUP),
    rule("logs", "DeleteRetentionPolicy", "", LOG_GROUP),
    rule("logs", "TagLogGroup", "", LOG_GROUP),
    rule("logs", "UntagLogGroup", "", LOG_GROUP),
    rule("logs", "ListTagsLogGroup", "", LOG_GROUP),
    rule("logs", "CreateLogStream", "", LOG_GROUP),
    rule("logs", "DescribeLogStreams", "", LOG_GROUP),
    rule("logs", "FilterLogEvents", "", LOG_GROUP),
    rule("logs", "DeleteLogStream", "", LOG_STREAM),
    rule("logs", "PutLogEvents", "", LOG_STREAM),
    rule("logs", "GetLogEvents", "", LOG_STREAM),

    rule("iam", "CreateRole", "", NEW_ROLE),
    rule("iam", "CreateUser", "", NEW_USER),
    rule("iam", "CreatePolicy", "", ":iam::{account}:policy{Path}{PolicyName}"),
    rule("iam", "AttachRolePolicy", "", ROLE),
    rule("iam", "DetachRolePolicy", "", ROLE),
    rule("iam", "AttachUserPolicy", "", USER),
    rule("iam", "DetachUserPolicy", "", USER),
    rule("iam", "CreateGroup", "", ":iam::{account}:group{Path}{GroupName}"),
    rule("iam", "AttachGroupPolicy", "", GROUP),
    rule("iam", "DetachGroupPolicy", "", GROUP),
    rule("iam", "AddUserToGroup", "", GROUP),
    rule("iam", "RemoveUserFromGroup", "", GROUP),
    rule("iam", "CreateInstanceProfile", "", ":iam::{account}:instance-profile{Path}{InstanceProfileName}"),
    rule("iam", "AddRoleToInstanceProfile", "", PROFILE),
    rule("iam", "RemoveRoleFromInstanceProfile", "", PROFILE),
    rule("iam", "CreateServiceLinkedRole", "", ":iam::{account}:role/aws-service-role/{AWSServiceName}/*"),
    rule("iam", "DeleteServiceLinkedRole", "", ":iam::{account}:role/aws-service-role/*/{RoleName}"),
    rule("iam", "GetServiceLinkedRoleDeletionStatus", "", "*"),
    rule("iam", "CreateOpenIDConnectProvider", "", ":iam::{account}:oidc-provider/{Issuer}"),
    rule("iam", "SimulateCustomPolicy", "", "*"),
    rule("iam", "SimulatePrincipalPolicy", "", "{PolicySourceArn}"),

    rule("sts", "AssumeRole", "", "{RoleArn}"),

    rule("lambda", "Invoke", "lambda:InvokeFunction", "{FunctionName}"),

    // Services elsewhere, as far as requests tell what they are about.
    rule("ecs", "RunTask", "", "task-definition/{taskDefinition}"),
    rule("eks", "DescribeCluster", "", "cluster/{name}"),
    rule("eks", "DeleteCluster", "", "cluster/{name}"),
    rule("eks", "DescribeNodegroup", "", "nodegroup/{clusterName}/{nodegroupName}/*"),
    rule("eks", "DeleteNodegroup", "", "nodegroup/{clusterName}/{nodegroupName}/*"),
    rule("eks", "DescribeFargateProfile", "", "fargateprofile/{clusterName}/{fargateProfileName}/*"),
    rule("eks", "DeleteFargateProfile", "", "fargateprofile/{clusterName}/{fargateProfileName}/*"),
    rule("glue", "StartJobRun", "", "job/{JobName}"),
    rule("glue", "GetJobRun", "", "job/{JobName}"),
    rule("glue", "GetJobRuns", "", "job/{JobName}"),
    rule("glue", "BatchStopJobRun", "", "job/{JobName}"),
    rule("databrew", "StartJobRun", "", "job/{Name}"),
    rule("databrew", "DescribeJobRun", "", "job/{Name}"),
    rule("databrew", "ListJobRuns", "", "job/{Name}"),
    rule("databrew", "StopJobRun", "", "job/{Name}"),
    rule("codebuild", "StartBuild", "", "project/{projectName}"),
    rule("codebuild", "StartBuildBatch", "", "project/{projectName}"),
    rule("codebuild", "StopBuild", "", "project/{id}"),
    rule("codebuild", "StopBuildBatch", "", "project/{id}"),
    rule("codebuild", "RetryBuildBatch", "", "project/{id}"),
    rule("codebuild", "DeleteBuildBatch", "", "project/{id}"),
    rule("codebuild", "BatchGetBuilds", "", "project/{ids}"),
    rule("codebuild", "BatchGetBuildBatches", "", "project/{ids}"),
    rule("codebuild", "BatchDeleteBuilds", "", "project/{ids}"),
    rule("emr", "DescribeCluster", "", "cluster/{ClusterId}"),
    rule("emr", "TerminateJobFlows", "", "cluster/{JobFlowIds}"),
    rule("emr", "SetTerminationProtection", "", "cluster/{JobFlowIds}"),
    rule("emr", "AddJobFlowSteps", "", "cluster/{JobFlowId}"),
    rule("emr", "DescribeStep", "", "cluster/{ClusterId}"),
    rule("emr", "CancelSteps", "", "cluster/{ClusterId}"),
    rule("emr-containers", "DescribeVirtualCluster", "", "/virtualclusters/{id}"),
    rule("emr-containers", "DeleteVirtualCluster", "", "/virtualclusters/{id}"),
    rule("emr-containers", "StartJobRun", "", "/virtualclusters/{virtualClusterId}"),
    rule("emr-containers", "DescribeJobRun", "", "/virtualclusters/{virtualClusterId}/jobruns/{id}"),
    rule("emr-containers", "CancelJobRun", "", "/virtualclusters/{virtualClusterId}/jobruns/{id}"),
    rule("emr-serverless", "CreateApplication", "", "/*"),
    rule("emr-serverless", "GetApplication", "", "/applications/{applicationId}"),
    rule("emr-serverless", "StartApplication", "", "/applications/{applicationId}"),
    rule("emr-serverless", "StopApplication", "", "/applications/{applicationId}"),
    rule("emr-serverless", "DeleteApplication", "", "/applications/{applicationId}"),
    rule("emr-serverless", "StartJobRun", "", "/applications/{applicationId}"),
    rule("emr-serverless", "GetJobRun", "", "/applications/{applicationId}/jobruns/{jobRunId}"),
    rule("emr-serverless", "CancelJobRun", "", "/applications/{applicationId}/jobruns/{jobRunId}"),
    rule("mediaconvert", "CreateJob", "", "queues/{Queue}"),
    rule("mediaconvert", "GetJob", "", "jobs/{Id}"),
    rule("mediaconvert", "CancelJob", "", "jobs/{Id}"),
    rule("bedrock", "CreateModelCustomizationJob", "", "{baseModelIdentifier}"),
    rule("bedrock", "CreateModelCustomizationJob", "", "custom-model/*"),
    rule("bedrock", "CreateModelCustomizationJob", "", "model-customization-job/*"),
    rule("bedrock", "GetModelCustomizationJob", "", "{jobIdentifier}"),
    rule("bedrock", "StopModelCustomizationJob", "", "{jobIdentifier}"),
];

/// Operations that everyone may call, as on AWS.
const FREE: &[(&str, &str)] = &[
    ("sts", "GetCallerIdentity"),
    ("sts", "GetSessionToken"),
    // The token says who it is, and the role's trust policy whether they may.
    ("sts", "AssumeRoleWithWebIdentity"),
];

/// Roles that an operation hands on: the member that names the role and the service that gets it.
#[rustfmt::skip]
const PASSES: &[(&str, &str, &str, &str)] = &[
    ("stepfunctions", "CreateStateMachine", "roleArn", "states.amazonaws.com"),
    ("stepfunctions", "UpdateStateMachine", "roleArn", "states.amazonaws.com"),
    ("stepfunctions", "TestState", "roleArn", "states.amazonaws.com"),
    ("sagemaker", "CreateTrainingJob", "RoleArn", "sagemaker.amazonaws.com"),
    ("sagemaker", "CreateProcessingJob", "RoleArn", "sagemaker.amazonaws.com"),
    ("sagemaker", "CreateModel", "ExecutionRoleArn", "sagemaker.amazonaws.com"),
    ("sagemaker", "CreateEndpointConfig", "ExecutionRoleArn", "sagemaker.amazonaws.com"),
    ("sagemaker", "CreateHyperParameterTuningJob", "TrainingJobDefinition.RoleArn", "sagemaker.amazonaws.com"),
    ("lambda", "CreateFunction", "Role", "lambda.amazonaws.com"),
    ("ecs", "RunTask", "overrides.executionRoleArn", "ecs-tasks.amazonaws.com"),
    ("ecs", "RunTask", "overrides.taskRoleArn", "ecs-tasks.amazonaws.com"),
    ("codebuild", "StartBuild", "serviceRoleOverride", "codebuild.amazonaws.com"),
    ("codebuild", "StartBuildBatch", "serviceRoleOverride", "codebuild.amazonaws.com"),
    ("eks", "CreateCluster", "roleArn", "eks.amazonaws.com"),
    ("eks", "CreateNodegroup", "nodeRole", "eks.amazonaws.com"),
    ("eks", "CreateFargateProfile", "podExecutionRoleArn", "eks-fargate-pods.amazonaws.com"),
    // EMR takes roles by name. The other one is an instance profile's, of the same name as a rule.
    ("emr", "RunJobFlow", "ServiceRole", "elasticmapreduce.amazonaws.com"),
    ("emr", "RunJobFlow", "JobFlowRole", "ec2.amazonaws.com"),
    ("emr-serverless", "StartJobRun", "executionRoleArn", "emr-serverless.amazonaws.com"),
    ("mediaconvert", "CreateJob", "Role", "mediaconvert.amazonaws.com"),
    ("bedrock", "CreateModelCustomizationJob", "roleArn", "bedrock.amazonaws.com"),
];

/// The prefix of a service's actions.
fn prefix(service: &str) -> &str {
    match service {
        "stepfunctions" => "states",
        "emr" => "elasticmapreduce",
        "sagemaker-runtime" | "sagemaker-featurestore-runtime" | "sagemaker-metrics" => "sagemaker",
        other => other,
    }
}

/// Everything the call needs, in the order AWS would refuse it.
pub fn needed(service: &str, operation: &str, caller: &Caller, members: &Value) -> Vec<Need> {
    if FREE.contains(&(service, operation)) {
        return Vec::new();
    }
    if (service, operation) == ("apigateway", "Invoke") {
        return of_api(caller, members);
    }
    let prefix = prefix(service);
    let own = || format!("{prefix}:{operation}");
    let keys = request_keys(service, members);
    let mut needs = Vec::with_capacity(2);
    for rule in rules(service, operation) {
        let action = if rule.action.is_empty() { own() } else { rule.action.to_owned() };
        for resource in resources(rule.resource, prefix, caller, members) {
            needs.push(Need { keys: keys.clone(), ..Need::new(action.as_str(), resource) });
        }
    }
    if needs.is_empty() {
        let resource = named(service, caller, members).unwrap_or_else(|| "*".to_owned());
        needs.push(Need { keys: keys.clone(), ..Need::new(own(), resource) });
    }
    // Versions and aliases are allowed and refused as their state machine is.
    for need in &mut needs {
        if let Some((machine, _)) = qualified(&need.resource) {
            need.resource = machine.to_owned();
        }
    }
    if (service, operation) == ("sts", "AssumeRole") {
        // What a session is given needs a permission of its own, of the role's owner too.
        let given = [("Tags", "sts:TagSession"), ("SourceIdentity", "sts:SetSourceIdentity")];
        let is_given = |member: &str| match &members[member] {
            Value::Array(items) => !items.is_empty(),
            other => !other.is_null(),
        };
        for (_, action) in given.into_iter().filter(|(member, _)| is_given(member)) {
            let need = Need::new(action, needs[0].resource.as_str());
            needs.push(Need { keys: keys.clone(), ..need });
        }
    }
    if (service, operation) == ("stepfunctions", "TestState") && members["revealSecrets"] == true {
        needs.push(Need::new("states:RevealSecrets", "*"));
    }
    needs.extend(tagging(service, operation, caller, members, &needs[0], keys));
    for (_, _, member, to) in PASSES.iter().filter(|pass| (pass.0, pass.1) == (service, operation))
    {
        for role in texts(members, member) {
            let keys = vec![(PASSED_TO.to_owned(), vec![(*to).to_owned()])];
            let role = match service {
                "emr" if !role.contains(':') => format!(
                    "arn:{}:iam::{}:role/{role}",
                    arn::partition(&caller.region),
                    caller.account
                ),
                _ => role,
            };
            needs.push(Need { keys, ..Need::new("iam:PassRole", role) });
        }
    }
    needs
}

/// What a task needs that calls an API behind API Gateway and signs for it.
fn of_api(caller: &Caller, members: &Value) -> Vec<Need> {
    let text = |name: &str| members[name].as_str().unwrap_or_default();
    if matches!(text("AuthType"), "" | "NO_AUTH") {
        return Vec::new();
    }
    let endpoint = text("ApiEndpoint");
    let host = endpoint.split_once("://").map_or(endpoint, |(_, rest)| rest);
    let api = host.split(['.', '/', ':']).next().unwrap_or_default();
    // An API without stages has `$default`.
    let stage = match text("Stage").trim_matches('/') {
        "" => "$default",
        stage => stage,
    };
    let path = text("Path").trim_start_matches('/');
    let resource = format!("{api}/{stage}/{}/{path}", text("Method"));
    let arn = arn::arn("execute-api", &caller.region, &caller.account, &resource);
    vec![Need::new("execute-api:Invoke", arn)]
}

/// The rules of an operation.
fn rules(service: &str, operation: &str) -> &'static [&'static Rule] {
    type Table = HashMap<&'static str, HashMap<&'static str, Vec<&'static Rule>>>;
    static TABLE: LazyLock<Table> = LazyLock::new(|| {
        let mut table = Table::new();
        for rule in RULES {
            let operations = table.entry(rule.service).or_default();
            operations.entry(rule.operation).or_default().push(rule);
        }
        table
    });
    TABLE.get(service).and_then(|known| known.get(operation)).map_or(&[], Vec::as_slice)
}

/// SageMaker's resources that are tagged as they are made need a permission for that too. So does the tag
/// that Step Functions puts on the jobs it waits for.
fn tagging(
    service: &str,
    operation: &str,
    caller: &Caller,
    members: &Value,
    first: &Need,
    keys: Vec<(String, Vec<String>)>,
) -> Option<Need> {
    if service != "sagemaker" || !operation.starts_with("Create") {
        return None;
    }
    let tags = members["Tags"].as_array().is_some_and(|tags| !tags.is_empty());
    let ours = matches!(caller.origin, Origin::Task { sync: true, .. });
    let need = Need::new("sagemaker:AddTags", first.resource.as_str());
    (tags || ours).then_some(Need { keys, only_told: !tags, ..need })
}

/// What a request names when no rule says what it touches.
fn named(service: &str, caller: &Caller, members: &Value) -> Option<String> {
    let has = |name: &str| members[name].is_string();
    let template = match service {
        "s3" if has("Key") => OBJECT,
        "s3" => BUCKET,
        "iam" if has("InstanceProfileName") => PROFILE,
        "iam" if has("RoleName") => ROLE,
        "iam" if has("UserName") => USER,
        "iam" if has("GroupName") => GROUP,
        "lambda" if has("FunctionName") => "{FunctionName}",
        "dynamodb" if has("TableName") => "table/{TableName}",
        "sqs" if has("QueueUrl") => "{QueueUrl}",
        _ => {
            let members = members.as_object()?;
            let arn = |(name, value): (&String, &Value)| {
                let text = value.as_str().filter(|text| text.starts_with("arn:"));
                text.filter(|_| name.ends_with("Arn") || name.ends_with("ARN")).map(str::to_owned)
            };
            return members.iter().filter(|(name, _)| !name.contains("ole")).find_map(arn);
        }
    };
    resources(template, prefix(service), caller, members).into_iter().next()
}

/// The ARNs a template stands for: one for each value of a member that is a list.
fn resources(template: &str, prefix: &str, caller: &Caller, members: &Value) -> Vec<String> {
    if template == "*" {
        return vec!["*".to_owned()];
    }
    let mut made = vec![String::new()];
    let mut rest = template;
    while let Some((before, tail)) = rest.split_once('{') {
        let Some((name, after)) = tail.split_once('}') else { break };
        let values = match name {
            "account" => vec![caller.account.clone()],
            "Issuer" => texts(members, "Url").iter().map(|url| name_of(url).to_owned()).collect(),
            "CopySource" => texts(members, name).iter().map(|source| copied(source)).collect(),
            "FunctionName" => {
                let qualifier = members["Qualifier"].as_str();
                texts(members, name).iter().map(|text| function(text, qualifier)).collect()
            }
            // Builds are `PROJECT:ID`, and an ARN has that at its end.
            "id" | "ids" if prefix == "codebuild" => {
                texts(members, name).iter().map(|id| project(id).to_owned()).collect()
            }
            "baseModelIdentifier" => texts(members, name)
                .into_iter()
                .map(|model| foundation_model(&model, &caller.region))
                .collect(),
            "Queue" if members[name].is_null() => vec!["Default".to_owned()],
            "taskDefinition" | "Queue" => {
                texts(members, name).iter().map(|text| last_part(text).to_owned()).collect()
            }
            // IAM's paths are `/` unless given.
            "Path" if members[name].is_null() => vec!["/".to_owned()],
            // SageMaker's ARNs are in small letters.
            _ if prefix == "sagemaker" => {
                texts(members, name).iter().map(|text| text.to_lowercase()).collect()
            }
            _ => texts(members, name),
        };
        made = made
            .iter()
            .flat_map(|made| values.iter().map(move |value| format!("{made}{before}{value}")))
            .collect();
        rest = after;
    }
    let finish = |made: String| {
        let text = format!("{made}{rest}");
        let partition = arn::partition(&caller.region);
        if let Some(url) = text.strip_prefix("http") {
            let name = url.rsplit('/').next().unwrap_or_default();
            return arn::arn(prefix, &caller.region, &caller.account, name);
        }
        match text.strip_prefix(':') {
            _ if text.starts_with("arn:") => text,
            Some(full) => format!("arn:{partition}:{full}"),
            None => arn::arn(prefix, &caller.region, &caller.account, &text),
        }
    };
    made.into_iter().map(finish).collect()
}

/// The ARN of a version or an alias as its state machine's and what qualifies it.
fn qualified(arn: &str) -> Option<(&str, &str)> {
    let mut parts = arn.split(':');
    let is_machine = parts.nth(2) == Some("states") && parts.nth(2) == Some("stateMachine");
    let has_more = is_machine && parts.nth(1).is_some();
    arn.rsplit_once(':').filter(|_| has_more)
}

/// A Lambda function's ARN, or its resource, of any form that Lambda takes: `NAME`, `NAME:QUALIFIER`,
/// `ACCOUNT:function:NAME`, an ARN; the qualifier may also come by itself.
fn function(name: &str, qualifier: Option<&str>) -> String {
    let own = match name.split_once(":function:") {
        Some(_) if name.starts_with("arn:") => name.to_owned(),
        Some((_, own)) => format!("function:{own}"),
        None => format!("function:{name}"),
    };
    let (_, plain) = own.split_once("function:").unwrap_or_default();
    match qualifier {
        Some(qualifier) if !plain.contains(':') => format!("{own}:{qualifier}"),
        _ => own,
    }
}

/// What a name or an ARN has behind its kind: `nightly:3` of `…:task-definition/nightly:3`.
fn last_part(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or_default()
}

/// The ARN of a model of Bedrock's own, which is nobody's account's.
fn foundation_model(model: &str, region: &str) -> String {
    match model.starts_with("arn:") {
        true => model.to_owned(),
        false => {
            format!("arn:{}:bedrock:{region}::foundation-model/{model}", arn::partition(region))
        }
    }
}

/// The project of a build.
fn project(build: &str) -> &str {
    last_part(build).split(':').next().unwrap_or_default()
}

/// `bucket/key` of a copy's source, which may be percent-encoded and name a version.
fn copied(source: &str) -> String {
    let source = source.trim_start_matches('/');
    let source = source.split_once("?versionId=").map_or(source, |(source, _)| source);
    percent_encoding::percent_decode_str(source).decode_utf8_lossy().into_owned()
}

/// The texts at a path of members, through lists.
fn texts(members: &Value, path: &str) -> Vec<String> {
    let (name, rest) = path.split_once('.').map_or((path, None), |(name, rest)| (name, Some(rest)));
    match (&members[name], rest) {
        (Value::String(text), None) => vec![text.clone()],
        (Value::Array(items), None) => {
            items.iter().filter_map(|item| Some(item.as_str()?.to_owned())).collect()
        }
        (Value::Array(items), Some(rest)) => {
            items.iter().flat_map(|item| texts(item, rest)).collect()
        }
        (value, Some(rest)) => texts(value, rest),
        _ => Vec::new(),
    }
}

/// The condition keys that the request itself sets.
fn request_keys(service: &str, members: &Value) -> Vec<(String, Vec<String>)> {
    let mut keys = Vec::new();
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    let mut tags: Vec<(String, String)> = Vec::new();
    for member in ["tags", "Tags"] {
        match &members[member] {
            Value::Array(items) => tags.extend(items.iter().filter_map(|tag| {
                let part =
                    |small: &str, large: &str| text(&tag[small]).or_else(|| text(&tag[large]));
                Some((part("key", "Key")?, part("value", "Value").unwrap_or_default()))
            })),
            Value::Object(map) => {
                tags.extend(map.iter().filter_map(|(key, value)| Some((key.clone(), text(value)?))))
            }
            _ => {}
        }
    }
    let mut tag_keys: Vec<String> = tags.iter().map(|(key, _)| key.clone()).collect();
    for member in ["tagKeys", "TagKeys"] {
        tag_keys.extend(members[member].as_array().into_iter().flatten().filter_map(text));
    }
    keys.extend(
        tags.into_iter().map(|(key, value)| (format!("aws:RequestTag/{key}"), vec![value])),
    );
    if !tag_keys.is_empty() {
        keys.push(("aws:TagKeys".to_owned(), tag_keys));
    }
    let handed_on = members["TransitiveTagKeys"].as_array().filter(|keys| !keys.is_empty());
    if let Some(handed_on) = handed_on {
        keys.push((
            "sts:TransitiveTagKeys".to_owned(),
            handed_on.iter().filter_map(text).collect(),
        ));
    }
    let machines = ["stateMachineArn", "stateMachineAliasArn", "stateMachineVersionArn"];
    let mut qualifiers: Vec<String> = Vec::new();
    if service == "stepfunctions" {
        let asked = machines.into_iter().filter_map(|member| members[member].as_str());
        qualifiers.extend(asked.filter_map(qualified).map(|(_, name)| name.to_owned()));
    }
    if !qualifiers.is_empty() {
        keys.push(("states:StateMachineQualifier".to_owned(), qualifiers));
    }
    let own: &[(&str, &str)] = match service {
        "s3" => {
            s3_keys(members, &mut keys);
            &[]
        }
        "iam" => {
            &[("iam:PolicyARN", "PolicyArn"), ("iam:PermissionsBoundary", "PermissionsBoundary")]
        }
        "sts" => &[
            ("sts:ExternalId", "ExternalId"),
            ("sts:RoleSessionName", "RoleSessionName"),
            ("sts:SourceIdentity", "SourceIdentity"),
            ("sts:DurationSeconds", "DurationSeconds"),
        ],
        _ => &[],
    };
    for (key, member) in own {
        keys.extend(text(&members[*member]).map(|value| ((*key).to_owned(), vec![value])));
    }
    keys
}

/// S3's own keys: what a request says of how an object is to be kept or found.
fn s3_keys(members: &Value, keys: &mut Vec<(String, Vec<String>)>) {
    for (name, value) in members.as_object().into_iter().flatten() {
        let key = match name.as_str() {
            "Prefix" => "s3:prefix",
            "Delimiter" => "s3:delimiter",
            "MaxKeys" => "s3:max-keys",
            "VersionId" => "s3:VersionId",
            "ACL" => "s3:x-amz-acl",
            "GrantFullControl" => "s3:x-amz-grant-full-control",
            "GrantRead" => "s3:x-amz-grant-read",
            "GrantReadACP" => "s3:x-amz-grant-read-acp",
            "GrantWrite" => "s3:x-amz-grant-write",
            "GrantWriteACP" => "s3:x-amz-grant-write-acp",
            "CopySource" => "s3:x-amz-copy-source",
            "MetadataDirective" => "s3:x-amz-metadata-directive",
            "StorageClass" => "s3:x-amz-storage-class",
            "ServerSideEncryption" => "s3:x-amz-server-side-encryption",
            "SSEKMSKeyId" => "s3:x-amz-server-side-encryption-aws-kms-key-id",
            "WebsiteRedirectLocation" => "s3:x-amz-website-redirect-location",
            "ObjectOwnership" => "s3:x-amz-object-ownership",
            "CreateBucketConfiguration" => {
                let place = value["LocationConstraint"].as_str().map(str::to_owned);
                keys.extend(place.map(|place| ("s3:LocationConstraint".to_owned(), vec![place])));
                continue;
            }
            "Tagging" => {
                keys.extend(object_tags(value));
                continue;
            }
            _ => continue,
        };
        let value = match value {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => continue,
        };
        keys.push((key.to_owned(), vec![value]));
    }
}

/// The tags that a request gives an object: as a form (`a=b&c=d`), or one by one.
fn object_tags(given: &Value) -> Vec<(String, Vec<String>)> {
    let tags: Vec<(String, String)> = match given {
        Value::String(form) => form
            .split('&')
            .filter(|tag| !tag.is_empty())
            .map(|tag| {
                let plain = |text: &str| {
                    let spaced = text.replace('+', " ");
                    percent_encoding::percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
                };
                let (name, value) = tag.split_once('=').unwrap_or((tag, ""));
                (plain(name), plain(value))
            })
            .collect(),
        given => given["TagSet"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|tag| {
                let value = tag["Value"].as_str().unwrap_or_default();
                Some((tag["Key"].as_str()?.to_owned(), value.to_owned()))
            })
            .collect(),
    };
    let names: Vec<String> = tags.iter().map(|(name, _)| name.clone()).collect();
    let mut keys: Vec<_> = tags
        .into_iter()
        .map(|(name, value)| (format!("s3:RequestObjectTag/{name}"), vec![value]))
        .collect();
    if !names.is_empty() {
        keys.push(("s3:RequestObjectTagKeys".to_owned(), names));
    }
    keys
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Origin;
    use serde_json::json;

    fn told(service: &str, operation: &str, members: Value) -> Vec<String> {
        let caller = Caller {
            account: "123456789012".into(),
            region: "us-east-1".into(),
            arn: String::new(),
            access_key: None,
            origin: Origin::Client,
        };
        let needs = needed(service, operation, &caller, &members);
        needs.iter().map(|need| format!("{} {}", need.action, need.resource)).collect()
    }

    #[test]
    fn operations_need_what_aws_documents() {
        let machine = "arn:aws:states:us-east-1:123456789012:stateMachine:m";
        let role = "arn:aws:iam::123456789012:role/work";
        let cases = [
            (
                told("stepfunctions", "StartExecution", json!({ "stateMachineArn": machine })),
                vec!["states:StartExecution arn:aws:states:us-east-1:123456789012:stateMachine:m"],
            ),
            (
                told(
                    "stepfunctions",
                    "StartExecution",
                    json!({ "stateMachineArn": format!("{machine}:PROD") }),
                ),
                vec!["states:StartExecution arn:aws:states:us-east-1:123456789012:stateMachine:m"],
            ),
            (
                told(
                    "stepfunctions",
                    "CreateStateMachine",
                    json!({ "name": "m", "roleArn": role }),
                ),
                vec![
                    "states:CreateStateMachine arn:aws:states:us-east-1:123456789012:stateMachine:m",
                    "iam:PassRole arn:aws:iam::123456789012:role/work",
                ],
            ),
            (
                told("stepfunctions", "ListStateMachines", json!({})),
                vec!["states:ListStateMachines *"],
            ),
            (
                told(
                    "sagemaker",
                    "CreateModel",
                    json!({ "ModelName": "M", "ExecutionRoleArn": role }),
                ),
                vec![
                    "sagemaker:CreateModel arn:aws:sagemaker:us-east-1:123456789012:model/m",
                    "iam:PassRole arn:aws:iam::123456789012:role/work",
                ],
            ),
            (
                told("s3", "HeadObject", json!({ "Bucket": "b", "Key": "a/k" })),
                vec!["s3:GetObject arn:aws:s3:::b/a/k"],
            ),
            (
                told(
                    "s3",
                    "CopyObject",
                    json!({ "Bucket": "b", "Key": "k", "CopySource": "/c/a%20b" }),
                ),
                vec!["s3:PutObject arn:aws:s3:::b/k", "s3:GetObject arn:aws:s3:::c/a b"],
            ),
            (
                told(
                    "s3",
                    "DeleteObjects",
                    json!({ "Bucket": "b", "Delete": { "Objects": [{ "Key": "x" }, { "Key": "y" }] } }),
                ),
                vec!["s3:DeleteObject arn:aws:s3:::b/x", "s3:DeleteObject arn:aws:s3:::b/y"],
            ),
            (
                told("s3", "GetBucketVersioning", json!({ "Bucket": "b" })),
                vec!["s3:GetBucketVersioning arn:aws:s3:::b"],
            ),
            (
                told("iam", "CreateRole", json!({ "RoleName": "r" })),
                vec!["iam:CreateRole arn:aws:iam::123456789012:role/r"],
            ),
            (told("sts", "GetCallerIdentity", json!({})), vec![]),
            (
                told("ecs", "RunTask", json!({ "taskDefinition": "nightly:3" })),
                vec!["ecs:RunTask arn:aws:ecs:us-east-1:123456789012:task-definition/nightly:3"],
            ),
            (
                told(
                    "codebuild",
                    "BatchGetBuilds",
                    json!({ "ids": ["a:1", "arn:aws:codebuild:us-east-1:123456789012:build/b:2"] }),
                ),
                vec![
                    "codebuild:BatchGetBuilds arn:aws:codebuild:us-east-1:123456789012:project/a",
                    "codebuild:BatchGetBuilds arn:aws:codebuild:us-east-1:123456789012:project/b",
                ],
            ),
            (
                told("emr", "TerminateJobFlows", json!({ "JobFlowIds": ["j-1"] })),
                vec![
                    "elasticmapreduce:TerminateJobFlows arn:aws:elasticmapreduce:us-east-1:123456789012:cluster/j-1",
                ],
            ),
            (
                told("emr", "RunJobFlow", json!({ "ServiceRole": "emr", "JobFlowRole": "nodes" })),
                vec![
                    "elasticmapreduce:RunJobFlow *",
                    "iam:PassRole arn:aws:iam::123456789012:role/emr",
                    "iam:PassRole arn:aws:iam::123456789012:role/nodes",
                ],
            ),
            (
                told(
                    "emr-serverless",
                    "GetJobRun",
                    json!({ "applicationId": "a", "jobRunId": "r" }),
                ),
                vec![
                    "emr-serverless:GetJobRun arn:aws:emr-serverless:us-east-1:123456789012:/applications/a/jobruns/r",
                ],
            ),
            (
                told("mediaconvert", "CreateJob", json!({})),
                vec![
                    "mediaconvert:CreateJob arn:aws:mediaconvert:us-east-1:123456789012:queues/Default",
                ],
            ),
            (
                told(
                    "apigateway",
                    "Invoke",
                    json!({ "ApiEndpoint": "id.execute-api.us-east-1.amazonaws.com", "Stage": "prod", "Method": "GET", "Path": "/bills", "AuthType": "IAM_ROLE" }),
                ),
                vec![
                    "execute-api:Invoke arn:aws:execute-api:us-east-1:123456789012:id/prod/GET/bills",
                ],
            ),
            (told("apigateway", "Invoke", json!({ "ApiEndpoint": "id.example" })), vec![]),
        ];
        for (is, wanted) in cases {
            assert_eq!(is, wanted);
        }
    }
}
