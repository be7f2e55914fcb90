//! Access keys of users.

use serde::{Deserialize, Serialize};
use store::Scan;

use super::list::{self, End};
use super::vault::ROOT_KEY;
use super::{letters, no_such_entity, seconds, users};
use crate::identity::{self, Identity};
use crate::record::Table;
use crate::{Caller, Context, Error};

/// Keyed by the key's id, whatever the account: a caller says nothing else.
const ACCESS_KEYS: Table<AccessKey> = Table::new("iam/access-key");

/// A user's access key.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct AccessKey {
    pub id: String,
    /// Sealed.
    secret: String,
    pub account: String,
    pub user: String,
    user_arn: String,
    created_at: i64,
    /// Nobody may use it for the time being.
    #[serde(default)]
    inactive: bool,
}

impl AccessKey {
    fn status(&self) -> &'static str {
        if self.inactive { "Inactive" } else { "Active" }
    }
}

async fn find(context: &Context, id: &str) -> Result<Option<AccessKey>, Error> {
    Ok(ACCESS_KEYS.get(context, id).await?.map(|found| found.value))
}

/// The user whom an active access key stands for.
pub(crate) async fn user_of_key(context: &Context, id: &str) -> Result<Option<Identity>, Error> {
    let Some(key) = find(context, id).await?.filter(|key| !key.inactive) else { return Ok(None) };
    Ok(Some(Identity {
        secret: context.iam.vault.open_sealed(id, &key.secret)?,
        access_key: key.id,
        token: None,
        expires_at: None,
        account: key.account,
        arn: key.user_arn,
        session: identity::Session::default(),
        signing_keys: Default::default(),
    }))
}

/// Whether any user of the account has an access key.
pub(super) async fn any(context: &Context, account: &str) -> Result<bool, Error> {
    let all = ACCESS_KEYS.list(context, Scan::prefix("", usize::MAX >> 1)).await?;
    Ok(all.iter().any(|found| found.value.account == account))
}

/// Gives a user an access key that was made elsewhere.
pub(super) async fn give(
    context: &Context,
    user: &super::User,
    account: &str,
    id: &str,
    secret: &str,
) -> Result<(), Error> {
    let taken = ["ASIA", ROOT_KEY].iter().any(|prefix| id.starts_with(prefix));
    let key = AccessKey {
        id: id.to_owned(),
        secret: context.iam.vault.seal(id, secret)?,
        account: account.to_owned(),
        user: user.name.clone(),
        user_arn: user.arn.clone(),
        created_at: context.clock.moment().now.0,
        inactive: false,
    };
    if taken || !ACCESS_KEYS.insert(context, id, &key).await? {
        return Err(Error::validation(format!("the access key id {id} is taken")));
    }
    Ok(())
}

pub(super) async fn of_user(
    context: &Context,
    account: &str,
    user: &str,
) -> Result<Vec<AccessKey>, Error> {
    let all = ACCESS_KEYS.list(context, Scan::prefix("", usize::MAX >> 1)).await?;
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
    let (id, secret) = make(context)?;
    give(context, &user, &caller.account, &id, &secret).await?;
    let access_key = Shown {
        user_name: user.name,
        access_key_id: id,
        status: "Active",
        secret_access_key: Some(secret),
        create_date: seconds(context.clock.moment().now.0),
    };
    Ok(CreateResponse { access_key })
}

/// A new id and a new secret.
pub(super) fn make(context: &Context) -> Result<(String, String), Error> {
    let id = format!("AKIA{}", letters(context.clock.moment(), "access key", 16));
    Ok((id, context.iam.vault.letters(40)?))
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
        status: key.status(),
        user_name: key.user,
        access_key_id: key.id,
        secret_access_key: None,
        create_date: seconds(key.created_at),
    };
    Ok(ListResponse { access_key_metadata: keys.into_iter().map(shown).collect(), end })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DeleteRequest {
    user_name: Option<String>,
    access_key_id: String,
}

pub(super) async fn delete_access_key(
    context: &Context,
    caller: &Caller,
    request: DeleteRequest,
) -> Result<(), Error> {
    let id = request.access_key_id;
    of_caller(context, caller, &id, request.user_name.as_deref()).await?;
    ACCESS_KEYS.remove(context, &id).await
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct UpdateRequest {
    user_name: Option<String>,
    access_key_id: String,
    status: String,
}

pub(super) async fn update_access_key(
    context: &Context,
    caller: &Caller,
    request: UpdateRequest,
) -> Result<(), Error> {
    let id = &request.access_key_id;
    of_caller(context, caller, id, request.user_name.as_deref()).await?;
    let change = |key: &mut AccessKey| {
        key.inactive = request.status != "Active";
        Ok(())
    };
    ACCESS_KEYS.update(context, id, change).await?.ok_or_else(|| missing(id))
}

/// A key of the caller's account, and of that user if one is named.
async fn of_caller(
    context: &Context,
    caller: &Caller,
    id: &str,
    user: Option<&str>,
) -> Result<AccessKey, Error> {
    let known = find(context, id).await?;
    let own =
        |key: &AccessKey| key.account == caller.account && user.is_none_or(|user| user == key.user);
    known.filter(own).ok_or_else(|| missing(id))
}

fn missing(id: &str) -> Error {
    no_such_entity(format!("The Access Key with id {id} cannot be found."))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct LastUsedRequest {
    access_key_id: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct LastUsedResponse {
    user_name: String,
    access_key_last_used: serde_json::Value,
}

/// Whose a key is. When it was last used is not recorded, which AWS says as it does of a new key.
pub(super) async fn get_access_key_last_used(
    context: &Context,
    caller: &Caller,
    request: LastUsedRequest,
) -> Result<LastUsedResponse, Error> {
    let key = of_caller(context, caller, &request.access_key_id, None).await?;
    let access_key_last_used = serde_json::json!({ "ServiceName": "N/A", "Region": "N/A" });
    Ok(LastUsedResponse { user_name: key.user, access_key_last_used })
}
