//! Tags of roles, users and policies.

use serde::{Deserialize, Serialize};

use super::holder::{self, Bounded};
use super::list::{self, End};
use super::{Tag, policies};
use crate::{Caller, Context, Error};

pub(super) fn merge(tags: &mut Vec<Tag>, new: &[Tag]) -> Result<(), Error> {
    for tag in new {
        tags.retain(|known| known.key != tag.key);
        tags.push(tag.clone());
    }
    if tags.len() > 50 {
        let message = "Cannot exceed quota for Tags: 50";
        return Err(Error::new("LimitExceeded", message).with_status(409));
    }
    Ok(())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct TagHolder {
    #[serde(alias = "RoleName", alias = "UserName")]
    holder: String,
    tags: Vec<Tag>,
}

pub(super) async fn tag<H: Bounded>(
    context: &Context,
    caller: &Caller,
    request: TagHolder,
) -> Result<(), Error> {
    holder::change_any::<H, _>(context, caller, &request.holder, |holder| {
        merge(holder.tags(), &request.tags)
    })
    .await
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct UntagHolder {
    #[serde(alias = "RoleName", alias = "UserName")]
    holder: String,
    tag_keys: Vec<String>,
}

pub(super) async fn untag<H: Bounded>(
    context: &Context,
    caller: &Caller,
    request: UntagHolder,
) -> Result<(), Error> {
    holder::change_any::<H, _>(context, caller, &request.holder, |holder| {
        holder.tags().retain(|tag| !request.tag_keys.contains(&tag.key));
        Ok(())
    })
    .await
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListHolderTags {
    #[serde(alias = "RoleName", alias = "UserName")]
    holder: String,
    marker: Option<String>,
    max_items: Option<usize>,
}

pub(super) async fn list<H: Bounded>(
    context: &Context,
    caller: &Caller,
    request: ListHolderTags,
) -> Result<TagsResponse, Error> {
    let mut holder = H::find(context, caller, &request.holder).await?.value;
    page(std::mem::take(holder.tags()), request.marker.as_deref(), request.max_items)
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct TagsResponse {
    tags: Vec<Tag>,
    #[serde(flatten)]
    end: End,
}

fn page(
    mut tags: Vec<Tag>,
    marker: Option<&str>,
    max_items: Option<usize>,
) -> Result<TagsResponse, Error> {
    tags.sort_by(|one, other| one.key.cmp(&other.key));
    let (tags, end) = list::cut(tags, |tag| &tag.key, marker, max_items)?;
    Ok(TagsResponse { tags, end })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct TagPolicy {
    policy_arn: String,
    tags: Vec<Tag>,
}

pub(super) async fn tag_policy(
    context: &Context,
    caller: &Caller,
    request: TagPolicy,
) -> Result<(), Error> {
    let change = policies::change(context, caller, &request.policy_arn, |policy| {
        merge(&mut policy.tags, &request.tags)
    });
    change.await
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct UntagPolicy {
    policy_arn: String,
    tag_keys: Vec<String>,
}

pub(super) async fn untag_policy(
    context: &Context,
    caller: &Caller,
    request: UntagPolicy,
) -> Result<(), Error> {
    policies::change(context, caller, &request.policy_arn, |policy| {
        policy.tags.retain(|tag| !request.tag_keys.contains(&tag.key));
        Ok(())
    })
    .await
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListPolicyTags {
    policy_arn: String,
    marker: Option<String>,
    max_items: Option<usize>,
}

pub(super) async fn list_policy_tags(
    context: &Context,
    caller: &Caller,
    request: ListPolicyTags,
) -> Result<TagsResponse, Error> {
    let policy = policies::find(context, caller, &request.policy_arn).await?.value;
    page(policy.tags, request.marker.as_deref(), request.max_items)
}
