//! Features of buckets that we do not have, as S3 answers for a bucket on which nobody has configured
//! them. Configuring them is refused (there is no such operation here).

use serde::Deserialize;
use serde_json::{Value, json};

use super::owner::canonical_id;
use super::store::Bucket;
use super::{Error, error};
use crate::operation::typed;
use crate::{Caller, Context, Operation};

/// What the bucket answers.
type Reply = fn(&Bucket) -> Result<Value, Error>;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    bucket: String,
    key: Option<String>,
    expected_bucket_owner: Option<String>,
}

async fn answer(
    context: &Context,
    caller: &Caller,
    request: Request,
    reply: Reply,
) -> Result<Value, Error> {
    let owner = request.expected_bucket_owner.as_deref();
    let bucket = context.objects.bucket_of(caller, &request.bucket, owner).await?;
    if let Some(key) = &request.key {
        let found = context.objects.versioned(&request.bucket, key).await?;
        found.ok_or_else(|| error::no_such_key(key))?;
    }
    reply(&bucket)
}

macro_rules! unconfigured {
    ($($constant:ident $name:literal $reply:expr;)*) => {
        $(pub(super) static $constant: Operation = Operation {
            name: $name,
            call: |context, caller, input| {
                Box::pin(typed(context, caller, input, |context, caller, request| {
                    answer(context, caller, request, $reply)
                }))
            },
        };)*
    };
}

unconfigured! {
    GET_BUCKET_ACCELERATE_CONFIGURATION "GetBucketAccelerateConfiguration" |_| Ok(json!({}));
    GET_BUCKET_ACL "GetBucketAcl" acl;
    GET_BUCKET_CORS "GetBucketCors"
        |bucket| none(bucket, "NoSuchCORSConfiguration", "The CORS configuration does not exist");
    GET_BUCKET_ENCRYPTION "GetBucketEncryption" |_| Ok(json!({
        "ServerSideEncryptionConfiguration": {"Rules": [{
            "ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"},
            "BucketKeyEnabled": false,
        }]},
    }));
    GET_BUCKET_LIFECYCLE_CONFIGURATION "GetBucketLifecycleConfiguration" |bucket| none(
        bucket, "NoSuchLifecycleConfiguration", "The lifecycle configuration does not exist"
    );
    GET_BUCKET_LOGGING "GetBucketLogging" |_| Ok(json!({}));
    GET_BUCKET_NOTIFICATION_CONFIGURATION "GetBucketNotificationConfiguration" |_| Ok(json!({}));
    GET_BUCKET_OWNERSHIP_CONTROLS "GetBucketOwnershipControls" |_| Ok(json!({
        "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
    }));
    GET_BUCKET_REPLICATION "GetBucketReplication" |bucket| none(
        bucket,
        "ReplicationConfigurationNotFoundError",
        "The replication configuration was not found",
    );
    GET_BUCKET_REQUEST_PAYMENT "GetBucketRequestPayment" |_| Ok(json!({"Payer": "BucketOwner"}));
    GET_BUCKET_VERSIONING "GetBucketVersioning" |_| Ok(json!({}));
    GET_BUCKET_WEBSITE "GetBucketWebsite" |bucket| none(
        bucket,
        "NoSuchWebsiteConfiguration",
        "The specified bucket does not have a website configuration",
    );
    GET_OBJECT_ACL "GetObjectAcl" acl;
    GET_OBJECT_LOCK_CONFIGURATION "GetObjectLockConfiguration" |bucket| none(
        bucket,
        "ObjectLockConfigurationNotFoundError",
        "Object Lock configuration does not exist for this bucket",
    );
}

fn none(bucket: &Bucket, code: &'static str, message: &str) -> Result<Value, Error> {
    Err(Error::new(code, message).with_status(404).with("BucketName", bucket.name.as_str()))
}

/// The owner has all rights, nobody else has any.
fn acl(bucket: &Bucket) -> Result<Value, Error> {
    let owner = canonical_id(&bucket.account);
    Ok(json!({
        "Owner": {"ID": owner},
        "Grants": [{
            "Grantee": {"ID": owner, "Type": "CanonicalUser"},
            "Permission": "FULL_CONTROL",
        }],
    }))
}
