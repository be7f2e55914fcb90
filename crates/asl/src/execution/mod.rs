//! A live execution: what its journal folds to.

mod apply;
mod frame;
mod redrive;
mod token;
mod variables;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::event::TaskTarget;
use crate::{Data, Definition, Event, Failure, FrameId, Limits, Name, TaskId, TimerId, Timestamp};

pub(crate) use apply::{TOP, error_output};
pub(crate) use frame::{
    Branches, Frame, Item, Iterations, MapRun, OpenTask, Phase, Shared, Visit, items_length,
};
pub(crate) use token::make_token;
pub use token::{TokenParts, parse_token};
pub(crate) use variables::VisibleVariables;

/// What an execution is born with and never changes: the context object is made from it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// Its number in the store (0: kept in memory only). Part of task tokens.
    pub key: u64,
    /// `arn:aws:states:REGION:ACCOUNT:execution:MACHINE:NAME`.
    pub execution_arn: String,
    /// The execution's name.
    pub name: String,
    /// The state machine's ARN, without version or alias.
    pub state_machine_arn: String,
    /// The state machine's name.
    pub state_machine_name: String,
    /// The role that tasks act with.
    pub role_arn: String,
    /// The execution's input.
    pub input: Data,
    /// When it was started.
    pub start_time: Timestamp,
    /// Shown in task events and used for ARNs.
    pub region: String,
    /// The owning account.
    pub account: String,
    /// Express executions have no event limit and a five-minute time limit.
    pub express: bool,
}

/// Where an execution stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Status {
    /// It has work to do or waits for some.
    Running,
    /// It ended with an output.
    Succeeded,
    /// It ended with an error.
    Failed,
    /// Its `TimeoutSeconds` ran out.
    TimedOut,
    /// It was stopped.
    Aborted,
    /// A redrive has been asked of its Map run.
    PendingRedrive,
}

impl Status {
    /// AWS's word: `RUNNING`, `SUCCEEDED`, `FAILED`, `TIMED_OUT`, `ABORTED`, `PENDING_REDRIVE`.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Running => "RUNNING",
            Status::Succeeded => "SUCCEEDED",
            Status::Failed => "FAILED",
            Status::TimedOut => "TIMED_OUT",
            Status::Aborted => "ABORTED",
            Status::PendingRedrive => "PENDING_REDRIVE",
        }
    }
}

/// One run of a state machine. [`Execution::step`] decides, [`Execution::apply`] changes it; equal
/// journals fold to equal executions.
#[derive(Clone)]
pub struct Execution {
    pub(crate) definition: Arc<Definition>,
    pub(crate) header: Arc<Header>,
    pub(crate) limits: Limits,
    /// The activities that there are; none: every one is taken to exist.
    pub(crate) activities: Option<Arc<BTreeSet<String>>>,
    /// Transitions that one decision may make.
    pub(crate) transitions_max: u64,
    pub(crate) live: Live,
}

/// What events change.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Live {
    pub status: Status,
    pub output: Option<Data>,
    pub failure: Option<Failure>,
    pub stop_time: Option<Timestamp>,
    pub redrive_count: u32,
    pub redrive_time: Option<Timestamp>,
    pub last_event_id: u64,
    /// Kept after a failure, so that a redrive knows where to go on.
    pub frames: BTreeMap<FrameId, Frame>,
    pub tasks: BTreeMap<TaskId, FrameId>,
    pub timers: BTreeMap<TimerId, Timer>,
    pub next_frame: u32,
    pub next_task: u64,
    pub next_timer: u64,
}

/// A timer that is awaited.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Timer {
    pub frame: FrameId,
    pub purpose: Purpose,
    pub at: Timestamp,
}

/// What a timer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    Execution,
    Wait,
    Retry,
    Timeout(TaskId),
    Heartbeat(TaskId),
}

/// What an execution waits for: what a restarted engine must have on its lists.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Awaited {
    /// Tasks that have not been answered, by number.
    pub tasks: Vec<TaskId>,
    /// Timers that have not fired, and when they are due, by number.
    pub timers: Vec<(TimerId, Timestamp)>,
    /// A `Continue` is owed: the last decision had reached its budget.
    pub goes_on: bool,
}

/// A task that is awaited.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AwaitedTask<'a> {
    /// The state that asks.
    pub state: &'a Name,
    /// What is asked.
    pub target: &'a TaskTarget,
    /// A worker took it.
    pub started: bool,
    /// Its call was answered; the result is awaited.
    pub submitted: bool,
    /// The task token, for callbacks.
    pub token: Option<&'a str>,
}

impl Execution {
    /// An execution before its first event. A journal is folded into it by [`apply`](Execution::apply);
    /// a new one begins with [`Trigger::Started`](crate::Trigger::Started).
    pub fn new(definition: Arc<Definition>, header: Arc<Header>) -> Execution {
        let (limits, live) = (Limits::default(), Live::default());
        let transitions_max = u64::MAX;
        Execution { definition, header, limits, activities: None, transitions_max, live }
    }

    /// The same with other bounds than AWS's.
    pub fn with_limits(mut self, limits: Limits) -> Execution {
        self.limits = limits;
        self
    }

    /// From now on a decision may make so many transitions: enter states, or try them again. What is left
    /// then is decided on [`Trigger::Continue`](crate::Trigger::Continue).
    pub fn may_make(&mut self, transitions: u64) {
        self.transitions_max = transitions;
    }

    /// Which activities (by ARN) there are: a task of any other fails the execution, as on AWS. Until this is
    /// said every one is taken to exist.
    pub fn know_activities(&mut self, activities: Option<Arc<BTreeSet<String>>>) {
        self.activities = activities;
    }

    /// The definition it runs.
    pub fn definition(&self) -> &Arc<Definition> {
        &self.definition
    }

    /// What it was born with.
    pub fn header(&self) -> &Arc<Header> {
        &self.header
    }

    /// Where it stands.
    pub fn status(&self) -> Status {
        self.live.status
    }

    /// Its output, once it has succeeded.
    pub fn output(&self) -> Option<&Data> {
        self.live.output.as_ref()
    }

    /// Its error and cause, once it has failed, timed out or was stopped.
    pub fn failure(&self) -> Option<&Failure> {
        self.live.failure.as_ref()
    }

    /// When it ended.
    pub fn stop_time(&self) -> Option<Timestamp> {
        self.live.stop_time
    }

    /// How often it was redriven, and when last.
    pub fn redrive(&self) -> (u32, Option<Timestamp>) {
        (self.live.redrive_count, self.live.redrive_time)
    }

    /// The id of its last visible event; 0 before the first.
    pub fn last_event_id(&self) -> u64 {
        self.live.last_event_id
    }

    /// The task, if it is still awaited.
    pub fn awaits(&self, task: TaskId) -> Option<AwaitedTask<'_>> {
        let frame = self.live.frames.get(self.live.tasks.get(&task)?)?;
        let visit = frame.visit.as_ref()?;
        match &frame.phase {
            Phase::Task(open) => Some(AwaitedTask {
                state: &visit.state.name,
                target: &open.target,
                started: open.started,
                submitted: open.submitted,
                token: open.token.as_deref(),
            }),
            _ => None,
        }
    }

    /// The awaited task whose token this is.
    pub fn token_matches(&self, token: &str) -> Option<TaskId> {
        let parts = parse_token(token)?;
        let awaited = self.awaits(parts.task)?;
        (parts.execution == self.header.key && awaited.token == Some(token)).then_some(parts.task)
    }

    /// What it waits for. After a restart these must be exactly the tasks and timers on the engine's lists.
    pub fn reconcile(&self) -> Awaited {
        Awaited {
            tasks: self.live.tasks.keys().copied().collect(),
            timers: self.live.timers.iter().map(|(id, timer)| (*id, timer.at)).collect(),
            goes_on: self.live.status == Status::Running
                && self.live.frames.keys().any(|frame| self.is_ready(*frame)),
        }
    }

    /// The names of the states that its lines of control are in, oldest line first.
    pub fn current_states(&self) -> Vec<&Name> {
        self.live
            .frames
            .values()
            .filter_map(|frame| frame.visit.as_ref())
            .map(|visit| &visit.state.name)
            .collect()
    }

    /// About how many bytes of memory it takes; for a cache's budget.
    pub fn weight(&self) -> usize {
        let frames: usize = self.live.frames.values().map(Frame::weight).sum();
        let output = self.live.output.as_ref().map_or(0, frame::weigh);
        1024 + frame::weigh(&self.header.input) + frames + output + 64 * self.live.timers.len()
    }

    /// Whether the frame can go on without news from the world.
    pub(crate) fn is_ready(&self, frame: FrameId) -> bool {
        match self.live.frames.get(&frame).map(|frame| &frame.phase) {
            Some(Phase::Start { .. } | Phase::Ready | Phase::Ended { .. }) => true,
            Some(Phase::Parallel(branches)) => branches.open == 0,
            Some(Phase::Map(map)) => map.is_done() || map.has_room(),
            Some(
                Phase::Waiting { .. }
                | Phase::Retrying { .. }
                | Phase::Task(_)
                | Phase::Answered
                | Phase::Stopped,
            )
            | None => false,
        }
    }
}

impl Default for Live {
    fn default() -> Live {
        Live {
            status: Status::Running,
            output: None,
            failure: None,
            stop_time: None,
            redrive_count: 0,
            redrive_time: None,
            last_event_id: 0,
            frames: BTreeMap::new(),
            tasks: BTreeMap::new(),
            timers: BTreeMap::new(),
            next_frame: 0,
            next_task: 1,
            next_timer: 1,
        }
    }
}

impl PartialEq for Execution {
    fn eq(&self, other: &Execution) -> bool {
        self.header == other.header && self.live == other.live
    }
}

impl std::fmt::Debug for Execution {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("Execution").field(&self.header.name).field(&self.live).finish()
    }
}

/// Folds a journal.
impl Extend<Event> for Execution {
    fn extend<I: IntoIterator<Item = Event>>(&mut self, events: I) {
        for event in events {
            self.apply(&event);
        }
    }
}
