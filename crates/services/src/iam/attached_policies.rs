//! Managed policies attached to roles, users and groups. AWS's own (`arn:aws:iam::aws:policy/…`) can be
//! attached without being stored here.

use serde::Deserialize;
use serde_json::{Value, json};

use super::holder::{self, Holder};
use super::list::{self, OfHolder};
use super::{no_such_entity, policies};
use crate::{Caller, Context, Error};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Request {
    #[serde(alias = "RoleName", alias = "UserName", alias = "GroupName")]
    holder: String,
    policy_arn: String,
}

pub(super) async fn attach<H: Holder>(
    context: &Context,
    caller: &Caller,
    request: Request,
) -> Result<(), Error> {
    if !policies::is_of_aws(&request.policy_arn) {
        policies::find(context, caller, &request.policy_arn).await?;
    }
    holder::change::<H, _>(context, caller, &request.holder, |holder| {
        if !holder.attached().contains(&request.policy_arn) {
            holder.attached().push(request.policy_arn.clone());
        }
        Ok(())
    })
    .await
}

pub(super) async fn detach<H: Holder>(
    context: &Context,
    caller: &Caller,
    request: Request,
) -> Result<(), Error> {
    let arn = &request.policy_arn;
    holder::change::<H, _>(context, caller, &request.holder, |holder| {
        let place = holder.attached().iter().position(|attached| attached == arn);
        let place = place.ok_or_else(|| no_such_entity(format!("Policy {arn} was not found.")))?;
        holder.attached().remove(place);
        Ok(())
    })
    .await
}

pub(super) async fn list<H: Holder>(
    context: &Context,
    caller: &Caller,
    request: OfHolder,
) -> Result<Value, Error> {
    let mut holder = H::find(context, caller, &request.holder).await?.value;
    let mut attached = holder.attached().clone();
    attached.sort();
    let (arns, end) =
        list::cut(attached, String::as_str, request.marker.as_deref(), request.max_items)?;
    let shown = |arn: String| {
        let name = arn.rsplit('/').next().unwrap_or_default().to_owned();
        json!({ "PolicyName": name, "PolicyArn": arn })
    };
    Ok(end.with("AttachedPolicies", arns.into_iter().map(shown).collect::<Vec<_>>()))
}
