//! The operations: which fields of `s3s`'s requests and answers are members.

use futures::StreamExt;
use http::HeaderMap;
use http::header::{IF_MATCH, IF_NONE_MATCH};
use http_body_util::StreamBody;
use hyper::body::Frame;
use s3s::dto::*;
use s3s::{S3, S3Request, S3Response, S3Result};
use serde_json::{Map, Value};
use services::{Body, Input};

use super::Adapter;
use super::members::{put, take};

/// One line each: the method, AWS's name, the request's fields, the answer's. `[body]` where it is a stream.
macro_rules! operations {
    ($(
        $method:ident $name:literal
        $In:ident [$($in_body:ident)?] { $($in_field:ident)* }
        $Out:ident [$($out_body:ident)?] { $($out_field:ident)* }
    )*) => {
        #[async_trait::async_trait]
        impl S3 for Adapter {
            $(
                async fn $method(&self, request: S3Request<$In>) -> S3Result<S3Response<$Out>> {
                    let S3Request { input, headers, mut extensions, .. } = request;
                    let mut members = Map::new();
                    $(put(&mut members, stringify!($in_field), input.$in_field);)*
                    conditions($name, &headers, &mut members);
                    let body: Option<Body> = None $(.or(input.$in_body.map(incoming)))?;
                    let input = Input {
                        members: Value::Object(members),
                        body,
                        ..Input::default()
                    };
                    let answer = self.call(&mut extensions, $name, input).await?;
                    let _members = &answer.members;
                    #[allow(clippy::needless_update)]
                    let output = $Out {
                        $($out_field: take(_members, stringify!($out_field)),)*
                        $($out_body: answer.body.map(outgoing),)?
                        ..$Out::default()
                    };
                    Ok(S3Response::new(output))
                }
            )*
        }
    };
}

/// The conditions of a copy on what is there already, which `s3s` does not know.
fn conditions(operation: &str, headers: &HeaderMap, members: &mut Map<String, Value>) {
    if operation != "CopyObject" {
        return;
    }
    for (header, member) in [(IF_MATCH, "IfMatch"), (IF_NONE_MATCH, "IfNoneMatch")] {
        if let Some(condition) = headers.get(header).and_then(|value| value.to_str().ok()) {
            members.insert(member.to_owned(), condition.into());
        }
    }
}

fn incoming(blob: StreamingBlob) -> Body {
    // An error of ours in the stream (a wrong checksum behind the body) must arrive as it is.
    blob.map(|chunk| {
        chunk.map_err(|error| match error.downcast::<std::io::Error>() {
            Ok(error) => *error,
            Err(error) => std::io::Error::other(error),
        })
    })
    .boxed()
}

fn outgoing(body: Body) -> StreamingBlob {
    let frames = body.map(|chunk| chunk.map(Frame::data));
    StreamingBlob::from(s3s::Body::http_body_unsync(StreamBody::new(frames)))
}

operations! {
    abort_multipart_upload "AbortMultipartUpload"
    AbortMultipartUploadInput [] { bucket expected_bucket_owner key upload_id }
    AbortMultipartUploadOutput [] {}

    complete_multipart_upload "CompleteMultipartUpload"
    CompleteMultipartUploadInput [] {
        bucket checksum_crc32 checksum_crc32c checksum_crc64nvme checksum_sha1 checksum_sha256
        checksum_type expected_bucket_owner if_match if_none_match key mpu_object_size multipart_upload
        sse_customer_algorithm upload_id
    }
    CompleteMultipartUploadOutput [] {
        bucket checksum_crc32 checksum_crc32c checksum_crc64nvme checksum_sha1 checksum_sha256
        checksum_type e_tag key location server_side_encryption ssekms_key_id
    }

    copy_object "CopyObject"
    CopyObjectInput [] {
        acl bucket cache_control checksum_algorithm content_disposition content_encoding
        content_language content_type copy_source copy_source_if_match copy_source_if_modified_since
        copy_source_if_none_match copy_source_if_unmodified_since copy_source_sse_customer_algorithm
        expected_bucket_owner expected_source_bucket_owner expires grant_full_control grant_read
        grant_read_acp grant_write_acp key metadata metadata_directive object_lock_legal_hold_status
        object_lock_mode object_lock_retain_until_date server_side_encryption sse_customer_algorithm
        ssekms_key_id storage_class tagging tagging_directive website_redirect_location
    }
    CopyObjectOutput [] { copy_object_result server_side_encryption ssekms_key_id }

    create_bucket "CreateBucket"
    CreateBucketInput [] {
        acl bucket create_bucket_configuration grant_full_control grant_read grant_read_acp grant_write
        grant_write_acp object_lock_enabled_for_bucket object_ownership
    }
    CreateBucketOutput [] { location }

    create_multipart_upload "CreateMultipartUpload"
    CreateMultipartUploadInput [] {
        acl bucket cache_control checksum_algorithm checksum_type content_disposition content_encoding
        content_language content_type expected_bucket_owner expires grant_full_control grant_read
        grant_read_acp grant_write_acp key metadata object_lock_legal_hold_status object_lock_mode
        object_lock_retain_until_date server_side_encryption sse_customer_algorithm ssekms_key_id
        storage_class tagging website_redirect_location
    }
    CreateMultipartUploadOutput [] {
        bucket checksum_algorithm checksum_type key server_side_encryption ssekms_key_id upload_id
    }

    delete_bucket "DeleteBucket"
    DeleteBucketInput [] { bucket expected_bucket_owner }
    DeleteBucketOutput [] {}

    delete_bucket_policy "DeleteBucketPolicy"
    DeleteBucketPolicyInput [] { bucket expected_bucket_owner }
    DeleteBucketPolicyOutput [] {}

    delete_public_access_block "DeletePublicAccessBlock"
    DeletePublicAccessBlockInput [] { bucket expected_bucket_owner }
    DeletePublicAccessBlockOutput [] {}

    delete_bucket_tagging "DeleteBucketTagging"
    DeleteBucketTaggingInput [] { bucket expected_bucket_owner }
    DeleteBucketTaggingOutput [] {}

    delete_object "DeleteObject"
    DeleteObjectInput [] { bucket expected_bucket_owner if_match key mfa version_id }
    DeleteObjectOutput [] {}

    delete_object_tagging "DeleteObjectTagging"
    DeleteObjectTaggingInput [] { bucket expected_bucket_owner key version_id }
    DeleteObjectTaggingOutput [] {}

    delete_objects "DeleteObjects"
    DeleteObjectsInput [] { bucket delete expected_bucket_owner mfa }
    DeleteObjectsOutput [] { deleted errors }

    get_bucket_accelerate_configuration "GetBucketAccelerateConfiguration"
    GetBucketAccelerateConfigurationInput [] { bucket expected_bucket_owner }
    GetBucketAccelerateConfigurationOutput [] {}

    get_bucket_acl "GetBucketAcl"
    GetBucketAclInput [] { bucket expected_bucket_owner }
    GetBucketAclOutput [] { grants owner }

    get_bucket_cors "GetBucketCors"
    GetBucketCorsInput [] { bucket expected_bucket_owner }
    GetBucketCorsOutput [] {}

    get_bucket_encryption "GetBucketEncryption"
    GetBucketEncryptionInput [] { bucket expected_bucket_owner }
    GetBucketEncryptionOutput [] { server_side_encryption_configuration }

    get_bucket_lifecycle_configuration "GetBucketLifecycleConfiguration"
    GetBucketLifecycleConfigurationInput [] { bucket expected_bucket_owner }
    GetBucketLifecycleConfigurationOutput [] {}

    get_bucket_location "GetBucketLocation"
    GetBucketLocationInput [] { bucket expected_bucket_owner }
    GetBucketLocationOutput [] { location_constraint }

    get_bucket_logging "GetBucketLogging"
    GetBucketLoggingInput [] { bucket expected_bucket_owner }
    GetBucketLoggingOutput [] {}

    get_bucket_notification_configuration "GetBucketNotificationConfiguration"
    GetBucketNotificationConfigurationInput [] { bucket expected_bucket_owner }
    GetBucketNotificationConfigurationOutput [] {}

    get_bucket_ownership_controls "GetBucketOwnershipControls"
    GetBucketOwnershipControlsInput [] { bucket expected_bucket_owner }
    GetBucketOwnershipControlsOutput [] { ownership_controls }

    get_bucket_policy "GetBucketPolicy"
    GetBucketPolicyInput [] { bucket expected_bucket_owner }
    GetBucketPolicyOutput [] { policy }

    get_bucket_policy_status "GetBucketPolicyStatus"
    GetBucketPolicyStatusInput [] { bucket expected_bucket_owner }
    GetBucketPolicyStatusOutput [] { policy_status }

    get_bucket_replication "GetBucketReplication"
    GetBucketReplicationInput [] { bucket expected_bucket_owner }
    GetBucketReplicationOutput [] {}

    get_bucket_request_payment "GetBucketRequestPayment"
    GetBucketRequestPaymentInput [] { bucket expected_bucket_owner }
    GetBucketRequestPaymentOutput [] { payer }

    get_bucket_tagging "GetBucketTagging"
    GetBucketTaggingInput [] { bucket expected_bucket_owner }
    GetBucketTaggingOutput [] { tag_set }

    get_bucket_versioning "GetBucketVersioning"
    GetBucketVersioningInput [] { bucket expected_bucket_owner }
    GetBucketVersioningOutput [] {}

    get_bucket_website "GetBucketWebsite"
    GetBucketWebsiteInput [] { bucket expected_bucket_owner }
    GetBucketWebsiteOutput [] {}

    get_object "GetObject"
    GetObjectInput [] {
        bucket checksum_mode expected_bucket_owner if_match if_modified_since if_none_match
        if_unmodified_since key part_number range response_cache_control response_content_disposition
        response_content_encoding response_content_language response_content_type response_expires
        sse_customer_algorithm version_id
    }
    GetObjectOutput [body] {
        accept_ranges cache_control checksum_crc32 checksum_crc32c checksum_crc64nvme checksum_sha1
        checksum_sha256 checksum_type content_disposition content_encoding content_language
        content_length content_range content_type e_tag expires last_modified metadata parts_count
        server_side_encryption ssekms_key_id storage_class tag_count website_redirect_location
    }

    get_object_acl "GetObjectAcl"
    GetObjectAclInput [] { bucket expected_bucket_owner key version_id }
    GetObjectAclOutput [] { grants owner }

    get_object_attributes "GetObjectAttributes"
    GetObjectAttributesInput [] {
        bucket expected_bucket_owner key max_parts object_attributes part_number_marker version_id
    }
    GetObjectAttributesOutput [] { checksum e_tag last_modified object_parts object_size storage_class }

    get_object_lock_configuration "GetObjectLockConfiguration"
    GetObjectLockConfigurationInput [] { bucket expected_bucket_owner }
    GetObjectLockConfigurationOutput [] {}

    get_object_tagging "GetObjectTagging"
    GetObjectTaggingInput [] { bucket expected_bucket_owner key version_id }
    GetObjectTaggingOutput [] { tag_set }

    get_public_access_block "GetPublicAccessBlock"
    GetPublicAccessBlockInput [] { bucket expected_bucket_owner }
    GetPublicAccessBlockOutput [] { public_access_block_configuration }

    head_bucket "HeadBucket"
    HeadBucketInput [] { bucket expected_bucket_owner }
    HeadBucketOutput [] { access_point_alias bucket_region }

    head_object "HeadObject"
    HeadObjectInput [] {
        bucket checksum_mode expected_bucket_owner if_match if_modified_since if_none_match
        if_unmodified_since key part_number range response_cache_control response_content_disposition
        response_content_encoding response_content_language response_content_type response_expires
        sse_customer_algorithm version_id
    }
    HeadObjectOutput [] {
        accept_ranges cache_control checksum_crc32 checksum_crc32c checksum_crc64nvme checksum_sha1
        checksum_sha256 checksum_type content_disposition content_encoding content_language
        content_length content_range content_type e_tag expires last_modified metadata parts_count
        server_side_encryption ssekms_key_id storage_class website_redirect_location
    }

    list_buckets "ListBuckets"
    ListBucketsInput [] { bucket_region continuation_token max_buckets prefix }
    ListBucketsOutput [] { buckets continuation_token owner prefix }

    list_multipart_uploads "ListMultipartUploads"
    ListMultipartUploadsInput [] {
        bucket delimiter encoding_type expected_bucket_owner key_marker max_uploads prefix
        upload_id_marker
    }
    ListMultipartUploadsOutput [] {
        bucket common_prefixes delimiter encoding_type is_truncated key_marker max_uploads
        next_key_marker next_upload_id_marker prefix upload_id_marker uploads
    }

    list_object_versions "ListObjectVersions"
    ListObjectVersionsInput [] {
        bucket delimiter encoding_type expected_bucket_owner key_marker max_keys prefix
        version_id_marker
    }
    ListObjectVersionsOutput [] {
        common_prefixes delimiter encoding_type is_truncated key_marker max_keys name
        next_key_marker next_version_id_marker prefix version_id_marker versions
    }

    list_objects "ListObjects"
    ListObjectsInput [] {
        bucket delimiter encoding_type expected_bucket_owner marker max_keys prefix
    }
    ListObjectsOutput [] {
        common_prefixes contents delimiter encoding_type is_truncated marker max_keys name next_marker
        prefix
    }

    list_objects_v2 "ListObjectsV2"
    ListObjectsV2Input [] {
        bucket continuation_token delimiter encoding_type expected_bucket_owner fetch_owner max_keys
        prefix start_after
    }
    ListObjectsV2Output [] {
        common_prefixes contents continuation_token delimiter encoding_type is_truncated key_count
        max_keys name next_continuation_token prefix start_after
    }

    list_parts "ListParts"
    ListPartsInput [] { bucket expected_bucket_owner key max_parts part_number_marker upload_id }
    ListPartsOutput [] {
        bucket checksum_algorithm checksum_type initiator is_truncated key max_parts
        next_part_number_marker owner part_number_marker parts storage_class upload_id
    }

    put_bucket_encryption "PutBucketEncryption"
    PutBucketEncryptionInput [] {
        bucket expected_bucket_owner server_side_encryption_configuration
    }
    PutBucketEncryptionOutput [] {}

    put_bucket_ownership_controls "PutBucketOwnershipControls"
    PutBucketOwnershipControlsInput [] { bucket expected_bucket_owner ownership_controls }
    PutBucketOwnershipControlsOutput [] {}

    put_bucket_policy "PutBucketPolicy"
    PutBucketPolicyInput [] { bucket confirm_remove_self_bucket_access expected_bucket_owner policy }
    PutBucketPolicyOutput [] {}

    put_public_access_block "PutPublicAccessBlock"
    PutPublicAccessBlockInput [] { bucket expected_bucket_owner public_access_block_configuration }
    PutPublicAccessBlockOutput [] {}

    put_bucket_tagging "PutBucketTagging"
    PutBucketTaggingInput [] { bucket expected_bucket_owner tagging }
    PutBucketTaggingOutput [] {}

    put_object "PutObject"
    PutObjectInput [body] {
        acl bucket cache_control checksum_algorithm checksum_crc32 checksum_crc32c checksum_crc64nvme
        checksum_sha1 checksum_sha256 content_disposition content_encoding content_language
        content_length content_md5 content_type expected_bucket_owner expires grant_full_control
        grant_read grant_read_acp grant_write_acp if_match if_none_match key metadata
        object_lock_legal_hold_status object_lock_mode object_lock_retain_until_date
        server_side_encryption sse_customer_algorithm ssekms_key_id storage_class tagging
        website_redirect_location write_offset_bytes
    }
    PutObjectOutput [] {
        checksum_crc32 checksum_crc32c checksum_crc64nvme checksum_sha1 checksum_sha256 checksum_type
        e_tag server_side_encryption ssekms_key_id
    }

    put_object_tagging "PutObjectTagging"
    PutObjectTaggingInput [] { bucket expected_bucket_owner key tagging version_id }
    PutObjectTaggingOutput [] {}

    upload_part "UploadPart"
    UploadPartInput [body] {
        bucket checksum_algorithm checksum_crc32 checksum_crc32c checksum_crc64nvme checksum_sha1
        checksum_sha256 content_length content_md5 expected_bucket_owner key part_number
        sse_customer_algorithm upload_id
    }
    UploadPartOutput [] {
        checksum_crc32 checksum_crc32c checksum_crc64nvme checksum_sha1 checksum_sha256 e_tag
        server_side_encryption ssekms_key_id
    }

    upload_part_copy "UploadPartCopy"
    UploadPartCopyInput [] {
        bucket copy_source copy_source_if_match copy_source_if_modified_since copy_source_if_none_match
        copy_source_if_unmodified_since copy_source_range copy_source_sse_customer_algorithm
        expected_bucket_owner expected_source_bucket_owner key part_number sse_customer_algorithm
        upload_id
    }
    UploadPartCopyOutput [] { copy_part_result server_side_encryption ssekms_key_id }
}
