//! ListObjects, the first version: pages by marker.

use serde::Deserialize;
use serde_json::{Value, json};

use super::Error;
use super::list_objects_v2::entry;
use super::listing::{Encoding, Listing, limit};
use super::owner::canonical_id;
use crate::operation::typed;
use crate::{Caller, Context, Operation};

pub static OPERATION: Operation = Operation {
    name: "ListObjects",
    call: |context, caller, input| Box::pin(typed(context, caller, input, list_objects)),
};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    bucket: String,
    prefix: Option<String>,
    delimiter: Option<String>,
    max_keys: Option<i64>,
    marker: Option<String>,
    encoding_type: Option<String>,
    expected_bucket_owner: Option<String>,
}

async fn list_objects(
    context: &Context,
    caller: &Caller,
    request: Request,
) -> Result<Value, Error> {
    let objects = &context.objects;
    let owner = request.expected_bucket_owner.as_deref();
    let bucket = objects.bucket_of(caller, &request.bucket, owner).await?;
    let encoding = Encoding::new(request.encoding_type.as_deref())?;
    let limit = limit("maxKeys", request.max_keys)?;
    let page = objects
        .page(&Listing {
            bucket: request.bucket.clone(),
            prefix: request.prefix.clone().unwrap_or_default(),
            delimiter: request.delimiter.clone().unwrap_or_default(),
            after: request.marker.clone().unwrap_or_default(),
            limit,
        })
        .await?;
    let owner = canonical_id(&bucket.account);
    let truncated = page.next.is_some();
    // Without a delimiter the last key of the page is the marker, and S3 does not repeat it.
    let next = page.next.filter(|_| request.delimiter.is_some());
    Ok(json!({
        "Name": request.bucket,
        "Prefix": encoding.text(&request.prefix.unwrap_or_default()),
        "Delimiter": request.delimiter.map(|text| encoding.text(&text)),
        "Marker": encoding.text(&request.marker.unwrap_or_default()),
        "NextMarker": next.map(|text| encoding.text(&text)),
        "MaxKeys": limit,
        "IsTruncated": truncated,
        "EncodingType": request.encoding_type,
        "Contents": page.objects.iter().map(|object| entry(object, &encoding, Some(&owner))).collect::<Vec<_>>(),
        "CommonPrefixes": page.prefixes.iter().map(|prefix| json!({"Prefix": encoding.text(prefix)})).collect::<Vec<_>>(),
    }))
}
