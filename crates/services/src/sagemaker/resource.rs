//! What all SageMaker resources share: a record under account, region and name; tags; lists by page.

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use store::{Batch, Expect, Record, RecordWrite, Scan};

use crate::{Caller, Context, Error, arn};

/// A kind of resource: where its records are and what its ARN says.
pub struct Kind {
    /// The records' table.
    pub table: &'static str,
    /// The word in the ARN: `training-job`.
    pub arn_word: &'static str,
}

/// A resource as stored: the request that made it and what has become of it.
pub trait Resource: Serialize + DeserializeOwned + Clone + Send + Sync {
    /// Its kind.
    const KIND: Kind;
    /// Its name.
    fn name(&self) -> &str;
}

/// The Task state that made a resource: its execution's number and its own. A task that is done again
/// after a crash is known by it, and answered as the first time.
pub type TaskToken = (u64, u64);

/// Whether the task that calls made the resource already.
pub fn made_by(maker: Option<TaskToken>, caller: &Caller) -> bool {
    maker.is_some() && maker == caller.task()
}

/// A resource with the version it was read at.
pub struct Stored<T> {
    /// The resource.
    pub value: T,
    /// For the next write.
    pub version: u64,
    /// The record's key.
    pub key: String,
}

/// Tags in the order given.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Tag {
    /// At most 128 characters.
    pub key: String,
    /// At most 256.
    #[serde(default)]
    pub value: String,
}

/// The ARN of a resource of this kind. SageMaker writes names in ARNs in lower case.
pub fn arn_of(kind: &Kind, caller: &Caller, name: &str) -> String {
    let resource = format!("{}/{}", kind.arn_word, name.to_lowercase());
    arn::arn("sagemaker", &caller.region, &caller.account, &resource)
}

/// The record's key: resources are apart by account and region, names by their lower-case form.
pub fn key_of(caller: &Caller, name: &str) -> String {
    format!("{}/{}/{}", caller.account, caller.region, name.to_lowercase())
}

/// Account and region of a record's key.
pub fn owner_of_key(key: &str) -> (&str, &str) {
    let mut parts = key.splitn(3, '/');
    (parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
}

/// The resource of that name, if there is one.
pub async fn find<T: Resource>(
    context: &Context,
    caller: &Caller,
    name: &str,
) -> Result<Option<Stored<T>>, Error> {
    find_key(context, key_of(caller, name)).await
}

/// The resource under that key, if there is one.
pub async fn find_key<T: Resource>(
    context: &Context,
    key: String,
) -> Result<Option<Stored<T>>, Error> {
    let Some(record) = context.store.record(T::KIND.table, &key).await? else { return Ok(None) };
    Ok(Some(decode(record)?))
}

/// Every resource of the kind, of all accounts and regions.
pub async fn all<T: Resource>(context: &Context) -> Result<Vec<Stored<T>>, Error> {
    scan(context, String::new()).await
}

async fn scan<T: Resource>(context: &Context, prefix: String) -> Result<Vec<Stored<T>>, Error> {
    const PAGE: usize = 1000;
    let mut found = Vec::new();
    let mut page = Scan::prefix(prefix, PAGE);
    loop {
        let records = context.store.records(T::KIND.table, page.clone()).await?;
        let full = records.len() == PAGE;
        if let Some(last) = records.last() {
            page.from = format!("{}\0", last.key);
        }
        for record in records {
            found.push(decode(record)?);
        }
        if !full {
            return Ok(found);
        }
    }
}

fn decode<T: Resource>(record: Record) -> Result<Stored<T>, Error> {
    let value = serde_json::from_slice(&record.value).map_err(|error| {
        Error::internal(format!(
            "the record `{}` of `{}` is damaged: {error}",
            record.key,
            T::KIND.table
        ))
    })?;
    Ok(Stored { value, version: record.version, key: record.key })
}

/// A write of the resource under this key.
pub fn write<T: Resource>(key: &str, value: &T, expect: Expect) -> Result<RecordWrite, Error> {
    let bytes = serde_json::to_vec(value).map_err(|error| Error::internal(error.to_string()))?;
    Ok(RecordWrite {
        table: T::KIND.table,
        key: key.to_owned(),
        value: Some(Bytes::from(bytes)),
        expect,
    })
}

/// Changes a resource, reading again as often as somebody else was first. `change` says whether there is
/// anything to write; the resource is returned as it is in the end, none if it is gone.
pub async fn update<T: Resource>(
    context: &Context,
    key: &str,
    mut change: impl FnMut(&mut T) -> bool,
) -> Result<Option<T>, Error> {
    loop {
        let Some(mut stored) = find_key::<T>(context, key.to_owned()).await? else {
            return Ok(None);
        };
        if !change(&mut stored.value) {
            return Ok(Some(stored.value));
        }
        let write = write(key, &stored.value, Expect::Version(stored.version))?;
        match context.store.commit(Batch { records: vec![write], ..Batch::default() }).await {
            Ok(()) => {
                tell::<T>(context, key);
                return Ok(Some(stored.value));
            }
            Err(store::StoreError::Conflict { .. }) => continue,
            Err(error) => return Err(error.into()),
        }
    }
}

/// Tells whoever looks on that the resource under this key has changed.
pub fn tell<T: Resource>(context: &Context, key: &str) {
    if context.changes.is_heard() {
        let (account, region) = owner_of_key(key);
        let name = key.splitn(3, '/').nth(2).unwrap_or_default();
        let resource = format!("{}/{name}", T::KIND.arn_word);
        let arn = arn::arn("sagemaker", region, account, &resource);
        context.changes.tell("sagemaker", account, region, &arn);
    }
}

/// The write that removes a resource.
pub fn remove<T: Resource>(key: &str) -> RecordWrite {
    RecordWrite { table: T::KIND.table, key: key.to_owned(), value: None, expect: Expect::Any }
}

/// What every List operation takes.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ListRequest {
    next_token: Option<String>,
    max_results: Option<usize>,
    sort_by: Option<String>,
    sort_order: Option<String>,
    name_contains: Option<String>,
    status_equals: Option<String>,
    creation_time_after: Option<f64>,
    creation_time_before: Option<f64>,
    last_modified_time_after: Option<f64>,
    last_modified_time_before: Option<f64>,
}

/// A resource as lists see it: what they filter and sort by, and the summary they show.
pub struct Listed {
    /// The name as given.
    pub name: String,
    /// Milliseconds.
    pub created_at: i64,
    /// Milliseconds.
    pub modified_at: i64,
    /// If the kind has one.
    pub status: Option<String>,
    /// The member of the answer's list.
    pub summary: Value,
}

/// One page of a List operation: filtered, sorted (newest first unless asked otherwise), cut.
pub async fn list<T: Resource>(
    context: &Context,
    caller: &Caller,
    request: ListRequest,
    member: &str,
    listed: impl Fn(&T) -> Listed,
) -> Result<Value, Error> {
    let stored = scan::<T>(context, format!("{}/{}/", caller.account, caller.region)).await?;
    let mut rows: Vec<Listed> = stored
        .iter()
        .map(|stored| listed(&stored.value))
        .filter(|row| request.takes(row))
        .collect();
    match request.sort_by.as_deref() {
        Some("Name") => rows.sort_by(|a, b| a.name.cmp(&b.name)),
        Some("Status") => rows.sort_by(|a, b| {
            (&a.status, a.created_at, &a.name).cmp(&(&b.status, b.created_at, &b.name))
        }),
        _ => rows.sort_by(|a, b| (a.created_at, &a.name).cmp(&(b.created_at, &b.name))),
    }
    if request.sort_order.as_deref() != Some("Ascending") {
        rows.reverse();
    }
    let start = match &request.next_token {
        None => 0,
        Some(token) => token.parse().map_err(|_| {
            Error::validation("Invalid NextToken: it is not one of an answer of this operation")
        })?,
    };
    // AWS shows ten a page unless asked for more.
    let size = request.max_results.unwrap_or(10).clamp(1, 100);
    let more = rows.len() > start + size;
    let page: Vec<Value> = rows.into_iter().skip(start).take(size).map(|row| row.summary).collect();
    let mut answer = Map::new();
    answer.insert(member.to_owned(), Value::Array(page));
    if more {
        answer.insert("NextToken".to_owned(), Value::String((start + size).to_string()));
    }
    Ok(Value::Object(answer))
}

impl ListRequest {
    fn takes(&self, row: &Listed) -> bool {
        let name = self
            .name_contains
            .as_ref()
            .is_none_or(|part| row.name.to_lowercase().contains(&part.to_lowercase()));
        let status =
            self.status_equals.as_ref().is_none_or(|wanted| row.status.as_ref() == Some(wanted));
        let within = |at: i64, after: Option<f64>, before: Option<f64>| {
            let at = at as f64 / 1000.0;
            after.is_none_or(|after| at > after) && before.is_none_or(|before| at < before)
        };
        name && status
            && within(row.created_at, self.creation_time_after, self.creation_time_before)
            && within(
                row.modified_at,
                self.last_modified_time_after,
                self.last_modified_time_before,
            )
    }
}

/// Milliseconds as the AWS JSON protocols write a time: seconds with a fraction.
pub fn seconds(milliseconds: i64) -> Value {
    Value::from(milliseconds as f64 / 1000.0)
}

/// Copies members of a request that are there into an answer.
pub fn copy_members(from: &Value, names: &[&str], into: &mut Map<String, Value>) {
    for name in names {
        if let Some(value) = from.get(*name).filter(|value| !value.is_null()) {
            into.insert((*name).to_owned(), value.clone());
        }
    }
}
