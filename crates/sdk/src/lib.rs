//! Rust client and pipeline builders for [Stepwell](https://github.com/stepwell/stepwell) and AWS Step
//! Functions, shaped like the Data Science SDK for Python.
//!
//! A pipeline is a chain of [`steps`]; placeholders ([`inputs`]) stand for what is known only when it runs. A
//! [`Workflow`] gives the chain a name and a role, creates it on a server and executes it. The server is a
//! Stepwell of your own or AWS: the [`Client`] speaks both, and reads the variables and files that every AWS
//! client reads.
//!
//! Train a model on data in S3, save it, deploy it, ask it:
//!
//! ```no_run
//! use serde_json::json;
//! use stepwell_sdk::inputs::{ExecutionInput, Type};
//! use stepwell_sdk::steps::{Chain, EndpointConfigStep, EndpointStep, ModelStep, TrainingStep};
//! use stepwell_sdk::{Client, Estimator, Predictor, Session, TrainingInput, Workflow, execution_role, image_uri};
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::local("http://127.0.0.1:4566")?;
//! let role = execution_role(&client).await?;
//! let session = Session::new(&client);
//! let bucket = session.default_bucket().await?;
//! let train_data = session.upload("Train.csv", &bucket, "big-mart").await?;
//! let test_data = session.upload("test_data.csv", &bucket, "big-mart").await?;
//!
//! let inputs = ExecutionInput::new([
//!     ("JobName", Type::String),
//!     ("ModelName", Type::String),
//!     ("EndpointName", Type::String),
//! ]);
//! let xgboost = Estimator::new(
//!     image_uri("xgboost", client.region(), "1.7-1")?,
//!     &role,
//!     "ml.m4.xlarge",
//!     format!("s3://{bucket}/output"),
//! )
//! .hyperparameter("objective", "reg:squarederror")
//! .hyperparameter("num_round", 100)
//! .hyperparameter("max_depth", 5)
//! .hyperparameter("eta", 0.2);
//!
//! let train = TrainingStep::new("Train Step", &xgboost, inputs.get("JobName"))
//!     .channel("train", TrainingInput::csv(train_data))
//!     .channel("validation", TrainingInput::csv(test_data));
//! let save = ModelStep::new("Save model", train.expected_model()).model_name(inputs.get("ModelName"));
//! let configure = EndpointConfigStep::new(
//!     "Create Endpoint Config",
//!     inputs.get("ModelName"),
//!     inputs.get("ModelName"),
//!     1,
//!     "ml.m4.xlarge",
//! );
//! let deploy = EndpointStep::new("Create Endpoint", inputs.get("EndpointName"), inputs.get("ModelName"));
//!
//! let pipeline = Chain::new().then(train).then(save).then(configure).then(deploy);
//! let workflow = Workflow::new("big-mart", pipeline, &role)?.execution_input(&inputs).create(&client).await?;
//! println!("{}", workflow.render_graph());
//!
//! let names = json!({ "JobName": "big-mart-1", "ModelName": "big-mart-1", "EndpointName": "big-mart" });
//! let execution = workflow.execute(names).await?;
//! execution.wait().await?;
//! println!("{}", execution.render_progress().await?);
//!
//! let predictor = Predictor::new(&client, "big-mart");
//! predictor.wait_in_service().await?;
//! println!("{:?}", predictor.predict_csv(&[[9.3, 0.016, 249.8]]).await?);
//! # Ok(()) }
//! ```

pub mod client;
mod error;
pub mod inputs;
mod log;
mod predictor;
mod sagemaker;
mod session;
pub mod steps;
pub mod template;
pub mod workflow;

pub use client::Client;
pub use error::{Error, ServiceError};
pub use log::{Level, set_stream_logger};
pub use predictor::Predictor;
pub use sagemaker::{
    Estimator, Model, Objective, ProcessingInput, ProcessingOutput, Processor, TrainingInput,
    Transformer, Tuner, image_uri,
};
pub use session::{Session, execution_role};
pub use workflow::{Execution, ExecutionStatus, Workflow};
