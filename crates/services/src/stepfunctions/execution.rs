//! Executions as the API knows them.

use engine::Summary;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{arn, map_run};
use crate::integrations::Awaiting;
use crate::{Caller, Context, Error};

/// What the API keeps of an execution and the engine does not read.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Attributes {
    pub version_arn: Option<String>,
    pub alias_arn: Option<String>,
    pub trace_header: Option<String>,
    pub revision_id: Option<String>,
    /// When the state machine had been updated last.
    pub updated_at: i64,
    pub logging: Value,
    pub tracing: bool,
    /// The task that started it (`states:startExecution`).
    pub started_by: Option<Awaiting>,
    /// The mock configuration's test case that it runs by.
    pub test_case: Option<String>,
    /// The Map run whose child it is.
    pub map_run_arn: Option<String>,
    /// How many items it has, as a child of a Map run.
    pub item_count: Option<u64>,
}

impl Attributes {
    /// Of an execution; what is not there was not set.
    pub fn of(summary: &Summary) -> Attributes {
        serde_json::from_value(summary.attributes.clone()).unwrap_or_default()
    }
}

/// The execution that an ARN names.
///
/// # Errors
/// `InvalidArn`, `ExecutionDoesNotExist`.
pub(super) async fn find(
    context: &Context,
    caller: &Caller,
    execution_arn: &str,
) -> Result<Summary, Error> {
    let parsed = arn::parse(execution_arn, &["execution"])?;
    let missing = || {
        Error::new("ExecutionDoesNotExist", format!("Execution Does Not Exist: '{execution_arn}'"))
    };
    let name = parsed.rest.filter(|_| parsed.is_of(caller)).ok_or_else(missing)?;
    if parsed.name.contains('/') {
        return map_run::find_child(context, caller, &parsed, name).await?.ok_or_else(missing);
    }
    let owner = crate::arn::arn(
        "states",
        parsed.region,
        parsed.account,
        &format!("stateMachine:{}", parsed.name),
    );
    context.engine.named(&owner, name).await?.ok_or_else(missing)
}
