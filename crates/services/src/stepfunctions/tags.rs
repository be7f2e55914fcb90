//! TagResource, UntagResource, ListTagsForResource.

use serde::{Deserialize, Serialize};

use super::activities::ACTIVITIES;
use super::arn;
use super::machine::{self, MACHINES};
use crate::{Caller, Context, Error};

/// One tag.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Tag {
    #[serde(default)]
    pub key: String,
    #[serde(default)]
    pub value: String,
}

/// Adds tags: a key that is there gets its new value where it stands.
///
/// # Errors
/// `TooManyTags` beyond fifty.
pub(super) fn merge(tags: &mut Vec<Tag>, new: &[Tag], arn: &str) -> Result<(), Error> {
    for tag in new {
        match tags.iter_mut().find(|known| known.key == tag.key) {
            Some(known) => known.value.clone_from(&tag.value),
            None => tags.push(tag.clone()),
        }
    }
    if tags.len() > 50 {
        return Err(Error::new("TooManyTags", format!("Too many tags for resource: '{arn}'"))
            .with("resourceName", arn));
    }
    Ok(())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TagRequest {
    resource_arn: String,
    tags: Vec<Tag>,
}

pub(super) async fn tag_resource(
    context: &Context,
    caller: &Caller,
    request: TagRequest,
) -> Result<(), Error> {
    let arn = &request.resource_arn;
    change(context, caller, arn, |tags| merge(tags, &request.tags, arn)).await
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct UntagRequest {
    resource_arn: String,
    tag_keys: Vec<String>,
}

pub(super) async fn untag_resource(
    context: &Context,
    caller: &Caller,
    request: UntagRequest,
) -> Result<(), Error> {
    change(context, caller, &request.resource_arn, |tags| {
        tags.retain(|tag| !request.tag_keys.contains(&tag.key));
        Ok(())
    })
    .await
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ListRequest {
    resource_arn: String,
}

#[derive(Serialize)]
pub(super) struct ListResponse {
    tags: Vec<Tag>,
}

pub(super) async fn list_tags_for_resource(
    context: &Context,
    caller: &Caller,
    request: ListRequest,
) -> Result<ListResponse, Error> {
    let arn = &request.resource_arn;
    let tags = match tagged(caller, arn)? {
        Tagged::Machine(key) => MACHINES.get(context, &key).await?.map(|found| found.value.tags),
        Tagged::Activity(key) => ACTIVITIES.get(context, &key).await?.map(|found| found.value.tags),
    };
    Ok(ListResponse { tags: tags.ok_or_else(|| not_found(arn))? })
}

/// The tags of a state machine or activity, by the ARN of it or of what belongs to it: an execution is as its
/// state machine is.
///
/// # Errors
/// The store's.
pub(crate) async fn of(context: &Context, arn: &str) -> Result<Vec<(String, String)>, Error> {
    let Ok(parsed) = arn::parse(arn, &["stateMachine", "activity", "execution", "express"]) else {
        return Ok(Vec::new());
    };
    let name = parsed.name.split('/').next().unwrap_or_default();
    let key = format!("{}/{}/{name}", parsed.account, parsed.region);
    let tags = match parsed.resource {
        "activity" => ACTIVITIES.get(context, &key).await?.map(|found| found.value.tags),
        _ => MACHINES.get(context, &key).await?.map(|found| found.value.tags),
    };
    Ok(tags.into_iter().flatten().map(|tag| (tag.key, tag.value)).collect())
}

async fn change(
    context: &Context,
    caller: &Caller,
    arn: &str,
    mut change: impl FnMut(&mut Vec<Tag>) -> Result<(), Error> + Send,
) -> Result<(), Error> {
    let changed = match tagged(caller, arn)? {
        Tagged::Machine(key) => {
            MACHINES.update(context, &key, |machine| change(&mut machine.tags)).await?
        }
        Tagged::Activity(key) => {
            ACTIVITIES.update(context, &key, |activity| change(&mut activity.tags)).await?
        }
    };
    changed.ok_or_else(|| not_found(arn))
}

/// What can have tags, by its key.
enum Tagged {
    Machine(String),
    Activity(String),
}

fn tagged(caller: &Caller, arn: &str) -> Result<Tagged, Error> {
    let parsed = arn::parse(arn, &["stateMachine", "activity"])?;
    if !parsed.is_of(caller) || parsed.rest.is_some() {
        return Err(not_found(arn));
    }
    let key = machine::key(caller, parsed.name);
    Ok(match parsed.resource {
        "activity" => Tagged::Activity(key),
        _ => Tagged::Machine(key),
    })
}

fn not_found(arn: &str) -> Error {
    Error::new("ResourceNotFound", format!("Resource not found: '{arn}'")).with("resourceName", arn)
}
