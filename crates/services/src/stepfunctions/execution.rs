//! Executions as the API knows them.

use engine::Summary;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{arn, map_run};
use crate::integrations::Awaiting;
use crate::{Caller, Context, Error};

/// What the API keeps of an execution and the engine does not read. It stands in every execution's row, so
/// that what is as usual is left out.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Attributes {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version_arn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alias_arn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace_header: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision_id: Option<String>,
    /// When the state machine had been updated last.
    pub updated_at: i64,
    #[serde(skip_serializing_if = "is_off")]
    pub logging: Value,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub tracing: bool,
    /// The task that started it (`states:startExecution`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_by: Option<Awaiting>,
    /// The mock configuration's test case that it runs by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test_case: Option<String>,
    /// The Map run whose child it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub map_run_arn: Option<String>,
    /// How many items it has, as a child of a Map run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub item_count: Option<u64>,
}

/// Whether nothing is logged; then a state machine's description says just this.
fn is_off(logging: &Value) -> bool {
    logging.is_null() || *logging == logging_off()
}

/// The logging configuration of a state machine that was given none.
pub(super) fn logging_off() -> Value {
    json!({ "level": "OFF", "includeExecutionData": false })
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
