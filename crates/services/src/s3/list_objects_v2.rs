//! ListObjectsV2.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use serde::Deserialize;
use serde_json::{Value, json};

use super::listing::{Encoding, Listing, limit};
use super::object::Object;
use super::owner::canonical_id;
use super::{Error, error};
use crate::operation::typed;
use crate::{Caller, Context, Operation};

pub static OPERATION: Operation = Operation {
    name: "ListObjectsV2",
    call: |context, caller, input| Box::pin(typed(context, caller, input, list_objects_v2)),
};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    bucket: String,
    prefix: Option<String>,
    delimiter: Option<String>,
    max_keys: Option<i64>,
    continuation_token: Option<String>,
    start_after: Option<String>,
    encoding_type: Option<String>,
    fetch_owner: Option<bool>,
    expected_bucket_owner: Option<String>,
}

async fn list_objects_v2(
    context: &Context,
    caller: &Caller,
    request: Request,
) -> Result<Value, Error> {
    let objects = &context.objects;
    let owner = request.expected_bucket_owner.as_deref();
    let bucket = objects.bucket_of(caller, &request.bucket, owner).await?;
    let encoding = Encoding::new(request.encoding_type.as_deref())?;
    let limit = limit("maxKeys", request.max_keys)?;
    let after = match &request.continuation_token {
        Some(token) => Some(read_token(token)?),
        None => request.start_after.clone(),
    };
    let page = objects
        .page(&Listing {
            bucket: request.bucket.clone(),
            prefix: request.prefix.clone().unwrap_or_default(),
            delimiter: request.delimiter.clone().unwrap_or_default(),
            after: after.unwrap_or_default(),
            limit,
        })
        .await?;
    let owner = (request.fetch_owner == Some(true)).then(|| canonical_id(&bucket.account));
    let encoded = |text: &Option<String>| text.as_deref().map(|text| encoding.text(text));
    Ok(json!({
        "Name": request.bucket,
        "Prefix": encoding.text(&request.prefix.unwrap_or_default()),
        "Delimiter": encoded(&request.delimiter),
        "StartAfter": encoded(&request.start_after),
        "MaxKeys": limit,
        "KeyCount": page.objects.len() + page.prefixes.len(),
        "IsTruncated": page.next.is_some(),
        "ContinuationToken": request.continuation_token,
        "NextContinuationToken": page.next.map(|last| BASE64.encode(last)),
        "EncodingType": request.encoding_type,
        "Contents": page.objects.iter().map(|object| entry(object, &encoding, owner.as_deref())).collect::<Vec<_>>(),
        "CommonPrefixes": page.prefixes.iter().map(|prefix| json!({"Prefix": encoding.text(prefix)})).collect::<Vec<_>>(),
    }))
}

/// One object of a list.
pub(super) fn entry(object: &Object, encoding: &Encoding, owner: Option<&str>) -> Value {
    let mut entry = json!({
        "Key": encoding.text(&object.key),
        "LastModified": object.last_modified.0 / 1000,
        "ETag": object.quoted_etag(),
        "ChecksumAlgorithm": [object.checksum.algorithm.name()],
        "ChecksumType": object.checksum.kind.name(),
        "Size": object.size,
        "StorageClass": object.attributes.storage_class.as_deref().unwrap_or("STANDARD"),
    });
    if let Some(owner) = owner {
        entry["Owner"] = json!({"ID": owner});
    }
    entry
}

fn read_token(token: &str) -> Result<String, Error> {
    let last = BASE64.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    last.filter(|last| !last.is_empty()).ok_or_else(|| {
        error::invalid_argument(
            "The continuation token provided is incorrect",
            "continuation-token",
            token,
        )
    })
}
