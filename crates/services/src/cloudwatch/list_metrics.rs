//! ListMetrics.

use serde::{Deserialize, Serialize};
use store::Scan;

use super::{METRICS, Metric};
use crate::{Caller, Context, Error, page};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Request {
    namespace: Option<String>,
    metric_name: Option<String>,
    #[serde(default)]
    dimensions: Vec<Filter>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Filter {
    name: String,
    value: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Response {
    metrics: Vec<Metric>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

/// At most 500 a page, as AWS gives them.
pub(super) async fn list_metrics(
    context: &Context,
    caller: &Caller,
    request: Request,
) -> Result<Response, Error> {
    const PAGE: usize = 500;
    let mut scan = Scan::prefix(format!("{}/{}/", caller.account, caller.region), usize::MAX >> 1);
    if let Some(token) = &request.next_token {
        scan.from = page::position(token).ok_or_else(|| {
            Error::new("InvalidParameterValue", "The parameter NextToken is not valid")
        })?;
    }
    let matches = |metric: &Metric| {
        request.namespace.as_ref().is_none_or(|wanted| *wanted == metric.namespace)
            && request.metric_name.as_ref().is_none_or(|wanted| *wanted == metric.metric_name)
            && request.dimensions.iter().all(|wanted| {
                metric.dimensions.iter().any(|known| {
                    known.name == wanted.name
                        && wanted.value.as_ref().is_none_or(|value| *value == known.value)
                })
            })
    };
    super::write_waiting(context).await?;
    let mut found = METRICS.list(context, scan).await?;
    found.retain(|metric| matches(&metric.value));
    let next_token = found.get(PAGE).map(|metric| page::token(&metric.key));
    found.truncate(PAGE);
    Ok(Response { metrics: found.into_iter().map(|metric| metric.value).collect(), next_token })
}
