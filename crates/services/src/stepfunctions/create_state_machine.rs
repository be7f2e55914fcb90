//! CreateStateMachine.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::{Batch, Expect};

use super::arn::check_role;
use super::machine::{self, MACHINES, Machine, Revision};
use super::tags::{self, Tag};
use super::{account_limits, check_name, encryption, logging, seconds};
use crate::record::{Found, committed};
use crate::{Caller, Context, Error};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Request {
    name: String,
    definition: String,
    role_arn: String,
    r#type: Option<String>,
    logging_configuration: Option<Value>,
    tags: Option<Vec<Tag>>,
    tracing_configuration: Option<Tracing>,
    #[serde(default)]
    publish: bool,
    version_description: Option<String>,
    encryption_configuration: Option<Value>,
}

#[derive(Deserialize)]
pub(super) struct Tracing {
    enabled: Option<bool>,
}

impl Tracing {
    /// # Errors
    /// `InvalidTracingConfiguration`: it says neither.
    pub fn enabled(&self) -> Result<bool, Error> {
        self.enabled.ok_or_else(|| {
            Error::new(
                "InvalidTracingConfiguration",
                "Invalid Tracing Configuration: enabled must be set to true or false",
            )
        })
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Response {
    state_machine_arn: String,
    creation_date: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    state_machine_version_arn: Option<String>,
}

/// Makes a state machine. The same call again is answered as the first was; role and tags do not
/// count for that, as AWS documents it.
pub(super) async fn create_state_machine(
    context: &Context,
    caller: &Caller,
    request: Request,
) -> Result<Response, Error> {
    check_name(&request.name)?;
    check_role(&request.role_arn)?;
    if request.version_description.is_some() && !request.publish {
        return Err(Error::validation("Version description can only be set when publish is true"));
    }
    let express = request.r#type.as_deref() == Some("EXPRESS");
    machine::check_definition(context, &request.definition, express)?;
    let tracing = match &request.tracing_configuration {
        Some(tracing) => tracing.enabled()?,
        None => false,
    };
    let moment = context.clock.moment();
    let arn = crate::arn::arn(
        "states",
        &caller.region,
        &caller.account,
        &format!("stateMachine:{}", request.name),
    );
    let mut stored_tags = Vec::new();
    tags::merge(&mut stored_tags, &request.tags.unwrap_or_default(), &arn)?;
    let mut machine = Machine {
        arn: arn.clone(),
        revision: Revision {
            id: None,
            definition: request.definition,
            role_arn: request.role_arn,
            logging: logging::complete(context, caller, request.logging_configuration).await?,
            tracing,
        },
        express,
        encryption: encryption::complete(context, caller, request.encryption_configuration).await?,
        created_at: moment.now.0,
        updated_at: moment.now.0,
        tags: stored_tags,
        published_at_creation: request.publish,
        version_description: request.version_description.clone(),
        last_version: 0,
        deleting: false,
        name: request.name,
    };
    let key = machine::key(caller, &machine.name);
    loop {
        if let Some(existing) = MACHINES.get(context, &key).await? {
            if existing.value.deleting {
                if machine::purge_if_idle(context, &existing).await? {
                    continue;
                }
                return Err(machine::is_deleting(&arn));
            }
            return repeated(context, &existing, &machine).await;
        }
        account_limits::state_machine(context, caller).await?;
        let (mut batch, mut version) = (Batch::default(), None);
        if request.publish {
            let description = request.version_description.clone();
            let (number, _) =
                machine::publish(context, &key, &mut machine, description, &mut batch, moment)
                    .await?;
            version = Some(machine.version_arn(number));
        }
        batch.records.push(MACHINES.write(&key, &machine, Expect::Absent)?);
        if committed(context.store.commit(batch).await)? {
            return Ok(Response {
                state_machine_arn: arn,
                creation_date: seconds(machine.created_at),
                state_machine_version_arn: version,
            });
        }
        machine.last_version = 0;
    }
}

async fn repeated(
    context: &Context,
    existing: &Found<Machine>,
    asked: &Machine,
) -> Result<Response, Error> {
    let known = &existing.value;
    let same = known.revision.definition == asked.revision.definition
        && known.revision.logging == asked.revision.logging
        && known.revision.tracing == asked.revision.tracing
        && known.express == asked.express
        && known.encryption == asked.encryption
        && known.published_at_creation == asked.published_at_creation
        && known.version_description == asked.version_description;
    if !same {
        return Err(Error::new(
            "StateMachineAlreadyExists",
            format!("State Machine Already Exists: '{}'", known.arn),
        ));
    }
    let version = match asked.published_at_creation {
        true => machine::version(context, existing, 1).await?.map(|_| known.version_arn(1)),
        false => None,
    };
    Ok(Response {
        state_machine_arn: known.arn.clone(),
        creation_date: seconds(known.created_at),
        state_machine_version_arn: version,
    })
}
