//! AWS Identity and Access Management: roles, policies, users as stored objects.
//!
//! IAM is global: its objects are apart by account alone.

mod access_keys;
mod administrator;
mod attached_policies;
mod boundaries;
mod document;
mod entity;
mod groups;
pub mod guard;
mod holder;
mod inline_policies;
mod instance_profiles;
mod list;
mod managed;
mod oidc_providers;
mod policies;
pub mod policy;
mod policy_entities;
mod policy_versions;
mod roles;
mod service_linked;
mod simulate;
pub mod suggest;
mod tags;
mod users;
mod vault;

use asl::Moment;
use serde::{Deserialize, Serialize};

use crate::operation::operation;
use crate::record::Table;
use crate::{Context, Error, Service};

pub(crate) use access_keys::user_of_key;
pub use administrator::{GivenKey, administrator};
use groups::Group;
pub(crate) use guard::Federated;
pub(crate) use oidc_providers::{Provider, find_issuer, is_safe, name_of};
pub(crate) use policies::policy_text;
pub(crate) use roles::{find_role, id_of_role};
pub(crate) use users::id_of_user;
pub(crate) use vault::ROOT_KEY;
pub use vault::Vault;

/// IAM.
pub static SERVICE: Service = Service {
    name: "iam",
    operations: &[
        &operation!("CreateRole", roles::create_role),
        &operation!("GetRole", roles::get_role),
        &operation!("ListRoles", roles::list_roles),
        &operation!("UpdateRole", roles::update_role),
        &operation!("UpdateAssumeRolePolicy", roles::update_assume_role_policy),
        &operation!("DeleteRole", roles::delete_role),
        &operation!("UpdateRoleDescription", roles::update_role_description),
        &operation!("PutRolePolicy", inline_policies::put::<Role>),
        &operation!("GetRolePolicy", inline_policies::get::<Role>),
        &operation!("ListRolePolicies", inline_policies::list::<Role>),
        &operation!("DeleteRolePolicy", inline_policies::delete::<Role>),
        &operation!("AttachRolePolicy", attached_policies::attach::<Role>),
        &operation!("DetachRolePolicy", attached_policies::detach::<Role>),
        &operation!("ListAttachedRolePolicies", attached_policies::list::<Role>),
        &operation!("PutRolePermissionsBoundary", boundaries::put::<Role>),
        &operation!("DeleteRolePermissionsBoundary", boundaries::delete::<Role>),
        &operation!("TagRole", tags::tag::<Role>),
        &operation!("UntagRole", tags::untag::<Role>),
        &operation!("ListRoleTags", tags::list::<Role>),
        &operation!("CreateServiceLinkedRole", service_linked::create),
        &operation!("DeleteServiceLinkedRole", service_linked::delete),
        &operation!("GetServiceLinkedRoleDeletionStatus", service_linked::status),
        &operation!("CreatePolicy", policies::create_policy),
        &operation!("GetPolicy", policies::get_policy),
        &operation!("ListEntitiesForPolicy", policy_entities::list),
        &operation!("ListPolicies", policies::list_policies),
        &operation!("DeletePolicy", policies::delete_policy),
        &operation!("TagPolicy", tags::tag_policy),
        &operation!("UntagPolicy", tags::untag_policy),
        &operation!("ListPolicyTags", tags::list_policy_tags),
        &operation!("CreatePolicyVersion", policy_versions::create_policy_version),
        &operation!("GetPolicyVersion", policy_versions::get_policy_version),
        &operation!("ListPolicyVersions", policy_versions::list_policy_versions),
        &operation!("SetDefaultPolicyVersion", policy_versions::set_default_policy_version),
        &operation!("DeletePolicyVersion", policy_versions::delete_policy_version),
        &operation!("CreateUser", users::create_user),
        &operation!("GetUser", users::get_user),
        &operation!("ListUsers", users::list_users),
        &operation!("DeleteUser", users::delete_user),
        &operation!("PutUserPolicy", inline_policies::put::<User>),
        &operation!("GetUserPolicy", inline_policies::get::<User>),
        &operation!("ListUserPolicies", inline_policies::list::<User>),
        &operation!("DeleteUserPolicy", inline_policies::delete::<User>),
        &operation!("AttachUserPolicy", attached_policies::attach::<User>),
        &operation!("DetachUserPolicy", attached_policies::detach::<User>),
        &operation!("ListAttachedUserPolicies", attached_policies::list::<User>),
        &operation!("PutUserPermissionsBoundary", boundaries::put::<User>),
        &operation!("DeleteUserPermissionsBoundary", boundaries::delete::<User>),
        &operation!("TagUser", tags::tag::<User>),
        &operation!("UntagUser", tags::untag::<User>),
        &operation!("ListUserTags", tags::list::<User>),
        &operation!("CreateGroup", groups::create),
        &operation!("GetGroup", groups::get),
        &operation!("ListGroups", groups::list),
        &operation!("ListGroupsForUser", groups::list),
        &operation!("AddUserToGroup", groups::add_user),
        &operation!("RemoveUserFromGroup", groups::remove_user),
        &operation!("DeleteGroup", groups::delete),
        &operation!("PutGroupPolicy", inline_policies::put::<Group>),
        &operation!("GetGroupPolicy", inline_policies::get::<Group>),
        &operation!("ListGroupPolicies", inline_policies::list::<Group>),
        &operation!("DeleteGroupPolicy", inline_policies::delete::<Group>),
        &operation!("AttachGroupPolicy", attached_policies::attach::<Group>),
        &operation!("DetachGroupPolicy", attached_policies::detach::<Group>),
        &operation!("ListAttachedGroupPolicies", attached_policies::list::<Group>),
        &operation!("CreateInstanceProfile", instance_profiles::create),
        &operation!("GetInstanceProfile", instance_profiles::get),
        &operation!("ListInstanceProfiles", instance_profiles::list),
        &operation!("ListInstanceProfilesForRole", instance_profiles::list),
        &operation!("AddRoleToInstanceProfile", instance_profiles::add_role),
        &operation!("RemoveRoleFromInstanceProfile", instance_profiles::remove_role),
        &operation!("DeleteInstanceProfile", instance_profiles::delete),
        &operation!("CreateOpenIDConnectProvider", oidc_providers::create),
        &operation!("GetOpenIDConnectProvider", oidc_providers::get),
        &operation!("ListOpenIDConnectProviders", oidc_providers::list),
        &operation!("DeleteOpenIDConnectProvider", oidc_providers::delete),
        &operation!("UpdateOpenIDConnectProviderThumbprint", oidc_providers::update_thumbprint),
        &operation!("AddClientIDToOpenIDConnectProvider", oidc_providers::add_client_id),
        &operation!("RemoveClientIDFromOpenIDConnectProvider", oidc_providers::remove_client_id),
        &operation!("TagOpenIDConnectProvider", oidc_providers::tag),
        &operation!("UntagOpenIDConnectProvider", oidc_providers::untag),
        &operation!("ListOpenIDConnectProviderTags", oidc_providers::list_tags),
        &operation!("SimulatePrincipalPolicy", simulate::principal),
        &operation!("SimulateCustomPolicy", simulate::custom),
        &operation!("CreateAccessKey", access_keys::create_access_key),
        &operation!("ListAccessKeys", access_keys::list_access_keys),
        &operation!("UpdateAccessKey", access_keys::update_access_key),
        &operation!("GetAccessKeyLastUsed", access_keys::get_access_key_last_used),
        &operation!("DeleteAccessKey", access_keys::delete_access_key),
    ],
};

/// Keyed `account/name`.
const ROLES: Table<Role> = Table::new("iam/role");
/// Keyed `account/name`.
const POLICIES: Table<Policy> = Table::new("iam/policy");
/// Keyed `account/name`.
const USERS: Table<User> = Table::new("iam/user");

/// A role.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Role {
    pub name: String,
    pub id: String,
    pub path: String,
    pub arn: String,
    pub created_at: i64,
    /// JSON text, as given.
    pub trust: String,
    pub description: Option<String>,
    pub max_session_seconds: u32,
    pub boundary: Option<String>,
    pub tags: Vec<Tag>,
    /// Inline policies: name and JSON text, by name.
    pub inline: std::collections::BTreeMap<String, String>,
    /// ARNs of attached policies, in the order they were attached.
    pub attached: Vec<String>,
}

/// A managed policy of the account's.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Policy {
    pub name: String,
    pub id: String,
    pub path: String,
    pub arn: String,
    pub description: Option<String>,
    pub created_at: i64,
    pub updated_at: i64,
    pub tags: Vec<Tag>,
    /// Number of the version in force.
    pub default_version: u64,
    pub last_version: u64,
    /// Newest last.
    pub versions: Vec<PolicyVersion>,
}

/// One version of a policy.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct PolicyVersion {
    pub number: u64,
    /// JSON text, as given.
    pub document: String,
    pub created_at: i64,
}

/// A user.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct User {
    name: String,
    id: String,
    path: String,
    arn: String,
    created_at: i64,
    tags: Vec<Tag>,
    #[serde(default)]
    boundary: Option<String>,
    /// Inline policies: name and JSON text, by name.
    #[serde(default)]
    inline: std::collections::BTreeMap<String, String>,
    /// ARNs of attached policies, in the order they were attached.
    #[serde(default)]
    attached: Vec<String>,
}

/// One tag.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Tag {
    pub key: String,
    #[serde(default)]
    pub value: String,
}

/// Whether there is the user or role of an ARN, or the role of a session's.
pub(crate) async fn is_known(context: &Context, arn: &str) -> Result<bool, Error> {
    let account = arn.split(':').nth(4).unwrap_or_default();
    let resource = arn.splitn(6, ':').nth(5).unwrap_or_default();
    let name = resource.rsplit('/').next().unwrap_or_default();
    Ok(match resource.split('/').next() {
        Some("user") => USERS
            .get(context, &key(account, name))
            .await?
            .is_some_and(|found| found.value.arn == arn),
        Some("role") => {
            let owner = roles::owner(account, arn);
            roles::known(context, &owner, name).await?.is_some_and(|role| role.arn == arn)
        }
        Some("assumed-role") => {
            let role = resource.split('/').nth(1).unwrap_or_default();
            roles::known(context, &roles::owner(account, arn), role).await?.is_some()
        }
        _ => false,
    })
}

fn key(account: &str, name: &str) -> String {
    format!("{account}/{name}")
}

fn no_such_entity(message: impl Into<String>) -> Error {
    Error::new("NoSuchEntity", message).with_status(404)
}

fn already_exists(kind: &str, name: &str) -> Error {
    Error::new("EntityAlreadyExists", format!("{kind} with name {name} already exists."))
        .with_status(409)
}

fn delete_conflict(message: &str) -> Error {
    Error::new("DeleteConflict", message).with_status(409)
}

/// A unique id as IAM makes them: four letters for the kind and seventeen more.
fn unique_id(prefix: &str, moment: Moment) -> String {
    format!("{prefix}{}", letters(moment, prefix, 17))
}

fn letters(moment: Moment, stream: &str, count: usize) -> String {
    const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut dice = moment.dice(stream);
    (0..count).map(|_| char::from(LETTERS[(dice.next_u64() >> 59) as usize])).collect()
}

/// `arn:aws:iam::ACCOUNT:KIND/PATH/NAME`.
fn arn(region: &str, account: &str, kind: &str, path: &str, name: &str) -> String {
    format!("arn:{}:iam::{account}:{kind}{path}{name}", crate::arn::partition(region))
}

fn seconds(milliseconds: i64) -> f64 {
    // IAM tells whole seconds.
    (milliseconds / 1000) as f64
}

fn root() -> String {
    "/".to_owned()
}
