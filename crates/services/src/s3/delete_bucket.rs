//! DeleteBucket: an empty one; uploads that were never completed go with it.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value};
use store::{Expect, RecordWrite, Scan};

use super::multipart::PartRecord;
use super::store::Change;
use super::{Error, error, record};
use crate::operation::typed;
use crate::{Caller, Context, Operation};

pub static OPERATION: Operation = Operation {
    name: "DeleteBucket",
    call: |context, caller, input| Box::pin(typed(context, caller, input, delete_bucket)),
};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    bucket: String,
    expected_bucket_owner: Option<String>,
}

async fn delete_bucket(
    context: &Context,
    caller: &Caller,
    request: Request,
) -> Result<Map<String, Value>, Error> {
    let owner = request.expected_bucket_owner.as_deref();
    context.objects.bucket_of(caller, &request.bucket, owner).await?;
    let (objects, name) = (Arc::clone(&context.objects), request.bucket);
    context
        .objects
        .commit_alone(move || {
            let (objects, name) = (Arc::clone(&objects), name.clone());
            async move {
                let rows = |table, limit| {
                    let scan = Scan::prefix(record::key(&name, ""), limit);
                    objects.store.records(table, scan)
                };
                let Some((_, version)) = objects.any_bucket(&name).await? else {
                    return Err(error::no_such_bucket(&name));
                };
                if !rows(record::OBJECTS, 1).await.map_err(error::of_store)?.is_empty() {
                    return Err(error::bucket_not_empty(&name));
                }
                let mut change = Change::default();
                for table in [record::UPLOADS, record::PARTS] {
                    for row in rows(table, 1_000_000).await.map_err(error::of_store)? {
                        if table == record::PARTS {
                            change.files.push(record::decode::<PartRecord>(&row.value)?.file);
                        }
                        let expect = Expect::Version(row.version);
                        change.records.push(RecordWrite {
                            table,
                            key: row.key,
                            value: None,
                            expect,
                        });
                    }
                }
                change.records.push(RecordWrite {
                    table: record::BUCKETS,
                    key: name,
                    value: None,
                    expect: Expect::Version(version),
                });
                Ok(change)
            }
        })
        .await?;
    Ok(Map::new())
}
