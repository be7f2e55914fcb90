//! Access keys of users.

use serde::{Deserialize, Serialize};
use store::Scan;

use super::list::{self, End};
use super::{letters, no_such_entity, seconds, users};
use crate::record::Table;
use crate::{Caller, Context, Error};

/// Keyed by the key's id, whatever the account: a caller says nothing else.
const ACCESS_KEYS: Table<AccessKey> = Table::new("iam/access-key");

/// A user's access key.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct AccessKey {
    pub id: String,
    pub secret: String,
    pub account: String,
    pub user: String,
    pub user_arn: String,
    pub created_at: i64,
}

/// The access key with this id, if a user has one.
pub(crate) async fn find_access_key(
    context: &Context,
    id: &str,
) -> Result<Option<AccessKey>, Error> {
    Ok(ACCESS_KEYS.get(context, id).await?.map(|found| found.value))
}

pub(super) async fn of_user(
    context: &Context,
    account: &str,
    user: &str,
) -> Result<Vec<AccessKey>, Error> {
    let all = ACCESS_KEYS.list(context, Scan::prefix("AKIA", usize::MAX >> 1)).await?;
    let keys = all.into_iter().map(|found| found.value);
    Ok(keys.filter(|key| key.account == account && key.user == user).collect())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CreateRequest {
    user_name: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CreateResponse {
    access_key: Shown,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Shown {
    user_name: String,
    access_key_id: String,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret_access_key: Option<String>,
    create_date: f64,
}

pub(super) async fn create_access_key(
    context: &Context,
    caller: &Caller,
    request: CreateRequest,
) -> Result<CreateResponse, Error> {
    let user = users::find(context, caller, request.user_name.as_deref()).await?.value;
    if of_user(context, &caller.account, &user.name).await?.len() >= 2 {
        let message = "Cannot exceed quota for AccessKeysPerUser: 2";
        return Err(Error::new("LimitExceeded", message).with_status(409));
    }
    let moment = context.clock.moment();
    let key = AccessKey {
        id: format!("AKIA{}", letters(moment, "access key", 16)),
        secret: letters(moment, "secret key", 40),
        account: caller.account.clone(),
        user: user.name,
        user_arn: user.arn,
        created_at: moment.now.0,
    };
    ACCESS_KEYS.insert(context, &key.id, &key).await?;
    let access_key = Shown {
        user_name: key.user,
        access_key_id: key.id,
        status: "Active",
        secret_access_key: Some(key.secret),
        create_date: seconds(key.created_at),
    };
    Ok(CreateResponse { access_key })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListRequest {
    user_name: Option<String>,
    marker: Option<String>,
    max_items: Option<usize>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListResponse {
    access_key_metadata: Vec<Shown>,
    #[serde(flatten)]
    end: End,
}

pub(super) async fn list_access_keys(
    context: &Context,
    caller: &Caller,
    request: ListRequest,
) -> Result<ListResponse, Error> {
    let user = users::find(context, caller, request.user_name.as_deref()).await?.value;
    let keys = of_user(context, &caller.account, &user.name).await?;
    let (keys, end) = list::cut(keys, |key| &key.id, request.marker.as_deref(), request.max_items)?;
    let shown = |key: AccessKey| Shown {
        user_name: key.user,
        access_key_id: key.id,
        status: "Active",
        secret_access_key: None,
        create_date: seconds(key.created_at),
    };
    Ok(ListResponse { access_key_metadata: keys.into_iter().map(shown).collect(), end })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DeleteRequest {
    access_key_id: String,
}

pub(super) async fn delete_access_key(
    context: &Context,
    caller: &Caller,
    request: DeleteRequest,
) -> Result<(), Error> {
    let id = request.access_key_id;
    let known = find_access_key(context, &id).await?;
    if known.is_none_or(|key| key.account != caller.account) {
        return Err(no_such_entity(format!("The Access Key with id {id} cannot be found.")));
    }
    ACCESS_KEYS.remove(context, &id).await
}
