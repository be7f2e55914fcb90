//! From predictions to the body of an answer.

use std::fmt::Write as _;

use super::library::Prediction;
use super::selectable;
use super::version::Series;
use crate::python;

/// What a client wants back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accept {
    /// `text/csv`
    Csv,
    /// `application/json`
    Json,
    /// `application/jsonlines`
    JsonLines,
    /// `application/x-recordio-protobuf`
    RecordIo,
}

const ACCEPTS: &[(&str, Accept)] = &[
    ("application/json", Accept::Json),
    ("application/jsonlines", Accept::JsonLines),
    ("application/x-recordio-protobuf", Accept::RecordIo),
    ("text/csv", Accept::Csv),
];

impl Accept {
    /// Reads an `Accept` header; nothing or `*/*` means the default. The error is the answer's text (406).
    pub fn parse(header: Option<&str>, default: Option<&str>) -> Result<Accept, String> {
        let asked = header.map(media_type).filter(|accept| !accept.is_empty() && *accept != "*/*");
        let accept = asked.or(default).unwrap_or("text/csv");
        let lower = accept.to_lowercase();
        ACCEPTS.iter().find(|(name, _)| *name == lower).map(|(_, accept)| *accept).ok_or_else(|| {
            let names = python::list(ACCEPTS.iter().map(|(name, _)| python::string(name)));
            format!("Accept type {accept} is not supported. Please use supported accept types: {names}.")
        })
    }

    /// The `Content-Type` of an answer.
    pub fn content_type(self) -> &'static str {
        match self {
            Accept::Csv => "text/csv; charset=utf-8",
            Accept::Json => "application/json",
            Accept::JsonLines => "application/jsonlines",
            Accept::RecordIo => "application/x-recordio-protobuf",
        }
    }
}

/// A media type without its parameters.
pub(super) fn media_type(header: &str) -> &str {
    header.split(';').next().unwrap_or("").trim()
}

/// The container's manner: the line of commas of old containers, or one record a line.
pub fn is_old(series: Option<Series>) -> bool {
    series.is_some_and(|series| series < Series { major: 1, minor: 3 })
}

/// Old containers, whatever is accepted: all predictions in one line.
pub fn one_line(prediction: &Prediction) -> String {
    scores(prediction).map(|score| score.python()).collect::<Vec<_>>().join(",")
}

/// Batch transform, whatever is accepted: a line for each record.
pub fn batch_lines(prediction: &Prediction) -> String {
    lines(scores(prediction).map(|score| score.python()))
}

/// Containers from 1.3 on.
pub fn encode(prediction: &Prediction, accept: Accept) -> Vec<u8> {
    match accept {
        Accept::Csv => lines(scores(prediction).map(|score| match score {
            Score::One(value) => python::float32(value),
            Score::Several(values) => {
                values.iter().map(|value| python::float32(*value)).collect::<Vec<_>>().join(",")
            }
        }))
        .into_bytes(),
        Accept::Json => {
            let scores: Vec<_> = scores(prediction)
                .map(|score| format!("{{\"score\": {}}}", score.json()))
                .collect();
            format!("{{\"predictions\": [{}]}}", scores.join(", ")).into_bytes()
        }
        Accept::JsonLines => {
            lines(scores(prediction).map(|score| format!("{{\"score\": {}}}", score.json())))
                .into_bytes()
        }
        Accept::RecordIo => {
            let mut bytes = Vec::new();
            for score in scores(prediction) {
                let values = match score {
                    Score::One(value) => vec![value],
                    Score::Several(values) => values.to_vec(),
                };
                super::recordio::write(&mut bytes, &[("score", values)]);
            }
            bytes
        }
    }
}

/// Selectable inference: the chosen keys of each record.
pub fn encode_selected(
    records: &[selectable::Record],
    keys: &[String],
    accept: Accept,
    in_batch: bool,
) -> Vec<u8> {
    let object = |record: &selectable::Record| {
        let fields: Vec<_> = record
            .iter()
            .map(|(key, value)| {
                format!("{}: {}", serde_json::Value::from(key.as_str()), value.json())
            })
            .collect();
        format!("{{{}}}", fields.join(", "))
    };
    match accept {
        Accept::Csv => {
            let row = |record: &selectable::Record| {
                let cells =
                    keys.iter().filter_map(|key| record.iter().find(|(known, _)| known == key));
                cells.map(|(_, value)| value.csv()).collect::<Vec<_>>().join(",")
            };
            let mut text = records.iter().map(row).collect::<Vec<_>>().join("\n");
            if in_batch {
                text.push('\n');
            }
            text.into_bytes()
        }
        Accept::Json => format!(
            "{{\"predictions\": [{}]}}",
            records.iter().map(object).collect::<Vec<_>>().join(", ")
        )
        .into_bytes(),
        Accept::JsonLines => lines(records.iter().map(object)).into_bytes(),
        Accept::RecordIo => {
            let mut bytes = Vec::new();
            for record in records {
                let label: Vec<_> =
                    record.iter().map(|(key, value)| (key.as_str(), value.numbers())).collect();
                super::recordio::write(&mut bytes, &label);
            }
            bytes
        }
    }
}

/// A record's prediction.
enum Score<'a> {
    One(f32),
    Several(&'a [f32]),
}

impl Score<'_> {
    fn python(&self) -> String {
        match self {
            Score::One(value) => python::float32(*value),
            Score::Several(values) => {
                python::list(values.iter().map(|value| python::float32(*value)))
            }
        }
    }

    fn json(&self) -> String {
        match self {
            Score::One(value) => json_float(f64::from(*value)),
            Score::Several(values) => {
                python::list(values.iter().map(|value| json_float(f64::from(*value))))
            }
        }
    }
}

fn scores(prediction: &Prediction) -> impl Iterator<Item = Score<'_>> {
    prediction
        .values
        .chunks(prediction.width)
        .map(|row| if prediction.table { Score::Several(row) } else { Score::One(row[0]) })
}

fn lines(lines: impl Iterator<Item = String>) -> String {
    let mut text = String::new();
    for line in lines {
        let _ = writeln!(text, "{line}");
    }
    text
}

/// A number as Python's `json` writes it.
pub(super) fn json_float(value: f64) -> String {
    match value {
        value if value.is_nan() => "NaN".to_owned(),
        f64::INFINITY => "Infinity".to_owned(),
        f64::NEG_INFINITY => "-Infinity".to_owned(),
        value => python::float(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list() -> Prediction {
        Prediction { values: vec![0.5, 2.0, 1e-6], width: 1, table: false }
    }

    fn table() -> Prediction {
        Prediction { values: vec![0.25, 0.75, 1.0, 0.0], width: 2, table: true }
    }

    fn text(prediction: &Prediction, accept: Accept) -> String {
        String::from_utf8(encode(prediction, accept)).unwrap()
    }

    #[test]
    fn bodies() {
        assert_eq!(one_line(&list()), "0.5,2.0,9.999999974752427e-07");
        assert_eq!(one_line(&table()), "[0.25, 0.75],[1.0, 0.0]");
        assert_eq!(batch_lines(&list()), "0.5\n2.0\n9.999999974752427e-07\n");
        assert_eq!(text(&list(), Accept::Csv), "0.5\n2.0\n9.999999974752427e-07\n");
        assert_eq!(text(&table(), Accept::Csv), "0.25,0.75\n1.0,0.0\n");
        assert_eq!(
            text(&list(), Accept::Json),
            r#"{"predictions": [{"score": 0.5}, {"score": 2.0}, {"score": 9.999999974752427e-07}]}"#
        );
        assert_eq!(
            text(&table(), Accept::JsonLines),
            "{\"score\": [0.25, 0.75]}\n{\"score\": [1.0, 0.0]}\n"
        );
    }

    #[test]
    fn accepts() {
        for (header, default, expected) in [
            (None, None, Ok(Accept::Csv)),
            (Some("*/*"), Some("application/jsonlines"), Ok(Accept::JsonLines)),
            (Some("application/JSON; charset=utf-8"), None, Ok(Accept::Json)),
            (
                Some("text/html"),
                None,
                Err(
                    "Accept type text/html is not supported. Please use supported accept types: ['application/json', \
                     'application/jsonlines', 'application/x-recordio-protobuf', 'text/csv'].",
                ),
            ),
        ] {
            assert_eq!(Accept::parse(header, default), expected.map_err(str::to_owned));
        }
        assert!(is_old(Series::of_tag("1.2-2")) && is_old(Series::of_tag("latest")));
        assert!(!is_old(Series::of_tag("1.3-1")) && !is_old(None));
    }
}
