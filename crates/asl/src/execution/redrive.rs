//! A redrive: the failed execution runs again from the states that failed or were cut off. What had
//! succeeded (states, branches, iterations) stays.

use super::{Execution, Phase, Status};
use crate::{FrameId, Timestamp};

impl Execution {
    /// Whether it can be redriven: it has ended without success.
    pub fn is_redrivable(&self) -> bool {
        matches!(self.live.status, Status::Failed | Status::TimedOut | Status::Aborted)
            && !self.header.express
    }

    pub(super) fn apply_redrive(&mut self, count: u32, at: Timestamp) {
        self.live.status = Status::Running;
        self.live.redrive_count = count;
        self.live.redrive_time = Some(at);
        self.live.stop_time = None;
        self.live.failure = None;
        let top_frames: Vec<FrameId> = self
            .live
            .frames
            .iter()
            .filter(|(_, frame)| frame.parent.is_none())
            .map(|(id, _)| *id)
            .collect();
        for frame in top_frames {
            self.restart(frame);
        }
    }

    fn restart(&mut self, id: FrameId) {
        let children =
            self.live.frames.get(&id).map_or(Vec::new(), |frame| frame.children().to_vec());
        for child in &children {
            self.restart(*child);
        }
        let indexes: Vec<usize> = children
            .iter()
            .filter_map(|child| self.live.frames.get(child))
            .map(|frame| frame.index)
            .collect();
        let Some(frame) = self.live.frames.get_mut(&id) else { return };
        if let Some(visit) = &mut frame.visit {
            visit.attempts.clear();
            visit.retry_count = 0;
        }
        match &mut frame.phase {
            Phase::Start { .. } | Phase::Ended { .. } | Phase::Parallel(_) => {}
            Phase::Map(map) => {
                // Every frame left is an iteration that did not succeed.
                map.running = children.len();
                map.failed = 0;
                for index in indexes {
                    if let Some(slot) = map.outputs.get_mut(index)
                        && slot.take().is_some()
                    {
                        map.done -= 1;
                    }
                }
            }
            phase => *phase = Phase::Ready,
        }
    }
}
