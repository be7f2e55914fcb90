//! One file per state type: what it does when entered, answered, failed.

pub mod choice;
mod choose;
mod fail;
mod map;
mod map_run;
mod parallel;
mod pass;
mod setting;
mod succeed;
mod task;
mod trouble;
mod under_test;
mod wait;

use std::cell::Cell;
use std::collections::VecDeque;

use crate::data_flow::{Bench, Inspection, Leaving, Place};
use crate::definition::{Kind, State};
use crate::event::Deadline;
use crate::execution::{Execution, Frame, Phase, Purpose, TOP, Visit};
use crate::step::{EVENTS_PER_DECISION, WORK_PER_DECISION};
use crate::{
    Command, Data, Decision, Event, EventKind, Failure, FrameId, Moment, Name, Status, TaskId,
    TimerId, Timestamp, error_name,
};

pub(crate) use map::too_many_failed;
use trouble::Fault;

/// To make, write and keep so many bytes of a payload is about as much work as a step of an evaluation.
const BYTES_A_STEP: u64 = 32;

/// One decision in the making.
pub(crate) struct Stepper<'e> {
    execution: &'e mut Execution,
    moment: Moment,
    decision: Decision,
    /// Frames that can go on.
    queue: VecDeque<FrameId>,
    /// Set while a state is tested.
    bench: Option<&'e Bench>,
    /// Steps that evaluations took, and what comes of large payloads.
    work: Cell<u64>,
}

impl<'e> Stepper<'e> {
    pub fn new(execution: &'e mut Execution, moment: Moment) -> Stepper<'e> {
        let (decision, queue) = (Decision::default(), VecDeque::new());
        Stepper { execution, moment, decision, queue, bench: None, work: Cell::new(0) }
    }

    /// Runs all frames that can go on, as far as they can.
    pub fn finish(mut self) -> Decision {
        while let Some(frame) = self.queue.pop_front() {
            if !self.running() {
                break;
            }
            if self.decision.events.len() >= EVENTS_PER_DECISION || self.has_worked_enough() {
                self.decision.commands.push(Command::Continue);
                break;
            }
            if self.execution.is_ready(frame) {
                if self.is_transition(frame) {
                    if self.decision.transitions >= self.execution.transitions_max {
                        self.decision.held = true;
                        self.decision.commands.push(Command::Continue);
                        break;
                    }
                    self.decision.transitions += 1;
                }
                self.advance(frame);
                if self.execution.is_ready(frame) {
                    self.queue.push_front(frame);
                }
            }
        }
        self.decision
    }

    pub fn start(&mut self) {
        if self.execution.live.last_event_id != 0 {
            return;
        }
        let deadline = self.deadline();
        let header = self.execution.header.clone();
        self.emit_after(
            TOP,
            0,
            EventKind::ExecutionStarted {
                input: header.input.clone(),
                role_arn: header.role_arn.clone(),
                deadline,
            },
        );
        self.queue.push_back(TOP);
    }

    pub fn resume(&mut self) {
        if self.running() {
            let frames: Vec<FrameId> = self.execution.live.frames.keys().copied().collect();
            self.queue.extend(frames.into_iter().filter(|frame| self.execution.is_ready(*frame)));
        }
    }

    pub fn redrive(&mut self) {
        if !self.execution.is_redrivable() {
            return;
        }
        let deadline = self.deadline();
        let redrive_count = self.execution.live.redrive_count + 1;
        self.emit_after(TOP, 0, EventKind::ExecutionRedriven { redrive_count, deadline });
        self.resume();
    }

    pub fn stop(&mut self, failure: Failure) {
        if self.running() && self.execution.live.last_event_id != 0 {
            self.emit_after(TOP, 0, EventKind::ExecutionAborted { failure });
        }
    }

    pub fn timer_fired(&mut self, timer: TimerId) {
        let Some(fired) = self.execution.live.timers.get(&timer).copied() else { return };
        match fired.purpose {
            Purpose::Execution => {
                // It ends when its time was over, however late the timer is.
                self.moment.now = fired.at.min(self.moment.now);
                let failure = Failure { error: Some(error_name::TIMEOUT.into()), cause: None };
                self.emit_after(TOP, 0, EventKind::ExecutionTimedOut { failure });
            }
            Purpose::Wait => self.wait_over(fired.frame),
            Purpose::Retry => {
                self.emit(fired.frame, EventKind::RetryStarted);
                self.queue.push_back(fired.frame);
            }
            Purpose::Timeout(task) => self.task_timed_out(task, error_name::TIMEOUT),
            Purpose::Heartbeat(task) => self.task_timed_out(task, error_name::HEARTBEAT_TIMEOUT),
        }
    }

    /// Whether the next thing that a ready frame has to do is to enter a state, or to try one again.
    fn is_transition(&self, frame: FrameId) -> bool {
        let frame = self.execution.live.frames.get(&frame);
        frame.is_some_and(|frame| matches!(frame.phase, Phase::Start { .. } | Phase::Ready))
    }

    /// Does the next thing that a ready frame has to do.
    fn advance(&mut self, frame: FrameId) {
        let Some(phase) = self.execution.live.frames.get(&frame).map(|frame| &frame.phase) else {
            return;
        };
        match phase {
            Phase::Start { state, input } => {
                let (state, input) = (state.clone(), input.clone());
                self.enter(frame, &state, input);
            }
            Phase::Ready => self.run(frame),
            Phase::Ended { output } => {
                let output = output.clone();
                self.end(frame, output);
            }
            Phase::Parallel(_) => self.join(frame),
            Phase::Map(_) => self.iterate(frame),
            Phase::Waiting { .. }
            | Phase::Retrying { .. }
            | Phase::Task(_)
            | Phase::Answered
            | Phase::Stopped => {}
        }
    }

    fn enter(&mut self, frame: FrameId, name: &Name, input: Data) {
        let Some(state) = self.execution.state_in(frame, name) else {
            // Validation has refused this; a definition that was changed under a journal has not.
            let cause = format!("The state '{name}' is not in the state machine's definition.");
            return self.fatal(frame, cause);
        };
        let state_type = state.kind.state_type();
        self.emit(frame, EventKind::StateEntered { state: state.name.clone(), state_type, input });
        self.run(frame);
    }

    fn run(&mut self, frame: FrameId) {
        let Some(visit) = self.visit(frame).filter(|_| self.running()).cloned() else { return };
        let state = visit.state.clone();
        match &state.kind {
            Kind::Pass(pass) => self.pass(frame, &visit, pass),
            Kind::Task(task) => self.schedule(frame, &visit, task),
            Kind::Choice(choice) => self.choose(frame, &visit, choice),
            Kind::Wait(wait) => self.wait(frame, &visit, wait),
            Kind::Succeed => self.succeed(frame, &visit),
            Kind::Fail(fail) => self.fail_state(frame, &visit, fail),
            Kind::Parallel(parallel) => self.fork(frame, &visit, parallel),
            Kind::Map(map) => self.map(frame, &visit, map),
        }
    }

    /// A frame has left its last state.
    fn end(&mut self, frame: FrameId, output: Data) {
        let Some(ended) = self.execution.live.frames.get(&frame) else { return };
        match ended.parent {
            None => {
                self.emit(frame, EventKind::ExecutionSucceeded { output });
            }
            Some(parent) => self.iteration_succeeded(parent, frame),
        }
    }

    /// Leaves a state whose work gave `result`, by the state's own data flow.
    fn leave(&mut self, frame: FrameId, visit: &Visit, result: &Data, has_result: bool) {
        let leaving = self.place(frame).leave(&visit.state, &visit.input, result, has_result);
        match leaving {
            Ok(leaving) => {
                let next = visit.state.next.clone();
                self.exit(frame, visit, leaving, next);
            }
            Err(error) => self.evaluation_failed(frame, error),
        }
    }

    /// Leaves a state.
    fn exit(&mut self, frame: FrameId, visit: &Visit, leaving: Leaving, next: Option<Name>) {
        match self.check_size(&visit.state, visit, &leaving) {
            Ok(()) => self.emit_exit(frame, &visit.state, leaving, next),
            Err(fault) => self.trouble(frame, fault),
        }
    }

    fn check_size(&self, state: &State, visit: &Visit, leaving: &Leaving) -> Result<(), Fault> {
        let limits = &self.execution.limits;
        let bytes = |data: &Data| if data.same(&visit.input) { 0 } else { data.len() };
        if bytes(&leaving.output) > limits.payload_bytes_max {
            return Err(Fault::too_large(&state.name));
        }
        let largest = leaving.assigned.iter().map(|(_, data)| data.len()).max();
        if largest.is_some_and(|bytes| bytes > limits.variable_bytes_max) {
            return Err(Fault::too_large(&state.name));
        }
        let assigned: usize = leaving.assigned.iter().map(|(_, data)| data.len()).sum();
        if assigned > limits.assign_bytes_max {
            return Err(Fault::too_large(&state.name));
        }
        if assigned > 0 {
            let frames = self.execution.live.frames.values();
            let held: usize =
                frames.flat_map(|frame| frame.variables.values()).map(Data::len).sum();
            if held + assigned > limits.variables_bytes_max {
                return Err(Fault::too_large(&state.name));
            }
        }
        Ok(())
    }

    fn emit_exit(&mut self, frame: FrameId, state: &State, leaving: Leaving, next: Option<Name>) {
        self.work.set(self.work.get() + leaving.output.len() as u64 / BYTES_A_STEP);
        let parent = self.execution.live.frames.get(&frame).and_then(|frame| frame.parent);
        if let Some(visit) = self.visit(frame) {
            let stayed = (self.moment.now.0 - visit.entered_at.0).max(0);
            self.decision.left.push((state.name.clone(), stayed as u64));
        }
        let kind = EventKind::StateExited {
            state: state.name.clone(),
            state_type: state.kind.state_type(),
            output: leaving.output,
            assigned: leaving.assigned,
            next,
        };
        self.emit(frame, kind);
        match parent {
            // A branch that has ended has no frame any more; its Parallel may be done.
            Some(parent) if !self.execution.live.frames.contains_key(&frame) => {
                self.queue.push_front(parent);
            }
            _ => self.queue.push_front(frame),
        }
    }

    /// Records a fact that follows the frame's last one.
    fn emit(&mut self, frame: FrameId, kind: EventKind) -> u64 {
        let previous = self.execution.live.frames.get(&frame).map_or(0, |frame| frame.last);
        self.emit_after(frame, previous, kind)
    }

    /// Records a fact. Nothing follows the end of an execution.
    fn emit_after(&mut self, frame: FrameId, previous: u64, kind: EventKind) -> u64 {
        let redriven = matches!(kind, EventKind::ExecutionRedriven { .. });
        if !self.running() && !redriven {
            return 0;
        }
        let ends = ends_execution(&kind);
        let next = self.execution.live.last_event_id + 1;
        let (kind, ends) = if is_visible(&kind)
            && !ends
            && !self.execution.header.express
            && next >= self.execution.limits.history_events_max
        {
            let cause = format!(
                "The execution reached the maximum number of history events ({}).",
                self.execution.limits.history_events_max
            );
            let failure = Failure { error: Some(error_name::RUNTIME.into()), cause: Some(cause) };
            (EventKind::ExecutionFailed { failure }, true)
        } else {
            (kind, ends)
        };
        if ends {
            self.cancel_everything();
        }
        let id = if is_visible(&kind) { next } else { 0 };
        let event = Event { id, previous, at: self.moment.now, frame, kind };
        self.execution.apply(&event);
        self.owe_timers(&event.kind);
        self.decision.events.push(event);
        id
    }

    /// Timers that an event has set are commands, in the order they were numbered.
    fn owe_timers(&mut self, kind: &EventKind) {
        let mut owe = |timer: Option<TimerId>| {
            if let Some(timer) = timer
                && let Some(set) = self.execution.live.timers.get(&timer)
            {
                self.decision.commands.push(Command::SetTimer { timer, at: set.at });
            }
        };
        match kind {
            EventKind::ExecutionStarted { deadline, .. }
            | EventKind::ExecutionRedriven { deadline, .. } => {
                owe(deadline.map(|deadline| deadline.timer));
            }
            EventKind::WaitStarted { timer, .. }
            | EventKind::RetryScheduled { timer, .. }
            | EventKind::TaskHeartbeat { timer, .. } => owe(Some(*timer)),
            EventKind::TaskScheduled { timeout_timer, heartbeat_timer, .. }
            | EventKind::TaskStarted { timeout_timer, heartbeat_timer, .. } => {
                owe(*timeout_timer);
                owe(*heartbeat_timer);
            }
            _ => {}
        }
    }

    /// Nobody awaits anything any more.
    fn cancel_everything(&mut self) {
        let live = &self.execution.live;
        let commands = &mut self.decision.commands;
        for (task, frame) in &live.tasks {
            if let Some(Frame { phase: Phase::Task(open), .. }) = live.frames.get(frame) {
                commands.push(Command::CancelTask { task: *task, target: open.target.clone() });
            }
        }
        commands.extend(live.timers.keys().map(|timer| Command::CancelTimer { timer: *timer }));
    }

    /// What a frame waits for is not needed any more. The fold forgets it with the event that follows.
    fn release(&mut self, frame: FrameId, cancel_task: bool) {
        let Some(frame) = self.execution.live.frames.get(&frame) else { return };
        let commands = &mut self.decision.commands;
        match &frame.phase {
            Phase::Waiting { timer } | Phase::Retrying { timer } => {
                commands.push(Command::CancelTimer { timer: *timer });
            }
            Phase::Task(open) => {
                if cancel_task {
                    let (task, target) = (open.task, open.target.clone());
                    commands.push(Command::CancelTask { task, target });
                }
                for timer in open.timeout.iter().chain(&open.heartbeat) {
                    commands.push(Command::CancelTimer { timer: *timer });
                }
            }
            _ => {}
        }
    }

    /// Whether others are to have their turn before more is evaluated.
    fn has_worked_enough(&self) -> bool {
        self.work.get() >= WORK_PER_DECISION
    }

    fn running(&self) -> bool {
        self.execution.live.status == Status::Running
    }

    fn place(&self, frame: FrameId) -> Place<'_> {
        // Each evaluation has dice of its own: the same expression in two states gives two random numbers.
        let evaluation = (u64::from(frame.0) << 32) | self.decision.events.len() as u64;
        Place {
            bench: self.bench,
            work: Some(&self.work),
            ..Place::new(self.execution, frame, self.moment.apart(evaluation))
        }
    }

    /// Writes down what a state has come to, if it is tested.
    fn note(&self, note: impl FnOnce(&mut Inspection)) {
        if let Some(bench) = self.bench {
            bench.note(note);
        }
    }

    fn visit(&self, frame: FrameId) -> Option<&Visit> {
        self.execution.live.frames.get(&frame)?.visit.as_ref()
    }

    fn new_timer(&self, after: u64) -> TimerId {
        TimerId(self.execution.live.next_timer + after)
    }

    fn new_task(&self) -> TaskId {
        TaskId(self.execution.live.next_task)
    }

    /// When the execution times out, if it ever does.
    fn deadline(&self) -> Option<Deadline> {
        let own = self.execution.definition.timeout_seconds;
        let seconds = match self.execution.header.express {
            true => {
                let most = self.execution.limits.express_seconds_max;
                Some(own.unwrap_or(most).min(most))
            }
            false => own,
        }?;
        Some(Deadline { timer: self.new_timer(0), at: later(self.moment.now, seconds) })
    }
}

/// So many seconds later.
fn later(now: Timestamp, seconds: u64) -> Timestamp {
    now.plus_millis(i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(1000))
}

fn ends_execution(kind: &EventKind) -> bool {
    matches!(
        kind,
        EventKind::ExecutionSucceeded { .. }
            | EventKind::ExecutionFailed { .. }
            | EventKind::ExecutionTimedOut { .. }
            | EventKind::ExecutionAborted { .. }
    )
}

/// Whether AWS shows events of this kind, and so numbers them.
fn is_visible(kind: &EventKind) -> bool {
    !matches!(
        kind,
        EventKind::WaitStarted { .. }
            | EventKind::TaskHeartbeat { .. }
            | EventKind::RetryScheduled { .. }
            | EventKind::RetryStarted
            | EventKind::Caught { .. }
    )
}
