//! Reading executions: what they are, and what has happened in them.

use std::sync::Arc;

use asl::{Definition, Event, Header, ScheduledTask, Status};
use store::{Chunk, ExecutionFilter, ExecutionKey, ExecutionRow};

use crate::row::{self, end_of, status_number};
use crate::{Engine, EngineError, Summary, journal};

/// Chunks are read so many at a time.
const CHUNKS_AT_ONCE: usize = 32;

impl Engine {
    /// Describes an execution, by owner and name.
    pub async fn named(&self, owner: &str, name: &str) -> Result<Option<Summary>, EngineError> {
        match self.store.execution_named(owner, name).await? {
            Some(row) => self.describe(row).await.map(Some),
            None => Ok(None),
        }
    }

    /// Describes an execution.
    pub async fn summary(&self, execution: ExecutionKey) -> Result<Option<Summary>, EngineError> {
        match self.store.execution(execution).await? {
            Some(row) => self.describe(row).await.map(Some),
            None => Ok(None),
        }
    }

    /// Executions of an owner, newest first.
    pub async fn list(
        &self,
        owner: &str,
        status: Option<Status>,
        before: Option<ExecutionKey>,
        limit: usize,
    ) -> Result<Vec<Summary>, EngineError> {
        let status = status.map(status_number);
        let owner = Some(owner.to_owned());
        let filter = ExecutionFilter { owner, status, before, after: None, limit };
        let rows = self.store.executions(filter).await?;
        rows.iter().map(|row| Ok(row::summary(row)?.0)).collect()
    }

    /// How many executions have this status, of all owners that begin so.
    pub async fn count(&self, owners: &str, status: Status) -> Result<u64, EngineError> {
        Ok(self.store.count_executions(owners, status_number(status)).await?)
    }

    /// Children of a Map run behind this one, oldest first, each whole.
    pub async fn children(
        &self,
        map_run: &str,
        status: Option<Status>,
        after: ExecutionKey,
        limit: usize,
    ) -> Result<Vec<Summary>, EngineError> {
        let filter = ExecutionFilter {
            owner: Some(map_run.to_owned()),
            status: status.map(status_number),
            before: None,
            after: Some(after),
            limit,
        };
        let mut found = Vec::new();
        for row in self.store.executions(filter).await? {
            found.push(self.describe(row).await?);
        }
        Ok(found)
    }

    /// The definition that an execution runs.
    ///
    /// # Errors
    /// [`EngineError::NoExecution`] if there is none.
    pub async fn definition_of(
        &self,
        execution: ExecutionKey,
    ) -> Result<Arc<Definition>, EngineError> {
        let row = self.store.execution(execution).await?;
        let row = row.ok_or(EngineError::NoExecution(execution))?;
        self.definitions.with_hash(&*self.store, row::read(&row)?.definition).await
    }

    /// The task that a token is of, as it was scheduled, and what its execution was born with. None for a text
    /// that is the token of no open task.
    pub async fn task_of_token(
        &self,
        token: &str,
    ) -> Result<Option<(Arc<Header>, ScheduledTask)>, EngineError> {
        let Some(parts) = asl::parse_token(token) else { return Ok(None) };
        let Some(row) = self.store.execution(parts.execution).await? else { return Ok(None) };
        for found in self.store.tasks_of(parts.execution).await? {
            if found.task != parts.task.0 {
                continue;
            }
            let task: ScheduledTask = journal::unpack(&found.detail, "").map_err(|reason| {
                EngineError::Journal { execution: parts.execution, sequence: 0, reason }
            })?;
            if task.token.as_deref() == Some(token) {
                return Ok(Some((row::read(&row)?.header, task)));
            }
        }
        Ok(None)
    }

    /// Visible events from this id on (or down, in reverse), at most `limit`.
    ///
    /// # Errors
    /// [`EngineError::NoExecution`] if there is none.
    pub async fn history(
        &self,
        execution: ExecutionKey,
        from: u64,
        reverse: bool,
        limit: usize,
    ) -> Result<Vec<Event>, EngineError> {
        let row = self.store.execution(execution).await?;
        let row = row.ok_or(EngineError::NoExecution(execution))?;
        let first = row::events(&row, &row::read(&row)?)?;
        let mut events = Vec::new();
        if reverse {
            let mut place = self.store.chunk_of_event(execution, from).await?;
            while let Some(sequence) = place.filter(|_| events.len() < limit) {
                for chunk in self.store.journal(execution, sequence, 1).await? {
                    if chunk.sequence == sequence {
                        let chunk = decode(&chunk)?;
                        take(chunk.into_iter().rev(), |id| id <= from, limit, &mut events);
                    }
                }
                place = sequence.checked_sub(1);
            }
            take(first.into_iter().rev(), |id| id <= from, limit, &mut events);
            return Ok(events);
        }
        take(first.into_iter(), |id| id >= from, limit, &mut events);
        let mut place = self.store.chunk_of_event(execution, from).await?.unwrap_or(0);
        while events.len() < limit {
            let chunks = self.store.journal(execution, place, CHUNKS_AT_ONCE).await?;
            let Some(last) = chunks.last() else { break };
            place = last.sequence + 1;
            for chunk in &chunks {
                if events.len() < limit {
                    take(decode(chunk)?.into_iter(), |id| id >= from, limit, &mut events);
                }
            }
        }
        Ok(events)
    }

    /// Every event of an execution, oldest first, those that AWS does not show among them.
    ///
    /// # Errors
    /// [`EngineError::NoExecution`] if there is none.
    pub async fn read_journal(
        &self,
        execution: ExecutionKey,
        mut each: impl FnMut(&Event) + Send,
    ) -> Result<(), EngineError> {
        let row = self.store.execution(execution).await?;
        let row = row.ok_or(EngineError::NoExecution(execution))?;
        row::events(&row, &row::read(&row)?)?.iter().for_each(&mut each);
        let mut place = 0;
        loop {
            let chunks = self.store.journal(execution, place, CHUNKS_AT_ONCE).await?;
            let Some(last) = chunks.last() else { return Ok(()) };
            place = last.sequence + 1;
            for chunk in &chunks {
                decode(chunk)?.iter().for_each(&mut each);
            }
        }
    }

    pub(crate) async fn describe(&self, row: ExecutionRow) -> Result<Summary, EngineError> {
        let (mut summary, elsewhere) = row::summary(&row)?;
        if elsewhere && let Some(last) = self.store.chunk_of_event(row.key, u64::MAX).await? {
            for chunk in self.store.journal(row.key, last, 1).await? {
                (summary.output, summary.failure) = end_of(&decode(&chunk)?);
            }
        }
        Ok(summary)
    }
}

fn take(
    events: impl Iterator<Item = Event>,
    wanted: impl Fn(u64) -> bool,
    limit: usize,
    into: &mut Vec<Event>,
) {
    let room = limit.saturating_sub(into.len());
    into.extend(events.filter(|event| event.id > 0 && wanted(event.id)).take(room));
}

fn decode(chunk: &Chunk) -> Result<Vec<Event>, EngineError> {
    journal::decode(&chunk.bytes).map_err(|reason| EngineError::Journal {
        execution: chunk.execution,
        sequence: chunk.sequence,
        reason,
    })
}
