//! The Succeed state: the end of its line of control.

use super::Stepper;
use crate::FrameId;
use crate::execution::Visit;

impl Stepper<'_> {
    pub(super) fn succeed(&mut self, frame: FrameId, visit: &Visit) {
        match self.place(frame).effective_input(&visit.state, &visit.input) {
            Ok(input) => self.leave(frame, visit, &input, false),
            Err(error) => self.evaluation_failed(frame, error),
        }
    }
}
