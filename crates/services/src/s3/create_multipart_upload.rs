//! CreateMultipartUpload: begins an object that comes in parts.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::json;
use store::{Expect, RecordWrite};

use super::checksum::{Algorithm, Kind};
use super::multipart::Upload;
use super::object::{Attributes, whole_seconds};
use super::payload::parse_algorithm;
use super::store::Change;
use super::{error, names, record, refuse, request, tags};
use crate::{Caller, Context, Error, Input, Operation, Output};

pub static OPERATION: Operation = Operation {
    name: "CreateMultipartUpload",
    call: |context, caller, input| Box::pin(create_multipart_upload(context, caller, input)),
};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    bucket: String,
    key: String,
    expected_bucket_owner: Option<String>,
    tagging: Option<String>,
    checksum_algorithm: Option<String>,
    checksum_type: Option<String>,
    #[serde(flatten)]
    attributes: Attributes,
}

async fn create_multipart_upload(
    context: &Context,
    caller: &Caller,
    input: Input,
) -> Result<Output, Error> {
    refuse::refuse(&input.members)?;
    let mut request: Request = request(input.members)?;
    names::check_key(&request.key)?;
    if let Some(tagging) = &request.tagging {
        request.attributes.tag_set = tags::parse(tagging)?;
    }
    let algorithm = request.checksum_algorithm.as_deref().map(parse_algorithm).transpose()?;
    let kind = kind(algorithm, request.checksum_type.as_deref())?;
    let owner = request.expected_bucket_owner.as_deref();
    context.objects.bucket_of(caller, &request.bucket, owner).await?;

    let moment = context.clock.moment();
    let mut dice = moment.dice("s3 upload");
    let id: String = (0..4).map(|_| format!("{:016x}", dice.next_u64())).collect();
    let upload = Upload {
        key: request.key.clone(),
        initiated: whole_seconds(moment.now),
        attributes: request.attributes.checked()?,
        algorithm,
        kind,
    };
    let write = RecordWrite {
        table: record::UPLOADS,
        key: record::key(&request.bucket, &id),
        value: Some(record::encode(&upload)?),
        expect: Expect::Absent,
    };
    let (objects, bucket) = (Arc::clone(&context.objects), request.bucket.clone());
    context
        .objects
        .commit_within(move || {
            let (objects, bucket, write) = (Arc::clone(&objects), bucket.clone(), write.clone());
            async move {
                match objects.any_bucket(&bucket).await? {
                    Some(_) => Ok(Change { records: vec![write], ..Change::default() }),
                    None => Err(error::no_such_bucket(&bucket)),
                }
            }
        })
        .await?;
    Ok(Output::from(json!({
        "Bucket": request.bucket,
        "Key": request.key,
        "UploadId": id,
        "ChecksumAlgorithm": algorithm.map(Algorithm::name),
        "ChecksumType": algorithm.map(|_| kind.name()),
        "ServerSideEncryption": upload.attributes.encryption(),
        "SSEKMSKeyId": upload.attributes.ssekms_key_id,
    })))
}

/// Of what the object's checksum will be.
fn kind(algorithm: Option<Algorithm>, asked: Option<&str>) -> Result<Kind, Error> {
    let Some(algorithm) = algorithm else { return Ok(Kind::FullObject) };
    let sha = matches!(algorithm, Algorithm::Sha1 | Algorithm::Sha256);
    match asked {
        None => Ok(algorithm.multipart_kind()),
        Some("FULL_OBJECT") if !sha => Ok(Kind::FullObject),
        Some("COMPOSITE") if algorithm != Algorithm::Crc64nvme => Ok(Kind::Composite),
        Some(kind @ ("FULL_OBJECT" | "COMPOSITE")) => Err(error::invalid_request(format!(
            "The {kind} checksum type cannot be used with the {} checksum algorithm.",
            algorithm.name().to_ascii_lowercase()
        ))),
        Some(_) => Err(error::invalid_request("Value for x-amz-checksum-type header is invalid.")),
    }
}
