//! What happens to failures: retried, caught, or passed up to the Parallel, the Map or the execution.

use serde_json::Value;

use super::Stepper;
use crate::data_flow::{Leaving, place};
use crate::definition::{Catcher, Flow, Kind, Retrier};
use crate::execution::{Phase, Visit, error_output};
use crate::expression::EvaluationError;
use crate::{Data, EventKind, Failure, FrameId, StateType, error_name};

/// A failure on its way up.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    pub failure: Failure,
    /// What retriers and catchers match.
    pub name: String,
    /// A task reported it. What is too large then is the task's answer, which `States.ALL` takes.
    pub by_task: bool,
}

impl Fault {
    pub fn new(failure: Failure) -> Fault {
        Fault { name: failure.error.clone().unwrap_or_default(), failure, by_task: false }
    }

    pub fn by_task(failure: Failure) -> Fault {
        Fault { by_task: true, ..Fault::new(failure) }
    }

    pub fn too_large(what: &str) -> Fault {
        Fault::new(Failure {
            error: Some(error_name::DATA_LIMIT_EXCEEDED.into()),
            cause: Some(format!(
                "The state/task '{what}' returned a result with a size exceeding the maximum number of bytes service limit."
            )),
        })
    }

    fn is_taken_by(&self, error_equals: &[String]) -> bool {
        error_name::matches(error_equals, &self.name)
            || (self.by_task
                && self.name == error_name::DATA_LIMIT_EXCEEDED
                && error_name::matches(error_equals, ""))
    }
}

impl Stepper<'_> {
    /// An expression of the frame's state failed.
    pub(super) fn evaluation_failed(&mut self, frame: FrameId, error: EvaluationError) {
        if let Some(fault) = self.recorded(frame, error) {
            self.trouble(frame, fault);
        }
    }

    /// Records a failed expression. `None` if that was the end of the execution.
    fn recorded(&mut self, frame: FrameId, error: EvaluationError) -> Option<Fault> {
        if error.error == error_name::RUNTIME {
            self.fatal(frame, error.cause);
            return None;
        }
        // AWS says where of every failure but this one.
        let cause = match error.error {
            error_name::REFERENCE_PATH_CONFLICT => error.cause,
            _ => self.located(frame, &error.cause),
        };
        let failure = Failure { error: Some(error.error.into()), cause: Some(cause) };
        let failure = failure.within(&self.execution.limits);
        if error.error == error_name::QUERY_EVALUATION_ERROR
            && let Some(visit) = self.visit(frame)
        {
            let last = self.execution.live.frames.get(&frame).map_or(0, |frame| frame.last);
            // AWS evaluates what a state is entered with before it has recorded the entry; a Wait's
            // fields after it.
            let entering =
                last == visit.entered_id && visit.state.kind.state_type() != StateType::Wait;
            let previous = if entering { visit.entered_after } else { last };
            let kind = EventKind::EvaluationFailed {
                failure: failure.clone(),
                location: error.location,
                state: visit.state.name.clone(),
            };
            self.emit_after(frame, previous, kind);
        }
        Some(Fault::new(failure))
    }

    /// `States.Runtime`: the execution fails at once, whatever the frame is in.
    pub(super) fn fatal(&mut self, frame: FrameId, cause: String) {
        let cause = self.located(frame, &cause);
        let failure = Failure { error: Some(error_name::RUNTIME.into()), cause: Some(cause) };
        let failure = failure.within(&self.execution.limits);
        self.emit(frame, EventKind::ExecutionFailed { failure });
    }

    /// The text with the place before it.
    pub(super) fn located(&self, frame: FrameId, text: &str) -> String {
        match self.visit(frame) {
            // A state under test was entered by nobody, and AWS does not say so.
            _ if self.bench.is_some() => text.to_owned(),
            Some(visit) => format!(
                "An error occurred while executing the state '{}' (entered at the event id #{}). {text}",
                visit.state.name, visit.entered_id
            ),
            None => text.to_owned(),
        }
    }

    /// The frame's state failed.
    pub(super) fn trouble(&mut self, frame: FrameId, fault: Fault) {
        let previous = self.execution.live.frames.get(&frame).map_or(0, |frame| frame.last);
        self.trouble_after(frame, previous, fault);
    }

    /// The frame's state failed, and what follows from that follows this event.
    pub(super) fn trouble_after(&mut self, frame: FrameId, previous: u64, fault: Fault) {
        if !self.running() {
            return;
        }
        let Some(visit) = self.visit(frame).cloned() else { return };
        let (retriers, catchers) = handlers(&visit.state.kind);
        if self.retry(frame, previous, &visit, retriers, &fault) {
            return;
        }
        let failure = fault.failure.clone();
        match visit.state.kind {
            Kind::Parallel(_) => {
                self.emit_after(frame, previous, EventKind::ParallelFailed { failure });
            }
            Kind::Map(_) => {
                self.emit_after(frame, previous, EventKind::MapFailed { failure });
            }
            _ => {}
        }
        match catchers.iter().position(|catcher| fault.is_taken_by(&catcher.error_equals)) {
            Some(index) => self.catch(frame, &visit, index, &catchers[index], fault),
            None => self.rise(frame, fault),
        }
    }

    fn retry(
        &mut self,
        frame: FrameId,
        previous: u64,
        visit: &Visit,
        retriers: &[Retrier],
        fault: &Fault,
    ) -> bool {
        // Scanned in order; the first that matches decides, even if a later one names the error better.
        let taken = retriers.iter().position(|retrier| fault.is_taken_by(&retrier.error_equals));
        let Some(index) = taken else { return false };
        let retrier = &retriers[index];
        let used = match self.bench {
            Some(bench) => bench.retries,
            None => visit.attempts.get(index).copied().unwrap_or(0),
        };
        self.note(|seen| seen.retry_index = Some(index));
        if u64::from(used) >= retrier.max_attempts {
            return false;
        }
        let attempt = used.saturating_add(1);
        let whole = delay_seconds(retrier, attempt, || 1.0) as u64;
        self.note(|seen| seen.retry_backoff_seconds = Some(whole));
        let mut dice = self.moment.dice("retry jitter");
        let at = self.moment.now.plus_seconds(delay_seconds(retrier, attempt, || dice.next_f64()));
        let timer = self.new_timer(0);
        let failure = fault.failure.clone();
        let retrier = index as u32;
        self.emit_after(
            frame,
            previous,
            EventKind::RetryScheduled { retrier, attempt, at, timer, failure },
        );
        true
    }

    fn catch(
        &mut self,
        frame: FrameId,
        visit: &Visit,
        index: usize,
        catcher: &Catcher,
        fault: Fault,
    ) {
        self.note(|seen| seen.catch_index = Some(index));
        let leaving = self.caught(frame, visit, index, catcher, &fault).and_then(|leaving| {
            match self.check_size(&visit.state, visit, &leaving) {
                Ok(()) => Ok(leaving),
                Err(fault) => Err(Problem::Fault(fault)),
            }
        });
        match leaving {
            Ok(leaving) => {
                let (catcher_index, failure) = (index as u32, fault.failure);
                self.emit(frame, EventKind::Caught { catcher: catcher_index, failure });
                self.emit_exit(frame, &visit.state, leaving, Some(catcher.next.clone()));
            }
            // A catcher that fails is not caught by its own state: it would be for ever.
            Err(Problem::Evaluation(error)) => {
                if let Some(fault) = self.recorded(frame, error) {
                    self.rise(frame, fault);
                }
            }
            Err(Problem::Fault(fault)) => self.rise(frame, fault),
        }
    }

    fn caught(
        &self,
        frame: FrameId,
        visit: &Visit,
        index: usize,
        catcher: &Catcher,
        fault: &Fault,
    ) -> Result<Leaving, Problem> {
        let here = self.place(frame);
        let mut error: Value = error_output(&fault.failure);
        if matches!(&*fault.name, error_name::TIMEOUT | error_name::HEARTBEAT_TIMEOUT)
            && error["Cause"].is_null()
        {
            // A time-out has no cause in its event and an empty one in its catcher's input.
            error["Cause"] = "".into();
        }
        let error = Data::from(error);
        let field = format!("Catch[{index}]/Assign");
        match &visit.state.flow {
            Flow::JsonPath(_) => {
                let assigned = here.assign(catcher.assign.as_ref(), &field, &error, None, None)?;
                let output = place(&catcher.result_path, &visit.input, error)?;
                Ok(Leaving { output, assigned })
            }
            Flow::Jsonata { .. } => {
                let (raw, seen) = (&visit.input, Some(error.value()));
                let assigned = here.assign(catcher.assign.as_ref(), &field, raw, None, seen)?;
                let output = match &catcher.output {
                    Some(template) => {
                        let field = format!("Catch[{index}]/Output");
                        here.with_result(raw.value(), None, seen, |scope| {
                            template.evaluate(scope, &field)
                        })?
                        .into()
                    }
                    None => error.clone(),
                };
                Ok(Leaving { output, assigned })
            }
        }
    }

    /// Nothing in the frame takes the failure: the frame fails.
    fn rise(&mut self, frame: FrameId, fault: Fault) {
        let Some(failed) = self.execution.live.frames.get(&frame) else { return };
        let Some(parent) = failed.parent else {
            self.emit(frame, EventKind::ExecutionFailed { failure: fault.failure });
            return;
        };
        match self.execution.live.frames.get(&parent).map(|parent| &parent.phase) {
            Some(Phase::Map(_)) => self.iteration_failed(parent, frame, fault),
            _ => {
                self.abort_children(parent, Some(frame));
                let previous = self.execution.live.frames.get(&frame).map_or(0, |frame| frame.last);
                self.trouble_after(parent, previous, fault);
            }
        }
    }

    /// Ends the branches or iterations of a frame because one of them failed.
    pub(super) fn abort_children(&mut self, parent: FrameId, failed: Option<FrameId>) {
        let Some(aborting) = self.execution.live.frames.get(&parent) else { return };
        let is_map = matches!(aborting.phase, Phase::Map(_));
        for child in aborting.children().to_vec() {
            let Some(frame) = self.execution.live.frames.get(&child) else { continue };
            let (index, stopped) = (frame.index as u64, matches!(frame.phase, Phase::Stopped));
            if Some(child) == failed {
                // AWS records that a branch's failed Task was aborted; not so a Map iteration's.
                let is_task = self
                    .visit(child)
                    .is_some_and(|visit| visit.state.kind.state_type() == StateType::Task);
                if is_task && !is_map {
                    self.emit_aborted(child);
                }
                continue;
            }
            if stopped {
                continue;
            }
            self.abort(child);
            if is_map && let Some(visit) = self.visit(parent) {
                let state = visit.state.name.clone();
                let kind = EventKind::MapIterationAborted { state, index, iteration: child };
                let previous = self.execution.live.frames.get(&child).map_or(0, |frame| frame.last);
                self.emit_after(parent, previous, kind);
            }
        }
    }

    fn abort(&mut self, frame: FrameId) {
        self.abort_children(frame, None);
        self.release(frame, true);
        if let Some(aborted) = self.execution.live.frames.get(&frame)
            && let Phase::Task(open) = &aborted.phase
            && open.map_run
        {
            let task = open.task;
            self.emit(frame, EventKind::MapRunAborted { task });
        }
        self.emit_aborted(frame);
    }

    fn emit_aborted(&mut self, frame: FrameId) {
        let Some(visit) = self.visit(frame) else { return };
        let state_type = visit.state.kind.state_type();
        let state = visit.state.name.clone();
        match state_type {
            StateType::Task | StateType::Wait | StateType::Parallel | StateType::Map => {
                self.emit(frame, EventKind::StateAborted { state, state_type });
            }
            StateType::Pass | StateType::Choice | StateType::Succeed | StateType::Fail => {}
        }
    }
}

/// Why a catcher could not do its work.
enum Problem {
    Evaluation(EvaluationError),
    Fault(Fault),
}

impl From<EvaluationError> for Problem {
    fn from(error: EvaluationError) -> Problem {
        Problem::Evaluation(error)
    }
}

fn handlers(kind: &Kind) -> (&[Retrier], &[Catcher]) {
    match kind {
        Kind::Task(task) => (&task.retry, &task.catch),
        Kind::Parallel(parallel) => (&parallel.retry, &parallel.catch),
        Kind::Map(map) => (&map.retry, &map.catch),
        Kind::Pass(_) | Kind::Choice(_) | Kind::Wait(_) | Kind::Succeed | Kind::Fail(_) => {
            (&[], &[])
        }
    }
}

/// How long the retrier's attempt (from 1) waits. The jitter comes after the cap, as AWS has it.
fn delay_seconds(retrier: &Retrier, attempt: u32, jitter: impl FnOnce() -> f64) -> f64 {
    let growth = retrier.backoff_rate.powi(i32::try_from(attempt - 1).unwrap_or(i32::MAX));
    let longest = retrier.max_delay_seconds.unwrap_or(crate::limits::SECONDS_MAX) as f64;
    let delay = (retrier.interval_seconds as f64 * growth).min(longest);
    if retrier.full_jitter { delay * jitter() } else { delay }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn retrier(backoff_rate: f64, max_delay_seconds: Option<u64>, full_jitter: bool) -> Retrier {
        Retrier {
            error_equals: vec!["States.ALL".into()],
            interval_seconds: 3,
            max_attempts: 9,
            backoff_rate,
            max_delay_seconds,
            full_jitter,
        }
    }

    #[test]
    fn delays_grow_to_their_cap_and_jitter_shortens_them() {
        let delays = |retrier: &Retrier| {
            (1..=4).map(|attempt| delay_seconds(retrier, attempt, || 0.5)).collect::<Vec<_>>()
        };
        assert_eq!(delays(&retrier(2.0, None, false)), [3.0, 6.0, 12.0, 24.0]);
        assert_eq!(delays(&retrier(2.0, Some(10), false)), [3.0, 6.0, 10.0, 10.0]);
        assert_eq!(delays(&retrier(2.0, Some(10), true)), [1.5, 3.0, 5.0, 5.0]);
        assert!(delay_seconds(&retrier(1e9, None, false), 1_000, || 0.5) <= 99_999_999.0);
    }
}
