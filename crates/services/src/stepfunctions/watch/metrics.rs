//! CloudWatch's metrics of executions: the namespace `AWS/States`, as AWS documents it.
//!
//! They are summed up by the minute in memory and written every minute, and before somebody reads them.
//! What a crash takes is at most the last minute's.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard};

use asl::{Header, Status};
use engine::Change;
use serde::Deserialize;

use crate::cloudwatch::{self, Point};
use crate::{Context, Error};

/// The namespace.
pub(crate) const NAMESPACE: &str = "AWS/States";
/// While they cannot be written, so many minutes are kept.
const MINUTES_MAX: usize = 60;
const MINUTE_MS: i64 = 60_000;
/// An Express execution's duration is billed by the tenth of a second.
const BILLED_MS: i64 = 100;

/// Metrics that are not written yet.
#[derive(Default)]
pub(in super::super) struct ExecutionMetrics {
    minutes: Mutex<BTreeMap<i64, HashMap<String, OfMachine>>>,
    writing: tokio::sync::Mutex<()>,
}

/// One state machine's, in one minute.
struct OfMachine {
    account: String,
    region: String,
    /// By metric and by the version or alias; none is the state machine itself.
    points: Vec<(&'static str, Qualifier, Point)>,
}

/// What besides the state machine tells a metric.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Qualifier {
    #[default]
    None,
    Version(String),
    Alias(String),
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
        let at = at.div_euclid(MINUTE_MS) * MINUTE_MS;
        let mut minutes = self.minutes();
        let machines = minutes.entry(at).or_default();
        let of_machine = match machines.get_mut(&header.state_machine_arn) {
            Some(known) => known,
            None => {
                machines.entry(header.state_machine_arn.clone()).or_insert(OfMachine::of(header))
            }
        };
        for qualifier in qualifiers(change.attributes) {
            for (name, value) in &values {
                of_machine.add(name, &qualifier, Point::of(at, *value));
            }
        }
        while minutes.len() > MINUTES_MAX {
            minutes.pop_first();
        }
    }

    /// Writes what is there; readers of metrics call it before they read.
    pub async fn write(&self, context: &Context) -> Result<(), Error> {
        let _one_at_a_time = self.writing.lock().await;
        let minutes = std::mem::take(&mut *self.minutes());
        let mut written = Vec::new();
        for machines in minutes.values() {
            for (machine, of_machine) in machines {
                for (name, qualifier, point) in &of_machine.points {
                    let mut dimensions = vec![("StateMachineArn", machine.as_str())];
                    match qualifier {
                        Qualifier::None => {}
                        Qualifier::Version(version) => dimensions.push(("Version", version)),
                        Qualifier::Alias(alias) => dimensions.push(("Alias", alias)),
                    }
                    let (account, region) = (&of_machine.account, &of_machine.region);
                    let metric = cloudwatch::metric(NAMESPACE, name, &dimensions);
                    written.push((account.as_str(), region.as_str(), metric, *point));
                }
            }
        }
        let answer = cloudwatch::put_all(context, &written).await;
        if answer.is_err() {
            self.put_back(minutes);
        }
        answer
    }

    fn put_back(&self, unwritten: BTreeMap<i64, HashMap<String, OfMachine>>) {
        let mut minutes = self.minutes();
        for (minute, machines) in unwritten {
            let known = minutes.entry(minute).or_default();
            for (machine, of_machine) in machines {
                match known.get_mut(&machine) {
                    None => drop(known.insert(machine, of_machine)),
                    Some(known) => {
                        for (name, qualifier, point) in of_machine.points {
                            known.add(name, &qualifier, point);
                        }
                    }
                }
            }
        }
    }

    fn minutes(&self) -> MutexGuard<'_, BTreeMap<i64, HashMap<String, OfMachine>>> {
        self.minutes.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl OfMachine {
    fn of(header: &Header) -> OfMachine {
        OfMachine {
            account: header.account.clone(),
            region: header.region.clone(),
            points: Vec::new(),
        }
    }

    fn add(&mut self, name: &'static str, qualifier: &Qualifier, point: Point) {
        let known = self.points.iter_mut().find(|(known, of, _)| *known == name && of == qualifier);
        match known {
            Some((_, _, known)) => known.merge(&point),
            None => self.points.push((name, qualifier.clone(), point)),
        }
    }
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
