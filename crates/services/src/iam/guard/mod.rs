//! The check before every operation: may this caller do this?
//!
//! In `off` nobody is asked. In `advise` nothing is refused: what AWS would have refused is told once in
//! the log and kept in a file that `stepwell iam report` reads. In `enforce` it is refused in AWS's words.

mod bucket;
mod denials;
mod follow;
mod hint;
mod machine_role;
mod permission;
mod service_role;
mod subject;
mod tags;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};

use super::Vault;
use super::entity;
use super::policy::{Decision, Keys, Kind, Layer, Outcome, Policies, Principal, Request, decide};
use crate::audit::Wire;
use crate::identity::{self, Identities, Identity};
use crate::{Caller, Context, Error, Input, Origin};

use bucket::Buckets;
use denials::Denials;
pub use denials::{Denial, read_denials};
pub(super) use follow::of as followed;
pub use hint::{hint, statement};
pub(super) use machine_role::{LOG_DELIVERY, managed_rule};
pub(crate) use permission::{Need, needed};
use subject::{Subject, Subjects};

/// What becomes of a call that AWS would refuse.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mode {
    /// Nobody is asked.
    Off,
    /// It is done, and told.
    #[default]
    Advise,
    /// It is refused.
    Enforce,
}

/// What the configuration says of IAM.
#[derive(Clone, Debug, Default)]
pub struct GuardSettings {
    /// In accounts that have none of their own.
    pub mode: Mode,
    /// By account.
    pub accounts: BTreeMap<String, Mode>,
    /// What AWS documents and the policies of tutorials lack is needed: `sagemaker:AddTags` for the tag that Step
    /// Functions puts on `.sync` jobs, and what else is only told of ([`Need::only_told`]).
    pub require_add_tags: bool,
}

impl From<Mode> for GuardSettings {
    fn from(mode: Mode) -> GuardSettings {
        GuardSettings { mode, ..GuardSettings::default() }
    }
}

/// Who asks, and how: what policies see of a call beside what it is for.
#[derive(Clone, Copy)]
struct Asker<'a> {
    caller: &'a Caller,
    /// Whose access key it is.
    identity: Option<&'a Identity>,
    /// The request that brought the call.
    wire: Option<&'a Wire>,
}

impl<'a> Asker<'a> {
    /// A role that a service acts with.
    fn service(caller: &'a Caller) -> Asker<'a> {
        Asker { caller, identity: None, wire: None }
    }
}

/// Somebody for whom an identity provider vouches, and the role they want.
pub(crate) struct Federated<'a> {
    /// The provider's ARN.
    pub provider: &'a str,
    /// The role's.
    pub role: &'a str,
    /// What the token says, and the request.
    pub keys: Vec<(String, Vec<String>)>,
}

/// Asks the policies of whoever calls.
pub struct Guard {
    settings: GuardSettings,
    subjects: Subjects,
    buckets: Buckets,
    denials: Denials,
    pub(crate) identities: Identities,
    /// Opens the secrets of access keys.
    pub vault: Vault,
}

impl Guard {
    /// A guard that keeps what it refused, or would have, in the data folder.
    ///
    /// # Errors
    /// A key of the vault that cannot be read or written.
    pub fn new(settings: impl Into<GuardSettings>, data: &Path) -> io::Result<Guard> {
        Ok(Guard {
            settings: settings.into(),
            subjects: Subjects::default(),
            buckets: Buckets::default(),
            denials: Denials::new(data)?,
            identities: Identities::default(),
            vault: Vault::open(data)?,
        })
    }

    /// What becomes of refusals in an account.
    pub fn mode(&self, account: &str) -> Mode {
        self.settings.accounts.get(account).copied().unwrap_or(self.settings.mode)
    }

    /// The strictest mode of any account.
    pub fn strictest(&self) -> Mode {
        self.settings.accounts.values().copied().fold(self.settings.mode, Mode::max)
    }

    /// Whether the caller may run the operation.
    ///
    /// # Errors
    /// In `enforce`, `AccessDeniedException` or `AccessDenied`, whichever the service says.
    pub(crate) async fn check(
        &self,
        context: &Context,
        caller: &Caller,
        service: &str,
        operation: &str,
        members: &Value,
        wire: Option<&Wire>,
    ) -> Result<(), Error> {
        if service == "s3" {
            let asker = Asker { caller, identity: None, wire };
            // Others' buckets are open to whom their policies let in, and closed to everybody else, whether or
            // not anybody is asked what they may.
            for need in permission::needed(service, operation, caller, members) {
                if let Some(message) = self.closed(context, asker, &need).await? {
                    self.denials.tell(context.clock.moment(), caller, &need, &message);
                    return Err(access_denied(service, message));
                }
            }
        }
        match self.strictest() {
            Mode::Off => Ok(()),
            Mode::Advise => {
                // Where nothing is refused, a check that fails refuses nothing either.
                let asked = self.ask(context, caller, service, operation, members, wire).await;
                if let Err(error) = asked {
                    tracing::warn!(%error, service, operation, "cannot ask the policies");
                }
                Ok(())
            }
            Mode::Enforce => self.ask(context, caller, service, operation, members, wire).await,
        }
    }

    async fn ask(
        &self,
        context: &Context,
        caller: &Caller,
        service: &str,
        operation: &str,
        members: &Value,
        wire: Option<&Wire>,
    ) -> Result<(), Error> {
        let mut needs = permission::needed(service, operation, caller, members);
        if needs.is_empty() {
            return Ok(());
        }
        if service == "s3" {
            for need in &mut needs {
                let bucket = self.buckets.of_arn(context, &need.resource).await?;
                need.owner = bucket.map(|bucket| bucket.account.clone());
            }
        }
        if service == "iam" && !operation.starts_with("Create") {
            for need in &mut needs {
                // Of what it names a request does not tell the path.
                if let Some(entity) = entity::find(context, &need.resource).await? {
                    need.resource = entity.arn;
                }
            }
        }
        let identity = identity::of_caller(context, caller).await?;
        if identity.as_ref().is_some_and(|identity| identity.session.own)
            && let Some(message) = refusal_of_own_session(service, operation)
        {
            self.denials.tell(context.clock.moment(), caller, &needs[0], &message);
            if self.mode_of(caller, &needs[0]) == Mode::Enforce {
                return Err(access_denied(service, message));
            }
        }
        needs.extend(follow::needed(service, operation, caller, members, &needs[0]));
        let subject = self.subjects.of(context, caller).await?;
        let asker = Asker { caller, identity: identity.as_deref(), wire };
        for need in &needs {
            if self.mode_of(caller, need) == Mode::Off {
                continue;
            }
            if let Some(message) = self.refusal(context, asker, &subject, need).await? {
                if !self.is_meant(need) {
                    self.denials.tell(context.clock.moment(), caller, need, &message);
                    continue;
                }
                let moment = context.clock.moment();
                let to_others = subject.may_pass(need);
                self.denials.tell_because(moment, caller, need, &message, to_others);
                if self.mode_of(caller, need) == Mode::Enforce {
                    return Err(access_denied(service, message));
                }
            }
        }
        if self.mode(&caller.account) == Mode::Off {
            return Ok(());
        }
        if service == "stepfunctions"
            && let Some(refusal) =
                machine_role::refusal(self, context, caller, operation, members).await?
        {
            let machine_role::Refusal { role, need, message } = refusal;
            self.denials.tell(context.clock.moment(), &role, &need, &message);
            if self.mode_of(caller, &need) == Mode::Enforce {
                return Err(access_denied(service, message));
            }
        }
        if service == "sagemaker"
            && let Some((need, error)) =
                service_role::refusal(context, caller, operation, members).await?
        {
            let role = service_role::named(operation, members).unwrap_or_default();
            let role = Caller::service(role, &caller.region, "SageMaker");
            self.denials.tell(context.clock.moment(), &role, &need, &error.message);
            if self.mode(&caller.account) == Mode::Enforce {
                return Err(error);
            }
        }
        Ok(())
    }

    /// Whether a service that acts with a role (a training job that reads its input) may do this.
    ///
    /// # Errors
    /// In `enforce`, AWS's text.
    pub(crate) async fn permits(
        &self,
        context: &Context,
        caller: &Caller,
        action: &str,
        resource: &str,
        keys: &[(&str, &str)],
    ) -> Result<(), String> {
        let keys = keys.iter().map(|(name, value)| (name.to_string(), vec![value.to_string()]));
        let need = Need { keys: keys.collect(), ..Need::new(action, resource) };
        self.grants(context, caller, need).await
    }

    /// As [`Guard::permits`], of a permission that may be one that is only told of.
    ///
    /// # Errors
    /// In `enforce`, AWS's text.
    pub(crate) async fn grants(
        &self,
        context: &Context,
        caller: &Caller,
        mut need: Need,
    ) -> Result<(), String> {
        let mode = self.mode_of(caller, &need);
        let asker = Asker::service(caller);
        let closed = self.closed(context, asker, &need).await;
        if let Some(message) = closed.map_err(|error| error.to_string())? {
            self.denials.tell(context.clock.moment(), caller, &need, &message);
            return Err(message);
        }
        if mode == Mode::Off {
            return Ok(());
        }
        let asked = async {
            let bucket = self.buckets.of_arn(context, &need.resource).await?;
            need.owner = bucket.map(|bucket| bucket.account.clone());
            let subject = self.subjects.of(context, caller).await?;
            self.refusal(context, asker, &subject, &need).await
        };
        let Some(message) = asked.await.map_err(|error| error.to_string())? else { return Ok(()) };
        self.denials.tell(context.clock.moment(), caller, &need, &message);
        if mode == Mode::Enforce && self.is_meant(&need) { Err(message) } else { Ok(()) }
    }

    /// What AWS would have refused an execution, and what was refused it, each with what would allow it. AWS
    /// has no such operation: whoever may describe the execution may know.
    ///
    /// # Errors
    /// `ValidationException`; those of `DescribeExecution`.
    pub async fn of_execution(
        context: &Context,
        caller: &Caller,
        input: Input,
    ) -> Result<Value, Error> {
        let Input { members, wire, .. } = input;
        let Some(arn) = members["executionArn"].as_str() else {
            return Err(Error::validation("`executionArn` must be given"));
        };
        let asked = json!({ "executionArn": arn, "includedData": "METADATA_ONLY" });
        let asked = Input { wire, ..asked.into() };
        crate::call(context, caller, "stepfunctions", "DescribeExecution", asked).await?;
        let told = |denial: Denial| {
            let hint = denial.hint();
            let mut shown = json!(denial);
            shown["hint"] = hint.into();
            shown
        };
        let denials = context.iam.denials.of_execution(arn);
        Ok(json!({ "denials": denials.into_iter().map(told).collect::<Vec<_>>() }))
    }

    /// Whether a role's trust policy lets somebody take it for whom an identity provider vouches.
    ///
    /// # Errors
    /// In `enforce`, AWS's `AccessDenied`.
    pub(crate) async fn check_federated(
        &self,
        context: &Context,
        owner: &Caller,
        action: &str,
        federated: &Federated<'_>,
    ) -> Result<(), Error> {
        let mode = self.mode(&owner.account);
        if mode == Mode::Off {
            return Ok(());
        }
        let mut keys = Keys::new();
        keys.set("aws:FederatedProvider", federated.provider);
        for (name, values) in &federated.keys {
            keys.set_all(name, values.clone());
        }
        let resource = subject::trust(context, federated.role).await?;
        let policies = Policies { resource, resource_must_allow: true, ..Policies::default() };
        let principal = Principal::Federated(federated.provider.to_owned());
        let request = Request {
            principal: &principal,
            action,
            resource: federated.role,
            resource_account: None,
            keys: &keys,
        };
        if decide(&request, &policies).is_allowed() {
            return Ok(());
        }
        let message = format!("Not authorized to perform {action}");
        let caller = Caller { arn: federated.provider.to_owned(), ..owner.clone() };
        let need = Need::new(action, federated.role);
        self.denials.tell(context.clock.moment(), &caller, &need, &message);
        match mode {
            Mode::Enforce => Err(access_denied("sts", message)),
            Mode::Off | Mode::Advise => Ok(()),
        }
    }

    /// The policies of a role or user of the caller's account, and the keys that are always theirs.
    ///
    /// # Errors
    /// `NoSuchEntity`.
    pub(super) async fn of_principal(
        &self,
        context: &Context,
        caller: &Caller,
        arn: &str,
    ) -> Result<(Policies, Keys), Error> {
        let asked = match arn.contains(":role/") {
            true => Caller::service(arn, &caller.region, "simulation"),
            false => Caller { arn: arn.to_owned(), ..caller.clone() },
        };
        let subject = self.subjects.of(context, &asked).await?;
        match &subject.missing {
            Some(_) => Err(super::no_such_entity(format!("{arn} cannot be found."))),
            None => Ok((subject.policies.clone(), (*subject.keys).clone())),
        }
    }

    /// Whether anybody but its own account might be let into a bucket.
    ///
    /// # Errors
    /// The store's.
    pub async fn may_be_open(&self, context: &Context, bucket: &str) -> Result<bool, Error> {
        let bucket = self.buckets.of(context, bucket).await?;
        Ok(bucket.is_some_and(|bucket| bucket.policy.is_some() && !bucket.restricted))
    }

    /// Why a bucket of another account's is closed to the caller, whatever the caller's own account says. One
    /// without a policy is closed by itself.
    async fn closed(
        &self,
        context: &Context,
        asker: Asker<'_>,
        need: &Need,
    ) -> Result<Option<String>, Error> {
        let caller = asker.caller;
        let Some(bucket) = self.buckets.of_arn(context, &need.resource).await? else {
            return Ok(None);
        };
        let is_anonymous = caller.arn == ANONYMOUS;
        let own = bucket.account == caller.account && !is_anonymous;
        let Some(policy) = bucket.policy.as_ref().filter(|_| !own) else { return Ok(None) };
        let subject = self.subjects.of(context, caller).await?;
        let mut keys = Keys::over(&subject.keys);
        set_keys(&mut keys, context, asker, need);
        keys.set("aws:ResourceAccount", &*bucket.account);
        keys.set("s3:ResourceAccount", &*bucket.account);
        let policies = Policies {
            resource: Some(policy.clone()).filter(|_| !bucket.restricted),
            resource_must_allow: true,
            ..Policies::default()
        };
        tags::set_asked(&mut keys, context, need, &policies).await?;
        let principal = subject.principal(&caller.arn);
        let request = Request {
            principal: &principal,
            action: &need.action,
            resource: &need.resource,
            resource_account: Some(&bucket.account),
            keys: &keys,
        };
        let decision = decide(&request, &policies);
        Ok(match decision.outcome {
            Outcome::Allowed | Outcome::ImplicitDeny(Layer::Identity) => None,
            _ if is_anonymous => Some(NO_ACCESS.to_owned()),
            _ => Some(decision.refusal(&caller.arn, &need.action, &need.resource)),
        })
    }

    /// To be told when IAM's objects, or buckets' policies, may have changed.
    pub(crate) fn changed(&self, service: &str, operation: &str) {
        let reads = ["Get", "List", "Simulate"].iter().any(|word| operation.starts_with(word));
        if reads {
            return;
        }
        if service == "iam" {
            self.subjects.forget();
            self.identities.forget();
        }
        let of_bucket = ["BucketPolicy", "PublicAccessBlock", "CreateBucket", "DeleteBucket"];
        if service == "s3" && of_bucket.iter().any(|word| operation.ends_with(word)) {
            self.buckets.forget();
        }
    }

    /// Whether a refusal is more than told.
    fn is_meant(&self, need: &Need) -> bool {
        !need.only_told || self.settings.require_add_tags
    }

    /// The stricter one of the caller's account's and of the resource's.
    fn mode_of(&self, caller: &Caller, need: &Need) -> Mode {
        let own = self.mode(&caller.account);
        need.account().map_or(own, |owner| own.max(self.mode(owner)))
    }

    async fn refusal(
        &self,
        context: &Context,
        asker: Asker<'_>,
        subject: &Subject,
        need: &Need,
    ) -> Result<Option<String>, Error> {
        let caller = asker.caller;
        let asked = |reason: &str| {
            format!(
                "User: {} is not authorized to perform: {} on resource: {} because {reason}",
                caller.arn, need.action, need.resource
            )
        };
        if let Some(missing) = &subject.missing {
            return Ok(Some(asked(missing)));
        }
        // Whoever has the vault's key is whatever service runs here: `stepwell env --role` hands out the
        // sessions that SageMaker's notebooks have.
        if need.action == "sts:AssumeRole" && asker.identity.is_some_and(Identity::is_of_vault) {
            for service in ["sagemaker", "states", "lambda"] {
                if subject::trusts(context, &need.resource, service, caller, None).await? {
                    return Ok(None);
                }
            }
        }
        let decision = self.decide(context, asker, subject, need).await?;
        // Nobody can lock an account's root user out of its buckets' policies.
        let is_own_policy = ["s3:GetBucketPolicy", "s3:PutBucketPolicy", "s3:DeleteBucketPolicy"]
            .contains(&&*need.action)
            && need.owner.as_deref() == Some(&*caller.account);
        if is_own_policy && caller.arn.ends_with(":root") {
            return Ok(None);
        }
        Ok(match decision.outcome {
            Outcome::Allowed => None,
            _ if caller.arn == ANONYMOUS => Some(NO_ACCESS.to_owned()),
            Outcome::ImplicitDeny(Layer::Resource) if need.action == "iam:PassRole" => {
                Some("Cross-account pass role is not allowed.".to_owned())
            }
            // AWS does not tell a stranger what a trust policy lacks.
            Outcome::ImplicitDeny(Layer::Resource) if need.action.starts_with("sts:") => {
                Some(format!(
                    "User: {} is not authorized to perform: {} on resource: {}",
                    caller.arn, need.action, need.resource
                ))
            }
            _ => Some(decision.refusal(&caller.arn, &need.action, &need.resource)),
        })
    }

    async fn decide(
        &self,
        context: &Context,
        asker: Asker<'_>,
        subject: &Subject,
        need: &Need,
    ) -> Result<Decision, Error> {
        let caller = asker.caller;
        let mut policies = Cow::Borrowed(&subject.policies);
        if let Some(session) =
            asker.identity.and_then(|identity| identity.session.policies.as_ref())
        {
            policies.to_mut().session = Some(session.clone());
        }
        const OF_ROLES: [&str; 3] = ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"];
        if OF_ROLES.contains(&need.action.as_str()) {
            let policies = policies.to_mut();
            policies.resource = subject::trust(context, &need.resource).await?;
            policies.resource_must_allow = true;
        } else if let Some(bucket) = self.buckets.of_arn(context, &need.resource).await?
            && bucket.policy.is_some()
        {
            let shut = bucket.restricted && bucket.account != caller.account;
            policies.to_mut().resource = bucket.policy.clone().filter(|_| !shut);
        }
        let mut keys = Keys::over(&subject.keys);
        // Most policies ask none, and every call comes through here.
        if subject.asks_keys || matches!(policies, Cow::Owned(_)) {
            set_keys(&mut keys, context, asker, need);
            tags::set_asked(&mut keys, context, need, &policies).await?;
        }
        let principal = subject.principal(&caller.arn);
        let request = Request {
            principal: &principal,
            action: &need.action,
            resource: &need.resource,
            resource_account: need.account(),
            keys: &keys,
        };
        Ok(decide(&request, &policies))
    }
}

/// Whoever did not sign.
const ANONYMOUS: &str = "anonymous";
/// All that they are told.
const NO_ACCESS: &str = "Access Denied";

/// The keys of a request that are not its principal's alone.
fn set_keys(keys: &mut Keys, context: &Context, asker: Asker<'_>, need: &Need) {
    let Asker { caller, identity, wire } = asker;
    keys.set("aws:RequestedRegion", &*caller.region);
    let now = context.clock.moment().now.0;
    keys.set("aws:EpochTime", (now / 1000).to_string());
    if let Ok(time) = jiff::Timestamp::from_millisecond(now / 1000 * 1000) {
        keys.set("aws:CurrentTime", time.to_string());
        if caller.origin != Origin::Client {
            // Services take a role's session when they need it.
            keys.set("aws:TokenIssueTime", time.to_string());
        }
    }
    if let Origin::Task { execution_arn, .. } = &caller.origin {
        keys.set("aws:SourceArn", &**execution_arn);
    }
    // Services act with roles here, and nobody's rights are handed from one to the next.
    keys.set("aws:ViaAWSService", "false");
    keys.set("aws:PrincipalIsAWSService", "false");
    if let Some(owner) =
        need.account().or_else(|| (need.resource != "*").then_some(&*caller.account))
    {
        keys.set("aws:ResourceAccount", owner);
        if need.action.starts_with("s3:") {
            keys.set("s3:ResourceAccount", owner);
        }
    }
    let session =
        caller.arn.split_once(":assumed-role/").and_then(|(_, role)| role.split_once('/'));
    if let (Some((_, session)), Some(role)) = (session, keys.single("aws:userid")) {
        let id = format!("{role}:{session}");
        keys.set("aws:userid", id);
    }
    if session.is_some() || identity.is_some_and(|identity| identity.token.is_some()) {
        // Temporary credentials say so, and nobody has a second factor.
        keys.set("aws:MultiFactorAuthPresent", "false");
    }
    set_wire_keys(keys, context, caller, wire);
    for (name, values) in &need.keys {
        keys.set_all(name, values.clone());
    }
    for (name, values) in identity.into_iter().flat_map(|identity| &identity.session.keys) {
        keys.set_all(name, values.clone());
    }
}

/// The keys of the connection that a request came by. Where a service calls there is none: as on AWS it has no
/// address that a policy would name, and nobody can listen in.
fn set_wire_keys(keys: &mut Keys, context: &Context, caller: &Caller, wire: Option<&Wire>) {
    let Some(wire) = wire else {
        if caller.origin != Origin::Client {
            keys.set("aws:SecureTransport", "true");
        }
        return;
    };
    keys.set("aws:SourceIp", wire.address.to_string());
    keys.set("aws:SecureTransport", wire.tls.is_some().to_string());
    if let Some(version) = wire.tls.and_then(|tls| tls.version.strip_prefix("TLSv")) {
        keys.set("s3:TlsVersion", version);
    }
    if let Some(signed) = wire.signed {
        keys.set("s3:signatureversion", signed.version);
        keys.set("s3:authType", if signed.in_url { "REST-QUERY-STRING" } else { "REST-HEADER" });
        if let Some(at) = signed.at {
            let now = context.clock.moment().now.0;
            keys.set("s3:signatureAge", (now - at).max(0).to_string());
        }
    }
    for (key, told) in [("aws:UserAgent", &wire.user_agent), ("aws:Referer", &wire.referer)] {
        if let Some(told) = told {
            keys.set(key, &**told);
        }
    }
}

/// What a session of GetSessionToken may not do, whatever its user may.
fn refusal_of_own_session(service: &str, operation: &str) -> Option<String> {
    let may = match service {
        "iam" => false,
        "sts" => ["AssumeRole", "GetCallerIdentity"].contains(&operation),
        _ => true,
    };
    (!may).then(|| format!("Cannot call {operation} with session credentials"))
}

/// As the service says it.
fn access_denied(service: &str, message: String) -> Error {
    match service {
        "s3" | "iam" | "sts" | "cloudwatch" => Error::new("AccessDenied", message).with_status(403),
        "sns" => Error::new("AuthorizationError", message).with_status(403),
        _ => Error::new("AccessDeniedException", message),
    }
}

/// A stored document, compiled; none for one that cannot be read any more.
fn compiled(name: &str, text: &str, kind: Kind) -> Option<super::policy::Named> {
    match super::policy::Document::parse(text, kind) {
        Ok(document) => {
            Some(super::policy::Named { name: name.into(), document: Arc::new(document) })
        }
        Err(problem) => {
            tracing::warn!("the policy `{name}` grants nothing: {problem}");
            None
        }
    }
}
