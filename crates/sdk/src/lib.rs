//! Rust client and pipeline builders for Stepwell and AWS Step Functions, shaped like the Data Science SDK.

pub mod client;
mod error;
pub mod inputs;
mod predictor;
mod sagemaker;
mod session;
pub mod steps;

pub use client::Client;
pub use error::{Error, ServiceError};
pub use predictor::Predictor;
pub use sagemaker::{
    Estimator, Model, Objective, ProcessingInput, ProcessingOutput, Processor, TrainingInput,
    Transformer, Tuner, image_uri,
};
pub use session::{Session, execution_role};
