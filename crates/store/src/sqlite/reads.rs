//! The reading half of the store's verbs, as SQL.

use rusqlite::{OptionalExtension, Row, params};

use super::database::{Database, bounded, failed};
use crate::{
    Chunk, ExecutionFilter, ExecutionKey, ExecutionRow, Record, Scan, StoreError, TaskRow, TimerRow,
};

type Read<T> = Result<T, StoreError>;

impl Database {
    pub(super) fn record(&self, table: &str, key: &str) -> Read<Option<Record>> {
        self.told(|| {
            let Some(family) = self.word(table)? else { return Ok(None) };
            self.connection
                .prepare_cached(
                    "SELECT key, value, version FROM record WHERE family = ?1 AND key = ?2",
                )?
                .query_row(params![family, key], record)
                .optional()
        })
    }

    pub(super) fn records(&self, table: &str, scan: &Scan) -> Read<Vec<Record>> {
        self.told(|| {
            let Some(family) = self.word(table)? else { return Ok(Vec::new()) };
            let sql = match (&scan.until, scan.reverse) {
                (Some(_), false) => {
                    "SELECT key, value, version FROM record
                     WHERE family = ?1 AND key >= ?2 AND key < ?3 ORDER BY key LIMIT ?4"
                }
                (Some(_), true) => {
                    "SELECT key, value, version FROM record
                     WHERE family = ?1 AND key >= ?2 AND key < ?3 ORDER BY key DESC LIMIT ?4"
                }
                (None, false) => {
                    "SELECT key, value, version FROM record
                     WHERE family = ?1 AND key >= ?2 AND ?3 IS NULL ORDER BY key LIMIT ?4"
                }
                (None, true) => {
                    "SELECT key, value, version FROM record
                     WHERE family = ?1 AND key >= ?2 AND ?3 IS NULL ORDER BY key DESC LIMIT ?4"
                }
            };
            self.connection
                .prepare_cached(sql)?
                .query_map(params![family, scan.from, scan.until, rows(scan.limit)], record)?
                .collect()
        })
    }

    pub(super) fn count_records(&self, table: &str, prefix: &Scan) -> Read<u64> {
        self.told(|| {
            let Some(family) = self.word(table)? else { return Ok(0) };
            let sql = "SELECT count(*) FROM record
                       WHERE family = ?1 AND key >= ?2 AND (?3 IS NULL OR key < ?3)";
            let mut select = self.connection.prepare_cached(sql)?;
            let count: i64 =
                select.query_row(params![family, prefix.from, prefix.until], |row| row.get(0))?;
            Ok(count.unsigned_abs())
        })
    }

    pub(super) fn count_executions(&self, owners: &Scan, status: u8) -> Read<u64> {
        self.told(|| {
            let sql = "SELECT count(*) FROM execution INDEXED BY execution_status
                       WHERE status = ?1 AND owner IN
                       (SELECT id FROM word WHERE text >= ?2 AND (?3 IS NULL OR text < ?3))";
            let mut select = self.connection.prepare_cached(sql)?;
            let count: i64 =
                select.query_row(params![status, owners.from, owners.until], |row| row.get(0))?;
            Ok(count.unsigned_abs())
        })
    }

    pub(super) fn execution(&self, key: ExecutionKey) -> Read<Option<ExecutionRow>> {
        self.told(|| {
            self.connection
                .prepare_cached(
                    "SELECT key, owner, name, status, open, started_at, stopped_at, detail
                     FROM execution WHERE key = ?1",
                )?
                .query_row([bounded(key)], |row| self.execution_row(row, None))
                .optional()
        })
    }

    pub(super) fn execution_named(&self, owner: &str, name: &str) -> Read<Option<ExecutionRow>> {
        self.told(|| {
            let Some(id) = self.word(owner)? else { return Ok(None) };
            self.connection
                .prepare_cached(
                    "SELECT key, owner, name, status, open, started_at, stopped_at, detail
                     FROM execution WHERE owner = ?1 AND name = ?2",
                )?
                .query_row(params![id, name], |row| self.execution_row(row, Some(owner)))
                .optional()
        })
    }

    /// The index is by owner and status, so an owner's statuses are read one by one and merged.
    pub(super) fn executions(&self, filter: &ExecutionFilter) -> Read<Vec<ExecutionRow>> {
        self.told(|| {
            let before = filter.before.map_or(i64::MAX, bounded);
            let after = filter.after.map_or(-1, bounded);
            let order = if filter.after.is_some() { "ASC" } else { "DESC" };
            let Some(owner) = &filter.owner else {
                return self
                    .connection
                    .prepare_cached(&format!(
                        "SELECT key, owner, name, status, open, started_at, stopped_at, detail
                         FROM execution WHERE key < ?1 AND key > ?4 AND (?2 IS NULL OR status = ?2)
                         ORDER BY key {order} LIMIT ?3",
                    ))?
                    .query_map(params![before, filter.status, rows(filter.limit), after], |row| {
                        self.execution_row(row, None)
                    })?
                    .collect();
            };
            let Some(id) = self.word(owner)? else { return Ok(Vec::new()) };
            let mut found = Vec::new();
            let mut status = match filter.status {
                Some(status) => Some(status),
                None => self.status_from(id, 0)?,
            };
            while let Some(this) = status {
                let mut select = self.connection.prepare_cached(&format!(
                    "SELECT key FROM execution INDEXED BY execution_status
                     WHERE owner = ?1 AND status = ?2 AND key < ?3 AND key > ?5
                     ORDER BY key {order} LIMIT ?4",
                ))?;
                let bounds = params![id, this, before, rows(filter.limit), after];
                let keys = select.query_map(bounds, |row| row.get::<_, i64>(0))?;
                for key in keys {
                    found.push(key?);
                }
                status = match (filter.status, this.checked_add(1)) {
                    (None, Some(next)) => self.status_from(id, next)?,
                    _ => None,
                };
            }
            match filter.after {
                Some(_) => found.sort_unstable(),
                None => found.sort_unstable_by(|a, b| b.cmp(a)),
            }
            found.truncate(filter.limit);
            let mut select = self.connection.prepare_cached(
                "SELECT key, owner, name, status, open, started_at, stopped_at, detail
                 FROM execution WHERE key = ?1",
            )?;
            let mut row =
                |key| select.query_row([key], |row| self.execution_row(row, Some(owner.as_str())));
            found.into_iter().map(&mut row).collect()
        })
    }

    /// The smallest status from this one up that any execution of the owner has.
    fn status_from(&self, owner: i64, least: u8) -> rusqlite::Result<Option<u8>> {
        self.connection
            .prepare_cached(
                "SELECT status FROM execution INDEXED BY execution_status
                 WHERE owner = ?1 AND status >= ?2 ORDER BY status LIMIT 1",
            )?
            .query_row(params![owner, least], |row| row.get(0))
            .optional()
    }

    pub(super) fn journal(
        &self,
        execution: ExecutionKey,
        from: u64,
        limit: usize,
    ) -> Read<Vec<Chunk>> {
        self.told(|| {
            self.connection
                .prepare_cached(
                    "SELECT sequence, first_event, bytes FROM journal
                     WHERE execution = ?1 AND sequence >= ?2 ORDER BY sequence LIMIT ?3",
                )?
                .query_map(params![bounded(execution), bounded(from), rows(limit)], |row| {
                    Ok(Chunk {
                        execution,
                        sequence: row.get::<_, i64>(0)? as u64,
                        first_event: row.get::<_, i64>(1)? as u64,
                        bytes: blob(row, 2)?,
                    })
                })?
                .collect()
        })
    }

    /// `first_event` grows with `sequence`, so halving finds the place without an index of its own.
    pub(super) fn chunk_of_event(&self, execution: ExecutionKey, event: u64) -> Read<Option<u64>> {
        self.told(|| {
            let execution = bounded(execution);
            let (first, last): (Option<i64>, Option<i64>) = self
                .connection
                .prepare_cached(
                    "SELECT (SELECT min(sequence) FROM journal WHERE execution = ?1),
                            (SELECT max(sequence) FROM journal WHERE execution = ?1)",
                )?
                .query_row([execution], |row| Ok((row.get(0)?, row.get(1)?)))?;
            let (Some(first), Some(last)) = (first, last) else { return Ok(None) };
            let mut first_event = self.connection.prepare_cached(
                "SELECT first_event FROM journal
                 WHERE execution = ?1 AND sequence >= ?2 ORDER BY sequence LIMIT 1",
            )?;
            // All chunks below `low` begin at or before the event, all from `high` on behind it.
            let (mut low, mut high) = (first, last + 1);
            while low < high {
                let middle = low + (high - low) / 2;
                let begins: i64 = first_event.query_row([execution, middle], |row| row.get(0))?;
                if begins <= bounded(event) {
                    low = middle + 1;
                } else {
                    high = middle;
                }
            }
            Ok((low > first).then(|| (low - 1) as u64))
        })
    }

    pub(super) fn timers(&self, before: i64, limit: usize) -> Read<Vec<TimerRow>> {
        self.told(|| {
            self.connection
                .prepare_cached(
                    "SELECT due_at, execution, timer FROM timer
                     WHERE due_at < ?1 ORDER BY due_at, execution, timer LIMIT ?2",
                )?
                .query_map(params![before, rows(limit)], |row| {
                    Ok(TimerRow {
                        due_at: row.get(0)?,
                        execution: row.get::<_, i64>(1)? as u64,
                        timer: row.get::<_, i64>(2)? as u64,
                    })
                })?
                .collect()
        })
    }

    pub(super) fn timers_of(&self, execution: ExecutionKey) -> Read<Vec<TimerRow>> {
        self.told(|| {
            self.connection
                .prepare_cached(
                    "SELECT due_at, timer FROM timer WHERE execution = ?1 ORDER BY timer",
                )?
                .query_map([bounded(execution)], |row| {
                    let timer = row.get::<_, i64>(1)? as u64;
                    Ok(TimerRow { due_at: row.get(0)?, execution, timer })
                })?
                .collect()
        })
    }

    pub(super) fn tasks(
        &self,
        queue: &str,
        after: Option<(ExecutionKey, u64)>,
        limit: usize,
    ) -> Read<Vec<TaskRow>> {
        self.told(|| {
            let Some(id) = self.word(queue)?.filter(|id| *id > 0) else { return Ok(Vec::new()) };
            let (execution, number) =
                after.map_or((-1, -1), |(execution, number)| (bounded(execution), bounded(number)));
            self.connection
                .prepare_cached(
                    "SELECT execution, task, queue, detail FROM task
                     WHERE queue = ?1 AND queue > 0 AND (execution, task) > (?2, ?3)
                     ORDER BY execution, task LIMIT ?4",
                )?
                .query_map(params![id, execution, number, rows(limit)], |row| {
                    self.task_row(row, Some(queue))
                })?
                .collect()
        })
    }

    pub(super) fn tasks_of(&self, execution: ExecutionKey) -> Read<Vec<TaskRow>> {
        self.told(|| {
            self.connection
                .prepare_cached(
                    "SELECT execution, task, queue, detail
                     FROM task WHERE execution = ?1 ORDER BY task",
                )?
                .query_map([bounded(execution)], |row| self.task_row(row, None))?
                .collect()
        })
    }

    /// The columns in the table's order; `owner` spares looking it up.
    pub(super) fn execution_row(
        &self,
        row: &Row<'_>,
        owner: Option<&str>,
    ) -> rusqlite::Result<ExecutionRow> {
        Ok(ExecutionRow {
            key: row.get::<_, i64>(0)? as u64,
            owner: match owner {
                Some(owner) => owner.to_owned(),
                None => self.text(row.get(1)?)?,
            },
            name: row.get(2)?,
            status: row.get(3)?,
            open: row.get(4)?,
            started_at: row.get(5)?,
            stopped_at: row.get(6)?,
            detail: blob(row, 7)?,
        })
    }

    fn task_row(&self, row: &Row<'_>, queue: Option<&str>) -> rusqlite::Result<TaskRow> {
        Ok(TaskRow {
            execution: row.get::<_, i64>(0)? as u64,
            task: row.get::<_, i64>(1)? as u64,
            queue: match queue {
                Some(queue) => queue.to_owned(),
                None => self.text(row.get(2)?)?,
            },
            detail: blob(row, 3)?,
        })
    }

    pub(super) fn told<T>(&self, read: impl FnOnce() -> rusqlite::Result<T>) -> Read<T> {
        read().map_err(|error| failed(self.at(), &error))
    }
}

fn rows(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

fn blob(row: &Row<'_>, index: usize) -> rusqlite::Result<bytes::Bytes> {
    Ok(bytes::Bytes::copy_from_slice(row.get_ref(index)?.as_blob()?))
}

fn record(row: &Row<'_>) -> rusqlite::Result<Record> {
    Ok(Record { key: row.get(0)?, value: blob(row, 1)?, version: row.get::<_, i64>(2)? as u64 })
}
