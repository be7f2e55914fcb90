//! ListObjectVersions. Buckets keep no versions: every object is its own latest, whose version is `null`, as
//! in a bucket that never was versioned.

use serde::Deserialize;
use serde_json::{Value, json};

use super::list_objects_v2::entry;
use super::listing::{Encoding, Listing, limit};
use super::owner::canonical_id;
use super::{Error, error};
use crate::operation::typed;
use crate::{Caller, Context, Operation};

pub static OPERATION: Operation = Operation {
    name: "ListObjectVersions",
    call: |context, caller, input| Box::pin(typed(context, caller, input, list_object_versions)),
};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    bucket: String,
    prefix: Option<String>,
    delimiter: Option<String>,
    max_keys: Option<i64>,
    key_marker: Option<String>,
    version_id_marker: Option<String>,
    encoding_type: Option<String>,
    expected_bucket_owner: Option<String>,
}

async fn list_object_versions(
    context: &Context,
    caller: &Caller,
    request: Request,
) -> Result<Value, Error> {
    let objects = &context.objects;
    let owner = request.expected_bucket_owner.as_deref();
    let bucket = objects.bucket_of(caller, &request.bucket, owner).await?;
    let encoding = Encoding::new(request.encoding_type.as_deref())?;
    let limit = limit("maxKeys", request.max_keys)?;
    if let (None, Some(version)) = (&request.key_marker, &request.version_id_marker) {
        return Err(error::invalid_argument(
            "A version-id marker cannot be specified without a key marker.",
            "version-id-marker",
            version,
        ));
    }
    let page = objects
        .page(&Listing {
            bucket: request.bucket.clone(),
            prefix: request.prefix.clone().unwrap_or_default(),
            delimiter: request.delimiter.clone().unwrap_or_default(),
            after: request.key_marker.clone().unwrap_or_default(),
            limit,
        })
        .await?;
    let owner = canonical_id(&bucket.account);
    let versions = page.objects.iter().map(|object| {
        let mut version = entry(object, &encoding, Some(&owner));
        version["VersionId"] = "null".into();
        version["IsLatest"] = true.into();
        version
    });
    // A common prefix has no version.
    let next_version = page.next.as_ref().filter(|next| page.prefixes.last() != Some(next));
    Ok(json!({
        "Name": request.bucket,
        "Prefix": encoding.text(&request.prefix.unwrap_or_default()),
        "Delimiter": request.delimiter.map(|text| encoding.text(&text)),
        "KeyMarker": encoding.text(&request.key_marker.unwrap_or_default()),
        "VersionIdMarker": request.version_id_marker.unwrap_or_default(),
        "NextVersionIdMarker": next_version.map(|_| "null"),
        "NextKeyMarker": page.next.as_ref().map(|text| encoding.text(text)),
        "MaxKeys": limit,
        "IsTruncated": page.next.is_some(),
        "EncodingType": request.encoding_type,
        "Versions": versions.collect::<Vec<_>>(),
        "CommonPrefixes": page.prefixes.iter().map(|prefix| json!({"Prefix": encoding.text(prefix)})).collect::<Vec<_>>(),
    }))
}
