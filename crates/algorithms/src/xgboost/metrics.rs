//! Metrics: their names, how SageMaker finds them in the log, and those that XGBoost does not compute itself.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use super::library::Prediction;
use crate::{Failure, MetricDefinition};

/// Every metric's name; the first sixteen are better the larger they are.
pub const NAMES: &[&str] = &[
    "accuracy",
    "auc",
    "aucpr",
    "balanced_accuracy",
    "f1",
    "f1_binary",
    "f1_macro",
    "map",
    "ndcg",
    "precision",
    "r2",
    "recall",
    "precision_macro",
    "precision_micro",
    "recall_macro",
    "recall_micro",
    "aft-nloglik",
    "cox-nloglik",
    "error",
    "gamma-deviance",
    "gamma-nloglik",
    "interval-regression-accuracy",
    "logloss",
    "mae",
    "mape",
    "merror",
    "mlogloss",
    "mphe",
    "mse",
    "poisson-nloglik",
    "rmse",
    "rmsle",
    "tweedie-nloglik",
];

const MAXIMISED: usize = 16;

/// Those that the container computes from predictions.
const COMPUTED: &[&str] = &[
    "accuracy",
    "balanced_accuracy",
    "f1",
    "f1_binary",
    "f1_macro",
    "mse",
    "precision",
    "precision_macro",
    "precision_micro",
    "r2",
    "recall",
    "recall_macro",
    "recall_micro",
];

/// The metric definitions SageMaker attaches to a job of this image.
pub fn definitions() -> Vec<MetricDefinition> {
    NAMES
        .iter()
        .flat_map(|name| ["train", "validation"].map(|set| (set, name)))
        .map(|(set, name)| MetricDefinition {
            name: format!("{set}:{name}"),
            regex: format!(r".*\[[0-9]+\].*#011{set}-{name}:(\S+)"),
        })
        .collect()
}

/// What `_tuning_objective_metric` may be.
pub fn tuning_names() -> &'static [String] {
    static TUNING: OnceLock<Vec<String>> = OnceLock::new();
    TUNING.get_or_init(|| {
        ["validation", "train"]
            .iter()
            .flat_map(|set| NAMES.iter().map(move |name| format!("{set}:{name}")))
            .collect()
    })
}

/// Whether a larger value is better; what follows an `@` does not matter.
pub fn is_maximised(metric: &str) -> bool {
    let name = metric.split('@').next().unwrap_or(metric);
    NAMES[..MAXIMISED].contains(&name)
}

/// Whether we compute it, rather than XGBoost.
pub fn is_computed(metric: &str) -> bool {
    COMPUTED.contains(&metric)
}

/// A model's answers for one set of rows.
pub struct Predicted<'a> {
    /// The rows' labels.
    pub labels: &'a [f32],
    /// The objective's values.
    pub values: &'a Prediction,
    /// The margins before the objective's transformation, which decide the class: above 0, or the largest.
    pub margins: &'a Prediction,
}

/// A metric over predictions, as the container computes it with scikit-learn (weights play no part).
pub fn compute(metric: &str, predicted: &Predicted) -> Result<f64, Failure> {
    let labels: Vec<f64> = predicted.labels.iter().map(|label| f64::from(*label)).collect();
    match metric {
        "mse" => return Ok(mean(squared_errors(&labels, predicted.values))),
        "r2" => return Ok(r2(&labels, predicted.values)),
        _ => {}
    }
    if labels.is_empty() {
        return Ok(0.0);
    }
    if labels.iter().any(|label| label.fract() != 0.0) {
        return Err(Failure::algorithm(
            "XGB train call failed with exception:\n Classification metrics can't handle a mix of continuous and \
             binary targets",
        ));
    }
    let counts = Counts::of(&labels, &classes(predicted.margins));
    Ok(match metric {
        "accuracy" | "precision_micro" | "recall_micro" => counts.accuracy(),
        "balanced_accuracy" => {
            mean(counts.0.values().filter(|class| class.real > 0).map(Class::recall))
        }
        "f1" | "f1_macro" => mean(counts.0.values().map(Class::f1)),
        "precision_macro" => mean(counts.0.values().map(Class::precision)),
        "recall_macro" => mean(counts.0.values().map(Class::recall)),
        "f1_binary" => counts.positive()?.f1(),
        "precision" => counts.positive()?.precision(),
        "recall" => counts.positive()?.recall(),
        other => {
            return Err(Failure::algorithm(format!(
                "metric `{other}` is not computed from predictions"
            )));
        }
    })
}

/// The predicted class of each row.
fn classes(margins: &Prediction) -> Vec<i64> {
    if !margins.table {
        return margins.values.iter().map(|margin| i64::from(*margin > 0.0)).collect();
    }
    margins.values.chunks(margins.width).map(|row| largest(row) as i64).collect()
}

/// The place of the first largest value.
pub fn largest(row: &[f32]) -> usize {
    let mut best = 0;
    for (at, value) in row.iter().enumerate() {
        if *value > row[best] {
            best = at;
        }
    }
    best
}

/// What was predicted and what was real, class by class.
struct Counts(BTreeMap<i64, Class>);

#[derive(Default, Clone, Copy)]
struct Class {
    right: usize,
    predicted: usize,
    real: usize,
}

impl Counts {
    fn of(labels: &[f64], predictions: &[i64]) -> Counts {
        let mut counts = BTreeMap::<i64, Class>::new();
        for (label, prediction) in labels.iter().zip(predictions) {
            let label = *label as i64;
            counts.entry(label).or_default().real += 1;
            let class = counts.entry(*prediction).or_default();
            class.predicted += 1;
            class.right += usize::from(label == *prediction);
        }
        Counts(counts)
    }

    fn accuracy(&self) -> f64 {
        let right: usize = self.0.values().map(|class| class.right).sum();
        let all: usize = self.0.values().map(|class| class.real).sum();
        right as f64 / all as f64
    }

    fn positive(&self) -> Result<Class, Failure> {
        let classes: BTreeSet<_> = self.0.keys().copied().collect();
        if classes.len() > 2 {
            return Err(Failure::user(
                "Target is multiclass but average='binary'. Please choose another average setting, one of [None, \
                 'micro', 'macro', 'weighted'].",
            ));
        }
        Ok(self.0.get(&1).copied().unwrap_or_default())
    }
}

impl Class {
    fn precision(&self) -> f64 {
        ratio(self.right, self.predicted)
    }

    fn recall(&self) -> f64 {
        ratio(self.right, self.real)
    }

    fn f1(&self) -> f64 {
        ratio(2 * self.right, self.predicted + self.real)
    }
}

fn ratio(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (mut sum, mut count) = (0.0, 0);
    for value in values {
        sum += value;
        count += 1;
    }
    if count == 0 { 0.0 } else { sum / f64::from(count) }
}

fn squared_errors<'a>(labels: &'a [f64], values: &'a Prediction) -> impl Iterator<Item = f64> + 'a {
    labels.iter().zip(&values.values).map(|(label, value)| (label - f64::from(*value)).powi(2))
}

fn r2(labels: &[f64], values: &Prediction) -> f64 {
    let average = mean(labels.iter().copied());
    let spread: f64 = labels.iter().map(|label| (label - average).powi(2)).sum();
    let missed: f64 = squared_errors(labels, values).sum();
    match (missed == 0.0, spread == 0.0) {
        (true, _) => 1.0,
        (false, true) => 0.0,
        (false, false) => 1.0 - missed / spread,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(values: &[f32]) -> Prediction {
        Prediction { values: values.to_vec(), width: 1, table: false }
    }

    fn check(metric: &str, labels: &[f32], margins: &Prediction) -> String {
        let predicted = Predicted { labels, values: margins, margins };
        compute(metric, &predicted)
            .map_or_else(|failure| failure.message, |value| format!("{value:.6}"))
    }

    // The expected values are scikit-learn's for the same labels and classes.
    #[test]
    fn binary() {
        let labels = [1.0, 0.0, 1.0, 1.0, 0.0, 0.0];
        let margins = list(&[2.0, -1.0, -0.5, 0.1, 0.3, -2.0]);
        for (metric, expected) in [
            ("accuracy", "0.666667"),
            ("balanced_accuracy", "0.666667"),
            ("f1", "0.666667"),
            ("f1_binary", "0.666667"),
            ("precision", "0.666667"),
            ("recall", "0.666667"),
            ("precision_micro", "0.666667"),
        ] {
            assert_eq!(check(metric, &labels, &margins), expected, "{metric}");
        }
    }

    #[test]
    fn several_classes() {
        let labels = [0.0, 1.0, 2.0, 2.0];
        let margins = Prediction {
            values: vec![0.9, 0.1, 0.0, 0.8, 0.1, 0.1, 0.0, 0.1, 0.9, 0.0, 0.9, 0.1],
            width: 3,
            table: true,
        };
        for (metric, expected) in [
            ("accuracy", "0.500000"),
            ("balanced_accuracy", "0.500000"),
            ("f1", "0.444444"),
            ("f1_macro", "0.444444"),
            ("precision_macro", "0.500000"),
            ("recall_macro", "0.500000"),
            ("recall_micro", "0.500000"),
            (
                "precision",
                "Target is multiclass but average='binary'. Please choose another average setting, one of [None, \
                 'micro', 'macro', 'weighted'].",
            ),
        ] {
            assert_eq!(check(metric, &labels, &margins), expected, "{metric}");
        }
    }

    #[test]
    fn regression() {
        let labels = [3.0, -0.5, 2.0, 7.0];
        let values = list(&[2.5, 0.0, 2.0, 8.0]);
        assert_eq!(check("mse", &labels, &values), "0.375000");
        assert_eq!(check("r2", &labels, &values), "0.948608");
        assert!(check("accuracy", &labels, &values).contains("continuous"));
    }

    #[test]
    fn directions_and_definitions() {
        assert!(is_maximised("auc") && is_maximised("ndcg@5") && is_maximised("recall_micro"));
        assert!(
            !is_maximised("rmse") && !is_maximised("error@0.7") && !is_maximised("aft-nloglik")
        );
        let rmse = definitions()
            .into_iter()
            .find(|definition| definition.name == "validation:rmse")
            .unwrap();
        assert_eq!(rmse.regex, r".*\[[0-9]+\].*#011validation-rmse:(\S+)");
    }
}
