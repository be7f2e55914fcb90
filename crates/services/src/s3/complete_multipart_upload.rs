//! CompleteMultipartUpload: the parts become one object, in one file.

use md5::{Digest as _, Md5};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::checksum::{Checksum, Hasher, Kind};
use super::condition::WriteCondition;
use super::multipart::{PART_BYTES_MIN, Part, Upload};
use super::object::{Object, ObjectPart, whole_seconds};
use super::payload::Checksums;
use super::store::{Consumed, NewObject};
use super::{Error, error, record};
use crate::operation::typed;
use crate::{Caller, Context, Operation};

pub static OPERATION: Operation = Operation {
    name: "CompleteMultipartUpload",
    call: |context, caller, input| {
        Box::pin(typed(context, caller, input, complete_multipart_upload))
    },
};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    bucket: String,
    key: String,
    upload_id: String,
    multipart_upload: Option<Parts>,
    expected_bucket_owner: Option<String>,
    mpu_object_size: Option<u64>,
    checksum_type: Option<String>,
    #[serde(flatten)]
    checksums: Checksums,
    #[serde(flatten)]
    condition: WriteCondition,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Parts {
    parts: Vec<Listed>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    part_number: u32,
    #[serde(rename = "ETag")]
    etag: Option<String>,
    #[serde(flatten)]
    checksums: Checksums,
}

async fn complete_multipart_upload(
    context: &Context,
    caller: &Caller,
    request: Request,
) -> Result<Value, Error> {
    let objects = &context.objects;
    let owner = request.expected_bucket_owner.as_deref();
    let bucket = objects.bucket_of(caller, &request.bucket, owner).await?;
    let (upload, version) =
        match objects.upload(&request.bucket, &request.key, &request.upload_id).await {
            Ok(found) => found,
            // A completion whose answer got lost is sent again: it gets the same answer.
            Err(error) => {
                let found = objects.versioned(&request.bucket, &request.key).await?;
                return match found {
                    Some((object, _)) if object.upload.as_ref() == Some(&request.upload_id) => {
                        Ok(answer(&bucket.name, &bucket.region, &object))
                    }
                    _ => Err(error),
                };
            }
        };
    let existing = objects.versioned(&request.bucket, &request.key).await?;
    request.condition.check(&request.key, existing.as_ref().map(|(object, _)| object))?;
    if let Some(kind) = &request.checksum_type
        && upload.algorithm.is_some()
        && kind != upload.kind.name()
    {
        return Err(error::invalid_request(format!(
            "The upload was created using the {} checksum mode. The complete request must use the same checksum mode.",
            upload.kind.name()
        )));
    }

    let stored = objects.parts(&request.bucket, &request.upload_id).await?;
    let listed = request.multipart_upload.unwrap_or_default().parts;
    let chosen = choose(&upload, &request.upload_id, &listed, &stored)?;
    let size = chosen.iter().map(|part| part.record.size).sum();
    if let Some(expected) = request.mpu_object_size.filter(|expected| *expected != size) {
        return Err(error::invalid_request(format!(
            "The provided 'x-amz-mp-object-size' header value {expected} does not match what was computed: {size}"
        )));
    }
    let checksum = checksum(&upload, &chosen)?;
    if let Some((algorithm, given)) = request.checksums.given()?
        && algorithm == checksum.algorithm
        && given != checksum.value
        // Composite values are often given without the number of parts.
        && checksum.value.split('-').next() != Some(given)
    {
        return Err(error::bad_checksum(algorithm.name()));
    }

    let mut draft = objects.files.draft(context.clock.moment());
    let files: Vec<_> = chosen.iter().map(|part| objects.files.path(&part.record.file)).collect();
    match &files[..] {
        [one] => draft.adopt(one.clone()).await,
        _ => draft.concatenate(files.clone()).await,
    }
    .map_err(|error| {
        // A part that was uploaded anew meanwhile is not the part that was asked for.
        if files.iter().all(|file| file.exists()) { error } else { invalid_part(None) }
    })?;
    let object = Object {
        key: request.key.clone(),
        size,
        etag: etag(&chosen),
        last_modified: whole_seconds(context.clock.moment().now),
        attributes: upload.attributes.clone(),
        checksum,
        parts: chosen
            .iter()
            .map(|part| ObjectPart {
                number: part.number,
                size: part.record.size,
                checksum: upload.algorithm.map(|_| part.record.checksum.clone()),
            })
            .collect(),
        upload: Some(request.upload_id.clone()),
        file: draft.id().to_owned(),
    };
    let mut consumes = vec![Consumed {
        table: record::UPLOADS,
        key: record::key(&request.bucket, &request.upload_id),
        version,
        file: None,
    }];
    consumes.extend(stored.iter().map(|part| Consumed {
        table: record::PARTS,
        key: record::part_key(&request.bucket, &request.upload_id, part.number),
        version: part.version,
        file: Some(part.record.file.clone()),
    }));
    let condition = request.condition;
    let new = NewObject { bucket: request.bucket, object, draft, condition, consumes };
    let object = objects.commit_object(new).await?;
    Ok(answer(&bucket.name, &bucket.region, &object))
}

fn answer(bucket: &str, region: &str, object: &Object) -> Value {
    let key = utf8_percent_encode(&object.key, NON_ALPHANUMERIC);
    json!({
        "Location": format!("https://{bucket}.s3.{region}.amazonaws.com/{key}"),
        "Bucket": bucket,
        "Key": object.key,
        "ETag": object.quoted_etag(),
        (object.checksum.algorithm.member()): object.checksum.value,
        "ChecksumType": object.checksum.kind.name(),
        "ServerSideEncryption": object.attributes.encryption(),
        "SSEKMSKeyId": object.attributes.ssekms_key_id,
    })
}

/// The stored parts that the request lists, in its order.
fn choose<'a>(
    upload: &Upload,
    id: &str,
    listed: &[Listed],
    stored: &'a [Part],
) -> Result<Vec<&'a Part>, Error> {
    if listed.is_empty() {
        return Err(error::malformed_xml());
    }
    if !listed.is_sorted_by(|one, next| one.part_number < next.part_number) {
        return Err(Error::new(
            "InvalidPartOrder",
            "The list of parts was not in ascending order. Parts must be ordered by part number.",
        )
        .with("UploadId", id));
    }
    let mut chosen = Vec::with_capacity(listed.len());
    for want in listed {
        let found = stored.binary_search_by_key(&want.part_number, |part| part.number);
        let part = found.ok().map(|index| &stored[index]);
        let etag = want.etag.as_deref().map(|etag| etag.trim_matches('"'));
        let part = part.filter(|part| etag.is_none_or(|etag| etag == part.record.etag));
        let sum = want.checksums.given()?.filter(|(kind, _)| *kind == upload.algorithm());
        let part = part.filter(|part| sum.is_none_or(|(_, value)| value == part.record.checksum));
        let part = part.ok_or_else(|| {
            let error = invalid_part(Some(want.part_number)).with("UploadId", id);
            error.with("ETag", etag.unwrap_or_default())
        })?;
        chosen.push(part);
    }
    let last = chosen.len() - 1;
    if let Some(small) = chosen[..last].iter().find(|part| part.record.size < PART_BYTES_MIN) {
        return Err(Error::new(
            "EntityTooSmall",
            "Your proposed upload is smaller than the minimum allowed size",
        )
        .with("ProposedSize", small.record.size.to_string())
        .with("MinSizeAllowed", PART_BYTES_MIN.to_string())
        .with("PartNumber", small.number.to_string())
        .with("ETag", small.record.etag.as_str()));
    }
    Ok(chosen)
}

fn invalid_part(number: Option<u32>) -> Error {
    let error = Error::new(
        "InvalidPart",
        "One or more of the specified parts could not be found.  The part may not have been uploaded, or the specified entity tag may not match the part's entity tag.",
    );
    match number {
        Some(number) => error.with("PartNumber", number.to_string()),
        None => error,
    }
}

/// The MD5 of the parts' MD5s, and their number.
fn etag(parts: &[&Part]) -> String {
    let mut md5 = Md5::new();
    for part in parts {
        // A part's ETag is hex that we wrote.
        md5.update(hex::decode(&part.record.etag).unwrap_or_default());
    }
    format!("{}-{}", hex::encode(md5.finalize()), parts.len())
}

fn checksum(upload: &Upload, parts: &[&Part]) -> Result<Checksum, Error> {
    let algorithm = upload.algorithm();
    let broken = || error::internal("a part's checksum cannot be read");
    let value = match upload.kind {
        Kind::FullObject => {
            let parts = parts.iter().map(|part| (&part.record.checksum[..], part.record.size));
            algorithm.of_parts(parts).ok_or_else(broken)?
        }
        Kind::Composite => {
            let mut hasher = Hasher::new(algorithm);
            for part in parts {
                hasher.update(&algorithm.decode(&part.record.checksum).ok_or_else(broken)?);
            }
            format!("{}-{}", hasher.finish(), parts.len())
        }
    };
    Ok(Checksum { algorithm, value, kind: upload.kind })
}
