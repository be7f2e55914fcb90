//! Drives one transform job from its creation to its end.

use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use store::{Batch, Expect, StoreError};

use super::batch::Processing;
use super::job_spec::{self, Exit, JobSpec, Work};
use super::resource;
use super::transform_job::{self, TransformJob};
use super::{artifact, jobs};
use crate::{Context, Error, integrations, s3};

/// CloudWatch's group of all transform jobs' logs.
pub const LOG_GROUP: &str = "/aws/sagemaker/TransformJobs";

/// What the job's process does: each of `files` under `input/` becomes `output/FILE.out`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Transform {
    /// Relative paths.
    pub files: Vec<String>,
    /// How the data is treated.
    pub processing: Processing,
    /// What the model is told of a request.
    pub content_type: Option<String>,
    /// What it is asked for.
    pub accept: Option<String>,
}

/// Runs the job under `key` to its end.
pub(super) async fn drive(context: &Arc<Context>, key: &str) -> Result<(), Error> {
    let Some(stored) = resource::find_key::<TransformJob>(context, key.to_owned()).await? else {
        return Ok(());
    };
    let job = stored.value;
    if job.progress.ended() {
        return Ok(());
    }
    let folder = jobs::folder(context, &job.folder);
    let end = match jobs::run(context, key, &folder, Stages(&job)).await? {
        jobs::Ran::StoppedBeforeStart => Err(None),
        jobs::Ran::CannotStart(reason) => Err(Some(reason)),
        jobs::Ran::Ended(exit) => after(context, key, &job, &folder, &exit).await?,
    };
    finish(context, key, &folder, end).await
}

struct Stages<'a>(&'a TransformJob);

impl jobs::Stages for Stages<'_> {
    async fn enter(&self, context: &Context, key: &str, stage: jobs::Stage) -> Result<bool, Error> {
        let now = context.clock.moment().now.0;
        let job = resource::update::<TransformJob>(context, key, |job| {
            let starts = stage == jobs::Stage::Running && job.progress.started_at.is_none();
            if starts {
                job.progress.started_at = Some(now);
                job.progress.modified_at = now;
            }
            starts
        })
        .await?;
        Ok(job.is_some_and(|job| job.progress.status == "InProgress"))
    }

    async fn stop_asked(&self, context: &Context, key: &str) -> Result<bool, Error> {
        let stored = resource::find_key::<TransformJob>(context, key.to_owned()).await?;
        Ok(stored.is_none_or(|stored| stored.value.progress.status == "Stopping"))
    }

    async fn prepare(
        &self,
        context: &Context,
        key: &str,
        folder: &Path,
    ) -> Result<Result<(), String>, Error> {
        let job = self.0;
        let caller = jobs::job_caller(key, job.role.as_deref());
        let output = output_location(job);
        if let Err(reason) = jobs::output_bucket(context, &caller, &output, "any.out").await {
            return Ok(Err(reason));
        }
        let input = &job.request["TransformInput"];
        let source = &input["DataSource"]["S3DataSource"];
        let files = match jobs::download(context, &caller, source, &folder.join("input")).await {
            Ok(files) => files,
            Err(reason) => return Ok(Err(format!("ClientError: Data download failed: {reason}"))),
        };
        if let Some(url) = &job.container.model_data_url
            && let Err(reason) =
                artifact::unpack(context, &caller, url, &folder.join("model")).await
        {
            return Ok(Err(format!("ClientError: {reason}")));
        }
        let processing = match transform_job::processing(&job.request) {
            Ok(processing) => processing,
            Err(error) => return Ok(Err(format!("ClientError: {}", error.message))),
        };
        let mut environment = job.container.environment.clone();
        environment.extend(jobs::environment(&job.request["Environment"]));
        let strategy = if processing.single_record { "SingleRecord" } else { "MultiRecord" };
        environment.extend([
            ("SAGEMAKER_BATCH".to_owned(), "true".to_owned()),
            ("SAGEMAKER_MAX_PAYLOAD_IN_MB".to_owned(), (processing.max_payload >> 20).to_string()),
            ("SAGEMAKER_BATCH_STRATEGY".to_owned(), strategy.to_owned()),
        ]);
        let log = folder.join("log");
        let text = |value: &serde_json::Value| value.as_str().map(str::to_owned);
        let spec = JobSpec {
            work: Work::Transform(Transform {
                files,
                processing,
                content_type: text(&input["ContentType"]),
                accept: text(&job.request["TransformOutput"]["Accept"]),
            }),
            image: job.container.image.clone(),
            cpus: context.sagemaker.capacity.cpus_per_job,
            log: log.clone(),
            // SageMaker ends no transform job by time; a month is for ever.
            max_runtime_seconds: 30 * 86_400,
            environment,
        };
        std::fs::File::create(&log)
            .and_then(|_| std::fs::create_dir_all(folder.join("output")))
            .and_then(|()| job_spec::write(folder, "job.json", &spec))
            .map_err(|error| jobs::disk(folder, &error))?;
        let name = job.request["TransformJobName"].as_str().unwrap_or_default();
        let stream =
            format!("{name}/i-{}", job.folder.replace('-', "").get(..17).unwrap_or_default());
        jobs::show_log(context, &caller, LOG_GROUP, &stream, &log).await?;
        Ok(Ok(()))
    }
}

/// The process has ended: its results go to S3. The inner error is the FailureReason, none
/// for a stopped job; the outer one (a full disk) is worth another try.
async fn after(
    context: &Context,
    key: &str,
    job: &TransformJob,
    folder: &Path,
    exit: &Exit,
) -> Result<Result<(), Option<String>>, Error> {
    if exit.stopped {
        return Ok(Err(None));
    }
    if exit.code != Some(0) {
        let outcome = jobs::outcome(folder);
        let how = outcome.failure.unwrap_or_else(|| match exit.signal {
            Some(signal) => format!("the process was ended by signal {signal}"),
            None => "the process ended without saying why; its log may".to_owned(),
        });
        return Ok(Err(Some(format!("{}: {how}", outcome.class))));
    }
    let spec: JobSpec =
        job_spec::read(folder, "job.json").map_err(|error| jobs::disk(folder, &error))?;
    let Work::Transform(transform) = spec.work else {
        return Ok(Err(Some("InternalServerError: the job's folder holds another job".to_owned())));
    };
    let caller = jobs::job_caller(key, job.role.as_deref());
    let output = output_location(job);
    let accept = transform.accept.as_deref().unwrap_or("text/csv");
    for file in &transform.files {
        let (from, to) = (
            folder.join("output").join(format!("{file}.out")),
            output.join(&format!("{file}.out")),
        );
        if let Err(why) = jobs::may_write(context, &caller, &to).await {
            return Ok(Err(Some(format!("ClientError: cannot write `{to}`: {why}"))));
        }
        let moment = context.clock.moment();
        let put =
            context.objects.put_file(&caller, moment, &to.bucket, &to.key, &from, Some(accept));
        match put.await {
            Ok(_) => {}
            Err(error) if error.status >= 500 => return Err(error),
            Err(error) => {
                let reason = format!("ClientError: cannot write `{to}`: {}", error.message);
                return Ok(Err(Some(reason)));
            }
        }
    }
    Ok(Ok(()))
}

fn output_location(job: &TransformJob) -> s3::Location {
    jobs::location(&job.request["TransformOutput"]["S3OutputPath"])
}

async fn finish(
    context: &Arc<Context>,
    key: &str,
    folder: &Path,
    end: Result<(), Option<String>>,
) -> Result<(), Error> {
    loop {
        let Some(mut stored) = resource::find_key::<TransformJob>(context, key.to_owned()).await?
        else {
            return Ok(());
        };
        let job = &mut stored.value;
        let now = context.clock.moment().now.0;
        match &end {
            Ok(()) => job.progress.end("Completed", "Completed", None, now),
            Err(None) => job.progress.end("Stopped", "Stopped", None, now),
            Err(Some(reason)) => job.progress.end("Failed", "Failed", Some(reason.clone()), now),
        }
        let write = resource::write(key, job, Expect::Version(stored.version))?;
        let batch = Batch { records: vec![write], ..Batch::default() };
        match integrations::finish(context, job.awaiting, job.outcome(), batch).await {
            Ok(()) => {
                resource::tell::<TransformJob>(context, key);
                jobs::clean(folder);
                return Ok(());
            }
            Err(engine::EngineError::Store(StoreError::Conflict { .. })) => continue,
            Err(error) => return Err(error.into()),
        }
    }
}
