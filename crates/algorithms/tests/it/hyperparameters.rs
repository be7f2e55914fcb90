//! Hyperparameters, good and bad: `NAME=VALUE …` beside `num_round=10`, and what the container says.

use algorithms::xgboost::hyperparameters::validate;
use algorithms::xgboost::version::Series;
use serde_json::{Map, Value};

fn check(tag: &str, given: &str) -> String {
    let mut raw = Map::new();
    for pair in given.split_whitespace() {
        let (name, value) = pair.split_once('=').unwrap();
        raw.insert(name.to_owned(), Value::from(value.replace('~', " ")));
    }
    match validate(&raw, Series::of_tag(tag)) {
        Ok(values) => {
            let told: Vec<_> =
                values.parameters.iter().map(|(name, value)| format!("{name}={value}")).collect();
            told.join(" ")
        }
        Err(failure) => format!("{:?}: {}", failure.class, failure.message),
    }
}

#[test]
fn good() {
    for (given, told) in [
        ("num_round=10", ""),
        ("num_round=10 eta=0.2 max_depth=5 gamma=4", "eta=0.2 max_depth=5 gamma=4.0"),
        (
            "num_round=10 learning_rate=1 reg_lambda=0 reg_alpha=2 min_split_loss=3",
            "eta=1.0 lambda=0.0 alpha=2.0 gamma=3.0",
        ),
        ("num_round=10 objective=multi:softmax num_class=3", "objective=multi:softmax num_class=3"),
        (
            "num_round=10 objective=binary:logistic eval_metric=auc,error@0.7",
            "objective=binary:logistic",
        ),
        ("num_round=10 objective=reg:linear", "objective=reg:squarederror"),
        ("num_round=10 booster=gblinear updater=shotgun", "booster=gblinear updater=shotgun"),
        (
            "num_round=10 process_type=update updater=refresh,prune refresh_leaf=1",
            "process_type=update updater=refresh,prune refresh_leaf=1",
        ),
        (
            "num_round=10 seed=-5 verbosity=3 scale_pos_weight=0.5",
            "seed=-5 verbosity=3 scale_pos_weight=0.5",
        ),
        (
            "num_round=10 tree_method=exact monotone_constraints=(1,0,-1)",
            "tree_method=exact monotone_constraints=(1,0,-1)",
        ),
        (
            "num_round=10 tree_method=approx interaction_constraints=[[1,2],[3,4]]",
            "tree_method=approx interaction_constraints=[[1,2],[3,4]]",
        ),
        (
            "num_round=10 _tuning_objective_metric=validation:rmse early_stopping_rounds=5 csv_weights=1",
            "",
        ),
        (
            "num_round=10 predictor=gpu_predictor dsplit=row sketch_eps=0.5 use_dask_gpu_training=true",
            "",
        ),
        ("num_round=10 colsample_bylevel=1e-5", "colsample_bylevel=1e-05"),
        ("num_round=~10~ max_depth=1_0", "max_depth=10"),
    ] {
        assert_eq!(check("1.7-1", given), told, "{given}");
    }
    assert_eq!(check("1.0-1-cpu-py3", "num_round=10 silent=0"), "");
    assert_eq!(check("latest", "num_round=10 silent=1"), "verbosity=0");
}

#[test]
fn bad() {
    for (given, message) in [
        ("eta=0.2", "Missing required hyperparameter: num_round"),
        ("num_round=10 silent=0", "Extraneous hyperparameter found: silent"),
        ("num_round=10 etta=0.2", "Extraneous hyperparameter found: etta"),
        ("num_round=ten", "Hyperparameter num_round: could not parse value (caused by ValueError)"),
        (
            "num_round=10.0",
            "Hyperparameter num_round: could not parse value (caused by ValueError)",
        ),
        ("num_round=0", "Hyperparameter num_round: 0 is not in [1, +inf)"),
        ("num_round=10 eta=3", "Hyperparameter eta: 3.0 is not in [0, 1]"),
        (
            "num_round=10 learning_rate=abc",
            "Hyperparameter eta: could not parse value (caused by ValueError)",
        ),
        ("num_round=10 subsample=0", "Hyperparameter subsample: 0.0 is not in (0, 1]"),
        (
            "num_round=10 scale_pos_weight=0",
            "Hyperparameter scale_pos_weight: 0.0 is not in (0, +inf)",
        ),
        (
            "num_round=10 tweedie_variance_power=2",
            "Hyperparameter tweedie_variance_power: 2.0 is not in (1, 2)",
        ),
        (
            "num_round=10 prob_buffer_row=1",
            "Hyperparameter prob_buffer_row: 1 is not in (1.0, +inf)",
        ),
        (
            "num_round=10 seed=2147483647",
            "Hyperparameter seed: 2147483647 is not in (-2147483648, 2147483647)",
        ),
        ("num_round=10 num_class=1", "Hyperparameter num_class: 1 is not in [2, +inf)"),
        (
            "num_round=10 booster=tree",
            "Hyperparameter booster: tree is not in ['gbtree', 'gblinear', 'dart']",
        ),
        (
            "num_round=10 tree_method=fast",
            "Hyperparameter tree_method: fast is not in ['auto', 'exact', 'approx', 'hist', 'gpu_hist']",
        ),
        (
            "num_round=10 save_model_on_termination=True",
            "Hyperparameter save_model_on_termination: True is not in ['true', 'false']",
        ),
        (
            "num_round=10 objective=multi:softprob",
            "Require input for parameter 'num_class' for multi-classification",
        ),
        (
            "num_round=10 objective=reg:squarederror eval_metric=auc",
            "Metric 'auc' can only be applied for classification and ranking problems.",
        ),
        (
            "num_round=10 eval_metric=aft-nloglik",
            "Metric 'aft-nloglik' can only be applied for 'survival:aft' objective.",
        ),
        (
            "num_round=10 eval_metric=rmse@2",
            "Metric 'rmse@2' is not supported. Parameter 'eval_metric' with customized threshold should be one of these options: 'error', 'ndcg', 'map'.",
        ),
        (
            "num_round=10 eval_metric=error@x",
            "Threshold value 't' in 'error@t' expects float input.",
        ),
        (
            "num_round=10 monotone_constraints=(1,0)",
            "monotone_constraints can be used only when the tree_method parameter is set to either 'exact' or 'hist'.",
        ),
        (
            "num_round=10 tree_method=hist monotone_constraints=(2,)",
            "Hyperparameter monotone_constraints: value (2,) not in range [-1, 0, 1]",
        ),
        (
            "num_round=10 monotone_constraints=up",
            "Hyperparameter monotone_constraints: could not parse value (caused by ValueError)",
        ),
        (
            "num_round=10 interaction_constraints=[[1,2]]",
            "interaction_constraints can be used only when the tree_method parameter is set to either 'exact', 'hist' or 'approx'.",
        ),
        (
            "num_round=10 tree_method=hist interaction_constraints=[[0,2]]",
            "Hyperparameter interaction_constraints: value [[0, 2]] not in range [1, +inf)",
        ),
        (
            "num_round=10 process_type=update updater=grow_colmaker",
            "process_type 'update' can only be used with updater 'refresh' and 'prune'",
        ),
    ] {
        assert_eq!(check("1.7-1", given), format!("User: {message}"), "{given}");
    }
    let listed = check("1.7-1", "num_round=10 eval_metric=rmse,foo");
    assert!(
        listed.starts_with("User: Hyperparameter eval_metric: value ['rmse', 'foo'] not in range ['accuracy', 'auc', "),
        "{listed}"
    );
}
