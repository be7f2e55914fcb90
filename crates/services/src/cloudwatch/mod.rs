//! CloudWatch metrics: datapoints as they were put, statistics made when they are asked for.

mod by_minute;
mod get_metric_data;
mod get_metric_statistics;
mod list_metrics;
mod put_metric_data;
mod statistics;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use store::{Batch, Expect, Scan};

pub(crate) use by_minute::ByMinute;

use crate::operation::operation;
use crate::record::Table;
use crate::{Context, Error, Service};

/// CloudWatch.
pub static SERVICE: Service = Service {
    name: "cloudwatch",
    operations: &[
        &operation!("PutMetricData", put_metric_data::put_metric_data),
        &operation!("ListMetrics", list_metrics::list_metrics),
        &operation!("GetMetricStatistics", get_metric_statistics::get_metric_statistics),
        &operation!("GetMetricData", get_metric_data::get_metric_data),
    ],
};

/// Keyed `account/region/HASH`: which metrics there are.
const METRICS: Table<Metric> = Table::new("cloudwatch/metric");
/// Keyed `account/region/HASH/MILLISECONDS/SEED`: points put together, under the time of the last.
const POINTS: Table<Vec<Point>> = Table::new("cloudwatch/points");

/// A metric's identity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Metric {
    namespace: String,
    metric_name: String,
    /// In the order of their names.
    dimensions: Vec<Dimension>,
}

/// A name and a value that tell one metric from another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Dimension {
    /// `TrainingJobName`.
    pub name: String,
    /// The job's name.
    pub value: String,
}

/// One datapoint, or several with their statistics alone.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Milliseconds since the epoch.
    pub at: i64,
    /// Sum of the values.
    pub sum: f64,
    /// How many values.
    pub count: f64,
    /// The smallest.
    pub minimum: f64,
    /// The greatest.
    pub maximum: f64,
}

impl Point {
    /// One value at a time.
    pub fn of(at: i64, value: f64) -> Point {
        Point { at, sum: value, count: 1.0, minimum: value, maximum: value }
    }
}

impl Point {
    /// Takes another point in.
    pub fn merge(&mut self, other: &Point) {
        self.sum += other.sum;
        self.count += other.count;
        self.minimum = self.minimum.min(other.minimum);
        self.maximum = self.maximum.max(other.maximum);
    }
}

/// A metric by its names; `dimensions` are names and values.
pub(crate) fn metric(namespace: &str, name: &str, dimensions: &[(&str, &str)]) -> Metric {
    let mut dimensions: Vec<Dimension> = dimensions
        .iter()
        .map(|(name, value)| Dimension { name: (*name).to_owned(), value: (*value).to_owned() })
        .collect();
    dimensions.sort();
    Metric { namespace: namespace.to_owned(), metric_name: name.to_owned(), dimensions }
}

/// Writes what is gathered by the minute: whoever reads metrics calls it first, and whoever stops.
///
/// # Errors
/// The store's; then it waits on.
pub async fn write_waiting(context: &Context) -> Result<(), Error> {
    context.stepfunctions.write_metrics(context).await?;
    context.sagemaker.traffic.write(context).await
}

/// Adds one datapoint to each of many metrics, by account and region, all in one commit.
pub(crate) async fn put_all(
    context: &Context,
    points: &[(&str, &str, Metric, Point)],
) -> Result<(), Error> {
    let mut dice = context.clock.moment().dice("cloudwatch: keys of points");
    let mut records = Vec::with_capacity(points.len());
    for (account, region, metric, point) in points {
        let key = key(account, region, metric);
        METRICS.insert(context, &key, metric).await?;
        let key = format!("{key}/{:015}/{:016x}", point.at, dice.next_u64());
        records.push(POINTS.write(&key, &vec![*point], Expect::Any)?);
    }
    if records.is_empty() {
        return Ok(());
    }
    Ok(context.store.commit(Batch { records, ..Batch::default() }).await?)
}

/// What AWS counts a metric's values in, as far as they are ours.
fn unit(metric: &Metric) -> &'static str {
    match (metric.namespace.as_str(), metric.metric_name.as_str()) {
        ("AWS/States", "ExecutionTime" | "ExpressExecutionBilledDuration") => "Milliseconds",
        ("AWS/States", _) => "Count",
        ("AWS/SageMaker", "ModelLatency" | "OverheadLatency") => "Microseconds",
        _ => "None",
    }
}

/// Adds datapoints to a metric: `dimensions` are names and values.
pub async fn put(
    context: &Context,
    account: &str,
    region: &str,
    namespace: &str,
    metric: &str,
    dimensions: &[(&str, &str)],
    points: &[Point],
) -> Result<(), Error> {
    add(context, account, region, &self::metric(namespace, metric, dimensions), points).await
}

async fn add(
    context: &Context,
    account: &str,
    region: &str,
    metric: &Metric,
    points: &[Point],
) -> Result<(), Error> {
    let Some(last) = points.iter().map(|point| point.at).max() else { return Ok(()) };
    let key = key(account, region, metric);
    METRICS.insert(context, &key, metric).await?;
    let seed = context.clock.moment().seed;
    let key = format!("{key}/{last:015}/{seed:016x}");
    let records = vec![POINTS.write(&key, &points.to_vec(), Expect::Any)?];
    Ok(context.store.commit(Batch { records, ..Batch::default() }).await?)
}

/// A metric's points with `start <= at < end` (milliseconds), in the order of time.
async fn points(
    context: &Context,
    account: &str,
    region: &str,
    metric: &Metric,
    start: i64,
    end: i64,
) -> Result<Vec<Point>, Error> {
    if metric.namespace.starts_with("AWS/") {
        write_waiting(context).await?;
    }
    let key = key(account, region, metric);
    // Points lie under the time of the last of their batch: earlier batches hold nothing of interest.
    let mut scan = Scan::prefix(format!("{key}/"), usize::MAX >> 1);
    scan.from = format!("{key}/{:015}", start.max(0));
    let batches = POINTS.list(context, scan).await?;
    let mut points: Vec<Point> = batches.into_iter().flat_map(|batch| batch.value).collect();
    points.retain(|point| start <= point.at && point.at < end);
    points.sort_by_key(|point| point.at);
    Ok(points)
}

fn key(account: &str, region: &str, metric: &Metric) -> String {
    let identity = serde_json::to_string(metric).unwrap_or_default();
    format!("{account}/{region}/{}", hex::encode(&Sha256::digest(identity.as_bytes())[..16]))
}
