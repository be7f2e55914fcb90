//! MediaConvert, and the customisation of Bedrock's models.

use serde_json::json;

use super::{JOB, Job, JobService, Names, ends};

/// AWS Elemental MediaConvert.
pub static MEDIACONVERT: JobService = JobService {
    service: "mediaconvert",
    model: "mediaconvert",
    names: Names {
        prefix: "MediaConvert",
        base: "AWSMediaConvertException",
        sdk_service: "AWSMediaConvert",
    },
    calls: &[],
    renamed: &[],
    jobs: &[Job {
        begin: "createJob",
        token: Some("ClientRequestToken"),
        describe: "getJob",
        question: |_, begun| Some(json!({ "Id": begun.pointer("/Job/Id")? })),
        found: "/Job",
        ended: |job| ends(job, "/Status", &["COMPLETE"], &["ERROR", "CANCELED"]),
        result: Some("Job"),
        stop: Some("cancelJob"),
        stops: |_, begun| Some(json!({ "Id": begun.pointer("/Job/Id")? })),
        ..JOB
    }],
};

/// Amazon Bedrock, as far as it runs jobs.
pub static BEDROCK: JobService = JobService {
    service: "bedrock",
    model: "bedrock",
    names: Names {
        prefix: "Bedrock",
        base: "AmazonBedrockException",
        sdk_service: "AmazonBedrock",
    },
    calls: &[],
    renamed: &[],
    jobs: &[Job {
        begin: "createModelCustomizationJob",
        token: Some("ClientRequestToken"),
        describe: "getModelCustomizationJob",
        question: |_, begun| Some(json!({ "JobIdentifier": begun.get("JobArn")? })),
        ended: |job| ends(job, "/Status", &["Completed"], &["Failed", "Stopped"]),
        stop: Some("stopModelCustomizationJob"),
        stops: |_, begun| Some(json!({ "JobIdentifier": begun.get("JobArn")? })),
        ..JOB
    }],
};
