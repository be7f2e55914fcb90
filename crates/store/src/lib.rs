//! Durable rows behind one trait. It knows rows, not meaning: no ASL, no AWS, one writing verb.
//!
//! Nothing here may assume one process or SQLite: PostgreSQL, shared by several servers, is to come.
//! Rows of one kind that are written together have keys that lie together, which is what makes
//! group commit fast (see `docs/design/store.md`).

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use prometheus_client::registry::Registry;

mod sqlite;
#[cfg(test)]
mod suite;

/// Opens the store at `url`: `memory:` (gone with the process), `sqlite:FOLDER`, or just a folder's path.
/// The folder is made if it is missing, and held by this process until the store is dropped.
///
/// # Errors
/// [`StoreError::Held`] when another process has the folder open; [`StoreError::Unavailable`] when there is
/// no backend for the URL's scheme, the folder cannot be written, or a newer Stepwell wrote it.
pub async fn open(url: &str) -> Result<Arc<dyn Store>, StoreError> {
    match url.split_once(':') {
        Some(("memory", _)) => Ok(Arc::new(sqlite::Sqlite::in_memory()?)),
        Some(("sqlite", folder)) => Ok(Arc::new(sqlite::Sqlite::in_folder(folder.as_ref())?)),
        Some((scheme, rest)) if rest.starts_with("//") => Err(StoreError::Unavailable {
            at: url.to_owned(),
            reason: format!("there is no backend for `{scheme}`; give a folder or `sqlite:FOLDER`"),
        }),
        _ => Ok(Arc::new(sqlite::Sqlite::in_folder(url.as_ref())?)),
    }
}

/// Copies the database of the data folder `folder` into the new file `to`: all that was committed at one
/// moment, while a server may use the folder. Made durable before this returns.
///
/// # Errors
/// [`StoreError::Unavailable`] when there is no database, or `to` exists or cannot be written;
/// [`StoreError::Full`].
pub fn copy(folder: &Path, to: &Path) -> Result<(), StoreError> {
    sqlite::copy(folder, to)
}

/// The name of the database's file in a data folder, and of the file that a running server holds.
pub const FILES: [&str; 2] = ["stepwell.db", "lock"];

/// An execution's number in this store: allocated by [`Store::allocate`], growing, never reused.
pub type ExecutionKey = u64;

/// All of it becomes durable, or none of it does. Batches of many callers share one fsync.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// Named documents.
    pub records: Vec<RecordWrite>,
    /// Executions' index rows.
    pub executions: Vec<ExecutionWrite>,
    /// Journal chunks, appended.
    pub journal: Vec<Chunk>,
    /// Timers set and cancelled.
    pub timers: Vec<TimerWrite>,
    /// Tasks owed and done.
    pub tasks: Vec<TaskWrite>,
}

impl Batch {
    /// Adds everything of `other` behind what is here.
    pub fn merge(&mut self, other: Batch) {
        self.records.extend(other.records);
        self.executions.extend(other.executions);
        self.journal.extend(other.journal);
        self.timers.extend(other.timers);
        self.tasks.extend(other.tasks);
    }

    /// About how many bytes it writes.
    pub(crate) fn bytes(&self) -> usize {
        let of_record =
            |write: &RecordWrite| write.key.len() + write.value.as_ref().map_or(0, Bytes::len);
        let of_execution = |write: &ExecutionWrite| match write {
            ExecutionWrite::Insert(row) | ExecutionWrite::Update(row) => 64 + row.detail.len(),
            ExecutionWrite::Delete(_) => 64,
        };
        let of_task = |write: &TaskWrite| match write {
            TaskWrite::Add(row) => 32 + row.detail.len(),
            TaskWrite::Move { .. } | TaskWrite::Done { .. } => 32,
        };
        self.records.iter().map(of_record).sum::<usize>()
            + self.executions.iter().map(of_execution).sum::<usize>()
            + self.journal.iter().map(|chunk| 16 + chunk.bytes.len()).sum::<usize>()
            + 32 * self.timers.len()
            + self.tasks.iter().map(of_task).sum::<usize>()
    }

    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
            && self.executions.is_empty()
            && self.journal.is_empty()
            && self.timers.is_empty()
            && self.tasks.is_empty()
    }
}

/// What must be true of a record for the batch to be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// Nothing.
    Any,
    /// There is none.
    Absent,
    /// It is at this version.
    Version(u64),
}

/// Writes or deletes one record. A record's version is 1 when first written and grows by 1.
#[derive(Clone, Debug)]
pub struct RecordWrite {
    /// The record's table, a fixed word of the caller's: `sagemaker/training-job`.
    pub table: &'static str,
    /// Its key; keys of a table are ordered by their bytes.
    pub key: String,
    /// Its new value; none deletes it.
    pub value: Option<Bytes>,
    /// The condition.
    pub expect: Expect,
}

/// A record as read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its key.
    pub key: String,
    /// Its value.
    pub value: Bytes,
    /// Its version, for [`Expect::Version`].
    pub version: u64,
}

/// Which records of a table to read: `from <= key < until`.
#[derive(Clone, Debug, Default)]
pub struct Scan {
    /// First key.
    pub from: String,
    /// First key that is not wanted; none reads to the end.
    pub until: Option<String>,
    /// From the last key down.
    pub reverse: bool,
    /// At most so many.
    pub limit: usize,
}

impl Scan {
    /// All keys that begin with `prefix`, at most `limit`.
    pub fn prefix(prefix: impl Into<String>, limit: usize) -> Scan {
        let from = prefix.into();
        let until = successor(&from);
        Scan { from, until, reverse: false, limit }
    }
}

/// The smallest string greater than every string that begins with `prefix`.
fn successor(prefix: &str) -> Option<String> {
    let mut characters: Vec<char> = prefix.chars().collect();
    while let Some(last) = characters.pop() {
        // The surrogate gap is no character: the one after U+D7FF is U+E000.
        let next =
            if last == '\u{d7ff}' { Some('\u{e000}') } else { char::from_u32(last as u32 + 1) };
        if let Some(next) = next {
            characters.push(next);
            return Some(characters.into_iter().collect());
        }
    }
    None
}

/// An execution's index row: enough to list it without its journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecutionRow {
    /// Its number.
    pub key: ExecutionKey,
    /// What it belongs to (the caller's word, e.g. a state machine's ARN): lists go by it.
    pub owner: String,
    /// Its name, unique within its owner.
    pub name: String,
    /// A small number of the caller's; lists can ask for one.
    pub status: u8,
    /// Whether it may still change: open rows are found again at start-up.
    pub open: bool,
    /// Milliseconds since the epoch.
    pub started_at: i64,
    /// Milliseconds since the epoch.
    pub stopped_at: Option<i64>,
    /// Everything else, the caller's encoding.
    pub detail: Bytes,
}

/// Writes one execution's row.
#[derive(Clone, Debug)]
pub enum ExecutionWrite {
    /// A new one; a name that its owner has already, or a key in use, is a [`StoreError::Conflict`].
    Insert(ExecutionRow),
    /// Replaces status, open, stopped_at and detail of the row with this key; a [`StoreError::Conflict`]
    /// if there is none.
    Update(ExecutionRow),
    /// Removes the row, its journal, timers and tasks (retention).
    Delete(ExecutionKey),
}

/// One decision's events, encoded by the caller. A journal is its chunks in order of `sequence`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Whose.
    pub execution: ExecutionKey,
    /// Its place, from 0 without gaps: two writers of the same place are a [`StoreError::Conflict`].
    pub sequence: u64,
    /// The id of its first visible event, for paging without loading the rest.
    pub first_event: u64,
    /// The events.
    pub bytes: Bytes,
}

/// Sets or cancels a timer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TimerWrite {
    /// Due at this millisecond.
    Set(TimerRow),
    /// Not needed any more.
    Cancel {
        /// Whose.
        execution: ExecutionKey,
        /// Its number within the execution.
        timer: u64,
    },
}

/// A timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimerRow {
    /// Milliseconds since the epoch.
    pub due_at: i64,
    /// Whose.
    pub execution: ExecutionKey,
    /// Its number within the execution.
    pub timer: u64,
}

/// Adds or removes a task that is owed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TaskWrite {
    /// Owed until it is done.
    Add(TaskRow),
    /// Puts it into another queue; its detail stays.
    Move {
        /// Whose.
        execution: ExecutionKey,
        /// Its number within the execution.
        task: u64,
        /// Who takes it next, as in [`TaskRow::queue`].
        queue: String,
    },
    /// Answered or cancelled.
    Done {
        /// Whose.
        execution: ExecutionKey,
        /// Its number within the execution.
        task: u64,
    },
}

/// A task that is owed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskRow {
    /// Whose.
    pub execution: ExecutionKey,
    /// Its number within the execution.
    pub task: u64,
    /// Who takes it next, the caller's word; empty while nobody needs to (it is answered from outside).
    pub queue: String,
    /// The caller's encoding.
    pub detail: Bytes,
}

/// Which executions to list, newest first (but see `after`).
#[derive(Clone, Debug, Default)]
pub struct ExecutionFilter {
    /// Of this owner; none means all.
    pub owner: Option<String>,
    /// With this status; none means all.
    pub status: Option<u8>,
    /// Only executions with a smaller number (the last one of the page before).
    pub before: Option<ExecutionKey>,
    /// Only executions with a greater number, and oldest first: 0 begins with the oldest.
    pub after: Option<ExecutionKey>,
    /// At most so many.
    pub limit: usize,
}

/// What the caller does about it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A condition did not hold; nothing of the batch was written. Read again, decide again.
    #[error("`{what}` is not as expected")]
    Conflict {
        /// Table and key, or the execution.
        what: String,
    },
    /// There is no room; nothing of the batch was written. Free some, try again.
    #[error("the store at `{at}` is full")]
    Full {
        /// The database.
        at: String,
    },
    /// Another process holds the store.
    #[error("the data folder `{at}` is in use by process {pid}")]
    Held {
        /// The data folder.
        at: String,
        /// The holder.
        pid: u32,
    },
    /// It cannot be reached or answered with an error.
    #[error("the store at `{at}` failed: {reason}")]
    Unavailable {
        /// The database.
        at: String,
        /// What it said.
        reason: String,
    },
}

/// Durable rows. Used as `Arc<dyn Store>`.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// The only write. Returns once all of the batch is durable (fsync included), or none of it is written.
    /// Batches take effect in the order of the calls' first polls, even if a caller stops waiting; so an
    /// empty batch returns when all that was asked before it has been decided.
    async fn commit(&self, batch: Batch) -> Result<(), StoreError>;

    /// Reserves a new execution number, greater than all before.
    async fn allocate(&self) -> Result<ExecutionKey, StoreError>;

    /// One record.
    async fn record(&self, table: &'static str, key: &str) -> Result<Option<Record>, StoreError>;

    /// Records of a table, ordered by key.
    async fn records(&self, table: &'static str, scan: Scan) -> Result<Vec<Record>, StoreError>;

    /// How many records of a table have keys that begin so.
    async fn count_records(&self, table: &'static str, prefix: &str) -> Result<u64, StoreError>;

    /// How many executions have this status, of all owners that begin so.
    async fn count_executions(&self, owners: &str, status: u8) -> Result<u64, StoreError>;

    /// One execution's row.
    async fn execution(&self, key: ExecutionKey) -> Result<Option<ExecutionRow>, StoreError>;

    /// One execution's row, by owner and name.
    async fn execution_named(
        &self,
        owner: &str,
        name: &str,
    ) -> Result<Option<ExecutionRow>, StoreError>;

    /// Executions' rows, newest first.
    async fn executions(&self, filter: ExecutionFilter) -> Result<Vec<ExecutionRow>, StoreError>;

    /// Executions' rows with numbers greater than this, oldest first, at most `limit`.
    async fn executions_after(
        &self,
        after: ExecutionKey,
        limit: usize,
    ) -> Result<Vec<ExecutionRow>, StoreError>;

    /// What is wrong with the rows among themselves (damage, rows of executions that are not there); what
    /// they mean is not looked at. Reads everything.
    async fn verify(&self) -> Result<Vec<String>, StoreError>;

    /// Puts what the store counts among what is shown.
    fn register(&self, registry: &mut Registry) {
        let _ = registry;
    }

    /// Gives disk that deleted rows have left back to the system, about `pages` pages of 4 KiB at most;
    /// how many are left to give. Others' commits wait meanwhile, so take few at a time.
    async fn vacuum(&self, pages: u32) -> Result<u64, StoreError>;

    /// Chunks with `from <= sequence`, in order, at most `limit`.
    async fn journal(
        &self,
        execution: ExecutionKey,
        from: u64,
        limit: usize,
    ) -> Result<Vec<Chunk>, StoreError>;

    /// Sequence of the chunk that holds the event with this id (the last that begins at or before it).
    async fn chunk_of_event(
        &self,
        execution: ExecutionKey,
        event: u64,
    ) -> Result<Option<u64>, StoreError>;

    /// Timers due before this millisecond, soonest first, at most `limit`.
    async fn timers(&self, before: i64, limit: usize) -> Result<Vec<TimerRow>, StoreError>;

    /// All timers of one execution, by number.
    async fn timers_of(&self, execution: ExecutionKey) -> Result<Vec<TimerRow>, StoreError>;

    /// Tasks in a queue behind this one (none: from the start), ordered, at most `limit`.
    async fn tasks(
        &self,
        queue: &str,
        after: Option<(ExecutionKey, u64)>,
        limit: usize,
    ) -> Result<Vec<TaskRow>, StoreError>;

    /// All tasks of one execution, in whichever queue.
    async fn tasks_of(&self, execution: ExecutionKey) -> Result<Vec<TaskRow>, StoreError>;
}
