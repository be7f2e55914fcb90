//! UploadPartCopy: a part whose bytes are another object's.

use serde::Deserialize;
use serde_json::json;

use super::condition::CopyCondition;
use super::copy_object::parse_source;
use super::get_object::stream;
use super::multipart::PartRecord;
use super::object::whole_seconds;
use super::payload::UPLOAD_BYTES_MAX;
use super::read::parse_range;
use super::upload_part::{Place, part_number};
use super::{error, refuse, request};
use crate::{Caller, Context, Error, Input, Operation, Output};

pub static OPERATION: Operation = Operation {
    name: "UploadPartCopy",
    call: |context, caller, input| Box::pin(upload_part_copy(context, caller, input)),
};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    bucket: String,
    key: String,
    upload_id: String,
    part_number: i64,
    copy_source: String,
    copy_source_range: Option<String>,
    expected_bucket_owner: Option<String>,
    expected_source_bucket_owner: Option<String>,
    #[serde(flatten)]
    condition: CopyCondition,
}

async fn upload_part_copy(
    context: &Context,
    caller: &Caller,
    input: Input,
) -> Result<Output, Error> {
    refuse::refuse(&input.members)?;
    let request: Request = request(input.members)?;
    let objects = &context.objects;
    let owner = request.expected_bucket_owner.as_deref();
    objects.bucket_of(caller, &request.bucket, owner).await?;
    let (source_bucket, source_key) = parse_source(&request.copy_source)?;
    let owner = request.expected_source_bucket_owner.as_deref();
    objects.bucket_of(caller, &source_bucket, owner).await?;
    let place = Place {
        number: part_number(request.part_number)?,
        bucket: request.bucket,
        key: request.key,
        upload: request.upload_id,
    };
    let (upload, _) = objects.upload(&place.bucket, &place.key, &place.upload).await?;

    let (source, file) = objects.open_object(caller, &source_bucket, &source_key).await?;
    request.condition.check(&source)?;
    let range = match &request.copy_source_range {
        None => 0..source.size,
        Some(text) => parse_range(text, source.size)?.ok_or_else(|| {
            error::invalid_argument(
                "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy",
                "x-amz-copy-source-range",
                text,
            )
        })?,
    };
    if range.end - range.start > UPLOAD_BYTES_MAX {
        return Err(error::invalid_request(format!(
            "The specified copy source is larger than the maximum allowable size for a copy source: {UPLOAD_BYTES_MAX}"
        )));
    }
    let body = stream(tokio::fs::File::from_std(file), range).await;
    let body = body.map_err(|error| objects.files.error(error))?;
    let algorithm = upload.algorithm();
    let mut draft = objects.files.draft(context.clock.moment());
    let written = draft.fill(body, &[algorithm]).await?;
    let part = PartRecord {
        size: written.size,
        etag: hex::encode(written.md5),
        checksum: written.checksums.concat(),
        last_modified: whole_seconds(context.clock.moment().now),
        file: draft.id().to_owned(),
    };
    objects.commit_part(place, part.clone(), draft).await?;
    Ok(Output::from(json!({"CopyPartResult": {
        "ETag": format!("\"{}\"", part.etag),
        "LastModified": part.last_modified.0 / 1000,
        (algorithm.member()): part.checksum,
    }})))
}
