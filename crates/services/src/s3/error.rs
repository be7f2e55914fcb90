//! S3's errors: codes, texts and HTTP statuses as S3 answers them.

use std::io;

use store::StoreError;

use crate::Error;

fn error(status: u16, code: &'static str, message: impl Into<String>) -> Error {
    Error::new(code, message).with_status(status)
}

pub(super) fn no_such_bucket(bucket: &str) -> Error {
    error(404, "NoSuchBucket", "The specified bucket does not exist").with("BucketName", bucket)
}

pub(super) fn no_such_key(key: &str) -> Error {
    error(404, "NoSuchKey", "The specified key does not exist.").with("Key", key)
}

pub(super) fn no_such_version(key: &str, version: &str) -> Error {
    error(404, "NoSuchVersion", "The specified version does not exist.")
        .with("Key", key)
        .with("VersionId", version)
}

pub(super) fn no_such_upload(upload: &str) -> Error {
    error(
        404,
        "NoSuchUpload",
        "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.",
    )
    .with("UploadId", upload)
}

pub(super) fn access_denied() -> Error {
    error(403, "AccessDenied", "Access Denied")
}

pub(super) fn invalid_argument(message: &str, name: &str, value: &str) -> Error {
    error(400, "InvalidArgument", message).with("ArgumentName", name).with("ArgumentValue", value)
}

pub(super) fn invalid_request(message: impl Into<String>) -> Error {
    error(400, "InvalidRequest", message)
}

pub(super) fn invalid_bucket_name(bucket: &str) -> Error {
    error(400, "InvalidBucketName", "The specified bucket is not valid.").with("BucketName", bucket)
}

pub(super) fn bucket_exists() -> Error {
    error(
        409,
        "BucketAlreadyExists",
        "The requested bucket name is not available. The bucket namespace is shared by all users of the system. Please select a different name and try again.",
    )
}

pub(super) fn bucket_owned(bucket: &str) -> Error {
    error(
        409,
        "BucketAlreadyOwnedByYou",
        "Your previous request to create the named bucket succeeded and you already own it.",
    )
    .with("BucketName", bucket)
}

pub(super) fn bucket_not_empty(bucket: &str) -> Error {
    error(409, "BucketNotEmpty", "The bucket you tried to delete is not empty")
        .with("BucketName", bucket)
}

pub(super) fn location_incompatible(location: &str) -> Error {
    error(
        400,
        "IllegalLocationConstraintException",
        format!(
            "The {location} location constraint is incompatible for the region specific endpoint this request was sent to."
        ),
    )
}

pub(super) fn location_invalid(location: &str) -> Error {
    error(400, "InvalidLocationConstraint", "The specified location-constraint is not valid")
        .with("LocationConstraint", location)
}

pub(super) fn key_too_long(length: usize) -> Error {
    error(400, "KeyTooLongError", "Your key is too long")
        .with("MaxSizeAllowed", "1024")
        .with("Size", length.to_string())
}

pub(super) fn metadata_too_large(size: usize) -> Error {
    error(400, "MetadataTooLarge", "Your metadata headers exceed the maximum allowed metadata size")
        .with("Size", size.to_string())
        .with("MaxSizeAllowed", "2048")
}

pub(super) fn invalid_range(size: u64, asked: &str) -> Error {
    error(416, "InvalidRange", "The requested range is not satisfiable")
        .with("ActualObjectSize", size.to_string())
        .with("RangeRequested", asked)
}

pub(super) fn precondition_failed(condition: &str) -> Error {
    error(
        412,
        "PreconditionFailed",
        "At least one of the pre-conditions you specified did not hold",
    )
    .with("Condition", condition)
}

pub(super) fn not_modified(etag: String) -> Error {
    error(304, "NotModified", "Not Modified").with("ETag", etag)
}

pub(super) fn bad_digest() -> Error {
    error(400, "BadDigest", "The Content-MD5 you specified did not match what we received.")
}

pub(super) fn bad_checksum(algorithm: &str) -> Error {
    error(
        400,
        "BadDigest",
        format!("The {algorithm} you specified did not match the calculated checksum."),
    )
}

pub(super) fn invalid_digest() -> Error {
    error(400, "InvalidDigest", "The Content-MD5 you specified was invalid.")
}

pub(super) fn invalid_checksum(algorithm: super::Algorithm) -> Error {
    invalid_request(format!("Value for {} header is invalid.", algorithm.header()))
}

pub(super) fn incomplete_body() -> Error {
    error(
        400,
        "IncompleteBody",
        "You did not provide the number of bytes specified by the Content-Length HTTP header",
    )
}

pub(super) fn entity_too_large(size: u64, most: u64) -> Error {
    error(400, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size")
        .with("ProposedSize", size.to_string())
        .with("MaxSizeAllowed", most.to_string())
}

pub(super) fn malformed_xml() -> Error {
    error(
        400,
        "MalformedXML",
        "The XML you provided was not well-formed or did not validate against our published schema",
    )
}

/// The feature is AWS's and not ours: says which operation or member asked for it.
pub(super) fn not_implemented(what: &str) -> Error {
    error(501, "NotImplemented", format!("Stepwell's S3 does not implement {what}"))
}

/// Another writer of the same key was faster, again and again.
pub(super) fn aborted() -> Error {
    error(
        409,
        "OperationAborted",
        "A conflicting conditional operation is currently in progress against this resource. Please try again.",
    )
}

/// No room. Not a 503: clients would repeat it in vain instead of telling the person.
pub(super) fn full(at: &str) -> Error {
    error(
        507,
        "InsufficientStorage",
        format!("no space left in `{at}`: free some and try again; nothing was changed"),
    )
}

pub(super) fn internal(message: impl Into<String>) -> Error {
    error(500, "InternalError", message)
}

/// The store's refusal.
pub(super) fn of_store(error: StoreError) -> Error {
    match error {
        StoreError::Full { at } => full(&at),
        StoreError::Conflict { .. } => aborted(),
        other => internal(other.to_string()),
    }
}

/// A body that broke off. A door that checks the body on its way hands its [`Error`] through the
/// stream, wrapped in the [`io::Error`].
pub(super) fn of_body(error: io::Error) -> Error {
    match error.downcast::<Error>() {
        Ok(error) => error,
        Err(_) => incomplete_body(),
    }
}
