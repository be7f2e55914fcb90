//! CopyObject: an object becomes another, without its bytes passing through anybody.

use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::{Value, json};

use super::checksum::{Algorithm, Checksum, Kind};
use super::condition::{CopyCondition, WriteCondition};
use super::local::digest;
use super::object::{Attributes, Object, whole_seconds};
use super::payload::{UPLOAD_BYTES_MAX, parse_algorithm};
use super::store::NewObject;
use super::{Error, error, names, read, refuse, request, tags};
use crate::{Caller, Context, Input, Operation, Output};

pub static OPERATION: Operation = Operation {
    name: "CopyObject",
    call: |context, caller, input| Box::pin(copy_object(context, caller, input)),
};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    bucket: String,
    key: String,
    copy_source: String,
    expected_bucket_owner: Option<String>,
    expected_source_bucket_owner: Option<String>,
    metadata_directive: Option<String>,
    tagging_directive: Option<String>,
    tagging: Option<String>,
    checksum_algorithm: Option<String>,
    #[serde(flatten)]
    attributes: Attributes,
    #[serde(flatten)]
    source_condition: CopyCondition,
    #[serde(flatten)]
    condition: WriteCondition,
}

async fn copy_object(context: &Context, caller: &Caller, input: Input) -> Result<Output, Error> {
    refuse::refuse(&input.members)?;
    let request: Request = request(input.members)?;
    let objects = &context.objects;
    names::check_key(&request.key)?;
    objects.bucket_of(caller, &request.bucket, request.expected_bucket_owner.as_deref()).await?;
    let (source_bucket, source_key) = parse_source(&request.copy_source)?;
    let expected_owner = request.expected_source_bucket_owner.as_deref();
    objects.bucket_of(caller, &source_bucket, expected_owner).await?;

    let replaces_metadata = directive("MetadataDirective", request.metadata_directive.as_deref())?;
    let replaces_tags = directive("TaggingDirective", request.tagging_directive.as_deref())?;
    let given = request.attributes.checked()?;
    let changes = replaces_metadata
        || given.storage_class.is_some()
        || given.website_redirect_location.is_some()
        || given.server_side_encryption.is_some();
    if (&source_bucket, &source_key) == (&request.bucket, &request.key) && !changes {
        return Err(error::invalid_request(
            "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.",
        ));
    }

    let mut draft = objects.files.draft(context.clock.moment());
    let mut missed = None;
    let source = loop {
        let found = objects.versioned(&source_bucket, &source_key).await?;
        let (source, _) = found.ok_or_else(|| error::no_such_key(&source_key))?;
        request.source_condition.check(&source)?;
        if source.size > UPLOAD_BYTES_MAX {
            return Err(error::invalid_request(format!(
                "The specified copy source is larger than the maximum allowable size for a copy source: {UPLOAD_BYTES_MAX}"
            )));
        }
        let path = objects.files.path(&source.file);
        match draft.adopt(path.clone()).await {
            Ok(()) => break source,
            // Overwritten since its record was read.
            Err(_) if !path.exists() && missed.as_ref() != Some(&source.file) => {
                missed = Some(source.file);
            }
            Err(error) => return Err(error),
        }
    };

    let mut attributes = if replaces_metadata {
        Attributes { tag_set: source.attributes.tag_set, ..given }
    } else {
        Attributes {
            storage_class: given.storage_class,
            website_redirect_location: given.website_redirect_location,
            server_side_encryption: given.server_side_encryption,
            ssekms_key_id: given.ssekms_key_id,
            ..source.attributes
        }
    };
    if replaces_tags {
        attributes.tag_set = tags::parse(request.tagging.as_deref().unwrap_or_default())?;
    }
    let attributes = attributes.checked()?;

    let algorithm = match &request.checksum_algorithm {
        Some(name) => parse_algorithm(name)?,
        None => source.checksum.algorithm,
    };
    let whole = source.checksum.kind == Kind::FullObject && source.parts.is_empty();
    // The copy is written in one piece, so its ETag and its checksum are those of one piece.
    let (etag, checksum) = if whole && algorithm == source.checksum.algorithm {
        (source.etag, source.checksum)
    } else {
        compute(objects.files.path(draft.id()), algorithm).await?
    };
    let object = Object {
        key: request.key,
        size: source.size,
        etag,
        last_modified: whole_seconds(context.clock.moment().now),
        attributes,
        checksum,
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
    let result: Value = json!({
        "ETag": object.quoted_etag(),
        "LastModified": object.last_modified.0 / 1000,
        "ChecksumType": object.checksum.kind.name(),
        (object.checksum.algorithm.member()): object.checksum.value,
    });
    Ok(Output::from(json!({
        "CopyObjectResult": result,
        "ServerSideEncryption": object.attributes.encryption(),
    })))
}

async fn compute(
    path: std::path::PathBuf,
    algorithm: Algorithm,
) -> Result<(String, Checksum), Error> {
    let digest = tokio::task::spawn_blocking(move || digest(&path, algorithm)).await;
    let digest = digest.map_err(|error| error::internal(error.to_string()))?;
    let (_, etag, checksum) = digest.map_err(|error| error::internal(error.to_string()))?;
    Ok((etag, checksum))
}

/// Whether a directive says to replace.
fn directive(name: &str, value: Option<&str>) -> Result<bool, Error> {
    match value {
        None | Some("COPY") => Ok(false),
        Some("REPLACE") => Ok(true),
        Some(other) => {
            let message = if name == "MetadataDirective" {
                "Unknown metadata directive."
            } else {
                "Unknown tagging directive."
            };
            Err(error::invalid_argument(message, name, other))
        }
    }
}

/// `bucket/key`, `/bucket/key`, `bucket/key?versionId=null`; percent-encoded.
pub(super) fn parse_source(text: &str) -> Result<(String, String), Error> {
    let invalid = || {
        error::invalid_argument(
            "Copy Source must mention the source bucket and key: sourcebucket/sourcekey",
            "x-amz-copy-source",
            text,
        )
    };
    if text.starts_with("arn:") {
        return Err(error::not_implemented("copying from an access point"));
    }
    let (path, version) = match text.split_once("?versionId=") {
        Some((path, version)) => (path, Some(version)),
        None => (text, None),
    };
    let path = percent_decode_str(path).decode_utf8().map_err(|_| invalid())?;
    let path = path.strip_prefix('/').unwrap_or(&path);
    let (bucket, key) = path.split_once('/').ok_or_else(invalid)?;
    if bucket.is_empty() || key.is_empty() {
        return Err(invalid());
    }
    read::check_version(key, version)?;
    Ok((bucket.to_owned(), key.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources() {
        let good = [
            ("b/k", "b", "k"),
            ("/b/a/k", "b", "a/k"),
            ("b/a%20b%2Bc%2Fd", "b", "a b+c/d"),
            ("b/k?versionId=null", "b", "k"),
            ("b/what%3FversionId=1", "b", "what?versionId=1"),
        ];
        for (text, bucket, key) in good {
            assert_eq!(parse_source(text), Ok((bucket.into(), key.into())), "{text}");
        }
        for text in ["", "b", "/b/", "b/k?versionId=x", "b/%ff"] {
            assert!(parse_source(text).is_err(), "{text}");
        }
    }
}
