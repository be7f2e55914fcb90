//! GetObjectAttributes: only what is asked for, of what is kept.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::listing::limit;
use super::object::Object;
use super::{Error, error, read};
use crate::operation::typed;
use crate::{Caller, Context, Operation};

pub static OPERATION: Operation = Operation {
    name: "GetObjectAttributes",
    call: |context, caller, input| Box::pin(typed(context, caller, input, get_object_attributes)),
};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    bucket: String,
    key: String,
    version_id: Option<String>,
    expected_bucket_owner: Option<String>,
    object_attributes: Vec<String>,
    max_parts: Option<i64>,
    part_number_marker: Option<Value>,
}

async fn get_object_attributes(
    context: &Context,
    caller: &Caller,
    request: Request,
) -> Result<Map<String, Value>, Error> {
    let owner = request.expected_bucket_owner.as_deref();
    context.objects.bucket_of(caller, &request.bucket, owner).await?;
    read::check_version(&request.key, request.version_id.as_deref())?;
    let found = context.objects.versioned(&request.bucket, &request.key).await?;
    let (object, _) = found.ok_or_else(|| error::no_such_key(&request.key))?;
    let limit = limit("max-parts", request.max_parts)?;
    let marker = match &request.part_number_marker {
        Some(Value::String(digits)) => digits.parse().unwrap_or_default(),
        Some(number) => number.as_u64().unwrap_or_default(),
        None => 0,
    };
    let mut members = Map::new();
    members.insert("LastModified".into(), (object.last_modified.0 / 1000).into());
    // On the wire they are one header, which may arrive as one text.
    let attributes = request.object_attributes.iter().flat_map(|text| text.split(','));
    for attribute in attributes.map(str::trim) {
        let value = match attribute {
            "ETag" => json!(object.etag),
            "Checksum" => json!({
                (object.checksum.algorithm.member()): object.checksum.value,
                "ChecksumType": object.checksum.kind.name(),
            }),
            "ObjectParts" if object.parts.is_empty() => continue,
            "ObjectParts" => parts(&object, marker, limit),
            "StorageClass" => {
                json!(object.attributes.storage_class.as_deref().unwrap_or("STANDARD"))
            }
            "ObjectSize" => json!(object.size),
            other => {
                return Err(error::invalid_argument(
                    "Invalid attribute name specified.",
                    "x-amz-object-attributes",
                    other,
                ));
            }
        };
        members.insert(attribute.to_owned(), value);
    }
    Ok(members)
}

fn parts(object: &Object, marker: u64, limit: usize) -> Value {
    let mut parts: Vec<_> =
        object.parts.iter().filter(|part| u64::from(part.number) > marker).collect();
    let truncated = parts.len() > limit;
    parts.truncate(limit);
    // S3 lists the parts only where they have checksums of their own.
    let listed = parts.iter().filter(|part| part.checksum.is_some()).map(|part| {
        json!({
            "PartNumber": part.number,
            "Size": part.size,
            (object.checksum.algorithm.member()): part.checksum,
        })
    });
    json!({
        "TotalPartsCount": object.parts.len(),
        "PartNumberMarker": marker.to_string(),
        "NextPartNumberMarker": parts.last().map(|part| part.number.to_string()),
        "MaxParts": limit,
        "IsTruncated": truncated,
        "Parts": listed.collect::<Vec<_>>(),
    })
}
