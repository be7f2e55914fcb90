//! Retention: executions that ended long ago go, a page at a time.

use std::collections::BTreeMap;

use asl::Timestamp;
use store::{Batch, ExecutionKey, ExecutionRow, ExecutionWrite, Expect, RecordWrite, Scan};

use crate::{
    Engine, EngineError, MAP_RUN_PENDING, MAP_RUN_REDRIVES, MAP_RUNS, MAP_RUNS_OF_EXECUTION,
};

/// How long executions are kept after their end, in milliseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Those that nothing else is said about.
    pub usual: i64,
    /// Those of a state machine, by its ARN or its name alone.
    pub of: BTreeMap<String, i64>,
}

/// AWS keeps them for 90 days.
const USUAL_MILLIS: i64 = 90 * 24 * 3_600_000;

impl Default for Retention {
    fn default() -> Retention {
        Retention { usual: USUAL_MILLIS, of: BTreeMap::new() }
    }
}

/// What one call of [`Engine::retire`] came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retired {
    /// So many executions are gone.
    pub count: usize,
    /// Where the next call goes on; none: all have been looked at.
    pub next: Option<ExecutionKey>,
}

/// Executions are looked at so many at a time.
const PAGE: usize = 256;

impl Retention {
    /// Milliseconds that an owner's executions are kept.
    fn of(&self, owner: &str) -> i64 {
        let by_name = || self.of.get(owner.rsplit(':').next().unwrap_or(owner));
        *self.of.get(owner).or_else(by_name).unwrap_or(&self.usual)
    }

    fn shortest(&self) -> i64 {
        self.of.values().copied().fold(self.usual, i64::min)
    }

    fn is_over(&self, row: &ExecutionRow, now: Timestamp) -> bool {
        !row.open
            && row.stopped_at.is_some_and(|at| at.saturating_add(self.of(&row.owner)) <= now.0)
    }
}

impl Engine {
    /// Looks at a page of executions behind `after` (0: from the oldest) and deletes those that ended longer
    /// ago than they are to be kept, with their journals. Open ones stay, and those whose end is still to be
    /// told to somebody. Names that go are free again.
    ///
    /// # Errors
    /// The store's; what was deleted before stays deleted.
    pub async fn retire(
        &self,
        retention: &Retention,
        after: ExecutionKey,
        now: Timestamp,
    ) -> Result<Retired, EngineError> {
        let rows = self.store.executions_after(after, PAGE).await?;
        let mut held = Vec::new();
        let mut batch = Batch::default();
        for row in rows.iter().filter(|row| retention.is_over(row, now)) {
            // A redrive waits for us here, or we have waited for it.
            held.push(self.hot.take(row.key).await);
            let found = self.store.execution(row.key).await?;
            let is_over = found.is_some_and(|row| retention.is_over(&row, now));
            if is_over && self.store.tasks_of(row.key).await?.is_empty() {
                batch.executions.push(ExecutionWrite::Delete(row.key));
                self.forget_map_runs(row.key, &mut batch).await?;
            }
        }
        let count = batch.executions.len();
        if count > 0 {
            self.store.commit(batch).await?;
        }
        // What started within the shortest time cannot have ended before it.
        let last = rows.last().filter(|row| {
            rows.len() == PAGE && row.started_at.saturating_add(retention.shortest()) <= now.0
        });
        Ok(Retired { count, next: last.map(|row| row.key) })
    }

    /// An execution's Map runs go with it; their children go by themselves.
    async fn forget_map_runs(
        &self,
        execution: ExecutionKey,
        batch: &mut Batch,
    ) -> Result<(), EngineError> {
        let gone = |table, key| RecordWrite { table, key, value: None, expect: Expect::Any };
        let scan = Scan::prefix(format!("{execution:020}/"), usize::MAX >> 1);
        for record in self.store.records(MAP_RUNS_OF_EXECUTION, scan).await? {
            let arn = String::from_utf8_lossy(&record.value).into_owned();
            batch.records.push(gone(MAP_RUN_REDRIVES, arn.clone()));
            batch.records.push(gone(MAP_RUN_PENDING, arn.clone()));
            batch.records.push(gone(MAP_RUNS, arn));
            batch.records.push(gone(MAP_RUNS_OF_EXECUTION, record.key));
        }
        Ok(())
    }
}
