//! AssumeRole and GetSessionToken.

use serde::{Deserialize, Serialize};

use super::credentials::{self, Credentials, Session};
use crate::{Caller, Context, Error, iam};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct AssumeRequest {
    role_arn: String,
    role_session_name: String,
    duration_seconds: Option<i64>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct AssumeResponse {
    credentials: Credentials,
    assumed_role_user: AssumedRoleUser,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct AssumedRoleUser {
    assumed_role_id: String,
    arn: String,
}

/// Credentials that act with a role, for an hour unless asked otherwise.
pub(super) async fn assume_role(
    context: &Context,
    caller: &Caller,
    request: AssumeRequest,
) -> Result<AssumeResponse, Error> {
    let asked = &request.role_arn;
    let parts: Vec<&str> = asked.splitn(6, ':').collect();
    let (account, role) = match parts.as_slice() {
        ["arn", _, "iam", "", account, role] if role.starts_with("role/") => {
            (*account, role.rsplit('/').next().unwrap_or_default())
        }
        _ => return Err(Error::validation(format!("{asked} is invalid"))),
    };
    let owner = Caller { account: account.to_owned(), ..caller.clone() };
    let found = iam::find_role(context, &owner, role).await;
    // AWS does not tell a stranger whether the role exists.
    let role =
        found.ok().map(|found| found.value).filter(|role| role.arn == *asked).ok_or_else(|| {
            Error::new(
                "AccessDenied",
                format!(
                    "User: {} is not authorized to perform: sts:AssumeRole on resource: {asked}",
                    caller.arn
                ),
            )
            .with_status(403)
        })?;
    let seconds = request.duration_seconds.unwrap_or(3600);
    if seconds > i64::from(role.max_session_seconds) {
        return Err(Error::validation(
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        ));
    }
    let session = &request.role_session_name;
    let partition = crate::arn::partition(&caller.region);
    let arn = format!("arn:{partition}:sts::{account}:assumed-role/{}/{session}", role.name);
    let session = Session { account: account.to_owned(), arn: arn.clone(), ..Session::default() };
    Ok(AssumeResponse {
        credentials: credentials::issue(context, session, seconds).await?,
        assumed_role_user: AssumedRoleUser {
            assumed_role_id: format!("{}:{}", role.id, request.role_session_name),
            arn,
        },
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SessionRequest {
    duration_seconds: Option<i64>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SessionResponse {
    credentials: Credentials,
}

/// Temporary credentials of the caller's own.
pub(super) async fn get_session_token(
    context: &Context,
    caller: &Caller,
    request: SessionRequest,
) -> Result<SessionResponse, Error> {
    let seconds = request.duration_seconds.unwrap_or(43_200);
    let (account, arn) = (caller.account.clone(), caller.arn.clone());
    let session = Session { account, arn, own: true, ..Session::default() };
    let credentials = credentials::issue(context, session, seconds).await?;
    Ok(SessionResponse { credentials })
}
