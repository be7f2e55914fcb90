//! Inline policies of roles, users and groups.

use serde::Deserialize;
use serde_json::{Value, json};

use super::document::{self, Kind};
use super::holder::{self, Holder};
use super::list::{self, OfHolder};
use super::no_such_entity;
use crate::{Caller, Context, Error};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PutRequest {
    #[serde(alias = "RoleName", alias = "UserName", alias = "GroupName")]
    holder: String,
    policy_name: String,
    policy_document: String,
}

pub(super) async fn put<H: Holder>(
    context: &Context,
    caller: &Caller,
    request: PutRequest,
) -> Result<(), Error> {
    document::check(&request.policy_document, Kind::Identity)?;
    holder::change::<H, _>(context, caller, &request.holder, |holder| {
        let (name, document) = (request.policy_name.clone(), request.policy_document.clone());
        holder.inline().insert(name, document);
        Ok(())
    })
    .await
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ByName {
    #[serde(alias = "RoleName", alias = "UserName", alias = "GroupName")]
    holder: String,
    policy_name: String,
}

pub(super) async fn get<H: Holder>(
    context: &Context,
    caller: &Caller,
    request: ByName,
) -> Result<Value, Error> {
    let mut holder = H::find(context, caller, &request.holder).await?.value;
    let text = holder.inline().get(&request.policy_name).ok_or_else(|| missing::<H>(&request))?;
    Ok(json!({
        H::MEMBER: request.holder,
        "PolicyName": request.policy_name,
        "PolicyDocument": document::shown(text),
    }))
}

pub(super) async fn delete<H: Holder>(
    context: &Context,
    caller: &Caller,
    request: ByName,
) -> Result<(), Error> {
    holder::change::<H, _>(context, caller, &request.holder, |holder| {
        holder.inline().remove(&request.policy_name).map(drop).ok_or_else(|| missing::<H>(&request))
    })
    .await
}

fn missing<H: Holder>(request: &ByName) -> Error {
    let (kind, name) = (H::WORD, &request.policy_name);
    no_such_entity(format!("The {kind} policy with name {name} cannot be found."))
}

pub(super) async fn list<H: Holder>(
    context: &Context,
    caller: &Caller,
    request: OfHolder,
) -> Result<Value, Error> {
    let mut holder = H::find(context, caller, &request.holder).await?.value;
    let names: Vec<String> = holder.inline().keys().cloned().collect();
    let (names, end) =
        list::cut(names, String::as_str, request.marker.as_deref(), request.max_items)?;
    Ok(end.with("PolicyNames", names))
}
