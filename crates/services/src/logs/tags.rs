//! Tags of log groups: by the group's ARN, and by its name as older clients ask.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{GROUPS, group_key, no_group};
use crate::{Caller, Context, Error};

/// By their keys.
pub(super) type Tags = BTreeMap<String, String>;

const TAGS_MAX: usize = 50;

/// Which group.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ByArn {
    resource_arn: String,
    #[serde(default)]
    tags: Tags,
    #[serde(default)]
    tag_keys: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ByName {
    log_group_name: String,
    /// What to add, or the keys of what to remove.
    #[serde(default)]
    tags: Value,
}

impl ByArn {
    /// The group's key. What is another account's is not here.
    fn key(&self, caller: &Caller) -> Result<String, Error> {
        let mut parts = self.resource_arn.splitn(7, ':');
        let (region, account) = (parts.nth(3), parts.next());
        let name = parts.nth(1).map(|name| name.trim_end_matches(":*"));
        match (region, account, name) {
            (Some(region), Some(account), Some(name)) if account == caller.account => {
                Ok(group_key(account, region, name))
            }
            _ => Err(no_group()),
        }
    }
}

impl ByName {
    fn key(&self, caller: &Caller) -> String {
        group_key(&caller.account, &caller.region, &self.log_group_name)
    }
}

pub(super) async fn tag_resource(
    context: &Context,
    caller: &Caller,
    request: ByArn,
) -> Result<(), Error> {
    add(context, &request.key(caller)?, &request.tags).await
}

pub(super) async fn untag_resource(
    context: &Context,
    caller: &Caller,
    request: ByArn,
) -> Result<(), Error> {
    remove(context, &request.key(caller)?, &request.tag_keys).await
}

pub(super) async fn list_tags_for_resource(
    context: &Context,
    caller: &Caller,
    request: ByArn,
) -> Result<Value, Error> {
    list(context, &request.key(caller)?).await
}

pub(super) async fn tag_log_group(
    context: &Context,
    caller: &Caller,
    request: ByName,
) -> Result<(), Error> {
    let tags: Tags = read(&request.tags)?;
    add(context, &request.key(caller), &tags).await
}

pub(super) async fn untag_log_group(
    context: &Context,
    caller: &Caller,
    request: ByName,
) -> Result<(), Error> {
    let keys: Vec<String> = read(&request.tags)?;
    remove(context, &request.key(caller), &keys).await
}

pub(super) async fn list_tags_log_group(
    context: &Context,
    caller: &Caller,
    request: ByName,
) -> Result<Value, Error> {
    list(context, &request.key(caller)).await
}

fn read<'a, T: Deserialize<'a>>(given: &'a Value) -> Result<T, Error> {
    T::deserialize(given).map_err(|error| Error::validation(error.to_string()))
}

async fn add(context: &Context, key: &str, tags: &Tags) -> Result<(), Error> {
    let changed = GROUPS.update(context, key, |group| {
        group.tags.extend(tags.clone());
        check(&group.tags)
    });
    changed.await?.ok_or_else(no_group)
}

async fn remove(context: &Context, key: &str, keys: &[String]) -> Result<(), Error> {
    let changed = GROUPS.update(context, key, |group| {
        group.tags.retain(|key, _| !keys.contains(key));
        Ok(())
    });
    changed.await?.ok_or_else(no_group)
}

async fn list(context: &Context, key: &str) -> Result<Value, Error> {
    let group = GROUPS.get(context, key).await?.ok_or_else(no_group)?;
    Ok(json!({ "tags": group.value.tags }))
}

/// Whether a group can have them.
pub(super) fn check(tags: &Tags) -> Result<(), Error> {
    if tags.len() > TAGS_MAX {
        return Err(Error::new(
            "TooManyTagsException",
            format!("A resource can have no more than {TAGS_MAX} tags."),
        ));
    }
    Ok(())
}
