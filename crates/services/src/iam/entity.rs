//! What an ARN of IAM's names: a role, a user, a group, a policy, an instance profile, an identity provider.

use super::{POLICIES, ROLES, Tag, USERS, groups, instance_profiles, key, oidc_providers};
use crate::{Context, Error};

/// One of them.
pub(super) struct Entity {
    /// Its ARN, with its path.
    pub arn: String,
    pub tags: Vec<Tag>,
}

/// The entity that an ARN names, whatever path stands there: requests tell names alone.
///
/// # Errors
/// The store's.
pub(super) async fn find(context: &Context, arn: &str) -> Result<Option<Entity>, Error> {
    let account = arn.split(':').nth(4).unwrap_or_default();
    let resource = arn.splitn(6, ':').nth(5).unwrap_or_default();
    let Some((kind, rest)) = resource.split_once('/') else { return Ok(None) };
    let name = rest.rsplit('/').next().unwrap_or_default();
    let key = key(account, if kind == "oidc-provider" { rest } else { name });
    let found = match kind {
        "role" => ROLES.get(context, &key).await?.map(|it| (it.value.arn, it.value.tags)),
        "user" => USERS.get(context, &key).await?.map(|it| (it.value.arn, it.value.tags)),
        "policy" => POLICIES.get(context, &key).await?.map(|it| (it.value.arn, it.value.tags)),
        "group" => {
            let group = groups::GROUPS.get(context, &key).await?;
            group.map(|it| (it.value.arn, Vec::new()))
        }
        "instance-profile" => {
            let profile = instance_profiles::PROFILES.get(context, &key).await?;
            profile.map(|it| (it.value.arn, it.value.tags))
        }
        "oidc-provider" => {
            let provider = oidc_providers::PROVIDERS.get(context, &key).await?;
            provider.map(|it| (it.value.arn, it.value.tags))
        }
        _ => None,
    };
    Ok(found.map(|(arn, tags)| Entity { arn, tags }))
}
