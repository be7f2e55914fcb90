//! How much an account may have in a region, and AWS's errors for more.
//!
//! Nothing is counted as long as much is left: a count that was far from the bound lets so many be made
//! before the next.

use std::collections::{HashMap, HashSet, VecDeque};
use std::future::Future;

use asl::Status;
use serde::Deserialize;
use tokio::sync::futures::Notified;
use tokio::sync::{Mutex, Notify};

use super::activities::ACTIVITIES;
use super::machine::{MACHINES, VERSIONS};
use super::{aliases, machine};
use crate::{Caller, Context, Error};

/// How much an account may have in a region. The defaults are AWS's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AccountLimits {
    /// State machines.
    pub state_machines_max: u64,
    /// Activities.
    pub activities_max: u64,
    /// Standard executions that run at a time, started by callers and tasks.
    pub open_executions_max: u64,
    /// Map runs that are open at a time; more wait.
    pub open_map_runs_max: u64,
    /// Workers that ask for tasks of one activity at a time.
    pub activity_workers_max: u64,
    /// Versions of one state machine.
    pub versions_max: u64,
    /// Aliases of one state machine.
    pub aliases_max: u64,
}

impl Default for AccountLimits {
    fn default() -> AccountLimits {
        AccountLimits {
            state_machines_max: 100_000,
            activities_max: 100_000,
            open_executions_max: 1_000_000,
            open_map_runs_max: 1_000,
            activity_workers_max: 1_000,
            versions_max: 1_000,
            aliases_max: 100,
        }
    }
}

impl AccountLimits {
    /// The names in the configuration.
    pub const NAMES: [&str; 7] = [
        "state_machines_max",
        "activities_max",
        "open_executions_max",
        "open_map_runs_max",
        "activity_workers_max",
        "versions_max",
        "aliases_max",
    ];
}

/// What has been counted, by what it is of.
#[derive(Default)]
pub(super) struct Counts {
    /// So many more may be made before it must be counted again.
    left: Mutex<HashMap<String, u64>>,
    workers: std::sync::Mutex<HashMap<String, u64>>,
    map_runs: std::sync::Mutex<HashMap<String, MapRuns>>,
    /// A Map run has ended, or waits no more.
    map_run_gone: Notify,
}

/// Map runs of an account in a region.
#[derive(Default)]
struct MapRuns {
    open: u64,
    /// Of these, those that were open when the last server stopped and that nobody drives yet.
    before: HashSet<String>,
    /// Those that wait, the oldest first.
    waiting: VecDeque<u64>,
    last: u64,
}

impl Counts {
    /// Whether there may be one more.
    async fn one_more(
        &self,
        of: String,
        most: u64,
        count: impl Future<Output = Result<u64, Error>>,
    ) -> Result<bool, Error> {
        let mut left = self.left.lock().await;
        if let Some(left) = left.get_mut(&of)
            && *left > 0
        {
            *left -= 1;
            return Ok(true);
        }
        let Some(free) = most.checked_sub(count.await?).filter(|free| *free > 0) else {
            return Ok(false);
        };
        left.insert(of, free - 1);
        Ok(true)
    }

    fn workers(&self) -> std::sync::MutexGuard<'_, HashMap<String, u64>> {
        self.workers.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// This Map run was open when the last server stopped.
    pub(super) fn map_run_was_open(&self, arn: String) {
        let mut all = self.map_runs();
        let runs = all.entry(account_of(&arn)).or_default();
        runs.open += u64::from(runs.before.insert(arn));
    }

    /// This Map run is not open any more, if nobody drives it.
    pub(super) fn map_run_is_over(&self, arn: &str) {
        let mut all = self.map_runs();
        if let Some(runs) = all.get_mut(&account_of(arn))
            && runs.before.remove(arn)
        {
            runs.open -= 1;
            drop(all);
            self.map_run_gone.notify_waiters();
        }
    }

    fn map_runs(&self) -> std::sync::MutexGuard<'_, HashMap<String, MapRuns>> {
        self.map_runs.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn map_run(&self, arn: &str, begun: bool) -> OpenMapRun<'_> {
        let of = account_of(arn);
        let mut all = self.map_runs();
        let runs = all.entry(of.clone()).or_default();
        let ticket = if runs.before.remove(arn) {
            None
        } else if begun {
            runs.open += 1;
            None
        } else {
            runs.last += 1;
            runs.waiting.push_back(runs.last);
            Some(runs.last)
        };
        OpenMapRun { counts: self, of, ticket }
    }
}

/// Refuses a state machine too many.
pub(super) async fn state_machine(context: &Context, caller: &Caller) -> Result<(), Error> {
    let of = machine::key(caller, "");
    let most = context.settings.account_limits.state_machines_max;
    let count = MACHINES.count(context, &of);
    let counts = &context.stepfunctions.counts;
    refuse(
        counts.one_more(format!("machines {of}"), most, count).await?,
        "StateMachineLimitExceeded",
        "The maximum number of state machines has been reached. Existing state machines must be \
         deleted before a new state machine can be created.",
    )
}

/// Refuses an activity too many.
pub(super) async fn activity(context: &Context, caller: &Caller) -> Result<(), Error> {
    let of = machine::key(caller, "");
    let most = context.settings.account_limits.activities_max;
    let count = ACTIVITIES.count(context, &of);
    let counts = &context.stepfunctions.counts;
    refuse(
        counts.one_more(format!("activities {of}"), most, count).await?,
        "ActivityLimitExceeded",
        "The maximum number of activities has been reached. Existing activities must be deleted \
         before a new activity can be created.",
    )
}

/// Refuses a Standard execution too many.
pub(super) async fn open_execution(context: &Context, caller: &Caller) -> Result<(), Error> {
    let machines = crate::arn::arn("states", &caller.region, &caller.account, "stateMachine:");
    let most = context.settings.account_limits.open_executions_max;
    let count = async { Ok(context.engine.count(&machines, Status::Running).await?) };
    let counts = &context.stepfunctions.counts;
    refuse(
        counts.one_more(format!("executions {machines}"), most, count).await?,
        "ExecutionLimitExceeded",
        "The maximum number of running executions has been reached. Running executions must end \
         or be stopped before a new execution can be started.",
    )
}

/// Refuses a version too many of a state machine (by its key).
pub(super) async fn version(context: &Context, machine: &str) -> Result<(), Error> {
    let count = VERSIONS.count(context, &format!("{machine}:")).await?;
    let most = context.settings.account_limits.versions_max;
    quota(count < most, &format!("The state machine has {most} versions already"))
}

/// Refuses an alias too many of a state machine (by its key).
pub(super) async fn alias(context: &Context, machine: &str) -> Result<(), Error> {
    let count = aliases::count(context, machine).await?;
    let most = context.settings.account_limits.aliases_max;
    quota(count < most, &format!("The state machine has {most} aliases already"))
}

/// A worker that asks for a task, until it is dropped.
pub(super) struct Worker<'a> {
    counts: &'a Counts,
    activity: String,
}

impl Drop for Worker<'_> {
    fn drop(&mut self) {
        let mut workers = self.counts.workers();
        if let Some(number) = workers.get_mut(&self.activity) {
            *number -= 1;
            if *number == 0 {
                workers.remove(&self.activity);
            }
        }
    }
}

/// Refuses a worker too many that waits for tasks of an activity.
pub(super) fn worker<'a>(context: &'a Context, activity: &str) -> Result<Worker<'a>, Error> {
    let counts = &context.stepfunctions.counts;
    let mut workers = counts.workers();
    let number = workers.get(activity).copied().unwrap_or_default();
    refuse(
        number < context.settings.account_limits.activity_workers_max,
        "ActivityWorkerLimitExceeded",
        "The maximum number of workers concurrently polling for activity tasks has been reached.",
    )?;
    workers.insert(activity.to_owned(), number + 1);
    Ok(Worker { counts, activity: activity.to_owned() })
}

/// A Map run among those of its account and region, until it is dropped.
pub(super) struct OpenMapRun<'a> {
    counts: &'a Counts,
    of: String,
    /// Its place among those that wait; none: it is open.
    ticket: Option<u64>,
}

impl<'a> OpenMapRun<'a> {
    /// Whether it may go on: there is room, and nobody has waited for longer.
    pub fn opens(&mut self, most: u64) -> bool {
        let Some(ticket) = self.ticket else { return true };
        let mut all = self.counts.map_runs();
        let runs = all.entry(self.of.clone()).or_default();
        if runs.open >= most || runs.waiting.front() != Some(&ticket) {
            return false;
        }
        runs.waiting.pop_front();
        runs.open += 1;
        self.ticket = None;
        drop(all);
        // There may be room for the next one too.
        self.counts.map_run_gone.notify_waiters();
        true
    }

    /// Comes when it may have become possible. To be asked for before it is tried.
    pub fn changed(&self) -> Notified<'a> {
        self.counts.map_run_gone.notified()
    }
}

impl Drop for OpenMapRun<'_> {
    fn drop(&mut self) {
        let mut all = self.counts.map_runs();
        if let Some(runs) = all.get_mut(&self.of) {
            match self.ticket {
                Some(ticket) => runs.waiting.retain(|waiting| *waiting != ticket),
                None => runs.open -= 1,
            }
            if runs.open == 0 && runs.waiting.is_empty() {
                all.remove(&self.of);
            }
        }
        drop(all);
        self.counts.map_run_gone.notify_waiters();
    }
}

/// A Map run that is about to go on. One that has begun children goes on in any case: it was open before.
pub(super) fn map_run<'a>(context: &'a Context, arn: &str, begun: bool) -> OpenMapRun<'a> {
    context.stepfunctions.counts.map_run(arn, begun)
}

/// `REGION:ACCOUNT` of an ARN.
fn account_of(arn: &str) -> String {
    arn.splitn(6, ':').skip(3).take(2).collect::<Vec<_>>().join(":")
}

fn refuse(may: bool, code: &'static str, message: &str) -> Result<(), Error> {
    if may { Ok(()) } else { Err(Error::new(code, message)) }
}

fn quota(may: bool, why: &str) -> Result<(), Error> {
    let told = "The request would cause a service quota to be exceeded.";
    refuse(may, "ServiceQuotaExceededException", &format!("{told} {why}."))
        .map_err(|error| error.with_status(402))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_a_bound_and_every_bound_has_its_name() {
        let all: serde_json::Map<String, serde_json::Value> =
            AccountLimits::NAMES.iter().map(|name| ((*name).to_owned(), 7.into())).collect();
        let AccountLimits {
            state_machines_max,
            activities_max,
            open_executions_max,
            open_map_runs_max,
            activity_workers_max,
            versions_max,
            aliases_max,
        } = serde_json::from_value(all.into()).unwrap();
        let read = [
            state_machines_max,
            activities_max,
            open_executions_max,
            open_map_runs_max,
            activity_workers_max,
            versions_max,
            aliases_max,
        ];
        assert_eq!(read, [7; 7]);
    }

    #[tokio::test]
    async fn it_is_counted_again_only_when_nothing_is_left() {
        let counts = Counts::default();
        let counted = std::cell::Cell::new(0);
        let more = async |there: u64| {
            let count = async {
                counted.set(counted.get() + 1);
                Ok(there)
            };
            counts.one_more("x".to_owned(), 3, count).await.unwrap()
        };
        assert!(more(1).await && more(99).await);
        assert_eq!(counted.get(), 1);
        assert!(!more(3).await);
        assert!(more(2).await);
        assert_eq!(counted.get(), 3);
        assert!(!more(3).await && !more(4).await);
    }

    #[test]
    fn map_runs_open_in_the_order_they_came_as_there_is_room() {
        let counts = Counts::default();
        let run = |begun| counts.map_run("arn:aws:states:r:a:mapRun:m/l:1", begun);
        let (mut first, mut second, mut third) = (run(false), run(false), run(false));
        assert!(!second.opens(2), "somebody has waited for longer");
        assert!(first.opens(2) && second.opens(2) && first.opens(2));
        assert!(!third.opens(2));
        // Other accounts have room of their own.
        assert!(counts.map_run("arn:aws:states:r:b:mapRun:m/l:1", false).opens(2));
        let mut fourth = run(false);
        drop(third);
        assert!(!fourth.opens(2));
        drop(first);
        assert!(fourth.opens(2));
        // One that was open before is open now, room or not.
        let mut before = run(true);
        assert!(before.opens(2));
        drop((second, fourth, before));
        assert!(counts.map_runs().is_empty());
    }

    #[test]
    fn map_runs_of_the_last_server_are_open_before_they_are_driven() {
        let counts = Counts::default();
        let arn = |n: u32| format!("arn:aws:states:r:a:mapRun:m/l:{n}");
        counts.map_run_was_open(arn(1));
        counts.map_run_was_open(arn(2));
        let mut waits = counts.map_run(&arn(3), false);
        assert!(!waits.opens(2));
        let mut first = counts.map_run(&arn(1), true);
        assert!(first.opens(2) && !waits.opens(2));
        counts.map_run_is_over(&arn(2));
        counts.map_run_is_over(&arn(1));
        assert!(waits.opens(2), "one that is driven ends with its driver");
    }

    #[tokio::test]
    async fn a_map_run_that_waits_hears_of_room() {
        let counts = Counts::default();
        let mut open = counts.map_run("arn:aws:states:r:a:mapRun:m/l:1", false);
        let mut waits = counts.map_run("arn:aws:states:r:a:mapRun:m/l:2", false);
        assert!(open.opens(1) && !waits.opens(1));
        {
            let changed = waits.changed();
            tokio::pin!(changed);
            assert!(futures::poll!(&mut changed).is_pending());
            drop(open);
            assert!(futures::poll!(&mut changed).is_ready());
        }
        assert!(waits.opens(1));
    }
}
