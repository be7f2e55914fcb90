//! PutObject: bytes and what is said of them become an object, at once and for good.

use serde::Deserialize;
use serde_json::json;

use super::checksum::{Algorithm, Checksum, Kind};
use super::condition::WriteCondition;
use super::object::{Attributes, Object, whole_seconds};
use super::payload::Payload;
use super::refuse::refuse;
use super::store::NewObject;
use super::{names, request, tags};
use crate::{Caller, Context, Error, Input, Operation, Output};

pub static OPERATION: Operation = Operation {
    name: "PutObject",
    call: |context, caller, input| Box::pin(put_object(context, caller, input)),
};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    bucket: String,
    key: String,
    expected_bucket_owner: Option<String>,
    tagging: Option<String>,
    #[serde(flatten)]
    attributes: Attributes,
    #[serde(flatten)]
    payload: Payload,
    #[serde(flatten)]
    condition: WriteCondition,
}

async fn put_object(context: &Context, caller: &Caller, input: Input) -> Result<Output, Error> {
    refuse(&input.members)?;
    let mut request: Request = request(input.members)?;
    let objects = &context.objects;
    names::check_key(&request.key)?;
    if let Some(tagging) = &request.tagging {
        request.attributes.tag_set = tags::parse(tagging)?;
    }
    let attributes = request.attributes.checked()?;
    objects.bucket_of(caller, &request.bucket, request.expected_bucket_owner.as_deref()).await?;
    // Known before the bytes come, so that a large upload is not made in vain.
    let existing = objects.versioned(&request.bucket, &request.key).await?;
    request.condition.check(&request.key, existing.as_ref().map(|(object, _)| object))?;

    let algorithm = request.payload.checksum()?.map_or(Algorithm::Crc64nvme, |(kind, _)| kind);
    let mut draft = objects.files.draft(context.clock.moment());
    let written = request.payload.write(input.body, &mut draft, &[algorithm]).await?;
    let object = Object {
        key: request.key,
        size: written.size,
        etag: hex::encode(written.md5),
        last_modified: whole_seconds(context.clock.moment().now),
        attributes,
        checksum: Checksum {
            algorithm,
            value: written.checksums.into_iter().next().unwrap_or_default(),
            kind: Kind::FullObject,
        },
        parts: Vec::new(),
        upload: None,
        file: draft.id().to_owned(),
    };
    let new = NewObject {
        bucket: request.bucket,
        object,
        draft,
        condition: request.condition,
        consumes: Vec::new(),
    };
    let object = objects.commit_object(new).await?;
    Ok(Output::from(json!({
        "ETag": object.quoted_etag(),
        (object.checksum.algorithm.member()): object.checksum.value,
        "ChecksumType": object.checksum.kind.name(),
        "ServerSideEncryption": object.attributes.encryption(),
        "SSEKMSKeyId": object.attributes.ssekms_key_id,
    })))
}
