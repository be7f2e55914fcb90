//! One connection: opening it, and writing batches through it.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::Path;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, ffi, params};

use crate::{
    Batch, ExecutionKey, ExecutionWrite, Expect, RecordWrite, StoreError, TaskWrite, TimerWrite,
};

/// A connection and what it remembers.
pub(super) struct Database {
    pub(super) connection: Connection,
    at: String,
    /// Words that are surely in the database, by text and by number.
    words: RefCell<HashMap<String, i64>>,
    texts: RefCell<HashMap<i64, String>>,
}

/// Each file carries a database of the version before to the version of its place, from 1.
const MIGRATIONS: &[&str] = &[include_str!("0001.sql")];
/// The version of a database that this program writes.
#[cfg(test)]
pub(super) const SCHEMA: usize = MIGRATIONS.len();
/// "Step": `file` and the like can tell what the database is.
const APPLICATION_ID: i32 = 0x5374_6570;
const WORDS_REMEMBERED_MAX: usize = 10_000;

/// Why a batch was not applied.
enum Refusal {
    /// A condition did not hold. Whether anything of the batch had been written before that was seen.
    Conflict { what: String, written: bool },
    /// The database failed.
    Failed(rusqlite::Error),
}

impl From<rusqlite::Error> for Refusal {
    fn from(error: rusqlite::Error) -> Refusal {
        Refusal::Failed(error)
    }
}

impl Database {
    /// A database that nobody else sees.
    pub(super) fn in_memory() -> Result<Database, StoreError> {
        let at = "memory:".to_owned();
        let connection = Connection::open_in_memory().map_err(|error| failed(&at, &error))?;
        let mut database = Database::over(connection, at);
        database.prepare_to_write()?;
        Ok(database)
    }

    /// The one connection of a file that writes.
    pub(super) fn for_writing(path: &Path) -> Result<Database, StoreError> {
        let at = path.display().to_string();
        let connection = Connection::open(path).map_err(|error| failed(&at, &error))?;
        let mut database = Database::over(connection, at);
        database.prepare_to_write()?;
        Ok(database)
    }

    /// A connection that reads what has been committed, while others write.
    pub(super) fn for_reading(path: &Path) -> Result<Database, StoreError> {
        let at = path.display().to_string();
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection =
            Connection::open_with_flags(path, flags).map_err(|error| failed(&at, &error))?;
        let database = Database::over(connection, at);
        database.settings("PRAGMA cache_size = -2048;")?;
        Ok(database)
    }

    /// A connection that carries the WAL into the database.
    pub(super) fn for_checkpoints(path: &Path) -> Result<Database, StoreError> {
        let at = path.display().to_string();
        let connection = Connection::open(path).map_err(|error| failed(&at, &error))?;
        let database = Database::over(connection, at);
        database.settings("PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0;")?;
        Ok(database)
    }

    /// Carries into the database what can be carried while others read and write.
    pub(super) fn checkpoint(&self) -> Result<(), StoreError> {
        self.connection
            .query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))
            .map_err(|error| failed(&self.at, &error))
    }

    fn over(connection: Connection, at: String) -> Database {
        connection.set_prepared_statement_cache_capacity(64);
        // Else SQLite plans a statement anew whenever a bound it compares by has another value. It is a
        // matter of speed only, so a library that does not know the setting is none the worse.
        let _ = connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true);
        Database { connection, at, words: Default::default(), texts: Default::default() }
    }

    /// Where it is, for messages.
    pub(super) fn at(&self) -> &str {
        &self.at
    }

    /// The database may not grow beyond so many pages.
    pub(super) fn limit_pages(&self, pages: u32) -> Result<(), StoreError> {
        self.settings(&format!("PRAGMA max_page_count = {pages};"))
    }

    fn settings(&self, sql: &str) -> Result<(), StoreError> {
        self.connection.execute_batch(sql).map_err(|error| failed(&self.at, &error))
    }

    fn prepare_to_write(&mut self) -> Result<(), StoreError> {
        // `auto_vacuum` must come before the first table. FULL makes each commit wait for the disk.
        // Checkpoints are done beside (`checkpoints.rs`). They never quite catch up with a writer that does
        // not pause, so from 32 MiB of WAL on the writer does the little that is left, and begins it anew.
        self.settings(
            "PRAGMA auto_vacuum = INCREMENTAL;
             PRAGMA journal_mode = WAL;
             PRAGMA synchronous = FULL;
             PRAGMA wal_autocheckpoint = 8192;
             PRAGMA journal_size_limit = 67108864;
             PRAGMA cache_size = -16384;
             PRAGMA temp_store = MEMORY;",
        )?;
        self.migrate().map_err(|error| failed(&self.at, &error))?
    }

    fn migrate(&mut self) -> rusqlite::Result<Result<(), StoreError>> {
        let found: usize =
            self.connection.query_row("PRAGMA user_version", [], |row| row.get::<_, i64>(0))?
                as usize;
        if found > MIGRATIONS.len() {
            return Ok(Err(StoreError::Unavailable {
                at: self.at.clone(),
                reason: format!(
                    "a newer Stepwell wrote it (schema {found}, this one knows {}); use that one",
                    MIGRATIONS.len()
                ),
            }));
        }
        let transaction = self.connection.transaction()?;
        for migration in &MIGRATIONS[found..] {
            transaction.execute_batch(migration)?;
        }
        if found < MIGRATIONS.len() {
            transaction.pragma_update(None, "user_version", MIGRATIONS.len() as i64)?;
            transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        }
        transaction.commit()?;
        Ok(Ok(()))
    }

    /// Reserves `count` execution numbers and gives the first.
    pub(super) fn reserve(&mut self, count: u64) -> Result<ExecutionKey, StoreError> {
        self.connection
            .query_row(
                "UPDATE reserved SET next = next + ?1 RETURNING next - ?1",
                [count as i64],
                |row| row.get::<_, i64>(0),
            )
            .map(|first| first as ExecutionKey)
            .map_err(|error| failed(&self.at, &error))
    }

    /// Writes one batch in a commit of its own.
    pub(super) fn commit_one(&mut self, batch: &Batch) -> Result<(), StoreError> {
        self.commit_group(std::slice::from_ref(batch)).pop().expect("one answer a batch")
    }

    /// Writes batches in one commit, in order; each is taken or refused by itself.
    ///
    /// Conflicts are rare and savepoints are not free, so the first try does without them: a batch that
    /// is refused before it wrote anything is just left out, else all begin again with savepoints.
    /// If the database fails, each batch is tried alone: on a full disk the small ones may still fit.
    pub(super) fn commit_group(&mut self, batches: &[Batch]) -> Vec<Result<(), StoreError>> {
        let answer = match self.try_group(batches, false) {
            Ok(Some(answers)) => Ok(answers),
            Ok(None) => self.try_group(batches, true).map(|answers| answers.unwrap_or_default()),
            Err(error) => Err(error),
        };
        match answer {
            Ok(answers) => answers,
            Err(error) if batches.len() == 1 => vec![Err(failed(&self.at, &error))],
            Err(error) => {
                tracing::warn!(at = self.at, %error, "a shared commit failed; each batch is tried alone");
                batches.iter().map(|batch| self.commit_one(batch)).collect()
            }
        }
    }

    /// None: a batch conflicts that has already written; with savepoints that is no obstacle.
    fn try_group(
        &mut self,
        batches: &[Batch],
        savepoints: bool,
    ) -> rusqlite::Result<Option<Vec<Result<(), StoreError>>>> {
        if batches.iter().all(Batch::is_empty) {
            return Ok(Some(batches.iter().map(|_| Ok(())).collect()));
        }
        let answers = self.execute("BEGIN IMMEDIATE").and_then(|()| {
            let answers = self.apply_all(batches, savepoints)?;
            if answers.is_some() {
                self.execute("COMMIT")?;
            }
            Ok(answers)
        });
        if !matches!(answers, Ok(Some(_))) {
            // After some errors SQLite has rolled back by itself.
            if !self.connection.is_autocommit() {
                self.execute("ROLLBACK")?;
            }
            self.forget_words();
        }
        answers
    }

    fn apply_all(
        &self,
        batches: &[Batch],
        savepoints: bool,
    ) -> rusqlite::Result<Option<Vec<Result<(), StoreError>>>> {
        let mut answers = Vec::with_capacity(batches.len());
        for batch in batches {
            if savepoints {
                self.execute("SAVEPOINT batch")?;
            }
            match self.apply(batch) {
                Ok(()) => answers.push(Ok(())),
                Err(Refusal::Failed(error)) => return Err(error),
                Err(Refusal::Conflict { what, written }) => {
                    if written && !savepoints {
                        return Ok(None);
                    }
                    if savepoints {
                        self.execute("ROLLBACK TO batch")?;
                        self.forget_words();
                    }
                    answers.push(Err(StoreError::Conflict { what }));
                }
            }
            if savepoints {
                self.execute("RELEASE batch")?;
            }
        }
        Ok(Some(answers))
    }

    /// What was rolled back may have held new words.
    fn forget_words(&self) {
        self.words.borrow_mut().clear();
        self.texts.borrow_mut().clear();
    }

    fn execute(&self, sql: &str) -> rusqlite::Result<()> {
        self.connection.prepare_cached(sql)?.execute([]).map(|_| ())
    }

    /// What can be refused comes first, so that most refusals find nothing written.
    fn apply(&self, batch: &Batch) -> Result<(), Refusal> {
        let mut written = false;
        for write in &batch.records {
            self.write_record(write, written)?;
            written = true;
        }
        for write in &batch.executions {
            self.write_execution(write, written)?;
            written = true;
        }
        for chunk in &batch.journal {
            let mut insert = self.connection.prepare_cached(
                "INSERT INTO journal VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
            )?;
            let inserted = insert.execute(params![
                chunk.execution as i64,
                chunk.sequence as i64,
                bounded(chunk.first_event),
                &chunk.bytes[..]
            ])?;
            if inserted == 0 {
                let what = format!("chunk {} of execution {}", chunk.sequence, chunk.execution);
                return Err(Refusal::Conflict { what, written });
            }
            written = true;
        }
        for write in &batch.timers {
            self.write_timer(write)?;
        }
        for write in &batch.tasks {
            self.write_task(write)?;
        }
        Ok(())
    }

    fn write_record(&self, write: &RecordWrite, written: bool) -> Result<(), Refusal> {
        let family = self.word_to_write(write.table)?;
        let mut select = self
            .connection
            .prepare_cached("SELECT version FROM record WHERE family = ?1 AND key = ?2")?;
        let found: Option<i64> =
            select.query_row(params![family, write.key], |row| row.get(0)).optional()?;
        let expected = match write.expect {
            Expect::Any => true,
            Expect::Absent => found.is_none(),
            Expect::Version(version) => found == Some(version as i64),
        };
        if !expected {
            let what = format!("{}/{}", write.table, write.key);
            return Err(Refusal::Conflict { what, written });
        }
        match (&write.value, found) {
            (Some(value), None) => self
                .connection
                .prepare_cached("INSERT INTO record VALUES (?1, ?2, 1, ?3)")?
                .execute(params![family, write.key, &value[..]])?,
            (Some(value), Some(_)) => self
                .connection
                .prepare_cached(
                    "UPDATE record SET version = version + 1, value = ?3 WHERE family = ?1 AND key = ?2",
                )?
                .execute(params![family, write.key, &value[..]])?,
            (None, Some(_)) => self
                .connection
                .prepare_cached("DELETE FROM record WHERE family = ?1 AND key = ?2")?
                .execute(params![family, write.key])?,
            (None, None) => 0,
        };
        Ok(())
    }

    fn write_execution(&self, write: &ExecutionWrite, written: bool) -> Result<(), Refusal> {
        match write {
            ExecutionWrite::Insert(row) => {
                let owner = self.word_to_write(&row.owner)?;
                let inserted = self
                    .connection
                    .prepare_cached(
                        "INSERT INTO execution VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO NOTHING",
                    )?
                    .execute(params![
                        row.key as i64,
                        owner,
                        row.name,
                        row.status,
                        row.open,
                        row.started_at,
                        row.stopped_at,
                        &row.detail[..]
                    ])?;
                if inserted == 0 {
                    let what = format!("execution {} of {}", row.name, row.owner);
                    return Err(Refusal::Conflict { what, written });
                }
            }
            ExecutionWrite::Update(row) => {
                let updated = self
                    .connection
                    .prepare_cached(
                        "UPDATE execution SET status = ?2, open = ?3, stopped_at = ?4, detail = ?5 WHERE key = ?1",
                    )?
                    .execute(params![
                        row.key as i64,
                        row.status,
                        row.open,
                        row.stopped_at,
                        &row.detail[..]
                    ])?;
                if updated == 0 {
                    let what = format!("execution {}", row.key);
                    return Err(Refusal::Conflict { what, written });
                }
            }
            ExecutionWrite::Delete(key) => {
                for sql in [
                    "DELETE FROM journal WHERE execution = ?1",
                    "DELETE FROM timer WHERE execution = ?1",
                    "DELETE FROM task WHERE execution = ?1",
                    "DELETE FROM execution WHERE key = ?1",
                ] {
                    self.connection.prepare_cached(sql)?.execute([*key as i64])?;
                }
            }
        }
        Ok(())
    }

    fn write_timer(&self, write: &TimerWrite) -> rusqlite::Result<()> {
        match write {
            TimerWrite::Set(row) => self
                .connection
                .prepare_cached("INSERT OR REPLACE INTO timer VALUES (?1, ?2, ?3)")?
                .execute(params![row.execution as i64, row.timer as i64, row.due_at])?,
            TimerWrite::Cancel { execution, timer } => self
                .connection
                .prepare_cached("DELETE FROM timer WHERE execution = ?1 AND timer = ?2")?
                .execute(params![*execution as i64, *timer as i64])?,
        };
        Ok(())
    }

    fn write_task(&self, write: &TaskWrite) -> rusqlite::Result<()> {
        match write {
            TaskWrite::Add(row) => self
                .connection
                .prepare_cached("INSERT OR REPLACE INTO task VALUES (?1, ?2, ?3, ?4)")?
                .execute(params![
                    row.execution as i64,
                    row.task as i64,
                    self.word_to_write(&row.queue)?,
                    &row.detail[..]
                ])?,
            TaskWrite::Move { execution, task, queue } => self
                .connection
                .prepare_cached("UPDATE task SET queue = ?3 WHERE execution = ?1 AND task = ?2")?
                .execute(params![*execution as i64, *task as i64, self.word_to_write(queue)?])?,
            TaskWrite::Done { execution, task } => self
                .connection
                .prepare_cached("DELETE FROM task WHERE execution = ?1 AND task = ?2")?
                .execute(params![*execution as i64, *task as i64])?,
        };
        Ok(())
    }

    /// The word's number; it gets one if it has none.
    fn word_to_write(&self, text: &str) -> rusqlite::Result<i64> {
        if let Some(id) = self.word(text)? {
            return Ok(id);
        }
        self.connection.prepare_cached("INSERT INTO word (text) VALUES (?1)")?.execute([text])?;
        let id = self.connection.last_insert_rowid();
        self.remember(text, id);
        Ok(id)
    }

    /// The word's number, if any row ever used it.
    pub(super) fn word(&self, text: &str) -> rusqlite::Result<Option<i64>> {
        if text.is_empty() {
            return Ok(Some(0));
        }
        if let Some(id) = self.words.borrow().get(text) {
            return Ok(Some(*id));
        }
        let mut select = self.connection.prepare_cached("SELECT id FROM word WHERE text = ?1")?;
        let id = select.query_row([text], |row| row.get(0)).optional()?;
        if let Some(id) = id {
            self.remember(text, id);
        }
        Ok(id)
    }

    /// The text of a word's number. Kept by itself: a join would cost more than the row it belongs to.
    pub(super) fn text(&self, id: i64) -> rusqlite::Result<String> {
        if let Some(text) = self.texts.borrow().get(&id) {
            return Ok(text.clone());
        }
        let mut select = self.connection.prepare_cached("SELECT text FROM word WHERE id = ?1")?;
        let text: String = select.query_row([id], |row| row.get(0))?;
        let mut texts = self.texts.borrow_mut();
        if texts.len() >= WORDS_REMEMBERED_MAX {
            texts.clear();
        }
        texts.insert(id, text.clone());
        Ok(text)
    }

    fn remember(&self, text: &str, id: i64) {
        let mut words = self.words.borrow_mut();
        if words.len() >= WORDS_REMEMBERED_MAX {
            words.clear();
        }
        words.insert(text.to_owned(), id);
    }
}

/// Numbers that mean "beyond all" fit SQLite's signed ones.
pub(super) fn bounded(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// What SQLite says, by what the caller does about it.
pub(super) fn failed(at: &str, error: &rusqlite::Error) -> StoreError {
    let full = match error {
        rusqlite::Error::SqliteFailure(failure, _) => {
            failure.code == ErrorCode::DiskFull
                // The WAL's index could not grow.
                || failure.extended_code == ffi::SQLITE_IOERR_SHMSIZE
        }
        _ => false,
    };
    if full {
        StoreError::Full { at: at.to_owned() }
    } else {
        StoreError::Unavailable { at: at.to_owned(), reason: error.to_string() }
    }
}
