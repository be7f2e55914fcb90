//! PutMetricData.

use serde::Deserialize;

use super::{Dimension, Metric, Point};
use crate::{Caller, Context, Error};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Request {
    namespace: String,
    #[serde(default)]
    metric_data: Vec<Datum>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Datum {
    metric_name: String,
    #[serde(default)]
    dimensions: Vec<Dimension>,
    timestamp: Option<f64>,
    value: Option<f64>,
    statistic_values: Option<Statistics>,
    #[serde(default)]
    values: Vec<f64>,
    #[serde(default)]
    counts: Vec<f64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Statistics {
    sample_count: f64,
    sum: f64,
    minimum: f64,
    maximum: f64,
}

pub(super) async fn put_metric_data(
    context: &Context,
    caller: &Caller,
    request: Request,
) -> Result<(), Error> {
    let now = context.clock.moment().now.0;
    for datum in request.metric_data {
        let at = datum.timestamp.map_or(now, |seconds| (seconds * 1000.0) as i64);
        let mut points: Vec<Point> =
            datum.value.map(|value| Point::of(at, value)).into_iter().collect();
        if let Some(given) = datum.statistic_values {
            let Statistics { sample_count: count, sum, minimum, maximum } = given;
            points.push(Point { at, sum, count, minimum, maximum });
        }
        for (place, value) in datum.values.iter().enumerate() {
            let count = datum.counts.get(place).copied().unwrap_or(1.0);
            points.push(Point { count, sum: value * count, ..Point::of(at, *value) });
        }
        let mut dimensions = datum.dimensions;
        dimensions.sort();
        let (namespace, metric_name) = (request.namespace.clone(), datum.metric_name);
        let metric = Metric { namespace, metric_name, dimensions };
        super::add(context, &caller.account, &caller.region, &metric, &points).await?;
    }
    Ok(())
}
