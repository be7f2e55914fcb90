//! Temporary credentials, and whose they are.

use std::borrow::Cow;

use asl::Moment;
use serde::{Deserialize, Serialize};

use crate::record::Table;
use crate::{Caller, Context, Error, Origin, iam};

/// Keyed by the access key id.
pub(super) const SESSIONS: Table<Session> = Table::new("sts/session");

/// What temporary credentials stand for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Session {
    pub secret: String,
    pub token: String,
    pub account: String,
    /// Whom they act as.
    pub arn: String,
    pub expires_at: i64,
}

/// Credentials as answers show them.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Credentials {
    access_key_id: String,
    secret_access_key: String,
    session_token: String,
    expiration: f64,
}

/// Makes credentials with which a caller acts as `arn` for a while.
pub(super) async fn issue(
    context: &Context,
    account: &str,
    arn: &str,
    duration_seconds: i64,
) -> Result<Credentials, Error> {
    let moment = context.clock.moment();
    let id =
        format!("ASIA{}", text(moment, "temporary key", 16, b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"));
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let session = Session {
        secret: text(moment, "temporary secret", 40, alphabet),
        token: text(moment, "session token", 240, alphabet),
        account: account.to_owned(),
        arn: arn.to_owned(),
        expires_at: moment.now.plus_millis(duration_seconds * 1000).0,
    };
    SESSIONS.insert(context, &id, &session).await?;
    Ok(Credentials {
        access_key_id: id,
        secret_access_key: session.secret,
        session_token: session.token,
        expiration: (session.expires_at / 1000) as f64,
    })
}

fn text(moment: Moment, stream: &str, length: usize, alphabet: &[u8]) -> String {
    let mut dice = moment.dice(stream);
    let mut letter = || alphabet[(dice.next_u64() >> 32) as usize % alphabet.len()];
    (0..length).map(|_| char::from(letter())).collect()
}

/// The caller that an access key stands for: of temporary credentials the session, of a user's key the
/// user. Everyone else stays who they are; only the wire's callers are looked up.
///
/// # Errors
/// `ExpiredToken` for credentials whose time is over.
pub async fn resolve<'a>(context: &Context, caller: &'a Caller) -> Result<Cow<'a, Caller>, Error> {
    let Some(id) = caller.access_key.as_deref().filter(|_| caller.origin == Origin::Client) else {
        return Ok(Cow::Borrowed(caller));
    };
    let known = if id.starts_with("ASIA") {
        let Some(found) = SESSIONS.get(context, id).await? else {
            return Ok(Cow::Borrowed(caller));
        };
        if context.clock.moment().now.0 >= found.value.expires_at {
            let message = "The security token included in the request is expired";
            return Err(Error::new("ExpiredTokenException", message).with_status(403));
        }
        Some((found.value.account, found.value.arn))
    } else if id.starts_with("AKIA") {
        iam::find_access_key(context, id).await?.map(|key| (key.account, key.user_arn))
    } else {
        None
    };
    Ok(match known {
        Some((account, arn)) => Cow::Owned(Caller { account, arn, ..caller.clone() }),
        None => Cow::Borrowed(caller),
    })
}
