//! GetCallerIdentity.

use serde::{Deserialize, Serialize};

use crate::{Caller, Context, Error, iam};

#[derive(Deserialize)]
pub(super) struct Request {}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Response {
    user_id: String,
    account: String,
    arn: String,
}

pub(super) async fn get_caller_identity(
    context: &Context,
    caller: &Caller,
    _: Request,
) -> Result<Response, Error> {
    let user_id = match caller.arn.split_once(":assumed-role/").and_then(|(_, r)| r.split_once('/'))
    {
        Some((role, session)) => {
            let known = iam::find_role(context, caller, role).await;
            let id = known.map_or_else(|_| role.to_owned(), |known| known.value.id);
            format!("{id}:{session}")
        }
        None if caller.arn.contains(":user/") => {
            let name = caller.arn.rsplit('/').next().unwrap_or_default();
            let id = iam::id_of_user(context, &caller.account, name).await;
            id.unwrap_or_else(|| name.to_owned())
        }
        None if caller.arn.ends_with(":root") => caller.account.clone(),
        None => caller.access_key.clone().unwrap_or_else(|| caller.account.clone()),
    };
    Ok(Response { user_id, account: caller.account.clone(), arn: caller.arn.clone() })
}
