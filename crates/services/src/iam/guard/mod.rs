//! The check before every operation: may this caller do this?
//!
//! In `off` nobody is asked. In `advise` nothing is refused: what AWS would have refused is told once in
//! the log and kept in a file that `stepwell iam report` reads. In `enforce` it is refused in AWS's words.

mod denials;
mod machine_role;
mod permission;
mod subject;

use std::path::Path;
use std::sync::Arc;

use serde_json::Value;

use super::policy::{Decision, Keys, Kind, Layer, Outcome, Request, decide};
use crate::{Caller, Context, Error, Origin};

use denials::Denials;
pub use denials::{Denial, read_denials};
use permission::Need;
use subject::{Subject, Subjects};

/// What becomes of a call that AWS would refuse.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Nobody is asked.
    Off,
    /// It is done, and told.
    #[default]
    Advise,
    /// It is refused.
    Enforce,
}

/// Asks the policies of whoever calls.
pub struct Guard {
    mode: Mode,
    subjects: Subjects,
    denials: Denials,
}

impl Guard {
    /// A guard that keeps what it would have refused in the data folder.
    pub fn new(mode: Mode, data: &Path) -> Guard {
        Guard { mode, subjects: Subjects::default(), denials: Denials::new(data) }
    }

    /// What becomes of refusals.
    pub fn mode(&self) -> Mode {
        self.mode
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
    ) -> Result<(), Error> {
        if self.mode == Mode::Off {
            return Ok(());
        }
        let needs = permission::needed(service, operation, caller, members);
        if needs.is_empty() {
            return Ok(());
        }
        let subject = self.subjects.of(context, caller).await?;
        for need in &needs {
            if let Some(refusal) = self.refusal(context, caller, &subject, need).await? {
                self.refuse(context, caller, service, need, refusal)?;
            }
        }
        if service == "stepfunctions"
            && let Some(refusal) =
                machine_role::refusal(self, context, caller, operation, members).await?
        {
            self.refuse(context, caller, service, &refusal.need, refusal.message)?;
        }
        Ok(())
    }

    /// To be told when IAM's objects may have changed.
    pub(crate) fn changed(&self, service: &str, operation: &str) {
        let reads = ["Get", "List", "Simulate"].iter().any(|word| operation.starts_with(word));
        if service == "iam" && !reads {
            self.subjects.forget();
        }
    }

    async fn refusal(
        &self,
        context: &Context,
        caller: &Caller,
        subject: &Subject,
        need: &Need,
    ) -> Result<Option<String>, Error> {
        let asked = |reason: &str| {
            format!(
                "User: {} is not authorized to perform: {} on resource: {} because {reason}",
                caller.arn, need.action, need.resource
            )
        };
        if let Some(missing) = &subject.missing {
            return Ok(Some(asked(missing)));
        }
        let decision = self.decide(context, caller, subject, need).await?;
        Ok(match decision.outcome {
            Outcome::Allowed => None,
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
        caller: &Caller,
        subject: &Subject,
        need: &Need,
    ) -> Result<Decision, Error> {
        let mut keys: Keys = subject.keys.clone();
        keys.set("aws:RequestedRegion", &*caller.region);
        let now = context.clock.moment().now.0;
        keys.set("aws:EpochTime", (now / 1000).to_string());
        if let Ok(time) = jiff::Timestamp::from_millisecond(now / 1000 * 1000) {
            keys.set("aws:CurrentTime", time.to_string());
        }
        if let Origin::Task { execution_arn, .. } = &caller.origin {
            keys.set("aws:SourceArn", &**execution_arn);
        }
        for (name, values) in &need.keys {
            keys.set_all(name, values.clone());
        }
        let mut policies = subject.policies.clone();
        let mut owner = None;
        if need.action.starts_with("sts:AssumeRole") {
            let account = need.resource.split(':').nth(4).unwrap_or_default();
            owner = Some(account).filter(|account| !account.is_empty());
            policies.resource = subject::trust(context, &need.resource).await?;
            policies.resource_must_allow = true;
        }
        let principal = subject.principal(&caller.arn);
        let request = Request {
            principal: &principal,
            action: &need.action,
            resource: &need.resource,
            resource_account: owner,
            keys: &keys,
        };
        Ok(decide(&request, &policies))
    }

    /// Refuses, or tells that it would have been refused.
    fn refuse(
        &self,
        context: &Context,
        caller: &Caller,
        service: &str,
        need: &Need,
        message: String,
    ) -> Result<(), Error> {
        self.denials.tell(context.clock.moment(), caller, need, &message);
        match self.mode {
            Mode::Enforce => Err(access_denied(service, message)),
            Mode::Off | Mode::Advise => Ok(()),
        }
    }
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
