//! GetMetricStatistics.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::statistics::{by_period, statistic};
use super::{Dimension, Metric, points};
use crate::{Caller, Context, Error};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Request {
    namespace: String,
    metric_name: String,
    #[serde(default)]
    dimensions: Vec<Dimension>,
    start_time: f64,
    end_time: f64,
    period: i64,
    #[serde(default)]
    statistics: Vec<String>,
    #[serde(default)]
    extended_statistics: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Response {
    label: String,
    datapoints: Vec<Value>,
}

pub(super) async fn get_metric_statistics(
    context: &Context,
    caller: &Caller,
    request: Request,
) -> Result<Response, Error> {
    if !request.extended_statistics.is_empty() {
        return Err(Error::new(
            "InvalidParameterCombination",
            "Stepwell keeps no percentiles: ask for Average, Sum, Minimum, Maximum or SampleCount",
        ));
    }
    if request.statistics.is_empty() {
        return Err(Error::new(
            "MissingParameter",
            "The parameter Statistics or ExtendedStatistics must be specified.",
        ));
    }
    let mut dimensions = request.dimensions;
    dimensions.sort();
    let metric_name = request.metric_name.clone();
    let metric = Metric { namespace: request.namespace, metric_name, dimensions };
    // CloudWatch counts periods from the start, rounded down to the minute.
    let start = (request.start_time / 60.0).floor() as i64 * 60_000;
    let end = (request.end_time * 1000.0) as i64;
    let found = points(context, &caller.account, &caller.region, &metric, start, end).await?;
    let datapoint = |point: &super::Point| {
        let mut members = Map::new();
        members.insert("Timestamp".to_owned(), ((point.at / 1000) as f64).into());
        for name in &request.statistics {
            if let Some(value) = statistic(point, name) {
                members.insert(name.clone(), value.into());
            }
        }
        members.insert("Unit".to_owned(), super::unit(&metric).into());
        Value::Object(members)
    };
    let periods = by_period(&found, start, request.period.max(1) * 1000);
    Ok(Response { label: request.metric_name, datapoints: periods.iter().map(datapoint).collect() })
}
