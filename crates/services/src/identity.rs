//! From an access key to whoever it stands for: a user, a session, an account's root user.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use asl::Timestamp;

use crate::iam::policy::Named;
use crate::iam::{self, ROOT_KEY};
use crate::{Caller, Context, Error, Origin, sts};

/// What an access key stands for, and what proves that a caller has it.
pub struct Identity {
    /// The key's id.
    pub access_key: String,
    /// The key itself.
    pub secret: String,
    /// Temporary credentials have one; it must come with every request.
    pub token: Option<String>,
    /// When they end.
    pub expires_at: Option<Timestamp>,
    /// Twelve digits.
    pub account: String,
    /// Whom it acts as.
    pub arn: String,
    /// What else holds of a session.
    pub(crate) session: Session,
    pub(crate) signing_keys: Mutex<HashMap<String, SigningKey>>,
}

/// A key that is good for one day, region and service.
pub type SigningKey = [u8; 32];

/// Keys at hand for one secret.
const SIGNING_KEYS_MAX: usize = 64;

/// What the policies of a session see, beside those of its role or user.
#[derive(Default)]
pub(crate) struct Session {
    /// The session policies, if any were handed over.
    pub policies: Option<Vec<Named>>,
    /// Condition keys: `aws:PrincipalTag/…`, `sts:SourceIdentity`, `aws:TokenIssueTime`.
    pub keys: Vec<(String, Vec<String>)>,
    /// Of GetSessionToken: it may not ask IAM, nor make more sessions of its kind.
    pub own: bool,
}

impl Identity {
    /// A user of whom nothing is known but the key.
    pub fn of_key(access_key: &str, secret: &str) -> Identity {
        let account = "000000000000".to_owned();
        Identity {
            access_key: access_key.to_owned(),
            secret: secret.to_owned(),
            token: None,
            expires_at: None,
            arn: format!("arn:aws:iam::{account}:user/{access_key}"),
            account,
            session: Session::default(),
            signing_keys: Mutex::default(),
        }
    }

    /// Whoever has the key, asking in a region.
    pub fn caller(&self, region: impl Into<String>) -> Caller {
        Caller {
            account: self.account.clone(),
            region: region.into(),
            arn: self.arn.clone(),
            access_key: Some(self.access_key.clone()),
            origin: Origin::Client,
        }
    }

    /// The key of a scope (`DAY/REGION/SERVICE`), derived once.
    pub fn signing_key(&self, scope: &str, derive: impl FnOnce(&str) -> SigningKey) -> SigningKey {
        let mut known = self.signing_keys.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = known.get(scope) {
            return *key;
        }
        if known.len() >= SIGNING_KEYS_MAX {
            known.clear();
        }
        let key = derive(&self.secret);
        known.insert(scope.to_owned(), key);
        key
    }

    /// Whether it is the root user's key that whoever may read the vault has.
    pub(crate) fn is_of_vault(&self) -> bool {
        self.access_key.starts_with(ROOT_KEY)
    }

    /// Whether its time is over.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| now >= end)
    }
}

/// Secrets are in no log.
impl fmt::Debug for Identity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Identity { access_key, arn, .. } = self;
        formatter
            .debug_struct("Identity")
            .field("access_key", access_key)
            .field("arn", arn)
            .finish()
    }
}

/// Identities at hand. More than this many at once are not kept.
const KEPT_MAX: usize = 10_000;
/// IAM's ids of keys are no longer.
const KEY_BYTES_MAX: usize = 128;

/// Identities by access key, opened once and kept until something in IAM changes. That nobody has a key
/// is kept too: clients with a made-up one ask as often as others.
#[derive(Default)]
pub(crate) struct Identities {
    generation: AtomicU64,
    kept: Mutex<HashMap<String, Kept>>,
}

/// As of which generation, and whose the key is.
type Kept = (u64, Option<Arc<Identity>>);

impl Identities {
    /// Everything is read again.
    pub fn forget(&self) {
        self.generation.fetch_add(1, Ordering::SeqCst);
    }

    /// Something in IAM has changed when it is another.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::SeqCst)
    }

    fn get(&self, access_key: &str, generation: u64) -> Option<Option<Arc<Identity>>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(access_key).filter(|(of, _)| *of == generation).map(|(_, found)| found.clone())
    }

    fn keep(&self, access_key: &str, generation: u64, identity: Option<Arc<Identity>>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT_MAX {
            kept.clear();
        }
        kept.insert(access_key.to_owned(), (generation, identity));
    }
}

/// What an access key stands for; none for one that nobody made, or that is not active.
///
/// # Errors
/// The store's; a secret that was sealed with another key.
pub async fn identity(context: &Context, access_key: &str) -> Result<Option<Arc<Identity>>, Error> {
    let identities = &context.iam.identities;
    let generation = identities.generation.load(Ordering::SeqCst);
    if let Some(found) = identities.get(access_key, generation) {
        return Ok(found);
    }
    let is_session = access_key.starts_with("ASIA");
    let found = if let Some(account) = access_key.strip_prefix(ROOT_KEY) {
        root(context, account)
    } else if is_session {
        sts::session(context, access_key).await?
    } else {
        iam::user_of_key(context, access_key).await?
    };
    let found = found.map(Arc::new);
    // Sessions are made by STS, of which IAM's generation does not tell.
    let may_be_kept = !is_session && access_key.len() <= KEY_BYTES_MAX;
    if found.is_some() || may_be_kept {
        identities.keep(access_key, generation, found.clone());
    }
    Ok(found)
}

fn root(context: &Context, account: &str) -> Option<Identity> {
    let is_account = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    let (access_key, secret) = context.iam.vault.root_key(account);
    is_account.then(|| Identity {
        access_key,
        secret,
        token: None,
        expires_at: None,
        account: account.to_owned(),
        arn: format!("arn:aws:iam::{account}:root"),
        session: Session::default(),
        signing_keys: Mutex::default(),
    })
}

/// The caller that an access key stands for. Everyone else stays who they are; only the wire's callers
/// are looked up.
///
/// # Errors
/// `ExpiredTokenException` for credentials whose time is over.
pub(crate) async fn resolve<'a>(
    context: &Context,
    caller: &'a Caller,
) -> Result<Cow<'a, Caller>, Error> {
    let Some(known) = of_caller(context, caller).await? else { return Ok(Cow::Borrowed(caller)) };
    if known.is_expired(context.clock.moment().now) {
        let message = "The security token included in the request is expired";
        return Err(Error::new("ExpiredTokenException", message).with_status(403));
    }
    if caller.arn == known.arn && caller.account == known.account {
        return Ok(Cow::Borrowed(caller));
    }
    Ok(Cow::Owned(known.caller(&caller.region)))
}

/// What is known of a caller's access key.
pub(crate) async fn of_caller(
    context: &Context,
    caller: &Caller,
) -> Result<Option<Arc<Identity>>, Error> {
    match caller.access_key.as_deref().filter(|_| caller.origin == Origin::Client) {
        Some(id) => identity(context, id).await,
        None => Ok(None),
    }
}
