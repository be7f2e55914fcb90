//! Keeping a data folder in order: checking it, copying it while it is used, giving disk back.

use std::fs::File;
use std::path::Path;

use rusqlite::params;

use super::database::{Database, failed};
use crate::{ExecutionKey, ExecutionRow, StoreError};

/// What must not be found, and how it is told.
const ORPHANS: &[(&str, &str)] = &[
    (
        "journal chunks of executions that are not there",
        "SELECT count(*) FROM journal WHERE NOT EXISTS (SELECT 1 FROM execution WHERE key = journal.execution)",
    ),
    (
        "timers of executions that are not there",
        "SELECT count(*) FROM timer WHERE NOT EXISTS (SELECT 1 FROM execution WHERE key = timer.execution)",
    ),
    (
        "tasks of executions that are not there",
        "SELECT count(*) FROM task WHERE NOT EXISTS (SELECT 1 FROM execution WHERE key = task.execution)",
    ),
    (
        "executions whose owner has no name",
        "SELECT count(*) FROM execution WHERE NOT EXISTS (SELECT 1 FROM word WHERE id = execution.owner)",
    ),
    (
        "tasks whose queue has no name",
        "SELECT count(*) FROM task WHERE NOT EXISTS (SELECT 1 FROM word WHERE id = task.queue)",
    ),
    (
        "records whose table has no name",
        "SELECT count(*) FROM record WHERE NOT EXISTS (SELECT 1 FROM word WHERE id = record.family)",
    ),
    (
        "executions with numbers that are still to be given",
        "SELECT count(*) FROM execution WHERE key >= (SELECT next FROM reserved)",
    ),
];

impl Database {
    /// What is wrong with the rows among themselves; what they mean is not looked at.
    pub(super) fn verify(&self) -> Result<Vec<String>, StoreError> {
        let told = |error| failed(self.at(), &error);
        let mut wrong = Vec::new();
        let mut integrity = self.connection.prepare("PRAGMA integrity_check").map_err(told)?;
        let lines = integrity.query_map([], |row| row.get::<_, String>(0)).map_err(told)?;
        for line in lines {
            let line = line.map_err(told)?;
            if line != "ok" {
                wrong.push(line);
            }
        }
        for (what, sql) in ORPHANS {
            let count: u64 = self
                .connection
                .query_row(sql, [], |row| row.get::<_, i64>(0))
                .map_err(told)?
                .unsigned_abs();
            if count > 0 {
                wrong.push(format!("there are {count} {what}"));
            }
        }
        Ok(wrong)
    }

    /// Gives up to so many free pages back to the disk; says how many are left.
    pub(super) fn vacuum(&mut self, pages: u32) -> Result<u64, StoreError> {
        let told = |error| failed(self.at(), &error);
        let mut vacuum = self
            .connection
            .prepare(&format!("PRAGMA incremental_vacuum({pages})"))
            .map_err(told)?;
        let mut rows = vacuum.query([]).map_err(told)?;
        // Each step frees a page.
        while rows.next().map_err(told)?.is_some() {}
        self.connection
            .query_row("PRAGMA freelist_count", [], |row| row.get::<_, i64>(0))
            .map(i64::unsigned_abs)
            .map_err(told)
    }

    /// Executions with greater numbers, in their order.
    pub(super) fn executions_after(
        &self,
        after: ExecutionKey,
        limit: usize,
    ) -> Result<Vec<ExecutionRow>, StoreError> {
        self.told(|| {
            self.connection
                .prepare_cached(
                    "SELECT key, owner, name, status, open, started_at, stopped_at, detail
                     FROM execution WHERE key > ?1 ORDER BY key LIMIT ?2",
                )?
                .query_map(params![super::database::bounded(after), limit as i64], |row| {
                    self.execution_row(row, None)
                })?
                .collect()
        })
    }
}

/// A copy of a folder's database as it is at one moment, compact, while a server may use it.
pub(crate) fn copy(folder: &Path, to: &Path) -> Result<(), StoreError> {
    let path = folder.join("stepwell.db");
    let unavailable = |reason: std::io::Error| StoreError::Unavailable {
        at: to.display().to_string(),
        reason: reason.to_string(),
    };
    let database = Database::for_reading(&path)?;
    let target = to.to_str().ok_or_else(|| StoreError::Unavailable {
        at: to.display().to_string(),
        reason: "its path is not UTF-8".to_owned(),
    })?;
    let told = |error| failed(&to.display().to_string(), &error);
    database.connection.execute("VACUUM INTO ?1", [target]).map_err(told)?;
    File::open(to).and_then(|file| file.sync_all()).map_err(unavailable)
}
