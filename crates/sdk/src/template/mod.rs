//! Whole pipelines, ready to run: train and deploy, with or without a preprocessor.
//!
//! Every parameter of every step comes from the execution's input, so one state machine serves many runs:
//! `execute` fills the input from what the pipeline was built with and the job's name.

mod inference;
mod jsonpath;
mod training;

use serde_json::{Map, Value};

pub use inference::InferencePipeline;
pub use jsonpath::replace_parameters_with_jsonpath;
pub use training::TrainingPipeline;

use crate::client::{now, stamp};
use crate::steps::{BuildError, Chain};

/// A definition whose tasks take every parameter from the execution's input, and that input.
fn extract_input(chain: Chain) -> Result<(Value, Map<String, Value>), BuildError> {
    let mut definition = chain.definition()?;
    let mut input = Map::new();
    if let Some(Value::Object(states)) = definition.get_mut("States") {
        for (name, state) in states {
            let Some(Value::Object(parameters)) = state.get_mut("Parameters") else { continue };
            let given = std::mem::take(parameters);
            for member in given.keys() {
                parameters.insert(
                    format!("{member}.$"),
                    format!("$$.Execution.Input['{name}'].{member}").into(),
                );
            }
            input.insert(name.clone(), given.into());
        }
    }
    Ok((definition, input))
}

/// `BASE-2026-03-14-01-59-26`, a name for a run that was given none.
fn name_of_now(base: &str) -> String {
    format!("{base}-{}", stamp(now(), "%Y-%m-%d-%H-%M-%S"))
}
