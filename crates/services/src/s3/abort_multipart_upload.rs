//! AbortMultipartUpload: the upload and its parts are gone.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::store::{Change, Consumed};
use super::{Error, record};
use crate::operation::typed;
use crate::{Caller, Context, Operation};

pub static OPERATION: Operation = Operation {
    name: "AbortMultipartUpload",
    call: |context, caller, input| Box::pin(typed(context, caller, input, abort_multipart_upload)),
};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    bucket: String,
    key: String,
    upload_id: String,
    expected_bucket_owner: Option<String>,
}

async fn abort_multipart_upload(
    context: &Context,
    caller: &Caller,
    request: Request,
) -> Result<Map<String, Value>, Error> {
    let owner = request.expected_bucket_owner.as_deref();
    context.objects.bucket_of(caller, &request.bucket, owner).await?;
    let (objects, request) = (Arc::clone(&context.objects), Arc::new(request));
    context
        .objects
        .commit_alone(move || {
            let (objects, request) = (Arc::clone(&objects), Arc::clone(&request));
            async move {
                let Request { bucket, key, upload_id, .. } = &*request;
                let (_, version) = objects.upload(bucket, key, upload_id).await?;
                let upload = Consumed {
                    table: record::UPLOADS,
                    key: record::key(bucket, upload_id),
                    version,
                    file: None,
                };
                let mut change = Change { records: vec![upload.removal()], ..Change::default() };
                for part in objects.parts(bucket, upload_id).await? {
                    let part = Consumed {
                        table: record::PARTS,
                        key: record::part_key(bucket, upload_id, part.number),
                        version: part.version,
                        file: Some(part.record.file),
                    };
                    change.records.push(part.removal());
                    change.files.extend(part.file);
                }
                Ok(change)
            }
        })
        .await?;
    Ok(Map::new())
}
