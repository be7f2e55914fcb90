//! Numbers that may be written out, found by a path or evaluated.

use serde_json::Value;

use crate::definition::Setting;
use crate::error_name;
use crate::expression::{EvaluationError, Scope};
use crate::limits::SECONDS_MAX;

/// A whole number of at least 0. `field` is the field's name without `Path`.
pub(super) fn whole(
    setting: &Setting<u64>,
    scope: &Scope,
    field: &str,
) -> Result<u64, EvaluationError> {
    match setting {
        Setting::Literal(number) => Ok(*number),
        Setting::Path(path) => {
            let value = path.evaluate(scope, &format!("{field}Path"))?;
            // A number in a string will do, as AWS has it.
            match whole_number(&value).or_else(|| value.as_str()?.parse().ok()) {
                Some(number) => u64::try_from(number)
                    .map_err(|_| runtime(format!("{field} cannot be negative."))),
                None => Err(runtime(format!(
                    "The {field}Path field refers to value \"{}\" which is not a valid integer: {}",
                    bare(&value),
                    path.text()
                ))),
            }
        }
        Setting::Jsonata(expression) => {
            let value = expression.evaluate(scope, field)?;
            match whole_number(&value) {
                Some(number) => u64::try_from(number).map_err(|_| EvaluationError {
                    error: error_name::QUERY_EVALUATION_ERROR,
                    cause: format!("{field} cannot be negative."),
                    location: Some(field.into()),
                }),
                None => {
                    // A number that is none of these is said to be no integer.
                    let expected = if value.is_number() { "integer" } else { "number" };
                    Err(expression.unexpected_type(field, expected, &value))
                }
            }
        }
    }
}

/// A number of seconds, as many as a definition may write out at most.
pub(super) fn seconds(
    setting: &Setting<u64>,
    scope: &Scope,
    field: &str,
) -> Result<u64, EvaluationError> {
    let seconds = whole(setting, scope, field)?;
    if seconds <= SECONDS_MAX {
        return Ok(seconds);
    }
    let cause = format!("{field} cannot be greater than {SECONDS_MAX}.");
    Err(match setting {
        Setting::Jsonata(_) => EvaluationError {
            error: error_name::QUERY_EVALUATION_ERROR,
            cause,
            location: Some(field.into()),
        },
        Setting::Literal(_) | Setting::Path(_) => runtime(cause),
    })
}

/// A percentage, 0 to 100.
pub(super) fn percentage(
    setting: &Setting<f64>,
    scope: &Scope,
    field: &str,
) -> Result<f64, EvaluationError> {
    let (number, error, location) = match setting {
        Setting::Literal(number) => (*number, error_name::RUNTIME, None),
        Setting::Path(path) => {
            let value = path.evaluate(scope, &format!("{field}Path"))?;
            let number = value.as_f64().or_else(|| value.as_str()?.parse().ok()).ok_or_else(|| {
                runtime(format!(
                    "The {field}Path field refers to value \"{}\" which is not a valid float: {}",
                    bare(&value),
                    path.text()
                ))
            })?;
            (number, error_name::RUNTIME, None)
        }
        Setting::Jsonata(expression) => {
            let value = expression.evaluate(scope, field)?;
            let number = value
                .as_f64()
                .ok_or_else(|| expression.unexpected_type(field, "number", &value))?;
            (number, error_name::QUERY_EVALUATION_ERROR, Some(field.to_owned()))
        }
    };
    if (0.0..=100.0).contains(&number) {
        Ok(number)
    } else {
        Err(EvaluationError {
            error,
            cause: format!("{field} must be between 0 and 100."),
            location,
        })
    }
}

/// A JSON number without a fraction (`5` and `5.0`).
pub(super) fn whole_number(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| {
        let number = value.as_f64()?;
        // Beyond 2^53 a float is no exact integer.
        (number.fract() == 0.0 && number.abs() < 9e15).then_some(number as i64)
    })
}

pub(super) fn runtime(cause: String) -> EvaluationError {
    EvaluationError { error: error_name::RUNTIME, cause, location: None }
}

/// A value as AWS's texts show it: a string without quotes.
pub(super) fn bare(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
