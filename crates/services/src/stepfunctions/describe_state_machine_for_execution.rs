//! DescribeStateMachineForExecution.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::describe_state_machine::TracingConfiguration;
use super::execution::{self, Attributes};
use super::{encryption, machine, seconds};
use crate::{Caller, Context, Error};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Request {
    execution_arn: String,
    included_data: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Response {
    state_machine_arn: String,
    name: String,
    definition: String,
    role_arn: String,
    update_date: f64,
    logging_configuration: Value,
    tracing_configuration: TracingConfiguration,
    #[serde(skip_serializing_if = "Option::is_none")]
    revision_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    variable_references: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    map_run_arn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<String>,
}

/// The state machine as it was when the execution started.
pub(super) async fn describe_state_machine_for_execution(
    context: &Context,
    caller: &Caller,
    request: Request,
) -> Result<Response, Error> {
    let known = execution::find(context, caller, &request.execution_arn).await?;
    let mut attributes = Attributes::of(&known);
    let map_run_arn = attributes.map_run_arn.take();
    let mut label = None;
    if let Some(arn) = &map_run_arn {
        // What was configured is kept with the execution that started the Map run.
        let machine = known.header.state_machine_name.rsplit_once('/');
        label = machine.map(|(_, label)| label.to_owned());
        let run = context.engine.map_run(arn).await?;
        if let Some(run) = run
            && let Some(parent) = context.engine.summary(run.execution).await?
        {
            attributes = Attributes::of(&parent);
        }
    }
    let definition = match request.included_data.as_deref() {
        Some("METADATA_ONLY") => String::new(),
        _ => {
            encryption::check_readable(context, caller, &known.header).await?;
            let record = context.store.record("engine/definition", &known.definition).await?;
            let text = record.map(|record| String::from_utf8(record.value.to_vec()));
            text.and_then(Result::ok).ok_or_else(|| {
                Error::internal(format!("the definition `{}` is not stored", known.definition))
            })?
        }
    };
    let variable_references = machine::variable_references(&definition);
    Ok(Response {
        state_machine_arn: known.header.state_machine_arn,
        name: known.header.state_machine_name,
        definition,
        role_arn: known.header.role_arn,
        update_date: seconds(attributes.updated_at),
        logging_configuration: match attributes.logging {
            Value::Null => execution::logging_off(),
            logging => logging,
        },
        tracing_configuration: TracingConfiguration { enabled: attributes.tracing },
        revision_id: attributes.revision_id,
        variable_references,
        map_run_arn,
        label,
    })
}
