//! One model, round by round: the log's lines, early stopping, checkpoints.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use super::checkpoint;
use super::hyperparameters::Hyperparameters;
use super::library::{Booster, Library, LibraryError, Matrix, Output};
use super::metrics::{self, Predicted};
use super::train::{asked_to_stop, say};
use crate::{Failure, python};

/// What every model of a job has in common.
pub(super) struct Boosting<'a> {
    pub library: &'static Library,
    pub parameters: &'a Hyperparameters,
    pub nthread: usize,
    pub stop: &'a AtomicBool,
    /// What the model is to remember.
    pub attributes: Vec<(String, String)>,
}

/// A set of rows whose metrics are watched; the first is the one that is trained on.
pub(super) struct Watched<'a> {
    pub matrix: &'a Matrix,
    pub name: &'static str,
    pub labels: &'a [f32],
}

/// A trained model.
pub(super) struct Ended {
    pub booster: Booster,
    /// The last value of each metric, by names such as `validation:rmse`.
    pub metrics: Vec<(String, f64)>,
    pub rounds: usize,
    /// By early stopping.
    pub best_round: Option<usize>,
    pub stopped: bool,
}

/// A value of a metric on a set.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Measured {
    pub set: String,
    pub metric: String,
    pub value: f64,
}

impl Boosting<'_> {
    /// Boosts to the end, to the round that early stopping calls the last, or until the job is to stop.
    pub(super) fn run(
        &self,
        watched: &[Watched],
        checkpoints: Option<&Path>,
        log: &mut dyn Write,
    ) -> Result<Ended, Failure> {
        let asked = Metrics::of(self.parameters);
        let matrices: Vec<_> = watched.iter().map(|watched| watched.matrix).collect();
        let mut booster = self.booster(&matrices, &asked).map_err(failed)?;
        let mut first = 0;
        if let Some((bytes, round)) = checkpoints.map(checkpoint::latest).transpose()?.flatten() {
            booster.load(&bytes).map_err(failed)?;
            first = round + 1;
            say(log, &format!("INFO: Resuming from iteration {first}"))?;
        }
        let mut stopping = asked.stopping(self.parameters, watched);
        let (mut rounds, mut stopped, mut last) = (first, false, Vec::new());
        for round in first..self.parameters.num_round {
            if asked_to_stop(self.stop) {
                stopped = true;
                break;
            }
            booster.update(round, watched[0].matrix).map_err(failed)?;
            last = self.measure(&mut booster, round, watched, &asked)?;
            rounds = round + 1;
            for message in self.library.take_messages() {
                say(log, message.trim())?;
            }
            say(log, &round_line(round, &last))?;
            if let Some(folder) = checkpoints {
                checkpoint::save(folder, round, &booster.save("ubj").map_err(failed)?)?;
            }
            if let Some(stopping) = &mut stopping {
                let value = stopping.value_in(&last)?;
                let step = stopping.look(round, value);
                if step.is_best {
                    booster.set_attribute("best_iteration", &round.to_string()).map_err(failed)?;
                    booster.set_attribute("best_score", &python::float(value)).map_err(failed)?;
                }
                if step.is_last {
                    break;
                }
            }
        }
        for (name, value) in &self.attributes {
            booster.set_attribute(name, value).map_err(failed)?;
        }
        let metrics = last
            .iter()
            .map(|measured| {
                (format!("{}:{}", measured.set, measured.metric), as_logged(measured.value))
            })
            .collect();
        Ok(Ended {
            booster,
            metrics,
            rounds,
            best_round: stopping.and_then(|stopping| stopping.best_round()),
            stopped,
        })
    }

    fn booster(&self, matrices: &[&Matrix], asked: &Metrics) -> Result<Booster, LibraryError> {
        let mut booster = self.library.booster(matrices)?;
        booster.set("nthread", &self.nthread.to_string())?;
        for (name, value) in &self.parameters.parameters {
            booster.set(name, value)?;
        }
        for metric in &asked.of_library {
            booster.set("eval_metric", metric)?;
        }
        Ok(booster)
    }

    /// All metrics, set by set: first XGBoost's, then ours.
    fn measure(
        &self,
        booster: &mut Booster,
        round: usize,
        watched: &[Watched],
        asked: &Metrics,
    ) -> Result<Vec<Measured>, Failure> {
        let sets: Vec<_> = watched.iter().map(|watched| (watched.matrix, watched.name)).collect();
        let of_library = booster.evaluate(round, &sets).map_err(failed)?;
        let mut measured = Vec::new();
        for set in watched {
            measured.extend(of_library.iter().filter(|(name, ..)| name == set.name).map(
                |(set, metric, value)| Measured {
                    set: set.clone(),
                    metric: metric.clone(),
                    value: *value,
                },
            ));
            if asked.computed.is_empty() {
                continue;
            }
            let predicted = Predicted {
                labels: set.labels,
                values: &booster.predict(set.matrix, Output::Value, 0).map_err(failed)?,
                margins: &booster.predict(set.matrix, Output::Margin, 0).map_err(failed)?,
            };
            for metric in &asked.computed {
                let value = metrics::compute(metric, &predicted)?;
                measured.push(Measured { set: set.name.to_owned(), metric: metric.clone(), value });
            }
        }
        Ok(measured)
    }
}

/// The metrics a job asks for, by who computes them.
struct Metrics {
    of_library: Vec<String>,
    computed: Vec<String>,
    /// The one early stopping looks at.
    decisive: Option<String>,
}

impl Metrics {
    fn of(parameters: &Hyperparameters) -> Metrics {
        // The container sorts the union with a tuning job's metric, and keeps the order otherwise.
        let asked = match &parameters.tuning_metric {
            Some(metric) => {
                let union: BTreeSet<_> =
                    parameters.eval_metric.iter().chain([metric]).cloned().collect();
                union.into_iter().collect()
            }
            None => parameters.eval_metric.clone(),
        };
        let (computed, of_library) =
            asked.into_iter().partition(|metric| metrics::is_computed(metric));
        let decisive =
            parameters.tuning_metric.clone().or_else(|| parameters.eval_metric.last().cloned());
        Metrics { of_library, computed, decisive }
    }

    /// Early stopping needs a number of rounds, a validation set and a metric; without all of them there is none.
    fn stopping(&self, parameters: &Hyperparameters, watched: &[Watched]) -> Option<EarlyStopping> {
        let set = watched.iter().find(|watched| watched.name == "validation")?;
        let metric = self.decisive.clone()?;
        let maximise = metrics::is_maximised(&metric);
        Some(EarlyStopping {
            patience: parameters.early_stopping_rounds?,
            set: set.name,
            metric,
            maximise,
            best: None,
        })
    }
}

/// XGBoost's early stopping: the best round so far, and an end when it has not been bettered for long enough.
struct EarlyStopping {
    patience: usize,
    set: &'static str,
    metric: String,
    maximise: bool,
    best: Option<(usize, f64)>,
}

struct Step {
    is_best: bool,
    is_last: bool,
}

impl EarlyStopping {
    fn value_in(&self, measured: &[Measured]) -> Result<f64, Failure> {
        measured
            .iter()
            .find(|measured| measured.set == self.set && measured.metric == self.metric)
            .map(|measured| measured.value)
            .ok_or_else(|| {
                Failure::algorithm(format!(
                    "XGB train call failed with exception:\n No metric named: {}",
                    self.metric
                ))
            })
    }

    fn look(&mut self, round: usize, value: f64) -> Step {
        let better = |best: f64| if self.maximise { value > best } else { value < best };
        let is_best = self.best.is_none_or(|(_, best)| better(best));
        if is_best {
            self.best = Some((round, value));
        }
        let since = self.best.map_or(0, |(best, _)| round - best);
        Step { is_best, is_last: since >= self.patience }
    }

    fn best_round(&self) -> Option<usize> {
        self.best.map(|(round, _)| round)
    }
}

/// A round's line in the log: `[12]#011train-rmse:31.20533#011validation-rmse:35.11342`.
pub(super) fn round_line(round: usize, measured: &[Measured]) -> String {
    let mut line = format!("[{round}]");
    for Measured { set, metric, value } in measured {
        line.push_str(&format!("#011{set}-{metric}:{}", five_decimals(*value)));
    }
    line
}

pub(super) fn five_decimals(value: f64) -> String {
    if value.is_finite() { format!("{value:.5}") } else { python::float(value) }
}

/// A metric's value as SageMaker knows it: it reads the log.
pub(super) fn as_logged(value: f64) -> f64 {
    five_decimals(value).parse().unwrap_or(value)
}

/// What the container calls the customer's fault among XGBoost's messages.
const CUSTOMER_ERRORS: &[&str] = &[
    "label must be in [0,1] for logistic regression",
    "label must be in [0, num_class)",
    "feature_names mismatch",
    "Check failed: preds.size() == info.labels_.size()",
    "Check failed: !auc_error AUC: the dataset only contains pos or neg samples",
    "Check failed: base_score > 0.0f && base_score < 1.0f base_score must be in (0,1) for logistic loss",
    "base_score must be in (0,1)",
    "label must be nonnegative",
    "label must be positive",
    "Parameter reg_lambda should be greater equal to 0",
    "Label contains NaN, infinity or a value too large",
];

/// A failed call into XGBoost, as the container reports it.
pub(super) fn failed(error: LibraryError) -> Failure {
    let text = error.to_string();
    if CUSTOMER_ERRORS.iter().any(|known| text.contains(known)) {
        return Failure::user(text);
    }
    Failure::algorithm(format!("XGB train call failed with exception:\n {text}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stops(maximise: bool, patience: usize, values: &[f64]) -> (Option<usize>, Option<usize>) {
        let mut stopping = EarlyStopping {
            patience,
            set: "validation",
            metric: "rmse".to_owned(),
            maximise,
            best: None,
        };
        let last = values
            .iter()
            .enumerate()
            .position(|(round, value)| stopping.look(round, *value).is_last);
        (last, stopping.best_round())
    }

    #[test]
    fn early_stopping_waits_for_its_rounds() {
        assert_eq!(stops(false, 2, &[5.0, 4.0, 4.5, 4.0, 3.0]), (Some(3), Some(1)));
        assert_eq!(stops(false, 3, &[5.0, 4.0, 4.5, 4.0, 3.0]), (None, Some(4)));
        assert_eq!(stops(true, 1, &[0.5, 0.6, 0.6]), (Some(2), Some(1)));
        assert_eq!(stops(false, 1, &[1.0, f64::NAN]), (Some(1), Some(0)));
    }

    #[test]
    fn lines() {
        let measured =
            |set: &str, value| Measured { set: set.to_owned(), metric: "rmse".to_owned(), value };
        assert_eq!(
            round_line(12, &[measured("train", 31.205_331), measured("validation", 35.113_42)]),
            "[12]#011train-rmse:31.20533#011validation-rmse:35.11342"
        );
        assert_eq!(round_line(0, &[measured("train", f64::NAN)]), "[0]#011train-rmse:nan");
        let line = round_line(3, &[measured("train", 1.0), measured("validation", 2.5)]);
        for definition in crate::for_image("1/xgboost:1").unwrap().algorithm.metrics() {
            let found = regex::Regex::new(&definition.regex).unwrap().captures(&line);
            let expected = match definition.name.as_str() {
                "train:rmse" => Some("1.00000#011validation-rmse:2.50000"),
                "validation:rmse" => Some("2.50000"),
                _ => None,
            };
            assert_eq!(
                found.map(|found| found.get(1).unwrap().as_str().to_owned()),
                expected.map(str::to_owned)
            );
        }
    }
}
