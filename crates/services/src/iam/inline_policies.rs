//! Inline policies of roles.

use serde::{Deserialize, Serialize};

use super::document::{self, Kind};
use super::list::{self, End};
use super::{no_such_entity, roles};
use crate::{Caller, Context, Error};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PutRequest {
    role_name: String,
    policy_name: String,
    policy_document: String,
}

pub(super) async fn put_role_policy(
    context: &Context,
    caller: &Caller,
    request: PutRequest,
) -> Result<(), Error> {
    document::check(&request.policy_document, Kind::Identity)?;
    roles::change(context, caller, &request.role_name, |role| {
        role.inline.insert(request.policy_name.clone(), request.policy_document.clone());
        Ok(())
    })
    .await
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ByName {
    role_name: String,
    policy_name: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetResponse {
    role_name: String,
    policy_name: String,
    policy_document: String,
}

pub(super) async fn get_role_policy(
    context: &Context,
    caller: &Caller,
    request: ByName,
) -> Result<GetResponse, Error> {
    let role = roles::find_role(context, caller, &request.role_name).await?.value;
    let text = role.inline.get(&request.policy_name).ok_or_else(|| missing(&request))?;
    let policy_document = document::shown(text);
    let ByName { role_name, policy_name } = request;
    Ok(GetResponse { role_name, policy_name, policy_document })
}

pub(super) async fn delete_role_policy(
    context: &Context,
    caller: &Caller,
    request: ByName,
) -> Result<(), Error> {
    roles::change(context, caller, &request.role_name, |role| {
        role.inline.remove(&request.policy_name).map(|_| ()).ok_or_else(|| missing(&request))
    })
    .await
}

fn missing(request: &ByName) -> Error {
    let name = &request.policy_name;
    no_such_entity(format!("The role policy with name {name} cannot be found."))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListRequest {
    role_name: String,
    marker: Option<String>,
    max_items: Option<usize>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListResponse {
    policy_names: Vec<String>,
    #[serde(flatten)]
    end: End,
}

pub(super) async fn list_role_policies(
    context: &Context,
    caller: &Caller,
    request: ListRequest,
) -> Result<ListResponse, Error> {
    let role = roles::find_role(context, caller, &request.role_name).await?.value;
    let names: Vec<String> = role.inline.into_keys().collect();
    let (policy_names, end) =
        list::cut(names, String::as_str, request.marker.as_deref(), request.max_items)?;
    Ok(ListResponse { policy_names, end })
}
