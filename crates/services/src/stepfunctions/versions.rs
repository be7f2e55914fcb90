//! PublishStateMachineVersion, ListStateMachineVersions, DeleteStateMachineVersion.

use serde::{Deserialize, Serialize};
use store::{Batch, Expect, Scan};

use super::machine::{self, MACHINES, VERSIONS};
use super::{aliases, arn, invalid_token, page_size, seconds};
use crate::record::committed;
use crate::{Caller, Context, Error, page};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PublishRequest {
    state_machine_arn: String,
    revision_id: Option<String>,
    description: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Published {
    creation_date: f64,
    state_machine_version_arn: String,
}

/// Publishes the current revision; a revision that is published already keeps its version.
pub(super) async fn publish_state_machine_version(
    context: &Context,
    caller: &Caller,
    request: PublishRequest,
) -> Result<Published, Error> {
    loop {
        let mut found = machine::find(context, caller, &request.state_machine_arn).await?;
        let machine = &mut found.value;
        if machine.deleting {
            return Err(machine::is_deleting(&machine.arn));
        }
        let current = machine.revision.id.as_deref().unwrap_or("INITIAL");
        if let Some(asked) = &request.revision_id
            && asked != current
        {
            return Err(Error::new(
                "ConflictException",
                format!(
                    "Failed to publish the State Machine version for revision {asked}. The current \
                     State Machine revision is {current}."
                ),
            ));
        }
        let (mut batch, moment) = (Batch::default(), context.clock.moment());
        let description = request.description.clone();
        let (number, created_at) =
            machine::publish(context, &found.key, machine, description, &mut batch, moment).await?;
        batch.records.push(MACHINES.write(&found.key, machine, Expect::Version(found.version))?);
        if committed(context.store.commit(batch).await)? {
            return Ok(Published {
                creation_date: seconds(created_at),
                state_machine_version_arn: machine.version_arn(number),
            });
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ListRequest {
    state_machine_arn: String,
    next_token: Option<String>,
    max_results: Option<usize>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ListResponse {
    state_machine_versions: Vec<Published>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

/// Versions of a state machine, newest first; none of one that does not exist.
pub(super) async fn list_state_machine_versions(
    context: &Context,
    caller: &Caller,
    request: ListRequest,
) -> Result<ListResponse, Error> {
    let parsed = arn::parse(&request.state_machine_arn, &["stateMachine"])?;
    let limit = page_size(request.max_results);
    let key = machine::key(caller, parsed.name);
    let mut scan = Scan { reverse: true, ..Scan::prefix(format!("{key}:"), limit + 1) };
    if let Some(token) = &request.next_token {
        let number = page::position(token).and_then(|number| number.parse::<u64>().ok());
        // `until` is left out, and the page begins with the number itself.
        let number = number.ok_or_else(invalid_token)?;
        scan.until = Some(machine::version_key(&key, number + 1));
    }
    let mut found = VERSIONS.list(context, scan).await?;
    let next_token =
        (found.len() > limit).then(|| page::token(&found[limit].value.number.to_string()));
    found.truncate(limit);
    let published = |number: u64, created_at: i64| Published {
        creation_date: seconds(created_at),
        state_machine_version_arn: format!("{}:{number}", request.state_machine_arn),
    };
    let versions = found.iter().map(|found| &found.value);
    Ok(ListResponse {
        state_machine_versions: versions
            .map(|version| published(version.number, version.created_at))
            .collect(),
        next_token,
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DeleteRequest {
    state_machine_version_arn: String,
}

/// Deletes a version; one that does not exist is deleted already.
pub(super) async fn delete_state_machine_version(
    context: &Context,
    caller: &Caller,
    request: DeleteRequest,
) -> Result<(), Error> {
    let asked = &request.state_machine_version_arn;
    let parsed = arn::parse(asked, &["stateMachine"])?;
    let number = parsed.rest.and_then(|number| number.parse().ok());
    let number = number.ok_or_else(|| arn::invalid(&format!("Invalid ARN: {asked}")))?;
    if !parsed.is_of(caller) {
        return Ok(());
    }
    let machine = machine::key(caller, parsed.name);
    let aliases = aliases::naming(context, &machine, number).await?;
    if !aliases.is_empty() {
        return Err(Error::new(
            "ConflictException",
            format!(
                "Version to be deleted must not be referenced by an alias. Current list of aliases \
                 referencing this version: [{}]",
                aliases.join(", ")
            ),
        ));
    }
    let key = machine::version_key(&machine, number);
    VERSIONS.remove(context, &key).await
}
