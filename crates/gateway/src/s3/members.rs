//! Between `s3s`'s typed requests and answers and the members that operations work with.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use s3s::dto::*;
use serde_json::{Map, Value};

/// A field of a request becomes a member.
pub(super) trait IntoMember {
    fn into_member(self) -> Value;
}

/// A member becomes a field of an answer; none if there is none.
pub(super) trait FromMember: Sized {
    fn from_member(value: &Value) -> Option<Self>;
}

/// The model's name of a field of `s3s`'s: `checksum_crc32` is `ChecksumCRC32`.
pub(super) fn member_name(field: &str) -> String {
    match field {
        "acl" => return "ACL".to_owned(),
        "e_tag" => return "ETag".to_owned(),
        "id" => return "ID".to_owned(),
        "uri" => return "URI".to_owned(),
        "mfa" => return "MFA".to_owned(),
        "content_md5" => return "ContentMD5".to_owned(),
        "ssekms_key_id" => return "SSEKMSKeyId".to_owned(),
        "sse_algorithm" => return "SSEAlgorithm".to_owned(),
        "kms_master_key_id" => return "KMSMasterKeyID".to_owned(),
        "copy_source_sse_customer_algorithm" => return "CopySourceSSECustomerAlgorithm".to_owned(),
        "grant_read_acp" => return "GrantReadACP".to_owned(),
        "grant_write_acp" => return "GrantWriteACP".to_owned(),
        _ => {}
    }
    field
        .split('_')
        .map(|word| match word {
            "crc32" | "crc32c" | "crc64nvme" | "sha1" | "sha256" | "sse" => word.to_uppercase(),
            _ => word[..1].to_uppercase() + &word[1..],
        })
        .collect()
}

/// Puts a field among the members.
pub(super) fn put(members: &mut Map<String, Value>, field: &str, value: impl IntoMember) {
    let value = value.into_member();
    if !value.is_null() {
        members.insert(member_name(field), value);
    }
}

/// Takes a field from the members; its default if it is not there.
pub(super) fn take<T: FromMember + Default>(members: &Value, field: &str) -> T {
    T::from_member(&members[member_name(field).as_str()]).unwrap_or_default()
}

macro_rules! plain {
    ($($type:ty: $read:ident;)*) => {
        $(
            impl IntoMember for $type {
                fn into_member(self) -> Value {
                    self.into()
                }
            }
            impl FromMember for $type {
                fn from_member(value: &Value) -> Option<$type> {
                    value.$read().and_then(|value| value.try_into().ok())
                }
            }
        )*
    };
}

plain! {
    String: as_str;
    bool: as_bool;
    i64: as_i64;
}

impl IntoMember for i32 {
    fn into_member(self) -> Value {
        self.into()
    }
}

impl FromMember for i32 {
    /// Markers of parts are numbers here and texts in the model.
    fn from_member(value: &Value) -> Option<i32> {
        let number = value.as_i64().or_else(|| value.as_str()?.parse().ok());
        number.and_then(|number| number.try_into().ok())
    }
}

impl<T: IntoMember> IntoMember for Option<T> {
    fn into_member(self) -> Value {
        self.map_or(Value::Null, T::into_member)
    }
}

impl<T: FromMember> FromMember for Option<T> {
    fn from_member(value: &Value) -> Option<Option<T>> {
        Some(T::from_member(value))
    }
}

impl<T: IntoMember> IntoMember for Vec<T> {
    fn into_member(self) -> Value {
        self.into_iter().map(T::into_member).collect()
    }
}

impl<T: FromMember> FromMember for Vec<T> {
    fn from_member(value: &Value) -> Option<Vec<T>> {
        Some(value.as_array()?.iter().filter_map(T::from_member).collect())
    }
}

impl IntoMember for HashMap<String, String> {
    fn into_member(self) -> Value {
        Value::Object(self.into_iter().map(|(name, value)| (name, value.into())).collect())
    }
}

impl FromMember for HashMap<String, String> {
    fn from_member(value: &Value) -> Option<HashMap<String, String>> {
        let entries = value.as_object()?.iter();
        Some(
            entries
                .filter_map(|(name, text)| Some((name.clone(), text.as_str()?.to_owned())))
                .collect(),
        )
    }
}

impl IntoMember for Timestamp {
    fn into_member(self) -> Value {
        let mut text = Vec::new();
        if self.format(TimestampFormat::EpochSeconds, &mut text).is_err() {
            return Value::Null;
        }
        serde_json::from_slice(&text).unwrap_or_default()
    }
}

impl FromMember for Timestamp {
    fn from_member(value: &Value) -> Option<Timestamp> {
        let since = Duration::try_from_secs_f64(value.as_f64()?).ok()?;
        SystemTime::UNIX_EPOCH.checked_add(since).map(Timestamp::from)
    }
}

impl IntoMember for ETag {
    fn into_member(self) -> Value {
        format!("\"{}\"", self.value()).into()
    }
}

impl FromMember for ETag {
    fn from_member(value: &Value) -> Option<ETag> {
        Some(ETag::Strong(value.as_str()?.trim_matches('"').to_owned()))
    }
}

impl IntoMember for ETagCondition {
    fn into_member(self) -> Value {
        match self.into_etag() {
            Some(etag) => etag.into_member(),
            None => "*".into(),
        }
    }
}

impl IntoMember for Range {
    fn into_member(self) -> Value {
        self.to_header_string().into()
    }
}

impl IntoMember for CopySource {
    fn into_member(self) -> Value {
        self.format_to_string().into()
    }
}

macro_rules! words {
    ($($type:ident)*) => {
        $(
            impl IntoMember for $type {
                fn into_member(self) -> Value {
                    self.as_str().into()
                }
            }
            impl FromMember for $type {
                fn from_member(value: &Value) -> Option<$type> {
                    Some($type::from(value.as_str()?.to_owned()))
                }
            }
        )*
    };
}

words! {
    BucketCannedACL BucketLocationConstraint ChecksumAlgorithm ChecksumMode ChecksumType EncodingType
    MetadataDirective ObjectAttributes ObjectCannedACL ObjectLockLegalHoldStatus ObjectLockMode
    ObjectOwnership ObjectStorageClass ObjectVersionStorageClass Payer Permission ServerSideEncryption StorageClass
    TaggingDirective Type
}

macro_rules! given {
    ($($given:ident { $($field:ident)* })*) => {
        $(impl IntoMember for $given {
            fn into_member(self) -> Value {
                let mut members = Map::new();
                $(put(&mut members, stringify!($field), self.$field);)*
                members.into()
            }
        })*
    };
}

given! {
    CompletedMultipartUpload { parts }
    CompletedPart {
        checksum_crc32 checksum_crc32c checksum_crc64nvme checksum_sha1 checksum_sha256 e_tag part_number
    }
    Delete { objects quiet }
    ObjectIdentifier { e_tag key version_id }
    OwnershipControls { rules }
    OwnershipControlsRule { object_ownership }
    PublicAccessBlockConfiguration {
        block_public_acls block_public_policy ignore_public_acls restrict_public_buckets
    }
    ServerSideEncryptionByDefault { kms_master_key_id sse_algorithm }
    ServerSideEncryptionConfiguration { rules }
    ServerSideEncryptionRule { apply_server_side_encryption_by_default bucket_key_enabled }
    Tag { key value }
    Tagging { tag_set }
}

macro_rules! told {
    ($($told:ident { $($field:ident)* })*) => {
        $(impl FromMember for $told {
            #[allow(clippy::needless_update)]
            fn from_member(value: &Value) -> Option<$told> {
                value.is_object().then(|| $told {
                    $($field: take(value, stringify!($field)),)*
                    ..$told::default()
                })
            }
        })*
    };
}

told! {
    Bucket { bucket_region creation_date name }
    Checksum {
        checksum_crc32 checksum_crc32c checksum_crc64nvme checksum_sha1 checksum_sha256 checksum_type
    }
    CommonPrefix { prefix }
    CopyObjectResult {
        checksum_crc32 checksum_crc32c checksum_crc64nvme checksum_sha1 checksum_sha256 checksum_type
        e_tag last_modified
    }
    CopyPartResult {
        checksum_crc32 checksum_crc32c checksum_crc64nvme checksum_sha1 checksum_sha256 e_tag
        last_modified
    }
    DeletedObject { key version_id }
    Error { code key message version_id }
    GetObjectAttributesParts {
        is_truncated max_parts next_part_number_marker part_number_marker parts total_parts_count
    }
    Grant { grantee permission }
    Initiator { id }
    MultipartUpload {
        checksum_algorithm checksum_type initiated initiator key owner storage_class upload_id
    }
    Object { checksum_algorithm checksum_type e_tag key last_modified owner size storage_class }
    ObjectPart {
        checksum_crc32 checksum_crc32c checksum_crc64nvme checksum_sha1 checksum_sha256 part_number size
    }
    ObjectVersion {
        checksum_algorithm checksum_type e_tag is_latest key last_modified owner size storage_class
        version_id
    }
    Owner { id }
    OwnershipControls { rules }
    Part {
        checksum_crc32 checksum_crc32c checksum_crc64nvme checksum_sha1 checksum_sha256 e_tag
        last_modified part_number size
    }
    PolicyStatus { is_public }
    PublicAccessBlockConfiguration {
        block_public_acls block_public_policy ignore_public_acls restrict_public_buckets
    }
    ServerSideEncryptionConfiguration { rules }
    ServerSideEncryptionRule { apply_server_side_encryption_by_default bucket_key_enabled }
    Tag { key value }
}

impl IntoMember for CreateBucketConfiguration {
    fn into_member(self) -> Value {
        let mut members = Map::new();
        put(&mut members, "location_constraint", self.location_constraint);
        // Directory buckets are refused behind the door; only that one was asked for is told.
        if self.location.is_some() || self.bucket.is_some() {
            members.insert("Location".to_owned(), Map::new().into());
        }
        members.into()
    }
}

impl FromMember for Grantee {
    fn from_member(value: &Value) -> Option<Grantee> {
        Some(Grantee {
            display_name: None,
            email_address: None,
            id: take(value, "id"),
            type_: Type::from_member(&value["Type"])?,
            uri: take(value, "uri"),
        })
    }
}

impl FromMember for OwnershipControlsRule {
    fn from_member(value: &Value) -> Option<OwnershipControlsRule> {
        let object_ownership = ObjectOwnership::from_member(&value["ObjectOwnership"])?;
        Some(OwnershipControlsRule { object_ownership })
    }
}

impl FromMember for ServerSideEncryptionByDefault {
    fn from_member(value: &Value) -> Option<ServerSideEncryptionByDefault> {
        Some(ServerSideEncryptionByDefault {
            kms_master_key_id: take(value, "kms_master_key_id"),
            sse_algorithm: ServerSideEncryption::from_member(&value["SSEAlgorithm"])?,
        })
    }
}
