//! S3: buckets and objects. Records in the store, bytes in files beside it.
//!
//! Start at [`ObjectStore`] (`store.rs`): the order in which files and records are written, so that an
//! acknowledged object survives a crash and a reader never sees half of one. An operation is a file;
//! Task states and the wire come through the same handlers. Jobs in this process reach objects as
//! local files (`local.rs`).

mod checksum;
mod condition;
mod error;
mod files;
mod local;
mod location;
mod names;
mod object;
mod record;
mod store;
mod tags;

pub use checksum::{Algorithm, Checksum, Hasher, Kind};
pub use location::{Location, bucket_of_host};
pub use object::{Attributes, Object, ObjectPart, Tag};
pub use store::{Bucket, ObjectStore, Swept};

use crate::Error;
use crate::operation::{Operation, Service};

/// The service as the door knows it.
pub static SERVICE: Service = Service { name: "s3", operations: OPERATIONS };

/// What we answer; one line each.
static OPERATIONS: &[&Operation] = &[];
