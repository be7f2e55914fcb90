//! Hyperparameters: strings in, checked values out, with the container's messages.
//!
//! The order of the checks is the container's: what is required, then each value's form, then each value's
//! range, then what depends on other values; the first thing found is the error.

mod checks;
mod parse;
mod table;

use serde_json::{Map, Value};

use super::version::Series;
use crate::{Failure, python};

pub use table::{ALIASES, DEFINITIONS};

/// One hyperparameter the container knows.
#[derive(Debug, Clone, Copy)]
pub struct Definition {
    /// Its name.
    pub name: &'static str,
    /// Its type and range.
    pub kind: Kind,
    /// Who reads it.
    pub used: Use,
}

/// Type and range.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// A whole number.
    Integer(Bound, Bound),
    /// A number.
    Float(Bound, Bound),
    /// One of some words.
    Choice(&'static [&'static str]),
    /// One of some words that are made by a function.
    Names(fn() -> &'static [String]),
    /// Words with commas between.
    List(&'static [&'static str]),
    /// `(1,0,-1)`.
    Tuple(&'static [i64]),
    /// `[[1,2],[3]]`.
    NestedList {
        /// The smallest number allowed in it.
        least: i64,
    },
}

/// The end of a range, written as the container prints it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// No end.
    None,
    /// The value itself is outside.
    Open(&'static str),
    /// The value itself is inside.
    Closed(&'static str),
}

/// Who reads a hyperparameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// XGBoost itself, under the same name.
    Library,
    /// The container around it.
    Container,
    /// Nobody any more: XGBoost 2 and later have dropped it.
    Obsolete,
}

/// A training job's hyperparameters, checked.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Hyperparameters {
    /// How many rounds to boost.
    pub num_round: usize,
    /// Whether a CSV's second column holds weights.
    pub csv_weights: bool,
    /// Stop after so many rounds without a better value.
    pub early_stopping_rounds: Option<usize>,
    /// How many folds to cross-validate with.
    pub kfold: Option<usize>,
    /// How often to repeat the cross-validation.
    pub num_cv_round: usize,
    /// The metric a tuning job optimises, without its `validation:`.
    pub tuning_metric: Option<String>,
    /// The metrics asked for, in order.
    pub eval_metric: Vec<String>,
    /// Keep the model of the last whole round when the job is stopped.
    pub save_model_on_termination: bool,
    /// The objective, by its present name; none means XGBoost's default, `reg:squarederror`.
    pub objective: Option<String>,
    /// How many classes there are.
    pub num_class: Option<usize>,
    /// The seed, also of the folds.
    pub seed: i64,
    /// How many threads to use at most.
    pub nthread: Option<usize>,
    /// What XGBoost itself is told, in order.
    pub parameters: Vec<(String, String)>,
    /// What the log should say about them.
    pub notes: Vec<String>,
}

/// Checks a job's `hyperparameters.json` for the container of a series.
pub fn validate(
    raw: &Map<String, Value>,
    series: Option<Series>,
) -> Result<Hyperparameters, Failure> {
    if !raw.contains_key("num_round") {
        return Err(Failure::user("Missing required hyperparameter: num_round"));
    }
    let mut parsed: Vec<(&'static Definition, Parsed)> = Vec::new();
    for (name, value) in raw {
        let definition = definition(name, series)
            .ok_or_else(|| Failure::user(format!("Extraneous hyperparameter found: {name}")))?;
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let value = parse::value(definition.kind, &text).ok_or_else(|| {
            Failure::user(format!(
                "Hyperparameter {}: could not parse value (caused by ValueError)",
                definition.name
            ))
        })?;
        // An alias given beside its own name replaces it: the later one counts.
        parsed.retain(|(known, _)| known.name != definition.name);
        parsed.push((definition, value));
    }
    for (definition, value) in &parsed {
        checks::range(definition, value)?;
    }
    checks::together(&Values(&parsed))?;
    Ok(collect(&parsed))
}

/// A value in its own type.
#[derive(Debug, Clone, PartialEq)]
enum Parsed {
    Integer(i128),
    Float(f64),
    Text(String),
    List(Vec<String>),
    Tuple(Vec<i64>),
    Nested(Vec<Vec<i64>>),
}

impl Parsed {
    /// As Python prints it.
    fn repr(&self) -> String {
        match self {
            Parsed::Integer(value) => value.to_string(),
            Parsed::Float(value) => python::float(*value),
            Parsed::Text(value) => value.clone(),
            Parsed::List(values) => python::list(values.iter().map(|value| python::string(value))),
            Parsed::Tuple(values) => match &values[..] {
                [value] => format!("({value},)"),
                values => format!(
                    "({})",
                    values.iter().map(i64::to_string).collect::<Vec<_>>().join(", ")
                ),
            },
            Parsed::Nested(values) => python::list(
                values.iter().map(|inner| python::list(inner.iter().map(i64::to_string))),
            ),
        }
    }
}

/// The values by name, for checks that look at several.
struct Values<'a>(&'a [(&'static Definition, Parsed)]);

impl Values<'_> {
    fn get(&self, name: &str) -> Option<&Parsed> {
        self.0.iter().find(|(definition, _)| definition.name == name).map(|(_, value)| value)
    }

    fn text(&self, name: &str) -> Option<&str> {
        match self.get(name)? {
            Parsed::Text(text) => Some(text),
            _ => None,
        }
    }

    fn list(&self, name: &str) -> Option<&[String]> {
        match self.get(name)? {
            Parsed::List(list) => Some(list),
            _ => None,
        }
    }

    fn count(&self, name: &str) -> Option<usize> {
        match self.get(name)? {
            Parsed::Integer(value) => Some(usize::try_from(*value).unwrap_or(usize::MAX)),
            _ => None,
        }
    }
}

fn definition(name: &str, series: Option<Series>) -> Option<&'static Definition> {
    // `silent` went with 1.2; a tag that does not tell its version is held to be a new one.
    let silent_known = series.is_some_and(|series| series < Series { major: 1, minor: 2 });
    if name == "silent" && !silent_known {
        return None;
    }
    let name = ALIASES.iter().find(|(alias, _)| *alias == name).map_or(name, |(_, name)| name);
    DEFINITIONS.iter().find(|definition| definition.name == name)
}

fn collect(parsed: &[(&'static Definition, Parsed)]) -> Hyperparameters {
    let values = Values(parsed);
    let mut collected = Hyperparameters {
        num_round: values.count("num_round").unwrap_or(0),
        csv_weights: values.count("csv_weights") == Some(1),
        early_stopping_rounds: values.count("early_stopping_rounds"),
        kfold: values.count("_kfold"),
        num_cv_round: values.count("_num_cv_round").unwrap_or(1),
        tuning_metric: values
            .text("_tuning_objective_metric")
            .map(|name| name.split_once(':').map_or(name, |(_, metric)| metric).to_owned()),
        eval_metric: values.list("eval_metric").unwrap_or_default().to_vec(),
        save_model_on_termination: values.text("save_model_on_termination") == Some("true"),
        objective: values.text("objective").map(str::to_owned),
        num_class: values.count("num_class"),
        nthread: values.count("nthread"),
        ..Hyperparameters::default()
    };
    if let Some(Parsed::Integer(seed)) = values.get("seed") {
        collected.seed = *seed as i64;
    }
    for (definition, value) in parsed {
        match definition.used {
            Use::Container => {}
            Use::Obsolete => collected.notes.push(format!(
                "{}: this version of XGBoost no longer has it; it changes nothing",
                definition.name
            )),
            Use::Library => {
                let (value, note) = for_library(definition.name, value);
                collected.notes.extend(note);
                collected.parameters.push((definition.name.to_owned(), value));
            }
        }
    }
    if values.count("silent") == Some(1) && values.get("verbosity").is_none() {
        collected.parameters.push(("verbosity".to_owned(), "0".to_owned()));
    }
    if collected.objective.as_deref() == Some("reg:linear") {
        collected.objective = Some("reg:squarederror".to_owned());
    }
    if values.text("use_dask_gpu_training") == Some("true") {
        collected
            .notes
            .push("use_dask_gpu_training: there is no GPU here; training on the CPU".to_owned());
    }
    collected
}

/// A value as XGBoost of today wants it, and what the log should say if that is not what was given.
fn for_library(name: &str, value: &Parsed) -> (String, Option<String>) {
    match (name, value) {
        ("tree_method", Parsed::Text(method)) if method == "gpu_hist" => (
            "hist".to_owned(),
            Some("tree_method gpu_hist: there is no GPU here; training with hist".to_owned()),
        ),
        ("objective", Parsed::Text(objective)) if objective == "reg:linear" => (
            "reg:squarederror".to_owned(),
            Some(
                "objective reg:linear is now called reg:squarederror; training with that"
                    .to_owned(),
            ),
        ),
        (_, Parsed::List(words)) => (words.join(","), None),
        (_, Parsed::Tuple(_) | Parsed::Nested(_)) => {
            (value.repr().replace(' ', "").replace(",)", ")"), None)
        }
        _ => (value.repr(), None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_library_is_told() {
        let raw: Map<String, Value> = serde_json::from_str(
            r#"{"num_round": "10", "learning_rate": ".2", "objective": "reg:linear", "tree_method": "hist",
                "monotone_constraints": "(1, -1)", "interaction_constraints": "[[1, 2], [3]]", "silent": "1",
                "predictor": "auto", "eval_metric": "rmse,mae", "_tuning_objective_metric": "validation:mae"}"#,
        )
        .unwrap();
        let values = validate(&raw, Series::of_tag("1.0-1-cpu-py3")).unwrap();
        let told: Vec<_> =
            values.parameters.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(
            told,
            [
                "eta=0.2",
                "objective=reg:squarederror",
                "tree_method=hist",
                "monotone_constraints=(1,-1)",
                "interaction_constraints=[[1,2],[3]]",
                "verbosity=0",
            ]
        );
        assert_eq!(values.tuning_metric.as_deref(), Some("mae"));
        assert_eq!(values.notes.len(), 2, "{:?}", values.notes);
        let newer = validate(&raw, Series::of_tag("1.2-1")).unwrap_err();
        assert_eq!(newer.message, "Extraneous hyperparameter found: silent");
    }

    #[test]
    fn gpu_training_is_done_by_hist() {
        let raw = serde_json::from_str(r#"{"num_round": "1", "tree_method": "gpu_hist"}"#).unwrap();
        let values = validate(&raw, None).unwrap();
        assert_eq!(values.parameters, [("tree_method".to_owned(), "hist".to_owned())]);
        assert_eq!(
            values.notes,
            ["tree_method gpu_hist: there is no GPU here; training with hist"]
        );
    }
}
