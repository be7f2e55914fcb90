//! Cross-validation (`_kfold`, `_num_cv_round`): a model a fold, and predictions for every row by the models that
//! have not seen it.
//!
//! The container draws its folds at random; here they follow from the `seed`, so that a job can be repeated.

use std::fmt::Write as _;
use std::io::Write;

use super::boosting::{Boosting, Ended, Watched, failed, five_decimals};
use super::library::{Matrix, Output};
use super::metrics::largest;
use super::train::say;
use crate::Failure;

/// What a cross-validation made.
pub(super) struct Validated {
    pub folds: Vec<Ended>,
    /// The mean of each metric's last value.
    pub metrics: Vec<(String, f64)>,
    /// `predictions.csv`; none if it was stopped before the end.
    pub predictions: Option<String>,
}

/// Trains all folds.
pub(super) fn run(
    boosting: &Boosting,
    matrix: &Matrix,
    labels: &[f32],
    folds: usize,
    log: &mut dyn Write,
) -> Result<Validated, Failure> {
    let parameters = boosting.parameters;
    let rounds_of_cv = parameters.num_cv_round;
    let is_classification = parameters.num_class.is_some()
        || parameters.objective.as_ref().is_some_and(|objective| objective.starts_with("binary:"));
    if folds > labels.len() {
        return Err(Failure::user(format!(
            "Cannot have number of splits n_splits={folds} greater than the number of samples: n_samples={}.",
            labels.len()
        )));
    }
    say(
        log,
        &format!(
            "INFO: Run {rounds_of_cv}-round of {folds}-fold cross validation with {} rows",
            labels.len()
        ),
    )?;
    let mut dice = Dice(parameters.seed as u64 ^ 0x5851_F42D_4C95_7F2D);
    let mut ended: Vec<Ended> = Vec::new();
    let mut recorder = Recorder::new(labels, is_classification);
    'all: for cv_round in 0..rounds_of_cv {
        let fold_of = if is_classification {
            stratified(labels, folds, &mut dice)
        } else {
            plain(labels.len(), folds, &mut dice)
        };
        for fold in 0..folds {
            let rows = |inside: bool| -> Vec<i32> {
                (0..labels.len())
                    .filter(|row| (fold_of[*row] == fold) == inside)
                    .map(|row| row as i32)
                    .collect()
            };
            let (seen, unseen) = (rows(false), rows(true));
            let train = matrix.slice(&seen).map_err(failed)?;
            let validation = matrix.slice(&unseen).map_err(failed)?;
            let labels_of = |rows: &[i32]| -> Vec<f32> {
                rows.iter().map(|row| labels[*row as usize]).collect()
            };
            let (train_labels, validation_labels) = (labels_of(&seen), labels_of(&unseen));
            say(log, &format!("INFO: Train cross validation fold {}", fold + 1))?;
            let watched = [
                Watched { matrix: &train, name: "train", labels: &train_labels },
                Watched { matrix: &validation, name: "validation", labels: &validation_labels },
            ];
            let model = boosting.run(&watched, None, log)?;
            let rounds = model.best_round.map_or(0, |round| round + 1);
            let predicted =
                model.booster.predict(&validation, Output::Value, rounds).map_err(failed)?;
            recorder.record(&unseen, &predicted.values, predicted.width);
            let stopped = model.stopped;
            ended.push(model);
            if stopped {
                break 'all;
            }
        }
        say(log, &format!("INFO: The metrics of round {} cross validation", cv_round + 1))?;
        say(log, &mean_line(parameters.num_round, &means(&ended[cv_round * folds..])))?;
    }
    let metrics = means(&ended);
    let stopped = ended.last().is_some_and(|model| model.stopped);
    if rounds_of_cv > 1 && !stopped {
        say(log, &format!("INFO: The overall metrics of {rounds_of_cv}-round cross validation"))?;
        say(log, &mean_line(parameters.num_round, &metrics))?;
    }
    Ok(Validated { folds: ended, metrics, predictions: (!stopped).then(|| recorder.csv()) })
}

fn means(folds: &[Ended]) -> Vec<(String, f64)> {
    let Some(first) = folds.first() else { return Vec::new() };
    let mean = |name: &str| {
        let values =
            folds.iter().filter_map(|fold| fold.metrics.iter().find(|(known, _)| known == name));
        values.map(|(_, value)| value).sum::<f64>() / folds.len() as f64
    };
    first.metrics.iter().map(|(name, _)| (name.clone(), mean(name))).collect()
}

fn mean_line(num_round: usize, metrics: &[(String, f64)]) -> String {
    let mut line = format!("[{num_round}]");
    for (name, value) in metrics {
        let _ = write!(line, "#011{}:{}", name.replacen(':', "-", 1), five_decimals(*value));
    }
    line
}

/// The fold of each row: shuffled, all of nearly the same size.
fn plain(rows: usize, folds: usize, dice: &mut Dice) -> Vec<usize> {
    let mut order: Vec<usize> = (0..rows).collect();
    dice.shuffle(&mut order);
    let mut fold_of = vec![0; rows];
    for (place, row) in order.into_iter().enumerate() {
        fold_of[row] = place % folds;
    }
    fold_of
}

/// As `plain`, with each class spread evenly.
fn stratified(labels: &[f32], folds: usize, dice: &mut Dice) -> Vec<usize> {
    let mut order: Vec<usize> = (0..labels.len()).collect();
    dice.shuffle(&mut order);
    order.sort_by(|a, b| labels[*a].total_cmp(&labels[*b]));
    let mut fold_of = vec![0; labels.len()];
    for (place, row) in order.into_iter().enumerate() {
        fold_of[row] = place % folds;
    }
    fold_of
}

/// Collects what each row was predicted in each repetition.
struct Recorder<'a> {
    labels: &'a [f32],
    is_classification: bool,
    /// Class (or value) and probability.
    predictions: Vec<Vec<(f32, f32)>>,
}

impl<'a> Recorder<'a> {
    fn new(labels: &'a [f32], is_classification: bool) -> Recorder<'a> {
        Recorder { labels, is_classification, predictions: vec![Vec::new(); labels.len()] }
    }

    fn record(&mut self, rows: &[i32], values: &[f32], width: usize) {
        for (row, value) in rows.iter().zip(values.chunks(width)) {
            let recorded = match (self.is_classification, width) {
                (true, 1) => (if value[0] > 0.5 { 1.0 } else { 0.0 }, value[0]),
                (true, _) => (largest(value) as f32, value[largest(value)]),
                (false, _) => (value[0], value[0]),
            };
            self.predictions[*row as usize].push(recorded);
        }
    }

    /// The label, then the mean probability and the most frequent class, or the mean value.
    fn csv(&self) -> String {
        let mut text = String::new();
        for (label, predictions) in self.labels.iter().zip(&self.predictions) {
            let mean = predictions.iter().map(|(_, number)| f64::from(*number)).sum::<f64>()
                / predictions.len() as f64;
            let _ = write!(text, "{label:.6},{mean:.6}");
            if self.is_classification {
                let _ = write!(
                    text,
                    ",{:.6}",
                    most_frequent(predictions.iter().map(|(class, _)| *class))
                );
            }
            text.push('\n');
        }
        text
    }
}

/// The most frequent value; of several the smallest.
pub(super) fn most_frequent(values: impl Iterator<Item = f32>) -> f32 {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f32::total_cmp);
    let mut best = (0, f32::NAN);
    for run in values.chunk_by(|a, b| a == b) {
        if run.len() > best.0 {
            best = (run.len(), run[0]);
        }
    }
    best.1
}

/// SplitMix64: small, and the same everywhere.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^ (bits >> 31)
    }

    fn shuffle(&mut self, items: &mut [usize]) {
        for end in (1..items.len()).rev() {
            items.swap(end, (self.roll() % (end as u64 + 1)) as usize);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folds_are_even_and_repeatable() {
        let fold_of = plain(10, 3, &mut Dice(1));
        let sizes: Vec<_> =
            (0..3).map(|fold| fold_of.iter().filter(|of| **of == fold).count()).collect();
        assert_eq!(sizes, [4, 3, 3]);
        assert_eq!(fold_of, plain(10, 3, &mut Dice(1)));
        assert_ne!(fold_of, plain(10, 3, &mut Dice(2)));
        let labels: Vec<f32> = (0..12).map(|row| f32::from(u8::from(row % 4 == 0))).collect();
        let fold_of = stratified(&labels, 3, &mut Dice(7));
        for fold in 0..3 {
            let ones = (0..12).filter(|row| fold_of[*row] == fold && labels[*row] == 1.0).count();
            assert_eq!(ones, 1);
        }
    }

    #[test]
    fn predictions_file() {
        let labels = [1.0, 0.0];
        let mut recorder = Recorder::new(&labels, true);
        recorder.record(&[1, 0], &[0.25, 0.75], 1);
        recorder.record(&[0, 1], &[0.5, 0.75], 1);
        assert_eq!(recorder.csv(), "1.000000,0.625000,0.000000\n0.000000,0.500000,0.000000\n");
        assert_eq!(most_frequent([2.0, 1.0, 2.0].into_iter()), 2.0);
    }
}
