//! The states of a workflow, and the chains they form.
//!
//! Each type takes what it cannot do without in its constructor; the rest are methods named as the fields of
//! the Amazon States Language. Mistakes that types cannot catch (two states of one name, a transition to
//! nowhere, a placeholder of a step that does not come before) are a [`BuildError`] when the definition is made.
//!
//! ```
//! use serde_json::json;
//! use stepwell_sdk::steps::*;
//!
//! let failed = Fail::new("Failed").error("NoJob").cause("the job did not end well");
//! let poll = Task::new("Poll", "arn:aws:states:::lambda:invoke")
//!     .parameters(json!({ "FunctionName": "poll" }))
//!     .retry(Retry::new(["States.TaskFailed"]).interval_seconds(1).max_attempts(3).backoff_rate(2.0))
//!     .catch(Catch::new(["States.ALL"], failed.clone()));
//! let decide = Choice::new("Done?", ChoiceRule::string_equals("$.Payload", "FAILED"), failed)
//!     .when(ChoiceRule::string_equals("$.Payload", "RUNNING"), Wait::seconds("A while", 5).go_to("Poll"))
//!     .otherwise(Succeed::new("Good"));
//! let definition = Chain::new().then(poll).then(decide).definition()?;
//! assert_eq!(definition["StartAt"], "Poll");
//! assert_eq!(definition["States"]["A while"]["Next"], "Poll");
//! # Ok::<(), BuildError>(())
//! ```

mod chain;
mod choice;
mod error;
mod flow;
mod graph;
mod nested;
mod retry;
mod rule;
mod sagemaker;
mod service;
mod state;
mod task;

pub use chain::Chain;
pub use choice::Choice;
pub use error::BuildError;
pub use flow::{Fail, Pass, Succeed, Wait};
pub(crate) use graph::machine;
pub use nested::{Map, Parallel};
pub use retry::{Catch, Retry};
pub use rule::ChoiceRule;
pub use sagemaker::{
    EndpointConfigStep, EndpointStep, ModelStep, ProcessingStep, TrainingStep, TransformStep,
    TuningStep,
};
pub use service::*;
pub use state::{Path, State};
pub use task::Task;
