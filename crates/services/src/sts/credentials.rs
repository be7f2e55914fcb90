//! Temporary credentials, and whose they are.

use std::sync::Arc;

use asl::Timestamp;
use serde::{Deserialize, Serialize};
use store::Scan;

use crate::iam::policy::{Document, Kind, Named};
use crate::identity::{self, Identity};
use crate::record::Table;
use crate::{Context, Error};

/// Keyed by the access key id.
const SESSIONS: Table<Session> = Table::new("sts/session");

/// What temporary credentials stand for.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Session {
    /// Sealed.
    pub secret: String,
    /// Sealed.
    pub token: String,
    pub account: String,
    /// Whom they act as.
    pub arn: String,
    pub issued_at: i64,
    pub expires_at: i64,
    /// What the session may do at most: policy documents by name.
    #[serde(default)]
    pub policies: Option<Vec<(String, String)>>,
    /// Session tags.
    #[serde(default)]
    pub tags: Vec<(String, String)>,
    /// The tags that a further role takes over.
    #[serde(default)]
    pub transitive: Vec<String>,
    #[serde(default)]
    pub source_identity: Option<String>,
    /// Further condition keys.
    #[serde(default)]
    pub keys: Vec<(String, Vec<String>)>,
    /// Made by GetSessionToken.
    #[serde(default)]
    pub own: bool,
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

/// Makes credentials of a session.
pub(super) async fn issue(
    context: &Context,
    session: Session,
    duration_seconds: i64,
) -> Result<Credentials, Error> {
    let now = context.clock.moment().now;
    let vault = &context.iam.vault;
    let letters = vault.letters(24)?;
    let letters = letters.bytes().filter(u8::is_ascii_alphanumeric);
    let letters: Vec<u8> = letters.map(|byte| byte.to_ascii_uppercase()).take(16).collect();
    let id = format!("ASIA{:A<16}", String::from_utf8_lossy(&letters));
    let (secret, token) = (vault.letters(40)?, vault.letters(240)?);
    let session = Session {
        secret: vault.seal(&id, &secret)?,
        token: vault.seal(&id, &token)?,
        issued_at: now.0,
        expires_at: now.plus_millis(duration_seconds * 1000).0,
        ..session
    };
    if !SESSIONS.insert(context, &id, &session).await? {
        return Err(Error::internal("two sessions have the same access key"));
    }
    Ok(Credentials {
        access_key_id: id,
        secret_access_key: secret,
        session_token: token,
        expiration: (session.expires_at / 1000) as f64,
    })
}

/// What is stored of the session with this access key.
pub(super) async fn stored(context: &Context, id: &str) -> Result<Option<Session>, Error> {
    Ok(SESSIONS.get(context, id).await?.map(|found| found.value))
}

/// Whom temporary credentials stand for.
pub(crate) async fn session(context: &Context, id: &str) -> Result<Option<Identity>, Error> {
    let Some(session) = stored(context, id).await? else { return Ok(None) };
    let mut keys = session.keys;
    for (key, value) in &session.tags {
        keys.push((format!("aws:PrincipalTag/{key}"), vec![value.clone()]));
    }
    if let Some(source) = session.source_identity {
        keys.push(("aws:SourceIdentity".to_owned(), vec![source]));
    }
    keys.push(("aws:TokenIssueTime".to_owned(), vec![Timestamp(session.issued_at).iso8601()]));
    let compiled = |(name, text): (String, String)| match Document::parse(&text, Kind::Identity) {
        Ok(document) => Named { name: name.into(), document: Arc::new(document) },
        // It was readable when the session was made; a session that lost its limits may do nothing.
        Err(_) => Named { name: name.into(), document: Arc::default() },
    };
    let policies = session.policies.map(|all| all.into_iter().map(compiled).collect());
    Ok(Some(Identity {
        secret: context.iam.vault.open_sealed(id, &session.secret)?,
        token: Some(context.iam.vault.open_sealed(id, &session.token)?),
        access_key: id.to_owned(),
        expires_at: Some(Timestamp(session.expires_at)),
        account: session.account,
        arn: session.arn,
        session: identity::Session { policies, keys, own: session.own },
        signing_keys: Default::default(),
    }))
}

/// A day longer than they hold, so that their holders hear that they are over.
const KEPT_MILLIS: i64 = 86_400_000;

/// Removes the credentials whose time is long over.
///
/// # Errors
/// The store's.
pub async fn sweep(context: &Context) -> Result<(), Error> {
    let now = context.clock.moment().now.0;
    for found in SESSIONS.list(context, Scan::prefix("ASIA", usize::MAX >> 1)).await? {
        if found.value.expires_at + KEPT_MILLIS < now {
            SESSIONS.remove(context, &found.key).await?;
        }
    }
    Ok(())
}
