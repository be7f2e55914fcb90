//! A training job: a folder laid out as a container sees `/opt/ml`.
//!
//! ```text
//! input/config/{hyperparameters,inputdataconfig,resourceconfig,checkpointconfig}.json
//! input/data/CHANNEL/…        what was downloaded
//! checkpoints/                if a checkpointconfig.json asks for them
//! model/xgboost-model         written at the end; with _kfold, xgboost-model-0, -1, …
//! output/data/                more results (predictions.csv of a cross-validation)
//! output/failure              why it failed; output/failure-class: ClientError, AlgorithmError, …
//! output/metrics.json         the last value of each metric
//! ```
//!
//! The log goes to a writer of the caller's. A tab is written there as `#011`, as CloudWatch shows it, by
//! [`round_line`](super::boosting::round_line) and nowhere else: the log of a job *is* its CloudWatch stream.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Serialize;
use serde_json::{Map, Value};

use super::artifact::{COUNTS_FROM_ONE, FILE_NAME};
use super::boosting::{self, Boosting, Ended, Watched};
use super::data::content_type::ContentType;
use super::data::{self, Dataset, Reading};
use super::hyperparameters::{self, Hyperparameters};
use super::installed::{self, Installed, Wish};
use super::kfold;
use super::library::{Library, LibraryError};
use super::version::{Series, Version};
use crate::Failure;

/// What a training job is given.
#[derive(Debug)]
pub struct TrainJob<'a> {
    /// The job's folder.
    pub root: PathBuf,
    /// The libraries that are installed, as [`find`](super::find) lists them.
    pub libraries: Vec<Installed>,
    /// The series of the image's tag.
    pub series: Option<Series>,
    /// Nothing but that series will do.
    pub exact: bool,
    /// How many CPUs were admitted; so many threads are used.
    pub cpus: usize,
    /// Set when the job is to stop: it ends after the round it is in.
    pub stop: &'a AtomicBool,
}

/// What came of a training job.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainOutcome {
    /// The last value of each metric, by names such as `validation:rmse`, in the order of the log.
    pub metrics: Vec<(String, f64)>,
    /// How many rounds were boosted.
    pub rounds: usize,
    /// The best round by early stopping, counted from 0.
    pub best_round: Option<usize>,
    /// The library that trained.
    pub library: Version,
    /// Whether it ended because it was to stop.
    pub stopped: bool,
    /// The model files.
    pub models: Vec<PathBuf>,
}

/// Runs a training job. What goes wrong is logged and written to `output/failure` too.
///
/// # Errors
/// The failure, by whose fault it is; the process should then exit with [`Failure::EXIT_CODE`].
pub fn train(job: &TrainJob, log: &mut dyn Write) -> Result<TrainOutcome, Failure> {
    let outcome = run(job, log);
    if let Err(failure) = &outcome {
        // A full disk may refuse these too; the failure itself is still returned.
        let _ = failure.write(&job.root);
        let _ = writeln!(log, "ERROR: {}: {}", failure.prefix(), failure.message);
        let _ = log.flush();
    }
    outcome
}

fn run(job: &TrainJob, log: &mut dyn Write) -> Result<TrainOutcome, Failure> {
    let config = Config::read(&job.root)?;
    let parameters = hyperparameters::validate(&config.hyperparameters, job.series)?;
    let channels = Channels::of(&config.inputs)?;
    let wish = Wish { series: job.series, exact: job.exact, ..Wish::default() };
    let choice = installed::choose(&job.libraries, wish)?;
    if let Some(warning) = &choice.warning {
        say(log, &format!("WARNING: {warning}"))?;
    }
    let library = Library::load(&choice.installed.path)
        .map_err(|error| Failure::platform(error.to_string()))?;
    library.listen();
    say(log, &format!("INFO: XGBoost {} from {}", library.version(), library.path().display()))?;
    for note in &parameters.notes {
        say(log, &format!("INFO: {note}"))?;
    }
    let data = read_data(job, &channels, &parameters, log)?;
    let nthread = threads(job, &parameters, log)?;
    let boosting = Boosting {
        library,
        parameters: &parameters,
        nthread,
        stop: job.stop,
        attributes: data.attributes(),
    };
    let output = Output { root: &job.root, log };
    match parameters.kfold {
        Some(folds) => cross_validated(&boosting, data, folds, output),
        None => one_model(&boosting, data, config.checkpoints.as_deref(), output),
    }
}

struct Output<'a> {
    root: &'a Path,
    log: &'a mut dyn Write,
}

fn one_model(
    boosting: &Boosting,
    mut data: Data,
    checkpoints: Option<&Path>,
    output: Output,
) -> Result<TrainOutcome, Failure> {
    let failed = |error| cannot_load(error, data.content_type);
    let train = data.train.matrix(boosting.library, boosting.nthread).map_err(failed)?;
    let validation = match &data.validation {
        Some(validation) => {
            Some(validation.matrix(boosting.library, boosting.nthread).map_err(failed)?)
        }
        None => None,
    };
    data.train.release_features();
    data.validation.iter_mut().for_each(Dataset::release_features);
    let mut watched = vec![Watched { matrix: &train, name: "train", labels: &data.train.labels }];
    if let (Some(matrix), Some(dataset)) = (&validation, &data.validation) {
        watched.push(Watched { matrix, name: "validation", labels: &dataset.labels });
    }
    let ended = boosting.run(&watched, checkpoints, output.log)?;
    let keeps = !ended.stopped || boosting.parameters.save_model_on_termination;
    let models = if keeps { vec![save_model(&ended, output.root, FILE_NAME)?] } else { Vec::new() };
    finish(output, boosting, ended.metrics.clone(), &ended, models)
}

fn cross_validated(
    boosting: &Boosting,
    data: Data,
    folds: usize,
    output: Output,
) -> Result<TrainOutcome, Failure> {
    let content_type = data.content_type;
    let mut whole = match data.validation {
        Some(validation) => {
            say(output.log, "INFO: Read both train and validation data into one DMatrix")?;
            data.train.join(validation)?
        }
        None => data.train,
    };
    let matrix = whole
        .matrix(boosting.library, boosting.nthread)
        .map_err(|error| cannot_load(error, content_type))?;
    whole.release_features();
    let validated = kfold::run(boosting, &matrix, &whole.labels, folds, output.log)?;
    let mut models = Vec::new();
    for (fold, ended) in validated.folds.iter().enumerate() {
        if !ended.stopped || boosting.parameters.save_model_on_termination {
            models.push(save_model(ended, output.root, &format!("{FILE_NAME}-{fold}"))?);
        }
    }
    if let Some(predictions) = &validated.predictions {
        let path = output.root.join("output/data/predictions.csv");
        say(
            output.log,
            &format!("INFO: Storing predictions on validation set(s) in {}", path.display()),
        )?;
        write_file(&path, predictions.as_bytes())?;
    }
    let last = validated
        .folds
        .last()
        .ok_or_else(|| Failure::algorithm("cross-validation made no fold"))?;
    finish(output, boosting, validated.metrics, last, models)
}

fn finish(
    output: Output,
    boosting: &Boosting,
    metrics: Vec<(String, f64)>,
    ended: &Ended,
    models: Vec<PathBuf>,
) -> Result<TrainOutcome, Failure> {
    if ended.stopped {
        let kept = if models.is_empty() { "no model is kept" } else { "the model so far is kept" };
        say(output.log, &format!("INFO: stopped after {} rounds; {kept}", ended.rounds))?;
    }
    let summary = Summary {
        metrics: metrics.iter().map(|(name, value)| Metric { name, value: *value }).collect(),
        rounds: ended.rounds,
        best_round: ended.best_round,
        xgboost_version: boosting.library.version().to_string(),
        stopped: ended.stopped,
    };
    let text = serde_json::to_vec_pretty(&summary)
        .map_err(|error| Failure::algorithm(error.to_string()))?;
    write_file(&output.root.join("output/metrics.json"), &text)?;
    Ok(TrainOutcome {
        metrics,
        rounds: ended.rounds,
        best_round: ended.best_round,
        library: boosting.library.version(),
        stopped: ended.stopped,
        models,
    })
}

/// What `output/metrics.json` holds.
#[derive(Serialize)]
struct Summary<'a> {
    metrics: Vec<Metric<'a>>,
    rounds: usize,
    best_round: Option<usize>,
    xgboost_version: String,
    stopped: bool,
}

#[derive(Serialize)]
struct Metric<'a> {
    name: &'a str,
    value: f64,
}

/// The files under `input/config`.
struct Config {
    hyperparameters: Map<String, Value>,
    inputs: Map<String, Value>,
    checkpoints: Option<PathBuf>,
}

impl Config {
    fn read(root: &Path) -> Result<Config, Failure> {
        let folder = root.join("input/config");
        let hyperparameters = object(&folder.join("hyperparameters.json"))?.unwrap_or_default();
        if hyperparameters.contains_key("sagemaker_program") {
            return Err(Failure::user(
                "script mode (`sagemaker_program`) is not supported here yet: train with the built-in algorithm, \
                 without an entry point",
            ));
        }
        let hosts = object(&folder.join("resourceconfig.json"))?
            .and_then(|config| config.get("hosts").and_then(Value::as_array).map(Vec::len))
            .unwrap_or(1);
        if hosts > 1 {
            return Err(Failure::user(format!(
                "training on {hosts} hosts is not supported here yet: use one instance"
            )));
        }
        let checkpoints = object(&folder.join("checkpointconfig.json"))?.map(|config| {
            let path = config.get("LocalPath").and_then(Value::as_str).unwrap_or_default();
            // The container's `/opt/ml` is the job's folder; a path elsewhere has no place in it.
            root.join(
                path.strip_prefix("/opt/ml/")
                    .filter(|path| !path.contains(".."))
                    .unwrap_or("checkpoints"),
            )
        });
        Ok(Config {
            hyperparameters,
            inputs: object(&folder.join("inputdataconfig.json"))?.unwrap_or_default(),
            checkpoints,
        })
    }
}

/// A file with a JSON object, if it is there.
fn object(path: &Path) -> Result<Option<Map<String, Value>>, Failure> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Failure::io("read", path, &error)),
    };
    let parsed = serde_json::from_slice(&bytes).map_err(|error| {
        Failure::platform(format!("`{}` is not a JSON object: {error}", path.display()))
    })?;
    Ok(Some(parsed))
}

/// The channels a job has.
struct Channels {
    content_type: ContentType,
    has_validation: bool,
}

impl Channels {
    fn of(inputs: &Map<String, Value>) -> Result<Channels, Failure> {
        let Some(train) = inputs.get("train") else {
            return Err(Failure::user("Missing required channel: train"));
        };
        for (name, channel) in inputs {
            if !["train", "validation", "code"].contains(&name.as_str()) {
                return Err(Failure::user(format!("Extraneous channel found: {name}")));
            }
            let mode = channel.get("TrainingInputMode").and_then(Value::as_str).unwrap_or("File");
            if mode == "Pipe" {
                return Err(Failure::user(format!(
                    "channel `{name}`: input mode Pipe is not supported here yet: use File"
                )));
            }
        }
        Ok(Channels {
            content_type: ContentType::parse(train.get("ContentType").and_then(Value::as_str))?,
            has_validation: inputs.contains_key("validation"),
        })
    }
}

/// The data of a job.
struct Data {
    content_type: ContentType,
    train: Dataset,
    validation: Option<Dataset>,
    counts_from_one: bool,
}

impl Data {
    /// What the model should remember of them.
    fn attributes(&self) -> Vec<(String, String)> {
        match self.content_type {
            ContentType::Libsvm => {
                vec![(COUNTS_FROM_ONE.to_owned(), u8::from(self.counts_from_one).to_string())]
            }
            _ => Vec::new(),
        }
    }
}

fn read_data(
    job: &TrainJob,
    channels: &Channels,
    parameters: &Hyperparameters,
    log: &mut dyn Write,
) -> Result<Data, Failure> {
    let reading =
        Reading { content_type: channels.content_type, csv_weights: parameters.csv_weights };
    let mut notes = Vec::new();
    let mut read = |channel: &str| {
        let folder = job.root.join("input/data").join(channel);
        let what = if channel == "train" { "training" } else { channel };
        data::read(&folder, reading, &mut notes)?.ok_or_else(|| {
            Failure::user(format!("No data in {what} channel path /opt/ml/input/data/{channel}"))
        })
    };
    let mut train = read("train")?;
    let mut validation = if channels.has_validation { Some(read("validation")?) } else { None };
    for note in notes {
        say(log, &format!("INFO: {note}"))?;
    }
    // Both sets count the same way, so both are asked.
    let lowest = train
        .lowest_feature()
        .into_iter()
        .chain(validation.as_ref().and_then(Dataset::lowest_feature))
        .min();
    let counts_from_one = channels.content_type == ContentType::Libsvm && lowest == Some(1);
    if counts_from_one {
        train.count_from_zero();
        validation.iter_mut().for_each(Dataset::count_from_zero);
    }
    say(
        log,
        &format!("INFO: Train matrix has {} rows and {} columns", train.rows(), train.columns()),
    )?;
    if let Some(validation) = &validation {
        say(log, &format!("INFO: Validation matrix has {} rows", validation.rows()))?;
    }
    Ok(Data { content_type: channels.content_type, train, validation, counts_from_one })
}

fn threads(
    job: &TrainJob,
    parameters: &Hyperparameters,
    log: &mut dyn Write,
) -> Result<usize, Failure> {
    let admitted = job.cpus.max(1);
    let asked = parameters.nthread.unwrap_or(admitted);
    if asked > admitted {
        say(
            log,
            &format!(
                "INFO: nthread {asked}: {admitted} CPUs were admitted; training with {admitted} threads"
            ),
        )?;
    }
    Ok(asked.min(admitted))
}

fn cannot_load(error: LibraryError, content_type: ContentType) -> Failure {
    Failure::user(format!("Failed to load {} data with exception:\n{error}", content_type.name()))
}

fn save_model(ended: &Ended, root: &Path, name: &str) -> Result<PathBuf, Failure> {
    let bytes = ended.booster.save("ubj").map_err(boosting::failed)?;
    let path = root.join("model").join(name);
    write_file(&path, &bytes)?;
    Ok(path)
}

/// Writes a file so that it is there whole or not at all. On a full disk it waits for space: hours of
/// training are not to be lost for want of a few bytes.
pub(super) fn write_file(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let write = || {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(".part");
        let part = path.with_file_name(name);
        let mut file = std::fs::File::create(&part)?;
        let written = file.write_all(bytes).and_then(|()| file.sync_all());
        if let Err(error) = written {
            let _ = std::fs::remove_file(&part);
            return Err(error);
        }
        std::fs::rename(&part, path)
    };
    loop {
        match write() {
            Err(error) if error.kind() == std::io::ErrorKind::StorageFull => {
                std::thread::sleep(std::time::Duration::from_millis(500));
            }
            written => {
                return written.map_err(|error: std::io::Error| Failure::io("write", path, &error));
            }
        }
    }
}

/// A line of the log.
pub(super) fn say(log: &mut dyn Write, line: &str) -> Result<(), Failure> {
    writeln!(log, "{line}")
        .and_then(|()| log.flush())
        .map_err(|error| Failure::platform(format!("cannot write the log: {error}")))
}

/// Whether the job is to stop.
pub(super) fn asked_to_stop(stop: &AtomicBool) -> bool {
    stop.load(Ordering::Relaxed)
}
