//! Selectable inference (`SAGEMAKER_INFERENCE_OUTPUT`): which facts of a prediction are answered.

use super::answer::json_float;
use super::library::Prediction;
use super::metrics::largest;
use crate::python;

/// The chosen facts of one record, by key.
pub type Record = Vec<(String, Fact)>;

/// A fact of a prediction.
#[derive(Debug, Clone, PartialEq)]
pub enum Fact {
    /// A class.
    Whole(i64),
    /// A number.
    Number(f64),
    /// Several.
    List(Vec<Fact>),
}

/// A model, as far as its facts go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Objective {
    /// Its name, such as `binary:logistic`.
    pub name: String,
    /// How many classes there are; 0 for none.
    pub classes: usize,
}

const CLASSIFICATION: &[&str] =
    &["predicted_label", "labels", "probability", "probabilities", "raw_score", "raw_scores"];
const WITHOUT_PROBABILITY: &[&str] = &["predicted_label", "labels", "raw_score", "raw_scores"];
const REGRESSION: &[&str] = &["predicted_score"];

/// The keys an objective has facts for.
fn keys_of(objective: &str) -> Option<&'static [&'static str]> {
    Some(match objective {
        "reg:squarederror" | "reg:logistic" | "reg:gamma" | "reg:tweedie" => REGRESSION,
        "binary:logistic" | "multi:softprob" => CLASSIFICATION,
        "binary:logitraw" | "binary:hinge" | "multi:softmax" => WITHOUT_PROBABILITY,
        _ => return None,
    })
}

/// The value of the variable as a list of keys.
pub fn keys(variable: &str) -> Vec<String> {
    variable.replace(' ', "").to_lowercase().split(',').map(str::to_owned).collect()
}

/// The chosen facts of each record; a key that does not fit the objective is not a number. The error is the
/// answer's text (500).
pub fn select(
    prediction: &Prediction,
    keys: &[String],
    objective: &Objective,
) -> Result<Vec<Record>, String> {
    let known = keys_of(&objective.name).ok_or_else(|| {
        format!("Objective `{}` unsupported for selectable inference predictions.", objective.name)
    })?;
    let record = |row: &[f32]| {
        let mut record: Record = known
            .iter()
            .filter(|key| keys.iter().any(|asked| asked == *key))
            .map(|key| (key.to_string(), fact(key, row, objective)))
            .collect();
        for key in keys.iter().filter(|key| !known.contains(&key.as_str())) {
            if !record.iter().any(|(there, _)| there == key) {
                record.push((key.clone(), Fact::Number(f64::NAN)));
            }
        }
        record
    };
    Ok(prediction.values.chunks(prediction.width).map(record).collect())
}

fn fact(key: &str, row: &[f32], objective: &Objective) -> Fact {
    let name = objective.name.as_str();
    let number = |value: f32| Fact::Number(f64::from(value));
    let all = || Fact::List(row.iter().map(|value| number(*value)).collect());
    let both = || {
        let one = f64::from(row[0]);
        Fact::List(vec![Fact::Number(1.0 - one), Fact::Number(one)])
    };
    match (key, name) {
        ("labels", name) if name.starts_with("binary:") => {
            Fact::List(vec![Fact::Whole(0), Fact::Whole(1)])
        }
        ("labels", _) => Fact::List((0..objective.classes as i64).map(Fact::Whole).collect()),
        ("predicted_label", "binary:logistic") => Fact::Whole(i64::from(row[0] > 0.5)),
        ("predicted_label", "binary:logitraw") => Fact::Whole(i64::from(row[0] > 0.0)),
        ("predicted_label", "multi:softprob") => Fact::Whole(largest(row) as i64),
        ("probability" | "raw_score", "multi:softprob") => number(row[largest(row)]),
        ("probabilities" | "raw_scores", "multi:softprob") => all(),
        ("probabilities" | "raw_scores", _) => both(),
        _ => number(row[0]),
    }
}

impl Fact {
    /// As Python's `json` writes it.
    pub(super) fn json(&self) -> String {
        match self {
            Fact::Whole(value) => value.to_string(),
            Fact::Number(value) => json_float(*value),
            Fact::List(facts) => python::list(facts.iter().map(Fact::json)),
        }
    }

    /// As a cell of the container's CSV: lists in quotes.
    pub(super) fn csv(&self) -> String {
        match self {
            Fact::List(_) => format!("\"{}\"", self.python()),
            fact => fact.python(),
        }
    }

    fn python(&self) -> String {
        match self {
            Fact::Whole(value) => value.to_string(),
            Fact::Number(value) => python::float(*value),
            Fact::List(facts) => python::list(facts.iter().map(Fact::python)),
        }
    }

    pub(super) fn numbers(&self) -> Vec<f32> {
        match self {
            Fact::Whole(value) => vec![*value as f32],
            Fact::Number(value) => vec![*value as f32],
            Fact::List(facts) => facts.iter().flat_map(Fact::numbers).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xgboost::answer::{Accept, encode_selected};

    fn check(
        objective: &str,
        classes: usize,
        variable: &str,
        values: &[f32],
        accept: Accept,
    ) -> String {
        let table = objective == "multi:softprob";
        let prediction =
            Prediction { values: values.to_vec(), width: if table { classes } else { 1 }, table };
        let objective = Objective { name: objective.to_owned(), classes };
        let keys = keys(variable);
        match select(&prediction, &keys, &objective) {
            Ok(records) => {
                String::from_utf8(encode_selected(&records, &keys, accept, false)).unwrap()
            }
            Err(text) => text,
        }
    }

    #[test]
    fn facts() {
        for (objective, classes, variable, values, accept, expected) in [
            (
                "binary:logistic",
                0,
                "predicted_label, probability",
                &[0.75, 0.25][..],
                Accept::Json,
                r#"{"predictions": [{"predicted_label": 1, "probability": 0.75}, {"predicted_label": 0, "probability": 0.25}]}"#,
            ),
            (
                "binary:logistic",
                0,
                "Probabilities,labels",
                &[0.75],
                Accept::Csv,
                r#""[0.25, 0.75]","[0, 1]""#,
            ),
            (
                "multi:softprob",
                3,
                "predicted_label,probabilities",
                &[0.25, 0.5, 0.25],
                Accept::Csv,
                r#"1,"[0.25, 0.5, 0.25]""#,
            ),
            (
                "multi:softmax",
                3,
                "predicted_label,labels,probability",
                &[2.0],
                Accept::Csv,
                r#"2.0,"[0, 1, 2]",nan"#,
            ),
            (
                "binary:logitraw",
                0,
                "predicted_label,raw_score",
                &[-1.5],
                Accept::JsonLines,
                "{\"predicted_label\": 0, \"raw_score\": -1.5}\n",
            ),
            ("reg:squarederror", 0, "predicted_score", &[1.5, 2.0], Accept::Csv, "1.5\n2.0"),
            (
                "reg:squarederror",
                0,
                "probability",
                &[1.5],
                Accept::Json,
                r#"{"predictions": [{"probability": NaN}]}"#,
            ),
            (
                "count:poisson",
                0,
                "predicted_score",
                &[1.5],
                Accept::Csv,
                "Objective `count:poisson` unsupported for selectable inference predictions.",
            ),
        ] {
            assert_eq!(
                check(objective, classes, variable, values, accept),
                expected,
                "{objective} {variable}"
            );
        }
    }
}
