//! ListMultipartUploads: what was begun and neither completed nor aborted.

use serde::Deserialize;
use serde_json::{Value, json};
use store::Scan;

use super::checksum::Algorithm;
use super::listing::{Encoding, common_prefix, limit};
use super::multipart::Upload;
use super::owner::canonical_id;
use super::{Error, error, record};
use crate::operation::typed;
use crate::{Caller, Context, Operation};

pub static OPERATION: Operation = Operation {
    name: "ListMultipartUploads",
    call: |context, caller, input| Box::pin(typed(context, caller, input, list_multipart_uploads)),
};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    bucket: String,
    prefix: Option<String>,
    delimiter: Option<String>,
    key_marker: Option<String>,
    upload_id_marker: Option<String>,
    max_uploads: Option<i64>,
    encoding_type: Option<String>,
    expected_bucket_owner: Option<String>,
}

async fn list_multipart_uploads(
    context: &Context,
    caller: &Caller,
    request: Request,
) -> Result<Value, Error> {
    let objects = &context.objects;
    let owner = request.expected_bucket_owner.as_deref();
    let bucket = objects.bucket_of(caller, &request.bucket, owner).await?;
    let encoding = Encoding::new(request.encoding_type.as_deref())?;
    let limit = limit("max-uploads", request.max_uploads)?;

    // Uploads are few and short-lived: all of the bucket's are read and put in the order of their keys.
    let scan = Scan::prefix(record::key(&request.bucket, ""), 100_000);
    let rows = objects.store.records(record::UPLOADS, scan).await.map_err(error::of_store)?;
    let mut uploads: Vec<(Upload, String)> = Vec::new();
    for row in rows {
        uploads.push((record::decode(&row.value)?, row.key[request.bucket.len() + 1..].to_owned()));
    }
    uploads.sort_by(|(one, one_id), (other, other_id)| {
        (&one.key, one.initiated, one_id).cmp(&(&other.key, other.initiated, other_id))
    });

    let prefix = request.prefix.clone().unwrap_or_default();
    let delimiter = request.delimiter.clone().unwrap_or_default();
    let marker = request.key_marker.clone().unwrap_or_default();
    let upload_marker = request.upload_id_marker.as_deref().filter(|_| !marker.is_empty());
    let owner = json!({"ID": canonical_id(&bucket.account)});
    let (mut shown, mut prefixes): (Vec<Value>, Vec<String>) = (Vec::new(), Vec::new());
    let mut next: Option<(String, String)> = None;
    let mut truncated = false;
    // Behind the marker's upload, if it names one of the marker's key.
    let mut passed = upload_marker.is_none();
    for (upload, id) in &uploads {
        let key = upload.key.as_str();
        if key < marker.as_str() || !key.starts_with(&prefix) {
            continue;
        }
        if key == marker && !marker.is_empty() && (!passed || upload_marker.is_none()) {
            passed |= upload_marker == Some(id);
            continue;
        }
        let common = common_prefix(key, &prefix, &delimiter);
        if common.is_some_and(|one| {
            prefixes.last().is_some_and(|last| last == one) || marker.starts_with(one)
        }) {
            continue;
        }
        if shown.len() + prefixes.len() == limit {
            truncated = limit > 0;
            break;
        }
        match common {
            Some(common) => {
                next = Some((common.to_owned(), String::new()));
                prefixes.push(common.to_owned());
            }
            None => {
                next = Some((key.to_owned(), id.clone()));
                shown.push(json!({
                    "Key": encoding.text(key),
                    "UploadId": id,
                    "Initiated": upload.initiated.0 / 1000,
                    "StorageClass": upload.attributes.storage_class.as_deref().unwrap_or("STANDARD"),
                    "Owner": owner,
                    "Initiator": owner,
                    "ChecksumAlgorithm": upload.algorithm.map(Algorithm::name),
                    "ChecksumType": upload.algorithm.map(|_| upload.kind.name()),
                }));
            }
        }
    }
    let next = next.filter(|_| truncated);
    Ok(json!({
        "Bucket": request.bucket,
        "Prefix": encoding.text(&prefix),
        "Delimiter": request.delimiter.map(|text| encoding.text(&text)),
        "KeyMarker": encoding.text(&marker),
        "UploadIdMarker": request.upload_id_marker.unwrap_or_default(),
        "NextKeyMarker": next.as_ref().map(|(key, _)| encoding.text(key)),
        "NextUploadIdMarker": next.map(|(_, id)| id),
        "MaxUploads": limit,
        "IsTruncated": truncated,
        "EncodingType": request.encoding_type,
        "Uploads": shown,
        "CommonPrefixes": prefixes.iter().map(|one| json!({"Prefix": encoding.text(one)})).collect::<Vec<_>>(),
    }))
}
