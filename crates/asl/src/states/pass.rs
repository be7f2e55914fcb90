//! The Pass state: its `Result`, or its input after `Parameters`.

use super::Stepper;
use crate::FrameId;
use crate::definition::Pass;
use crate::execution::Visit;

impl Stepper<'_> {
    pub(super) fn pass(&mut self, frame: FrameId, visit: &Visit, pass: &Pass) {
        let place = self.place(frame);
        let result = place
            .effective_input(&visit.state, &visit.input)
            .and_then(|input| place.arguments(&visit.state, &input));
        match (result, &pass.result) {
            (Ok(_), Some(fixed)) => self.leave(frame, visit, &fixed.clone().into(), false),
            (Ok(input), None) => self.leave(frame, visit, &input, false),
            (Err(error), _) => self.evaluation_failed(frame, error),
        }
    }
}
