//! GetMetricData, for queries of stored metrics; expressions are refused.

use serde::{Deserialize, Serialize};

use super::statistics::{by_period, statistic};
use super::{Metric, points};
use crate::{Caller, Context, Error};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Request {
    metric_data_queries: Vec<Query>,
    start_time: f64,
    end_time: f64,
    scan_by: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Query {
    id: String,
    metric_stat: Option<MetricStat>,
    label: Option<String>,
    return_data: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct MetricStat {
    metric: Asked,
    period: i64,
    stat: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Asked {
    namespace: String,
    metric_name: String,
    #[serde(default)]
    dimensions: Vec<super::Dimension>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Response {
    metric_data_results: Vec<Answered>,
    messages: Vec<()>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Answered {
    id: String,
    label: String,
    timestamps: Vec<f64>,
    values: Vec<f64>,
    status_code: &'static str,
}

/// Newest first unless asked the other way round.
pub(super) async fn get_metric_data(
    context: &Context,
    caller: &Caller,
    request: Request,
) -> Result<Response, Error> {
    let start = (request.start_time / 60.0).floor() as i64 * 60_000;
    let end = (request.end_time * 1000.0) as i64;
    let mut metric_data_results = Vec::new();
    for query in request.metric_data_queries {
        if query.return_data == Some(false) {
            continue;
        }
        let Some(asked) = query.metric_stat else {
            return Err(Error::validation(
                "Stepwell evaluates no metric expressions: give a MetricStat in each query",
            ));
        };
        let Asked { namespace, metric_name, mut dimensions } = asked.metric;
        dimensions.sort();
        let label = query.label.unwrap_or_else(|| metric_name.clone());
        let metric = Metric { namespace, metric_name, dimensions };
        let found = points(context, &caller.account, &caller.region, &metric, start, end).await?;
        let mut periods = by_period(&found, start, asked.period.max(1) * 1000);
        if request.scan_by.as_deref() != Some("TimestampAscending") {
            periods.reverse();
        }
        let values: Option<Vec<f64>> =
            periods.iter().map(|point| statistic(point, &asked.stat)).collect();
        let values = values.ok_or_else(|| {
            Error::validation(format!("Stepwell does not keep the statistic `{}`", asked.stat))
        })?;
        metric_data_results.push(Answered {
            id: query.id,
            label,
            timestamps: periods.iter().map(|point| (point.at / 1000) as f64).collect(),
            values,
            status_code: "Complete",
        });
    }
    Ok(Response { metric_data_results, messages: Vec::new() })
}
