//! What all SageMaker resources share: a record under account, region and name; tags; lists by page.

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use store::{Batch, Expect, Record, RecordWrite, Scan};

use crate::{Caller, Context, Error, arn, page};

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
    warm_pool_status_equals: Option<String>,
    training_plan_arn_equals: Option<String>,
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
    let rows = stored.iter().map(|stored| listed(&stored.value)).collect();
    let (page, next) = request.page(rows)?;
    let mut answer = Map::new();
    answer.insert(member.to_owned(), page.into_iter().map(|row| row.summary).collect());
    if let Some(next) = next {
        answer.insert("NextToken".to_owned(), next.into());
    }
    Ok(Value::Object(answer))
}

/// Where a row stands in a list: what is sorted by, when it was made, its name. A token is that of the first
/// row of a page, so that what is made or deleted meanwhile moves nothing from one page to another.
type Place = (String, i64, String);

impl ListRequest {
    /// The rows of the page, and the token of the next.
    fn page(&self, mut rows: Vec<Listed>) -> Result<(Vec<Listed>, Option<String>), Error> {
        rows.retain(|row| self.takes(row));
        rows.sort_by_key(|row| self.place(row));
        let ascending = self.sort_order.as_deref() == Some("Ascending");
        if !ascending {
            rows.reverse();
        }
        if let Some(token) = &self.next_token {
            let place = page::position(token).and_then(|text| serde_json::from_str(&text).ok());
            let first: Place = place.ok_or_else(|| {
                Error::validation("Invalid NextToken: it is not one of an answer of this operation")
            })?;
            rows.retain(|row| match ascending {
                true => self.place(row) >= first,
                false => self.place(row) <= first,
            });
        }
        // AWS shows ten a page unless asked for more.
        let size = self.max_results.unwrap_or(10).clamp(1, 100);
        let next = rows.get(size).map(|row| page::token(&json!(self.place(row)).to_string()));
        rows.truncate(size);
        Ok((rows, next))
    }

    fn place(&self, row: &Listed) -> Place {
        match self.sort_by.as_deref() {
            Some("Name") => (String::new(), 0, row.name.clone()),
            Some("Status") => {
                (row.status.clone().unwrap_or_default(), row.created_at, row.name.clone())
            }
            _ => (String::new(), row.created_at, row.name.clone()),
        }
    }

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
        // No job has either.
        let others =
            self.warm_pool_status_equals.is_none() && self.training_plan_arn_equals.is_none();
        name && status
            && others
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

#[cfg(test)]
mod tests {
    use super::*;

    fn row(number: i64) -> Listed {
        Listed {
            name: format!("n{number:02}"),
            // Several were made in the same moment.
            created_at: number / 3,
            modified_at: number,
            status: Some(["Failed", "InService"][number as usize % 2].to_owned()),
            summary: json!({}),
        }
    }

    #[test]
    fn what_is_deleted_between_pages_moves_nothing() {
        for sort_by in ["Name", "CreationTime", "Status"] {
            for sort_order in ["Ascending", "Descending"] {
                let mut request = ListRequest {
                    sort_by: Some(sort_by.to_owned()),
                    sort_order: Some(sort_order.to_owned()),
                    max_results: Some(4),
                    ..ListRequest::default()
                };
                let (mut there, mut seen): (Vec<i64>, Vec<String>) =
                    ((0..25).collect(), Vec::new());
                loop {
                    let rows = there.iter().copied().map(row).collect();
                    let (page, next) = request.page(rows).unwrap();
                    seen.extend(page.iter().map(|row| row.name.clone()));
                    // Each page is deleted as it is read.
                    there.retain(|number| !seen.contains(&row(*number).name));
                    let Some(next) = next else { break };
                    request.next_token = Some(next);
                }
                seen.sort();
                let all: Vec<String> = (0..25).map(|number| row(number).name).collect();
                assert_eq!(seen, all, "{sort_by} {sort_order}");
            }
        }
        let request = ListRequest { next_token: Some("2".to_owned()), ..ListRequest::default() };
        assert!(request.page(Vec::new()).is_err());
    }
}
