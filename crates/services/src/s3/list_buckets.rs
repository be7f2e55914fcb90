//! ListBuckets: the account's, in all regions.

use serde::Deserialize;
use serde_json::{Value, json};
use store::Scan;

use super::owner::canonical_id;
use super::store::Bucket;
use super::{Error, error, record};
use crate::operation::typed;
use crate::{Caller, Context, Operation};

pub static OPERATION: Operation = Operation {
    name: "ListBuckets",
    call: |context, caller, input| Box::pin(typed(context, caller, input, list_buckets)),
};

/// More than an account may have.
const BUCKETS_MAX: usize = 10_000;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    max_buckets: Option<usize>,
    /// The last name of the page before.
    continuation_token: Option<String>,
    prefix: Option<String>,
    bucket_region: Option<String>,
}

async fn list_buckets(
    context: &Context,
    caller: &Caller,
    request: Request,
) -> Result<Value, Error> {
    let limit = request.max_buckets.unwrap_or(BUCKETS_MAX);
    if !(1..=BUCKETS_MAX).contains(&limit) {
        return Err(error::invalid_argument(
            "Argument max-buckets must be an integer between 1 and 10000",
            "max-buckets",
            &limit.to_string(),
        ));
    }
    let prefix = request.prefix.as_deref().unwrap_or_default();
    let mut buckets: Vec<Bucket> = Vec::new();
    let mut more = false;
    let mut last = request.continuation_token.clone().unwrap_or_default();
    'pages: loop {
        let scan = Scan {
            from: prefix.max(&last).to_owned(),
            until: Scan::prefix(prefix, 0).until.filter(|_| !prefix.is_empty()),
            reverse: false,
            limit: 1000,
        };
        let rows =
            context.objects.store.records(record::BUCKETS, scan).await.map_err(error::of_store)?;
        let before = last.clone();
        for row in rows {
            if row.key <= before && !before.is_empty() {
                continue;
            }
            last.clone_from(&row.key);
            let mut bucket: Bucket = record::decode(&row.value)?;
            bucket.name = row.key;
            let elsewhere = request.bucket_region.as_ref().is_some_and(|one| *one != bucket.region);
            if bucket.account != caller.account || elsewhere {
                continue;
            }
            if buckets.len() == limit {
                more = true;
                break 'pages;
            }
            buckets.push(bucket);
        }
        if last == before {
            break;
        }
    }
    let token = buckets.last().filter(|_| more).map(|bucket| bucket.name.clone());
    let buckets: Vec<Value> = buckets
        .into_iter()
        .map(|bucket| {
            json!({
                "Name": bucket.name,
                "CreationDate": bucket.created.0 / 1000,
                "BucketRegion": bucket.region,
                "BucketArn": format!("arn:{}:s3:::{}", crate::arn::partition(&bucket.region), bucket.name),
            })
        })
        .collect();
    Ok(json!({
        "Buckets": buckets,
        "Owner": {"ID": canonical_id(&caller.account)},
        "ContinuationToken": token,
        "Prefix": request.prefix,
    }))
}
