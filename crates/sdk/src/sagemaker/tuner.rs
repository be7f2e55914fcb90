//! How good hyperparameters are searched for.

use serde_json::{Map, Value, json};

use super::Estimator;
use super::tag_list;
use crate::inputs::Argument;

/// What the tuner wants of its metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Objective {
    /// The smaller the better, such as an error.
    Minimize,
    /// The larger the better, such as an accuracy.
    Maximize,
}

/// How good hyperparameters are searched for. A [`TuningStep`](crate::steps::TuningStep) makes a tuning job of it.
///
/// ```
/// use stepwell_sdk::{Estimator, Objective, Tuner};
///
/// # let estimator = Estimator::new("image", "role", "ml.m4.xlarge", "s3://bucket/output");
/// let tuner = Tuner::new(&estimator, Objective::Minimize, "validation:rmse")
///     .continuous("eta", 0.05, 0.5)
///     .integer("max_depth", 3, 8)
///     .max_jobs(4)
///     .max_parallel_jobs(2);
/// # let _ = tuner;
/// ```
#[derive(Debug, Clone)]
pub struct Tuner {
    pub(crate) estimator: Estimator,
    objective: (Objective, String),
    strategy: String,
    early_stopping: String,
    max_jobs: u32,
    max_parallel_jobs: u32,
    continuous: Vec<Value>,
    integer: Vec<Value>,
    categorical: Vec<Value>,
    warm_start: Option<Value>,
    tags: Vec<Value>,
}

impl Tuner {
    /// A tuner of `estimator` that judges by one of its metrics. One job at a time and one in all, searched
    /// the Bayesian way, unless set otherwise. Hyperparameters without a range keep the estimator's value.
    pub fn new(estimator: &Estimator, objective: Objective, metric: impl Into<String>) -> Self {
        Tuner {
            estimator: estimator.clone(),
            objective: (objective, metric.into()),
            strategy: "Bayesian".to_owned(),
            early_stopping: "Off".to_owned(),
            max_jobs: 1,
            max_parallel_jobs: 1,
            continuous: vec![],
            integer: vec![],
            categorical: vec![],
            warm_start: None,
            tags: vec![],
        }
    }

    /// A hyperparameter to search between two numbers.
    pub fn continuous(self, name: &str, min: f64, max: f64) -> Self {
        self.continuous_scaled(name, min, max, "Auto")
    }

    /// As [`continuous`](Tuner::continuous), on a scale: `Auto`, `Linear`, `Logarithmic` or `ReverseLogarithmic`.
    pub fn continuous_scaled(mut self, name: &str, min: f64, max: f64, scaling: &str) -> Self {
        let range = json!({ "Name": name, "MinValue": format!("{min:?}"), "MaxValue": format!("{max:?}"), "ScalingType": scaling });
        self.continuous.push(range);
        self
    }

    /// A hyperparameter to search between two whole numbers.
    pub fn integer(self, name: &str, min: i64, max: i64) -> Self {
        self.integer_scaled(name, min, max, "Auto")
    }

    /// As [`integer`](Tuner::integer), on a scale: `Auto`, `Linear` or `Logarithmic`.
    pub fn integer_scaled(mut self, name: &str, min: i64, max: i64, scaling: &str) -> Self {
        let range = json!({ "Name": name, "MinValue": min.to_string(), "MaxValue": max.to_string(), "ScalingType": scaling });
        self.integer.push(range);
        self
    }

    /// A hyperparameter to search among values.
    pub fn categorical<Choice: Into<Argument>>(
        mut self,
        name: &str,
        values: impl IntoIterator<Item = Choice>,
    ) -> Self {
        let values: Vec<Value> = values.into_iter().map(|value| value.into().stringly()).collect();
        self.categorical.push(json!({ "Name": name, "Values": values }));
        self
    }

    /// How many training jobs are run in all.
    pub fn max_jobs(mut self, jobs: u32) -> Self {
        self.max_jobs = jobs;
        self
    }

    /// How many training jobs run at once.
    pub fn max_parallel_jobs(mut self, jobs: u32) -> Self {
        self.max_parallel_jobs = jobs;
        self
    }

    /// `Bayesian`, `Random`, `Grid` or `Hyperband`.
    pub fn strategy(mut self, strategy: impl Into<String>) -> Self {
        self.strategy = strategy.into();
        self
    }

    /// Whether jobs that do not look good are stopped early: `Auto` or `Off`.
    pub fn early_stopping(mut self, kind: impl Into<String>) -> Self {
        self.early_stopping = kind.into();
        self
    }

    /// Begins with what earlier tuning jobs learned: `IdenticalDataAndAlgorithm` or `TransferLearning`.
    pub fn warm_start(mut self, kind: &str, parents: &[&str]) -> Self {
        let parents: Vec<Value> =
            parents.iter().map(|name| json!({ "HyperParameterTuningJobName": name })).collect();
        self.warm_start =
            Some(json!({ "WarmStartType": kind, "ParentHyperParameterTuningJobs": parents }));
        self
    }

    /// A tag of the tuning job.
    pub fn tag(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.tags.extend(tag_list([(key, value)]));
        self
    }

    /// The request for a tuning job, without its name and the inputs of its training jobs.
    pub(crate) fn request(&self) -> Value {
        let (objective, metric) = &self.objective;
        let objective = match objective {
            Objective::Minimize => "Minimize",
            Objective::Maximize => "Maximize",
        };
        let mut definition = self.estimator.base();
        definition["StaticHyperParameters"] = self.static_hyperparameters().into();
        let mut request = json!({
            "HyperParameterTuningJobConfig": {
                "Strategy": self.strategy,
                "ResourceLimits": {
                    "MaxNumberOfTrainingJobs": self.max_jobs,
                    "MaxParallelTrainingJobs": self.max_parallel_jobs,
                },
                "TrainingJobEarlyStoppingType": self.early_stopping,
                "HyperParameterTuningJobObjective": { "Type": objective, "MetricName": metric },
                "ParameterRanges": {
                    "ContinuousParameterRanges": self.continuous,
                    "CategoricalParameterRanges": self.categorical,
                    "IntegerParameterRanges": self.integer,
                },
            },
            "TrainingJobDefinition": definition,
        });
        if let Some(warm_start) = &self.warm_start {
            request["WarmStartConfig"] = warm_start.clone();
        }
        if !self.tags.is_empty() {
            request["Tags"] = self.tags.clone().into();
        }
        request
    }

    fn static_hyperparameters(&self) -> Map<String, Value> {
        let ranges = self.continuous.iter().chain(&self.integer).chain(&self.categorical);
        let searched: Vec<&str> = ranges.filter_map(|range| range["Name"].as_str()).collect();
        let all = self.estimator.hyperparameters.iter();
        all.filter(|(name, _)| !searched.contains(&name.as_str()))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    }
}
