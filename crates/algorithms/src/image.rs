//! Which algorithm an image URI means.

use std::sync::OnceLock;

use crate::xgboost;
use crate::xgboost::version::Series;

/// A built-in algorithm.
#[derive(Debug)]
pub struct Algorithm {
    /// Its name: `xgboost`.
    pub name: &'static str,
    /// The repositories it is published in, under any account and region.
    pub repositories: &'static [&'static str],
    /// The metrics SageMaker reads from the log of the image's training jobs.
    pub metric_definitions: fn() -> Vec<MetricDefinition>,
}

/// How a metric is found in a job's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetricDefinition {
    /// The metric's name, such as `validation:rmse`.
    pub name: String,
    /// The expression whose first group is the value.
    pub regex: String,
}

/// An image URI that means one of our algorithms.
#[derive(Debug, Clone, Copy)]
pub struct ImageMatch<'a> {
    /// The algorithm.
    pub algorithm: &'static Algorithm,
    /// The library's series by the container's tag, such as 1.7; none if the tag does not say.
    pub series: Option<Series>,
    /// The tag, such as `1.7-1`; `latest` if the URI has none.
    pub tag: &'a str,
}

/// The built-in algorithms.
pub const ALGORITHMS: &[Algorithm] = &[Algorithm {
    name: "xgboost",
    repositories: &["xgboost", "sagemaker-xgboost"],
    metric_definitions: xgboost::metrics::definitions,
}];

/// The algorithm an image URI means, whatever its account and region: `…/xgboost:1`,
/// `…/sagemaker-xgboost:1.7-1`. A digest (`@sha256:…`) says nothing about the version.
pub fn for_image(image: &str) -> Option<ImageMatch<'_>> {
    let (image, _digest) = image.split_once('@').unwrap_or((image, ""));
    let (_registry, name) = image.rsplit_once('/')?;
    let (repository, tag) = name.split_once(':').unwrap_or((name, "latest"));
    let algorithm =
        ALGORITHMS.iter().find(|algorithm| algorithm.repositories.contains(&repository))?;
    Some(ImageMatch { algorithm, series: Series::of_tag(tag), tag })
}

impl Algorithm {
    /// The metric definitions, made once.
    pub fn metrics(&'static self) -> &'static [MetricDefinition] {
        static XGBOOST: OnceLock<Vec<MetricDefinition>> = OnceLock::new();
        XGBOOST.get_or_init(self.metric_definitions)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images() {
        for (image, expected) in [
            ("811284229777.dkr.ecr.us-east-1.amazonaws.com/xgboost:1", "xgboost 1 0.72"),
            ("811284229777.dkr.ecr.us-east-1.amazonaws.com/xgboost:latest", "xgboost latest 0.72"),
            ("811284229777.dkr.ecr.us-east-1.amazonaws.com/xgboost", "xgboost latest 0.72"),
            (
                "683313688378.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-xgboost:0.90-2-cpu-py3",
                "xgboost 0.90-2-cpu-py3 0.90",
            ),
            (
                "141502667606.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-xgboost:1.7-1",
                "xgboost 1.7-1 1.7",
            ),
            ("1.dkr.ecr.cn-north-1.amazonaws.com.cn/sagemaker-xgboost:3.0-5", "xgboost 3.0-5 3.0"),
            ("1.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:mine", "xgboost mine ?"),
            (
                "1.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost@sha256:00",
                "xgboost latest 0.72",
            ),
            ("1.dkr.ecr.us-east-1.amazonaws.com/linear-learner:1", "none"),
            ("1.dkr.ecr.us-east-1.amazonaws.com/my-xgboost:1", "none"),
            ("xgboost:1", "none"),
        ] {
            let answer = for_image(image).map_or("none".to_owned(), |found| {
                let series = found.series.map_or("?".to_owned(), |series| series.to_string());
                format!("{} {} {series}", found.algorithm.name, found.tag)
            });
            assert_eq!(answer, expected, "{image}");
        }
    }
}
