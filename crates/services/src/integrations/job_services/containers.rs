//! Containers: ECS, Batch, EKS.

use serde_json::{Value, json};

use super::{JOB, Job, JobService, NOBODY_WAITS, Names, ends};

/// Amazon ECS.
pub static ECS: JobService = JobService {
    service: "ecs",
    model: "ecs",
    names: Names { prefix: "ECS", base: "AmazonECSException", sdk_service: "AmazonECS" },
    calls: &[],
    renamed: &[],
    jobs: &[Job {
        begin: "runTask",
        calls_back: true,
        token: Some("ClientToken"),
        describe: "describeTasks",
        question: |asked, begun| {
            let task = begun.pointer("/Tasks/0/TaskArn")?;
            Some(within_cluster(asked, json!({ "Tasks": [task] })))
        },
        found: "/Tasks/0",
        ended: |task| match task["LastStatus"].as_str()? {
            "STOPPED" => Some(ecs_succeeded(task)),
            _ => None,
        },
        stop: Some("stopTask"),
        stops: |asked, begun| {
            let task = begun.pointer("/Tasks/0/TaskArn")?;
            Some(within_cluster(asked, json!({ "Task": task, "Reason": NOBODY_WAITS })))
        },
        ..JOB
    }],
};

/// AWS Batch.
pub static BATCH: JobService = JobService {
    service: "batch",
    model: "batch",
    names: Names { prefix: "Batch", base: "AWSBatchException", sdk_service: "AWSBatch" },
    calls: &[],
    renamed: &[],
    jobs: &[Job {
        begin: "submitJob",
        describe: "describeJobs",
        question: |_, begun| Some(json!({ "Jobs": [begun.get("JobId")?] })),
        found: "/Jobs/0",
        ended: |job| ends(job, "/Status", &["SUCCEEDED"], &["FAILED"]),
        stop: Some("terminateJob"),
        stops: |_, begun| Some(json!({ "JobId": begun.get("JobId")?, "Reason": NOBODY_WAITS })),
        ..JOB
    }],
};

/// Amazon EKS, as far as it is AWS's API: `runJob` and `call` speak to a cluster's own.
pub static EKS: JobService = JobService {
    service: "eks",
    model: "eks",
    names: Names { prefix: "EKS", base: "AmazonEKSException", sdk_service: "AmazonEKS" },
    calls: &[],
    renamed: &[],
    jobs: &[
        Job {
            begin: "createCluster",
            token: Some("ClientRequestToken"),
            ended: |cluster| ends(cluster, "/Status", &["ACTIVE"], &["FAILED"]),
            ..CLUSTER
        },
        Job {
            begin: "deleteCluster",
            gone: true,
            ended: |cluster| ends(cluster, "/Status", &[], &["FAILED"]),
            ..CLUSTER
        },
        Job {
            begin: "createNodegroup",
            token: Some("ClientRequestToken"),
            ended: |group| ends(group, "/Status", &["ACTIVE"], &["CREATE_FAILED"]),
            ..NODEGROUP
        },
        Job {
            begin: "deleteNodegroup",
            gone: true,
            ended: |group| ends(group, "/Status", &[], &["DELETE_FAILED"]),
            ..NODEGROUP
        },
        Job {
            begin: "createFargateProfile",
            token: Some("ClientRequestToken"),
            ended: |profile| ends(profile, "/Status", &["ACTIVE"], &["CREATE_FAILED"]),
            ..FARGATE_PROFILE
        },
        Job {
            begin: "deleteFargateProfile",
            gone: true,
            ended: |profile| ends(profile, "/Status", &[], &["DELETE_FAILED"]),
            ..FARGATE_PROFILE
        },
    ],
};

const CLUSTER: Job = Job {
    describe: "describeCluster",
    question: |asked, _| Some(json!({ "Name": asked.get("Name")? })),
    found: "/Cluster",
    result: Some("Cluster"),
    ..JOB
};

const NODEGROUP: Job = Job {
    describe: "describeNodegroup",
    question: |asked, _| within(asked, "NodegroupName"),
    found: "/Nodegroup",
    result: Some("Nodegroup"),
    ..JOB
};

const FARGATE_PROFILE: Job = Job {
    describe: "describeFargateProfile",
    question: |asked, _| within(asked, "FargateProfileName"),
    found: "/FargateProfile",
    result: Some("FargateProfile"),
    ..JOB
};

/// What has a name within an EKS cluster.
fn within(asked: &Value, name: &str) -> Option<Value> {
    Some(json!({ "ClusterName": asked.get("ClusterName")?, name: asked.get(name)? }))
}

fn within_cluster(asked: &Value, mut question: Value) -> Value {
    if let Some(cluster) = asked.get("Cluster") {
        question["Cluster"] = cluster.clone();
    }
    question
}

/// A task has succeeded when its containers came to their end and none tells of an error.
fn ecs_succeeded(task: &Value) -> bool {
    let ran = matches!(task["StopCode"].as_str(), None | Some("EssentialContainerExited"));
    let failed = |container: &Value| container["ExitCode"].as_i64().is_some_and(|code| code != 0);
    ran && !task["Containers"].as_array().is_some_and(|all| all.iter().any(failed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_that_fails_fails_its_task() {
        let task = |code: Value, stop: &str| json!({ "LastStatus": "STOPPED", "StopCode": stop, "Containers": [{ "ExitCode": code }] });
        let ended = ECS.jobs[0].ended;
        assert_eq!(ended(&task(json!(0), "EssentialContainerExited")), Some(true));
        assert_eq!(ended(&task(json!(1), "EssentialContainerExited")), Some(false));
        assert_eq!(ended(&task(Value::Null, "TaskFailedToStart")), Some(false));
        assert_eq!(ended(&json!({ "LastStatus": "RUNNING" })), None);
    }
}
