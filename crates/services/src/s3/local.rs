//! Objects as local files, for jobs and endpoints in this process: no bytes pass through memory.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use asl::Moment;
use futures::StreamExt;
use md5::{Digest as _, Md5};
use store::Scan;

use super::checksum::{Algorithm, Checksum, Hasher, Kind};
use super::condition::WriteCondition;
use super::files::link_or_copy;
use super::object::{Attributes, Object};
use super::store::{NewObject, ObjectStore};
use super::{error, names, record};
use crate::{Body, Caller, Error};

impl ObjectStore {
    /// Every object whose key begins with `prefix`, in the order of keys.
    ///
    /// # Errors
    /// `NoSuchBucket`, `AccessDenied`.
    pub async fn list(
        &self,
        caller: &Caller,
        bucket: &str,
        prefix: &str,
    ) -> Result<Vec<Object>, Error> {
        self.bucket(caller, bucket).await?;
        let until = Scan::prefix(record::key(bucket, prefix), 0).until;
        let mut objects: Vec<Object> = Vec::new();
        loop {
            let last = objects.last().map(|object| object.key.clone());
            let from = record::key(bucket, last.as_deref().unwrap_or(prefix));
            let scan = Scan { from, until: until.clone(), reverse: false, limit: 1000 };
            let page = self.store.records(record::OBJECTS, scan).await.map_err(error::of_store)?;
            let before = objects.len();
            for row in &page {
                let key = &row.key[bucket.len() + 1..];
                // The page begins with the last key of the one before.
                if last.as_deref() != Some(key) {
                    objects.push(Object::read(key, &row.value)?);
                }
            }
            if objects.len() == before {
                return Ok(objects);
            }
        }
    }

    /// The object and the file that holds its bytes. The file never changes, but its name goes away
    /// when the object is overwritten or deleted: open it at once, or take a [`link_to`](Self::link_to) it.
    ///
    /// # Errors
    /// `NoSuchBucket`, `AccessDenied`, `NoSuchKey`.
    pub async fn locate(
        &self,
        caller: &Caller,
        bucket: &str,
        key: &str,
    ) -> Result<(Object, PathBuf), Error> {
        let object = self.object(caller, bucket, key).await?;
        let path = self.files.path(&object.file);
        Ok((object, path))
    }

    /// Opens the object's bytes.
    ///
    /// # Errors
    /// As [`locate`](Self::locate).
    pub async fn open_object(
        &self,
        caller: &Caller,
        bucket: &str,
        key: &str,
    ) -> Result<(Object, std::fs::File), Error> {
        self.with_file(caller, bucket, key, |path| std::fs::File::open(path)).await
    }

    /// Gives the object's bytes a name outside the store: a hard link, or a copy where the destination
    /// is on another file system. Whatever later happens to the object does not touch it. The
    /// destination must not be written to: it may be the very file. Its folder must exist.
    ///
    /// # Errors
    /// As [`locate`](Self::locate), and the disk's.
    pub async fn link_to(
        &self,
        caller: &Caller,
        bucket: &str,
        key: &str,
        destination: &Path,
    ) -> Result<Object, Error> {
        let destination = destination.to_owned();
        let link = move |path: &Path| link_or_copy(path, &destination);
        Ok(self.with_file(caller, bucket, key, link).await?.0)
    }

    /// Runs `work` on the object's file; again, if the object was replaced before the file was reached.
    async fn with_file<T: Send + 'static>(
        &self,
        caller: &Caller,
        bucket: &str,
        key: &str,
        work: impl Fn(&Path) -> io::Result<T> + Clone + Send + 'static,
    ) -> Result<(Object, T), Error> {
        let mut missed: Option<String> = None;
        loop {
            let (object, path) = self.locate(caller, bucket, key).await?;
            let task = {
                let (work, path) = (work.clone(), path.clone());
                tokio::task::spawn_blocking(move || work(&path))
            };
            match task.await.map_err(|error| error::internal(error.to_string()))? {
                Ok(done) => return Ok((object, done)),
                Err(error)
                    if error.kind() == io::ErrorKind::NotFound
                        && !path.exists()
                        && missed.as_ref() != Some(&object.file) =>
                {
                    missed = Some(object.file);
                }
                Err(error) => return Err(self.files.error(error)),
            }
        }
    }

    /// Makes a finished local file an object, durably: by a hard link where that is possible, so the
    /// file must not be changed afterwards (it may be removed).
    ///
    /// # Errors
    /// `NoSuchBucket`, `AccessDenied`, and the disk's.
    pub async fn put_file(
        self: &Arc<Self>,
        caller: &Caller,
        moment: Moment,
        bucket: &str,
        key: &str,
        source: &Path,
        content_type: Option<&str>,
    ) -> Result<Object, Error> {
        names::check_key(key)?;
        self.bucket(caller, bucket).await?;
        let mut draft = self.files.draft(moment);
        draft.adopt(source.to_owned()).await?;
        let path = self.files.path(draft.id());
        let (size, etag, checksum) =
            tokio::task::spawn_blocking(move || digest(&path, Algorithm::Crc64nvme))
                .await
                .map_err(|error| error::internal(error.to_string()))?
                .map_err(|error| self.files.error(error))?;
        let attributes =
            Attributes { content_type: content_type.map(String::from), ..Attributes::default() };
        let object = Object {
            key: key.to_owned(),
            size,
            etag,
            last_modified: super::object::whole_seconds(moment.now),
            attributes,
            checksum,
            parts: Vec::new(),
            upload: None,
            file: draft.id().to_owned(),
        };
        self.commit_object(NewObject {
            bucket: bucket.to_owned(),
            object,
            draft,
            condition: WriteCondition::default(),
            consumes: Vec::new(),
        })
        .await
    }

    /// Makes these bytes an object, durably.
    ///
    /// # Errors
    /// As [`put_file`](Self::put_file).
    pub async fn put_bytes(
        self: &Arc<Self>,
        caller: &Caller,
        moment: Moment,
        bucket: &str,
        key: &str,
        bytes: impl Into<bytes::Bytes>,
        content_type: Option<&str>,
    ) -> Result<Object, Error> {
        names::check_key(key)?;
        self.bucket(caller, bucket).await?;
        let attributes =
            Attributes { content_type: content_type.map(String::from), ..Attributes::default() };
        let body: Body = futures::stream::iter([Ok(bytes.into())]).boxed();
        let mut draft = self.files.draft(moment);
        let written = draft.fill(body, &[Algorithm::Crc64nvme]).await?;
        let object = Object {
            key: key.to_owned(),
            size: written.size,
            etag: hex::encode(written.md5),
            last_modified: super::object::whole_seconds(moment.now),
            attributes,
            checksum: Checksum {
                algorithm: Algorithm::Crc64nvme,
                value: written.checksums.concat(),
                kind: Kind::FullObject,
            },
            parts: Vec::new(),
            upload: None,
            file: draft.id().to_owned(),
        };
        self.commit_object(NewObject {
            bucket: bucket.to_owned(),
            object,
            draft,
            condition: WriteCondition::default(),
            consumes: Vec::new(),
        })
        .await
    }
}

/// A file's size, its MD5 in hex, and its checksum.
pub(super) fn digest(path: &Path, algorithm: Algorithm) -> io::Result<(u64, String, Checksum)> {
    let (mut md5, mut hasher, mut size) = (Md5::new(), Hasher::new(algorithm), 0);
    let mut file = std::fs::File::open(path)?;
    let mut buffer = vec![0; 256 << 10];
    loop {
        let read = io::Read::read(&mut file, &mut buffer)?;
        if read == 0 {
            break;
        }
        md5.update(&buffer[..read]);
        hasher.update(&buffer[..read]);
        size += read as u64;
    }
    let checksum = Checksum { algorithm, value: hasher.finish(), kind: Kind::FullObject };
    Ok((size, hex::encode(md5.finalize()), checksum))
}
