//! Whoever holds policies: roles, users, groups.

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::groups::Group;
use super::{ROLES, Role, Tag, USERS, User, groups, roles, users};
use crate::record::{Found, Table};
use crate::{Caller, Context, Error};

/// A kind of them.
#[async_trait]
pub(super) trait Holder: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// `RoleName`
    const MEMBER: &'static str;
    /// As IAM's texts call it.
    const WORD: &'static str;
    const TABLE: Table<Self>;

    /// The one of that name in the caller's account.
    async fn find(context: &Context, caller: &Caller, name: &str) -> Result<Found<Self>, Error>;

    /// Names and texts of its inline policies.
    fn inline(&mut self) -> &mut BTreeMap<String, String>;

    /// ARNs of the policies attached to it.
    fn attached(&mut self) -> &mut Vec<String>;

    /// Whether it is for its owner to change.
    fn check_changeable(&self) -> Result<(), Error> {
        Ok(())
    }
}

/// Those that have tags and a permissions boundary, too.
pub(super) trait Bounded: Holder {
    fn boundary(&mut self) -> &mut Option<String>;

    fn tags(&mut self) -> &mut Vec<Tag>;
}

/// Changes what one may do.
pub(super) async fn change<H: Holder, R>(
    context: &Context,
    caller: &Caller,
    name: &str,
    mut change: impl FnMut(&mut H) -> Result<R, Error> + Send,
) -> Result<R, Error> {
    let checked = |holder: &mut H| {
        holder.check_changeable()?;
        change(holder)
    };
    change_any(context, caller, name, checked).await
}

/// Changes one, whoever it is for.
pub(super) async fn change_any<H: Holder, R>(
    context: &Context,
    caller: &Caller,
    name: &str,
    change: impl FnMut(&mut H) -> Result<R, Error> + Send,
) -> Result<R, Error> {
    let found = H::find(context, caller, name).await?;
    let changed = H::TABLE.update(context, &found.key, change).await?;
    changed.ok_or_else(|| {
        let word = H::WORD;
        super::no_such_entity(format!("The {word} with name {name} cannot be found."))
    })
}

#[async_trait]
impl Holder for Role {
    const MEMBER: &'static str = "RoleName";
    const WORD: &'static str = "role";
    const TABLE: Table<Role> = ROLES;

    async fn find(context: &Context, caller: &Caller, name: &str) -> Result<Found<Role>, Error> {
        roles::find_role(context, caller, name).await
    }

    fn inline(&mut self) -> &mut BTreeMap<String, String> {
        &mut self.inline
    }

    fn attached(&mut self) -> &mut Vec<String> {
        &mut self.attached
    }

    fn check_changeable(&self) -> Result<(), Error> {
        roles::check_unprotected(self)
    }
}

impl Bounded for Role {
    fn boundary(&mut self) -> &mut Option<String> {
        &mut self.boundary
    }

    fn tags(&mut self) -> &mut Vec<Tag> {
        &mut self.tags
    }
}

#[async_trait]
impl Holder for User {
    const MEMBER: &'static str = "UserName";
    const WORD: &'static str = "user";
    const TABLE: Table<User> = USERS;

    async fn find(context: &Context, caller: &Caller, name: &str) -> Result<Found<User>, Error> {
        users::find(context, caller, Some(name)).await
    }

    fn inline(&mut self) -> &mut BTreeMap<String, String> {
        &mut self.inline
    }

    fn attached(&mut self) -> &mut Vec<String> {
        &mut self.attached
    }
}

impl Bounded for User {
    fn boundary(&mut self) -> &mut Option<String> {
        &mut self.boundary
    }

    fn tags(&mut self) -> &mut Vec<Tag> {
        &mut self.tags
    }
}

#[async_trait]
impl Holder for Group {
    const MEMBER: &'static str = "GroupName";
    const WORD: &'static str = "group";
    const TABLE: Table<Group> = groups::GROUPS;

    async fn find(context: &Context, caller: &Caller, name: &str) -> Result<Found<Group>, Error> {
        groups::find(context, caller, name).await
    }

    fn inline(&mut self) -> &mut BTreeMap<String, String> {
        &mut self.inline
    }

    fn attached(&mut self) -> &mut Vec<String> {
        &mut self.attached
    }
}
