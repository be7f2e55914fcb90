//! The only way an execution changes: live, after a restart, and in every test.

use serde_json::json;

use super::{
    Branches, Execution, Frame, Item, Iterations, MapRun, OpenTask, Phase, Purpose, Shared, Status,
    Timer, Visit, items_length,
};
use crate::definition::{Kind, State};
use crate::event::{Deadline, TaskTarget};
use crate::{Data, Event, EventKind, Failure, FrameId, Name, TaskId, TimerId, Timestamp};

/// The frame of the execution itself.
pub(crate) const TOP: FrameId = FrameId(0);

impl Execution {
    /// Takes a fact in. Never evaluates an expression. An event that cannot belong here (a damaged
    /// journal) changes as little as possible.
    pub fn apply(&mut self, event: &Event) {
        if event.id != 0 {
            self.live.last_event_id = event.id;
            if moves_chain(&event.kind)
                && let Some(frame) = self.live.frames.get_mut(&event.frame)
            {
                frame.last = event.id;
            }
        }
        match &event.kind {
            EventKind::ExecutionStarted { input, deadline, .. } => {
                let start_at = self.definition.body.start_at.clone();
                // AWS shows the input as it was written in this event, and compact from here on.
                self.add_frame(TOP, Frame::starting(None, start_at, input.compact()));
                self.set_deadline(deadline);
            }
            EventKind::ExecutionSucceeded { output } => {
                self.close(Status::Succeeded, event.at, None);
                self.live.output = Some(output.clone());
                self.live.frames.clear();
            }
            EventKind::ExecutionFailed { failure } => {
                self.close(Status::Failed, event.at, Some(failure));
            }
            EventKind::ExecutionTimedOut { failure } => {
                self.close(Status::TimedOut, event.at, Some(failure));
            }
            EventKind::ExecutionAborted { failure } => {
                self.close(Status::Aborted, event.at, Some(failure));
            }
            EventKind::ExecutionRedriven { redrive_count, deadline } => {
                self.apply_redrive(*redrive_count, event.at);
                self.set_deadline(deadline);
            }
            EventKind::StateEntered { state, input, .. } => {
                self.enter(event, state, input);
            }
            EventKind::StateExited { output, assigned, next, .. } => {
                self.exit(event, output, assigned, next.as_ref());
            }
            EventKind::StateAborted { .. } => {
                self.stop_waiting(event.frame, Phase::Stopped);
            }
            EventKind::EvaluationFailed { .. } | EventKind::Caught { .. } => {}
            EventKind::WaitStarted { until, timer } => {
                self.set_timer(*timer, event.frame, Purpose::Wait, *until);
                self.set_phase(event.frame, Phase::Waiting { timer: *timer });
            }
            EventKind::TaskScheduled {
                task,
                target,
                timeout_seconds,
                heartbeat_seconds,
                token,
                timeout_timer,
                heartbeat_timer,
                ..
            } => {
                let open = OpenTask {
                    task: *task,
                    target: target.clone(),
                    started: false,
                    submitted: false,
                    token: token.clone(),
                    timeout_seconds: *timeout_seconds,
                    heartbeat_seconds: *heartbeat_seconds,
                    timeout: None,
                    heartbeat: None,
                    map_run: false,
                };
                self.open_task(event.frame, open);
                self.set_task_timers(event, *task, *timeout_timer, *heartbeat_timer);
            }
            EventKind::TaskStarted { task, timeout_timer, heartbeat_timer, .. } => {
                self.change_task(*task, |open| open.started = true);
                self.set_task_timers(event, *task, *timeout_timer, *heartbeat_timer);
            }
            EventKind::TaskSubmitted { task, .. } => {
                self.change_task(*task, |open| open.submitted = true);
            }
            EventKind::TaskHeartbeat { task, timer } => {
                let mut old = None;
                self.change_task(*task, |open| old = open.heartbeat);
                if let Some(old) = old {
                    self.live.timers.remove(&old);
                }
                self.set_task_timers(event, *task, None, Some(*timer));
            }
            EventKind::TaskFailed { .. }
            | EventKind::TaskTimedOut { .. }
            | EventKind::TaskSucceeded { .. }
            | EventKind::MapRunSucceeded { .. }
            | EventKind::MapRunFailed { .. } => {
                self.stop_waiting(event.frame, Phase::Answered);
            }
            EventKind::MapRunAborted { .. } => {
                self.stop_waiting(event.frame, Phase::Stopped);
            }
            EventKind::RetryScheduled { retrier, attempt, at, timer, .. } => {
                self.remove_children(event.frame);
                self.set_timer(*timer, event.frame, Purpose::Retry, *at);
                if let Some(frame) = self.live.frames.get_mut(&event.frame) {
                    // The next event follows what failed, even if that was in a child's frame.
                    frame.last = event.previous;
                    frame.phase = Phase::Retrying { timer: *timer };
                    if let Some(visit) = &mut frame.visit {
                        let retrier = *retrier as usize;
                        if visit.attempts.len() <= retrier {
                            visit.attempts.resize(retrier + 1, 0);
                        }
                        visit.attempts[retrier] = *attempt;
                        visit.retry_count += 1;
                        visit.map_run = None;
                    }
                }
            }
            EventKind::RetryStarted => self.stop_waiting(event.frame, Phase::Ready),
            EventKind::ParallelStarted { branches, input, .. } => {
                self.start_branches(event, branches, input);
            }
            EventKind::ParallelSucceeded | EventKind::MapSucceeded => {}
            EventKind::ParallelFailed { .. } | EventKind::MapFailed { .. } => {}
            EventKind::MapStarted { items, length, max_concurrency, tolerance, .. } => {
                let Some(map) = self.map_of(event.frame) else { return };
                if map.distributed.is_some() {
                    return;
                }
                let most = self.limits.inline_map_concurrency_max;
                let room = match *max_concurrency {
                    0 => most,
                    bound => bound.min(most),
                };
                let length = (*length as usize).min(items_length(items.value()));
                let iterations = Iterations {
                    items: items.clone(),
                    length,
                    room: room as usize,
                    tolerance: *tolerance,
                    next: 0,
                    frames: Vec::new(),
                    running: 0,
                    failed: 0,
                    outputs: vec![None; length],
                    follows: event.id,
                    done: 0,
                };
                self.set_phase(event.frame, Phase::Map(Box::new(iterations)));
            }
            EventKind::MapIterationStarted { index, iteration, input, .. } => {
                self.start_iteration(event, *index as usize, *iteration, input);
            }
            EventKind::MapIterationSucceeded { index, iteration, .. } => {
                let ended = self.live.frames.remove(iteration);
                if let Some(Frame { phase: Phase::Ended { output }, last, .. }) = ended {
                    self.end_iteration(event, *index as usize, *iteration, Some(output), last);
                }
            }
            EventKind::MapIterationFailed { index, iteration, failure, .. } => {
                self.stop_waiting(*iteration, Phase::Stopped);
                let last =
                    self.live.frames.get(iteration).map_or(event.previous, |frame| frame.last);
                self.end_iteration(event, *index as usize, *iteration, None, last);
                let output = Data::from(error_output(failure));
                let mut tolerated = false;
                if let Some(Frame { phase: Phase::Map(map), .. }) =
                    self.live.frames.get_mut(&event.frame)
                {
                    tolerated = map.tolerance.allows(map.failed, map.length as u64);
                    if tolerated {
                        map.frames.retain(|frame| frame != iteration);
                    }
                    if let Some(slot) = map.outputs.get_mut(*index as usize) {
                        *slot = Some(output);
                    }
                }
                if tolerated {
                    self.remove_children(*iteration);
                    self.live.frames.remove(iteration);
                }
            }
            EventKind::MapIterationAborted { iteration, .. } => {
                self.stop_waiting(*iteration, Phase::Stopped);
                if let Some(Frame { phase: Phase::Map(map), .. }) =
                    self.live.frames.get_mut(&event.frame)
                {
                    map.running = map.running.saturating_sub(1);
                }
            }
            EventKind::MapRunStarted { task, map_run_arn }
            | EventKind::MapRunRedriven { task, map_run_arn, .. } => {
                let redrive_count = match &event.kind {
                    EventKind::MapRunRedriven { redrive_count, .. } => *redrive_count,
                    _ => 0,
                };
                if let Some(visit) =
                    self.live.frames.get_mut(&event.frame).and_then(|frame| frame.visit.as_mut())
                {
                    visit.map_run = Some(MapRun { arn: map_run_arn.clone(), redrive_count });
                }
                let open = OpenTask {
                    task: *task,
                    target: TaskTarget::Integration {
                        service: "states".into(),
                        action: "mapRun".into(),
                    },
                    started: true,
                    submitted: true,
                    token: None,
                    timeout_seconds: None,
                    heartbeat_seconds: None,
                    timeout: None,
                    heartbeat: None,
                    map_run: true,
                };
                self.open_task(event.frame, open);
            }
        }
    }

    /// The named state of a frame's body.
    pub(crate) fn state_in(&self, frame: FrameId, name: &Name) -> Option<Shared<State>> {
        let frame = self.live.frames.get(&frame)?;
        let states = match &frame.body {
            Some(body) => &body.states,
            None => &self.definition.body.states,
        };
        states.get(name).cloned().map(Shared)
    }

    fn add_frame(&mut self, id: FrameId, frame: Frame) {
        self.live.next_frame = self.live.next_frame.max(id.0 + 1);
        self.live.frames.insert(id, frame);
    }

    fn close(&mut self, status: Status, at: Timestamp, failure: Option<&Failure>) {
        self.live.status = status;
        self.live.stop_time = Some(at);
        self.live.failure = failure.cloned();
        self.live.tasks.clear();
        self.live.timers.clear();
    }

    fn set_deadline(&mut self, deadline: &Option<Deadline>) {
        if let Some(deadline) = deadline {
            self.set_timer(deadline.timer, TOP, Purpose::Execution, deadline.at);
        }
    }

    fn set_timer(&mut self, id: TimerId, frame: FrameId, purpose: Purpose, at: Timestamp) {
        self.live.next_timer = self.live.next_timer.max(id.0 + 1);
        self.live.timers.insert(id, Timer { frame, purpose, at });
    }

    fn set_phase(&mut self, id: FrameId, phase: Phase) {
        if let Some(frame) = self.live.frames.get_mut(&id) {
            frame.phase = phase;
        }
    }

    /// Forgets the task and the timers that a frame waits for.
    fn stop_waiting(&mut self, id: FrameId, then: Phase) {
        let Some(frame) = self.live.frames.get_mut(&id) else { return };
        if matches!(
            frame.phase,
            Phase::Start { .. } | Phase::Ended { .. } | Phase::Parallel(_) | Phase::Map(_)
        ) {
            // How far it has come is kept: a redrive goes on from there.
            return;
        }
        match std::mem::replace(&mut frame.phase, then) {
            Phase::Waiting { timer } | Phase::Retrying { timer } => {
                self.live.timers.remove(&timer);
            }
            Phase::Task(open) => {
                self.live.tasks.remove(&open.task);
                for timer in open.timeout.iter().chain(&open.heartbeat) {
                    self.live.timers.remove(timer);
                }
            }
            _ => {}
        }
    }

    /// Removes the frames within a frame.
    pub(super) fn remove_children(&mut self, id: FrameId) {
        let children =
            self.live.frames.get(&id).map_or(Vec::new(), |frame| frame.children().to_vec());
        for child in children {
            self.remove_children(child);
            self.stop_waiting(child, Phase::Stopped);
            self.live.frames.remove(&child);
        }
    }

    fn enter(&mut self, event: &Event, name: &Name, input: &Data) {
        let Some(state) = self.state_in(event.frame, name) else { return };
        if let Some(frame) = self.live.frames.get_mut(&event.frame) {
            frame.visit = Some(Visit {
                state,
                input: input.clone(),
                entered_id: event.id,
                entered_after: event.previous,
                entered_at: event.at,
                attempts: Vec::new(),
                retry_count: 0,
                map_run: None,
            });
            frame.phase = Phase::Ready;
        }
    }

    fn exit(
        &mut self,
        event: &Event,
        output: &Data,
        assigned: &[(String, Data)],
        next: Option<&Name>,
    ) {
        self.remove_children(event.frame);
        self.stop_waiting(event.frame, Phase::Answered);
        let Some(frame) = self.live.frames.get_mut(&event.frame) else { return };
        for (name, data) in assigned {
            frame.variables.insert(name.clone(), data.clone());
        }
        frame.visit = None;
        frame.phase = match next {
            Some(next) => Phase::Start { state: next.clone(), input: output.clone() },
            None => Phase::Ended { output: output.clone() },
        };
        if next.is_some() {
            return;
        }
        // A branch has no event of its own for its end: leaving its last state is it.
        let (index, parent) = (frame.index, frame.parent);
        if let Some(parent) = parent.and_then(|parent| self.live.frames.get_mut(&parent))
            && let Phase::Parallel(branches) = &mut parent.phase
            && let Some(slot) = branches.outputs.get_mut(index)
        {
            *slot = Some(output.clone());
            branches.open -= 1;
            branches.frames.retain(|frame| *frame != event.frame);
            parent.last = event.id;
            self.live.frames.remove(&event.frame);
        }
    }

    fn open_task(&mut self, frame: FrameId, open: OpenTask) {
        self.live.next_task = self.live.next_task.max(open.task.0 + 1);
        self.live.tasks.insert(open.task, frame);
        self.set_phase(frame, Phase::Task(Box::new(open)));
    }

    fn change_task(&mut self, task: TaskId, change: impl FnOnce(&mut OpenTask)) {
        if let Some(id) = self.live.tasks.get(&task)
            && let Some(Frame { phase: Phase::Task(open), .. }) = self.live.frames.get_mut(id)
            && open.task == task
        {
            change(open);
        }
    }

    fn set_task_timers(
        &mut self,
        event: &Event,
        task: TaskId,
        timeout: Option<TimerId>,
        heartbeat: Option<TimerId>,
    ) {
        let mut seconds = (None, None);
        self.change_task(task, |open| {
            open.timeout = timeout.or(open.timeout);
            open.heartbeat = heartbeat.or(open.heartbeat);
            seconds = (open.timeout_seconds, open.heartbeat_seconds);
        });
        let due = |seconds: u64| event.at.plus_millis((seconds as i64).saturating_mul(1000));
        if let (Some(timer), Some(seconds)) = (timeout, seconds.0) {
            self.set_timer(timer, event.frame, Purpose::Timeout(task), due(seconds));
        }
        if let (Some(timer), Some(seconds)) = (heartbeat, seconds.1) {
            self.set_timer(timer, event.frame, Purpose::Heartbeat(task), due(seconds));
        }
    }

    fn start_branches(&mut self, event: &Event, frames: &[FrameId], input: &Data) {
        let Some(state) = self.state_of(event.frame) else { return };
        let Kind::Parallel(parallel) = &state.kind else { return };
        for (index, (frame, body)) in frames.iter().zip(&parallel.branches).enumerate() {
            let body = Shared(body.clone());
            let start_at = body.start_at.clone();
            let branch = Frame {
                parent: Some(event.frame),
                index,
                last: event.id,
                ..Frame::starting(Some(body), start_at, input.clone())
            };
            self.add_frame(*frame, branch);
        }
        let branches = Branches {
            frames: frames.to_vec(),
            outputs: vec![None; frames.len()],
            open: frames.len(),
        };
        self.set_phase(event.frame, Phase::Parallel(Box::new(branches)));
    }

    fn start_iteration(&mut self, event: &Event, index: usize, iteration: FrameId, input: &Data) {
        let Some(state) = self.state_of(event.frame) else { return };
        let Kind::Map(map) = &state.kind else { return };
        let Some(Frame { phase: Phase::Map(iterations), .. }) =
            self.live.frames.get_mut(&event.frame)
        else {
            return;
        };
        iterations.next = index + 1;
        iterations.running += 1;
        iterations.frames.push(iteration);
        let item = Item { items: iterations.items.clone(), index };
        let body = Shared(map.processor.clone());
        let start_at = body.start_at.clone();
        let frame = Frame {
            parent: Some(event.frame),
            index,
            last: event.id,
            item: Some(item),
            ..Frame::starting(Some(body), start_at, input.clone())
        };
        self.add_frame(iteration, frame);
    }

    fn end_iteration(
        &mut self,
        event: &Event,
        index: usize,
        iteration: FrameId,
        output: Option<Data>,
        last: u64,
    ) {
        let Some(frame) = self.live.frames.get_mut(&event.frame) else { return };
        let Phase::Map(map) = &mut frame.phase else { return };
        map.running = map.running.saturating_sub(1);
        map.done += 1;
        map.follows = last;
        if output.is_some() {
            map.frames.retain(|frame| *frame != iteration);
            frame.last = event.id;
            if let Some(slot) = map.outputs.get_mut(index) {
                *slot = output;
            }
        } else {
            map.failed += 1;
            frame.last = last;
        }
    }

    pub(crate) fn state_of(&self, frame: FrameId) -> Option<Shared<State>> {
        Some(self.live.frames.get(&frame)?.visit.as_ref()?.state.clone())
    }

    fn map_of(&self, frame: FrameId) -> Option<&crate::definition::Map> {
        match &self.live.frames.get(&frame)?.visit.as_ref()?.state.kind {
            Kind::Map(map) => Some(map),
            _ => None,
        }
    }
}

/// Whether an event becomes the one that its frame's next event follows. What ends a Parallel or a
/// Map does not: StateExited follows the same event as `…StateSucceeded`. Nor do iterations'.
fn moves_chain(kind: &EventKind) -> bool {
    !matches!(
        kind,
        EventKind::ParallelSucceeded
            | EventKind::MapSucceeded
            | EventKind::MapIterationStarted { .. }
            | EventKind::MapIterationSucceeded { .. }
            | EventKind::MapIterationFailed { .. }
            | EventKind::MapIterationAborted { .. }
    )
}

/// A failure as a catcher's input: `{"Error": …, "Cause": …}`.
pub(crate) fn error_output(failure: &Failure) -> serde_json::Value {
    json!({ "Error": failure.error, "Cause": failure.cause })
}
