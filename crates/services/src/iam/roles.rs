//! Roles. The role `stepwell`, which unknown callers act with, is there without having been made in every
//! account that takes unknown callers: it is stored when it is first asked for.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::document::{self, Kind};
use super::guard::Mode;
use super::list::{self, End, UnderPath};
use super::{
    ROLES, Role, Tag, already_exists, arn, delete_conflict, key, no_such_entity, root, seconds,
    unique_id,
};
use crate::record::Found;
use crate::{Caller, Context, Error, Origin};

/// The role of callers who are nobody in particular.
const DEFAULT_ROLE: &str = "stepwell";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CreateRequest {
    #[serde(default = "root")]
    path: String,
    role_name: String,
    assume_role_policy_document: String,
    description: Option<String>,
    max_session_duration: Option<u32>,
    permissions_boundary: Option<String>,
    #[serde(default)]
    tags: Vec<Tag>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct RoleResponse {
    role: Shown,
}

/// A role as answers show it.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Shown {
    path: String,
    role_name: String,
    role_id: String,
    arn: String,
    create_date: f64,
    assume_role_policy_document: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    max_session_duration: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    permissions_boundary: Option<serde_json::Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<Tag>,
    #[serde(skip_serializing_if = "Option::is_none")]
    role_last_used: Option<serde_json::Value>,
}

impl From<Role> for Shown {
    fn from(role: Role) -> Shown {
        Shown {
            path: role.path,
            role_name: role.name,
            role_id: role.id,
            arn: role.arn,
            create_date: seconds(role.created_at),
            assume_role_policy_document: document::shown(&role.trust),
            description: role.description,
            max_session_duration: role.max_session_seconds,
            permissions_boundary: role.boundary.map(
                |arn| json!({ "PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": arn }),
            ),
            tags: role.tags,
            role_last_used: None,
        }
    }
}

pub(super) async fn create_role(
    context: &Context,
    caller: &Caller,
    request: CreateRequest,
) -> Result<RoleResponse, Error> {
    document::check(&request.assume_role_policy_document, Kind::Trust)?;
    let moment = context.clock.moment();
    let role = Role {
        arn: arn(&caller.region, &caller.account, "role", &request.path, &request.role_name),
        name: request.role_name,
        id: unique_id("AROA", moment),
        path: request.path,
        created_at: moment.now.0,
        trust: request.assume_role_policy_document,
        description: request.description,
        max_session_seconds: request.max_session_duration.unwrap_or(3600),
        boundary: request.permissions_boundary,
        tags: request.tags,
        inline: Default::default(),
        attached: Vec::new(),
    };
    make_default(context, caller, &role.name).await?;
    let mut shown = role.clone();
    if !ROLES.insert(context, &key(&caller.account, &role.name), &role).await? {
        return Err(already_exists("Role", &role.name));
    }
    shown.description = None;
    Ok(RoleResponse { role: shown.into() })
}

/// A role of the caller's account.
///
/// # Errors
/// `NoSuchEntity`.
pub(crate) async fn find_role(
    context: &Context,
    caller: &Caller,
    name: &str,
) -> Result<Found<Role>, Error> {
    make_default(context, caller, name).await?;
    ROLES.get(context, &key(&caller.account, name)).await?.ok_or_else(|| missing(name))
}

async fn make_default(context: &Context, caller: &Caller, name: &str) -> Result<(), Error> {
    let key = key(&caller.account, name);
    if has_default(context, caller, name) && ROLES.get(context, &key).await?.is_none() {
        ROLES.insert(context, &key, &default_role(context, caller)).await?;
    }
    Ok(())
}

/// The unique id of a role of the caller's account, and its ARN.
pub(crate) async fn id_of_role(
    context: &Context,
    caller: &Caller,
    name: &str,
) -> Option<(String, String)> {
    let found = known(context, caller, name).await.ok()??;
    Some((found.id, found.arn))
}

/// A role of the owner's account, without making the default one; none if there is no such role.
pub(super) async fn known(
    context: &Context,
    owner: &Caller,
    name: &str,
) -> Result<Option<Role>, Error> {
    let found = ROLES.get(context, &key(&owner.account, name)).await?.map(|found| found.value);
    Ok(found.or_else(|| has_default(context, owner, name).then(|| default_role(context, owner))))
}

/// Where refusals are meant nobody is unknown, and a role that may do everything is nobody's by default.
fn has_default(context: &Context, owner: &Caller, name: &str) -> bool {
    name == DEFAULT_ROLE && context.iam.mode(&owner.account) != Mode::Enforce
}

/// Whoever owns things in an account, for a look at them; the region gives the partition alone.
pub(super) fn owner(account: &str, arn: &str) -> Caller {
    let region = match arn.split(':').nth(1) {
        Some("aws-cn") => "cn-north-1",
        Some("aws-us-gov") => "us-gov-west-1",
        _ => "us-east-1",
    };
    Caller {
        account: account.to_owned(),
        region: region.to_owned(),
        arn: String::new(),
        access_key: None,
        origin: Origin::Service,
    }
}

fn default_role(context: &Context, caller: &Caller) -> Role {
    let moment = context.clock.moment();
    let trust = json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": { "Service": ["states.amazonaws.com", "sagemaker.amazonaws.com"] },
            "Action": "sts:AssumeRole",
        }],
    });
    Role {
        name: DEFAULT_ROLE.to_owned(),
        id: unique_id("AROA", moment),
        path: root(),
        arn: arn(&caller.region, &caller.account, "role", "/", DEFAULT_ROLE),
        created_at: moment.now.0,
        trust: trust.to_string(),
        description: Some("Callers whose access key nobody made act with this role".to_owned()),
        max_session_seconds: 3600,
        boundary: None,
        tags: Vec::new(),
        inline: Default::default(),
        // Whoever sits at the machine may do everything, unless they detach it.
        attached: vec!["arn:aws:iam::aws:policy/AdministratorAccess".to_owned()],
    }
}

fn missing(name: &str) -> Error {
    no_such_entity(format!("The role with name {name} cannot be found."))
}

/// A service-linked role is its service's alone.
pub(super) fn check_unprotected(role: &Role) -> Result<(), Error> {
    if !role.path.starts_with("/aws-service-role/") {
        return Ok(());
    }
    let name = &role.name;
    let message = format!(
        "Cannot perform the operation on the protected role '{name}' - this role is only modifiable by AWS"
    );
    Err(Error::new("UnmodifiableEntity", message))
}

/// Changes a role.
pub(super) async fn change<R>(
    context: &Context,
    caller: &Caller,
    name: &str,
    change: impl FnMut(&mut Role) -> Result<R, Error> + Send,
) -> Result<R, Error> {
    let found = find_role(context, caller, name).await?;
    ROLES.update(context, &found.key, change).await?.ok_or_else(|| missing(name))
}

impl Role {
    /// As other kinds' answers show it.
    pub(super) fn shown(self) -> serde_json::Value {
        json!(Shown::from(self))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ByName {
    role_name: String,
}

pub(super) async fn get_role(
    context: &Context,
    caller: &Caller,
    request: ByName,
) -> Result<RoleResponse, Error> {
    let role = find_role(context, caller, &request.role_name).await?.value;
    let mut shown = Shown::from(role);
    shown.role_last_used = Some(json!({}));
    Ok(RoleResponse { role: shown })
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListResponse {
    roles: Vec<Shown>,
    #[serde(flatten)]
    end: End,
}

pub(super) async fn list_roles(
    context: &Context,
    caller: &Caller,
    request: UnderPath,
) -> Result<ListResponse, Error> {
    make_default(context, caller, DEFAULT_ROLE).await?;
    let (roles, end) =
        list::under_path(context, &ROLES, &caller.account, &request, |_| true).await?;
    let shown = |role| Shown { tags: Vec::new(), ..Shown::from(role) };
    Ok(ListResponse { roles: roles.into_iter().map(shown).collect(), end })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct UpdateRequest {
    role_name: String,
    description: Option<String>,
    max_session_duration: Option<u32>,
}

pub(super) async fn update_role(
    context: &Context,
    caller: &Caller,
    request: UpdateRequest,
) -> Result<(), Error> {
    change(context, caller, &request.role_name, |role| {
        if let Some(description) = &request.description {
            role.description = Some(description.clone());
        }
        if let Some(seconds) = request.max_session_duration {
            role.max_session_seconds = seconds;
        }
        Ok(())
    })
    .await
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DescriptionRequest {
    role_name: String,
    description: String,
}

pub(super) async fn update_role_description(
    context: &Context,
    caller: &Caller,
    request: DescriptionRequest,
) -> Result<RoleResponse, Error> {
    let role = change(context, caller, &request.role_name, |role| {
        role.description = Some(request.description.clone());
        Ok(role.clone())
    });
    Ok(RoleResponse { role: role.await?.into() })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct TrustRequest {
    role_name: String,
    policy_document: String,
}

pub(super) async fn update_assume_role_policy(
    context: &Context,
    caller: &Caller,
    request: TrustRequest,
) -> Result<(), Error> {
    document::check(&request.policy_document, Kind::Trust)?;
    change(context, caller, &request.role_name, |role| {
        check_unprotected(role)?;
        role.trust.clone_from(&request.policy_document);
        Ok(())
    })
    .await
}

pub(super) async fn delete_role(
    context: &Context,
    caller: &Caller,
    request: ByName,
) -> Result<(), Error> {
    let found = find_role(context, caller, &request.role_name).await?;
    check_unprotected(&found.value)?;
    if !found.value.attached.is_empty() {
        return Err(delete_conflict("Cannot delete entity, must detach all policies first."));
    }
    if !found.value.inline.is_empty() {
        return Err(delete_conflict("Cannot delete entity, must delete policies first."));
    }
    ROLES.remove(context, &found.key).await
}
