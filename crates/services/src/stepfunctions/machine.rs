//! State machines as stored: the current revision, and published versions beside it.

use asl::{Moment, Status};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::{Batch, ExecutionFilter, ExecutionWrite, Expect, Scan};

use super::arn::{self, StatesArn};
use super::tags::Tag;
use super::{account_limits, aliases};
use crate::record::{Found, Table};
use crate::{Caller, Context, Error};

/// Keyed `account/region/name`.
pub(super) const MACHINES: Table<Machine> = Table::new("states/machine");

/// Keyed `account/region/name:NUMBER`, the number with twelve digits.
pub(super) const VERSIONS: Table<Version> = Table::new("states/version");

/// A state machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Machine {
    pub name: String,
    pub arn: String,
    pub revision: Revision,
    pub express: bool,
    pub encryption: Option<Value>,
    pub created_at: i64,
    pub updated_at: i64,
    pub tags: Vec<Tag>,
    /// As given when it was made, for the idempotency of CreateStateMachine.
    pub published_at_creation: bool,
    pub version_description: Option<String>,
    /// The greatest number a version ever had: numbers are not used twice.
    pub last_version: u64,
    pub deleting: bool,
}

/// What executions run by, and what a version keeps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Revision {
    /// None for the one that the state machine was made with.
    pub id: Option<String>,
    pub definition: String,
    pub role_arn: String,
    pub logging: Value,
    pub tracing: bool,
}

/// A published version: a revision that stays as it is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Version {
    pub number: u64,
    pub revision: Revision,
    pub description: Option<String>,
    pub created_at: i64,
}

impl Machine {
    pub fn type_name(&self) -> &'static str {
        if self.express { "EXPRESS" } else { "STANDARD" }
    }

    pub fn version_arn(&self, number: u64) -> String {
        format!("{}:{number}", self.arn)
    }
}

/// What a state machine asks of its role, as the members of CreateStateMachine; nothing if there is none.
pub(crate) async fn role_needs(
    context: &Context,
    caller: &Caller,
    arn: &str,
) -> Result<Value, Error> {
    let Ok(parsed) = arn::parse(arn, &["stateMachine"]) else { return Ok(Value::Null) };
    if !parsed.is_of(caller) {
        return Ok(Value::Null);
    }
    let Some(found) = MACHINES.get(context, &key(caller, parsed.name)).await? else {
        return Ok(Value::Null);
    };
    let Revision { definition, role_arn, logging, .. } = found.value.revision;
    Ok(json!({ "definition": definition, "roleArn": role_arn, "loggingConfiguration": logging }))
}

/// The key of a state machine of the caller's.
pub(super) fn key(caller: &Caller, name: &str) -> String {
    format!("{}/{}/{name}", caller.account, caller.region)
}

pub(super) fn version_key(machine: &str, number: u64) -> String {
    format!("{machine}:{number:012}")
}

pub(super) fn does_not_exist(arn: &str) -> Error {
    Error::new("StateMachineDoesNotExist", format!("State Machine Does Not Exist: '{arn}'"))
}

pub(super) fn is_deleting(arn: &str) -> Error {
    Error::new("StateMachineDeleting", format!("State Machine is being deleted: '{arn}'"))
}

/// The state machine that a plain ARN names. One whose deletion waited for its executions, and whose
/// last execution has ended, goes now.
pub(super) async fn find(
    context: &Context,
    caller: &Caller,
    arn: &str,
) -> Result<Found<Machine>, Error> {
    let parsed = arn::parse(arn, &["stateMachine"])?;
    if parsed.rest.is_some() {
        return Err(does_not_exist(arn));
    }
    of(context, caller, &parsed, arn).await
}

/// The state machine of an ARN, whatever qualifies it.
pub(super) async fn of(
    context: &Context,
    caller: &Caller,
    parsed: &StatesArn<'_>,
    arn: &str,
) -> Result<Found<Machine>, Error> {
    if !parsed.is_of(caller) {
        return Err(does_not_exist(arn));
    }
    if parsed.name.contains('/') {
        return Err(Error::validation(format!(
            "This API does not support the ARN of a Distributed Map state: '{arn}'"
        ))
        .with("reason", "API_DOES_NOT_SUPPORT_LABELED_ARNS"));
    }
    match MACHINES.get(context, &key(caller, parsed.name)).await? {
        Some(machine) if machine.value.deleting && purge_if_idle(context, &machine).await? => {
            Err(does_not_exist(arn))
        }
        Some(machine) => Ok(machine),
        None => Err(does_not_exist(arn)),
    }
}

/// Whether the state machine of an execution waits for its executions to end, and goes then.
pub(super) async fn is_being_deleted(
    context: &Context,
    execution: &asl::Header,
) -> Result<bool, Error> {
    let name = execution.state_machine_name.split('/').next().unwrap_or_default();
    let key = format!("{}/{}/{name}", execution.account, execution.region);
    Ok(MACHINES.get(context, &key).await?.is_some_and(|machine| machine.value.deleting))
}

/// How the state machine of an execution is encrypted.
pub(super) async fn encryption_of(
    context: &Context,
    execution: &asl::Header,
) -> Result<Option<Value>, Error> {
    let name = execution.state_machine_name.split('/').next().unwrap_or_default();
    let key = format!("{}/{}/{name}", execution.account, execution.region);
    Ok(MACHINES.get(context, &key).await?.and_then(|machine| machine.value.encryption))
}

/// A version of a state machine.
pub(super) async fn version(
    context: &Context,
    machine: &Found<Machine>,
    number: u64,
) -> Result<Option<Version>, Error> {
    let found = VERSIONS.get(context, &version_key(&machine.key, number)).await?;
    Ok(found.map(|found| found.value))
}

/// Versions of a state machine, newest first.
pub(super) async fn versions(
    context: &Context,
    machine: &str,
    limit: usize,
) -> Result<Vec<Version>, Error> {
    let scan = Scan { reverse: true, ..Scan::prefix(format!("{machine}:"), limit) };
    let found = VERSIONS.list(context, scan).await?;
    Ok(found.into_iter().map(|found| found.value).collect())
}

/// Publishes the current revision into the batch's machine: the newest version if it is of this
/// revision already. Gives its number.
pub(super) async fn publish(
    context: &Context,
    key: &str,
    machine: &mut Machine,
    description: Option<String>,
    batch: &mut Batch,
    moment: Moment,
) -> Result<(u64, i64), Error> {
    if let Some(newest) = versions(context, key, 1).await?.into_iter().next()
        && newest.revision == machine.revision
    {
        return Ok((newest.number, newest.created_at));
    }
    account_limits::version(context, key).await?;
    machine.last_version += 1;
    let number = machine.last_version;
    let created_at = moment.now.0;
    let version = Version { number, revision: machine.revision.clone(), description, created_at };
    batch.records.push(VERSIONS.write(&version_key(key, number), &version, Expect::Absent)?);
    Ok((number, created_at))
}

/// Removes a state machine with its versions and executions, unless executions are running.
pub(super) async fn purge_if_idle(
    context: &Context,
    machine: &Found<Machine>,
) -> Result<bool, Error> {
    let owner = machine.value.arn.as_str();
    if !context.engine.list(owner, Some(Status::Running), None, 1).await?.is_empty() {
        return Ok(false);
    }
    loop {
        let filter =
            ExecutionFilter { owner: Some(owner.to_owned()), limit: 500, ..Default::default() };
        let rows = context.store.executions(filter).await?;
        if rows.is_empty() {
            break;
        }
        let executions = rows.iter().map(|row| ExecutionWrite::Delete(row.key)).collect();
        context.store.commit(Batch { executions, ..Batch::default() }).await?;
    }
    let mut batch = Batch::default();
    let prefix = Scan::prefix(format!("{}:", machine.key), usize::MAX >> 1);
    for version in VERSIONS.list(context, prefix).await? {
        batch.records.push(VERSIONS.delete(&version.key, Expect::Any));
    }
    batch.records.extend(aliases::deletions(context, &machine.key).await?);
    batch.records.push(MACHINES.delete(&machine.key, Expect::Any));
    context.store.commit(batch).await?;
    Ok(true)
}

/// Which states of a definition read which variables: by state, names sorted. Nothing if none does.
pub(super) fn variable_references(definition: &str) -> Option<Value> {
    let references = asl::Definition::parse(definition).ok()?.variable_references();
    if references.is_empty() { None } else { serde_json::to_value(references).ok() }
}

/// What CreateStateMachine and UpdateStateMachine check of a definition.
pub(super) fn check_definition(
    context: &Context,
    definition: &str,
    express: bool,
) -> Result<(), Error> {
    let mut diagnostics = asl::validate(
        definition,
        asl::validate::Options { express, limits: context.settings.limits },
    );
    diagnostics.retain(|diagnostic| diagnostic.severity == asl::Severity::Error);
    if diagnostics.is_empty() {
        return Ok(());
    }
    Err(Error::new("InvalidDefinition", asl::Invalid { diagnostics }.to_string()))
}
