//! GetPublicAccessBlock, PutPublicAccessBlock, DeletePublicAccessBlock: whether a bucket may be public at all.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::bucket_policy::replace;
use super::{Error, error};
use crate::operation::typed;
use crate::{Caller, Context, Operation};

pub static GET: Operation = Operation {
    name: "GetPublicAccessBlock",
    call: |context, caller, input| Box::pin(typed(context, caller, input, get)),
};

pub static PUT: Operation = Operation {
    name: "PutPublicAccessBlock",
    call: |context, caller, input| Box::pin(typed(context, caller, input, put)),
};

pub static DELETE: Operation = Operation {
    name: "DeletePublicAccessBlock",
    call: |context, caller, input| Box::pin(typed(context, caller, input, delete)),
};

/// What is blocked. All of it is in a new bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct PublicAccess {
    /// ACLs that make public; there are none here.
    pub block_public_acls: bool,
    /// The same of those that were there before.
    pub ignore_public_acls: bool,
    /// Policies that make public are not taken.
    pub block_public_policy: bool,
    /// A public policy opens the bucket to its own account and to AWS's services alone.
    pub restrict_public_buckets: bool,
    /// Somebody took the whole configuration away.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub removed: bool,
}

impl PublicAccess {
    /// As in a new bucket.
    pub const BLOCKED: PublicAccess = PublicAccess {
        block_public_acls: true,
        ignore_public_acls: true,
        block_public_policy: true,
        restrict_public_buckets: true,
        removed: false,
    };
}

/// What a request leaves out is not blocked.
impl Default for PublicAccess {
    fn default() -> PublicAccess {
        PublicAccess {
            block_public_acls: false,
            ignore_public_acls: false,
            block_public_policy: false,
            restrict_public_buckets: false,
            removed: false,
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    bucket: String,
    expected_bucket_owner: Option<String>,
    public_access_block_configuration: Option<PublicAccess>,
}

async fn get(context: &Context, caller: &Caller, request: Request) -> Result<Value, Error> {
    let owner = request.expected_bucket_owner.as_deref();
    let bucket = context.objects.bucket_of(caller, &request.bucket, owner).await?;
    if bucket.public_access.removed {
        let message = "The public access block configuration was not found";
        return Err(Error::new("NoSuchPublicAccessBlockConfiguration", message)
            .with_status(404)
            .with("BucketName", bucket.name));
    }
    Ok(json!({ "PublicAccessBlockConfiguration": bucket.public_access }))
}

async fn put(
    context: &Context,
    caller: &Caller,
    request: Request,
) -> Result<Map<String, Value>, Error> {
    let wanted = request.public_access_block_configuration.ok_or_else(error::malformed_xml)?;
    set(context, caller, &request.bucket, request.expected_bucket_owner.as_deref(), wanted).await
}

async fn delete(
    context: &Context,
    caller: &Caller,
    request: Request,
) -> Result<Map<String, Value>, Error> {
    let wanted = PublicAccess { removed: true, ..PublicAccess::default() };
    set(context, caller, &request.bucket, request.expected_bucket_owner.as_deref(), wanted).await
}

async fn set(
    context: &Context,
    caller: &Caller,
    bucket: &str,
    owner: Option<&str>,
    wanted: PublicAccess,
) -> Result<Map<String, Value>, Error> {
    let bucket = context.objects.bucket_of(caller, bucket, owner).await?;
    replace(context, bucket.name, move |bucket| bucket.public_access = wanted).await
}
