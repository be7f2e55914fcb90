//! The course that every job takes: wait for a place, prepare the folder, run the process, see it end.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::process::Child;
use tokio::sync::Notify;

use super::job_spec::{self, Exit};
use super::resource::owner_of_key;
use super::runner::{self};
use crate::{Caller, Context, Error, Origin, arn, logs, s3};

/// A stage that the record shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The folder is being filled.
    Preparing,
    /// The process runs.
    Running,
}

/// What one kind of job does in its own way.
pub trait Stages: Sync {
    /// Shows the stage in the record; `false` when the job is to stop instead.
    fn enter(
        &self,
        context: &Context,
        key: &str,
        stage: Stage,
    ) -> impl Future<Output = Result<bool, Error>> + Send;
    /// Whether somebody has asked the job to stop.
    fn stop_asked(
        &self,
        context: &Context,
        key: &str,
    ) -> impl Future<Output = Result<bool, Error>> + Send;
    /// Fills the folder, `job.json` last. The inner error is the user's to see: a FailureReason.
    fn prepare(
        &self,
        context: &Context,
        key: &str,
        folder: &Path,
    ) -> impl Future<Output = Result<Result<(), String>, Error>> + Send;
}

/// How the course ended.
pub enum Ran {
    /// Stopped before its process was started.
    StoppedBeforeStart,
    /// It could not be started; the FailureReason.
    CannotStart(String),
    /// Its process has ended.
    Ended(Exit),
}

/// How often a job is begun whose supervisor vanishes without a word (the machine went down).
const ATTEMPTS_MAX: u32 = 3;

/// Takes a job through its course, from wherever its folder says that it is.
pub async fn run(
    context: &Arc<Context>,
    key: &str,
    folder: &Path,
    stages: impl Stages,
) -> Result<Ran, Error> {
    let runner = &context.sagemaker;
    let course = Course { context, key, folder, stages, bell: runner.bell(key) };
    if let Ok(exit) = job_spec::read(folder, "exit.json") {
        drop(runner.kept_place(key));
        return Ok(Ran::Ended(exit));
    }
    if folder.exists() && course.claim()?.is_none() {
        let _place = runner.kept_place(key);
        tracing::info!(key, "found a running job again");
        if let Some(exit) = course.to_its_end(None).await? {
            return Ok(Ran::Ended(exit));
        }
    }
    drop(runner.kept_place(key));
    let _place = loop {
        if course.stop_asked().await? {
            return Ok(Ran::StoppedBeforeStart);
        }
        tokio::select! {
            place = runner.slot() => break place,
            () = course.bell.notified() => {}
        }
    };
    while begun(folder) < ATTEMPTS_MAX {
        match course.attempt().await? {
            Some(ran) => return Ok(ran),
            None => tracing::warn!(key, "a job's supervisor ended without a word; beginning again"),
        }
    }
    runner::end_orphan(folder).await;
    Ok(Ran::CannotStart(
        "InternalServerError: We encountered an internal error: the job's process could not be watched".to_owned(),
    ))
}

/// One job on its course.
struct Course<'a, S> {
    context: &'a Arc<Context>,
    key: &'a str,
    folder: &'a Path,
    stages: S,
    bell: Arc<Notify>,
}

impl<S: Stages> Course<'_, S> {
    async fn stop_asked(&self) -> Result<bool, Error> {
        self.stages.stop_asked(self.context, self.key).await
    }

    fn claim(&self) -> Result<Option<runner::Claim>, Error> {
        runner::claim(self.folder).map_err(|error| disk(self.folder, &error))
    }

    /// Prepares and runs it once; none when its supervisor vanished.
    async fn attempt(&self) -> Result<Option<Ran>, Error> {
        let Course { context, key, folder, stages, .. } = self;
        runner::end_orphan(folder).await;
        if !stages.enter(context, key, Stage::Preparing).await? {
            return Ok(Some(Ran::StoppedBeforeStart));
        }
        match fresh(folder) {
            Ok(()) => {}
            // Space comes back: the job waits for it.
            Err(error) if error.kind() == io::ErrorKind::StorageFull => {
                return Err(disk(folder, &error));
            }
            Err(error) => return Ok(Some(Ran::CannotStart(no_folder(folder, &error)))),
        }
        let Some(claim) = self.claim()? else {
            return Err(Error::internal("another process has claimed the job"));
        };
        if let Err(reason) = stages.prepare(context, key, folder).await? {
            return Ok(Some(Ran::CannotStart(reason)));
        }
        if !stages.enter(context, key, Stage::Running).await? {
            return Ok(Some(Ran::StoppedBeforeStart));
        }
        note_attempt(folder).map_err(|error| disk(folder, &error))?;
        match runner::start_job(&context.sagemaker, folder, claim) {
            Ok(child) => Ok(self.to_its_end(Some(child)).await?.map(Ran::Ended)),
            Err(error) => Ok(Some(Ran::CannotStart(format!(
                "InternalServerError: cannot start a process: {error}"
            )))),
        }
    }

    /// Waits for the end of its process, and has it stopped when that is asked for.
    async fn to_its_end(&self, child: Option<Child>) -> Result<Option<Exit>, Error> {
        let ended = runner::wait_for(self.folder, child);
        tokio::pin!(ended);
        loop {
            if self.stop_asked().await? {
                runner::ask_to_stop(self.folder).await;
            }
            tokio::select! {
                exit = &mut ended => return exit.map_err(|error| disk(self.folder, &error)),
                () = self.bell.notified() => {}
            }
        }
    }
}

/// How often the job's process was started: the number is kept beside what it is about.
fn begun(folder: &Path) -> u32 {
    std::fs::read_to_string(folder.join(ATTEMPTS))
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(0)
}

fn note_attempt(folder: &Path) -> io::Result<()> {
    std::fs::write(folder.join(ATTEMPTS), (begun(folder) + 1).to_string())
}

const ATTEMPTS: &str = "attempt";

/// A folder that holds nothing of an earlier attempt.
fn fresh(folder: &Path) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name() == ATTEMPTS || entry.file_name() == runner::CLAIM {
            continue;
        }
        match entry.file_type()?.is_dir() {
            true => std::fs::remove_dir_all(entry.path())?,
            false => std::fs::remove_file(entry.path())?,
        }
    }
    Ok(())
}

fn no_folder(folder: &Path, error: &io::Error) -> String {
    format!("InternalServerError: cannot write the job's folder `{}`: {error}", folder.display())
}

/// A job's folder.
pub fn folder(context: &Context, name: &str) -> PathBuf {
    context.settings.data.join("jobs").join(name)
}

/// An error of the disk that holds the job's folder: told to the log, and tried again.
pub fn disk(folder: &Path, error: &io::Error) -> Error {
    Error::internal(no_folder(folder, error))
}

/// `result.json`: what the worker says of its end. Written by `stepwell run-job`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Outcome {
    /// `ClientError` or `AlgorithmError`: whose fault it was.
    #[serde(default)]
    pub class: String,
    /// The text of a failure.
    pub failure: Option<String>,
    /// Final metrics by name, without the `_tuning` suffixes: `validation:rmse`.
    #[serde(default)]
    pub metrics: Vec<(String, f64)>,
}

/// What the worker said, or that it said nothing.
pub fn outcome(folder: &Path) -> Outcome {
    job_spec::read(folder, "result.json").unwrap_or_else(|_| Outcome {
        class: "AlgorithmError".to_owned(),
        failure: None,
        metrics: Vec::new(),
    })
}

/// Frees what an ended job does not need; its log and its small files stay.
pub fn clean(folder: &Path) {
    for part in ["ml/input/data", "ml/model", "input", "output", "model"] {
        let _ = std::fs::remove_dir_all(folder.join(part));
    }
    let _ = std::fs::remove_file(folder.join("artifact.tar.gz"));
}

/// Environment variables of a request.
pub fn environment(variables: &Value) -> Vec<(String, String)> {
    let variables = variables.as_object().into_iter().flatten();
    variables
        .map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned()))
        .collect()
}

/// A place that was checked when the job was created.
pub fn location(path: &Value) -> s3::Location {
    let nowhere = s3::Location { bucket: String::new(), key: String::new() };
    path.as_str().and_then(|path| s3::Location::parse(path).ok()).unwrap_or(nowhere)
}

/// A job acts with its own role, in the account and region of its record.
pub fn job_caller(key: &str, role_arn: Option<&str>) -> Caller {
    let (account, region) = owner_of_key(key);
    let role = role_arn.and_then(|arn| arn.rsplit('/').next()).unwrap_or("stepwell");
    let partition = arn::partition(region);
    Caller {
        account: account.to_owned(),
        region: region.to_owned(),
        arn: format!("arn:{partition}:sts::{account}:assumed-role/{role}/SageMaker"),
        access_key: None,
        origin: Origin::Service,
    }
}

/// Whether the bucket of an output location is there; the error is a FailureReason.
pub async fn output_bucket(
    context: &Context,
    caller: &Caller,
    output: &s3::Location,
    file: &str,
) -> Result<(), String> {
    let cannot =
        |why: &str| format!("ClientError: cannot write to the output path `{output}`: {why}");
    let found = context.objects.bucket(caller, &output.bucket).await;
    found.map_err(|error| cannot(&error.message))?;
    may_write(context, caller, &output.join(file)).await.map_err(|why| cannot(&why))
}

/// Whether a job's role may read an object; the error is AWS's text.
pub async fn may_read(
    context: &Context,
    caller: &Caller,
    object: &s3::Location,
) -> Result<(), String> {
    let arn = object.arn(&caller.region);
    context.iam.permits(context, caller, "s3:GetObject", &arn, &[]).await
}

/// Whether a job's role may write an object; the error is AWS's text.
pub async fn may_write(
    context: &Context,
    caller: &Caller,
    object: &s3::Location,
) -> Result<(), String> {
    let arn = object.arn(&caller.region);
    context.iam.permits(context, caller, "s3:PutObject", &arn, &[]).await
}

/// Has a job's log seen in CloudWatch, if its role may write there: a job whose role may not runs all the
/// same, as on AWS, and leaves no log.
pub async fn show_log(
    context: &Context,
    caller: &Caller,
    group: &str,
    stream: &str,
    log: &Path,
) -> Result<(), Error> {
    let (account, region) = (&caller.account, &caller.region);
    let resource = format!("log-group:{group}:log-stream:{stream}");
    let resource = arn::arn("logs", region, account, &resource);
    for action in ["logs:CreateLogStream", "logs:PutLogEvents"] {
        if context.iam.permits(context, caller, action, &resource, &[]).await.is_err() {
            return Ok(());
        }
    }
    logs::register_stream(context, account, region, group, stream, log).await
}

/// Brings the objects of an S3DataSource into a folder, paths kept below the prefix. Objects of this
/// server are linked, not copied. Gives their relative paths; the error is for the user.
pub async fn download(
    context: &Context,
    caller: &Caller,
    source: &Value,
    into: &Path,
) -> Result<Vec<String>, String> {
    let uri = source["S3Uri"].as_str().unwrap_or_default();
    let location = s3::Location::parse(uri).map_err(|error| error.message)?;
    let keys = objects(context, caller, source, &location).await?;
    std::fs::create_dir_all(into).map_err(|error| error.to_string())?;
    for (bucket, key, relative) in &keys {
        let file = inside(into, relative)
            .ok_or_else(|| format!("the key `{key}` is no path below the prefix"))?;
        if let Some(parent) = file.parent() {
            std::fs::create_dir_all(parent).map_err(|error| error.to_string())?;
        }
        let object = s3::Location { bucket: bucket.clone(), key: key.clone() };
        may_read(context, caller, &object).await?;
        context
            .objects
            .link_to(caller, bucket, key, &file)
            .await
            .map_err(|error| format!("`s3://{bucket}/{key}`: {}", error.message))?;
    }
    Ok(keys.into_iter().map(|(_, _, relative)| relative).collect())
}

/// Bucket, key and relative path of every object that a data source names.
pub async fn objects(
    context: &Context,
    caller: &Caller,
    source: &Value,
    location: &s3::Location,
) -> Result<Vec<(String, String, String)>, String> {
    if source["S3DataType"].as_str() == Some("ManifestFile") {
        return manifest(context, caller, location).await;
    }
    let bucket = s3::Location { bucket: location.bucket.clone(), key: String::new() };
    let (bucket, prefix) = (bucket.arn(&caller.region), [("s3:prefix", &*location.key)]);
    context.iam.permits(context, caller, "s3:ListBucket", &bucket, &prefix).await?;
    let found = context
        .objects
        .list(caller, &location.bucket, &location.key)
        .await
        .map_err(|error| format!("`{location}`: {}", error.message))?;
    // A prefix need not end at a slash: what follows its last one is part of the files' names.
    let base = location.key.rfind('/').map_or(0, |slash| slash + 1);
    let keys: Vec<_> = found
        .into_iter()
        .filter(|object| !object.key.ends_with('/'))
        .map(|object| {
            let relative = object.key[base..].to_owned();
            (location.bucket.clone(), object.key, relative)
        })
        .collect();
    if keys.is_empty() {
        return Err(format!("no objects under `{location}`"));
    }
    Ok(keys)
}

/// A manifest: `[{"prefix": "s3://bucket/path/"}, "relative/name", …]`.
async fn manifest(
    context: &Context,
    caller: &Caller,
    location: &s3::Location,
) -> Result<Vec<(String, String, String)>, String> {
    let damaged = |what: &str| format!("the manifest `{location}` {what}");
    may_read(context, caller, location).await?;
    let opened = context.objects.open_object(caller, &location.bucket, &location.key).await;
    let (_, file) = opened.map_err(|error| damaged(&error.message))?;
    let entries: Vec<Value> = serde_json::from_reader(io::BufReader::new(file))
        .map_err(|error| damaged(&format!("is no JSON array: {error}")))?;
    let prefix = entries.first().and_then(|entry| entry["prefix"].as_str()).unwrap_or_default();
    let base = s3::Location::parse(prefix)
        .map_err(|_| damaged("does not begin with {\"prefix\": \"s3://…\"}"))?;
    let names = entries.iter().skip(1).filter_map(Value::as_str);
    Ok(names
        .map(|name| (base.bucket.clone(), format!("{}{name}", base.key), name.to_owned()))
        .collect())
}

/// The path of `relative` inside `folder`; none if it would lead out of it.
fn inside(folder: &Path, relative: &str) -> Option<PathBuf> {
    let mut path = folder.to_owned();
    for part in relative.split('/').filter(|part| !part.is_empty()) {
        if part == "." || part == ".." || part.contains('\0') {
            return None;
        }
        path.push(part);
    }
    (path != folder).then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_leads_out_of_the_folder() {
        let folder = Path::new("/f");
        assert_eq!(inside(folder, "a//b.csv"), Some(PathBuf::from("/f/a/b.csv")));
        for bad in ["../x", "a/../../x", "", "/", "a/./b"] {
            assert_eq!(inside(folder, bad), None, "{bad}");
        }
    }
}
