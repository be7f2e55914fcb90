//! A model ready to answer: requests in, answers out, without any networking.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use serde::Deserialize;

use super::answer::{self, Accept, media_type};
use super::artifact::{self, COUNTS_FROM_ONE, Format};
use super::data;
use super::data::content_type::ContentType;
use super::installed::{self, Installed, Wish};
use super::kfold::most_frequent;
use super::library::{Booster, Library, LibraryError, Output, Prediction, Sparse};
use super::recordio;
use super::selectable::{self, Objective};
use super::version::{Series, Version};
use crate::Failure;

/// What an endpoint is given.
#[derive(Debug, Clone, Default)]
pub struct ServeModel {
    /// The folder with the files of `model.tar.gz`.
    pub folder: PathBuf,
    /// The libraries that are installed, as [`find`](super::find) lists them.
    pub libraries: Vec<Installed>,
    /// The series of the image's tag; decides the form of answers too.
    pub series: Option<Series>,
    /// Nothing but that series will do.
    pub exact: bool,
    /// The model's environment (`SAGEMAKER_INFERENCE_OUTPUT`, `SAGEMAKER_BATCH`, …).
    pub environment: BTreeMap<String, String>,
    /// How many requests may be answered at once, as `/execution-parameters` says.
    pub cpus: usize,
    /// The largest body in bytes; by default the environment's `MAX_CONTENT_LENGTH` (or, in batch transform,
    /// `SAGEMAKER_MAX_PAYLOAD_IN_MB`), else 6 MiB.
    pub payload_bytes_max: Option<usize>,
    /// If set, requests must carry it in `x-stepwell-endpoint-key`.
    pub secret: Option<String>,
}

/// A loaded model.
pub struct Model {
    library: &'static Library,
    warning: Option<String>,
    ensemble: Vec<Member>,
    objective: Objective,
    old_manner: bool,
    in_batch: bool,
    default_accept: Option<String>,
    selected: Option<Vec<String>>,
    payload_bytes_max: usize,
    cpus: usize,
    secret: Option<String>,
}

/// One model file.
struct Member {
    booster: Booster,
    features: usize,
    /// How many rounds predict: up to the best one, or 0 for all.
    rounds: usize,
    counts_from_one: Option<bool>,
    objective: Objective,
    way: Way,
}

/// How a booster predicts.
enum Way {
    /// Trees predict rows where they lie.
    InPlace,
    /// `dart` can too, but sums its trees in another order then, and the container makes a matrix.
    ByMatrix,
    /// Linear models make a matrix, and do not promise to predict from two threads at once.
    Alone(Mutex<()>),
}

/// A request for predictions.
#[derive(Debug, Clone, Copy, Default)]
pub struct Request<'a> {
    /// Its `Content-Type`.
    pub content_type: Option<&'a str>,
    /// Its `Accept`.
    pub accept: Option<&'a str>,
    /// Its body.
    pub body: &'a [u8],
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The `Content-Type` of the body.
    pub content_type: &'static str,
    /// The body.
    pub body: Vec<u8>,
}

const PAYLOAD_BYTES_DEFAULT: usize = 6 * 1024 * 1024;
const CONTENT_LENGTH_MAX: usize = 20 * 1024 * 1024;

impl Model {
    /// Loads a model's files. The library is one that can read them: never older than the version that wrote
    /// them, since an older one would answer wrong predictions without a word.
    ///
    /// # Errors
    /// A failure whose text becomes the endpoint's reason.
    pub fn load(given: &ServeModel) -> Result<Model, Failure> {
        let variable = |name: &str| {
            given.environment.get(name).map(String::as_str).filter(|value| !value.is_empty())
        };
        let mut files = model_files(&given.folder)?;
        if variable("SAGEMAKER_INFERENCE_ENSEMBLE")
            .is_some_and(|value| value.eq_ignore_ascii_case("false"))
        {
            files.truncate(1);
        }
        let choice = installed::choose(&given.libraries, wish(given, &files)?)?;
        let library = Library::load(&choice.installed.path)
            .map_err(|error| Failure::platform(error.to_string()))?;
        let mut ensemble = Vec::new();
        for file in &files {
            let member = Member::load(library, &file.bytes).map_err(|error| {
                Failure::user(format!(
                    "Unable to load model: Model at {} cannot be loaded:\n{error}",
                    file.path.display()
                ))
            })?;
            ensemble.push(member);
        }
        let objective = ensemble[0].objective.clone();
        let in_batch = variable("SAGEMAKER_BATCH").is_some();
        let number = |name: &str| variable(name).and_then(|value| value.parse::<usize>().ok());
        let payload_bytes_max = given
            .payload_bytes_max
            .or_else(|| {
                number("SAGEMAKER_MAX_PAYLOAD_IN_MB")
                    .filter(|_| in_batch)
                    .map(|megabytes| megabytes << 20)
            })
            .or_else(|| number("MAX_CONTENT_LENGTH").map(|bytes| bytes.min(CONTENT_LENGTH_MAX)))
            .unwrap_or(PAYLOAD_BYTES_DEFAULT);
        Ok(Model {
            library,
            warning: choice.warning,
            ensemble,
            objective,
            old_manner: answer::is_old(given.series),
            in_batch,
            default_accept: variable("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT").map(str::to_owned),
            selected: variable("SAGEMAKER_INFERENCE_OUTPUT").map(selectable::keys),
            payload_bytes_max,
            cpus: given.cpus.max(1),
            secret: given.secret.clone(),
        })
    }

    /// The library that predicts.
    pub fn library_version(&self) -> Version {
        self.library.version()
    }

    /// A line for the log if that is not the series that was asked for.
    pub fn warning(&self) -> Option<&str> {
        self.warning.as_deref()
    }

    /// The largest body that is taken, in bytes.
    pub fn payload_bytes_max(&self) -> usize {
        self.payload_bytes_max
    }

    /// What requests must carry in `x-stepwell-endpoint-key`.
    pub fn secret(&self) -> Option<&str> {
        self.secret.as_deref()
    }

    /// The answer to `GET /execution-parameters`.
    pub fn execution_parameters(&self) -> Answer {
        let text = format!(
            "{{\"MaxConcurrentTransforms\": {}, \"BatchStrategy\": \"MULTI_RECORD\", \"MaxPayloadInMB\": {}}}",
            self.cpus,
            self.payload_bytes_max >> 20
        );
        Answer { status: 200, content_type: "application/json", body: text.into_bytes() }
    }

    /// The answer to `POST /invocations`.
    pub fn invoke(&self, request: Request) -> Answer {
        match self.answer(request) {
            Ok(answer) => answer,
            Err((status, text)) => {
                Answer { status, content_type: "text/html; charset=utf-8", body: text.into_bytes() }
            }
        }
    }

    fn answer(&self, request: Request) -> Result<Answer, (u16, String)> {
        if request.body.is_empty() {
            return Ok(Answer {
                status: 204,
                content_type: "text/html; charset=utf-8",
                body: Vec::new(),
            });
        }
        let prediction = self.predict(request)?;
        let csv = |body: String| {
            Ok(Answer {
                status: 200,
                content_type: Accept::Csv.content_type(),
                body: body.into_bytes(),
            })
        };
        let accept = || {
            Accept::parse(request.accept, self.default_accept.as_deref())
                .map_err(|text| (406, text))
        };
        if let Some(keys) = &self.selected {
            let accept = accept()?;
            let records = selectable::select(&prediction, keys, &self.objective)
                .map_err(|text| (500, text))?;
            let body = answer::encode_selected(&records, keys, accept, self.in_batch);
            return Ok(Answer { status: 200, content_type: accept.content_type(), body });
        }
        if self.in_batch {
            return csv(answer::batch_lines(&prediction));
        }
        if self.old_manner {
            return csv(answer::one_line(&prediction));
        }
        let accept = accept()?;
        Ok(Answer {
            status: 200,
            content_type: accept.content_type(),
            body: answer::encode(&prediction, accept),
        })
    }

    /// The predictions for a body; an error is a status and its text.
    pub fn predict(&self, request: Request) -> Result<Prediction, (u16, String)> {
        let rows =
            read_rows(request, self.ensemble[0].counts_from_one).map_err(|text| (415, text))?;
        let failed =
            |error: LibraryError| (400, format!("Unable to evaluate payload provided: {error}"));
        let mut predictions = Vec::with_capacity(self.ensemble.len());
        for member in &self.ensemble {
            predictions.push(member.predict(self.library, &rows).map_err(failed)?);
        }
        Ok(if predictions.len() == 1 {
            predictions.swap_remove(0)
        } else {
            combined(&predictions, &self.objective.name)
        })
    }
}

impl Member {
    fn load(library: &'static Library, bytes: &[u8]) -> Result<Member, LibraryError> {
        let mut booster = library.booster(&[])?;
        booster.load(bytes)?;
        // One thread a request: more of them spin against each other under load.
        booster.set("nthread", "1")?;
        let features = booster.features()?;
        let rounds = booster
            .attribute("best_iteration")?
            .and_then(|round| round.parse::<usize>().ok())
            .map_or(0, |best| (best + 1).min(booster.rounds().unwrap_or(usize::MAX)));
        let counts_from_one = booster.attribute(COUNTS_FROM_ONE)?.map(|value| value == "1");
        let (objective, way) = configured(&booster)?;
        let member = Member { booster, features, rounds, counts_from_one, objective, way };
        // The first prediction completes the booster's configuration; it must happen before it is shared.
        let row = Rows::Dense { values: vec![0.0; features], columns: features };
        member.predict(library, &row)?;
        Ok(member)
    }

    fn predict(&self, library: &'static Library, rows: &Rows) -> Result<Prediction, LibraryError> {
        if let (Rows::Dense { values, columns }, Way::InPlace) = (rows, &self.way)
            && *columns == self.features
            && *columns > 0
        {
            return self.booster.predict_dense(
                values,
                values.len() / columns,
                *columns,
                self.rounds,
            );
        }
        let matrix = match rows {
            Rows::Dense { values, columns } => library.dense(
                values,
                values.len().checked_div(*columns).unwrap_or(0),
                *columns,
                1,
            )?,
            Rows::Sparse(sparse) => library.sparse(sparse, 1)?,
        };
        let _alone = match &self.way {
            Way::Alone(lock) => Some(lock.lock().unwrap_or_else(|poison| poison.into_inner())),
            Way::InPlace | Way::ByMatrix => None,
        };
        self.booster.predict(&matrix, Output::Value, self.rounds)
    }
}

/// A request's rows.
enum Rows {
    Dense { values: Vec<f32>, columns: usize },
    Sparse(Sparse),
}

fn read_rows(request: Request, counts_from_one: Option<bool>) -> Result<Rows, String> {
    let unsupported = || {
        format!("Content-type {} is not supported.", request.content_type.map_or("", media_type))
    };
    let content_type = ContentType::parse(request.content_type.filter(|text| !text.is_empty()))
        .map_err(|_| unsupported())?;
    let fail = |what: String| {
        let name = content_type.name();
        match content_type {
            ContentType::RecordIo => format!(
                "Loading {name} data failed with Exception, please ensure data is in {name} format: <class 'ValueError'> {what}"
            ),
            _ => format!(
                "Loading {name} data failed with Exception, please ensure data is in {name} format:\n <class 'ValueError'>\n {what}"
            ),
        }
    };
    let text = || {
        let body = request.body.trim_ascii();
        std::str::from_utf8(body).map_err(|error| fail(format!("the body is not UTF-8: {error}")))
    };
    match content_type {
        ContentType::Csv => {
            let text = text()?;
            if text.is_empty() {
                return Err(fail("Could not determine delimiter".to_owned()));
            }
            data::csv_rows(text)
                .map(|(values, columns)| Rows::Dense { values, columns })
                .map_err(fail)
        }
        ContentType::Libsvm => {
            data::libsvm_rows(text()?, counts_from_one).map(Rows::Sparse).map_err(fail)
        }
        ContentType::RecordIo => {
            recordio::read(request.body).map(|records| Rows::Sparse(records.features)).map_err(fail)
        }
        ContentType::Parquet => Err(unsupported()),
    }
}

/// The ensemble's answer: the mean, or the most frequent class where models answer classes.
fn combined(predictions: &[Prediction], objective: &str) -> Prediction {
    let by_vote = matches!(objective, "multi:softmax" | "binary:hinge");
    let mut combined = predictions[0].clone();
    for (at, value) in combined.values.iter_mut().enumerate() {
        let answers =
            predictions.iter().filter_map(|prediction| prediction.values.get(at).copied());
        *value = if by_vote {
            most_frequent(answers)
        } else {
            answers.sum::<f32>() / predictions.len() as f32
        };
    }
    combined
}

struct ModelFile {
    path: PathBuf,
    bytes: Vec<u8>,
}

/// The folder's files, by name; hidden ones are none.
fn model_files(folder: &Path) -> Result<Vec<ModelFile>, Failure> {
    let entries = std::fs::read_dir(folder)
        .map_err(|error| Failure::io("read the model's folder", folder, &error))?;
    let mut paths: Vec<_> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| {
            path.is_file()
                && !path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'))
        })
        .collect();
    paths.sort();
    if paths.is_empty() {
        return Err(Failure::user(
            "Unable to load model: model.tar.gz has no file at its top; it should have `xgboost-model`",
        ));
    }
    let read = |path: PathBuf| {
        let bytes = std::fs::read(&path).map_err(|error| Failure::io("read", &path, &error))?;
        Ok(ModelFile { path, bytes })
    };
    paths.into_iter().map(read).collect()
}

/// What the files ask of a library.
fn wish(given: &ServeModel, files: &[ModelFile]) -> Result<Wish, Failure> {
    let mut wish = Wish { series: given.series, exact: given.exact, ..Wish::default() };
    for file in files {
        let name = file.path.file_name().unwrap_or_default().to_string_lossy();
        let description = artifact::describe(&file.bytes);
        match description.format {
            Format::Pickle => return Err(artifact::pickled(&name)),
            Format::OldBinary => wish.before = Some(Series { major: 3, minor: 1 }),
            Format::Ubj | Format::Json => {}
            Format::Unknown => {
                return Err(Failure::user(format!(
                    "Unable to load model: Model at {name} cannot be loaded: it is neither a model saved by XGBoost's \
                     save_model (UBJ, JSON or the old binary format) nor a pickle"
                )));
            }
        }
        wish.at_least = wish.at_least.max(description.written_by);
    }
    Ok(wish)
}

/// What the booster's configuration says of it.
fn configured(booster: &Booster) -> Result<(Objective, Way), LibraryError> {
    #[derive(Deserialize)]
    struct Config {
        learner: Learner,
    }
    #[derive(Deserialize)]
    struct Learner {
        gradient_booster: Named,
        objective: Named,
        learner_model_param: Param,
    }
    #[derive(Deserialize)]
    struct Named {
        name: String,
    }
    #[derive(Deserialize)]
    struct Param {
        #[serde(default)]
        num_class: String,
    }
    let Config { learner } = serde_json::from_str(&booster.config()?).map_err(|error| {
        LibraryError::Call(format!("the model's configuration cannot be read: {error}"))
    })?;
    let objective = Objective {
        name: learner.objective.name,
        classes: learner.learner_model_param.num_class.parse().unwrap_or(0),
    };
    let way = match learner.gradient_booster.name.as_str() {
        "gbtree" => Way::InPlace,
        "gblinear" => Way::Alone(Mutex::default()),
        _ => Way::ByMatrix,
    };
    Ok((objective, way))
}
