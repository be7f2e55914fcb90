//! Rows in SQLite: one writer that shares each fsync among all who wait, readers that never wait for it.
//!
//! A data folder holds `stepwell.db` (with its WAL beside it) and `lock`, which the process that has
//! the folder open keeps locked; the system lets go of it however the process ends.

mod checkpoints;
mod database;
mod folder;
mod meter;
mod reads;
mod upkeep;
mod writer;

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, TryLockError};

use async_trait::async_trait;
use prometheus_client::registry::Registry;

use self::checkpoints::Checkpoints;
use self::database::Database;
use self::folder::Held;
use self::writer::Writer;

pub(crate) use self::upkeep::copy;
use crate::{
    Batch, Chunk, ExecutionFilter, ExecutionKey, ExecutionRow, Record, Scan, Store, StoreError,
    TaskRow, TimerRow,
};

/// A store in SQLite.
pub(crate) struct Sqlite {
    // Before the writer: the last connection to close carries the WAL into the database and removes it,
    // which one that only reads cannot.
    readers: Arc<Readers>,
    writes: Writes,
    reserved: tokio::sync::Mutex<std::ops::Range<ExecutionKey>>,
    // Last, so that the folder is let go of only when nothing uses it any more.
    _held: Option<Held>,
}

enum Writes {
    /// A thread of its own commits for everyone.
    Shared(Writer),
    /// In memory there is nothing to wait for: the caller's thread writes, which also makes tests repeatable.
    Inline,
}

/// Execution numbers are reserved so many at a time; what is left at the end of the process is skipped.
const RESERVED_AT_ONCE: u64 = 4096;
/// Answers of more rows than this are read on a thread that may block for long.
const ROWS_INLINE_MAX: usize = 128;
const READERS: usize = 4;

impl Sqlite {
    /// A store that is gone when it is dropped.
    pub(crate) fn in_memory() -> Result<Sqlite, StoreError> {
        let database = Database::in_memory()?;
        Ok(Sqlite {
            writes: Writes::Inline,
            readers: Arc::new(Readers::new(vec![database])),
            reserved: Default::default(),
            _held: None,
        })
    }

    /// The store of a data folder.
    pub(crate) fn in_folder(folder: &Path) -> Result<Sqlite, StoreError> {
        Sqlite::with_pages_max(folder, None)
    }

    /// As [`Sqlite::in_folder`], with a bound on the database's size (the tests' full disk).
    fn with_pages_max(folder: &Path, pages_max: Option<u32>) -> Result<Sqlite, StoreError> {
        let held = Held::take(folder)?;
        let path = folder.join("stepwell.db");
        let writer = Database::for_writing(&path)?;
        if let Some(pages) = pages_max {
            writer.limit_pages(pages)?;
        }
        let readers =
            (0..READERS).map(|_| Database::for_reading(&path)).collect::<Result<_, _>>()?;
        Ok(Sqlite {
            writes: Writes::Shared(Writer::start(writer, Checkpoints::start(&path)?)?),
            readers: Arc::new(Readers::new(readers)),
            reserved: Default::default(),
            _held: Some(held),
        })
    }

    /// A read of a row or two: cheaper done at once than handed to another thread.
    fn point<T>(
        &self,
        read: impl FnOnce(&Database) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        read(&self.readers.any())
    }

    /// A read of up to `rows` rows.
    async fn range<T: Send + 'static>(
        &self,
        rows: usize,
        read: impl FnOnce(&Database) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        if rows <= ROWS_INLINE_MAX || matches!(self.writes, Writes::Inline) {
            return read(&self.readers.any());
        }
        let readers = self.readers.clone();
        match tokio::task::spawn_blocking(move || read(&readers.any())).await {
            Ok(answer) => answer,
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        }
    }
}

#[async_trait]
impl Store for Sqlite {
    async fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        match &self.writes {
            Writes::Shared(writer) => writer.commit(batch).await,
            Writes::Inline => self.readers.any().commit_one(&batch),
        }
    }

    async fn allocate(&self) -> Result<ExecutionKey, StoreError> {
        let mut reserved = self.reserved.lock().await;
        if reserved.is_empty() {
            let first = match &self.writes {
                Writes::Shared(writer) => writer.reserve(RESERVED_AT_ONCE).await?,
                Writes::Inline => self.readers.any().reserve(RESERVED_AT_ONCE)?,
            };
            *reserved = first..first + RESERVED_AT_ONCE;
        }
        let key = reserved.start;
        reserved.start += 1;
        Ok(key)
    }

    async fn record(&self, table: &'static str, key: &str) -> Result<Option<Record>, StoreError> {
        self.point(|database| database.record(table, key))
    }

    async fn records(&self, table: &'static str, scan: Scan) -> Result<Vec<Record>, StoreError> {
        self.range(scan.limit, move |database| database.records(table, &scan)).await
    }

    async fn count_records(&self, table: &'static str, prefix: &str) -> Result<u64, StoreError> {
        let prefix = Scan::prefix(prefix, usize::MAX);
        self.range(prefix.limit, move |database| database.count_records(table, &prefix)).await
    }

    async fn count_executions(&self, owners: &str, status: u8) -> Result<u64, StoreError> {
        let owners = Scan::prefix(owners, usize::MAX);
        self.range(owners.limit, move |database| database.count_executions(&owners, status)).await
    }

    async fn execution(&self, key: ExecutionKey) -> Result<Option<ExecutionRow>, StoreError> {
        self.point(|database| database.execution(key))
    }

    async fn execution_named(
        &self,
        owner: &str,
        name: &str,
    ) -> Result<Option<ExecutionRow>, StoreError> {
        self.point(|database| database.execution_named(owner, name))
    }

    async fn executions(&self, filter: ExecutionFilter) -> Result<Vec<ExecutionRow>, StoreError> {
        self.range(filter.limit, move |database| database.executions(&filter)).await
    }

    async fn executions_after(
        &self,
        after: ExecutionKey,
        limit: usize,
    ) -> Result<Vec<ExecutionRow>, StoreError> {
        self.range(limit, move |database| database.executions_after(after, limit)).await
    }

    async fn verify(&self) -> Result<Vec<String>, StoreError> {
        self.range(usize::MAX, Database::verify).await
    }

    fn register(&self, registry: &mut Registry) {
        if let Writes::Shared(writer) = &self.writes {
            writer.meter.register(registry);
        }
    }

    async fn vacuum(&self, pages: u32) -> Result<u64, StoreError> {
        match &self.writes {
            Writes::Shared(writer) => writer.vacuum(pages).await,
            Writes::Inline => self.readers.any().vacuum(pages),
        }
    }

    async fn journal(
        &self,
        execution: ExecutionKey,
        from: u64,
        limit: usize,
    ) -> Result<Vec<Chunk>, StoreError> {
        self.range(limit, move |database| database.journal(execution, from, limit)).await
    }

    async fn chunk_of_event(
        &self,
        execution: ExecutionKey,
        event: u64,
    ) -> Result<Option<u64>, StoreError> {
        self.point(|database| database.chunk_of_event(execution, event))
    }

    async fn timers(&self, before: i64, limit: usize) -> Result<Vec<TimerRow>, StoreError> {
        self.range(limit, move |database| database.timers(before, limit)).await
    }

    async fn timers_of(&self, execution: ExecutionKey) -> Result<Vec<TimerRow>, StoreError> {
        self.point(|database| database.timers_of(execution))
    }

    async fn tasks(
        &self,
        queue: &str,
        after: Option<(ExecutionKey, u64)>,
        limit: usize,
    ) -> Result<Vec<TaskRow>, StoreError> {
        let queue = queue.to_owned();
        self.range(limit, move |database| database.tasks(&queue, after, limit)).await
    }

    async fn tasks_of(&self, execution: ExecutionKey) -> Result<Vec<TaskRow>, StoreError> {
        self.point(|database| database.tasks_of(execution))
    }
}

/// Connections that read, each used by one at a time.
struct Readers {
    databases: Vec<Mutex<Database>>,
    next: AtomicUsize,
}

impl Readers {
    fn new(databases: Vec<Database>) -> Readers {
        Readers {
            databases: databases.into_iter().map(Mutex::new).collect(),
            next: AtomicUsize::new(0),
        }
    }

    /// A free connection, or the next in turn once it is free.
    fn any(&self) -> MutexGuard<'_, Database> {
        for database in &self.databases {
            match database.try_lock() {
                Ok(database) => return database,
                // A reader that panicked has changed nothing.
                Err(TryLockError::Poisoned(poisoned)) => return poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => {}
            }
        }
        let turn = self.next.fetch_add(1, Ordering::Relaxed) % self.databases.len();
        self.databases[turn].lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

#[cfg(test)]
mod tests;
