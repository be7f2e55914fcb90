//! Built-in SageMaker algorithms: files in, model out, predictions.
//!
//! The crate knows files and bytes, not AWS: a training job is a folder laid out as a container sees `/opt/ml`,
//! a model is a folder of files, an endpoint is a listener. [`for_image`] tells which algorithm an image URI
//! means; [`xgboost::train`] runs a job, [`xgboost::serve`] answers an endpoint.

mod failure;
mod image;
mod python;
pub mod xgboost;

pub use failure::{Class, Failure};
pub use image::{ALGORITHMS, Algorithm, ImageMatch, MetricDefinition, for_image};
