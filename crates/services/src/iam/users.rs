//! Users.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::list::{self, End, UnderPath};
use super::{
    Tag, USERS, User, access_keys, already_exists, arn, delete_conflict, groups, key,
    no_such_entity, root, seconds, unique_id,
};
use crate::record::Found;
use crate::{Caller, Context, Error};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CreateRequest {
    #[serde(default = "root")]
    path: String,
    user_name: String,
    permissions_boundary: Option<String>,
    #[serde(default)]
    tags: Vec<Tag>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct UserResponse {
    user: Shown,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Shown {
    path: String,
    user_name: String,
    user_id: String,
    arn: String,
    create_date: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    permissions_boundary: Option<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<Tag>,
}

impl User {
    /// As other kinds' answers show it.
    pub(super) fn shown(self) -> Value {
        json!(Shown::from(self))
    }
}

impl From<User> for Shown {
    fn from(user: User) -> Shown {
        Shown {
            path: user.path,
            user_name: user.name,
            user_id: user.id,
            arn: user.arn,
            create_date: seconds(user.created_at),
            permissions_boundary: user.boundary.map(
                |arn| json!({ "PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": arn }),
            ),
            tags: user.tags,
        }
    }
}

/// The unique id of a user.
pub(crate) async fn id_of_user(context: &Context, account: &str, name: &str) -> Option<String> {
    Some(USERS.get(context, &key(account, name)).await.ok()??.value.id)
}

pub(super) async fn create_user(
    context: &Context,
    caller: &Caller,
    request: CreateRequest,
) -> Result<UserResponse, Error> {
    let moment = context.clock.moment();
    let user = User {
        arn: arn(&caller.region, &caller.account, "user", &request.path, &request.user_name),
        name: request.user_name,
        id: unique_id("AIDA", moment),
        path: request.path,
        created_at: moment.now.0,
        tags: request.tags,
        boundary: request.permissions_boundary,
        inline: Default::default(),
        attached: Vec::new(),
    };
    if USERS.insert(context, &key(&caller.account, &user.name), &user).await? {
        Ok(UserResponse { user: user.into() })
    } else {
        Err(already_exists("User", &user.name))
    }
}

/// A user of the caller's account; without a name, the caller.
pub(super) async fn find(
    context: &Context,
    caller: &Caller,
    name: Option<&str>,
) -> Result<Found<User>, Error> {
    let own = caller.arn.split_once(":user/").and_then(|(_, name)| name.rsplit('/').next());
    let name = name.or(own).ok_or_else(|| {
        Error::new(
            "ValidationError",
            "Must specify userName when calling with non-User credentials",
        )
    })?;
    let found = USERS.get(context, &key(&caller.account, name)).await?;
    found.ok_or_else(|| no_such_entity(format!("The user with name {name} cannot be found.")))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ByName {
    user_name: Option<String>,
}

pub(super) async fn get_user(
    context: &Context,
    caller: &Caller,
    request: ByName,
) -> Result<UserResponse, Error> {
    let user = find(context, caller, request.user_name.as_deref()).await?.value;
    Ok(UserResponse { user: user.into() })
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListResponse {
    users: Vec<Shown>,
    #[serde(flatten)]
    end: End,
}

pub(super) async fn list_users(
    context: &Context,
    caller: &Caller,
    request: UnderPath,
) -> Result<ListResponse, Error> {
    let (users, end) =
        list::under_path(context, &USERS, &caller.account, &request, |_| true).await?;
    let shown = |user| Shown { tags: Vec::new(), ..Shown::from(user) };
    Ok(ListResponse { users: users.into_iter().map(shown).collect(), end })
}

pub(super) async fn delete_user(
    context: &Context,
    caller: &Caller,
    request: ByName,
) -> Result<(), Error> {
    let user = find(context, caller, request.user_name.as_deref()).await?;
    if !access_keys::of_user(context, &caller.account, &user.value.name).await?.is_empty() {
        return Err(delete_conflict("Cannot delete entity, must delete access keys first."));
    }
    if !user.value.attached.is_empty() {
        return Err(delete_conflict("Cannot delete entity, must detach all policies first."));
    }
    if !user.value.inline.is_empty() {
        return Err(delete_conflict("Cannot delete entity, must delete policies first."));
    }
    if !groups::of_user(context, &caller.account, &user.value.name).await?.is_empty() {
        return Err(delete_conflict("Cannot delete entity, must remove users from group first."));
    }
    USERS.remove(context, &user.key).await
}
