//! DeleteObjects: up to a thousand at once, each with an answer of its own.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};

use super::delete_object::{Target, check_etag};
use super::{Error, error, names, read};
use crate::operation::typed;
use crate::{Caller, Context, Operation};

pub static OPERATION: Operation = Operation {
    name: "DeleteObjects",
    call: |context, caller, input| Box::pin(typed(context, caller, input, delete_objects)),
};

/// The most keys of one request.
const KEYS_MAX: usize = 1000;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    bucket: String,
    delete: Delete,
    expected_bucket_owner: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Delete {
    objects: Vec<Named>,
    quiet: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Named {
    key: String,
    version_id: Option<String>,
    #[serde(rename = "ETag")]
    etag: Option<String>,
}

/// XML's `Char`.
fn is_in_xml(sign: char) -> bool {
    !matches!(sign, '\u{0}'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}')
}

async fn delete_objects(
    context: &Context,
    caller: &Caller,
    request: Request,
) -> Result<Value, Error> {
    let objects = &context.objects;
    objects.bucket_of(caller, &request.bucket, request.expected_bucket_owner.as_deref()).await?;
    let named = request.delete.objects;
    // What XML cannot hold could not be told of either, once it is deleted.
    let untellable = |named: &Named| !named.key.chars().all(is_in_xml);
    if named.is_empty() || named.len() > KEYS_MAX || named.iter().any(untellable) {
        return Err(error::malformed_xml());
    }
    let (mut deleted, mut errors) = (Vec::new(), Vec::new());
    let (mut targets, mut taken) = (Vec::new(), BTreeSet::new());
    for Named { key, version_id, etag } in named {
        let refused = match names::check_key(&key)
            .and(read::check_version(&key, version_id.as_deref()))
        {
            Ok(()) if etag.is_some() => {
                let found = objects.versioned(&request.bucket, &key).await?;
                check_etag(&key, etag.as_deref(), found.as_ref().map(|(object, _)| object)).err()
            }
            // Deleting a version that never was is as good as done.
            Err(error) if error.code == "NoSuchVersion" => None,
            other => other.err(),
        };
        match refused {
            Some(error) => {
                errors.push(json!({"Key": key, "Code": error.code, "Message": error.message}));
            }
            None => {
                deleted.push(json!({"Key": key, "VersionId": version_id}));
                // One commit cannot remove a record twice.
                if version_id.as_deref().is_none_or(|version| version == "null")
                    && taken.insert(key.clone())
                {
                    targets.push(Target { key, etag: None });
                }
            }
        }
    }
    objects.remove(&request.bucket, Arc::new(targets)).await?;
    if request.delete.quiet == Some(true) {
        deleted.clear();
    }
    Ok(json!({"Deleted": deleted, "Errors": errors}))
}
