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
        let wanted = Wanted { from, reverse, limit, bytes: usize::MAX };
        Ok(self.collect(execution, wanted).await?.events)
    }

    /// As [`Engine::history`], but no more than this many bytes of events (or one), so that a page can be held;
    /// and where the next page begins, if there is more.
    ///
    /// # Errors
    /// [`EngineError::NoExecution`] if there is none.
    pub async fn history_page(
        &self,
        execution: ExecutionKey,
        from: u64,
        reverse: bool,
        limit: usize,
        bytes: usize,
    ) -> Result<(Vec<Event>, Option<u64>), EngineError> {
        // One more than asked for tells whether there is another page.
        let wanted = Wanted { from, reverse, limit: limit.saturating_add(1), bytes };
        let Found { mut events, left, .. } = self.collect(execution, wanted).await?;
        let over = events.len() > limit || left.is_none();
        let next = if over { events.pop().map(|event| event.id) } else { None };
        Ok((events, next))
    }

    async fn collect(&self, execution: ExecutionKey, wanted: Wanted) -> Result<Found, EngineError> {
        let row = self.store.execution(execution).await?;
        let row = row.ok_or(EngineError::NoExecution(execution))?;
        // A row holds few bytes.
        let first = row::events(&row, &row::read(&row)?)?.into_iter().map(|event| (event, 0));
        let mut found = Found { events: Vec::new(), left: Some(wanted.bytes) };
        if wanted.reverse {
            let mut place = self.store.chunk_of_event(execution, wanted.from).await?;
            while let Some(sequence) = place.filter(|_| found.has_room(&wanted)) {
                for chunk in self.store.journal(execution, sequence, 1).await? {
                    if chunk.sequence == sequence {
                        found.take(measured(&chunk)?.into_iter().rev(), &wanted);
                    }
                }
                place = sequence.checked_sub(1);
            }
            found.take(first.rev(), &wanted);
            return Ok(found);
        }
        found.take(first, &wanted);
        let mut place = self.store.chunk_of_event(execution, wanted.from).await?.unwrap_or(0);
        while found.has_room(&wanted) {
            let chunks = self.store.journal(execution, place, CHUNKS_AT_ONCE).await?;
            let Some(last) = chunks.last() else { break };
            place = last.sequence + 1;
            for chunk in &chunks {
                if found.has_room(&wanted) {
                    found.take(measured(chunk)?.into_iter(), &wanted);
                }
            }
        }
        Ok(found)
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

/// Which events are asked for.
struct Wanted {
    from: u64,
    reverse: bool,
    limit: usize,
    bytes: usize,
}

/// Events that were asked for.
struct Found {
    events: Vec<Event>,
    /// Bytes that there is room for yet; `None` when the last event had no room.
    left: Option<usize>,
}

impl Found {
    fn has_room(&self, wanted: &Wanted) -> bool {
        self.left.is_some() && self.events.len() < wanted.limit
    }

    /// Takes what is visible and asked for. There is room for the first, whatever its length; what has none is
    /// taken as the last.
    fn take(&mut self, events: impl Iterator<Item = (Event, usize)>, wanted: &Wanted) {
        for (event, length) in events {
            if !self.has_room(wanted) {
                return;
            }
            let within = match wanted.reverse {
                false => event.id >= wanted.from,
                true => event.id <= wanted.from,
            };
            if event.id > 0 && within {
                let first = self.events.is_empty();
                self.left = self.left.and_then(|left| match first {
                    true => Some(left.saturating_sub(length)),
                    false => left.checked_sub(length),
                });
                self.events.push(event);
            }
        }
    }
}

fn measured(chunk: &Chunk) -> Result<Vec<(Event, usize)>, EngineError> {
    journal::decode_measured(&chunk.bytes).map_err(|reason| damaged(chunk, reason))
}

fn decode(chunk: &Chunk) -> Result<Vec<Event>, EngineError> {
    journal::decode(&chunk.bytes).map_err(|reason| damaged(chunk, reason))
}

fn damaged(chunk: &Chunk, reason: String) -> EngineError {
    EngineError::Journal { execution: chunk.execution, sequence: chunk.sequence, reason }
}
