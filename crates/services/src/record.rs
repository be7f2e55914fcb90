//! Named JSON documents in the store, typed.

use std::marker::PhantomData;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use store::{Batch, Expect, RecordWrite, Scan, StoreError};

use crate::{Context, Error};

/// A table of documents of one type. Keys usually are `account/region/name`.
pub struct Table<T> {
    name: &'static str,
    documents: PhantomData<fn() -> T>,
}

/// A document as read, with the version that a conditional write expects.
#[derive(Clone, Debug)]
pub struct Found<T> {
    /// Its key.
    pub key: String,
    /// What it says.
    pub value: T,
    /// For a write that must not overwrite others' changes.
    pub version: u64,
}

impl<T: Serialize + DeserializeOwned + Send> Table<T> {
    /// The table of this name.
    pub const fn new(name: &'static str) -> Table<T> {
        Table { name, documents: PhantomData }
    }

    /// One document.
    pub async fn get(&self, context: &Context, key: &str) -> Result<Option<Found<T>>, Error> {
        match context.store.record(self.name, key).await? {
            Some(record) => Ok(Some(self.decode(record)?)),
            None => Ok(None),
        }
    }

    /// Documents in the order of their keys.
    pub async fn list(&self, context: &Context, scan: Scan) -> Result<Vec<Found<T>>, Error> {
        let records = context.store.records(self.name, scan).await?;
        records.into_iter().map(|record| self.decode(record)).collect()
    }

    /// How many documents have keys that begin so.
    pub async fn count(&self, context: &Context, prefix: &str) -> Result<u64, Error> {
        Ok(context.store.count_records(self.name, prefix).await?)
    }

    /// Writes a document that must not exist yet; whether it was so.
    pub async fn insert(&self, context: &Context, key: &str, value: &T) -> Result<bool, Error> {
        let batch =
            Batch { records: vec![self.write(key, value, Expect::Absent)?], ..Batch::default() };
        committed(context.store.commit(batch).await)
    }

    /// Reads, changes and writes one document, again if somebody else wrote it in between. `None` when
    /// there is no such document.
    pub async fn update<R>(
        &self,
        context: &Context,
        key: &str,
        mut change: impl FnMut(&mut T) -> Result<R, Error> + Send,
    ) -> Result<Option<R>, Error> {
        loop {
            let Some(mut found) = self.get(context, key).await? else { return Ok(None) };
            let result = change(&mut found.value)?;
            let write = self.write(key, &found.value, Expect::Version(found.version))?;
            let batch = Batch { records: vec![write], ..Batch::default() };
            if committed(context.store.commit(batch).await)? {
                return Ok(Some(result));
            }
        }
    }

    /// Removes a document; nothing to remove is no error.
    pub async fn remove(&self, context: &Context, key: &str) -> Result<(), Error> {
        let batch = Batch { records: vec![self.delete(key, Expect::Any)], ..Batch::default() };
        Ok(context.store.commit(batch).await?)
    }

    /// A write for a batch.
    pub fn write(&self, key: &str, value: &T, expect: Expect) -> Result<RecordWrite, Error> {
        let value = serde_json::to_vec(value).map_err(|error| self.damaged(key, &error))?;
        let value = Some(Bytes::from(value));
        Ok(RecordWrite { table: self.name, key: key.to_owned(), value, expect })
    }

    /// A deletion for a batch.
    pub fn delete(&self, key: &str, expect: Expect) -> RecordWrite {
        RecordWrite { table: self.name, key: key.to_owned(), value: None, expect }
    }

    fn decode(&self, record: store::Record) -> Result<Found<T>, Error> {
        match serde_json::from_slice(&record.value) {
            Ok(value) => Ok(Found { key: record.key, value, version: record.version }),
            Err(error) => Err(self.damaged(&record.key, &error)),
        }
    }

    fn damaged(&self, key: &str, error: &serde_json::Error) -> Error {
        Error::internal(format!("the record `{key}` of `{}` is damaged: {error}", self.name))
    }
}

/// Whether a commit was taken; false when one of its conditions did not hold.
pub fn committed(result: Result<(), StoreError>) -> Result<bool, Error> {
    match result {
        Ok(()) => Ok(true),
        Err(StoreError::Conflict { .. }) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
