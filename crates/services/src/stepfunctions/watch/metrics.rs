//! CloudWatch's metrics of executions: the namespace `AWS/States`, as AWS documents it.

use asl::Status;
use engine::Change;
use serde::Deserialize;

use crate::cloudwatch::ByMinute;
use crate::quotas::STATE_TRANSITION;
use crate::{Context, Error};

/// The namespace.
pub(crate) const NAMESPACE: &str = "AWS/States";
/// An Express execution's duration is billed by the tenth of a second.
const BILLED_MS: i64 = 100;

/// Metrics that are not written yet, by state machine.
#[derive(Default)]
pub(in super::super) struct ExecutionMetrics(ByMinute<Qualifier>);

/// What besides the state machine tells a metric.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Qualifier {
    #[default]
    None,
    Version(String),
    Alias(String),
    /// Not of the state machine, but of all together.
    Service(&'static str),
}

impl ExecutionMetrics {
    pub fn changed(&self, change: &Change<'_>) {
        let (header, at) = (change.header, change.at.0);
        let redriven = change.redrive.0 > 0;
        let taken = (at - header.start_time.0).max(0);
        let mut values: Vec<(&'static str, f64)> = Vec::with_capacity(3);
        match change.status {
            Status::Running | Status::PendingRedrive if redriven => {
                values.push(("RedrivenExecutions", 1.0));
            }
            Status::Running | Status::PendingRedrive => values.push(("ExecutionsStarted", 1.0)),
            status => {
                let (ended, redriven_ended) = names(status);
                values.extend([(ended, 1.0), ("ExecutionTime", taken as f64)]);
                if redriven {
                    values.push((redriven_ended, 1.0));
                }
                if header.express {
                    let billed =
                        (taken.max(1) as u64).div_ceil(BILLED_MS as u64) * BILLED_MS as u64;
                    values.push(("ExpressExecutionBilledDuration", billed as f64));
                }
            }
        }
        self.add(change, &qualifiers(change.attributes), &values);
    }

    /// So many transitions of the execution were delayed.
    pub fn throttled(&self, change: &Change<'_>, transitions: u64) {
        let count = transitions as f64;
        self.add(change, &qualifiers(change.attributes), &[("ExecutionThrottled", count)]);
        let service = [Qualifier::Service(STATE_TRANSITION)];
        self.add(change, &service, &[("ThrottledEvents", count)]);
    }

    fn add(&self, change: &Change<'_>, qualifiers: &[Qualifier], values: &[(&'static str, f64)]) {
        let (header, at) = (change.header, change.at.0);
        let whose = || (&*header.account, &*header.region);
        self.0.add(at, &header.state_machine_arn, whose, qualifiers, values);
    }

    /// Writes what is there.
    pub async fn write(&self, context: &Context) -> Result<(), Error> {
        self.0.write(context, NAMESPACE, dimensions).await
    }
}

fn dimensions<'a>(machine: &'a str, qualifier: &'a Qualifier) -> Vec<(&'a str, &'a str)> {
    let mut dimensions = vec![("StateMachineArn", machine)];
    match qualifier {
        Qualifier::None => {}
        Qualifier::Version(version) => dimensions.push(("Version", version)),
        Qualifier::Alias(alias) => dimensions.push(("Alias", alias)),
        Qualifier::Service(what) => dimensions = vec![("ServiceMetric", *what)],
    }
    dimensions
}

/// The metric of executions that ended so, and of those among them that were redriven.
fn names(status: Status) -> (&'static str, &'static str) {
    match status {
        Status::Succeeded => ("ExecutionsSucceeded", "RedrivenExecutionsSucceeded"),
        Status::TimedOut => ("ExecutionsTimedOut", "RedrivenExecutionsTimedOut"),
        Status::Aborted => ("ExecutionsAborted", "RedrivenExecutionsAborted"),
        Status::Failed | Status::Running | Status::PendingRedrive => {
            ("ExecutionsFailed", "RedrivenExecutionsFailed")
        }
    }
}

/// Under which the execution counts: its state machine, and the version and alias it was started by.
fn qualifiers(attributes: &str) -> Vec<Qualifier> {
    #[derive(Deserialize)]
    struct Kept {
        version_arn: Option<String>,
        alias_arn: Option<String>,
    }
    let mut qualifiers = vec![Qualifier::None];
    // Most have none, and this is asked of every execution.
    if attributes.contains(r#""version_arn":""#)
        && let Ok(kept) = serde_json::from_str::<Kept>(attributes)
    {
        let last = |arn: String| arn.rsplit(':').next().unwrap_or_default().to_owned();
        qualifiers.extend(kept.version_arn.map(last).map(Qualifier::Version));
        qualifiers.extend(kept.alias_arn.map(last).map(Qualifier::Alias));
    }
    qualifiers
}
