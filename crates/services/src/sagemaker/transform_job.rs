//! Batch transform jobs: as stored, and CreateTransformJob, DescribeTransformJob, ListTransformJobs, StopTransformJob.

use asl::Failure;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use store::{Batch, Expect, StoreError};

use super::batch::{Columns, Processing};
use super::model::{self, Container};
use super::resource::{
    self, Kind, ListRequest, Listed, Resource, TaskToken, copy_members, seconds,
};
use super::runner::Work;
use super::training_job::{Progress, sync_outcome};
use super::{inputs, tags};
use crate::integrations::{self, Awaiting};
use crate::operation::operation;
use crate::{Caller, Context, Error, Operation};

/// A transform job as stored.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct TransformJob {
    /// CreateTransformJob's request.
    pub request: Value,
    /// Its ARN.
    pub arn: String,
    /// The name of its folder.
    pub folder: String,
    /// Where it is.
    pub progress: Progress,
    /// The model's container, as it was when the job was created.
    pub container: Container,
    /// The model's role.
    pub role: Option<String>,
    /// The task that waits for it.
    pub awaiting: Option<Awaiting>,
    /// The task that made it, waiting or not.
    #[serde(default)]
    pub maker: Option<TaskToken>,
}

impl Resource for TransformJob {
    const KIND: Kind = Kind { table: "sagemaker/transform-job", arn_word: "transform-job" };
    fn name(&self) -> &str {
        self.request["TransformJobName"].as_str().unwrap_or_default()
    }
}

impl TransformJob {
    /// DescribeTransformJob's answer.
    pub fn describe(&self) -> Value {
        let mut answer = Map::new();
        copy_members(
            &self.request,
            &[
                "TransformJobName",
                "ModelName",
                "MaxConcurrentTransforms",
                "ModelClientConfig",
                "MaxPayloadInMB",
                "BatchStrategy",
                "Environment",
                "TransformInput",
                "TransformOutput",
                "DataCaptureConfig",
                "TransformResources",
                "DataProcessing",
                "ExperimentConfig",
            ],
            &mut answer,
        );
        if let Some(input) = answer.get_mut("TransformInput").and_then(Value::as_object_mut) {
            input.entry("CompressionType").or_insert_with(|| json!("None"));
            input.entry("SplitType").or_insert_with(|| json!("None"));
        }
        if let Some(output) = answer.get_mut("TransformOutput").and_then(Value::as_object_mut) {
            output.entry("AssembleWith").or_insert_with(|| json!("None"));
            output.entry("KmsKeyId").or_insert_with(|| json!(""));
        }
        let processing = answer.entry("DataProcessing").or_insert_with(|| json!({}));
        if let Some(processing) = processing.as_object_mut() {
            for (member, default) in
                [("InputFilter", "$"), ("OutputFilter", "$"), ("JoinSource", "None")]
            {
                processing.entry(member).or_insert_with(|| json!(default));
            }
        }
        let progress = &self.progress;
        answer.insert("TransformJobArn".into(), json!(self.arn));
        answer.insert("TransformJobStatus".into(), json!(progress.status));
        answer.insert("CreationTime".into(), seconds(progress.created_at));
        for (member, time) in
            [("TransformStartTime", progress.started_at), ("TransformEndTime", progress.ended_at)]
        {
            if let Some(time) = time {
                answer.insert(member.into(), seconds(time));
            }
        }
        if let Some(reason) = &progress.failure_reason {
            answer.insert("FailureReason".into(), json!(reason));
        }
        Value::Object(answer)
    }

    /// What the waiting task is told when the job has ended.
    pub fn outcome(&self) -> Result<Value, Failure> {
        sync_outcome(self.describe(), &self.progress)
    }
}

/// CreateTransformJob.
pub const CREATE: Operation = operation!("CreateTransformJob", create_transform_job);
/// DescribeTransformJob.
pub const DESCRIBE: Operation = operation!("DescribeTransformJob", describe_transform_job);
/// ListTransformJobs.
pub const LIST: Operation = operation!("ListTransformJobs", list_transform_jobs);
/// StopTransformJob.
pub const STOP: Operation = operation!("StopTransformJob", stop_transform_job);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ByName {
    transform_job_name: String,
}

async fn create_transform_job(
    context: &Context,
    caller: &Caller,
    request: Value,
) -> Result<Value, Error> {
    let name = request["TransformJobName"].as_str().unwrap_or_default().to_owned();
    let key = resource::key_of(caller, &name);
    let arn = resource::arn_of(&TransformJob::KIND, caller, &name);
    let answer = json!({ "TransformJobArn": arn });
    let awaiting = Awaiting::of(caller);
    if let Some(known) = resource::find_key::<TransformJob>(context, key.clone()).await? {
        if resource::made_by(known.value.maker, caller) {
            return Ok(answer);
        }
        return Err(name_taken(&arn));
    }
    let model =
        model::existing(context, caller, request["ModelName"].as_str().unwrap_or_default()).await?;
    let container = model.container();
    inputs::image(context, &container.image)?;
    let role = model.request["ExecutionRoleArn"].as_str();
    check(context, caller, role.unwrap_or_default(), &request).await?;
    let moment = context.clock.moment();
    let job = TransformJob {
        arn: arn.clone(),
        folder: moment.dice("transform job folder").uuid(),
        progress: Progress::new(moment.now.0),
        container,
        role: role.map(str::to_owned),
        awaiting,
        maker: caller.task(),
        request,
    };
    let mut records = vec![resource::write(&key, &job, Expect::Absent)?];
    records.extend(tags::of_new(&arn, &job.request)?);
    match integrations::begin(context, caller, &answer, Batch { records, ..Batch::default() }).await
    {
        Ok(()) => {}
        Err(engine::EngineError::Store(StoreError::Conflict { .. })) => {
            return Err(name_taken(&arn));
        }
        Err(error) => return Err(error.into()),
    }
    context.sagemaker.wake(Work::Transform(key));
    Ok(answer)
}

fn name_taken(arn: &str) -> Error {
    Error::new(
        "ResourceInUse",
        format!(
            "Job name must be unique within an AWS account and region, and a job with this name already exists ({arn})"
        ),
    )
}

async fn check(
    context: &Context,
    caller: &Caller,
    role: &str,
    request: &Value,
) -> Result<(), Error> {
    inputs::one_instance(&request["TransformResources"])?;
    processing(request)?;
    inputs::s3_path(
        request["TransformOutput"]["S3OutputPath"].as_str(),
        "TransformOutput.S3OutputPath",
    )?;
    let source = &request["TransformInput"]["DataSource"]["S3DataSource"];
    inputs::s3_source(context, caller, role, source, "TransformInput").await
}

/// How the job treats its data.
///
/// # Errors
/// AWS's rules of what goes together, and what is not built.
pub(super) fn processing(request: &Value) -> Result<Processing, Error> {
    let (input, output, data) =
        (&request["TransformInput"], &request["TransformOutput"], &request["DataProcessing"]);
    let not_yet = |what: &str, value: &str| {
        Error::validation(format!("Stepwell does not yet support {what} {value}"))
    };
    let split_lines = match input["SplitType"].as_str() {
        None | Some("None") => false,
        Some("Line") => true,
        Some(other) => return Err(not_yet("SplitType", other)),
    };
    let assemble_lines = output["AssembleWith"].as_str() == Some("Line");
    let media_type = input["ContentType"]
        .as_str()
        .unwrap_or("")
        .split(';')
        .next()
        .unwrap_or("")
        .trim()
        .to_lowercase();
    let csv = media_type == "text/csv";
    let filter = |member: &str| {
        Columns::parse(data[member].as_str().unwrap_or("$"))
            .map_err(|reason| Error::validation(format!("DataProcessing.{member}: {reason}")))
    };
    let (input_filter, output_filter) = (filter("InputFilter")?, filter("OutputFilter")?);
    let join_input = data["JoinSource"].as_str() == Some("Input");
    if !csv && (join_input || input_filter != Columns::All || output_filter != Columns::All) {
        return Err(not_yet(
            "DataProcessing for ContentType",
            if media_type.is_empty() { "(none given)" } else { &media_type },
        ));
    }
    if join_input && !(split_lines && assemble_lines) {
        return Err(Error::validation(
            "To join the results with the input, SplitType and AssembleWith must be the same: set both to Line",
        ));
    }
    let accept = output["Accept"].as_str().unwrap_or("text/csv");
    if csv && (join_input || output_filter != Columns::All) && !accept.starts_with("text/csv") {
        return Err(Error::validation(format!(
            "To join or filter the results, TransformOutput.Accept must be the content type text/csv, not {accept}"
        )));
    }
    let single_record = request["BatchStrategy"].as_str() == Some("SingleRecord");
    let megabytes = request["MaxPayloadInMB"].as_u64().unwrap_or(6);
    if megabytes > 100 {
        return Err(Error::validation("MaxPayloadInMB must not be greater than 100"));
    }
    // 0 is AWS's word for "no bound of mine": the largest it allows.
    let max_payload = if megabytes == 0 { 100 } else { megabytes as usize } << 20;
    Ok(Processing {
        gzip: input["CompressionType"] == "Gzip",
        split_lines,
        single_record,
        max_payload,
        assemble_lines,
        csv,
        input_filter,
        join_input,
        output_filter,
    })
}

async fn existing(
    context: &Context,
    caller: &Caller,
    name: &str,
) -> Result<resource::Stored<TransformJob>, Error> {
    let found = resource::find::<TransformJob>(context, caller, name).await?;
    found.ok_or_else(|| {
        let arn = resource::arn_of(&TransformJob::KIND, caller, name);
        Error::new(
            "ResourceNotFound",
            format!("Could not find requested job with name: {name} ({arn})"),
        )
    })
}

async fn describe_transform_job(
    context: &Context,
    caller: &Caller,
    request: ByName,
) -> Result<Value, Error> {
    Ok(existing(context, caller, &request.transform_job_name).await?.value.describe())
}

async fn list_transform_jobs(
    context: &Context,
    caller: &Caller,
    request: ListRequest,
) -> Result<Value, Error> {
    resource::list::<TransformJob>(context, caller, request, "TransformJobSummaries", |job| {
        let progress = &job.progress;
        let mut summary = json!({
            "TransformJobName": job.name(), "TransformJobArn": job.arn, "TransformJobStatus": progress.status,
            "CreationTime": seconds(progress.created_at), "LastModifiedTime": seconds(progress.modified_at),
        });
        if let Some(ended) = progress.ended_at {
            summary["TransformEndTime"] = seconds(ended);
        }
        if let Some(reason) = &progress.failure_reason {
            summary["FailureReason"] = json!(reason);
        }
        Listed {
            name: job.name().to_owned(),
            created_at: progress.created_at,
            modified_at: progress.modified_at,
            status: Some(progress.status.clone()),
            summary,
        }
    })
    .await
}

async fn stop_transform_job(
    context: &Context,
    caller: &Caller,
    request: ByName,
) -> Result<Value, Error> {
    let stored = existing(context, caller, &request.transform_job_name).await?;
    let now = context.clock.moment().now.0;
    let job = resource::update::<TransformJob>(context, &stored.key, |job| {
        let running = job.progress.status == "InProgress";
        if running {
            job.progress.status = "Stopping".into();
            job.progress.modified_at = now;
        }
        running
    })
    .await?;
    let status = job.map(|job| job.progress.status).unwrap_or_default();
    if status != "Stopping" {
        return Err(Error::validation(format!(
            "The request was rejected because the transform job is in status {status}."
        )));
    }
    // Its driver ends the process.
    context.sagemaker.interrupt(&stored.key);
    Ok(json!({}))
}
