//! Ranges, and what values ask of each other.

use super::{Bound, Definition, Kind, Parsed, Values};
use crate::{Failure, python};

/// A value lies in its own range.
pub(super) fn range(definition: &Definition, value: &Parsed) -> Result<(), Failure> {
    let name = definition.name;
    let outside = |range: String| {
        Failure::user(format!("Hyperparameter {name}: {} is not in {range}", value.repr()))
    };
    let list_outside = |range: String| {
        Failure::user(format!("Hyperparameter {name}: value {} not in range {range}", value.repr()))
    };
    match (definition.kind, value) {
        (Kind::Integer(low, high), Parsed::Integer(number))
            if !within(low, high, *number as f64) =>
        {
            Err(outside(interval(low, high)))
        }
        (Kind::Float(low, high), Parsed::Float(number)) if !within(low, high, *number) => {
            Err(outside(interval(low, high)))
        }
        (Kind::Choice(words), Parsed::Text(text)) if !words.contains(&text.as_str()) => {
            Err(outside(words_of(words)))
        }
        (Kind::Names(names), Parsed::Text(text)) if !names().contains(text) => {
            Err(outside(python::list(names().iter().map(|name| python::string(name)))))
        }
        (Kind::List(words), Parsed::List(values)) => {
            for value in values {
                if name == "eval_metric" && metric_with_argument(value)? {
                    continue;
                }
                if !words.contains(&value.as_str()) {
                    return Err(list_outside(words_of(words)));
                }
            }
            Ok(())
        }
        (Kind::Tuple(allowed), Parsed::Tuple(values))
            if values.iter().any(|value| !allowed.contains(value)) =>
        {
            Err(list_outside(python::list(allowed.iter().map(i64::to_string))))
        }
        (Kind::NestedList { least }, Parsed::Nested(values))
            if values.iter().flatten().any(|value| *value < least) =>
        {
            Err(list_outside(format!("[{least}, +inf)")))
        }
        _ => Ok(()),
    }
}

/// What the values ask of each other.
pub(super) fn together(values: &Values) -> Result<(), Failure> {
    let objective = values.text("objective").unwrap_or("reg:squarederror");
    if objective.starts_with("multi:") && values.get("num_class").is_none() {
        return Err(Failure::user(
            "Require input for parameter 'num_class' for multi-classification",
        ));
    }
    for metric in values.list("eval_metric").unwrap_or_default() {
        if metric == "auc" && !objective.starts_with("binary:") && !objective.starts_with("rank:") {
            return Err(Failure::user(
                "Metric 'auc' can only be applied for classification and ranking problems.",
            ));
        }
        if metric == "aft-nloglik" && objective != "survival:aft" {
            return Err(Failure::user(
                "Metric 'aft-nloglik' can only be applied for 'survival:aft' objective.",
            ));
        }
    }
    let tree_method = values.text("tree_method").unwrap_or("auto");
    if values.get("monotone_constraints").is_some() && !["exact", "hist"].contains(&tree_method) {
        return Err(Failure::user(
            "monotone_constraints can be used only when the tree_method parameter is set to either 'exact' or 'hist'.",
        ));
    }
    if values.get("interaction_constraints").is_some()
        && !["exact", "hist", "approx"].contains(&tree_method)
    {
        return Err(Failure::user(
            "interaction_constraints can be used only when the tree_method parameter is set to either 'exact', \
             'hist' or 'approx'.",
        ));
    }
    updater(values)
}

fn updater(values: &Values) -> Result<(), Failure> {
    let Some(updaters) = values.list("updater") else { return Ok(()) };
    let linear = ["shotgun", "coord_descent"];
    if values.text("booster") == Some("gblinear") {
        if updaters.len() != 1 || !linear.contains(&updaters[0].as_str()) {
            return Err(Failure::user(
                "Linear updater should be one of these options: 'shotgun', 'coord_descent'.",
            ));
        }
    } else if values.text("process_type") == Some("update") {
        if !updaters.iter().all(|updater| ["refresh", "prune"].contains(&updater.as_str())) {
            return Err(Failure::user(
                "process_type 'update' can only be used with updater 'refresh' and 'prune'",
            ));
        }
    } else if updaters.iter().any(|updater| linear.contains(&updater.as_str())) {
        return Err(Failure::user(
            "Tree updater should be selected from these options: 'grow_colmaker', 'distcol', 'grow_histmaker', \
             'grow_local_histmaker', 'grow_skmaker', 'grow_quantile_histmaker', 'sync', 'refresh', 'prune', \
             'shortgun', 'coord_descent'.",
        ));
    } else {
        let growers = [
            "grow_colmaker",
            "distcol",
            "grow_histmaker",
            "grow_local_histmaker",
            "grow_quantile_histmaker",
        ];
        if updaters.iter().filter(|updater| growers.contains(&updater.as_str())).count() > 1 {
            return Err(Failure::user(
                "Only one tree grow plugin can be selected. Choose one from thefollowing: 'grow_colmaker', 'distcol', \
                 'grow_histmaker', 'grow_local_histmaker', 'grow_skmaker'",
            ));
        }
    }
    Ok(())
}

/// Whether this is a metric with an argument: `error@0.7`, `ndcg@5`, `map@10`.
fn metric_with_argument(metric: &str) -> Result<bool, Failure> {
    if metric.contains("<function") {
        return Err(Failure::user(format!(
            "User defined evaluation metric {metric} is not supported yet."
        )));
    }
    let Some((name, argument)) = metric.split_once('@') else { return Ok(false) };
    let name = name.trim();
    if !["error", "ndcg", "map"].contains(&name) {
        return Err(Failure::user(format!(
            "Metric '{metric}' is not supported. Parameter 'eval_metric' with customized threshold should be one of \
             these options: 'error', 'ndcg', 'map'."
        )));
    }
    let argument = argument.split('@').next().unwrap_or("").trim();
    if argument.parse::<f64>().is_err() {
        return Err(Failure::user(format!(
            "Threshold value 't' in '{name}@t' expects float input."
        )));
    }
    Ok(true)
}

fn within(low: Bound, high: Bound, value: f64) -> bool {
    let number = |text: &str| text.parse::<f64>().unwrap_or(f64::NAN);
    // Written as what is outside, so that NaN is inside as it is for the container.
    let below = match low {
        Bound::None => false,
        Bound::Open(end) => value <= number(end),
        Bound::Closed(end) => value < number(end),
    };
    let above = match high {
        Bound::None => false,
        Bound::Open(end) => value >= number(end),
        Bound::Closed(end) => value > number(end),
    };
    !below && !above
}

fn interval(low: Bound, high: Bound) -> String {
    let low = match low {
        Bound::None => "(-inf".to_owned(),
        Bound::Open(end) => format!("({end}"),
        Bound::Closed(end) => format!("[{end}"),
    };
    match high {
        Bound::None => format!("{low}, +inf)"),
        Bound::Open(end) => format!("{low}, {end})"),
        Bound::Closed(end) => format!("{low}, {end}]"),
    }
}

fn words_of(words: &[&str]) -> String {
    python::list(words.iter().map(|word| python::string(word)))
}
