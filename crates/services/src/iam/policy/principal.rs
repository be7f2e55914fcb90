//! Who asks, and the `Principal` element that names them.

use super::Keys;
use super::pattern::{Case, Pattern};

/// Who makes a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Principal {
    /// Nobody in particular.
    Anonymous,
    /// The root user of an account.
    Root {
        /// Twelve digits.
        account: String,
    },
    /// An IAM user.
    User {
        /// Twelve digits.
        account: String,
        /// `arn:aws:iam::ACCOUNT:user/…`.
        arn: String,
    },
    /// A session of a role.
    Role {
        /// Twelve digits.
        account: String,
        /// `arn:aws:iam::ACCOUNT:role/…`.
        role: String,
        /// `arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION`.
        session: String,
    },
    /// An AWS service: `states.amazonaws.com`.
    Service(String),
    /// Somebody whom an identity provider vouches for.
    Federated(String),
}

impl Principal {
    /// The account, of those who have one.
    pub fn account(&self) -> Option<&str> {
        match self {
            Principal::Root { account }
            | Principal::User { account, .. }
            | Principal::Role { account, .. } => Some(account),
            Principal::Anonymous | Principal::Service(_) | Principal::Federated(_) => None,
        }
    }

    /// As a refusal names them.
    pub fn arn(&self) -> String {
        match self {
            Principal::Anonymous => "anonymous".to_owned(),
            Principal::Root { account } => format!("arn:aws:iam::{account}:root"),
            Principal::User { arn, .. } => arn.clone(),
            Principal::Role { session, .. } => session.clone(),
            Principal::Service(name) | Principal::Federated(name) => name.clone(),
        }
    }

    /// Everything this principal is, and what naming it would grant.
    fn identities(&self) -> Vec<(Identity<'_>, Grant)> {
        let account = |account| (Identity::Account(account), Grant::Account);
        match self {
            Principal::Anonymous => Vec::new(),
            Principal::Root { account } => vec![(Identity::Account(account), Grant::Direct)],
            Principal::User { account: id, arn } => {
                vec![account(id), (Identity::Arn(arn), Grant::Direct)]
            }
            Principal::Role { account: id, role, session } => vec![
                account(id),
                (Identity::Arn(role), Grant::Role),
                (Identity::Arn(session), Grant::Direct),
            ],
            Principal::Service(name) => vec![(Identity::Service(name), Grant::Direct)],
            Principal::Federated(name) => vec![(Identity::Federated(name), Grant::Direct)],
        }
    }
}

enum Identity<'a> {
    Account(&'a str),
    Arn(&'a str),
    Service(&'a str),
    Federated(&'a str),
}

/// What a resource-based policy gives by the way it names a principal, weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Grant {
    /// The account is named: it may hand the permission on by its own policies.
    Account,
    /// The role is named: a boundary or a session policy still limits its sessions.
    Role,
    /// The principal itself or everybody is named.
    Direct,
}

/// A `Principal` or `NotPrincipal` element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Principals {
    pub negated: bool,
    pub named: Vec<Name>,
}

/// One name in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Name {
    Everyone,
    /// Account number.
    Account(String),
    Arn(String),
    Service(Pattern),
    Federated(String),
    /// Known by an id that only AWS resolves: matches nobody here.
    Other(String),
}

impl Name {
    /// Reads one value of `"AWS": …`.
    pub fn aws(text: &str) -> Option<Name> {
        let digits =
            |text: &str| text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
        if text == "*" {
            return Some(Name::Everyone);
        }
        if digits(text) {
            return Some(Name::Account(text.to_owned()));
        }
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        match parts.as_slice() {
            ["arn", _, "iam", "", account, "root"] if digits(account) => {
                Some(Name::Account((*account).to_owned()))
            }
            ["arn", _, "iam" | "sts", "", account, _] if digits(account) => {
                Some(Name::Arn(text.to_owned()))
            }
            // What AWS makes of a deleted user's or role's ARN.
            [id] if id.starts_with("AIDA") || id.starts_with("AROA") => {
                Some(Name::Other(text.to_owned()))
            }
            _ => None,
        }
    }

    fn is(&self, identity: &Identity<'_>, keys: &Keys) -> bool {
        match (self, identity) {
            (Name::Everyone, _) => true,
            (Name::Account(name), Identity::Account(account)) => name == account,
            (Name::Arn(name), Identity::Arn(arn)) => name == arn,
            (Name::Service(name), Identity::Service(service)) => {
                name.matches(service, keys, Case::Ignored)
            }
            (Name::Federated(name), Identity::Federated(provider)) => name == provider,
            _ => false,
        }
    }
}

impl Principals {
    /// What the element gives this principal; none if it does not speak of them.
    ///
    /// A `NotPrincipal` of a Deny spares only whom it names with account, role and session alike, as
    /// AWS documents; one of an Allow includes only whom it names in no way.
    pub fn grant(&self, principal: &Principal, keys: &Keys, deny: bool) -> Option<Grant> {
        let everyone = self.named.contains(&Name::Everyone);
        let identities = principal.identities();
        let named = |identity: &Identity<'_>| self.named.iter().any(|name| name.is(identity, keys));
        match (self.negated, deny) {
            (false, _) if everyone => Some(Grant::Direct),
            (false, _) => {
                let grants = identities.iter().filter(|(identity, _)| named(identity));
                grants.map(|(_, grant)| *grant).max()
            }
            (true, _) if everyone => None,
            (true, true) => {
                let spared = !identities.is_empty()
                    && identities.iter().all(|(identity, _)| named(identity));
                (!spared).then_some(Grant::Direct)
            }
            (true, false) => {
                let excluded = identities.iter().any(|(identity, _)| named(identity));
                (!excluded).then_some(Grant::Direct)
            }
        }
    }
}
