//! Objects' bytes on disk: one file an object, never changed once it has its name.
//!
//! A file is written as `objects/new/ID`, synced, renamed to `objects/xx/ID` and its folder synced;
//! only then may a record name it. Its id says nothing of the object's key, so no key is a path.
//! Because a named file never changes, a reader or a hard link keeps what it has seen, whatever
//! happens to the object. What no record names is removed by [`sweep`](super::ObjectStore::sweep).

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use asl::Moment;
use bytes::Bytes;
use futures::StreamExt;
use md5::{Digest as _, Md5};
use tokio::sync::mpsc;

use super::checksum::{Algorithm, Hasher};
use crate::{Body, Error};

/// The folder of all objects' bytes.
pub(super) struct Files {
    root: PathBuf,
    /// Ids being written: they have no record yet, and must survive a sweep.
    unsettled: Mutex<HashSet<String>>,
}

/// A file being made. It goes away when dropped, unless [`settle`](Draft::settle)d.
pub(super) struct Draft {
    files: Arc<Files>,
    id: String,
    state: DraftState,
}

#[derive(PartialEq)]
enum DraftState {
    New,
    Placed,
    /// A record names it, or may: only a sweep can tell.
    Settled,
}

/// What went by while a file was written.
pub(super) struct Written {
    /// How many bytes.
    pub size: u64,
    /// Their MD5.
    pub md5: [u8; 16],
    /// Their checksums, of the kinds asked for, in the same order.
    pub checksums: Vec<String>,
}

impl Files {
    pub(super) fn open(data: &Path) -> io::Result<Files> {
        let root = data.join("objects");
        fs::create_dir_all(root.join("new"))?;
        sync_folder(data)?;
        sync_folder(&root)?;
        Ok(Files { root, unsettled: Mutex::default() })
    }

    pub(super) fn path(&self, id: &str) -> PathBuf {
        self.root.join(&id[..2]).join(id)
    }

    fn new_path(&self, id: &str) -> PathBuf {
        self.root.join("new").join(id)
    }

    fn unsettled(&self) -> std::sync::MutexGuard<'_, HashSet<String>> {
        self.unsettled.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new file's id, not used yet.
    pub(super) fn draft(self: &Arc<Files>, moment: Moment) -> Draft {
        let mut dice = moment.dice("s3 file");
        loop {
            let id = format!("{:016x}{:016x}", dice.next_u64(), dice.next_u64());
            if !self.path(&id).exists() && self.unsettled().insert(id.clone()) {
                return Draft { files: Arc::clone(self), id, state: DraftState::New };
            }
        }
    }

    /// Removes a file that no record names any more.
    pub(super) fn remove(&self, id: &str) {
        if let Err(error) = fs::remove_file(self.path(id))
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(id, %error, "cannot remove an object's old file; the next start will");
        }
    }

    /// Ids on disk that are not being written just now, named or not.
    pub(super) fn ids(&self) -> io::Result<Vec<String>> {
        let mut ids = Vec::new();
        for folder in fs::read_dir(&self.root)? {
            for file in fs::read_dir(folder?.path())? {
                ids.extend(file?.file_name().into_string());
            }
        }
        let unsettled = self.unsettled();
        // What has another kind of name is not ours.
        let ours = |id: &str| id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        ids.retain(|id| ours(id) && !unsettled.contains(id));
        Ok(ids)
    }

    /// Removes a file wherever it lies; whether there was one.
    pub(super) fn discard(&self, id: &str) -> bool {
        fs::remove_file(self.new_path(id)).is_ok() || fs::remove_file(self.path(id)).is_ok()
    }

    /// An I/O error in a person's words.
    pub(super) fn error(&self, error: io::Error) -> Error {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                super::error::full(&self.root.display().to_string())
            }
            _ => super::error::internal(format!("`{}`: {error}", self.root.display())),
        }
    }
}

impl Draft {
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// Writes the body, syncs it and gives it its name. Holds a few chunks in memory, never the whole.
    ///
    /// # Errors
    /// The body's own error as it is (a wrapped [`Error`] is taken out), or the disk's.
    pub(super) async fn fill(
        &mut self,
        mut body: Body,
        algorithms: &[Algorithm],
    ) -> Result<Written, Error> {
        let (chunks, received) = mpsc::channel::<Bytes>(4);
        let (files, id) = (Arc::clone(&self.files), self.id.clone());
        let hashers = algorithms.iter().copied().map(Hasher::new).collect();
        let writer = tokio::task::spawn_blocking(move || files.write(&id, received, hashers));
        let mut broken = None;
        while let Some(chunk) = body.next().await {
            match chunk {
                Ok(chunk) if chunk.is_empty() => {}
                // A writer that has stopped says why itself.
                Ok(chunk) => {
                    if chunks.send(chunk).await.is_err() {
                        break;
                    }
                }
                Err(error) => {
                    broken = Some(super::error::of_body(error));
                    break;
                }
            }
        }
        drop(chunks);
        let written = writer.await.map_err(|error| super::error::internal(error.to_string()))?;
        if let Some(error) = broken {
            return Err(error);
        }
        let written = written.map_err(|error| self.files.error(error))?;
        self.place().await?;
        Ok(written)
    }

    /// Copies files one behind the other into this one.
    pub(super) async fn concatenate(&mut self, sources: Vec<PathBuf>) -> Result<(), Error> {
        let path = self.files.new_path(&self.id);
        self.blocking(move |_| {
            let mut file = OpenOptions::new().write(true).create_new(true).open(&path)?;
            for source in sources {
                // The kernel copies, without passing the bytes through us.
                io::copy(&mut File::open(source)?, &mut file)?;
            }
            file.sync_all()
        })
        .await?;
        self.place().await
    }

    /// Takes a finished file in: a hard link where that is possible, else a copy.
    pub(super) async fn adopt(&mut self, source: PathBuf) -> Result<(), Error> {
        let path = self.files.new_path(&self.id);
        self.blocking(move |_| {
            link_or_copy(&source, &path)?;
            File::open(&path)?.sync_all()
        })
        .await?;
        self.place().await
    }

    /// From `new/` to its own folder, durably.
    async fn place(&mut self) -> Result<(), Error> {
        let id = self.id.clone();
        self.blocking(move |files| {
            let path = files.path(&id);
            let folder = path.parent().unwrap_or(&files.root);
            if !folder.exists() {
                match fs::create_dir(folder) {
                    Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                        return Err(error);
                    }
                    _ => sync_folder(&files.root)?,
                }
            }
            fs::rename(files.new_path(&id), &path)?;
            sync_folder(folder)
        })
        .await?;
        self.state = DraftState::Placed;
        Ok(())
    }

    /// From now on a record may name the file: it is not removed with the draft.
    pub(super) fn settle(&mut self) {
        self.state = DraftState::Settled;
    }

    /// The record was not written, for certain.
    pub(super) fn unsettle(&mut self) {
        self.state = DraftState::Placed;
    }

    async fn blocking(
        &self,
        work: impl FnOnce(&Files) -> io::Result<()> + Send + 'static,
    ) -> Result<(), Error> {
        let files = Arc::clone(&self.files);
        match tokio::task::spawn_blocking(move || work(&files)).await {
            Ok(done) => done.map_err(|error| self.files.error(error)),
            Err(error) => Err(super::error::internal(error.to_string())),
        }
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if self.state != DraftState::Settled {
            self.files.discard(&self.id);
        }
        self.files.unsettled().remove(&self.id);
    }
}

impl Files {
    fn write(
        &self,
        id: &str,
        mut received: mpsc::Receiver<Bytes>,
        mut hashers: Vec<Hasher>,
    ) -> io::Result<Written> {
        let mut file = OpenOptions::new().write(true).create_new(true).open(self.new_path(id))?;
        let (mut md5, mut size) = (Md5::new(), 0);
        while let Some(chunk) = received.blocking_recv() {
            file.write_all(&chunk)?;
            md5.update(&chunk);
            hashers.iter_mut().for_each(|hasher| hasher.update(&chunk));
            size += chunk.len() as u64;
        }
        file.sync_all()?;
        let checksums = hashers.into_iter().map(Hasher::finish).collect();
        Ok(Written { size, md5: md5.finalize().into(), checksums })
    }
}

/// A second name for a file, or a copy of it where no second name can be had (another file system).
pub(super) fn link_or_copy(source: &Path, destination: &Path) -> io::Result<()> {
    match fs::hard_link(source, destination) {
        Ok(()) => Ok(()),
        Err(error)
            if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::AlreadyExists) =>
        {
            Err(error)
        }
        Err(_) => fs::copy(source, destination).map(drop),
    }
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
