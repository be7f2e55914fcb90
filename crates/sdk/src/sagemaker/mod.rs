//! What SageMaker is asked for: estimators, models, inputs, transforms, tuning and processing.
//!
//! These are descriptions. The steps of [`crate::steps`] turn them into requests that a state machine sends.

mod estimator;
mod image;
mod input;
mod model;
mod processor;
mod transformer;
mod tuner;

pub use estimator::Estimator;
pub use image::image_uri;
pub use input::TrainingInput;
pub use model::Model;
pub use processor::{ProcessingInput, ProcessingOutput, Processor};
pub use transformer::Transformer;
pub use tuner::{Objective, Tuner};

use serde_json::{Value, json};

/// `{"a": "b"}` as SageMaker's list of tags.
pub(crate) fn tag_list<Key: Into<String>, Text: Into<String>>(
    tags: impl IntoIterator<Item = (Key, Text)>,
) -> Vec<Value> {
    tags.into_iter()
        .map(|(key, value)| json!({ "Key": key.into(), "Value": value.into() }))
        .collect()
}
