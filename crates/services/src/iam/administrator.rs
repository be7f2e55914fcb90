//! The first user of an account whose refusals are meant: somebody must be able to make the others.

use super::{USERS, User, access_keys, arn, key, root, unique_id};
use crate::{Context, Error};

/// The user's name.
const NAME: &str = "administrator";
const POLICY: &str = "arn:aws:iam::aws:policy/AdministratorAccess";

/// An access key's id and secret.
#[derive(Clone, PartialEq, Eq)]
pub struct GivenKey {
    /// Its id.
    pub id: String,
    /// The key itself.
    pub secret: String,
}

/// Makes the user `administrator` with an access key, the given one or a new one, in an account where
/// nobody has any. The key that was made; none where there was a key already.
///
/// # Errors
/// The store's; a given key whose id cannot be taken.
pub async fn administrator(
    context: &Context,
    account: &str,
    given: Option<GivenKey>,
) -> Result<Option<GivenKey>, Error> {
    if access_keys::any(context, account).await? {
        return Ok(None);
    }
    let moment = context.clock.moment();
    let user = User {
        arn: arn("us-east-1", account, "user", "/", NAME),
        name: NAME.to_owned(),
        id: unique_id("AIDA", moment),
        path: root(),
        created_at: moment.now.0,
        tags: Vec::new(),
        boundary: None,
        inline: Default::default(),
        attached: vec![POLICY.to_owned()],
    };
    USERS.insert(context, &key(account, NAME), &user).await?;
    let made = match given {
        Some(given) => given,
        None => {
            let (id, secret) = access_keys::make(context)?;
            GivenKey { id, secret }
        }
    };
    access_keys::give(context, &user, account, &made.id, &made.secret).await?;
    Ok(Some(made))
}
