//! DeleteObject: the object is gone; that it never was is no error.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value};
use store::{Expect, RecordWrite};

use super::object::Object;
use super::store::{Change, ObjectStore};
use super::{Error, error, names, read, record};
use crate::operation::typed;
use crate::{Caller, Context, Operation};

pub static OPERATION: Operation = Operation {
    name: "DeleteObject",
    call: |context, caller, input| Box::pin(typed(context, caller, input, delete_object)),
};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    bucket: String,
    key: String,
    version_id: Option<String>,
    expected_bucket_owner: Option<String>,
    if_match: Option<String>,
}

async fn delete_object(
    context: &Context,
    caller: &Caller,
    request: Request,
) -> Result<Map<String, Value>, Error> {
    let objects = &context.objects;
    objects.bucket_of(caller, &request.bucket, request.expected_bucket_owner.as_deref()).await?;
    names::check_key(&request.key)?;
    read::check_version(&request.key, request.version_id.as_deref())?;
    let target = Target { key: request.key, etag: request.if_match };
    objects.remove(&request.bucket, Arc::new(vec![target])).await?;
    Ok(Map::new())
}

/// An object to remove.
pub(super) struct Target {
    pub key: String,
    /// Only if it has this ETag.
    pub etag: Option<String>,
}

impl ObjectStore {
    /// Removes these objects in one commit; keys that are not there are passed over.
    pub(super) async fn remove(
        self: &Arc<Self>,
        bucket: &str,
        targets: Arc<Vec<Target>>,
    ) -> Result<(), Error> {
        let (this, bucket) = (Arc::clone(self), bucket.to_owned());
        self.commit_within(move || {
            let (this, bucket, targets) = (Arc::clone(&this), bucket.clone(), Arc::clone(&targets));
            async move {
                let mut change = Change::default();
                for Target { key, etag } in targets.iter() {
                    let found = this.versioned(&bucket, key).await?;
                    check_etag(key, etag.as_deref(), found.as_ref().map(|(object, _)| object))?;
                    if let Some((object, version)) = found {
                        change.files.push(object.file);
                        change.records.push(RecordWrite {
                            table: record::OBJECTS,
                            key: record::key(&bucket, key),
                            value: None,
                            expect: Expect::Version(version),
                        });
                    }
                }
                Ok(change)
            }
        })
        .await
    }
}

/// A conditional removal: of an object that is there and has this ETag (`*`: any).
pub(super) fn check_etag(
    key: &str,
    etag: Option<&str>,
    found: Option<&Object>,
) -> Result<(), Error> {
    match (etag, found) {
        (None, _) | (Some("*"), Some(_)) => Ok(()),
        (Some(_), None) => Err(error::no_such_key(key)),
        (Some(etag), Some(object)) if etag.trim_matches('"') == object.etag => Ok(()),
        (Some(_), Some(_)) => Err(error::precondition_failed("If-Match")),
    }
}
