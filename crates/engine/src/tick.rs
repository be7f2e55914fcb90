//! One turn of the loop: due timers become triggers, owed tasks become leases.

use std::collections::HashMap;
use std::sync::Arc;

use asl::{Header, Moment, ScheduledTask, TimerId, Trigger};
use futures::future::join_all;
use store::{Batch, ExecutionKey, TaskRow, TimerRow, TimerWrite};

use crate::board::{Pages, TaskKey};
use crate::live::{CANCEL, CONTINUE, Live, MAP_RUN, PROMISED, WORKER};
use crate::{Cancelled, Engine, EngineError, Tick, journal, row};

/// So many timers fire in one turn; more make the next turn come at once.
const TIMERS_AT_ONCE: usize = 1000;
/// So many rows of a queue are read at a time.
const PAGE: usize = 128;
/// A timer of an execution that cannot be read is asked again after this.
const DAMAGED_RETRY_MILLIS: i64 = 3_600_000;

impl Engine {
    /// Whoever stops waiting for a turn loses nothing: what is taken off the board is taken at its end.
    pub(crate) async fn turn(&self, moment: Moment, room: usize) -> Result<Tick, EngineError> {
        self.resolve_doubts().await?;
        self.fire_timers(moment).await?;
        self.board.lock().wake(moment.now);
        loop {
            let wanted = self.board.lock().wanted_page(room);
            let Some(after) = wanted else { break };
            self.read_page(WORKER, after).await?;
        }
        let (cancel, runs) = {
            let board = self.board.lock();
            (board.cancel_pages, board.run_pages)
        };
        if let Pages::From(after) = cancel {
            self.read_page(CANCEL, after).await?;
        }
        if let Pages::From(after) = runs {
            self.read_page(MAP_RUN, after).await?;
        }
        let mut board = self.board.lock();
        let leases = board.lend(room);
        self.meter.leases.inc_by(leases.len() as u64);
        let cancelled = board.cancelled.drain(..).collect();
        let map_runs = board.runs.drain(..).collect();
        Ok(Tick { leases, map_runs, cancelled, wake_at: board.wake_at() })
    }

    /// Fires the timers that are due, soonest first; those of different executions share commits.
    async fn fire_timers(&self, moment: Moment) -> Result<(), EngineError> {
        {
            let mut board = self.board.lock();
            if board.next_due > moment.now.0 {
                return Ok(());
            }
            board.set_meanwhile = i64::MAX;
        }
        self.fire_page(moment).await?;
        let next = self.store.timers(i64::MAX, 1).await?;
        let mut board = self.board.lock();
        // Timers that were set after the look at the store are no later than `set_meanwhile`.
        let next = next.first().map_or(i64::MAX, |timer| timer.due_at);
        board.next_due = next.min(board.set_meanwhile);
        Ok(())
    }

    async fn fire_page(&self, moment: Moment) -> Result<(), EngineError> {
        let timers = self.store.timers(moment.now.0.saturating_add(1), TIMERS_AT_ONCE).await?;
        self.meter.timers.inc_by(timers.len() as u64);
        let mut order: Vec<ExecutionKey> = Vec::new();
        let mut by_execution: HashMap<ExecutionKey, Vec<TimerRow>> = HashMap::new();
        for timer in timers {
            let of_execution = by_execution.entry(timer.execution).or_default();
            if of_execution.is_empty() {
                order.push(timer.execution);
            }
            of_execution.push(timer);
        }
        let mut dice = moment.dice("engine: a seed for each execution whose timers fire");
        let turns = order.into_iter().map(|execution| {
            let moment = Moment { now: moment.now, seed: dice.next_u64() };
            self.fire(execution, by_execution.remove(&execution).unwrap_or_default(), moment)
        });
        join_all(turns.collect::<Vec<_>>()).await.into_iter().collect()
    }

    /// Fires timers of one execution. They are gone with the commit, whatever was decided.
    async fn fire(
        &self,
        execution: ExecutionKey,
        timers: Vec<TimerRow>,
        moment: Moment,
    ) -> Result<(), EngineError> {
        let mut triggers = Vec::with_capacity(timers.len());
        let mut fired = Batch::default();
        let mut promised = false;
        for row in timers {
            fired.timers.push(TimerWrite::Cancel { execution, timer: row.timer });
            promised |= row.timer == PROMISED;
            triggers.push(match row.timer {
                CONTINUE | PROMISED => Trigger::Continue,
                timer => Trigger::TimerFired { timer: TimerId(timer) },
            });
        }
        let decide = |live: &mut Live| {
            if promised {
                live.promise_is_due(moment.now);
            }
            live.decide(&triggers, moment)
        };
        match self.tell_with(execution, fired.clone(), decide, false).await {
            Err(error @ (EngineError::Journal { .. } | EngineError::Definition(_))) => {
                // One damaged execution must not stop the others; nothing of it is thrown away.
                tracing::error!(execution, %error, "a timer is due of an execution that cannot be read");
                let due_at = moment.now.0 + DAMAGED_RETRY_MILLIS;
                let again = |write: TimerWrite| match write {
                    TimerWrite::Cancel { execution, timer } => {
                        TimerWrite::Set(TimerRow { due_at, execution, timer })
                    }
                    set => set,
                };
                fired.timers = fired.timers.into_iter().map(again).collect();
                Ok(self.store.commit(fired).await?)
            }
            answer => answer,
        }
    }

    /// Takes in a page of a queue, as after a start, or when more was owed than fits in memory.
    async fn read_page(&self, queue: &str, after: Option<TaskKey>) -> Result<(), EngineError> {
        {
            let mut board = self.board.lock();
            board.page_begins();
            board.overflowed = false;
        }
        let taken = self.take_in_page(queue, after).await;
        let mut board = self.board.lock();
        board.page_read();
        let pages = taken?.map_or(Pages::Done, |last| Pages::From(Some(last)));
        match queue {
            CANCEL => board.cancel_pages = pages,
            MAP_RUN => board.run_pages = pages,
            _ if !board.overflowed => board.worker_pages = pages,
            _ => {}
        }
        Ok(())
    }

    /// The last of a full page, behind which there may be more.
    async fn take_in_page(
        &self,
        queue: &str,
        after: Option<TaskKey>,
    ) -> Result<Option<TaskKey>, EngineError> {
        let rows = self.store.tasks(queue, after, PAGE).await?;
        for row in &rows {
            self.take_in(queue, row).await?;
        }
        let full = rows.len() == PAGE;
        Ok(rows.last().filter(|_| full).map(|row| (row.execution, row.task)))
    }

    async fn take_in(&self, queue: &str, row: &TaskRow) -> Result<(), EngineError> {
        let key = (row.execution, row.task);
        let known = {
            let board = self.board.lock();
            if queue == CANCEL { board.is_ending(key) } else { board.knows(key) }
        };
        if known {
            return Ok(());
        }
        let (header, task) = match self.owed(row).await {
            Ok(Some(owed)) => owed,
            Ok(None) => return Ok(()),
            Err(error @ EngineError::Store(_)) => return Err(error),
            Err(error) => {
                tracing::error!(execution = row.execution, task = row.task, %error, "an owed task cannot be read");
                return Ok(());
            }
        };
        let mut board = self.board.lock();
        if board.was_settled(key) {
            return Ok(());
        }
        match queue {
            CANCEL => drop(board.end(Cancelled { execution: row.execution, header, task })),
            MAP_RUN => drop(board.offer_run(row.execution, &header, &task, true)),
            _ => drop(board.offer(row.execution, &header, &task, true)),
        }
        Ok(())
    }

    /// What a task's row asks, and for whom.
    async fn owed(
        &self,
        row: &TaskRow,
    ) -> Result<Option<(Arc<Header>, ScheduledTask)>, EngineError> {
        let task = journal::unpack(&row.detail, "").map_err(|reason| EngineError::Journal {
            execution: row.execution,
            sequence: 0,
            reason: format!("task {}: {reason}", row.task),
        })?;
        let Some(execution) = self.store.execution(row.execution).await? else { return Ok(None) };
        Ok(Some((row::read(&execution)?.header, task)))
    }

    /// Reads again what executions owe whose last commit nobody waited for, or that failed after it wrote.
    async fn resolve_doubts(&self) -> Result<(), EngineError> {
        let doubts = self.board.lock().doubts();
        if doubts.is_empty() {
            return Ok(());
        }
        self.resolve(doubts.iter().map(|(execution, _)| *execution)).await?;
        let mut board = self.board.lock();
        board.page_read();
        board.resolved(&doubts);
        // Their timers are found by looking.
        board.next_due = i64::MIN;
        Ok(())
    }

    async fn resolve(
        &self,
        executions: impl Iterator<Item = ExecutionKey>,
    ) -> Result<(), EngineError> {
        self.board.lock().page_begins();
        // Behind this, all that was asked before has been decided.
        self.store.commit(Batch::default()).await?;
        for execution in executions {
            for row in self.store.tasks_of(execution).await? {
                if [WORKER, CANCEL, MAP_RUN].contains(&row.queue.as_str()) {
                    self.take_in(&row.queue, &row).await?;
                }
            }
            self.child_may_have_ended(execution).await?;
        }
        Ok(())
    }
}
