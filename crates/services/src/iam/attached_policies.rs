//! Managed policies attached to roles. AWS's own (`arn:aws:iam::aws:policy/…`) can be attached
//! without being stored here.

use serde::{Deserialize, Serialize};

use super::list::{self, End};
use super::{no_such_entity, policies, roles};
use crate::{Caller, Context, Error};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Request {
    role_name: String,
    policy_arn: String,
}

pub(super) async fn attach_role_policy(
    context: &Context,
    caller: &Caller,
    request: Request,
) -> Result<(), Error> {
    if !policies::is_of_aws(&request.policy_arn) {
        policies::find(context, caller, &request.policy_arn).await?;
    }
    roles::change(context, caller, &request.role_name, |role| {
        if !role.attached.contains(&request.policy_arn) {
            role.attached.push(request.policy_arn.clone());
        }
        Ok(())
    })
    .await
}

pub(super) async fn detach_role_policy(
    context: &Context,
    caller: &Caller,
    request: Request,
) -> Result<(), Error> {
    let arn = &request.policy_arn;
    roles::change(context, caller, &request.role_name, |role| {
        let place = role.attached.iter().position(|attached| attached == arn);
        let place = place.ok_or_else(|| no_such_entity(format!("Policy {arn} was not found.")))?;
        role.attached.remove(place);
        Ok(())
    })
    .await
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
    attached_policies: Vec<Attached>,
    #[serde(flatten)]
    end: End,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Attached {
    policy_name: String,
    policy_arn: String,
}

pub(super) async fn list_attached_role_policies(
    context: &Context,
    caller: &Caller,
    request: ListRequest,
) -> Result<ListResponse, Error> {
    let role = roles::find_role(context, caller, &request.role_name).await?.value;
    let mut attached = role.attached;
    attached.sort();
    let (arns, end) =
        list::cut(attached, String::as_str, request.marker.as_deref(), request.max_items)?;
    let shown = |arn: String| Attached {
        policy_name: arn.rsplit('/').next().unwrap_or_default().to_owned(),
        policy_arn: arn,
    };
    Ok(ListResponse { attached_policies: arns.into_iter().map(shown).collect(), end })
}
