//! Carries what has been committed from the WAL into the database, beside the thread that commits.

use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use super::database::Database;
use crate::StoreError;

/// The thread that does it. A commit never waits for it.
pub(super) struct Checkpoints {
    wake: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
    bytes: usize,
}

/// After about so many bytes of rows; in the WAL they are several times as many.
const EVERY_BYTES: usize = 2 << 20;

impl Checkpoints {
    /// For the database at `path`, which exists.
    pub(super) fn start(path: &Path) -> Result<Checkpoints, StoreError> {
        let database = Database::for_checkpoints(path)?;
        let at = database.at().to_owned();
        // One more is enough: it covers all that was committed before it begins.
        let (wake, asked) = sync_channel(1);
        let thread = std::thread::Builder::new()
            .name("store-checkpoints".to_owned())
            .spawn(move || run(&database, &asked))
            .map_err(|error| StoreError::Unavailable { at, reason: error.to_string() })?;
        Ok(Checkpoints { wake: Some(wake), thread: Some(thread), bytes: 0 })
    }

    /// So many bytes of rows have been committed.
    pub(super) fn committed(&mut self, bytes: usize) {
        self.bytes += bytes;
        if self.bytes >= EVERY_BYTES
            && let Some(wake) = &self.wake
        {
            self.bytes = 0;
            // If it is asked already, it will see these too.
            let _ = wake.try_send(());
        }
    }
}

impl Drop for Checkpoints {
    fn drop(&mut self) {
        self.wake = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn run(database: &Database, asked: &Receiver<()>) {
    while asked.recv().is_ok() {
        // What fails is tried again with the next; what was acknowledged is in the WAL.
        if let Err(error) = database.checkpoint() {
            tracing::debug!(at = database.at(), %error, "a checkpoint must wait");
        }
    }
}
