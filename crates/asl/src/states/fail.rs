//! The Fail state: the line of control fails with its error and cause.

use serde_json::Value;

use super::setting::{bare, runtime};
use super::{Fault, Stepper};
use crate::data_flow::Place;
use crate::definition::{Fail, Text};
use crate::execution::Visit;
use crate::expression::EvaluationError;
use crate::{Data, Failure, FrameId};

impl Stepper<'_> {
    pub(super) fn fail_state(&mut self, frame: FrameId, visit: &Visit, fail: &Fail) {
        let place = self.place(frame);
        let failure = place.effective_input(&visit.state, &visit.input).and_then(|input| {
            let error = text(&place, &input, fail.error.as_ref(), "Error", "ErrorPath")?;
            let cause = text(&place, &input, fail.cause.as_ref(), "Cause", "CausePath")?;
            Ok(Failure { error, cause })
        });
        match failure {
            Ok(failure) => {
                let failure = failure.within(&self.execution.limits);
                self.trouble(frame, Fault::new(failure));
            }
            Err(error) => self.evaluation_failed(frame, error),
        }
    }
}

fn text(
    place: &Place<'_>,
    input: &Data,
    text: Option<&Text>,
    field: &str,
    path_field: &str,
) -> Result<Option<String>, EvaluationError> {
    match text {
        None => Ok(None),
        Some(Text::Literal(text)) => Ok(Some(text.clone())),
        Some(Text::Template(template)) => {
            match place.with(input.value(), |scope| template.evaluate(scope, path_field))? {
                Value::String(text) => Ok(Some(text)),
                other => {
                    let path = bare(template.source());
                    Err(runtime(format!(
                        "The {path_field} parameter does not reference a string value: {path} == {other}"
                    )))
                }
            }
        }
        Some(Text::Jsonata(expression)) => {
            match place.with(input.value(), |scope| expression.evaluate(scope, field))? {
                Value::String(text) => Ok(Some(text)),
                other => Err(expression.unexpected_type(field, "string", &other)),
            }
        }
    }
}
