//! The Wait state: a delay, or a moment in time.

use serde_json::Value;

use super::setting::{bare, runtime, whole_number};
use super::{Stepper, later};
use crate::data_flow::Place;
use crate::definition::{Setting, Wait};
use crate::execution::Visit;
use crate::expression::{EvaluationError, Scope};
use crate::limits::SECONDS_MAX;
use crate::{EventKind, FrameId, Timestamp, error_name};

impl Stepper<'_> {
    pub(super) fn wait(&mut self, frame: FrameId, visit: &Visit, wait: &Wait) {
        match until(&self.place(frame), visit, wait) {
            Ok(until) if until <= self.moment.now => self.wait_over(frame),
            Ok(until) => {
                let timer = self.new_timer(0);
                self.emit(frame, EventKind::WaitStarted { until, timer });
            }
            Err(error) => self.evaluation_failed(frame, error),
        }
    }

    pub(super) fn wait_over(&mut self, frame: FrameId) {
        let Some(visit) = self.visit(frame).cloned() else { return };
        match self.place(frame).effective_input(&visit.state, &visit.input) {
            Ok(input) => self.leave(frame, &visit, &input, false),
            Err(error) => self.evaluation_failed(frame, error),
        }
    }
}

fn until(place: &Place<'_>, visit: &Visit, wait: &Wait) -> Result<Timestamp, EvaluationError> {
    let input = place.effective_input(&visit.state, &visit.input)?;
    let now = place.moment.now;
    place.with(input.value(), |scope| match wait {
        Wait::Seconds(seconds) => Ok(later(now, evaluate_seconds(seconds, scope)?)),
        Wait::Timestamp(timestamp) => evaluate_timestamp(timestamp, scope),
    })
}

fn evaluate_seconds(seconds: &Setting<u64>, scope: &Scope) -> Result<u64, EvaluationError> {
    match seconds {
        Setting::Literal(seconds) => Ok(*seconds),
        Setting::Path(path) => {
            let path_text = path.text();
            let value = path.find(scope);
            path.check_spent(scope)?;
            let value = value.ok_or_else(|| {
                runtime(format!(
                    "The SecondsPath parameter does not reference an input value: {path_text}"
                ))
            })?;
            let seconds = value.as_i64().ok_or_else(|| {
                runtime(format!(
                    "The SecondsPath parameter cannot be parsed as a long value: {path_text} == {}",
                    bare(&value)
                ))
            })?;
            let seconds = u64::try_from(seconds).map_err(|_| {
                runtime(format!(
                    "The SecondsPath parameter references a negative value: {path_text} == {seconds}"
                ))
            })?;
            if seconds > SECONDS_MAX {
                return Err(runtime(format!(
                    "The SecondsPath parameter references a value greater than {SECONDS_MAX}: {path_text} == {seconds}"
                )));
            }
            Ok(seconds)
        }
        Setting::Jsonata(expression) => {
            let value = expression.evaluate(scope, "Seconds")?;
            let seconds = whole_number(&value)
                .ok_or_else(|| expression.unexpected_type("Seconds", "integer", &value))?;
            let refused = |cause: String| EvaluationError {
                error: error_name::QUERY_EVALUATION_ERROR,
                cause,
                location: Some("Seconds".into()),
            };
            match u64::try_from(seconds) {
                Ok(seconds) if seconds <= SECONDS_MAX => Ok(seconds),
                Ok(_) => Err(refused(format!(
                    "The Seconds field cannot be greater than {SECONDS_MAX}: {seconds}"
                ))),
                Err(_) => Err(refused(format!("The Seconds field cannot be negative: {seconds}"))),
            }
        }
    }
}

fn evaluate_timestamp(
    timestamp: &Setting<String>,
    scope: &Scope,
) -> Result<Timestamp, EvaluationError> {
    match timestamp {
        Setting::Literal(text) => parse_timestamp(text).ok_or_else(|| {
            runtime(format!(
                "The Timestamp parameter is not a valid ISO-8601 extended offset date-time format string: {text}"
            ))
        }),
        Setting::Path(path) => {
            let path_text = path.text();
            let value = path.find(scope);
            path.check_spent(scope)?;
            let value = value.ok_or_else(|| {
                runtime(format!(
                    "The TimestampPath parameter does not reference an input value: {path_text}"
                ))
            })?;
            value.as_str().and_then(parse_timestamp).ok_or_else(|| {
                runtime(format!(
                    "The TimestampPath parameter does not reference a valid ISO-8601 extended offset date-time format string: {path_text} == {}",
                    bare(&value)
                ))
            })
        }
        Setting::Jsonata(expression) => {
            let value = expression.evaluate(scope, "Timestamp")?;
            let Value::String(text) = &value else {
                return Err(expression.unexpected_type("Timestamp", "string", &value));
            };
            parse_timestamp(text).ok_or_else(|| EvaluationError {
                error: error_name::QUERY_EVALUATION_ERROR,
                cause: format!(
                    "The Timestamp field cannot be parsed as an ISO-8601 extended offset date-time format string: {text}"
                ),
                location: Some("Timestamp".into()),
            })
        }
    }
}

/// `2026-01-02T03:04:05.678Z`, also with an offset in place of `Z`.
fn parse_timestamp(text: &str) -> Option<Timestamp> {
    // jiff reads more than AWS does: a space or a small `t` for the `T`, basic formats.
    if text.as_bytes().get(10) != Some(&b'T') {
        return None;
    }
    Some(Timestamp(text.parse::<jiff::Timestamp>().ok()?.as_millisecond()))
}
