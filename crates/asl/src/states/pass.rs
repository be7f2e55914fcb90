//! The Pass state: its `Result`, or its input after `Parameters`.

use super::Stepper;
use crate::FrameId;
use crate::definition::Pass;
use crate::execution::Visit;

impl Stepper<'_> {
    pub(super) fn pass(&mut self, frame: FrameId, visit: &Visit, pass: &Pass) {
        // A fixed result makes the input's fields idle: AWS does not even look at them.
        if let Some(fixed) = &pass.result {
            return self.leave(frame, visit, &fixed.clone().into(), true);
        }
        let place = self.place(frame);
        let result = place
            .effective_input(&visit.state, &visit.input)
            .and_then(|input| place.arguments(&visit.state, &input));
        match result {
            Ok(input) => self.leave(frame, visit, &input, false),
            Err(error) => self.evaluation_failed(frame, error),
        }
    }
}
