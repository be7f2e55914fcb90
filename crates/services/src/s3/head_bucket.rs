//! HeadBucket: whether it is there, and where.

use serde::Deserialize;
use serde_json::{Value, json};

use super::Error;
use crate::operation::typed;
use crate::{Caller, Context, Operation};

pub static OPERATION: Operation = Operation {
    name: "HeadBucket",
    call: |context, caller, input| Box::pin(typed(context, caller, input, head_bucket)),
};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    bucket: String,
    expected_bucket_owner: Option<String>,
}

async fn head_bucket(context: &Context, caller: &Caller, request: Request) -> Result<Value, Error> {
    let owner = request.expected_bucket_owner.as_deref();
    let bucket = context.objects.bucket_of(caller, &request.bucket, owner).await?;
    Ok(json!({"BucketRegion": bucket.region, "AccessPointAlias": false}))
}
