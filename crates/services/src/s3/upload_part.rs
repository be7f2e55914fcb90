//! UploadPart: one part's bytes. A part that comes again replaces the one before.

use std::sync::{Arc, Mutex};

use serde::Deserialize;
use serde_json::json;
use store::{Expect, RecordWrite};

use super::files::Draft;
use super::multipart::{PARTS_MAX, PartRecord};
use super::object::whole_seconds;
use super::payload::Payload;
use super::store::{Change, ObjectStore};
use super::{error, record, refuse, request};
use crate::{Caller, Context, Error, Input, Operation, Output};

pub static OPERATION: Operation = Operation {
    name: "UploadPart",
    call: |context, caller, input| Box::pin(upload_part(context, caller, input)),
};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    bucket: String,
    key: String,
    upload_id: String,
    part_number: i64,
    expected_bucket_owner: Option<String>,
    #[serde(flatten)]
    payload: Payload,
}

async fn upload_part(context: &Context, caller: &Caller, input: Input) -> Result<Output, Error> {
    refuse::refuse(&input.members)?;
    let request: Request = request(input.members)?;
    let objects = &context.objects;
    let owner = request.expected_bucket_owner.as_deref();
    objects.bucket_of(caller, &request.bucket, owner).await?;
    let place = Place {
        number: part_number(request.part_number)?,
        bucket: request.bucket,
        key: request.key,
        upload: request.upload_id,
    };
    let (upload, _) = objects.upload(&place.bucket, &place.key, &place.upload).await?;
    let kept = upload.algorithm();
    let given = request.payload.checksum()?.map(|(algorithm, _)| algorithm);
    if let (Some(expected), Some(given)) = (upload.algorithm, given)
        && expected != given
    {
        return Err(error::invalid_request(format!(
            "Checksum Type mismatch occurred, expected checksum Type: {}, actual checksum Type: {}",
            expected.name().to_ascii_lowercase(),
            given.name().to_ascii_lowercase()
        )));
    }
    // The sender's checksum is verified, the upload's is kept; they are mostly the same.
    let mut algorithms = vec![kept];
    algorithms.extend(given.filter(|given| *given != kept));
    let mut draft = objects.files.draft(context.clock.moment());
    let written = request.payload.write(input.body, &mut draft, &algorithms).await?;
    let part = PartRecord {
        size: written.size,
        etag: hex::encode(written.md5),
        checksum: written.checksums[0].clone(),
        last_modified: whole_seconds(context.clock.moment().now),
        file: draft.id().to_owned(),
    };
    objects.commit_part(place, part.clone(), draft).await?;
    let shown = given.unwrap_or(kept);
    Ok(Output::from(json!({
        "ETag": format!("\"{}\"", part.etag),
        (shown.member()): written.checksums.last(),
        "ServerSideEncryption": upload.attributes.encryption(),
        "SSEKMSKeyId": upload.attributes.ssekms_key_id,
    })))
}

pub(super) fn part_number(number: i64) -> Result<u32, Error> {
    let number = u32::try_from(number).ok().filter(|number| (1..=PARTS_MAX).contains(number));
    number.ok_or_else(|| {
        error::invalid_argument(
            "Part number must be an integer between 1 and 10000, inclusive",
            "partNumber",
            "",
        )
    })
}

/// Where a part belongs.
#[derive(Clone)]
pub(super) struct Place {
    pub bucket: String,
    pub key: String,
    pub upload: String,
    pub number: u32,
}

impl ObjectStore {
    /// Makes a complete file a part, if the upload still lasts.
    pub(super) async fn commit_part(
        self: &Arc<Self>,
        place: Place,
        part: PartRecord,
        draft: Draft,
    ) -> Result<(), Error> {
        let (this, draft) = (Arc::clone(self), Arc::new(Mutex::new(draft)));
        let value = record::encode(&part)?;
        self.commit_within(move || {
            let (this, draft, value) = (Arc::clone(&this), Arc::clone(&draft), value.clone());
            let place = place.clone();
            async move {
                this.upload(&place.bucket, &place.key, &place.upload).await?;
                let key = record::part_key(&place.bucket, &place.upload, place.number);
                let old = this.store.record(record::PARTS, &key).await.map_err(error::of_store)?;
                let expect =
                    old.as_ref().map_or(Expect::Absent, |row| Expect::Version(row.version));
                let files = match old {
                    Some(row) => vec![record::decode::<PartRecord>(&row.value)?.file],
                    None => Vec::new(),
                };
                let write = RecordWrite { table: record::PARTS, key, value: Some(value), expect };
                Ok(Change { records: vec![write], files, draft: Some(draft) })
            }
        })
        .await
    }
}
