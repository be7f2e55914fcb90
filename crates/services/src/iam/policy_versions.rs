//! Versions of managed policies: at most five, one of them in force.

use serde::{Deserialize, Serialize};

use super::document::{self, Kind};
use super::list::{self, End};
use super::{Policy, PolicyVersion, delete_conflict, no_such_entity, policies, seconds};
use crate::{Caller, Context, Error};

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct VersionResponse {
    policy_version: Shown,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Shown {
    #[serde(skip_serializing_if = "Option::is_none")]
    document: Option<String>,
    version_id: String,
    is_default_version: bool,
    create_date: f64,
}

fn shown(policy: &Policy, version: &PolicyVersion, with_document: bool) -> Shown {
    Shown {
        document: with_document.then(|| document::shown(&version.document)),
        version_id: format!("v{}", version.number),
        is_default_version: version.number == policy.default_version,
        create_date: seconds(version.created_at),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CreateRequest {
    policy_arn: String,
    policy_document: String,
    #[serde(default)]
    set_as_default: bool,
}

pub(super) async fn create_policy_version(
    context: &Context,
    caller: &Caller,
    request: CreateRequest,
) -> Result<VersionResponse, Error> {
    document::check(&request.policy_document, Kind::Identity)?;
    let now = context.clock.moment().now.0;
    let made = policies::change(context, caller, &request.policy_arn, |policy| {
        if policy.versions.len() == 5 {
            return Err(Error::new(
                "LimitExceeded",
                "A managed policy can have up to 5 versions. Before you create a new version, you \
                 must delete an existing version.",
            )
            .with_status(409));
        }
        policy.last_version += 1;
        policy.updated_at = now;
        if request.set_as_default {
            policy.default_version = policy.last_version;
        }
        let document = request.policy_document.clone();
        let version = PolicyVersion { number: policy.last_version, document, created_at: now };
        let made = shown(policy, &version, false);
        policy.versions.push(version);
        Ok(made)
    });
    Ok(VersionResponse { policy_version: made.await? })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ById {
    policy_arn: String,
    version_id: String,
}

fn place(policy: &Policy, id: &str) -> Result<usize, Error> {
    let number = id.strip_prefix('v').and_then(|number| number.parse().ok());
    let place = policy.versions.iter().position(|version| Some(version.number) == number);
    place.ok_or_else(|| {
        no_such_entity(format!(
            "Policy {} version {id} does not exist or is not attachable.",
            policy.arn
        ))
    })
}

pub(super) async fn get_policy_version(
    context: &Context,
    caller: &Caller,
    request: ById,
) -> Result<VersionResponse, Error> {
    let policy = policies::find(context, caller, &request.policy_arn).await?.value;
    let version = &policy.versions[place(&policy, &request.version_id)?];
    Ok(VersionResponse { policy_version: shown(&policy, version, true) })
}

pub(super) async fn set_default_policy_version(
    context: &Context,
    caller: &Caller,
    request: ById,
) -> Result<(), Error> {
    policies::change(context, caller, &request.policy_arn, |policy| {
        policy.default_version = policy.versions[place(policy, &request.version_id)?].number;
        Ok(())
    })
    .await
}

pub(super) async fn delete_policy_version(
    context: &Context,
    caller: &Caller,
    request: ById,
) -> Result<(), Error> {
    policies::change(context, caller, &request.policy_arn, |policy| {
        let place = place(policy, &request.version_id)?;
        if policy.versions[place].number == policy.default_version {
            return Err(delete_conflict("Cannot delete the default version of a policy."));
        }
        policy.versions.remove(place);
        Ok(())
    })
    .await
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListRequest {
    policy_arn: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListResponse {
    versions: Vec<Shown>,
    #[serde(flatten)]
    end: End,
}

/// Newest first; there are never more than a page of them.
pub(super) async fn list_policy_versions(
    context: &Context,
    caller: &Caller,
    request: ListRequest,
) -> Result<ListResponse, Error> {
    let policy = policies::find(context, caller, &request.policy_arn).await?.value;
    let versions =
        policy.versions.iter().rev().map(|version| shown(&policy, version, false)).collect();
    let (versions, end) = list::cut(versions, |version: &Shown| &version.version_id, None, None)?;
    Ok(ListResponse { versions, end })
}
