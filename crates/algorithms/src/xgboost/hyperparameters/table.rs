//! The hyperparameters of the built-in XGBoost, as data.

use super::{Bound, Definition, Kind, Use};
use crate::xgboost::metrics;

use Bound::{Closed, None as Endless, Open};
use Kind::{Choice, Float, Integer, List, Names, NestedList, Tuple};
use Use::{Container, Library, Obsolete};

/// Every hyperparameter the containers know, in the container's order.
pub const DEFINITIONS: &[Definition] = &[
    integer("num_round", Closed("1"), Endless, Container),
    integer("csv_weights", Closed("0"), Closed("1"), Container),
    integer("early_stopping_rounds", Closed("1"), Endless, Container),
    choice("booster", &["gbtree", "gblinear", "dart"], Library),
    integer("verbosity", Closed("0"), Closed("3"), Library),
    integer("silent", Closed("0"), Closed("1"), Container),
    integer("nthread", Closed("1"), Endless, Container),
    float("eta", Closed("0"), Closed("1")),
    float("gamma", Closed("0"), Endless),
    integer("max_depth", Closed("0"), Endless, Library),
    float("min_child_weight", Closed("0"), Endless),
    float("max_delta_step", Closed("0"), Endless),
    float("subsample", Open("0"), Closed("1")),
    float("colsample_bytree", Open("0"), Closed("1")),
    float("colsample_bylevel", Open("0"), Closed("1")),
    float("colsample_bynode", Open("0"), Closed("1")),
    float("lambda", Closed("0"), Endless),
    float("alpha", Closed("0"), Endless),
    choice("tree_method", &["auto", "exact", "approx", "hist", "gpu_hist"], Library),
    Definition { name: "sketch_eps", kind: Float(Open("0"), Open("1")), used: Obsolete },
    float("scale_pos_weight", Open("0"), Endless),
    Definition { name: "updater", kind: List(UPDATERS), used: Library },
    choice("dsplit", &["row", "col"], Obsolete),
    integer("refresh_leaf", Closed("0"), Closed("1"), Library),
    choice("process_type", &["default", "update"], Library),
    choice("grow_policy", &["depthwise", "lossguide"], Library),
    integer("max_leaves", Closed("0"), Endless, Library),
    integer("max_bin", Closed("0"), Endless, Library),
    choice("predictor", &["auto", "cpu_predictor", "gpu_predictor"], Obsolete),
    Definition { name: "monotone_constraints", kind: Tuple(&[-1, 0, 1]), used: Library },
    Definition { name: "interaction_constraints", kind: NestedList { least: 1 }, used: Library },
    choice("sample_type", &["uniform", "weighted"], Library),
    choice("normalize_type", &["tree", "forest"], Library),
    float("rate_drop", Closed("0"), Closed("1")),
    integer("one_drop", Closed("0"), Closed("1"), Library),
    float("skip_drop", Closed("0"), Closed("1")),
    Definition { name: "lambda_bias", kind: Float(Closed("0"), Closed("1")), used: Obsolete },
    float("tweedie_variance_power", Open("1"), Open("2")),
    choice("objective", OBJECTIVES, Library),
    integer("num_class", Closed("2"), Endless, Library),
    float("base_score", Closed("0"), Endless),
    integer("_kfold", Closed("2"), Endless, Container),
    integer("_num_cv_round", Closed("1"), Endless, Container),
    Definition {
        name: "_tuning_objective_metric",
        kind: Names(metrics::tuning_names),
        used: Container,
    },
    Definition { name: "eval_metric", kind: List(metrics::NAMES), used: Container },
    integer("seed", Open("-2147483648"), Open("2147483647"), Library),
    integer("num_parallel_tree", Closed("1"), Endless, Library),
    choice("save_model_on_termination", &["true", "false"], Container),
    choice("aft_loss_distribution", &["normal", "logistic", "extreme"], Library),
    float("aft_loss_distribution_scale", Closed("0"), Endless),
    choice("single_precision_histogram", &["true", "false"], Obsolete),
    choice("deterministic_histogram", &["true", "false"], Obsolete),
    choice("sampling_method", &["uniform", "gradient_based"], Library),
    integer("prob_buffer_row", Open("1.0"), Endless, Obsolete),
    choice("use_dask_gpu_training", &["true", "false"], Container),
];

/// The other names of some of them.
pub const ALIASES: &[(&str, &str)] = &[
    ("learning_rate", "eta"),
    ("min_split_loss", "gamma"),
    ("reg_lambda", "lambda"),
    ("reg_alpha", "alpha"),
];

const OBJECTIVES: &[&str] = &[
    "aft_loss_distribution",
    "binary:logistic",
    "binary:logitraw",
    "binary:hinge",
    "count:poisson",
    "multi:softmax",
    "multi:softprob",
    "rank:pairwise",
    "rank:ndcg",
    "rank:map",
    "reg:linear",
    "reg:squarederror",
    "reg:logistic",
    "reg:gamma",
    "reg:pseudohubererror",
    "reg:squaredlogerror",
    "reg:absoluteerror",
    "reg:tweedie",
    "survival:aft",
    "survival:cox",
];

// `grow_quantile_histmaker` is checked by the container's second look but missing from its first list.
const UPDATERS: &[&str] = &[
    "grow_colmaker",
    "distcol",
    "grow_histmaker",
    "grow_local_histmaker",
    "grow_skmaker",
    "sync",
    "refresh",
    "prune",
    "shotgun",
    "coord_descent",
];

const fn integer(name: &'static str, low: Bound, high: Bound, used: Use) -> Definition {
    Definition { name, kind: Integer(low, high), used }
}

const fn float(name: &'static str, low: Bound, high: Bound) -> Definition {
    Definition { name, kind: Float(low, high), used: Library }
}

const fn choice(name: &'static str, values: &'static [&'static str], used: Use) -> Definition {
    Definition { name, kind: Choice(values), used }
}
