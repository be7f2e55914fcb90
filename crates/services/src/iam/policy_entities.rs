//! Who managed policies are attached to, and whom they bound: roles, users, groups.

use serde::Deserialize;
use serde_json::{Map, Value, json};
use store::Scan;

use super::groups::GROUPS;
use super::list::{self, Pathed};
use super::{ROLES, USERS, key, policies};
use crate::{Caller, Context, Error};

/// What of a role, a user or a group has to do with managed policies.
pub(super) struct Entity {
    kind: &'static Kind,
    /// Tells it from those of other kinds: `Role/name`.
    key: String,
    name: String,
    id: String,
    path: String,
    attached: Vec<String>,
    boundary: Option<String>,
}

/// IAM's words for one.
struct Kind {
    word: &'static str,
    /// Where lists have it.
    list: &'static str,
}

const ROLE: &Kind = &Kind { word: "Role", list: "PolicyRoles" };
const USER: &Kind = &Kind { word: "User", list: "PolicyUsers" };
const GROUP: &Kind = &Kind { word: "Group", list: "PolicyGroups" };

impl Entity {
    fn of(kind: &'static Kind, one: &impl Pathed, id: String, attached: Vec<String>) -> Entity {
        let (name, path) = (one.name().to_owned(), one.path().to_owned());
        let key = format!("{}/{name}", kind.word);
        Entity { kind, key, name, id, path, attached, boundary: None }
    }

    pub(super) fn has_attached(&self, policy_arn: &str) -> bool {
        self.attached.iter().any(|attached| attached == policy_arn)
    }

    pub(super) fn is_bounded_by(&self, policy_arn: &str) -> bool {
        self.boundary.as_deref() == Some(policy_arn)
    }
}

/// Everyone of the caller's account.
pub(super) async fn of_account(context: &Context, caller: &Caller) -> Result<Vec<Entity>, Error> {
    let scan = || Scan::prefix(key(&caller.account, ""), usize::MAX >> 1);
    let mut all = Vec::new();
    for group in GROUPS.list(context, scan()).await? {
        let group = group.value;
        all.push(Entity::of(GROUP, &group, group.id.clone(), group.attached.clone()));
    }
    for role in ROLES.list(context, scan()).await? {
        let role = role.value;
        let entity = Entity::of(ROLE, &role, role.id.clone(), role.attached.clone());
        all.push(Entity { boundary: role.boundary, ..entity });
    }
    for user in USERS.list(context, scan()).await? {
        let user = user.value;
        let entity = Entity::of(USER, &user, user.id.clone(), user.attached.clone());
        all.push(Entity { boundary: user.boundary, ..entity });
    }
    Ok(all)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Request {
    policy_arn: String,
    entity_filter: Option<String>,
    #[serde(default)]
    path_prefix: String,
    policy_usage_filter: Option<String>,
    marker: Option<String>,
    max_items: Option<usize>,
}

pub(super) async fn list(
    context: &Context,
    caller: &Caller,
    request: Request,
) -> Result<Value, Error> {
    let arn = &request.policy_arn;
    if !policies::is_of_aws(arn) {
        policies::find(context, caller, arn).await?;
    }
    let of_kind = |entity: &Entity| match request.entity_filter.as_deref() {
        None => true,
        Some("AWSManagedPolicy") => policies::is_of_aws(arn),
        Some("LocalManagedPolicy") => !policies::is_of_aws(arn),
        Some(word) => word == entity.kind.word,
    };
    let uses = |entity: &Entity| match request.policy_usage_filter.as_deref() {
        Some("PermissionsBoundary") => entity.is_bounded_by(arn),
        Some(_) => entity.has_attached(arn),
        None => entity.has_attached(arn) || entity.is_bounded_by(arn),
    };
    let mut found = of_account(context, caller).await?;
    found.retain(|one| of_kind(one) && uses(one) && one.path.starts_with(&request.path_prefix));
    let (page, end) =
        list::cut(found, |one| &one.key, request.marker.as_deref(), request.max_items)?;
    let mut answer = json!(end);
    for kind in [GROUP, USER, ROLE] {
        let of_kind = page.iter().filter(|one| one.kind.word == kind.word);
        answer[kind.list] = of_kind.map(shown).collect();
    }
    Ok(answer)
}

fn shown(entity: &Entity) -> Value {
    let word = entity.kind.word;
    let mut shown = Map::new();
    shown.insert(format!("{word}Name"), json!(entity.name));
    shown.insert(format!("{word}Id"), json!(entity.id));
    Value::Object(shown)
}
