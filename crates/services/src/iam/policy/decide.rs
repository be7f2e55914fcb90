//! The evaluation: who wins when policies disagree.
//!
//! An explicit deny anywhere ends it. Within an account, an allow of the identity's policies or of the
//! resource's is enough; a permissions boundary and a session policy must allow too, except where the
//! resource names the user, the session or everybody itself. Across accounts both sides must allow.

use std::sync::Arc;

use super::Keys;
use super::document::{Document, Effect, Statement};
use super::json::Position;
use super::principal::{Grant, Principal};

/// What is asked: may this principal do this with that.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Who asks.
    pub principal: &'a Principal,
    /// `s3:GetObject`.
    pub action: &'a str,
    /// The resource's ARN, or `*` for an action without one.
    pub resource: &'a str,
    /// The account the resource belongs to; none takes it for the principal's.
    pub resource_account: Option<&'a str>,
    /// The context keys.
    pub keys: &'a Keys,
}

/// Every policy that has a say.
#[derive(Clone, Debug, Default)]
pub struct Policies {
    /// Of the user with its groups, or of the role.
    pub identity: Vec<Named>,
    /// The permissions boundary.
    pub boundary: Option<Vec<Named>>,
    /// Handed over when the session was made.
    pub session: Option<Vec<Named>>,
    /// Of the resource: bucket policy, trust policy.
    pub resource: Option<Named>,
    /// Nothing but the resource's policy opens it, as with a role's trust policy.
    pub resource_must_allow: bool,
}

impl Policies {
    /// The keys that any of them asks for.
    pub fn asked_keys(&self) -> impl Iterator<Item = &str> {
        let listed = [Some(&self.identity), self.boundary.as_ref(), self.session.as_ref()];
        let policies = listed.into_iter().flatten().flatten().chain(&self.resource);
        policies.flat_map(|policy| &policy.document.statements).flat_map(Statement::asked_keys)
    }
}

/// A policy by its name or ARN.
#[derive(Clone, Debug)]
pub struct Named {
    /// As a decision's reasons call it.
    pub name: Arc<str>,
    /// What it says.
    pub document: Arc<Document>,
}

/// The answer, with its reasons.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Allowed or not, and where it was decided.
    pub outcome: Outcome,
    /// The statements that decided: those that deny, or else those that allow.
    pub statements: Vec<Matched>,
}

/// Allowed or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is allowed.
    Allowed,
    /// A statement of this layer denies it.
    ExplicitDeny(Layer),
    /// This layer would have to allow it and does not.
    ImplicitDeny(Layer),
}

/// Where a policy comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    /// Attached to the user, its groups or the role.
    Identity,
    /// Attached to the resource.
    Resource,
    /// The permissions boundary.
    Boundary,
    /// The session policy.
    Session,
}

impl Layer {
    /// As AWS's refusals call it.
    pub fn words(self) -> &'static str {
        match self {
            Layer::Identity => "identity-based policy",
            Layer::Resource => "resource-based policy",
            Layer::Boundary => "permissions boundary",
            Layer::Session => "session policy",
        }
    }
}

/// A statement that decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matched {
    /// Where its policy comes from.
    pub layer: Layer,
    /// Its policy.
    pub policy: Arc<str>,
    /// Its `Sid`.
    pub sid: Option<String>,
    /// Where it begins in the document.
    pub start: Position,
    /// Where it ends.
    pub end: Position,
}

impl Decision {
    /// Whether it is allowed.
    pub fn is_allowed(&self) -> bool {
        self.outcome == Outcome::Allowed
    }

    /// The refusal in AWS's words; empty for what is allowed.
    pub fn refusal(&self, principal: &str, action: &str, resource: &str) -> String {
        let asked = format!(
            "User: {principal} is not authorized to perform: {action} on resource: {resource}"
        );
        match self.outcome {
            Outcome::Allowed => String::new(),
            Outcome::ExplicitDeny(layer) => {
                let article = if layer == Layer::Identity { "an" } else { "a" };
                format!("{asked} with an explicit deny in {article} {}", layer.words())
            }
            Outcome::ImplicitDeny(layer) => {
                format!("{asked} because no {} allows the {action} action", layer.words())
            }
        }
    }
}

/// Decides a request.
pub fn decide(request: &Request<'_>, policies: &Policies) -> Decision {
    let identity = verdict(request, Layer::Identity, &policies.identity);
    let limit = |layer, limit: &Option<Vec<Named>>| {
        limit.as_ref().map(|policies| verdict(request, layer, policies))
    };
    let boundary = limit(Layer::Boundary, &policies.boundary);
    let session = limit(Layer::Session, &policies.session);
    let resource = policies.resource.as_ref().map(|policy| of_resource(request, policy));
    let (resource, grant) = match resource {
        Some((verdict, grant)) => (Some(verdict), grant),
        None => (None, None),
    };

    let layers = [Some(&identity), boundary.as_ref(), session.as_ref(), resource.as_ref()];
    if let Some(denying) = layers.into_iter().flatten().find(|verdict| !verdict.denies.is_empty()) {
        let outcome = Outcome::ExplicitDeny(denying.layer);
        return Decision { outcome, statements: denying.denies.clone() };
    }

    let outcome = weigh(request, policies, &identity, boundary.as_ref(), session.as_ref(), grant);
    let statements = match outcome {
        Outcome::Allowed => {
            layers.into_iter().flatten().flat_map(|verdict| verdict.allows.clone()).collect()
        }
        _ => Vec::new(),
    };
    Decision { outcome, statements }
}

/// Whether the allows suffice, when nothing denies.
fn weigh(
    request: &Request<'_>,
    policies: &Policies,
    identity: &Verdict,
    boundary: Option<&Verdict>,
    session: Option<&Verdict>,
    grant: Option<Grant>,
) -> Outcome {
    let Some(account) = request.principal.account() else {
        // Services, federated people and strangers have no policies of their own.
        return match grant {
            Some(_) => Outcome::Allowed,
            None => Outcome::ImplicitDeny(Layer::Resource),
        };
    };
    let owner = request.resource_account.unwrap_or(account);
    let own = owner == account;
    let root = matches!(request.principal, Principal::Root { .. });
    if (!own || policies.resource_must_allow) && grant.is_none() {
        return Outcome::ImplicitDeny(Layer::Resource);
    }
    if own && grant == Some(Grant::Direct) {
        return Outcome::Allowed;
    }
    let granted_by_resource = own && grant == Some(Grant::Role);
    if !root && identity.allows.is_empty() && !granted_by_resource {
        return Outcome::ImplicitDeny(Layer::Identity);
    }
    for limit in [boundary, session].into_iter().flatten() {
        if limit.allows.is_empty() {
            return Outcome::ImplicitDeny(limit.layer);
        }
    }
    Outcome::Allowed
}

/// What the policies of one layer say.
struct Verdict {
    layer: Layer,
    allows: Vec<Matched>,
    denies: Vec<Matched>,
}

fn verdict(request: &Request<'_>, layer: Layer, policies: &[Named]) -> Verdict {
    let mut verdict = Verdict { layer, allows: Vec::new(), denies: Vec::new() };
    for policy in policies {
        for statement in policy.document.statements.iter() {
            if applies(request, statement) {
                verdict.add(policy, statement);
            }
        }
    }
    verdict
}

fn of_resource(request: &Request<'_>, policy: &Named) -> (Verdict, Option<Grant>) {
    let mut verdict = Verdict { layer: Layer::Resource, allows: Vec::new(), denies: Vec::new() };
    let mut strongest = None;
    for statement in policy.document.statements.iter() {
        let Some(grant) = statement.grant(request.principal, request.keys) else { continue };
        if !applies(request, statement) {
            continue;
        }
        verdict.add(policy, statement);
        if statement.effect == Effect::Allow {
            strongest = strongest.max(Some(grant));
        }
    }
    (verdict, strongest)
}

fn applies(request: &Request<'_>, statement: &Statement) -> bool {
    statement.speaks_of(request.action, request.resource, request.keys)
        && statement.conditions_hold(request.keys)
}

impl Verdict {
    fn add(&mut self, policy: &Named, statement: &Statement) {
        let matched = Matched {
            layer: self.layer,
            policy: policy.name.clone(),
            sid: statement.sid.clone(),
            start: statement.start,
            end: statement.end,
        };
        match statement.effect {
            Effect::Allow => self.allows.push(matched),
            Effect::Deny => self.denies.push(matched),
        }
    }
}
