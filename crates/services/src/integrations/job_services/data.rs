//! What prepares and asks data: Glue, DataBrew, Athena.

use serde_json::json;

use super::{JOB, Job, JobService, Names, ends};

/// AWS Glue.
pub static GLUE: JobService = JobService {
    service: "glue",
    model: "glue",
    names: Names { prefix: "Glue", base: "AWSGlueException", sdk_service: "AWSGlue" },
    calls: &[],
    renamed: &[],
    jobs: &[Job {
        begin: "startJobRun",
        describe: "getJobRun",
        question: |asked, begun| {
            Some(json!({ "JobName": asked.get("JobName")?, "RunId": begun.get("JobRunId")? }))
        },
        found: "/JobRun",
        ended: |run| {
            let badly = &["FAILED", "STOPPED", "TIMEOUT", "ERROR", "EXPIRED"];
            ends(run, "/JobRunState", &["SUCCEEDED"], badly)
        },
        stop: Some("batchStopJobRun"),
        stops: |asked, begun| {
            let runs = [begun.get("JobRunId")?];
            Some(json!({ "JobName": asked.get("JobName")?, "JobRunIds": runs }))
        },
        ..JOB
    }],
};

/// AWS Glue DataBrew.
pub static DATABREW: JobService = JobService {
    service: "databrew",
    model: "databrew",
    names: Names {
        prefix: "DataBrew",
        base: "AWSGlueDataBrewException",
        sdk_service: "AWSGlueDataBrew",
    },
    calls: &[],
    renamed: &[],
    jobs: &[Job {
        begin: "startJobRun",
        describe: "describeJobRun",
        question: |asked, begun| {
            Some(json!({ "Name": asked.get("Name")?, "RunId": begun.get("RunId")? }))
        },
        ended: |run| ends(run, "/State", &["SUCCEEDED"], &["FAILED", "TIMEOUT", "STOPPED"]),
        stop: Some("stopJobRun"),
        stops: |asked, begun| {
            Some(json!({ "Name": asked.get("Name")?, "RunId": begun.get("RunId")? }))
        },
        ..JOB
    }],
};

/// Amazon Athena.
pub static ATHENA: JobService = JobService {
    service: "athena",
    model: "athena",
    names: Names { prefix: "Athena", base: "AmazonAthenaException", sdk_service: "AmazonAthena" },
    calls: &["stopQueryExecution", "getQueryExecution", "getQueryResults"],
    renamed: &[],
    jobs: &[Job {
        begin: "startQueryExecution",
        token: Some("ClientRequestToken"),
        describe: "getQueryExecution",
        question: |_, begun| Some(json!({ "QueryExecutionId": begun.get("QueryExecutionId")? })),
        found: "/QueryExecution",
        ended: |query| ends(query, "/Status/State", &["SUCCEEDED"], &["FAILED", "CANCELLED"]),
        result: Some("QueryExecution"),
        stop: Some("stopQueryExecution"),
        stops: |_, begun| Some(json!({ "QueryExecutionId": begun.get("QueryExecutionId")? })),
        ..JOB
    }],
};
