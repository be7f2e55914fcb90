//! The built-in XGBoost: training in a job's folder, serving a model.
//!
//! The library itself is loaded at run time ([`library`]); what surrounds it, from hyperparameters to the shape
//! of an answer, follows Amazon's container.

pub mod answer;
pub mod artifact;
mod boosting;
mod checkpoint;
pub mod data;
pub mod hyperparameters;
pub mod inference;
pub mod installed;
mod kfold;
pub mod library;
pub mod metrics;
mod recordio;
pub mod selectable;
pub mod serve;
pub mod train;
pub mod version;

pub use inference::{Model, ServeModel};
pub use installed::{CHILD_ENVIRONMENT, Installed, find};
pub use serve::serve;
pub use train::{TrainJob, TrainOutcome, train};
