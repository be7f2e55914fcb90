//! Training jobs in folders.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use algorithms::xgboost::artifact::{Format, describe};
use algorithms::xgboost::version::Series;
use algorithms::xgboost::{Installed, TrainJob, TrainOutcome, train};
use algorithms::{Class, Failure};

use crate::library::installed;

/// A job's folder, filled.
pub struct Folder(tempfile::TempDir);

impl Folder {
    pub fn new(hyperparameters: &[(&str, &str)], channels: &[(&str, &str)]) -> Folder {
        let folder = Folder(tempfile::tempdir().unwrap());
        let object: serde_json::Map<_, _> = hyperparameters
            .iter()
            .map(|(name, value)| (name.to_string(), (*value).into()))
            .collect();
        folder.write("input/config/hyperparameters.json", &serde_json::to_string(&object).unwrap());
        let object: serde_json::Map<_, _> = channels
            .iter()
            .map(|(name, content_type)| {
                let mut channel = serde_json::json!({"TrainingInputMode": "File", "S3DistributionType": "FullyReplicated"});
                if !content_type.is_empty() {
                    channel["ContentType"] = (*content_type).into();
                }
                (name.to_string(), channel)
            })
            .collect();
        folder.write("input/config/inputdataconfig.json", &serde_json::to_string(&object).unwrap());
        folder.write(
            "input/config/resourceconfig.json",
            r#"{"current_host":"algo-1","hosts":["algo-1"]}"#,
        );
        folder
    }

    pub fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    pub fn root(&self) -> &Path {
        self.0.path()
    }

    pub fn train(&self, libraries: &[Installed]) -> (Result<TrainOutcome, Failure>, String) {
        self.train_until(libraries, &AtomicBool::new(false))
    }

    fn train_until(
        &self,
        libraries: &[Installed],
        stop: &AtomicBool,
    ) -> (Result<TrainOutcome, Failure>, String) {
        let job = TrainJob {
            root: self.root().to_owned(),
            libraries: libraries.to_vec(),
            series: Series::of_tag("1.7-1"),
            exact: false,
            cpus: 2,
            stop,
        };
        let mut log = Vec::new();
        let outcome = train(&job, &mut log);
        (outcome, String::from_utf8(log).unwrap())
    }
}

/// Rows of numbers that have something to learn, the same every time.
pub fn rows(count: usize, features: usize, label: impl Fn(&[f64], f64) -> f64) -> String {
    let mut state = 42_u64;
    let mut roll = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f64 / f64::from(1 << 24)
    };
    let mut text = String::new();
    for _ in 0..count {
        let row: Vec<f64> = (0..features).map(|_| (roll() * 1000.0).round() / 100.0).collect();
        let _ = write!(text, "{}", label(&row, roll()));
        for (at, value) in row.iter().enumerate() {
            // Some values are missing.
            if (at + (row[0] * 100.0) as usize).is_multiple_of(17) {
                text.push(',');
            } else {
                let _ = write!(text, ",{value}");
            }
        }
        text.push('\n');
    }
    text
}

pub fn regression(row: &[f64], noise: f64) -> f64 {
    ((3.0 * row[0] - row[1] * row[2] / 2.0 + noise) * 1000.0).round() / 1000.0
}

fn classes(row: &[f64], _noise: f64) -> f64 {
    f64::from(u8::from(row[0] > 3.0) + u8::from(row[1] > 6.0))
}

fn binary(row: &[f64], _noise: f64) -> f64 {
    f64::from(u8::from(row[0] + row[1] > 10.0))
}

#[test]
fn a_job_from_files_to_model() {
    let Some(libraries) = installed() else { return };
    let folder = Folder::new(
        &[("num_round", "12"), ("objective", "reg:linear"), ("max_depth", "4"), ("eta", "0.3")],
        &[("train", "text/csv"), ("validation", "text/csv")],
    );
    folder.write("input/data/train/part/a.csv", &rows(800, 5, regression));
    folder.write("input/data/train/_SUCCESS", "not data");
    folder.write("input/data/validation/b.csv", &rows(200, 5, regression));
    let (outcome, log) = folder.train(&libraries);
    let outcome = outcome.unwrap();
    assert_eq!((outcome.rounds, outcome.best_round, outcome.stopped), (12, None, false));
    assert!(log.contains("INFO: Train matrix has 800 rows and 5 columns\n"), "{log}");
    assert!(log.contains("reg:linear is now called reg:squarederror"), "{log}");
    let lines: Vec<_> = log.lines().filter(|line| line.contains("]#011")).collect();
    assert_eq!(lines.len(), 12, "{log}");
    let (train_rmse, validation_rmse) = lines[11]
        .strip_prefix("[11]#011train-rmse:")
        .unwrap()
        .split_once("#011validation-rmse:")
        .unwrap();
    assert_eq!(outcome.metrics[0], ("train:rmse".to_owned(), train_rmse.parse().unwrap()));
    assert_eq!(
        outcome.metrics[1],
        ("validation:rmse".to_owned(), validation_rmse.parse().unwrap())
    );
    assert!(outcome.metrics[0].1 < 4.0, "it learns: {log}");
    let model = std::fs::read(folder.path("model/xgboost-model")).unwrap();
    let described = describe(&model);
    assert_eq!((described.format, described.written_by), (Format::Ubj, Some(outcome.library)));
    let metrics = std::fs::read_to_string(folder.path("output/metrics.json")).unwrap();
    let metrics: serde_json::Value = serde_json::from_str(&metrics).unwrap();
    assert_eq!(metrics["metrics"][1]["name"], "validation:rmse");
    assert!(!folder.path("output/failure").exists());
    let left: Vec<_> = std::fs::read_dir(folder.path("model"))
        .unwrap()
        .flatten()
        .map(|entry| entry.file_name())
        .collect();
    assert_eq!(left, ["xgboost-model"]);
}

#[test]
fn early_stopping_keeps_the_best_round() {
    let Some(libraries) = installed() else { return };
    let folder = Folder::new(
        &[
            ("num_round", "500"),
            ("eta", "1"),
            ("early_stopping_rounds", "5"),
            ("eval_metric", "mae,rmse"),
        ],
        &[("train", "csv"), ("validation", "csv")],
    );
    folder.write("input/data/train/a.csv", &rows(300, 3, |row, noise| row[0] + noise * 20.0));
    folder.write("input/data/validation/b.csv", &rows(400, 3, |row, noise| row[0] + noise * 21.0));
    let outcome = folder.train(&libraries).0.unwrap();
    let best = outcome.best_round.unwrap();
    assert!(outcome.rounds < 500);
    assert_eq!(outcome.rounds, best + 6);
}

#[test]
fn metrics_the_library_lacks() {
    let Some(libraries) = installed() else { return };
    let folder = Folder::new(
        &[
            ("num_round", "5"),
            ("objective", "multi:softmax"),
            ("num_class", "3"),
            ("eval_metric", "merror,accuracy,f1,precision_micro"),
            ("_tuning_objective_metric", "validation:balanced_accuracy"),
        ],
        &[("train", "text/csv")],
    );
    folder.write("input/data/train/a.csv", &rows(300, 4, classes));
    let (outcome, log) = folder.train(&libraries);
    let metrics = outcome.unwrap().metrics;
    let names: Vec<_> = metrics.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        [
            "train:merror",
            "train:accuracy",
            "train:balanced_accuracy",
            "train:f1",
            "train:precision_micro"
        ],
        "{log}"
    );
    assert!(
        (metrics[0].1 + metrics[1].1 - 1.0).abs() < 1e-4,
        "error and accuracy add up: {metrics:?}"
    );
    let folder = Folder::new(
        &[("num_round", "5"), ("objective", "binary:logistic"), ("eval_metric", "accuracy,error")],
        &[("train", "text/csv")],
    );
    folder.write("input/data/train/a.csv", &rows(300, 4, binary));
    let metrics = folder.train(&libraries).0.unwrap().metrics;
    assert!((metrics[0].1 + metrics[1].1 - 1.0).abs() < 1e-4, "{metrics:?}");
}

#[test]
fn cross_validation() {
    let Some(libraries) = installed() else { return };
    let folder = Folder::new(
        &[
            ("num_round", "4"),
            ("_kfold", "3"),
            ("_num_cv_round", "2"),
            ("objective", "binary:logistic"),
            ("eval_metric", "error"),
        ],
        &[("train", "text/csv"), ("validation", "text/csv")],
    );
    folder.write("input/data/train/a.csv", &rows(200, 4, binary));
    folder.write("input/data/validation/a.csv", &rows(100, 4, binary));
    let (outcome, log) = folder.train(&libraries);
    let outcome = outcome.unwrap();
    assert_eq!(outcome.models.len(), 6, "{log}");
    assert_eq!(
        log.lines().filter(|line| line.starts_with("[4]#011train-error:")).count(),
        3,
        "{log}"
    );
    let predictions = std::fs::read_to_string(folder.path("output/data/predictions.csv")).unwrap();
    assert_eq!(predictions.lines().count(), 300);
    let right = predictions
        .lines()
        .map(|line| line.split(',').map(|field| field.parse::<f64>().unwrap()).collect::<Vec<_>>())
        .filter(|row| row[0] == row[2])
        .count();
    assert!(right > 270, "{right} of 300");
}

#[test]
fn a_stopped_job_keeps_its_model_only_if_asked() {
    let Some(libraries) = installed() else { return };
    for (keep, models) in [("true", 1), ("false", 0)] {
        let folder = Folder::new(
            &[("num_round", "1000000"), ("save_model_on_termination", keep), ("max_depth", "2")],
            &[("train", "text/csv")],
        );
        folder.write("input/data/train/a.csv", &rows(50, 3, regression));
        let stop = AtomicBool::new(false);
        let outcome = std::thread::scope(|scope| {
            let job = scope.spawn(|| folder.train_until(&libraries, &stop).0);
            std::thread::sleep(std::time::Duration::from_millis(100));
            stop.store(true, std::sync::atomic::Ordering::Relaxed);
            job.join().unwrap().unwrap()
        });
        assert!(outcome.stopped);
        assert_eq!(outcome.models.len(), models);
    }
}

#[test]
fn checkpoints_are_gone_on_from() {
    let Some(libraries) = installed() else { return };
    let whole = Folder::new(&[("num_round", "8")], &[("train", "text/csv")]);
    let data = rows(200, 3, regression);
    whole.write("input/data/train/a.csv", &data);
    let whole_metrics = whole.train(&libraries).0.unwrap().metrics;
    let parts = Folder::new(&[("num_round", "5")], &[("train", "text/csv")]);
    parts.write("input/data/train/a.csv", &data);
    parts.write("input/config/checkpointconfig.json", r#"{"LocalPath":"/opt/ml/checkpoints"}"#);
    parts.train(&libraries).0.unwrap();
    assert!(parts.path("checkpoints/xgboost-checkpoint.4").exists());
    parts.write("input/config/hyperparameters.json", r#"{"num_round":"8"}"#);
    let (outcome, log) = parts.train(&libraries);
    assert_eq!(outcome.unwrap().metrics, whole_metrics);
    assert!(log.contains("INFO: Resuming from iteration 5\n[5]#011"), "{log}");
}

#[test]
fn libsvm_counted_from_one_or_from_zero_is_the_same_data() {
    let Some(libraries) = installed() else { return };
    let job = |first: usize| {
        let folder = Folder::new(&[("num_round", "3")], &[("train", "")]);
        let mut text = String::new();
        for line in rows(100, 3, regression).lines() {
            let mut fields = line.split(',');
            text.push_str(fields.next().unwrap());
            for (at, field) in fields.enumerate().filter(|(_, field)| !field.is_empty()) {
                let _ = write!(text, " {}:{field}", at + first);
            }
            text.push('\n');
        }
        folder.write("input/data/train/a.libsvm", &text);
        let (outcome, log) = folder.train(&libraries);
        assert!(log.contains("100 rows and 3 columns"), "{log}");
        outcome.unwrap().metrics
    };
    assert_eq!(job(0), job(1));
}

#[test]
fn records_are_the_same_data_as_csv() {
    let Some(libraries) = installed() else { return };
    let csv = Folder::new(&[("num_round", "3")], &[("train", "text/csv")]);
    let text = rows(100, 3, regression);
    csv.write("input/data/train/a.csv", &text);
    let records =
        Folder::new(&[("num_round", "3")], &[("train", "application/x-recordio-protobuf")]);
    let mut bytes = Vec::new();
    for line in text.lines() {
        let values: Vec<f32> = line
            .split(',')
            .map(
                |field| {
                    if field.is_empty() { f32::NAN } else { field.parse::<f64>().unwrap() as f32 }
                },
            )
            .collect();
        let mut record = labelled(1, &values[1..]);
        record.extend(labelled(2, &values[..1]));
        bytes.extend(0xced7_230a_u32.to_le_bytes());
        bytes.extend((record.len() as u32).to_le_bytes());
        bytes.extend(&record);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
    }
    std::fs::create_dir_all(records.path("input/data/train")).unwrap();
    std::fs::write(records.path("input/data/train/a.pbr"), bytes).unwrap();
    assert_eq!(
        records.train(&libraries).0.unwrap().metrics,
        csv.train(&libraries).0.unwrap().metrics
    );
}

/// An entry of a record's map 1 (features) or 2 (labels): `values`, as float32.
fn labelled(map: u8, values: &[f32]) -> Vec<u8> {
    let field = |number: u8, content: Vec<u8>| {
        assert!(content.len() < 128);
        [vec![number << 3 | 2, content.len() as u8], content].concat()
    };
    let packed = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    field(map, [field(1, b"values".to_vec()), field(2, field(2, field(1, packed)))].concat())
}

#[test]
fn failures_name_whose_fault_they_are() {
    let libraries = installed().unwrap_or_default();
    let good = "1,2,3\n2,3,4\n3,4,5\n";
    for (hyperparameters, channels, train_csv, expected) in [
        (
            &[("eta", "1")][..],
            &[("train", "csv")][..],
            good,
            "ClientError: Missing required hyperparameter: num_round",
        ),
        (&[("num_round", "1")], &[], good, "ClientError: Missing required channel: train"),
        (
            &[("num_round", "1")],
            &[("train", "csv"), ("test", "csv")],
            good,
            "ClientError: Extraneous channel found: test",
        ),
        (
            &[("num_round", "1")],
            &[("train", "text/plain")],
            good,
            "ClientError: text/plain is not an accepted ContentType: csv,",
        ),
        (
            &[("num_round", "1"), ("sagemaker_program", "train.py")],
            &[("train", "csv")],
            good,
            "ClientError: script mode",
        ),
    ] {
        check(hyperparameters, channels, train_csv, &libraries, expected);
    }
    if libraries.is_empty() {
        check(
            &[("num_round", "1")],
            &[("train", "csv")],
            good,
            &[],
            "InternalServerError: XGBoost's library (libxgboost) was not found. Install it with: ",
        );
        return;
    }
    for (hyperparameters, channels, train_csv, expected) in [
        (
            &[("num_round", "1")][..],
            &[("train", "csv")][..],
            "",
            "ClientError: No data in training channel path /opt/ml/input/data/train",
        ),
        (
            &[("num_round", "1")],
            &[("train", "csv"), ("validation", "csv")],
            good,
            "ClientError: No data in validation channel path /opt/ml/input/data/validation",
        ),
        (
            &[("num_round", "1")],
            &[("train", "")],
            good,
            "ClientError: First line '1,2,3...' of file 'a.csv' is not 'LIBSVM' format. Please ensure the file is in 'LIBSVM' format.",
        ),
        (
            &[("num_round", "1")],
            &[("train", "csv")],
            "a,b\n1,2\n",
            "ClientError: First line 'a,b...' of file 'a.csv' is not 'CSV' format.",
        ),
        (
            &[("num_round", "1")],
            &[("train", "csv")],
            "1,2\n1,x\n",
            "ClientError: Failed to load csv data with exception:\nfile 'a.csv', line 2",
        ),
        (
            &[("num_round", "1")],
            &[("train", "parquet")],
            good,
            "ClientError: content type `parquet` is not supported here yet",
        ),
        (
            &[("num_round", "1"), ("objective", "binary:logistic")],
            &[("train", "csv")],
            good,
            "ClientError: [",
        ),
        (
            &[("num_round", "1"), ("objective", "binary:hinge"), ("eval_metric", "precision")],
            &[("train", "csv")],
            good,
            "ClientError: Target is multiclass but average='binary'.",
        ),
        (
            &[("num_round", "1"), ("objective", "survival:aft")],
            &[("train", "csv")],
            good,
            "AlgorithmError: XGB train call failed with exception:\n ",
        ),
    ] {
        check(hyperparameters, channels, train_csv, &libraries, expected);
    }
}

fn check(
    hyperparameters: &[(&str, &str)],
    channels: &[(&str, &str)],
    csv: &str,
    libraries: &[Installed],
    expected: &str,
) {
    let folder = Folder::new(hyperparameters, channels);
    folder.write("input/data/train/a.csv", csv);
    let (outcome, log) = folder.train(libraries);
    let failure = outcome.expect_err(expected);
    let text = format!("{}: {}", failure.prefix(), failure.message);
    assert!(text.starts_with(expected), "{text}\nexpected {expected}");
    assert!(log.contains(&failure.message), "{log}");
    assert_eq!(std::fs::read_to_string(folder.path("output/failure")).unwrap(), failure.message);
    assert!(!matches!(failure.class, Class::Platform) || libraries.is_empty());
    assert!(!folder.path("model/xgboost-model").exists());
}
