//! UpdateStateMachine.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::{Batch, Expect};

use super::arn::check_role;
use super::create_state_machine::Tracing;
use super::machine::{self, MACHINES};
use super::{encryption, logging, seconds};
use crate::record::committed;
use crate::{Caller, Context, Error};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Request {
    state_machine_arn: String,
    definition: Option<String>,
    role_arn: Option<String>,
    logging_configuration: Option<Value>,
    tracing_configuration: Option<Tracing>,
    #[serde(default)]
    publish: bool,
    version_description: Option<String>,
    encryption_configuration: Option<Value>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Response {
    update_date: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    revision_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state_machine_version_arn: Option<String>,
}

/// Changes what new executions run by; running ones keep what they began with. A change makes a new
/// revision, an update that changes nothing does not.
pub(super) async fn update_state_machine(
    context: &Context,
    caller: &Caller,
    request: Request,
) -> Result<Response, Error> {
    if request.definition.is_none()
        && request.role_arn.is_none()
        && request.logging_configuration.is_none()
        && request.tracing_configuration.is_none()
        && request.encryption_configuration.is_none()
    {
        return Err(Error::new(
            "MissingRequiredParameter",
            "Either the definition, the role ARN, the LoggingConfiguration, or the \
             TracingConfiguration must be specified",
        ));
    }
    if request.version_description.is_some() && !request.publish {
        return Err(Error::validation("Version description can only be set when publish is true"));
    }
    let logging = match request.logging_configuration {
        Some(given) => Some(logging::complete(context, caller, Some(given)).await?),
        None => None,
    };
    let given = request.encryption_configuration.clone();
    let encryption = encryption::complete(context, caller, given).await?;
    loop {
        let moment = context.clock.moment();
        let mut found = machine::find(context, caller, &request.state_machine_arn).await?;
        let machine = &mut found.value;
        if machine.deleting {
            return Err(machine::is_deleting(&machine.arn));
        }
        let mut revision = machine.revision.clone();
        if let Some(definition) = &request.definition {
            machine::check_definition(context, definition, machine.express)?;
            revision.definition.clone_from(definition);
        }
        if let Some(role) = &request.role_arn {
            check_role(role)?;
            revision.role_arn.clone_from(role);
        }
        if let Some(logging) = &logging {
            revision.logging.clone_from(logging);
        }
        if let Some(tracing) = &request.tracing_configuration {
            revision.tracing = tracing.enabled()?;
        }
        if encryption.is_some() {
            machine.encryption.clone_from(&encryption);
        }
        if revision != machine.revision {
            revision.id = Some(moment.dice("revision").uuid());
            machine.revision = revision;
        }
        machine.updated_at = moment.now.0;
        let (mut batch, mut version) = (Batch::default(), None);
        if request.publish {
            let description = request.version_description.clone();
            let (number, _) =
                machine::publish(context, &found.key, machine, description, &mut batch, moment)
                    .await?;
            version = Some(machine.version_arn(number));
        }
        batch.records.push(MACHINES.write(&found.key, machine, Expect::Version(found.version))?);
        if committed(context.store.commit(batch).await)? {
            return Ok(Response {
                update_date: seconds(moment.now.0),
                revision_id: machine.revision.id.clone(),
                state_machine_version_arn: version,
            });
        }
    }
}
