//! CreateBucket.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};

use super::object::{Tag, whole_seconds};
use super::public_access::PublicAccess;
use super::store::{Bucket, Change};
use super::{error, names, refuse, request, tags};
use crate::{Caller, Context, Error, Input, Operation, Output};

pub static OPERATION: Operation = Operation {
    name: "CreateBucket",
    call: |context, caller, input| Box::pin(create_bucket(context, caller, input)),
};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    bucket: String,
    create_bucket_configuration: Option<Configuration>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Configuration {
    location_constraint: Option<String>,
    location: Option<Value>,
    tags: Option<Vec<Tag>>,
}

/// The region whose buckets have no location constraint.
pub(super) const FIRST_REGION: &str = "us-east-1";

async fn create_bucket(context: &Context, caller: &Caller, input: Input) -> Result<Output, Error> {
    refuse::refuse(&input.members)?;
    let request: Request = request(input.members)?;
    names::check_bucket(&request.bucket)?;
    let configuration = request.create_bucket_configuration.unwrap_or_default();
    if configuration.location.is_some_and(|location| !location.is_null()) {
        return Err(error::not_implemented("directory buckets"));
    }
    let constraint = configuration.location_constraint.filter(|text| !text.is_empty());
    let region = region(&caller.region, constraint.as_deref())?;
    let tags = configuration.tags.unwrap_or_default();
    tags::check(&tags, tags::BUCKET_TAGS_MAX)?;

    let objects = Arc::clone(&context.objects);
    let bucket = Arc::new(Bucket {
        name: request.bucket.clone(),
        account: caller.account.clone(),
        region: region.clone(),
        created: whole_seconds(context.clock.moment().now),
        tags,
        policy: None,
        public_access: PublicAccess::BLOCKED,
    });
    context
        .objects
        .commit_within(move || {
            let (objects, bucket) = (Arc::clone(&objects), Arc::clone(&bucket));
            async move {
                match objects.any_bucket(&bucket.name).await? {
                    None => Ok(Change { records: vec![bucket.insert()?], ..Change::default() }),
                    Some((other, _)) if other.account != bucket.account => {
                        Err(error::bucket_exists())
                    }
                    // The first region's old manners: creating again what one has is no error.
                    Some(_) if bucket.region == FIRST_REGION => Ok(Change::default()),
                    Some(_) => Err(error::bucket_owned(&bucket.name)),
                }
            }
        })
        .await?;
    let location = if region == FIRST_REGION {
        format!("/{}", request.bucket)
    } else {
        format!("http://{}.s3.amazonaws.com/", request.bucket)
    };
    Ok(Output::from(json!({"Location": location})))
}

/// The region of the new bucket: the constraint must agree with the endpoint that was asked, except
/// that the first region's creates buckets anywhere.
fn region(endpoint: &str, constraint: Option<&str>) -> Result<String, Error> {
    match constraint {
        Some(FIRST_REGION) => Err(error::location_invalid(FIRST_REGION)),
        Some("EU") => Ok("eu-west-1".to_owned()),
        Some(region) if endpoint == FIRST_REGION || endpoint == region => Ok(region.to_owned()),
        Some(other) => Err(error::location_incompatible(other)),
        None if endpoint == FIRST_REGION => Ok(FIRST_REGION.to_owned()),
        None => Err(error::location_incompatible("unspecified")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions() {
        let cases = [
            ("us-east-1", None, Ok("us-east-1")),
            ("us-east-1", Some("eu-west-1"), Ok("eu-west-1")),
            ("eu-west-1", Some("eu-west-1"), Ok("eu-west-1")),
            ("us-east-1", Some("us-east-1"), Err("InvalidLocationConstraint")),
            ("eu-west-1", None, Err("IllegalLocationConstraintException")),
            ("eu-west-1", Some("eu-west-2"), Err("IllegalLocationConstraintException")),
        ];
        for (endpoint, constraint, expected) in cases {
            let found = region(endpoint, constraint).map_err(|error| error.code.into_owned());
            let expected = expected.map(String::from).map_err(String::from);
            assert_eq!(found, expected, "{endpoint} {constraint:?}");
        }
    }
}
