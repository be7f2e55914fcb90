//! Who a caller is to IAM, and which policies speak of them: read from the store once and kept until
//! something in IAM changes.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::compiled;
use super::permission::{Need, PASSED_TO};
use crate::iam::policy::{Effect, Keys, Kind, Named, Policies, Principal, Request, decide};
use crate::iam::{POLICIES, Role, USERS, groups, key, managed, roles};
use crate::{Caller, Context, Error};

/// A role or user with its policies compiled.
pub(super) struct Subject {
    /// The role's or the user's ARN.
    arn: String,
    account: String,
    kind: SubjectKind,
    /// Why it has no say, if it is not there at all.
    pub missing: Option<String>,
    pub policies: Policies,
    /// Whether its policies ask keys at all.
    pub asks_keys: bool,
    /// The keys that are always the same for it.
    pub keys: Arc<Keys>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SubjectKind {
    Anonymous,
    Root,
    User,
    Role,
}

impl Subject {
    fn new(
        (arn, account, kind): (String, String, SubjectKind),
        missing: Option<String>,
        policies: Policies,
        keys: Keys,
    ) -> Subject {
        let asks_keys = policies.asked_keys().next().is_some();
        Subject { arn, account, kind, missing, policies, asks_keys, keys: Arc::new(keys) }
    }

    /// Whether a statement would let a role be handed on, were it to another service.
    pub fn may_pass(&self, need: &Need) -> bool {
        let statements = self.policies.identity.iter().flat_map(|it| &it.document.statements);
        need.passed_to().is_some()
            && statements.filter(|statement| statement.effect == Effect::Allow).any(|statement| {
                statement.speaks_of(&need.action, &need.resource, &self.keys)
                    && statement.condition_keys().any(|key| key.eq_ignore_ascii_case(PASSED_TO))
            })
    }

    /// The principal of a session with this ARN.
    pub fn principal(&self, session: &str) -> Principal {
        let account = self.account.clone();
        match self.kind {
            SubjectKind::Anonymous => Principal::Anonymous,
            SubjectKind::Root => Principal::Root { account },
            SubjectKind::User => Principal::User { account, arn: self.arn.clone() },
            SubjectKind::Role => {
                Principal::Role { account, role: self.arn.clone(), session: session.to_owned() }
            }
        }
    }
}

/// Subjects at hand. More than this many at once are not kept.
const KEPT_MAX: usize = 10_000;

/// Subjects by what their ARN says of them.
#[derive(Default)]
pub(super) struct Subjects {
    generation: AtomicU64,
    kept: Mutex<HashMap<String, (u64, Arc<Subject>)>>,
}

impl Subjects {
    /// Everything is read again.
    pub fn forget(&self) {
        self.generation.fetch_add(1, Ordering::SeqCst);
    }

    /// Whoever calls.
    pub async fn of(&self, context: &Context, caller: &Caller) -> Result<Arc<Subject>, Error> {
        // A session's name is different each time; the role is not.
        let who = match caller.arn.split_once(":assumed-role/") {
            Some((front, role)) => {
                let role = role.split('/').next().unwrap_or_default();
                &caller.arn[..front.len() + ":assumed-role/".len() + role.len()]
            }
            None => &caller.arn,
        };
        let generation = self.generation.load(Ordering::SeqCst);
        {
            let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some((of, subject)) = kept.get(who)
                && *of == generation
            {
                return Ok(subject.clone());
            }
        }
        let subject = Arc::new(read(context, caller, who).await?);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT_MAX {
            kept.clear();
        }
        kept.insert(who.to_owned(), (generation, subject.clone()));
        Ok(subject)
    }
}

async fn read(context: &Context, caller: &Caller, who: &str) -> Result<Subject, Error> {
    let account = who.split(':').nth(4).unwrap_or(&caller.account).to_owned();
    let name = who.rsplit('/').next().unwrap_or_default().to_owned();
    if who.contains(":assumed-role/") {
        return of_role(context, caller, &account, &name).await;
    }
    if who.contains(":user/") {
        return of_user(context, &account, who, &name).await;
    }
    let mut keys = Keys::new();
    if who == super::ANONYMOUS {
        keys.set("aws:PrincipalType", "Anonymous");
        let kind = SubjectKind::Anonymous;
        return Ok(Subject::new((who.to_owned(), account, kind), None, Policies::default(), keys));
    }
    keys.set("aws:PrincipalArn", who);
    keys.set("aws:PrincipalAccount", &*account);
    keys.set("aws:PrincipalType", "Account");
    keys.set("aws:userid", &*account);
    let policies = Policies::default();
    let missing = (!who.ends_with(":root")).then(|| format!("{who} has no permissions"));
    Ok(Subject::new((who.to_owned(), account, SubjectKind::Root), missing, policies, keys))
}

async fn of_role(
    context: &Context,
    caller: &Caller,
    account: &str,
    name: &str,
) -> Result<Subject, Error> {
    let owner = Caller { account: account.to_owned(), ..caller.clone() };
    let mut keys = Keys::new();
    keys.set("aws:PrincipalAccount", account);
    keys.set("aws:PrincipalType", "AssumedRole");
    let kind = SubjectKind::Role;
    let account = account.to_owned();
    let Some(role) = roles::known(context, &owner, name).await? else {
        let missing = Some(format!("the role {name} does not exist"));
        let policies = Policies::default();
        return Ok(Subject::new((String::new(), account, kind), missing, policies, keys));
    };
    keys.set("aws:PrincipalArn", &*role.arn);
    keys.set("aws:userid", &*role.id);
    for tag in &role.tags {
        keys.set(&format!("aws:PrincipalTag/{}", tag.key), &*tag.value);
    }
    let mut identity = attached(context, &account, &role.attached).await?;
    let inline = role.inline.iter();
    identity.extend(inline.filter_map(|(name, text)| compiled(name, text, Kind::Identity)));
    let boundary = match &role.boundary {
        Some(arn) => Some(attached(context, &account, std::slice::from_ref(arn)).await?),
        None => None,
    };
    let policies = Policies { identity, boundary, ..Policies::default() };
    Ok(Subject::new((role.arn, account, kind), None, policies, keys))
}

async fn of_user(
    context: &Context,
    account: &str,
    arn: &str,
    name: &str,
) -> Result<Subject, Error> {
    let mut keys = Keys::new();
    keys.set("aws:PrincipalArn", arn);
    keys.set("aws:PrincipalAccount", account);
    keys.set("aws:PrincipalType", "User");
    keys.set("aws:username", name);
    let (mut policies, mut missing) = (Policies::default(), None);
    match USERS.get(context, &key(account, name)).await? {
        Some(user) => {
            keys.set("aws:userid", &*user.value.id);
            for tag in &user.value.tags {
                keys.set(&format!("aws:PrincipalTag/{}", tag.key), &*tag.value);
            }
            policies.identity = attached(context, account, &user.value.attached).await?;
            for group in groups::of_user(context, account, name).await? {
                policies.identity.extend(attached(context, account, &group.attached).await?);
                let inline = group.inline.iter();
                policies
                    .identity
                    .extend(inline.filter_map(|(name, text)| compiled(name, text, Kind::Identity)));
            }
            let inline = user.value.inline.iter();
            policies
                .identity
                .extend(inline.filter_map(|(name, text)| compiled(name, text, Kind::Identity)));
            if let Some(arn) = &user.value.boundary {
                let boundary = attached(context, account, std::slice::from_ref(arn)).await?;
                policies.boundary = Some(boundary);
            }
        }
        None => missing = Some(format!("the user {name} does not exist")),
    }
    let (arn, account) = (arn.to_owned(), account.to_owned());
    Ok(Subject::new((arn, account, SubjectKind::User), missing, policies, keys))
}

/// Managed policies, AWS's and the account's, each in the version in force.
async fn attached(context: &Context, account: &str, arns: &[String]) -> Result<Vec<Named>, Error> {
    let mut policies = Vec::with_capacity(arns.len());
    for arn in arns {
        let policy = match managed::find(arn) {
            Some(policy) => Some(policy),
            None => {
                let name = arn.rsplit('/').next().unwrap_or_default();
                let found = POLICIES.get(context, &key(account, name)).await?;
                found.map(|found| found.value).filter(|policy| policy.arn == *arn)
            }
        };
        let Some(policy) = policy else {
            tracing::warn!("the attached policy `{arn}` is not known here and grants nothing");
            continue;
        };
        let version =
            policy.versions.iter().find(|version| version.number == policy.default_version);
        policies
            .extend(version.and_then(|version| compiled(arn, &version.document, Kind::Identity)));
    }
    Ok(policies)
}

/// The trust policy of the role with this ARN.
pub(super) async fn trust(context: &Context, role_arn: &str) -> Result<Option<Named>, Error> {
    Ok(role(context, role_arn)
        .await?
        .and_then(|role| compiled(&role.arn, &role.trust, Kind::Trust)))
}

/// Whether a role's trust policy lets a service assume it, by the service's global or regional name.
pub(crate) async fn trusts(
    context: &Context,
    role_arn: &str,
    service: &str,
    caller: &Caller,
    source_arn: Option<&str>,
) -> Result<bool, Error> {
    let Some(trust) = trust(context, role_arn).await? else { return Ok(false) };
    let mut keys = Keys::new();
    keys.set("aws:SourceAccount", &*caller.account);
    if let Some(source) = source_arn {
        keys.set("aws:SourceArn", source);
    }
    let policies =
        Policies { resource: Some(trust), resource_must_allow: true, ..Policies::default() };
    let global = Principal::Service(format!("{service}.amazonaws.com"));
    let regional = Principal::Service(format!("{service}.{}.amazonaws.com", caller.region));
    Ok([global, regional].iter().any(|principal| {
        let request = Request {
            principal,
            action: "sts:AssumeRole",
            resource: role_arn,
            resource_account: None,
            keys: &keys,
        };
        decide(&request, &policies).is_allowed()
    }))
}

/// The role with this ARN, if there is one.
pub(super) async fn role(context: &Context, role_arn: &str) -> Result<Option<Role>, Error> {
    let account = role_arn.split(':').nth(4).unwrap_or_default();
    let name = role_arn.rsplit('/').next().unwrap_or_default();
    let owner = roles::owner(account, role_arn);
    let found = roles::known(context, &owner, name).await?;
    Ok(found.filter(|role| role.arn == role_arn))
}
