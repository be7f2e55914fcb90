//! ListParts: what has arrived of an upload.

use serde::Deserialize;
use serde_json::{Value, json};

use super::Error;
use super::checksum::Algorithm;
use super::listing::limit;
use super::owner::canonical_id;
use crate::operation::typed;
use crate::{Caller, Context, Operation};

pub static OPERATION: Operation = Operation {
    name: "ListParts",
    call: |context, caller, input| Box::pin(typed(context, caller, input, list_parts)),
};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    bucket: String,
    key: String,
    upload_id: String,
    max_parts: Option<i64>,
    part_number_marker: Option<Value>,
    expected_bucket_owner: Option<String>,
}

async fn list_parts(context: &Context, caller: &Caller, request: Request) -> Result<Value, Error> {
    let objects = &context.objects;
    let owner = request.expected_bucket_owner.as_deref();
    let bucket = objects.bucket_of(caller, &request.bucket, owner).await?;
    let (upload, _) = objects.upload(&request.bucket, &request.key, &request.upload_id).await?;
    let limit = limit("max-parts", request.max_parts)?;
    let marker = match &request.part_number_marker {
        Some(Value::String(digits)) => digits.parse().unwrap_or_default(),
        Some(number) => number.as_u64().unwrap_or_default(),
        None => 0,
    };
    let mut parts = objects.parts(&request.bucket, &request.upload_id).await?;
    parts.retain(|part| u64::from(part.number) > marker);
    let truncated = parts.len() > limit;
    parts.truncate(limit);
    let owner = json!({"ID": canonical_id(&bucket.account)});
    Ok(json!({
        "Bucket": request.bucket,
        "Key": request.key,
        "UploadId": request.upload_id,
        "PartNumberMarker": marker.to_string(),
        "NextPartNumberMarker": parts.last().map(|part| part.number.to_string()),
        "MaxParts": limit,
        "IsTruncated": truncated,
        "Initiator": owner,
        "Owner": owner,
        "StorageClass": upload.attributes.storage_class.as_deref().unwrap_or("STANDARD"),
        "ChecksumAlgorithm": upload.algorithm.map(Algorithm::name),
        "ChecksumType": upload.algorithm.map(|_| upload.kind.name()),
        "Parts": parts.iter().map(|part| json!({
            "PartNumber": part.number,
            "LastModified": part.record.last_modified.0 / 1000,
            "ETag": format!("\"{}\"", part.record.etag),
            "Size": part.record.size,
            (upload.algorithm().member()): upload.algorithm.map(|_| &part.record.checksum),
        })).collect::<Vec<_>>(),
    }))
}
