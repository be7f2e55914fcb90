//! DescribeStateMachine.

use asl::Definition;
use asl::definition::{Body, Kind};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{aliases, arn, encryption, machine, seconds};
use crate::{Caller, Context, Error};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Request {
    state_machine_arn: String,
    included_data: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Response {
    state_machine_arn: String,
    name: String,
    status: &'static str,
    definition: String,
    role_arn: String,
    r#type: &'static str,
    creation_date: f64,
    logging_configuration: Value,
    tracing_configuration: TracingConfiguration,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revision_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    encryption_configuration: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    variable_references: Option<Value>,
}

#[derive(Serialize)]
pub(super) struct TracingConfiguration {
    pub enabled: bool,
}

/// A state machine, or one of its versions; by an alias, the version that most of its executions run by
/// (AWS takes the alias's ARN and leaves open which of two versions it tells); or what the children of a Distributed Map in it run, by the
/// state's label (`stateMachine:NAME/LABEL`).
pub(super) async fn describe_state_machine(
    context: &Context,
    caller: &Caller,
    request: Request,
) -> Result<Response, Error> {
    let asked = request.state_machine_arn;
    let mut told_arn = asked.clone();
    let mut parsed = arn::parse(&asked, &["stateMachine"])?;
    let label = parsed.name.split_once('/').map(|(name, label)| {
        parsed.name = name;
        label.to_owned()
    });
    let found = machine::of(context, caller, &parsed, &asked).await?;
    let (mut revision, mut created_at) = (found.value.revision.clone(), found.value.created_at);
    let mut description = None;
    if let Some(qualifier) = parsed.rest {
        let number = match qualifier.parse() {
            Ok(number) => number,
            Err(_) => {
                let alias = aliases::find(context, &found.key, qualifier).await?;
                let alias = alias.ok_or_else(|| machine::does_not_exist(&asked))?;
                told_arn = found.value.version_arn(alias.main_version());
                alias.main_version()
            }
        };
        let version = machine::version(context, &found, number).await?;
        let version = version.ok_or_else(|| machine::does_not_exist(&asked))?;
        (revision, created_at) = (version.revision, version.created_at);
        description = version.description;
    }
    if let Some(label) = &label {
        revision.definition =
            labelled(&revision.definition, label).ok_or_else(|| machine::does_not_exist(&asked))?;
    }
    let machine = found.value;
    let hidden = request.included_data.as_deref() == Some("METADATA_ONLY");
    if !hidden {
        encryption::check_usable(context, caller, machine.encryption.as_ref()).await?;
    }
    let variable_references = match hidden {
        true => None,
        false => machine::variable_references(&revision.definition),
    };
    Ok(Response {
        r#type: machine.type_name(),
        state_machine_arn: told_arn,
        status: if machine.deleting { "DELETING" } else { "ACTIVE" },
        definition: if hidden { String::new() } else { revision.definition },
        role_arn: revision.role_arn,
        creation_date: seconds(created_at),
        logging_configuration: revision.logging,
        tracing_configuration: TracingConfiguration { enabled: revision.tracing },
        label,
        revision_id: revision.id,
        description,
        encryption_configuration: machine.encryption,
        variable_references,
        name: machine.name,
    })
}

/// The definition that children of the Distributed Map with this label run.
fn labelled(definition: &str, label: &str) -> Option<String> {
    fn find(body: &Body, label: &str) -> Option<String> {
        body.states.values().find_map(|state| match &state.kind {
            Kind::Map(map) => match &map.distributed {
                Some(distributed) if distributed.label.as_deref() == Some(label) => {
                    Some(distributed.processor_text.clone())
                }
                _ => find(&map.processor, label),
            },
            Kind::Parallel(parallel) => {
                parallel.branches.iter().find_map(|branch| find(branch, label))
            }
            _ => None,
        })
    }
    find(&Definition::parse_stored(definition).ok()?.body, label)
}
