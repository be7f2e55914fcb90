//! What has changed, for whoever looks on: the console shows executions and jobs as they are now.
//!
//! A change says where to look and never what is there; whoever wants to know asks the API, with the
//! rights it takes. Nobody waits for a reader: one that falls behind is told so, and looks at everything
//! again.

mod growth;

use std::path::Path;
use std::sync::Arc;

use serde_json::Value;
use tokio::sync::broadcast;

use crate::audit::Wire;
use crate::{Caller, Context, Error, identity};
use growth::Growing;

pub(crate) use growth::length;

/// So many changes wait for the slowest reader.
const WAITING_MAX: usize = 4096;

/// Something is not as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// botocore's name of the service.
    pub service: &'static str,
    /// Whose.
    pub account: String,
    /// Where; none for what has no region (buckets, roles).
    pub region: Option<String>,
    /// What, if it is one thing with an ARN.
    pub arn: Option<String>,
}

impl Change {
    /// Without a region or an ARN if the text is empty.
    pub fn of(service: &'static str, account: &str, region: &str, arn: &str) -> Change {
        let unless_empty = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Change {
            service,
            account: account.to_owned(),
            region: unless_empty(region),
            arn: unless_empty(arn),
        }
    }
}

/// Tells of changes.
#[derive(Clone)]
pub struct Changes {
    sender: broadcast::Sender<Arc<Change>>,
    growing: Arc<Growing>,
}

impl Default for Changes {
    fn default() -> Changes {
        Changes { sender: broadcast::Sender::new(WAITING_MAX), growing: Arc::default() }
    }
}

/// The changes that a caller may know of, from now on.
pub struct Subscription {
    receiver: broadcast::Receiver<Arc<Change>>,
    account: String,
    region: String,
    services: Vec<&'static str>,
}

/// A reader that was too slow missed changes: what it shows may be old, all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("changes were missed")]
pub struct Missed;

impl Changes {
    /// Whether anybody looks on.
    pub fn is_heard(&self) -> bool {
        self.sender.receiver_count() > 0
    }

    /// Something with this ARN has changed.
    pub fn tell(&self, service: &'static str, account: &str, region: &str, arn: &str) {
        if self.is_heard() {
            self.send(Change::of(service, account, region, arn));
        }
    }

    /// Something has changed.
    pub(crate) fn send(&self, change: Change) {
        let _ = self.sender.send(Arc::new(change));
    }

    /// The same, as soon as a file is longer than it was when it was read.
    pub(crate) fn tell_when_grown(&self, path: &Path, length: u64, change: Change) {
        if self.is_heard() {
            self.growing.add(path, length, change);
        }
    }

    /// Watches the files, for good.
    pub fn watch_files(&self) -> impl Future<Output = ()> + Send + 'static {
        self.growing.clone().watch(self.sender.clone())
    }
}

/// Who may know that something changed in a service: whoever may list what it has.
const LISTS: [(&str, &str); 6] = [
    ("stepfunctions", "ListStateMachines"),
    ("sagemaker", "ListTrainingJobs"),
    ("s3", "ListBuckets"),
    ("iam", "ListRoles"),
    ("logs", "DescribeLogGroups"),
    ("cloudwatch", "ListMetrics"),
];

/// From now on the changes that the caller may know of.
///
/// # Errors
/// That the caller may list nothing of any service, in the words of the first refusal.
pub async fn subscribe(
    context: &Context,
    caller: &Caller,
    wire: &Wire,
) -> Result<Subscription, Error> {
    let caller = identity::resolve(context, caller).await?;
    let (mut services, mut refusal) = (Vec::new(), None);
    for (service, list) in LISTS {
        match context.iam.check(context, &caller, service, list, &Value::Null, Some(wire)).await {
            Ok(()) => services.push(service),
            Err(error) => refusal = refusal.or(Some(error)),
        }
    }
    match refusal {
        Some(refusal) if services.is_empty() => Err(refusal),
        _ => Ok(Subscription {
            receiver: context.changes.sender.subscribe(),
            account: caller.account.clone(),
            region: caller.region.clone(),
            services,
        }),
    }
}

impl Subscription {
    /// The next change; waits for it. None: the server ends.
    ///
    /// # Errors
    /// [`Missed`], if this reader was too slow.
    pub async fn next(&mut self) -> Result<Option<Arc<Change>>, Missed> {
        loop {
            match self.receiver.recv().await {
                Ok(change) if self.concerns(&change) => return Ok(Some(change)),
                Ok(_) => {}
                Err(broadcast::error::RecvError::Closed) => return Ok(None),
                Err(broadcast::error::RecvError::Lagged(_)) => return Err(Missed),
            }
        }
    }

    fn concerns(&self, change: &Change) -> bool {
        change.account == self.account
            && change.region.as_ref().is_none_or(|region| *region == self.region)
            && self.services.contains(&change.service)
    }
}

/// What a call is about to change: told when it has. Nothing for calls that only read, and when nobody
/// looks on.
pub(crate) struct Pending {
    service: &'static str,
    arn: Option<String>,
}

impl Pending {
    /// Of a call with these members.
    pub fn of(
        context: &Context,
        service: &'static str,
        operation: &str,
        members: &Value,
    ) -> Option<Pending> {
        const READS: [&str; 9] =
            ["Get", "List", "Describe", "Head", "Filter", "Validate", "Test", "Invoke", "Assume"];
        if !context.changes.is_heard() || READS.iter().any(|word| operation.starts_with(word)) {
            return None;
        }
        Some(Pending { service, arn: arn_in(members) })
    }

    /// It has been done, and this came out.
    pub fn done(self, context: &Context, caller: &Caller, members: &Value) {
        let arn = arn_in(members).or(self.arn).unwrap_or_default();
        let region = if matches!(self.service, "s3" | "iam") { "" } else { &*caller.region };
        context.changes.tell(self.service, &caller.account, region, &arn);
    }
}

/// The ARN of what a request or an answer is about: `stateMachineArn`, `TrainingJobArn`, …; a role's is
/// only what it is to act with.
fn arn_in(members: &Value) -> Option<String> {
    members.as_object()?.iter().find_map(|(name, value)| {
        let is_arn = name.to_ascii_lowercase().ends_with("arn")
            && !name.eq_ignore_ascii_case("roleArn")
            && !name.eq_ignore_ascii_case("executionRoleArn");
        value.as_str().filter(|_| is_arn).map(str::to_owned)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn subscription(changes: &Changes) -> Subscription {
        Subscription {
            receiver: changes.sender.subscribe(),
            account: "1".to_owned(),
            region: "r".to_owned(),
            services: vec!["stepfunctions", "s3"],
        }
    }

    #[tokio::test]
    async fn a_subscription_hears_of_its_account_region_and_services_alone() {
        let changes = Changes::default();
        assert!(!changes.is_heard());
        let mut subscription = subscription(&changes);
        changes.tell("stepfunctions", "2", "r", "another's");
        changes.tell("stepfunctions", "1", "q", "elsewhere");
        changes.tell("iam", "1", "", "not to be known");
        changes.tell("s3", "1", "", "");
        changes.tell("stepfunctions", "1", "r", "mine");
        let first = subscription.next().await.unwrap().unwrap();
        assert_eq!((first.service, first.arn.as_deref()), ("s3", None));
        let second = subscription.next().await.unwrap().unwrap();
        assert_eq!(second.arn.as_deref(), Some("mine"));
    }

    #[tokio::test]
    async fn whoever_is_too_slow_is_told_and_holds_nobody_up() {
        let changes = Changes::default();
        let mut subscription = subscription(&changes);
        for number in 0..=WAITING_MAX {
            changes.tell("stepfunctions", "1", "r", &number.to_string());
        }
        assert_eq!(subscription.next().await, Err(Missed));
    }

    #[test]
    fn the_arn_of_a_call_is_not_its_roles() {
        let members = json!({ "roleArn": "r", "name": "n", "stateMachineArn": "m" });
        assert_eq!(arn_in(&members).as_deref(), Some("m"));
        assert_eq!(arn_in(&json!({ "RoleArn": "r" })), None);
        assert_eq!(arn_in(&Value::Null), None);
    }
}
