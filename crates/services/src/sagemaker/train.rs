//! Drives one training job from `Starting` to its end. Each stage is found again from the record and
//! the job's folder, so that a new server goes on where the old one was killed.

use std::io;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Value, json};
use store::{Batch, Expect, StoreError};

use super::job_spec::{self, EXIT_PLATFORM, Exit, JobSpec};
use super::resource::{self, Resource, owner_of_key};
use super::training_job::TrainingJob;
use super::{artifact, job_spec::Work, jobs};
use crate::{Caller, Context, Error, cloudwatch, integrations, s3};

/// CloudWatch's group of all training jobs' logs, and the namespace of their metrics.
pub const LOG_GROUP: &str = "/aws/sagemaker/TrainingJobs";

/// How a job ends.
enum End {
    Completed { artifacts: String, metrics: Vec<(String, f64, i64)> },
    Failed(String),
    Stopped { secondary: &'static str, artifacts: Option<String> },
}

/// Runs the job under `key` to its end.
pub(super) async fn drive(context: &Arc<Context>, key: &str) -> Result<(), Error> {
    let Some(stored) = resource::find_key::<TrainingJob>(context, key.to_owned()).await? else {
        return Ok(());
    };
    let job = stored.value;
    if job.progress.ended() {
        return Ok(());
    }
    let folder = jobs::folder(context, &job.folder);
    let end = match jobs::run(context, key, &folder, Stages(&job)).await? {
        jobs::Ran::StoppedBeforeStart => End::Stopped { secondary: "Stopped", artifacts: None },
        jobs::Ran::CannotStart(reason) => End::Failed(reason),
        jobs::Ran::Ended(exit) => after(context, key, &job, &folder, &exit).await?,
    };
    finish(context, key, &folder, end).await
}

/// What is special about training in the course that all jobs take.
struct Stages<'a>(&'a TrainingJob);

impl jobs::Stages for Stages<'_> {
    async fn enter(&self, context: &Context, key: &str, stage: jobs::Stage) -> Result<bool, Error> {
        let secondary = match stage {
            jobs::Stage::Preparing => "Downloading",
            jobs::Stage::Running => "Training",
        };
        let now = context.clock.moment().now.0;
        let job = resource::update::<TrainingJob>(context, key, |job| {
            if job.progress.status != "InProgress" || job.progress.secondary == secondary {
                return false;
            }
            job.progress.go(secondary, now);
            if secondary == "Training" {
                job.progress.started_at.get_or_insert(now);
            }
            true
        })
        .await?;
        Ok(job.is_some_and(|job| job.progress.status == "InProgress"))
    }

    async fn stop_asked(&self, context: &Context, key: &str) -> Result<bool, Error> {
        let stored = resource::find_key::<TrainingJob>(context, key.to_owned()).await?;
        Ok(stored.is_none_or(|stored| stored.value.progress.status == "Stopping"))
    }

    async fn prepare(
        &self,
        context: &Context,
        key: &str,
        folder: &Path,
    ) -> Result<Result<(), String>, Error> {
        let job = self.0;
        // What cannot be written is better told before the training than after it.
        let caller = jobs::job_caller(key, job.request["RoleArn"].as_str());
        let (output, file) = (output_location(job), format!("{}/output/model.tar.gz", job.name()));
        if let Err(reason) = jobs::output_bucket(context, &caller, &output, &file).await {
            return Ok(Err(reason));
        }
        let ml = folder.join("ml");
        let mut channels = Map::new();
        for channel in job.request["InputDataConfig"].as_array().into_iter().flatten() {
            let name = channel["ChannelName"].as_str().unwrap_or_default();
            let mut config = Map::new();
            if let Some(content_type) = channel["ContentType"].as_str() {
                config.insert("ContentType".into(), json!(content_type));
            }
            config.insert("TrainingInputMode".into(), json!("File"));
            config.insert("S3DistributionType".into(), json!("FullyReplicated"));
            config.insert("RecordWrapperType".into(), json!("None"));
            channels.insert(name.to_owned(), Value::Object(config));
            let into = ml.join("input/data").join(name);
            if let Err(reason) =
                jobs::download(context, &caller, &channel["DataSource"]["S3DataSource"], &into)
                    .await
            {
                return Ok(Err(format!(
                    "ClientError: Data download failed: channel `{name}`: {reason}"
                )));
            }
        }
        let hyperparameters = job.request.get("HyperParameters").filter(|value| value.is_object());
        let configs = [
            ("hyperparameters.json", hyperparameters.cloned().unwrap_or_else(|| json!({}))),
            ("inputdataconfig.json", Value::Object(channels)),
            (
                "resourceconfig.json",
                json!({ "current_host": "algo-1", "hosts": ["algo-1"], "network_interface_name": "eth0" }),
            ),
        ];
        let log = folder.join("log");
        let stream = format!(
            "{}/algo-1-{}",
            job.request["TrainingJobName"].as_str().unwrap_or_default(),
            job.progress.created_at / 1000
        );
        let spec = JobSpec {
            work: Work::Train,
            image: job.request["AlgorithmSpecification"]["TrainingImage"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
            cpus: context.sagemaker.capacity.cpus_per_job,
            log: log.clone(),
            max_runtime_seconds: job.request["StoppingCondition"]["MaxRuntimeInSeconds"]
                .as_u64()
                .unwrap_or(86_400),
            environment: jobs::environment(&job.request["Environment"]),
        };
        write_configs(folder, &ml, &configs, &spec).map_err(|error| jobs::disk(folder, &error))?;
        jobs::show_log(context, &caller, LOG_GROUP, &stream, &log).await?;
        Ok(Ok(()))
    }
}

fn write_configs(
    folder: &Path,
    ml: &Path,
    configs: &[(&str, Value)],
    spec: &JobSpec,
) -> io::Result<()> {
    let config = ml.join("input/config");
    for wanted in [&config, &ml.join("model"), &ml.join("output/data")] {
        std::fs::create_dir_all(wanted)?;
    }
    for (name, value) in configs {
        std::fs::write(config.join(name), value.to_string())?;
    }
    std::fs::File::create(&spec.log)?;
    job_spec::write(folder, "job.json", spec)
}

/// The job's process has ended: what that means, and where its results go.
async fn after(
    context: &Arc<Context>,
    key: &str,
    job: &TrainingJob,
    folder: &Path,
    exit: &Exit,
) -> Result<End, Error> {
    let ml = folder.join("ml");
    let kept = exit.code == Some(0) || exit.stopped || exit.out_of_time;
    if !kept {
        return Ok(End::Failed(failure_reason(folder, exit)));
    }
    let now = context.clock.moment().now.0;
    resource::update::<TrainingJob>(context, key, |job| {
        let uploads = job.progress.status == "InProgress" && job.progress.secondary != "Uploading";
        if uploads {
            job.progress.go("Uploading", now);
        }
        uploads
    })
    .await?;
    let output = output_location(job);
    let prefix = format!("{}/output", job.request["TrainingJobName"].as_str().unwrap_or_default());
    let caller = jobs::job_caller(key, job.request["RoleArn"].as_str());
    let target = |file: &str| output.join(&format!("{prefix}/{file}"));
    let artifacts = match upload(
        context,
        &caller,
        &ml.join("model"),
        folder,
        target("model.tar.gz"),
        exit.code == Some(0),
    )
    .await?
    {
        Ok(location) => location,
        Err(reason) => return Ok(End::Failed(reason)),
    };
    if let Err(reason) =
        upload(context, &caller, &ml.join("output/data"), folder, target("output.tar.gz"), false)
            .await?
    {
        return Ok(End::Failed(reason));
    }
    if exit.out_of_time {
        return Ok(End::Stopped { secondary: "MaxRuntimeExceeded", artifacts });
    }
    if exit.stopped {
        return Ok(End::Stopped { secondary: "Stopped", artifacts });
    }
    let metrics = jobs::outcome(folder)
        .metrics
        .into_iter()
        .map(|(name, value)| (name, value, exit.ended_at))
        .collect();
    Ok(End::Completed { artifacts: artifacts.unwrap_or_default(), metrics })
}

/// Packs a folder and puts it into S3; an empty one only if it is wanted all the same. The inner error
/// is the FailureReason; the outer one (a full disk) is worth another try.
async fn upload(
    context: &Context,
    caller: &Caller,
    from: &Path,
    folder: &Path,
    to: s3::Location,
    even_empty: bool,
) -> Result<Result<Option<String>, String>, Error> {
    let empty = std::fs::read_dir(from).map(|mut entries| entries.next().is_none()).unwrap_or(true);
    if empty && !even_empty {
        return Ok(Ok(None));
    }
    let archive = folder.join("artifact.tar.gz");
    let (source, packed) = (from.to_owned(), archive.clone());
    let packed = tokio::task::spawn_blocking(move || artifact::pack(&source, &packed)).await;
    match packed.map_err(io::Error::other).and_then(|packed| packed) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::StorageFull => {
            return Err(jobs::disk(folder, &error));
        }
        Err(error) => {
            return Ok(Err(format!(
                "InternalServerError: We encountered an internal error: cannot pack the artifact: {error}"
            )));
        }
    }
    if let Err(why) = jobs::may_write(context, caller, &to).await {
        return Ok(Err(format!("ClientError: Artifact upload failed: cannot write `{to}`: {why}")));
    }
    let moment = context.clock.moment();
    let kind = Some("application/x-tar");
    let put = context.objects.put_file(caller, moment, &to.bucket, &to.key, &archive, kind).await;
    match put {
        Ok(_) => Ok(Ok(Some(to.to_string()))),
        Err(error) if error.status >= 500 => Err(error),
        Err(error) => Ok(Err(format!(
            "ClientError: Artifact upload failed: cannot write `{to}`: {}",
            error.message
        ))),
    }
}

fn output_location(job: &TrainingJob) -> s3::Location {
    jobs::location(&job.request["OutputDataConfig"]["S3OutputPath"])
}

/// AWS's form: the class, the container's own text, the exit code.
fn failure_reason(folder: &Path, exit: &Exit) -> String {
    let outcome = jobs::outcome(folder);
    let code = exit.code.unwrap_or_else(|| 128 + exit.signal.unwrap_or(0));
    match (outcome.failure, exit.code) {
        (Some(text), Some(EXIT_PLATFORM)) => text,
        (Some(text), _) => format!("{}: {text}, exit code: {code}", outcome.class),
        (None, _) => {
            let how = match exit.signal {
                Some(signal) => format!("the process was ended by signal {signal}"),
                None => "the process ended without saying why; its log may".to_owned(),
            };
            format!("AlgorithmError: {how}, exit code: {code}")
        }
    }
}

/// Writes the end and answers the waiting task, in one commit.
async fn finish(context: &Arc<Context>, key: &str, folder: &Path, end: End) -> Result<(), Error> {
    loop {
        let Some(mut stored) = resource::find_key::<TrainingJob>(context, key.to_owned()).await?
        else {
            return Ok(());
        };
        let job = &mut stored.value;
        let now = context.clock.moment().now.0;
        match &end {
            End::Completed { artifacts, metrics } => {
                job.artifacts = Some(artifacts.clone());
                job.metrics.clone_from(metrics);
                job.progress.end("Completed", "Completed", None, now);
            }
            End::Failed(reason) => job.progress.end("Failed", "Failed", Some(reason.clone()), now),
            End::Stopped { secondary, artifacts } => {
                job.artifacts.clone_from(artifacts);
                job.progress.end("Stopped", secondary, None, now);
            }
        }
        let write = resource::write(key, job, Expect::Version(stored.version))?;
        let batch = Batch { records: vec![write], ..Batch::default() };
        match integrations::finish(context, job.awaiting, job.outcome(), batch).await {
            Ok(()) => {
                resource::tell::<TrainingJob>(context, key);
                publish_metrics(context, key, job, &folder.join("log")).await;
                jobs::clean(folder);
                return Ok(());
            }
            Err(engine::EngineError::Store(StoreError::Conflict { .. })) => continue,
            Err(error) => return Err(error.into()),
        }
    }
}

/// The job's metrics as CloudWatch has them: each line of its log that holds one is a point. Losing
/// them loses a chart, so a failure is only told.
async fn publish_metrics(context: &Context, key: &str, job: &TrainingJob, log: &Path) {
    let (account, region) = owner_of_key(key);
    let image = job.request["AlgorithmSpecification"]["TrainingImage"].as_str().unwrap_or_default();
    let Some(image) = context.sagemaker.programs.image(image) else { return };
    let caller = jobs::job_caller(key, job.request["RoleArn"].as_str());
    let namespace = [("cloudwatch:namespace", LOG_GROUP)];
    let may = context.iam.permits(context, &caller, "cloudwatch:PutMetricData", "*", &namespace);
    if may.await.is_err() {
        return;
    }
    let text = std::fs::read_to_string(log).unwrap_or_default();
    for (name, expression) in &image.metrics {
        if !job.metrics.iter().any(|(known, _, _)| known == name) {
            continue;
        }
        let Ok(expression) = regex::Regex::new(expression) else { continue };
        let points: Vec<cloudwatch::Point> =
            text.lines().filter_map(|line| point(&expression, line)).collect();
        let dimensions = [("TrainingJobName", job.name())];
        let put =
            cloudwatch::put(context, account, region, LOG_GROUP, name, &dimensions, &points).await;
        if let Err(error) = put {
            tracing::warn!(%error, metric = name, "cannot store a metric");
        }
    }
}

fn point(expression: &regex::Regex, line: &str) -> Option<cloudwatch::Point> {
    let (at, text) = line.split_once('\t')?;
    // AWS's expressions take all up to the next blank, and the log writes a tab as `#011`.
    let found = expression.captures(text)?.get(1)?.as_str();
    let value = found.split("#011").next()?.parse().ok()?;
    Some(cloudwatch::Point::of(at.parse().ok()?, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_metric_of_a_line_is_a_point() {
        let line = "1700000000123\t[12]#011train-rmse:31.20533#011validation-rmse:35.11342";
        for (metric, value) in [("train", 31.20533), ("validation", 35.11342)] {
            let expression = format!(r".*\[[0-9]+\].*#011{metric}-rmse:(\S+)");
            let found = point(&regex::Regex::new(&expression).unwrap(), line).unwrap();
            assert_eq!((found.at, found.sum), (1_700_000_000_123, value));
        }
    }
}
