//! CodeBuild.

use serde_json::{Value, json};

use super::{JOB, Job, JobService, Names};

/// AWS CodeBuild.
pub static CODEBUILD: JobService = JobService {
    service: "codebuild",
    model: "codebuild",
    names: Names {
        prefix: "CodeBuild",
        base: "AWSCodeBuildException",
        sdk_service: "AWSCodeBuild",
    },
    calls: &[
        "stopBuild",
        "batchDeleteBuilds",
        "batchGetReports",
        "stopBuildBatch",
        "deleteBuildBatch",
    ],
    renamed: &[],
    jobs: &[
        Job {
            begin: "startBuild",
            token: Some("IdempotencyToken"),
            describe: "batchGetBuilds",
            question: |_, begun| Some(json!({ "Ids": [begun.pointer("/Build/Id")?] })),
            found: "/Builds/0",
            ended: |build| ended(&build["BuildStatus"]),
            result: Some("Build"),
            stop: Some("stopBuild"),
            stops: |_, begun| Some(json!({ "Id": begun.pointer("/Build/Id")? })),
            ..JOB
        },
        Job { begin: "startBuildBatch", ..BATCH },
        Job { begin: "retryBuildBatch", ..BATCH },
    ],
};

const BATCH: Job = Job {
    token: Some("IdempotencyToken"),
    describe: "batchGetBuildBatches",
    question: |_, begun| Some(json!({ "Ids": [begun.pointer("/BuildBatch/Id")?] })),
    found: "/BuildBatches/0",
    ended: |batch| ended(&batch["BuildBatchStatus"]),
    result: Some("BuildBatch"),
    stop: Some("stopBuildBatch"),
    stops: |_, begun| Some(json!({ "Id": begun.pointer("/BuildBatch/Id")? })),
    ..JOB
};

fn ended(status: &Value) -> Option<bool> {
    match status.as_str()? {
        "SUCCEEDED" => Some(true),
        "IN_PROGRESS" => None,
        _ => Some(false),
    }
}
