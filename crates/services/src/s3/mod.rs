//! S3: buckets and objects. Records in the store, bytes in files beside it.
//!
//! Start at [`ObjectStore`] (`store.rs`): the order in which files and records are written, so that an
//! acknowledged object survives a crash and a reader never sees half of one. An operation is a file;
//! Task states and the wire come through the same handlers. Jobs in this process reach objects as
//! local files (`local.rs`).

mod abort_multipart_upload;
mod bucket_policy;
mod bucket_tagging;
mod checksum;
mod complete_multipart_upload;
mod condition;
mod copy_object;
mod create_bucket;
mod create_multipart_upload;
mod delete_bucket;
mod delete_object;
mod delete_objects;
mod error;
mod files;
mod get_bucket_location;
mod get_object;
mod get_object_attributes;
mod head_bucket;
mod head_object;
mod list_buckets;
mod list_multipart_uploads;
mod list_object_versions;
mod list_objects;
mod list_objects_v2;
mod list_parts;
mod listing;
mod local;
mod location;
mod multipart;
mod names;
mod object;
mod object_tagging;
mod owner;
mod payload;
mod public_access;
mod put_object;
mod read;
mod record;
mod refuse;
mod settled;
mod store;
mod tags;
#[cfg(test)]
mod tests;
mod unconfigured;
mod upload_part;
mod upload_part_copy;

pub use checksum::{Algorithm, Checksum, Hasher, Kind};
pub use location::{Location, bucket_of_host};
pub use object::{Attributes, Object, ObjectPart, Tag};
pub use public_access::PublicAccess;
pub use store::{Bucket, ObjectStore, Swept};

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::Error;
use crate::operation::{Operation, Service};

/// The service as the door knows it.
pub static SERVICE: Service = Service { name: "s3", operations: OPERATIONS };

/// What we answer; one line each.
static OPERATIONS: &[&Operation] = &[
    &abort_multipart_upload::OPERATION,
    &complete_multipart_upload::OPERATION,
    &copy_object::OPERATION,
    &create_bucket::OPERATION,
    &create_multipart_upload::OPERATION,
    &delete_bucket::OPERATION,
    &bucket_policy::DELETE,
    &bucket_tagging::DELETE,
    &public_access::DELETE,
    &delete_object::OPERATION,
    &object_tagging::DELETE,
    &delete_objects::OPERATION,
    &unconfigured::GET_BUCKET_ACCELERATE_CONFIGURATION,
    &unconfigured::GET_BUCKET_ACL,
    &unconfigured::GET_BUCKET_CORS,
    &unconfigured::GET_BUCKET_ENCRYPTION,
    &unconfigured::GET_BUCKET_LIFECYCLE_CONFIGURATION,
    &get_bucket_location::OPERATION,
    &unconfigured::GET_BUCKET_LOGGING,
    &unconfigured::GET_BUCKET_NOTIFICATION_CONFIGURATION,
    &unconfigured::GET_BUCKET_OWNERSHIP_CONTROLS,
    &bucket_policy::GET,
    &bucket_policy::STATUS,
    &unconfigured::GET_BUCKET_REPLICATION,
    &unconfigured::GET_BUCKET_REQUEST_PAYMENT,
    &bucket_tagging::GET,
    &unconfigured::GET_BUCKET_VERSIONING,
    &unconfigured::GET_BUCKET_WEBSITE,
    &get_object::OPERATION,
    &unconfigured::GET_OBJECT_ACL,
    &get_object_attributes::OPERATION,
    &unconfigured::GET_OBJECT_LOCK_CONFIGURATION,
    &object_tagging::GET,
    &public_access::GET,
    &head_bucket::OPERATION,
    &head_object::OPERATION,
    &list_buckets::OPERATION,
    &list_multipart_uploads::OPERATION,
    &list_object_versions::OPERATION,
    &list_objects::OPERATION,
    &list_objects_v2::OPERATION,
    &list_parts::OPERATION,
    &settled::PUT_ENCRYPTION,
    &settled::PUT_OWNERSHIP_CONTROLS,
    &bucket_policy::PUT,
    &bucket_tagging::PUT,
    &public_access::PUT,
    &put_object::OPERATION,
    &object_tagging::PUT,
    &upload_part::OPERATION,
    &upload_part_copy::OPERATION,
];

/// The request of a handler that also has a body, or looks at the members before they are typed.
fn request<T: DeserializeOwned>(members: Value) -> Result<T, Error> {
    serde_json::from_value(members)
        .map_err(|error| Error::new("SerializationException", error.to_string()))
}
