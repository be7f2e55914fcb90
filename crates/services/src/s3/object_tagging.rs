//! GetObjectTagging, PutObjectTagging, DeleteObjectTagging: an object's tags, apart from its bytes.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value, json};
use store::{Expect, RecordWrite};

use super::object::Tag;
use super::store::Change;
use super::{Error, error, read, record, tags};
use crate::operation::typed;
use crate::{Caller, Context, Operation};

pub static GET: Operation = Operation {
    name: "GetObjectTagging",
    call: |context, caller, input| Box::pin(typed(context, caller, input, get_object_tagging)),
};

pub static PUT: Operation = Operation {
    name: "PutObjectTagging",
    call: |context, caller, input| Box::pin(typed(context, caller, input, put_object_tagging)),
};

pub static DELETE: Operation = Operation {
    name: "DeleteObjectTagging",
    call: |context, caller, input| Box::pin(typed(context, caller, input, delete_object_tagging)),
};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    bucket: String,
    key: String,
    version_id: Option<String>,
    expected_bucket_owner: Option<String>,
    tagging: Option<Tagging>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Tagging {
    pub tag_set: Vec<Tag>,
}

async fn get_object_tagging(
    context: &Context,
    caller: &Caller,
    request: Request,
) -> Result<Value, Error> {
    let owner = request.expected_bucket_owner.as_deref();
    context.objects.bucket_of(caller, &request.bucket, owner).await?;
    read::check_version(&request.key, request.version_id.as_deref())?;
    let found = context.objects.versioned(&request.bucket, &request.key).await?;
    let (object, _) = found.ok_or_else(|| error::no_such_key(&request.key))?;
    Ok(json!({"TagSet": object.attributes.tag_set}))
}

async fn put_object_tagging(
    context: &Context,
    caller: &Caller,
    mut request: Request,
) -> Result<Map<String, Value>, Error> {
    let tags = request.tagging.take().ok_or_else(error::malformed_xml)?.tag_set;
    tags::check(&tags, tags::OBJECT_TAGS_MAX)?;
    replace(context, caller, request, tags).await
}

async fn delete_object_tagging(
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
    read::check_version(&request.key, request.version_id.as_deref())?;
    let (objects, request, tags) =
        (Arc::clone(&context.objects), Arc::new(request), Arc::new(tags));
    context
        .objects
        .commit_within(move || {
            let objects = Arc::clone(&objects);
            let (request, tags) = (Arc::clone(&request), Arc::clone(&tags));
            async move {
                let found = objects.versioned(&request.bucket, &request.key).await?;
                let (mut object, version) =
                    found.ok_or_else(|| error::no_such_key(&request.key))?;
                object.attributes.tag_set = tags.to_vec();
                let write = RecordWrite {
                    table: record::OBJECTS,
                    key: record::key(&request.bucket, &request.key),
                    value: Some(object.write()?),
                    expect: Expect::Version(version),
                };
                Ok(Change { records: vec![write], ..Change::default() })
            }
        })
        .await?;
    Ok(Map::new())
}
