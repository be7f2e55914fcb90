//! Groups: users that have policies in common.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::Scan;

use super::list::{self, UnderPath};
use super::{
    already_exists, arn, delete_conflict, key, no_such_entity, root, seconds, unique_id, users,
};
use crate::record::{Found, Table};
use crate::{Caller, Context, Error};

/// Keyed `account/name`.
pub(super) const GROUPS: Table<Group> = Table::new("iam/group");

/// A group.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Group {
    pub name: String,
    pub id: String,
    pub path: String,
    pub arn: String,
    created_at: i64,
    /// Names of its users, in the order they came.
    pub users: Vec<String>,
    pub inline: BTreeMap<String, String>,
    pub attached: Vec<String>,
}

impl Group {
    fn shown(&self) -> Value {
        json!({
            "Path": self.path,
            "GroupName": self.name,
            "GroupId": self.id,
            "Arn": self.arn,
            "CreateDate": seconds(self.created_at),
        })
    }
}

fn missing(name: &str) -> Error {
    no_such_entity(format!("The group with name {name} cannot be found."))
}

/// A group of the caller's account.
pub(super) async fn find(
    context: &Context,
    caller: &Caller,
    name: &str,
) -> Result<Found<Group>, Error> {
    let found = GROUPS.get(context, &key(&caller.account, name)).await?;
    found.ok_or_else(|| missing(name))
}

/// The groups of an account that a user is in.
pub(super) async fn of_user(
    context: &Context,
    account: &str,
    user: &str,
) -> Result<Vec<Group>, Error> {
    let all = GROUPS.list(context, Scan::prefix(key(account, ""), usize::MAX >> 1)).await?;
    let groups = all.into_iter().map(|found| found.value);
    Ok(groups.filter(|group| group.users.iter().any(|known| known == user)).collect())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CreateRequest {
    #[serde(default = "root")]
    path: String,
    group_name: String,
}

pub(super) async fn create(
    context: &Context,
    caller: &Caller,
    request: CreateRequest,
) -> Result<Value, Error> {
    let moment = context.clock.moment();
    let group = Group {
        arn: arn(&caller.region, &caller.account, "group", &request.path, &request.group_name),
        id: unique_id("AGPA", moment),
        name: request.group_name,
        path: request.path,
        created_at: moment.now.0,
        users: Vec::new(),
        inline: BTreeMap::new(),
        attached: Vec::new(),
    };
    if !GROUPS.insert(context, &key(&caller.account, &group.name), &group).await? {
        return Err(already_exists("Group", &group.name));
    }
    Ok(json!({ "Group": group.shown() }))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetRequest {
    group_name: String,
    marker: Option<String>,
    max_items: Option<usize>,
}

pub(super) async fn get(
    context: &Context,
    caller: &Caller,
    request: GetRequest,
) -> Result<Value, Error> {
    let group = find(context, caller, &request.group_name).await?.value;
    let mut names = group.users.clone();
    names.sort();
    let (names, end) =
        list::cut(names, String::as_str, request.marker.as_deref(), request.max_items)?;
    let mut shown = Vec::new();
    for name in &names {
        shown.push(users::find(context, caller, Some(name)).await?.value.shown());
    }
    let mut answer = end.with("Users", shown);
    answer["Group"] = group.shown();
    Ok(answer)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListRequest {
    /// Of ListGroupsForUser.
    user_name: Option<String>,
    #[serde(flatten)]
    page: UnderPath,
}

/// ListGroups, and ListGroupsForUser.
pub(super) async fn list(
    context: &Context,
    caller: &Caller,
    request: ListRequest,
) -> Result<Value, Error> {
    if let Some(user) = &request.user_name {
        users::find(context, caller, Some(user)).await?;
    }
    let of_user =
        |group: &Group| request.user_name.as_ref().is_none_or(|user| group.users.contains(user));
    let (groups, end) =
        list::under_path(context, &GROUPS, &caller.account, &request.page, of_user).await?;
    Ok(end.with("Groups", groups.iter().map(Group::shown).collect::<Vec<_>>()))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Member {
    group_name: String,
    user_name: String,
}

pub(super) async fn add_user(
    context: &Context,
    caller: &Caller,
    request: Member,
) -> Result<(), Error> {
    let user = users::find(context, caller, Some(&request.user_name)).await?.value.name;
    change(context, caller, &request.group_name, |group| {
        if !group.users.contains(&user) {
            group.users.push(user.clone());
        }
    })
    .await
}

pub(super) async fn remove_user(
    context: &Context,
    caller: &Caller,
    request: Member,
) -> Result<(), Error> {
    let user = users::find(context, caller, Some(&request.user_name)).await?.value.name;
    change(context, caller, &request.group_name, |group| group.users.retain(|one| *one != user))
        .await
}

async fn change(
    context: &Context,
    caller: &Caller,
    name: &str,
    mut change: impl FnMut(&mut Group) + Send,
) -> Result<(), Error> {
    let changed = GROUPS
        .update(context, &key(&caller.account, name), |group| {
            change(group);
            Ok(())
        })
        .await?;
    changed.ok_or_else(|| missing(name))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ByName {
    group_name: String,
}

pub(super) async fn delete(
    context: &Context,
    caller: &Caller,
    request: ByName,
) -> Result<(), Error> {
    let found = find(context, caller, &request.group_name).await?;
    let group = &found.value;
    if !group.users.is_empty() {
        return Err(delete_conflict("Cannot delete entity, must remove users from group first."));
    }
    if !group.attached.is_empty() {
        return Err(delete_conflict("Cannot delete entity, must detach all policies first."));
    }
    if !group.inline.is_empty() {
        return Err(delete_conflict("Cannot delete entity, must delete policies first."));
    }
    GROUPS.remove(context, &found.key).await
}
