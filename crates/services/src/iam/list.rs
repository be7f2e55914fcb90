//! IAM's pages: `Marker`, `MaxItems`, `IsTruncated`.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::Scan;

use super::groups::Group;
use super::instance_profiles::Profile;
use super::{Policy, Role, User, key};
use crate::record::Table;
use crate::{Context, Error, page};

/// Which page of what lies under a path.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct UnderPath {
    #[serde(default)]
    path_prefix: String,
    marker: Option<String>,
    max_items: Option<usize>,
}

/// Which page of what a role, a user or a group holds.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct OfHolder {
    #[serde(alias = "RoleName", alias = "UserName", alias = "GroupName")]
    pub holder: String,
    pub marker: Option<String>,
    pub max_items: Option<usize>,
}

/// What has a name and lies under a path.
pub(super) trait Pathed {
    fn name(&self) -> &str;

    fn path(&self) -> &str;
}

/// Where a page ends.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct End {
    is_truncated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    marker: Option<String>,
}

impl End {
    /// The answer: a page's items and its end.
    pub(super) fn with(self, member: &str, items: impl Serialize) -> Value {
        let mut answer = json!(self);
        answer[member] = json!(items);
        answer
    }
}

/// The page that is asked for of those of an account that `keeps` keeps.
pub(super) async fn under_path<T>(
    context: &Context,
    table: &Table<T>,
    account: &str,
    asked: &UnderPath,
    keeps: impl Fn(&T) -> bool,
) -> Result<(Vec<T>, End), Error>
where
    T: Pathed + Serialize + DeserializeOwned + Send,
{
    let scan = Scan::prefix(key(account, ""), usize::MAX >> 1);
    let all = table.list(context, scan).await?.into_iter().map(|found| found.value);
    page_under_path(all.filter(keeps).collect(), asked)
}

/// The page that is asked for of these, which are in the order of their names.
pub(super) fn page_under_path<T: Pathed>(
    mut all: Vec<T>,
    asked: &UnderPath,
) -> Result<(Vec<T>, End), Error> {
    all.retain(|one| one.path().starts_with(&asked.path_prefix));
    cut(all, Pathed::name, asked.marker.as_deref(), asked.max_items)
}

/// Cuts a page out of items that are in the order of their names.
pub(super) fn cut<T>(
    items: Vec<T>,
    name: impl Fn(&T) -> &str,
    marker: Option<&str>,
    max_items: Option<usize>,
) -> Result<(Vec<T>, End), Error> {
    let from = match marker {
        Some(marker) => page::position(marker)
            .ok_or_else(|| Error::new("ValidationError", "Invalid Marker."))?,
        None => String::new(),
    };
    let limit = max_items.unwrap_or(100).clamp(1, 1000);
    let mut rest: Vec<T> = items.into_iter().filter(|item| name(item) >= from.as_str()).collect();
    let marker = rest.get(limit).map(|item| page::token(name(item)));
    rest.truncate(limit);
    Ok((rest, End { is_truncated: marker.is_some(), marker }))
}

macro_rules! pathed {
    ($($kind:ty),*) => {
        $(impl Pathed for $kind {
            fn name(&self) -> &str {
                &self.name
            }

            fn path(&self) -> &str {
                &self.path
            }
        })*
    };
}

pathed!(Role, User, Group, Policy, Profile);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_each_other() {
        let names = || vec!["a".to_owned(), "b".to_owned(), "c".to_owned()];
        let (first, end) = cut(names(), String::as_str, None, Some(2)).unwrap();
        assert_eq!((first.len(), end.is_truncated), (2, true));
        let (second, end) = cut(names(), String::as_str, end.marker.as_deref(), Some(2)).unwrap();
        assert_eq!((second, end.is_truncated), (vec!["c".to_owned()], false));
    }
}
