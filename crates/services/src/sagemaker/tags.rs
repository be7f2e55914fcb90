//! AddTags, ListTags, DeleteTags: tags of any SageMaker resource, kept under its ARN.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::{Batch, Expect, RecordWrite};

use super::resource::Tag;
use crate::operation::operation;
use crate::{Caller, Context, Error, Operation};

const TABLE: &str = "sagemaker/tags";
const TAGS_MAX: usize = 50;

/// AddTags.
pub const ADD: Operation = operation!("AddTags", add_tags);
/// ListTags.
pub const LIST: Operation = operation!("ListTags", list_tags);
/// DeleteTags.
pub const DELETE: Operation = operation!("DeleteTags", delete_tags);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AddRequest {
    resource_arn: String,
    tags: Vec<Tag>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ListRequest {
    resource_arn: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DeleteRequest {
    resource_arn: String,
    tag_keys: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Tags {
    tags: Vec<Tag>,
}

async fn add_tags(context: &Context, caller: &Caller, request: AddRequest) -> Result<Tags, Error> {
    own(caller, &request.resource_arn)?;
    let tags = change(context, &request.resource_arn, |tags| merge(tags, &request.tags)).await?;
    Ok(Tags { tags })
}

async fn list_tags(
    context: &Context,
    caller: &Caller,
    request: ListRequest,
) -> Result<Tags, Error> {
    own(caller, &request.resource_arn)?;
    Ok(Tags { tags: read(context, &request.resource_arn).await?.0 })
}

async fn delete_tags(
    context: &Context,
    caller: &Caller,
    request: DeleteRequest,
) -> Result<Value, Error> {
    own(caller, &request.resource_arn)?;
    change(context, &request.resource_arn, |tags| {
        tags.retain(|tag| !request.tag_keys.contains(&tag.key));
        Ok(())
    })
    .await?;
    Ok(json!({}))
}

/// The tags of the resource with this ARN.
///
/// # Errors
/// The store's.
pub(crate) async fn of(context: &Context, arn: &str) -> Result<Vec<(String, String)>, Error> {
    let (tags, _) = read(context, arn).await?;
    Ok(tags.into_iter().map(|tag| (tag.key, tag.value)).collect())
}

/// The write that gives a new resource its tags; none when there are none.
pub fn of_new(arn: &str, request: &Value) -> Result<Option<RecordWrite>, Error> {
    let given =
        request.get("Tags").filter(|tags| !tags.is_null()).cloned().unwrap_or_else(|| json!([]));
    let given: Vec<Tag> =
        serde_json::from_value(given).map_err(|error| Error::validation(error.to_string()))?;
    let mut tags = Vec::new();
    merge(&mut tags, &given)?;
    Ok((!tags.is_empty()).then(|| write(arn, &tags, Expect::Any)))
}

/// The write that forgets a resource's tags with the resource.
pub fn of_deleted(arn: &str) -> RecordWrite {
    RecordWrite { table: TABLE, key: arn.to_owned(), value: None, expect: Expect::Any }
}

fn merge(tags: &mut Vec<Tag>, given: &[Tag]) -> Result<(), Error> {
    for tag in given {
        match tags.iter_mut().find(|known| known.key == tag.key) {
            Some(known) => known.value.clone_from(&tag.value),
            None => tags.push(tag.clone()),
        }
    }
    if tags.len() > TAGS_MAX {
        return Err(Error::new(
            "ResourceLimitExceeded",
            format!("A resource has at most {TAGS_MAX} tags"),
        ));
    }
    Ok(())
}

async fn change(
    context: &Context,
    arn: &str,
    edit: impl Fn(&mut Vec<Tag>) -> Result<(), Error>,
) -> Result<Vec<Tag>, Error> {
    loop {
        let (mut tags, version) = read(context, arn).await?;
        edit(&mut tags)?;
        let expect = if version == 0 { Expect::Absent } else { Expect::Version(version) };
        match context
            .store
            .commit(Batch { records: vec![write(arn, &tags, expect)], ..Batch::default() })
            .await
        {
            Ok(()) => return Ok(tags),
            Err(store::StoreError::Conflict { .. }) => continue,
            Err(error) => return Err(error.into()),
        }
    }
}

async fn read(context: &Context, arn: &str) -> Result<(Vec<Tag>, u64), Error> {
    match context.store.record(TABLE, arn).await? {
        None => Ok((Vec::new(), 0)),
        Some(record) => {
            let tags = serde_json::from_slice(&record.value).map_err(|error| {
                Error::internal(format!("the tags of `{arn}` are damaged: {error}"))
            })?;
            Ok((tags, record.version))
        }
    }
}

fn write(arn: &str, tags: &[Tag], expect: Expect) -> RecordWrite {
    let value = serde_json::to_vec(tags).unwrap_or_default();
    RecordWrite { table: TABLE, key: arn.to_owned(), value: Some(Bytes::from(value)), expect }
}

/// Only ARNs of the caller's own account can be tagged.
fn own(caller: &Caller, arn: &str) -> Result<(), Error> {
    let mut parts = arn.splitn(6, ':').skip(2);
    if parts.next() == Some("sagemaker") && parts.nth(1) == Some(caller.account.as_str()) {
        return Ok(());
    }
    Err(Error::validation(format!(
        "Invalid ResourceArn `{arn}`: it names no SageMaker resource of account {}",
        caller.account
    )))
}
