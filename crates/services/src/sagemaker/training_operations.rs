//! CreateTrainingJob, DescribeTrainingJob, ListTrainingJobs, StopTrainingJob.

use serde::Deserialize;
use serde_json::{Value, json};
use store::{Batch, Expect, StoreError};

use super::resource::{self, ListRequest, Listed, Resource, seconds};
use super::runner::{Image, Work};
use super::training_job::{Progress, TrainingJob};
use super::{inputs, tags};
use crate::integrations::{self, Awaiting};
use crate::operation::operation;
use crate::{Caller, Context, Error, Operation};

/// CreateTrainingJob.
pub const CREATE: Operation = operation!("CreateTrainingJob", create_training_job);
/// DescribeTrainingJob.
pub const DESCRIBE: Operation = operation!("DescribeTrainingJob", describe_training_job);
/// ListTrainingJobs.
pub const LIST: Operation = operation!("ListTrainingJobs", list_training_jobs);
/// StopTrainingJob.
pub const STOP: Operation = operation!("StopTrainingJob", stop_training_job);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ByName {
    training_job_name: String,
}

async fn create_training_job(
    context: &Context,
    caller: &Caller,
    mut request: Value,
) -> Result<Value, Error> {
    let name = request["TrainingJobName"].as_str().unwrap_or_default().to_owned();
    let key = resource::key_of(caller, &name);
    let arn = resource::arn_of(&TrainingJob::KIND, caller, &name);
    let answer = json!({ "TrainingJobArn": arn });
    if let Some(known) = resource::find_key::<TrainingJob>(context, key.clone()).await? {
        // The same task asks again after a crash: its job is there already.
        if resource::made_by(known.value.maker, caller) {
            return Ok(answer);
        }
        return Err(name_taken(&arn));
    }
    let image = check(context, caller, &request).await?;
    define_metrics(&mut request, &image);
    let moment = context.clock.moment();
    let job = TrainingJob {
        arn: arn.clone(),
        folder: moment.dice("training job folder").uuid(),
        progress: Progress::new(moment.now.0),
        awaiting: Awaiting::of(caller),
        maker: caller.task(),
        request,
        ..TrainingJob::default()
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
    context.sagemaker.wake(Work::Training(key));
    Ok(answer)
}

fn name_taken(arn: &str) -> Error {
    Error::new(
        "ResourceInUse",
        format!(
            "Training job names must be unique within an AWS account and region, and a training job with this name \
             already exists ({arn})"
        ),
    )
}

/// The metrics of an algorithm that is built in are the service's to define, and its description tells them.
fn define_metrics(request: &mut Value, image: &Image) {
    let algorithm = &mut request["AlgorithmSpecification"];
    if algorithm["MetricDefinitions"].as_array().is_none_or(Vec::is_empty) {
        let definition = |(name, regex): &(String, String)| json!({ "Name": name, "Regex": regex });
        algorithm["MetricDefinitions"] = image.metrics.iter().map(definition).collect();
    }
}

/// What runs the image, if the job can be run.
async fn check(context: &Context, caller: &Caller, request: &Value) -> Result<Image, Error> {
    let algorithm = &request["AlgorithmSpecification"];
    let Some(image) = algorithm["TrainingImage"].as_str() else {
        return Err(Error::validation(
            "Stepwell trains with a training image: give AlgorithmSpecification.TrainingImage",
        ));
    };
    let image = inputs::image(context, image)?;
    inputs::file_mode(
        algorithm["TrainingInputMode"].as_str(),
        "AlgorithmSpecification.TrainingInputMode",
    )?;
    inputs::one_instance(&request["ResourceConfig"])?;
    if request["OutputDataConfig"]["CompressionType"].as_str() == Some("NONE") {
        return Err(Error::validation(
            "Stepwell does not yet write uncompressed artifacts: leave out OutputDataConfig.CompressionType",
        ));
    }
    inputs::s3_path(
        request["OutputDataConfig"]["S3OutputPath"].as_str(),
        "OutputDataConfig.S3OutputPath",
    )?;
    let channels = request["InputDataConfig"].as_array().map(Vec::as_slice).unwrap_or_default();
    for (place, channel) in channels.iter().enumerate() {
        let name = channel["ChannelName"].as_str().unwrap_or_default();
        if channels[..place].iter().any(|other| other["ChannelName"] == channel["ChannelName"]) {
            return Err(Error::validation(format!(
                "Channel names must be unique: \"{name}\" is given twice"
            )));
        }
        inputs::file_mode(
            channel["InputMode"].as_str(),
            &format!("the InputMode of channel \"{name}\""),
        )?;
        inputs::uncompressed(channel, name)?;
        let role = request["RoleArn"].as_str().unwrap_or_default();
        inputs::s3_source(context, caller, role, &channel["DataSource"]["S3DataSource"], name)
            .await?;
    }
    Ok(image)
}

/// The job, or the refusal.
pub(super) async fn existing(
    context: &Context,
    caller: &Caller,
    name: &str,
) -> Result<resource::Stored<TrainingJob>, Error> {
    let found = resource::find::<TrainingJob>(context, caller, name).await?;
    found.ok_or_else(|| Error::new("ResourceNotFound", "Requested resource not found."))
}

async fn describe_training_job(
    context: &Context,
    caller: &Caller,
    request: ByName,
) -> Result<Value, Error> {
    Ok(existing(context, caller, &request.training_job_name).await?.value.describe())
}

async fn list_training_jobs(
    context: &Context,
    caller: &Caller,
    request: ListRequest,
) -> Result<Value, Error> {
    resource::list::<TrainingJob>(context, caller, request, "TrainingJobSummaries", |job| {
        let progress = &job.progress;
        let mut summary = json!({
            "TrainingJobName": job.name(), "TrainingJobArn": job.arn, "TrainingJobStatus": progress.status,
            "SecondaryStatus": progress.secondary,
            "CreationTime": seconds(progress.created_at), "LastModifiedTime": seconds(progress.modified_at),
        });
        if let Some(ended) = progress.ended_at {
            summary["TrainingEndTime"] = seconds(ended);
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

async fn stop_training_job(
    context: &Context,
    caller: &Caller,
    request: ByName,
) -> Result<Value, Error> {
    let stored = existing(context, caller, &request.training_job_name).await?;
    let now = context.clock.moment().now.0;
    let job = resource::update::<TrainingJob>(context, &stored.key, |job| {
        let running = job.progress.status == "InProgress";
        if running {
            job.progress.go("Stopping", now);
            job.progress.status = "Stopping".into();
        }
        running
    })
    .await?;
    let status = job.map(|job| job.progress.status).unwrap_or_default();
    if status != "Stopping" {
        return Err(Error::validation(format!(
            "The request was rejected because the training job is in status {status}."
        )));
    }
    // Its driver ends the process.
    context.sagemaker.interrupt(&stored.key);
    Ok(json!({}))
}
