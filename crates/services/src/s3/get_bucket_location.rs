//! GetBucketLocation: the bucket's region; none for the first one.

use serde::Deserialize;
use serde_json::{Value, json};

use super::Error;
use super::create_bucket::FIRST_REGION;
use crate::operation::typed;
use crate::{Caller, Context, Operation};

pub static OPERATION: Operation = Operation {
    name: "GetBucketLocation",
    call: |context, caller, input| Box::pin(typed(context, caller, input, get_bucket_location)),
};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    bucket: String,
    expected_bucket_owner: Option<String>,
}

async fn get_bucket_location(
    context: &Context,
    caller: &Caller,
    request: Request,
) -> Result<Value, Error> {
    let owner = request.expected_bucket_owner.as_deref();
    let bucket = context.objects.bucket_of(caller, &request.bucket, owner).await?;
    Ok(json!({"LocationConstraint": Some(bucket.region).filter(|region| region != FIRST_REGION)}))
}
