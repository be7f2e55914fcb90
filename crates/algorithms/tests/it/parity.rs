//! The same rows, the same parameters: Python's own training and ours end in the same predictions, bit by bit.

use std::path::Path;
use std::process::Command;

use algorithms::xgboost::library::{Library, Output};

use crate::library::installed;
use crate::training::{Folder, regression, rows};

const PROGRAM: &str = r#"
import sys, struct
try:
    import numpy, scipy, xgboost
except ImportError as error:
    print(error); sys.exit(77)
data = numpy.genfromtxt(sys.argv[1], delimiter=",")
train = xgboost.DMatrix(data[:, 1:], label=data[:, 0], nthread=2)
parameters = {"objective": "reg:squarederror", "max_depth": 5, "eta": 0.2, "subsample": 0.8, "seed": 7, "nthread": 2}
model = xgboost.train(parameters, train, num_boost_round=40)
predictions = model.predict(train)
open(sys.argv[2], "wb").write(struct.pack("<%df" % len(predictions), *predictions.tolist()))
print(xgboost.__version__)
"#;

#[test]
fn the_same_model_as_python() {
    let Some(libraries) = installed() else { return };
    let folder = Folder::new(
        &[
            ("num_round", "40"),
            ("objective", "reg:squarederror"),
            ("max_depth", "5"),
            ("eta", "0.2"),
            ("subsample", "0.8"),
            ("seed", "7"),
        ],
        &[("train", "text/csv")],
    );
    folder.write("input/data/train/a.csv", &rows(8500, 12, regression));
    let (outcome, log) = folder.train(&libraries);
    let outcome = outcome.unwrap();
    let chosen = libraries
        .iter()
        .find(|library| log.contains(&format!("from {}", library.path.display())))
        .unwrap();

    let Some(theirs) =
        python(&chosen.path, &folder.path("input/data/train/a.csv"), &folder.path("predictions"))
    else {
        return;
    };
    let library = Library::load(&chosen.path).unwrap();
    let data = std::fs::read_to_string(folder.path("input/data/train/a.csv")).unwrap();
    let values: Vec<f32> = data
        .lines()
        .flat_map(|line| line.split(',').skip(1))
        .map(|field| if field.is_empty() { f32::NAN } else { field.parse::<f64>().unwrap() as f32 })
        .collect();
    let matrix = library.dense(&values, 8500, 12, 2).unwrap();
    let mut booster = library.booster(&[]).unwrap();
    booster.load(&std::fs::read(&outcome.models[0]).unwrap()).unwrap();
    let ours = booster.predict(&matrix, Output::Value, 0).unwrap().values;
    assert_eq!(ours.len(), theirs.len());
    let differing = ours
        .iter()
        .zip(&theirs)
        .filter(|(ours, theirs)| ours.to_bits() != theirs.to_bits())
        .count();
    assert_eq!(differing, 0, "predictions that differ from Python's");
}

/// Python's predictions with the package around the library; none if it cannot be run.
fn python(library: &Path, data: &Path, answer: &Path) -> Option<Vec<f32>> {
    let site_packages = library.ancestors().nth(3)?;
    let output = Command::new("python3")
        .args(["-c", PROGRAM])
        .args([data, answer])
        .env("PYTHONPATH", site_packages)
        .output()
        .inspect_err(|error| eprintln!("skipped: no python3 ({error})"))
        .ok()?;
    if output.status.code() == Some(77) || !output.status.success() {
        eprintln!(
            "skipped: Python has no xgboost to compare with: {}",
            String::from_utf8_lossy(&output.stdout).trim()
        );
        assert_eq!(output.status.code(), Some(77), "{}", String::from_utf8_lossy(&output.stderr));
        return None;
    }
    let bytes = std::fs::read(answer).unwrap();
    Some(bytes.chunks_exact(4).map(|four| f32::from_le_bytes(four.try_into().unwrap())).collect())
}
