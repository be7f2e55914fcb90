//! The Parallel state: branches that run at the same time, each in a frame of its own.

use serde_json::Value;

use super::{Fault, Stepper};
use crate::definition::Parallel;
use crate::execution::{Phase, Visit};
use crate::{Data, EventKind, FrameId};

/// Bytes of all outputs of a Parallel or Map.
const BYTES_MAX: usize = 64 << 20;

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
        let result = outputs(&branches.outputs);
        self.emit(frame, EventKind::ParallelSucceeded);
        match result {
            Some(result) => self.leave(frame, &visit, &result, true),
            None => self.trouble(frame, Fault::too_large(&visit.state.name)),
        }
    }
}

/// The outputs of branches or iterations, in their order; none if they are too much to be held at once, though
/// little of them might be left by `ResultSelector` and `ResultPath`.
pub(super) fn outputs(outputs: &[Option<Data>]) -> Option<Data> {
    let bytes: usize = outputs.iter().flatten().map(Data::len).sum();
    if bytes > BYTES_MAX {
        return None;
    }
    let outputs = outputs.iter().map(|output| output.as_ref().map(|data| data.value().clone()));
    Some(outputs.map(Option::unwrap_or_default).collect::<Value>().into())
}
