//! What a state does about errors: try again, or go elsewhere.

use serde_json::{Map, Value};

use super::state::Path;
use super::{BuildError, Chain};

/// When and how a state is tried again.
///
/// ```
/// use stepwell_sdk::steps::Retry;
///
/// let retry = Retry::new(["SageMaker.AmazonSageMakerException"]).interval_seconds(5).max_attempts(4).backoff_rate(2.0);
/// # let _ = retry;
/// ```
#[derive(Debug, Clone)]
pub struct Retry {
    pub(crate) fields: Map<String, Value>,
}

impl Retry {
    /// Retries on these errors (`States.ALL` for every one), with AWS's defaults: three attempts after 1, 2 and 4 seconds.
    pub fn new<Name: Into<String>>(errors: impl IntoIterator<Item = Name>) -> Self {
        Retry { fields: error_equals(errors) }
    }

    /// The pause before the first retry.
    pub fn interval_seconds(self, seconds: u32) -> Self {
        self.with("IntervalSeconds", seconds)
    }

    /// How many retries at most; 0 for none.
    pub fn max_attempts(self, attempts: u32) -> Self {
        self.with("MaxAttempts", attempts)
    }

    /// What each pause is multiplied by; at least 1.
    pub fn backoff_rate(self, rate: f64) -> Self {
        self.with("BackoffRate", rate)
    }

    /// The longest pause.
    pub fn max_delay_seconds(self, seconds: u32) -> Self {
        self.with("MaxDelaySeconds", seconds)
    }

    /// Makes each pause a random part of itself.
    pub fn full_jitter(self) -> Self {
        self.with("JitterStrategy", "FULL")
    }

    fn with(mut self, field: &str, value: impl Into<Value>) -> Self {
        self.fields.insert(field.to_owned(), value.into());
        self
    }
}

/// Where a state goes on when it fails.
///
/// ```
/// use stepwell_sdk::steps::{Catch, Chain, Fail, Task};
///
/// let train = Task::new("Train", "arn:aws:states:::lambda:invoke")
///     .catch(Catch::new(["States.ALL"], Fail::new("Failed")).result_path("$.error"));
/// let definition = Chain::from(train).definition()?;
/// assert_eq!(definition["States"]["Train"]["Catch"][0]["Next"], "Failed");
/// # Ok::<(), stepwell_sdk::steps::BuildError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Catch {
    pub(crate) fields: Map<String, Value>,
    pub(crate) next: Chain,
    pub(crate) fault: Option<BuildError>,
}

impl Catch {
    /// Goes to `next` on these errors (`States.ALL` for every one).
    pub fn new<Name: Into<String>>(
        errors: impl IntoIterator<Item = Name>,
        next: impl Into<Chain>,
    ) -> Self {
        Catch { fields: error_equals(errors), next: next.into(), fault: None }
    }

    /// Where in the state's input the error is put; the whole input unless set.
    pub fn result_path(mut self, path: impl Into<Path>) -> Self {
        let value = match path.into() {
            // A reference path into the input: a placeholder's own text serves.
            Path::Placeholder(placeholder) => Value::String(placeholder.to_jsonpath()),
            Path::Text(path) => {
                if !path.starts_with('$') {
                    self.fault = Some(BuildError::BadPath {
                        path: path.clone(),
                        place: "ResultPath of a catcher".to_owned(),
                    });
                }
                Value::String(path)
            }
            Path::Null => Value::Null,
        };
        self.fields.insert("ResultPath".to_owned(), value);
        self
    }
}

fn error_equals<Name: Into<String>>(errors: impl IntoIterator<Item = Name>) -> Map<String, Value> {
    let errors: Vec<Value> = errors.into_iter().map(|error| Value::String(error.into())).collect();
    Map::from_iter([("ErrorEquals".to_owned(), errors.into())])
}
