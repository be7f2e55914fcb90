//! The built-in XGBoost: training in a job's folder, serving a model.
//!
//! The library itself is loaded at run time ([`library`]); what surrounds it, from hyperparameters to the shape
//! of an answer, follows Amazon's container.

pub mod artifact;
mod boosting;
mod checkpoint;
pub mod data;
pub mod hyperparameters;
pub mod installed;
mod kfold;
pub mod library;
pub mod metrics;
pub mod train;
pub mod version;

pub use installed::{Installed, find};
pub use train::{TrainJob, TrainOutcome, train};
