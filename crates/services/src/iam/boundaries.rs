//! Permissions boundaries: a policy that says what a role or user may do at most.

use serde::Deserialize;

use super::holder::{self, Bounded};
use super::policies;
use crate::{Caller, Context, Error};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PutRequest {
    #[serde(alias = "RoleName", alias = "UserName")]
    holder: String,
    permissions_boundary: String,
}

pub(super) async fn put<H: Bounded>(
    context: &Context,
    caller: &Caller,
    request: PutRequest,
) -> Result<(), Error> {
    policies::find(context, caller, &request.permissions_boundary).await?;
    holder::change::<H, _>(context, caller, &request.holder, |holder| {
        *holder.boundary() = Some(request.permissions_boundary.clone());
        Ok(())
    })
    .await
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DeleteRequest {
    #[serde(alias = "RoleName", alias = "UserName")]
    holder: String,
}

pub(super) async fn delete<H: Bounded>(
    context: &Context,
    caller: &Caller,
    request: DeleteRequest,
) -> Result<(), Error> {
    holder::change::<H, _>(context, caller, &request.holder, |holder| {
        *holder.boundary() = None;
        Ok(())
    })
    .await
}
