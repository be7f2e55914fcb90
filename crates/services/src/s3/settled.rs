//! PutBucketEncryption, PutBucketOwnershipControls: what every bucket is can be asked for; what none can be
//! is refused.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Error, error, refuse};
use crate::operation::typed;
use crate::{Caller, Context, Operation};

pub static PUT_ENCRYPTION: Operation = Operation {
    name: "PutBucketEncryption",
    call: |context, caller, input| Box::pin(typed(context, caller, input, put_encryption)),
};

pub static PUT_OWNERSHIP_CONTROLS: Operation = Operation {
    name: "PutBucketOwnershipControls",
    call: |context, caller, input| Box::pin(typed(context, caller, input, put_ownership_controls)),
};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    bucket: String,
    #[serde(default)]
    server_side_encryption_configuration: Value,
    #[serde(default)]
    ownership_controls: Value,
    expected_bucket_owner: Option<String>,
}

impl Request {
    async fn check_bucket(&self, context: &Context, caller: &Caller) -> Result<(), Error> {
        let owner = self.expected_bucket_owner.as_deref();
        context.objects.bucket_of(caller, &self.bucket, owner).await.map(drop)
    }
}

async fn put_encryption(
    context: &Context,
    caller: &Caller,
    request: Request,
) -> Result<Value, Error> {
    request.check_bucket(context, caller).await?;
    for rule in rules(&request.server_side_encryption_configuration) {
        match rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"].as_str() {
            Some("AES256") | None => {}
            Some(other) => {
                return Err(error::not_implemented(&format!("the default encryption `{other}`")));
            }
        }
    }
    Ok(json!({}))
}

async fn put_ownership_controls(
    context: &Context,
    caller: &Caller,
    request: Request,
) -> Result<Value, Error> {
    request.check_bucket(context, caller).await?;
    for rule in rules(&request.ownership_controls) {
        refuse::owned_by_bucket(rule["ObjectOwnership"].as_str().unwrap_or_default())?;
    }
    Ok(json!({}))
}

fn rules(configuration: &Value) -> impl Iterator<Item = &Value> {
    configuration["Rules"].as_array().into_iter().flatten()
}
