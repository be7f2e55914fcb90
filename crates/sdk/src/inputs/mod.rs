//! What a workflow is given when it starts, and what one step hands the next, as placeholders.
//!
//! A [`Placeholder`] stands for a value that is known only when the execution runs. Wherever a step takes a
//! value it takes a placeholder too, also deep inside JSON: it serializes, so `json!` accepts it.
//!
//! ```
//! use serde_json::json;
//! use stepwell_sdk::inputs::{ExecutionInput, Type};
//! use stepwell_sdk::steps::{Chain, Task};
//!
//! let inputs = ExecutionInput::new([("Table", Type::String)]);
//! let read = Task::new("Read", "arn:aws:states:::dynamodb:getItem")
//!     .parameters(json!({ "TableName": inputs.get("Table"), "Key": { "Id": { "S": "1" } } }));
//! let definition = Chain::from(read).definition()?;
//! assert_eq!(
//!     definition["States"]["Read"]["Parameters"],
//!     json!({ "TableName.$": "$$.Execution.Input['Table']", "Key": { "Id": { "S": "1" } } })
//! );
//! # Ok::<(), stepwell_sdk::steps::BuildError>(())
//! ```

mod argument;
mod placeholder;
mod schema;

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

pub use argument::Argument;
pub use placeholder::Placeholder;
pub use schema::{Mismatch, Schema, SchemaViolation, Type};

pub(crate) use placeholder::{Found, Root};

/// The input of a whole execution: `$$.Execution.Input` in every state.
///
/// With a schema, a placeholder it does not have is an error when the workflow is built, and an input that
/// does not fit is an error when it is executed, before anything is sent. Without one
/// ([`ExecutionInput::default`]) every placeholder taken makes its value required, of any type.
///
/// ```
/// use serde_json::json;
/// use stepwell_sdk::inputs::{ExecutionInput, Type};
///
/// let inputs = ExecutionInput::new([("JobName", Type::String), ("Rounds", Type::Integer)]);
/// assert_eq!(inputs.get("JobName").to_jsonpath(), "$$.Execution.Input['JobName']");
/// assert!(inputs.validate(&json!({ "JobName": "first", "Rounds": 100 })).is_ok());
///
/// let refused = inputs.validate(&json!({ "Rounds": "100" })).unwrap_err();
/// assert_eq!(refused.missing, ["JobName"]);
/// assert_eq!(refused.mismatched[0].key, "Rounds");
/// ```
#[derive(Debug, Clone, Default)]
pub struct ExecutionInput {
    names: Names,
}

impl ExecutionInput {
    /// An input with exactly this schema.
    pub fn new(schema: impl Into<Schema>) -> Self {
        ExecutionInput { names: Names::fixed(schema.into()) }
    }

    /// The member `name` of the input.
    pub fn get(&self, name: &str) -> Placeholder {
        Placeholder::new(Root::Execution, self.names.clone()).get(name)
    }

    /// The whole input.
    pub fn all(&self) -> Placeholder {
        Placeholder::new(Root::Execution, self.names.clone())
    }

    /// The schema: the one it was made with, or the one its placeholders make up.
    pub fn schema(&self) -> Schema {
        self.names.schema()
    }

    /// Whether `input` fits the schema. Members beyond it are allowed.
    ///
    /// # Errors
    /// Everything that is missing or of another type, at once.
    pub fn validate(&self, input: &Value) -> Result<(), SchemaViolation> {
        self.schema().validate(input)
    }
}

/// The input of one step, which is the output of the step before: `$` in that state.
///
/// [`output()`](crate::steps::Task::output) of a step gives placeholders that are also checked to be used by the
/// next step only; these are not tied to a step.
///
/// ```
/// use stepwell_sdk::inputs::StepInput;
///
/// let input = StepInput::default();
/// assert_eq!(input.get("Records").at(0).get("Name").to_jsonpath(), "$['Records'][0]['Name']");
/// ```
#[derive(Debug, Clone, Default)]
pub struct StepInput {
    names: Names,
}

impl StepInput {
    /// An input with exactly this schema: a placeholder it does not have is an error when the workflow is built.
    pub fn new(schema: impl Into<Schema>) -> Self {
        StepInput { names: Names::fixed(schema.into()) }
    }

    /// The member `name` of the input.
    pub fn get(&self, name: &str) -> Placeholder {
        self.all().get(name)
    }

    /// The element `index` of an input that is an array.
    pub fn at(&self, index: usize) -> Placeholder {
        self.all().at(index)
    }

    /// The whole input.
    pub fn all(&self) -> Placeholder {
        Placeholder::new(Root::Step(None), self.names.clone())
    }
}

/// The names a collection of placeholders allows, or has been asked for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Names {
    schema: Arc<Mutex<Schema>>,
    fixed: bool,
}

impl Names {
    pub fn fixed(schema: Schema) -> Names {
        Names { schema: Arc::new(Mutex::new(schema)), fixed: true }
    }

    fn schema(&self) -> Schema {
        self.schema.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
