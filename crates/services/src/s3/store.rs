//! The object store: records in the [`Store`], bytes in [`Files`], and the order in which they are written.

use std::io;
use std::path::Path;
use std::sync::Arc;

use asl::Timestamp;
use serde::{Deserialize, Serialize};
use store::{Batch, Expect, RecordWrite, Scan, Store, StoreError};
use tokio::sync::RwLock;

use super::condition::WriteCondition;
use super::files::{Draft, Files};
use super::object::{Object, Tag};
use super::public_access::PublicAccess;
use super::{error, names, record};
use crate::{Caller, Error};

/// Buckets and objects, shared by every call as `context.objects`.
pub struct ObjectStore {
    pub(super) store: Arc<dyn Store>,
    pub(super) files: Arc<Files>,
    /// Shared by whoever writes into a bucket or an upload, exclusive for whoever takes one away: else
    /// an object could land in a bucket that was found empty.
    containers: RwLock<()>,
}

/// A bucket's record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bucket {
    /// Its name; stands in the record's key.
    #[serde(skip)]
    pub name: String,
    /// The account it belongs to.
    pub account: String,
    /// The region it was created in.
    pub region: String,
    /// When.
    pub created: Timestamp,
    /// Its tags.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Tag>,
    /// Its policy, as given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// Whether it may be public.
    #[serde(default = "blocked")]
    pub public_access: PublicAccess,
}

fn blocked() -> PublicAccess {
    PublicAccess::BLOCKED
}

/// What a sweep removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Files that no record names: of writes and removals that a crash cut short.
    pub files: usize,
}

/// A file that is complete and waits for its record.
pub(super) struct NewObject {
    pub bucket: String,
    pub object: Object,
    pub draft: Draft,
    pub condition: WriteCondition,
    /// Records that go away with the same commit, each at the version that was read.
    pub consumes: Vec<Consumed>,
}

/// A record that a commit uses up, and the file it names.
pub(super) struct Consumed {
    pub table: &'static str,
    pub key: String,
    pub version: u64,
    pub file: Option<String>,
}

/// How often a write is tried again because another one came first.
const ATTEMPTS: usize = 64;

impl ObjectStore {
    /// Over these records, with the bytes in `DATA/objects`.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn open(store: Arc<dyn Store>, data: &Path) -> io::Result<ObjectStore> {
        Ok(ObjectStore {
            store,
            files: Arc::new(Files::open(data)?),
            containers: RwLock::default(),
        })
    }

    /// Removes files that no record names. Once after a start; it may run beside everything else.
    ///
    /// # Errors
    /// The disk's or the store's; what was not removed stays for the next sweep.
    pub async fn sweep(&self) -> Result<Swept, Error> {
        let files = Arc::clone(&self.files);
        // The files first: whatever is written meanwhile is not among them.
        let on_disk = tokio::task::spawn_blocking(move || files.ids())
            .await
            .map_err(|error| error::internal(error.to_string()))?
            .map_err(|error| self.files.error(error))?;
        if on_disk.is_empty() {
            return Ok(Swept::default());
        }
        let mut unnamed: std::collections::HashSet<String> = on_disk.into_iter().collect();
        for table in [record::PARTS, record::OBJECTS] {
            #[derive(Deserialize)]
            struct Named {
                file: String,
            }
            let mut last: Option<String> = None;
            loop {
                let from = last.clone().unwrap_or_default();
                let scan = Scan { from, until: None, reverse: false, limit: 1000 };
                let page = self.store.records(table, scan).await.map_err(error::of_store)?;
                for row in &page {
                    unnamed.remove(&record::decode::<Named>(&row.value)?.file);
                }
                let end = page.last().map(|row| row.key.clone());
                if end.is_none() || end == last {
                    break;
                }
                last = end;
            }
        }
        let files = Arc::clone(&self.files);
        tokio::task::spawn_blocking(move || Swept {
            files: unnamed.iter().filter(|id| files.discard(id)).count(),
        })
        .await
        .map_err(|error| error::internal(error.to_string()))
    }

    /// Objects and parts whose bytes are not there, or are not as many as their record says.
    ///
    /// # Errors
    /// The store's.
    pub async fn missing(&self) -> Result<Vec<String>, Error> {
        #[derive(Deserialize)]
        struct Named {
            file: String,
            size: u64,
        }
        let mut missing = Vec::new();
        for table in [record::PARTS, record::OBJECTS] {
            let mut from = String::new();
            loop {
                let scan = Scan { from: from.clone(), until: None, reverse: false, limit: 1000 };
                let page = self.store.records(table, scan).await.map_err(error::of_store)?;
                for row in &page {
                    let named: Named = record::decode(&row.value)?;
                    match std::fs::metadata(self.files.path(&named.file)) {
                        Ok(found) if found.len() == named.size => {}
                        Ok(found) => missing.push(format!(
                            "`{}` has {} bytes instead of {}",
                            row.key,
                            found.len(),
                            named.size
                        )),
                        Err(error) => missing.push(format!("`{}`: {error}", row.key)),
                    }
                }
                let Some(last) = page.last() else { break };
                // The smallest key behind it.
                from = format!("{}\0", last.key);
            }
        }
        Ok(missing)
    }

    /// The bucket, if the caller may use it.
    ///
    /// # Errors
    /// `NoSuchBucket`; `AccessDenied` for another account's without a policy. Whether a policy lets the caller
    /// in, the guard was asked before.
    pub async fn bucket(&self, caller: &Caller, name: &str) -> Result<Bucket, Error> {
        let bucket = self.any_bucket(name).await?.ok_or_else(|| error::no_such_bucket(name))?.0;
        if bucket.account != caller.account && bucket.policy.is_none() {
            return Err(error::access_denied().with("BucketName", name));
        }
        Ok(bucket)
    }

    /// As [`bucket`](Self::bucket), and the owner is the one that the caller expects.
    pub(super) async fn bucket_of(
        &self,
        caller: &Caller,
        name: &str,
        expected_owner: Option<&str>,
    ) -> Result<Bucket, Error> {
        let bucket = self.bucket(caller, name).await?;
        match expected_owner {
            Some(owner) if owner != bucket.account => Err(error::access_denied()),
            _ => Ok(bucket),
        }
    }

    /// The bucket, whosever it is, and its record's version.
    pub(crate) async fn any_bucket(&self, name: &str) -> Result<Option<(Bucket, u64)>, Error> {
        let found = self.store.record(record::BUCKETS, name).await.map_err(error::of_store)?;
        found
            .map(|row| {
                let mut bucket: Bucket = record::decode(&row.value)?;
                bucket.name = name.to_owned();
                Ok((bucket, row.version))
            })
            .transpose()
    }

    /// The object, in a bucket that the caller may use.
    ///
    /// # Errors
    /// `NoSuchBucket`, `AccessDenied`, `NoSuchKey`.
    pub async fn object(&self, caller: &Caller, bucket: &str, key: &str) -> Result<Object, Error> {
        self.bucket(caller, bucket).await?;
        Ok(self.versioned(bucket, key).await?.ok_or_else(|| error::no_such_key(key))?.0)
    }

    /// The object and its record's version.
    pub(super) async fn versioned(
        &self,
        bucket: &str,
        key: &str,
    ) -> Result<Option<(Object, u64)>, Error> {
        let found = self.store.record(record::OBJECTS, &record::key(bucket, key)).await;
        let found = found.map_err(error::of_store)?;
        found.map(|row| Ok((Object::read(key, &row.value)?, row.version))).transpose()
    }

    /// The tags of an object, whoever asks; none of one that is not there.
    ///
    /// # Errors
    /// The store's.
    pub(crate) async fn tags(
        &self,
        bucket: &str,
        key: &str,
    ) -> Result<Vec<(String, String)>, Error> {
        let found = self.versioned(bucket, key).await?;
        let tags = found.into_iter().flat_map(|(object, _)| object.attributes.tag_set);
        Ok(tags.map(|tag| (tag.key, tag.value)).collect())
    }

    /// Makes a complete file the object's bytes. Runs to its end even if the caller goes away, so that
    /// the file and the record never part.
    pub(super) async fn commit_object(self: &Arc<Self>, new: NewObject) -> Result<Object, Error> {
        let this = Arc::clone(self);
        let task = tokio::spawn(async move { this.try_commit_object(new).await });
        task.await.map_err(|error| error::internal(error.to_string()))?
    }

    async fn try_commit_object(&self, mut new: NewObject) -> Result<Object, Error> {
        let key = record::key(&new.bucket, &new.object.key);
        let value = new.object.write()?;
        for _ in 0..ATTEMPTS {
            // Two arms of one kind: whoever uses an upload up must be alone with it.
            let (_shared, _alone) = match new.consumes.is_empty() {
                true => (Some(self.containers.read().await), None),
                false => (None, Some(self.containers.write().await)),
            };
            if self.any_bucket(&new.bucket).await?.is_none() {
                return Err(error::no_such_bucket(&new.bucket));
            }
            let old = self.versioned(&new.bucket, &new.object.key).await?;
            new.condition.check(&new.object.key, old.as_ref().map(|(object, _)| object))?;
            let expect =
                old.as_ref().map_or(Expect::Absent, |(_, version)| Expect::Version(*version));
            let mut batch = Batch::default();
            batch.records.push(RecordWrite {
                table: record::OBJECTS,
                key: key.clone(),
                value: Some(value.clone()),
                expect,
            });
            for used in &new.consumes {
                self.still_there(used).await?;
                batch.records.push(used.removal());
            }
            new.draft.settle();
            match self.store.commit(batch).await {
                Ok(()) => {
                    let old = old.map(|(object, _)| object.file);
                    let used = new.consumes.into_iter().filter_map(|used| used.file);
                    self.remove_files(old.into_iter().chain(used).collect()).await;
                    return Ok(new.object);
                }
                Err(StoreError::Conflict { .. }) => new.draft.unsettle(),
                Err(full @ StoreError::Full { .. }) => {
                    new.draft.unsettle();
                    return Err(error::of_store(full));
                }
                // It may have been written after all: the file stays, a sweep can tell.
                Err(other) => return Err(error::of_store(other)),
            }
        }
        Err(error::aborted())
    }

    async fn still_there(&self, used: &Consumed) -> Result<(), Error> {
        let found = self.store.record(used.table, &used.key).await.map_err(error::of_store)?;
        if found.is_some_and(|row| row.version == used.version) {
            return Ok(());
        }
        let upload = used.key.split('/').nth(1).unwrap_or_default();
        Err(error::no_such_upload(upload))
    }

    /// Writes records into a bucket or an upload while `holds` is true of it, then removes files.
    /// The records are checked and written while nobody takes the container away.
    pub(super) async fn commit_within<F>(
        self: &Arc<Self>,
        write: impl Fn() -> F + Send + Sync + 'static,
    ) -> Result<(), Error>
    where
        F: Future<Output = Result<Change, Error>> + Send,
    {
        let this = Arc::clone(self);
        let task = tokio::spawn(async move {
            let _shared = this.containers.read().await;
            this.change(write).await
        });
        task.await.map_err(|error| error::internal(error.to_string()))?
    }

    /// As [`commit_within`](Self::commit_within), alone: for what takes a bucket or an upload away.
    pub(super) async fn commit_alone<F>(
        self: &Arc<Self>,
        write: impl Fn() -> F + Send + Sync + 'static,
    ) -> Result<(), Error>
    where
        F: Future<Output = Result<Change, Error>> + Send,
    {
        let this = Arc::clone(self);
        let task = tokio::spawn(async move {
            let _alone = this.containers.write().await;
            this.change(write).await
        });
        task.await.map_err(|error| error::internal(error.to_string()))?
    }

    async fn change<F>(&self, write: impl Fn() -> F) -> Result<(), Error>
    where
        F: Future<Output = Result<Change, Error>>,
    {
        for _ in 0..ATTEMPTS {
            let Change { records, files, draft } = write().await?;
            if records.is_empty() {
                return Ok(());
            }
            let settle = |settled: bool| {
                if let Some(draft) = &draft {
                    let mut draft = draft.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                    if settled { draft.settle() } else { draft.unsettle() }
                }
            };
            settle(true);
            match self.store.commit(Batch { records, ..Batch::default() }).await {
                Ok(()) => {
                    self.remove_files(files).await;
                    return Ok(());
                }
                Err(StoreError::Conflict { .. }) => settle(false),
                Err(full @ StoreError::Full { .. }) => {
                    settle(false);
                    return Err(error::of_store(full));
                }
                Err(other) => return Err(error::of_store(other)),
            }
        }
        Err(error::aborted())
    }

    pub(super) async fn remove_files(&self, ids: Vec<String>) {
        if ids.is_empty() {
            return;
        }
        let files = Arc::clone(&self.files);
        let removed =
            tokio::task::spawn_blocking(move || ids.iter().for_each(|id| files.remove(id)));
        if let Err(error) = removed.await {
            tracing::warn!(%error, "objects' old files were not removed; the next start will");
        }
    }
}

/// What a change writes, and which files it leaves unnamed.
#[derive(Default)]
pub(super) struct Change {
    pub records: Vec<RecordWrite>,
    pub files: Vec<String>,
    /// The file that the records will name.
    pub draft: Option<Arc<std::sync::Mutex<Draft>>>,
}

impl Consumed {
    pub(super) fn removal(&self) -> RecordWrite {
        RecordWrite {
            table: self.table,
            key: self.key.clone(),
            value: None,
            expect: Expect::Version(self.version),
        }
    }
}

impl Bucket {
    /// Puts a new bucket's record in place.
    pub(super) fn insert(&self) -> Result<RecordWrite, Error> {
        names::check_bucket(&self.name)?;
        self.written(Expect::Absent)
    }

    pub(super) fn written(&self, expect: Expect) -> Result<RecordWrite, Error> {
        let value = Some(record::encode(self)?);
        Ok(RecordWrite { table: record::BUCKETS, key: self.name.clone(), value, expect })
    }
}
