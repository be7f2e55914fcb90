//! EMR: clusters and their steps, EMR on EKS, EMR Serverless.

use serde_json::json;

use super::{JOB, Job, JobService, Names, Renamed, ends};

/// Amazon EMR. Its actions have names of their own: a cluster is a job flow to the API, and steps come
/// one by one.
pub static EMR: JobService = JobService {
    service: "elasticmapreduce",
    model: "emr",
    names: Names {
        prefix: "ElasticMapReduce",
        base: "AmazonElasticMapReduceException",
        sdk_service: "AmazonElasticMapReduce",
    },
    calls: &["setClusterTerminationProtection", "cancelStep"],
    renamed: &[
        Renamed {
            action: "createCluster",
            operation: "runJobFlow",
            parameters: &[],
            answer: &[("JobFlowId", "ClusterId", false)],
        },
        Renamed {
            action: "terminateCluster",
            operation: "terminateJobFlows",
            parameters: &[("ClusterId", "JobFlowIds", true)],
            answer: &[],
        },
        Renamed {
            action: "setClusterTerminationProtection",
            operation: "setTerminationProtection",
            parameters: &[("ClusterId", "JobFlowIds", true)],
            answer: &[],
        },
        Renamed {
            action: "addStep",
            operation: "addJobFlowSteps",
            parameters: &[("ClusterId", "JobFlowId", false), ("Step", "Steps", true)],
            answer: &[("StepIds", "StepId", true)],
        },
        Renamed {
            action: "cancelStep",
            operation: "cancelSteps",
            parameters: &[("StepId", "StepIds", true)],
            answer: &[("CancelStepsInfoList", "CancelStepsInfo", true)],
        },
    ],
    jobs: &[
        Job {
            begin: "createCluster",
            question: |_, begun| Some(json!({ "ClusterId": begun.get("ClusterId")? })),
            ended: |cluster| {
                ends(
                    cluster,
                    "/Status/State",
                    &["WAITING"],
                    &["TERMINATED", "TERMINATED_WITH_ERRORS"],
                )
            },
            stop: Some("terminateJobFlows"),
            stops: |_, begun| Some(json!({ "JobFlowIds": [begun.get("ClusterId")?] })),
            ..CLUSTER
        },
        Job {
            begin: "terminateCluster",
            question: |asked, _| Some(json!({ "ClusterId": asked.get("ClusterId")? })),
            ended: |cluster| {
                ends(cluster, "/Status/State", &["TERMINATED", "TERMINATED_WITH_ERRORS"], &[])
            },
            ..CLUSTER
        },
        Job {
            begin: "addStep",
            describe: "describeStep",
            question: |asked, begun| {
                let step = begun.get("StepId")?;
                Some(json!({ "ClusterId": asked.get("ClusterId")?, "StepId": step }))
            },
            found: "/Step",
            ended: |step| {
                let badly = &["FAILED", "CANCELLED", "INTERRUPTED"];
                ends(step, "/Status/State", &["COMPLETED"], badly)
            },
            result: Some("Step"),
            stop: Some("cancelSteps"),
            stops: |asked, begun| {
                let steps = [begun.get("StepId")?];
                Some(json!({ "ClusterId": asked.get("ClusterId")?, "StepIds": steps }))
            },
            ..JOB
        },
    ],
};

const CLUSTER: Job = Job {
    describe: "describeCluster",
    found: "/Cluster",
    result: Some("Cluster"),
    // What comes next asks for it as `$.ClusterId`, awaited or not.
    beside: Some("ClusterId"),
    ..JOB
};

/// Amazon EMR on EKS.
pub static EMR_CONTAINERS: JobService = JobService {
    service: "emr-containers",
    model: "emr-containers",
    names: Names {
        prefix: "EMRContainers",
        base: "AmazonEMRContainersException",
        sdk_service: "AmazonEMRContainers",
    },
    calls: &["createVirtualCluster"],
    renamed: &[],
    jobs: &[
        Job {
            begin: "deleteVirtualCluster",
            describe: "describeVirtualCluster",
            question: |asked, _| Some(json!({ "Id": asked.get("Id")? })),
            found: "/VirtualCluster",
            ended: |cluster| ends(cluster, "/State", &["TERMINATED"], &["ARRESTED"]),
            gone: true,
            result: Some("VirtualCluster"),
            ..JOB
        },
        Job {
            begin: "startJobRun",
            token: Some("ClientToken"),
            describe: "describeJobRun",
            question: |asked, begun| {
                let cluster = asked.get("VirtualClusterId")?;
                Some(json!({ "VirtualClusterId": cluster, "Id": begun.get("Id")? }))
            },
            found: "/JobRun",
            ended: |run| ends(run, "/State", &["COMPLETED"], &["FAILED", "CANCELLED"]),
            result: Some("JobRun"),
            stop: Some("cancelJobRun"),
            stops: |asked, begun| {
                let cluster = asked.get("VirtualClusterId")?;
                Some(json!({ "VirtualClusterId": cluster, "Id": begun.get("Id")? }))
            },
            ..JOB
        },
    ],
};

/// Amazon EMR Serverless.
pub static EMR_SERVERLESS: JobService = JobService {
    service: "emr-serverless",
    model: "emr-serverless",
    names: Names {
        prefix: "EMRServerless",
        base: "AWSEMRServerlessException",
        sdk_service: "AWSEMRServerless",
    },
    calls: &[],
    renamed: &[],
    jobs: &[
        Job {
            begin: "createApplication",
            token: Some("ClientToken"),
            question: |_, begun| Some(json!({ "ApplicationId": begun.get("ApplicationId")? })),
            // It may be started by then.
            ended: |application| {
                ends(application, "/State", &["CREATED", "STARTING", "STARTED"], &["TERMINATED"])
            },
            ..APPLICATION
        },
        Job {
            begin: "startApplication",
            ended: |application| {
                ends(application, "/State", &["STARTED"], &["STOPPING", "STOPPED", "TERMINATED"])
            },
            ..APPLICATION
        },
        Job {
            begin: "stopApplication",
            ended: |application| ends(application, "/State", &["STOPPED", "TERMINATED"], &[]),
            ..APPLICATION
        },
        Job {
            begin: "deleteApplication",
            ended: |application| ends(application, "/State", &["TERMINATED"], &[]),
            gone: true,
            ..APPLICATION
        },
        Job {
            begin: "startJobRun",
            token: Some("ClientToken"),
            question: |asked, begun| {
                let application = asked.get("ApplicationId")?;
                Some(json!({ "ApplicationId": application, "JobRunId": begun.get("JobRunId")? }))
            },
            ended: |run| ends(run, "/State", &["SUCCESS"], &["FAILED", "CANCELLED"]),
            stop: Some("cancelJobRun"),
            stops: |asked, begun| {
                let application = asked.get("ApplicationId")?;
                Some(json!({ "ApplicationId": application, "JobRunId": begun.get("JobRunId")? }))
            },
            ..JOB_RUN
        },
        Job {
            begin: "cancelJobRun",
            question: |asked, _| {
                let application = asked.get("ApplicationId")?;
                Some(json!({ "ApplicationId": application, "JobRunId": asked.get("JobRunId")? }))
            },
            // It may have come to its end before.
            ended: |run| ends(run, "/State", &["CANCELLED", "SUCCESS", "FAILED"], &[]),
            ..JOB_RUN
        },
    ],
};

const APPLICATION: Job = Job {
    describe: "getApplication",
    question: |asked, _| Some(json!({ "ApplicationId": asked.get("ApplicationId")? })),
    found: "/Application",
    result: Some("Application"),
    ..JOB
};

const JOB_RUN: Job = Job { describe: "getJobRun", found: "/JobRun", result: Some("JobRun"), ..JOB };
