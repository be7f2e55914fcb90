//! Instance profiles: what an instance has instead of a role. They are kept for templates that make them;
//! nothing here starts instances.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::list::{self, UnderPath};
use super::{
    Tag, already_exists, arn, delete_conflict, key, no_such_entity, roles, root, seconds, unique_id,
};
use crate::record::{Found, Table};
use crate::{Caller, Context, Error};

/// Keyed `account/name`.
pub(super) const PROFILES: Table<Profile> = Table::new("iam/instance-profile");

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Profile {
    pub name: String,
    id: String,
    pub path: String,
    pub arn: String,
    created_at: i64,
    role: Option<String>,
    pub tags: Vec<Tag>,
}

async fn shown(context: &Context, caller: &Caller, profile: &Profile) -> Result<Value, Error> {
    let roles = match &profile.role {
        Some(role) => vec![roles::find_role(context, caller, role).await?.value.shown()],
        None => Vec::new(),
    };
    Ok(json!({
        "Path": profile.path,
        "InstanceProfileName": profile.name,
        "InstanceProfileId": profile.id,
        "Arn": profile.arn,
        "CreateDate": seconds(profile.created_at),
        "Roles": roles,
        "Tags": profile.tags,
    }))
}

fn missing(name: &str) -> Error {
    no_such_entity(format!("Instance Profile {name} cannot be found."))
}

async fn find(context: &Context, caller: &Caller, name: &str) -> Result<Found<Profile>, Error> {
    let found = PROFILES.get(context, &key(&caller.account, name)).await?;
    found.ok_or_else(|| missing(name))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CreateRequest {
    instance_profile_name: String,
    #[serde(default = "root")]
    path: String,
    #[serde(default)]
    tags: Vec<Tag>,
}

pub(super) async fn create(
    context: &Context,
    caller: &Caller,
    request: CreateRequest,
) -> Result<Value, Error> {
    let moment = context.clock.moment();
    let name = request.instance_profile_name;
    let profile = Profile {
        arn: arn(&caller.region, &caller.account, "instance-profile", &request.path, &name),
        id: unique_id("AIPA", moment),
        name,
        path: request.path,
        created_at: moment.now.0,
        role: None,
        tags: request.tags,
    };
    if !PROFILES.insert(context, &key(&caller.account, &profile.name), &profile).await? {
        return Err(already_exists("Instance Profile", &profile.name));
    }
    Ok(json!({ "InstanceProfile": shown(context, caller, &profile).await? }))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ByName {
    instance_profile_name: String,
}

pub(super) async fn get(
    context: &Context,
    caller: &Caller,
    request: ByName,
) -> Result<Value, Error> {
    let profile = find(context, caller, &request.instance_profile_name).await?.value;
    Ok(json!({ "InstanceProfile": shown(context, caller, &profile).await? }))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListRequest {
    /// Of ListInstanceProfilesForRole.
    role_name: Option<String>,
    #[serde(flatten)]
    page: UnderPath,
}

/// ListInstanceProfiles, and ListInstanceProfilesForRole.
pub(super) async fn list(
    context: &Context,
    caller: &Caller,
    request: ListRequest,
) -> Result<Value, Error> {
    if let Some(role) = &request.role_name {
        roles::find_role(context, caller, role).await?;
    }
    let of_role =
        |profile: &Profile| request.role_name.is_none() || profile.role == request.role_name;
    let (profiles, end) =
        list::under_path(context, &PROFILES, &caller.account, &request.page, of_role).await?;
    let mut all = Vec::new();
    for profile in &profiles {
        all.push(shown(context, caller, profile).await?);
    }
    Ok(end.with("InstanceProfiles", all))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct WithRole {
    instance_profile_name: String,
    role_name: String,
}

pub(super) async fn add_role(
    context: &Context,
    caller: &Caller,
    request: WithRole,
) -> Result<(), Error> {
    roles::find_role(context, caller, &request.role_name).await?;
    change(context, caller, &request.instance_profile_name, |profile| {
        if profile.role.is_some() {
            let message = "Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1";
            return Err(Error::new("LimitExceeded", message).with_status(409));
        }
        profile.role = Some(request.role_name.clone());
        Ok(())
    })
    .await
}

pub(super) async fn remove_role(
    context: &Context,
    caller: &Caller,
    request: WithRole,
) -> Result<(), Error> {
    change(context, caller, &request.instance_profile_name, |profile| {
        if profile.role.as_ref() != Some(&request.role_name) {
            let name = &request.role_name;
            return Err(no_such_entity(format!("The role with name {name} cannot be found.")));
        }
        profile.role = None;
        Ok(())
    })
    .await
}

async fn change(
    context: &Context,
    caller: &Caller,
    name: &str,
    change: impl FnMut(&mut Profile) -> Result<(), Error> + Send,
) -> Result<(), Error> {
    let changed = PROFILES.update(context, &key(&caller.account, name), change).await?;
    changed.ok_or_else(|| missing(name))
}

pub(super) async fn delete(
    context: &Context,
    caller: &Caller,
    request: ByName,
) -> Result<(), Error> {
    let found = find(context, caller, &request.instance_profile_name).await?;
    if found.value.role.is_some() {
        let message = "Cannot delete entity, must remove roles from instance profile first.";
        return Err(delete_conflict(message));
    }
    PROFILES.remove(context, &found.key).await
}
