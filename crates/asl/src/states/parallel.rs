//! The Parallel state: branches that run at the same time, each in a frame of its own.

use serde_json::Value;

use super::Stepper;
use crate::definition::Parallel;
use crate::execution::{Phase, Visit};
use crate::{Data, EventKind, FrameId};

impl Stepper<'_> {
    pub(super) fn fork(&mut self, frame: FrameId, visit: &Visit, parallel: &Parallel) {
        let place = self.place(frame);
        let input = place
            .effective_input(&visit.state, &visit.input)
            .and_then(|input| place.arguments(&visit.state, &input));
        match input {
            Ok(input) => {
                let first = self.execution.live.next_frame;
                let branches: Vec<FrameId> = (0..parallel.branches.len() as u32)
                    .map(|index| FrameId(first + index))
                    .collect();
                self.queue.extend(&branches);
                let state = visit.state.name.clone();
                self.emit(frame, EventKind::ParallelStarted { state, branches, input });
            }
            Err(error) => self.evaluation_failed(frame, error),
        }
    }

    /// All branches have ended.
    pub(super) fn join(&mut self, frame: FrameId) {
        let Some(joined) = self.execution.live.frames.get(&frame) else { return };
        let (Phase::Parallel(branches), Some(visit)) = (&joined.phase, joined.visit.clone()) else {
            return;
        };
        let result: Data = outputs(&branches.outputs).into();
        self.emit(frame, EventKind::ParallelSucceeded);
        self.leave(frame, &visit, &result, true);
    }
}

/// The outputs of branches or iterations, in their order.
pub(super) fn outputs(outputs: &[Option<Data>]) -> Value {
    outputs
        .iter()
        .map(|output| output.as_ref().map_or(Value::Null, |data| data.value().clone()))
        .collect()
}
