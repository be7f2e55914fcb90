//! An execution's journal, folded to what its picture shows: how far each state has come.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::event::StateType;
use crate::{Event, EventKind, FrameId, Timestamp};

use super::outline;

/// How far an execution has come. Fold the journal's events into it, in order.
///
/// A state that was visited more than once shows its last visit; states in a Map show all iterations of
/// the Map's last visit together.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    frames: HashMap<FrameId, Frame>,
    states: BTreeMap<String, State>,
    taken: BTreeSet<(String, String, How)>,
    /// Of states in Distributed Maps, whose journals are others'.
    within: BTreeMap<String, Status>,
    start: Option<Timestamp>,
    end: Option<(Timestamp, Status)>,
}

/// How far a state, or the whole execution, has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// Not entered.
    #[default]
    NotReached,
    /// Left as it should be.
    Succeeded,
    /// It failed, and a catcher took the failure.
    Caught,
    /// Stopped from outside, or because of what happened elsewhere.
    Aborted,
    /// It, or the execution in it, took too long.
    TimedOut,
    /// It failed.
    Failed,
    /// Entered and not left.
    Running,
}

impl Status {
    /// `notReached`, `running`, `succeeded`, `failed`, `caught`, `aborted`, `timedOut`.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::NotReached => "notReached",
            Status::Running => "running",
            Status::Succeeded => "succeeded",
            Status::Failed => "failed",
            Status::Caught => "caught",
            Status::Aborted => "aborted",
            Status::TimedOut => "timedOut",
        }
    }

    /// For people.
    pub fn words(self) -> &'static str {
        match self {
            Status::NotReached => "not reached",
            Status::Running => "running",
            Status::Succeeded => "succeeded",
            Status::Failed => "failed",
            Status::Caught => "failed, and the error was caught",
            Status::Aborted => "aborted",
            Status::TimedOut => "timed out",
        }
    }
}

/// The iterations of a Map.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Iterations {
    /// All items.
    pub total: u64,
    /// Iterations that succeeded.
    pub succeeded: u64,
    /// Iterations that failed or timed out.
    pub failed: u64,
    /// Iterations that run.
    pub running: u64,
    /// Iterations that were aborted.
    pub aborted: u64,
}

/// What is known of a state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// How far it has come.
    pub status: Status,
    /// Retries in the last visit; of a state in a Map, in all its iterations.
    pub retries: u64,
    /// How often it was entered.
    pub visits: u64,
    /// Of a Map.
    pub iterations: Option<Iterations>,
    /// When it was entered last.
    pub start: Option<Timestamp>,
    /// When it was left.
    pub end: Option<Timestamp>,
}

/// By which transition a state was left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum How {
    Normally,
    Caught(u32),
}

/// A line of control.
#[derive(Clone, Debug, Default)]
struct Frame {
    /// What the ids of its states begin with.
    scope: String,
    /// The state it is in.
    state: Option<String>,
    /// The last event in it.
    last: u64,
    /// Within the state that it is in.
    children: Vec<FrameId>,
    parent: Option<FrameId>,
    /// The catcher that took the failure of its state.
    caught: Option<u32>,
}

#[derive(Clone, Debug, Default)]
struct State {
    visits: u64,
    /// The last visit in each frame.
    last: BTreeMap<FrameId, Visit>,
    /// The Map run of its last visit, and what is known of it.
    map_run: Option<(String, Iterations)>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Visit {
    status: Status,
    retries: u64,
    iterations: Option<Iterations>,
    start: Timestamp,
    end: Option<Timestamp>,
    /// How its work failed, which becomes its own end unless it is retried or caught.
    failing: Option<Status>,
}

const TOP: FrameId = FrameId(0);

impl Progress {
    /// Of a whole journal.
    pub fn of<'e>(events: impl IntoIterator<Item = &'e Event>) -> Progress {
        let mut progress = Progress::default();
        for event in events {
            progress.apply(event);
        }
        progress
    }

    /// Takes the next event in. What cannot belong here changes as little as possible.
    pub fn apply(&mut self, event: &Event) {
        let failing = self.frame_of_last(event);
        if event.id != 0
            && let Some(frame) = self.frames.get_mut(&event.frame)
        {
            frame.last = event.id;
        }
        match &event.kind {
            EventKind::ExecutionStarted { .. } => {
                self.start = Some(event.at);
                self.frames.insert(TOP, Frame { last: event.id, ..Frame::default() });
            }
            EventKind::ExecutionRedriven { .. } => self.end = None,
            EventKind::ExecutionSucceeded { .. } => self.finish(event, Status::Succeeded),
            EventKind::ExecutionFailed { .. } => {
                self.fail(TOP, event.at);
                self.finish(event, Status::Failed);
            }
            EventKind::ExecutionTimedOut { .. } => self.finish(event, Status::TimedOut),
            EventKind::ExecutionAborted { .. } => self.finish(event, Status::Aborted),
            EventKind::StateEntered { state, state_type, .. } => {
                self.enter(event, state, *state_type);
            }
            EventKind::StateExited { next, .. } => self.exit(event, next.as_deref()),
            // The state whose failure ends its branch is aborted like the others.
            EventKind::StateAborted { .. } => {
                self.change(event.frame, |visit| {
                    if visit.end.is_none() {
                        visit.status = visit.failing.unwrap_or(Status::Aborted);
                        visit.end = Some(event.at);
                    }
                });
            }
            EventKind::TaskScheduled { .. } | EventKind::RetryStarted => {
                self.change(event.frame, |visit| visit.failing = None);
                self.resume(event.frame);
            }
            EventKind::TaskTimedOut { .. } => {
                self.change(event.frame, |visit| visit.failing = Some(Status::TimedOut));
            }
            EventKind::TaskFailed { .. }
            | EventKind::EvaluationFailed { .. }
            | EventKind::MapFailed { .. }
            | EventKind::MapRunFailed { .. } => {
                self.change(event.frame, |visit| visit.failing = Some(Status::Failed));
            }
            EventKind::RetryScheduled { .. } => {
                self.change(event.frame, |visit| {
                    visit.retries += 1;
                    visit.failing = None;
                });
                self.forget_within(event.frame);
            }
            EventKind::Caught { catcher, .. } => {
                if let Some(frame) = self.frames.get_mut(&event.frame) {
                    frame.caught = Some(*catcher);
                }
            }
            EventKind::ParallelStarted { branches, .. } => {
                self.resume(event.frame);
                for (index, branch) in branches.iter().enumerate() {
                    self.begin(event, *branch, index);
                }
            }
            EventKind::ParallelFailed { .. } => {
                self.change(event.frame, |visit| visit.failing = Some(Status::Failed));
                let children = self
                    .frames
                    .get(&event.frame)
                    .map_or(Vec::new(), |frame| frame.children.clone());
                match failing.filter(|frame| children.contains(frame)) {
                    Some(child) => self.fail(child, event.at),
                    None => children.into_iter().for_each(|child| self.fail(child, event.at)),
                }
            }
            EventKind::MapStarted { length, .. } => {
                self.resume(event.frame);
                let iterations = Iterations { total: *length, ..Iterations::default() };
                self.change(event.frame, |visit| visit.iterations = Some(iterations));
            }
            EventKind::MapIterationStarted { iteration, .. } => {
                self.resume(event.frame);
                self.begin(event, *iteration, 0);
                self.count(event.frame, |iterations| iterations.running += 1);
            }
            EventKind::MapIterationSucceeded { .. } => self.count(event.frame, |iterations| {
                iterations.running = iterations.running.saturating_sub(1);
                iterations.succeeded += 1;
            }),
            EventKind::MapIterationFailed { iteration, .. } => {
                self.fail(*iteration, event.at);
                self.count(event.frame, |iterations| {
                    iterations.running = iterations.running.saturating_sub(1);
                    iterations.failed += 1;
                });
            }
            EventKind::MapIterationAborted { iteration, .. } => {
                self.stop(*iteration, Status::Aborted, event.at);
                self.count(event.frame, |iterations| {
                    iterations.running = iterations.running.saturating_sub(1);
                    iterations.aborted += 1;
                });
            }
            EventKind::MapRunStarted { map_run_arn, .. }
            | EventKind::MapRunRedriven { map_run_arn, .. } => {
                self.resume(event.frame);
                let state = self.frames.get(&event.frame).and_then(|frame| frame.state.clone());
                if let Some(state) = state.and_then(|state| self.states.get_mut(&state)) {
                    state.map_run = Some((map_run_arn.clone(), Iterations::default()));
                }
            }
            EventKind::WaitStarted { .. }
            | EventKind::TaskStarted { .. }
            | EventKind::TaskSubmitted { .. }
            | EventKind::TaskSucceeded { .. }
            | EventKind::TaskHeartbeat { .. }
            | EventKind::ParallelSucceeded
            | EventKind::MapSucceeded
            | EventKind::MapRunSucceeded { .. }
            | EventKind::MapRunAborted { .. } => {}
        }
    }

    /// How far the execution has come.
    pub fn status(&self) -> Status {
        match (self.start, self.end) {
            (_, Some((_, status))) => status,
            (Some(_), None) => Status::Running,
            (None, None) => Status::NotReached,
        }
    }

    /// When the execution started.
    pub fn started_at(&self) -> Option<Timestamp> {
        self.start
    }

    /// When the execution ended.
    pub fn ended_at(&self) -> Option<Timestamp> {
        self.end.map(|(at, _)| at)
    }

    /// The Map runs that Distributed Maps wait for or have waited for, in their last visit. Their counts
    /// are in rows of their own: see [`Progress::set_map_run`].
    pub fn map_runs(&self) -> Vec<String> {
        let runs = self.states.values().filter_map(|state| state.map_run.as_ref());
        runs.map(|(arn, _)| arn.clone()).collect()
    }

    /// Tells the counts of a Map run.
    pub fn set_map_run(&mut self, arn: &str, iterations: Iterations) {
        for state in self.states.values_mut() {
            if let Some((known, counts)) = &mut state.map_run
                && known == arn
            {
                *counts = iterations;
            }
        }
    }

    /// The counts of the Map run that a Distributed Map waits for or has waited for.
    pub(super) fn map_run(&self, id: &str) -> Option<Iterations> {
        self.states.get(id)?.map_run.as_ref().map(|(_, counts)| *counts)
    }

    /// Tells of a state that no event of this journal is about.
    pub(super) fn tell(&mut self, id: &str, status: Status) {
        self.within.insert(id.to_owned(), status);
    }

    /// Tells of a transition that no event of this journal is about.
    pub(super) fn tell_taken(&mut self, from: &str, to: Option<&str>) {
        self.taken.insert((from.into(), to.unwrap_or_default().into(), How::Normally));
    }

    /// What is known of the state with this id.
    pub(super) fn state(&self, id: &str) -> Seen {
        let Some(state) = self.states.get(id) else {
            let status = self.within.get(id).copied().unwrap_or_default();
            return Seen { status, ..Seen::default() };
        };
        let visits = || state.last.values();
        let status = visits().map(|visit| visit.status).max().unwrap_or_default();
        let mut iterations: Option<Iterations> = None;
        for counts in visits().filter_map(|visit| visit.iterations) {
            let sum = iterations.get_or_insert_default();
            sum.total += counts.total;
            sum.succeeded += counts.succeeded;
            sum.failed += counts.failed;
            sum.running += counts.running;
            sum.aborted += counts.aborted;
        }
        if let Some((_, counts)) = &state.map_run {
            iterations = Some(*counts);
        }
        let open = visits().any(|visit| visit.end.is_none());
        Seen {
            status,
            retries: visits().map(|visit| visit.retries).sum(),
            visits: state.visits,
            iterations,
            start: visits().map(|visit| visit.start).min(),
            end: if open { None } else { visits().filter_map(|visit| visit.end).max() },
        }
    }

    /// Whether the transition was taken; `to` nothing: out of the body. `catcher`: by which catcher.
    pub(super) fn taken(&self, from: &str, to: Option<&str>, catcher: Option<u32>) -> bool {
        let how = catcher.map_or(How::Normally, How::Caught);
        self.taken.contains(&(from.to_owned(), to.unwrap_or_default().to_owned(), how))
    }

    /// The frame whose last event led to this one.
    fn frame_of_last(&self, event: &Event) -> Option<FrameId> {
        if !matches!(event.kind, EventKind::ParallelFailed { .. }) {
            return None;
        }
        let children = &self.frames.get(&event.frame)?.children;
        let led = |frame: &&FrameId| {
            self.within(**frame).iter().any(|inner| {
                self.frames.get(inner).is_some_and(|known| known.last == event.previous)
            })
        };
        children.iter().find(led).copied()
    }

    /// A frame and all within it.
    fn within(&self, frame: FrameId) -> Vec<FrameId> {
        let mut found = vec![frame];
        let mut next = 0;
        while next < found.len() {
            if let Some(known) = self.frames.get(&found[next]) {
                found.extend(&known.children);
            }
            next += 1;
        }
        found
    }

    /// A frame begins in the state that another one is in.
    fn begin(&mut self, event: &Event, child: FrameId, body: usize) {
        let Some(parent) = self.frames.get_mut(&event.frame) else { return };
        let Some(state) = &parent.state else { return };
        let scope = outline::scope(state, body);
        if !parent.children.contains(&child) {
            parent.children.push(child);
        }
        let frame = Frame { scope, parent: Some(event.frame), last: event.id, ..Frame::default() };
        self.frames.insert(child, frame);
    }

    fn enter(&mut self, event: &Event, name: &str, state_type: StateType) {
        let Some(frame) = self.frames.get_mut(&event.frame) else { return };
        let id = outline::id(&frame.scope, name);
        frame.state = Some(id.clone());
        frame.caught = None;
        self.forget_within(event.frame);
        let state = self.states.entry(id).or_default();
        state.visits += 1;
        state.map_run = None;
        // A Fail state has failed as soon as it is entered.
        let fails = state_type == StateType::Fail;
        let visit = Visit {
            status: if fails { Status::Failed } else { Status::Running },
            start: event.at,
            end: fails.then_some(event.at),
            ..Visit::default()
        };
        state.last.insert(event.frame, visit);
    }

    fn exit(&mut self, event: &Event, next: Option<&str>) {
        let Some(frame) = self.frames.get(&event.frame) else { return };
        let Some(from) = frame.state.clone() else { return };
        let to = next.map_or(String::new(), |next| outline::id(&frame.scope, next));
        let how = frame.caught.map_or(How::Normally, How::Caught);
        let status = if frame.caught.is_some() { Status::Caught } else { Status::Succeeded };
        self.close(event.frame, status, event.at);
        self.taken.insert((from, to, how));
    }

    /// Ends the visit of the state that a frame is in, unless it has ended.
    fn close(&mut self, frame: FrameId, status: Status, at: Timestamp) {
        self.change(frame, |visit| {
            if visit.end.is_none() {
                visit.status = status;
                visit.end = Some(at);
            }
        });
    }

    /// A frame's state has failed; what runs within it is stopped.
    fn fail(&mut self, frame: FrameId, at: Timestamp) {
        self.change(frame, |visit| {
            if visit.end.is_none() {
                visit.status = visit.failing.unwrap_or(Status::Failed);
                visit.end = Some(at);
            }
        });
        self.stop(frame, Status::Aborted, at);
    }

    /// Ends every open visit in a frame and within it.
    fn stop(&mut self, frame: FrameId, status: Status, at: Timestamp) {
        for inner in self.within(frame) {
            self.close(inner, status, at);
        }
    }

    fn finish(&mut self, event: &Event, status: Status) {
        let left = if status == Status::TimedOut { status } else { Status::Aborted };
        self.stop(TOP, left, event.at);
        let last = self.frames.get(&TOP).and_then(|frame| frame.state.clone());
        if let Some(last) = last
            && self.states.get(&last).is_some_and(|state| {
                state.last.get(&TOP).is_some_and(|visit| visit.status == Status::Failed)
            })
        {
            self.taken.insert((last, String::new(), How::Normally));
        }
        self.end = Some((event.at, status));
    }

    /// The state goes on after it had ended (redrive).
    fn resume(&mut self, frame: FrameId) {
        self.change(frame, |visit| {
            visit.status = Status::Running;
            visit.end = None;
        });
    }

    fn change(&mut self, frame: FrameId, change: impl FnOnce(&mut Visit)) {
        if let Some(Frame { state: Some(id), .. }) = self.frames.get(&frame)
            && let Some(state) = self.states.get_mut(id)
            && let Some(visit) = state.last.get_mut(&frame)
        {
            change(visit);
        }
    }

    fn count(&mut self, frame: FrameId, change: impl FnOnce(&mut Iterations)) {
        self.change(frame, |visit| change(visit.iterations.get_or_insert_default()));
    }

    /// Forgets what happened within a frame's state: it begins anew.
    fn forget_within(&mut self, frame: FrameId) {
        let Some(known) = self.frames.get_mut(&frame) else { return };
        known.children.clear();
        let Some(state) = &known.state else { return };
        let scope = format!("{state}/");
        let frames = &self.frames;
        let is_within = |inner: &FrameId| {
            let parent = |of: &FrameId| frames.get(of).and_then(|known| known.parent);
            std::iter::successors(parent(inner), parent).any(|above| above == frame)
        };
        for (id, inner) in self.states.range_mut(scope.clone()..) {
            if !id.starts_with(&scope) {
                break;
            }
            inner.last.retain(|visited, _| !is_within(visited));
        }
    }
}
