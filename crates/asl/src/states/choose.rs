//! What a Choice state does: the first rule that matches leads on, else `Default`.

use super::Stepper;
use crate::data_flow::{Leaving, Place};
use crate::definition::{Choice, Flow, Rule};
use crate::execution::Visit;
use crate::expression::EvaluationError;
use crate::{FrameId, Name};

impl Stepper<'_> {
    pub(super) fn choose(&mut self, frame: FrameId, visit: &Visit, choice: &Choice) {
        match decide(&self.place(frame), visit, choice) {
            Ok(Some((leaving, next))) => self.exit(frame, visit, leaving, Some(next)),
            Ok(None) => {
                // The specification has an error of its own for this, `States.NoChoiceMatched`. AWS has not.
                let cause = "Failed to transition out of the state. The state does not point to a next state.";
                self.fatal(frame, cause.to_owned());
            }
            Err(error) => self.evaluation_failed(frame, error),
        }
    }
}

fn decide(
    place: &Place<'_>,
    visit: &Visit,
    choice: &Choice,
) -> Result<Option<(Leaving, Name)>, EvaluationError> {
    let input = place.effective_input(&visit.state, &visit.input)?;
    let matched = place.with(input.value(), |scope| {
        for (index, rule) in choice.rules.iter().enumerate() {
            if rule.condition.matches(scope, index)? {
                return Ok(Some((index, rule)));
            }
        }
        Ok(None)
    });
    if let Some((index, rule)) = matched? {
        let leaving = by_rule(place, visit, rule, index)?;
        return Ok(Some((leaving, rule.next.clone())));
    }
    match &choice.default {
        Some(next) => {
            let leaving = place.leave(&visit.state, &visit.input, &input, false)?;
            Ok(Some((leaving, next.clone())))
        }
        None => Ok(None),
    }
}

/// A rule that matched has its own `Assign` and `Output`; the state's are for `Default`.
fn by_rule(
    place: &Place<'_>,
    visit: &Visit,
    rule: &Rule,
    index: usize,
) -> Result<Leaving, EvaluationError> {
    let raw = &visit.input;
    let input = place.effective_input(&visit.state, raw)?;
    let field = format!("Choices[{index}]/Assign");
    let assigned = place.assign(rule.assign.as_ref(), &field, &input, None, None)?;
    let output = match (&visit.state.flow, &rule.output) {
        (Flow::JsonPath(flow), _) => place.select(&flow.output_path, &input, "OutputPath")?,
        (Flow::Jsonata { .. }, Some(template)) => {
            let field = format!("Choices[{index}]/Output");
            place.with(raw.value(), |scope| template.evaluate(scope, &field))?.into()
        }
        (Flow::Jsonata { .. }, None) => input,
    };
    Ok(Leaving { output, assigned })
}
