//! Managed policies of the account.

use serde::{Deserialize, Serialize};
use store::Scan;

use super::document::{self, Kind};
use super::list::{self, End, UnderPath};
use super::policy_entities::{self, Entity};
use super::{
    POLICIES, Policy, PolicyVersion, Tag, arn, delete_conflict, key, managed, no_such_entity, root,
    seconds, unique_id,
};
use crate::record::Found;
use crate::{Caller, Context, Error};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CreateRequest {
    policy_name: String,
    #[serde(default = "root")]
    path: String,
    policy_document: String,
    description: Option<String>,
    #[serde(default)]
    tags: Vec<Tag>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PolicyResponse {
    policy: Shown,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Shown {
    policy_name: String,
    policy_id: String,
    arn: String,
    path: String,
    default_version_id: String,
    attachment_count: usize,
    permissions_boundary_usage_count: usize,
    is_attachable: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    create_date: f64,
    update_date: f64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<Tag>,
}

fn shown(policy: Policy, entities: &[Entity]) -> Shown {
    let count = |uses: fn(&Entity, &str) -> bool| {
        entities.iter().filter(|entity| uses(entity, &policy.arn)).count()
    };
    let attachment_count = count(Entity::has_attached);
    let permissions_boundary_usage_count = count(Entity::is_bounded_by);
    Shown {
        policy_name: policy.name,
        policy_id: policy.id,
        arn: policy.arn,
        path: policy.path,
        default_version_id: format!("v{}", policy.default_version),
        attachment_count,
        permissions_boundary_usage_count,
        is_attachable: true,
        description: policy.description,
        create_date: seconds(policy.created_at),
        update_date: seconds(policy.updated_at),
        tags: policy.tags,
    }
}

pub(super) async fn create_policy(
    context: &Context,
    caller: &Caller,
    request: CreateRequest,
) -> Result<PolicyResponse, Error> {
    document::check(&request.policy_document, Kind::Identity)?;
    let moment = context.clock.moment();
    let now = moment.now.0;
    let version = PolicyVersion { number: 1, document: request.policy_document, created_at: now };
    let policy = Policy {
        arn: arn(&caller.region, &caller.account, "policy", &request.path, &request.policy_name),
        id: unique_id("ANPA", moment),
        path: request.path,
        description: request.description,
        created_at: now,
        updated_at: now,
        tags: request.tags,
        default_version: 1,
        last_version: 1,
        versions: vec![version],
        name: request.policy_name,
    };
    if !POLICIES.insert(context, &key(&caller.account, &policy.name), &policy).await? {
        return Err(Error::new(
            "EntityAlreadyExists",
            format!(
                "A policy called {} already exists. Duplicate names are not allowed.",
                policy.name
            ),
        )
        .with_status(409));
    }
    let mut shown = shown(policy, &[]);
    shown.description = None;
    Ok(PolicyResponse { policy: shown })
}

/// Whether a policy is one of AWS's own.
pub(super) fn is_of_aws(arn: &str) -> bool {
    arn.split(':').nth(4) == Some("aws")
}

/// A policy of the caller's account.
///
/// # Errors
/// `NoSuchEntity`.
pub(super) async fn find(
    context: &Context,
    caller: &Caller,
    policy_arn: &str,
) -> Result<Found<Policy>, Error> {
    if let Some(value) = managed::find(policy_arn) {
        return Ok(Found { key: policy_arn.to_owned(), value, version: 0 });
    }
    let name = policy_arn.rsplit('/').next().unwrap_or_default();
    let found = POLICIES.get(context, &key(&caller.account, name)).await?;
    found.filter(|found| found.value.arn == policy_arn).ok_or_else(|| missing(policy_arn))
}

/// The text of a managed policy in its version in force.
///
/// # Errors
/// `NoSuchEntity`.
pub(crate) async fn policy_text(
    context: &Context,
    caller: &Caller,
    policy_arn: &str,
) -> Result<String, Error> {
    let policy = find(context, caller, policy_arn).await?.value;
    let version = policy.versions.into_iter().find(|one| one.number == policy.default_version);
    version.map(|version| version.document).ok_or_else(|| missing(policy_arn))
}

/// Changes a policy.
pub(super) async fn change<R>(
    context: &Context,
    caller: &Caller,
    policy_arn: &str,
    change: impl FnMut(&mut Policy) -> Result<R, Error> + Send,
) -> Result<R, Error> {
    let found = find(context, caller, policy_arn).await?;
    if is_of_aws(policy_arn) {
        return Err(Error::new(
            "AccessDenied",
            format!("Policy {policy_arn} is managed by AWS and cannot be changed."),
        )
        .with_status(403));
    }
    POLICIES.update(context, &found.key, change).await?.ok_or_else(|| missing(policy_arn))
}

fn missing(policy_arn: &str) -> Error {
    if is_of_aws(policy_arn) {
        return no_such_entity(format!(
            "Policy {policy_arn} is one of AWS's that is not known here: it can be attached and grants nothing."
        ));
    }
    no_such_entity(format!("Policy {policy_arn} does not exist or is not attachable."))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ByArn {
    policy_arn: String,
}

pub(super) async fn get_policy(
    context: &Context,
    caller: &Caller,
    request: ByArn,
) -> Result<PolicyResponse, Error> {
    let policy = find(context, caller, &request.policy_arn).await?.value;
    let entities = policy_entities::of_account(context, caller).await?;
    Ok(PolicyResponse { policy: shown(policy, &entities) })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListRequest {
    #[serde(default)]
    only_attached: bool,
    scope: Option<String>,
    #[serde(flatten)]
    page: UnderPath,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListResponse {
    policies: Vec<Shown>,
    #[serde(flatten)]
    end: End,
}

/// The account's policies and AWS's.
pub(super) async fn list_policies(
    context: &Context,
    caller: &Caller,
    request: ListRequest,
) -> Result<ListResponse, Error> {
    let entities = policy_entities::of_account(context, caller).await?;
    let scan = Scan::prefix(key(&caller.account, ""), usize::MAX >> 1);
    let mut policies: Vec<Policy> =
        POLICIES.list(context, scan).await?.into_iter().map(|found| found.value).collect();
    let scope = request.scope.as_deref().unwrap_or("All");
    if scope == "AWS" {
        policies.clear();
    }
    if scope != "Local" {
        policies.extend(managed::all(crate::arn::partition(&caller.region)));
        policies.sort_by(|one, other| one.name.cmp(&other.name));
    }
    policies.retain(|policy| {
        !request.only_attached || entities.iter().any(|entity| entity.has_attached(&policy.arn))
    });
    let (page, end) = list::page_under_path(policies, &request.page)?;
    let shown =
        |policy: Policy| Shown { tags: Vec::new(), description: None, ..shown(policy, &entities) };
    Ok(ListResponse { policies: page.into_iter().map(shown).collect(), end })
}

pub(super) async fn delete_policy(
    context: &Context,
    caller: &Caller,
    request: ByArn,
) -> Result<(), Error> {
    let found = find(context, caller, &request.policy_arn).await?;
    if is_of_aws(&request.policy_arn) {
        let message =
            format!("Policy {} is managed by AWS and cannot be deleted.", request.policy_arn);
        return Err(Error::new("AccessDenied", message).with_status(403));
    }
    let entities = policy_entities::of_account(context, caller).await?;
    let uses = |entity: &Entity| {
        entity.has_attached(&found.value.arn) || entity.is_bounded_by(&found.value.arn)
    };
    if entities.iter().any(uses) {
        return Err(delete_conflict("Cannot delete a policy attached to entities."));
    }
    if found.value.versions.len() > 1 {
        return Err(delete_conflict(
            "This policy has more than one version. Before you delete a policy, you must delete the \
             policy's versions. The default version is deleted with the policy.",
        ));
    }
    POLICIES.remove(context, &found.key).await
}
