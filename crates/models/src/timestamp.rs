//! Instants as AWS writes them. In a value an instant is epoch seconds, exact to the millisecond.

use jiff::Timestamp;
use serde_json::Value;

/// How an instant is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `2014-04-29T18:30:38.123Z`: query, XML, Step Functions.
    Iso8601,
    /// `Tue, 29 Apr 2014 18:30:38 GMT`: headers.
    Http,
    /// `1398796238.123`: JSON.
    Unix,
}

impl Format {
    /// By the model's word for it.
    pub(crate) fn of_model(name: &str) -> Option<Format> {
        match name {
            "iso8601" => Some(Format::Iso8601),
            "rfc822" => Some(Format::Http),
            "unixTimestamp" => Some(Format::Unix),
            _ => None,
        }
    }
}

/// Epoch seconds as text.
///
/// ```
/// use models::timestamp::{Format, print};
/// assert_eq!(print(1398796238.123, Format::Iso8601), "2014-04-29T18:30:38.123Z");
/// assert_eq!(print(1398796238.0, Format::Http), "Tue, 29 Apr 2014 18:30:38 GMT");
/// ```
pub fn print(seconds: f64, format: Format) -> String {
    let milliseconds = (seconds * 1000.0).round() as i64;
    let whole = milliseconds % 1000 == 0;
    let instant = match (format, Timestamp::from_millisecond(milliseconds)) {
        (Format::Unix, _) | (_, Err(_)) => return to_value(seconds).to_string(),
        (_, Ok(instant)) => instant,
    };
    let pattern = match format {
        Format::Http => "%a, %d %b %Y %H:%M:%S GMT",
        _ if whole => "%Y-%m-%dT%H:%M:%SZ",
        _ => "%Y-%m-%dT%H:%M:%S.%3fZ",
    };
    instant.strftime(pattern).to_string()
}

/// Epoch seconds out of any of the three forms.
pub fn parse(text: &str) -> Option<f64> {
    if let Ok(seconds) = text.parse::<f64>() {
        return seconds.is_finite().then_some(seconds);
    }
    let instant = match text.parse::<Timestamp>() {
        Ok(instant) => instant,
        Err(_) => match text.parse::<jiff::civil::DateTime>() {
            // Without a zone AWS takes it for UTC.
            Ok(civil) => civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp(),
            Err(_) => jiff::fmt::rfc2822::parse(text).ok()?.timestamp(),
        },
    };
    Some(instant.as_millisecond() as f64 / 1000.0)
}

/// Epoch seconds as a value: a whole number where it is one.
pub fn to_value(seconds: f64) -> Value {
    let milliseconds = (seconds * 1000.0).round();
    if milliseconds % 1000.0 == 0.0 && milliseconds.abs() < 9.0e15 {
        Value::from((milliseconds / 1000.0) as i64)
    } else {
        Value::from(milliseconds / 1000.0)
    }
}

/// The epoch seconds a value means: a number, or text in any form.
pub fn of_value(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => parse(text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_read() {
        for text in [
            "2014-04-29T18:30:38.5Z",
            "2014-04-29T20:30:38.5+02:00",
            "2014-04-29T18:30:38.5",
            "1398796238.5",
        ] {
            assert_eq!(parse(text), Some(1398796238.5), "{text}");
        }
        assert_eq!(parse("Tue, 29 Apr 2014 18:30:38 GMT"), Some(1398796238.0));
        assert_eq!(parse("2014-04-29"), Some(1398729600.0));
        for text in ["", "yesterday", "NaN", "inf", "2014-13-01T00:00:00Z"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn absurd_instants_are_printed_as_numbers() {
        assert_eq!(print(1e300, Format::Iso8601), "1e+300");
        assert_eq!(print(-1.0, Format::Iso8601), "1969-12-31T23:59:59Z");
    }
}
