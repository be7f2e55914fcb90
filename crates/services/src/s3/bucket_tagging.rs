//! GetBucketTagging, PutBucketTagging, DeleteBucketTagging.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value, json};
use store::Expect;

use super::object::Tag;
use super::object_tagging::Tagging;
use super::store::Change;
use super::{Error, error, tags};
use crate::operation::typed;
use crate::{Caller, Context, Operation};

pub static GET: Operation = Operation {
    name: "GetBucketTagging",
    call: |context, caller, input| Box::pin(typed(context, caller, input, get_bucket_tagging)),
};

pub static PUT: Operation = Operation {
    name: "PutBucketTagging",
    call: |context, caller, input| Box::pin(typed(context, caller, input, put_bucket_tagging)),
};

pub static DELETE: Operation = Operation {
    name: "DeleteBucketTagging",
    call: |context, caller, input| Box::pin(typed(context, caller, input, delete_bucket_tagging)),
};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    bucket: String,
    expected_bucket_owner: Option<String>,
    tagging: Option<Tagging>,
}

async fn get_bucket_tagging(
    context: &Context,
    caller: &Caller,
    request: Request,
) -> Result<Value, Error> {
    let owner = request.expected_bucket_owner.as_deref();
    let bucket = context.objects.bucket_of(caller, &request.bucket, owner).await?;
    if bucket.tags.is_empty() {
        return Err(Error::new("NoSuchTagSet", "The TagSet does not exist")
            .with_status(404)
            .with("BucketName", request.bucket));
    }
    Ok(json!({"TagSet": bucket.tags}))
}

async fn put_bucket_tagging(
    context: &Context,
    caller: &Caller,
    mut request: Request,
) -> Result<Map<String, Value>, Error> {
    let tags = request.tagging.take().ok_or_else(error::malformed_xml)?.tag_set;
    tags::check(&tags, tags::BUCKET_TAGS_MAX)?;
    replace(context, caller, request, tags).await
}

async fn delete_bucket_tagging(
    context: &Context,
    caller: &Caller,
    request: Request,
) -> Result<Map<String, Value>, Error> {
    replace(context, caller, request, Vec::new()).await
}

async fn replace(
    context: &Context,
    caller: &Caller,
    request: Request,
    tags: Vec<Tag>,
) -> Result<Map<String, Value>, Error> {
    let owner = request.expected_bucket_owner.as_deref();
    context.objects.bucket_of(caller, &request.bucket, owner).await?;
    let (objects, name, tags) = (Arc::clone(&context.objects), request.bucket, Arc::new(tags));
    context
        .objects
        .commit_within(move || {
            let (objects, name, tags) = (Arc::clone(&objects), name.clone(), Arc::clone(&tags));
            async move {
                let found = objects.any_bucket(&name).await?;
                let (mut bucket, version) = found.ok_or_else(|| error::no_such_bucket(&name))?;
                bucket.tags = tags.to_vec();
                let write = bucket.written(Expect::Version(version))?;
                Ok(Change { records: vec![write], ..Change::default() })
            }
        })
        .await?;
    Ok(Map::new())
}
