//! The way of every decision: take the execution, step it, commit, tell what is owed.

use std::sync::Arc;

use asl::Execution;
use asl::{Header, Moment, ScheduledTask, Status, TaskId, Trigger};
use store::{Batch, ExecutionKey, ExecutionRow, StoreError};

use crate::live::{AT_END, Live, Plan};
use crate::row::{self, Detail, End};
use crate::{Engine, EngineError, NewExecution, Told, journal};

/// Chunks of a journal are folded so many at a time.
const CHUNKS_AT_ONCE: usize = 128;

impl Engine {
    pub(crate) async fn begin(
        &self,
        new: NewExecution,
        extra: Batch,
        moment: Moment,
    ) -> Result<ExecutionKey, EngineError> {
        let key = self.store.allocate().await?;
        let mut batch = extra;
        let known = self.definitions.with_text(&*self.store, &new.definition, &mut batch).await?;
        let header = Arc::new(Header { key, ..new.header });
        let row = ExecutionRow {
            key,
            owner: new.owner,
            name: header.name.clone(),
            status: row::status_number(Status::Running),
            open: true,
            started_at: header.start_time.0,
            stopped_at: None,
            detail: Default::default(),
        };
        let (owner, name) = (row.owner.clone(), row.name.clone());
        let detail = Detail {
            header: header.clone(),
            definition: known.hash,
            attributes: new.attributes.to_string().into_boxed_str(),
            redrive: (0, None),
            at_end: new.at_end.map(|task| Box::new(ScheduledTask { task: AT_END, ..task })),
            end: End::Untold,
            journal: None,
        };
        let execution =
            Execution::new(known.definition.clone(), header.clone()).with_limits(self.limits);
        let heard = self.is_heard(&detail.attributes);
        let mut live = Live::new(execution, detail, row, heard, self.paced());
        live.know_activities(self.activities());
        let plan = live.decide(&[Trigger::Started], moment);
        batch.merge(plan.batch);

        // Whoever finds the execution in the store before this is done waits for it here.
        let mut taken = if live.is_open() { Some(self.hot.take(key).await) } else { None };
        let doubt = self.board.doubt(key);
        let answer = self.store.commit(batch).await;
        if let Err(StoreError::Conflict { .. } | StoreError::Full { .. }) = &answer {
            doubt.settled();
            if let Some(taken) = self.store.execution_named(&owner, &name).await? {
                return Err(EngineError::NameTaken(taken.key));
            }
            return Err(answer.expect_err("it is an error").into());
        }
        answer?;
        doubt.settled();
        self.definitions.written(&new.definition, &known);
        self.tell_of(&live, plan.publication);
        if let Some(taken) = &mut taken {
            *taken.live() = Some(Box::new(live));
        }
        Ok(key)
    }

    pub(crate) async fn tell(
        &self,
        key: ExecutionKey,
        triggers: &[Trigger],
        extra: Batch,
        moment: Moment,
    ) -> Result<(), EngineError> {
        self.tell_with(key, extra, |live| live.decide(triggers, moment), is_redrive(triggers)).await
    }

    /// Lets `decide` change the execution and commits what it plans, together with `extra`. An execution
    /// that has ended is asked only if `ended_too`; else `extra` is written by itself.
    pub(crate) async fn tell_with(
        &self,
        key: ExecutionKey,
        extra: Batch,
        mut decide: impl FnMut(&mut Live) -> Plan,
        ended_too: bool,
    ) -> Result<(), EngineError> {
        let mut taken = self.hot.take(key).await;
        loop {
            let live = match taken.live().take() {
                Some(live) => Some(live),
                None => self.load(key, ended_too).await?,
            };
            let Some(mut live) = live else {
                return self.write_alone(extra).await;
            };
            let before = live.next_sequence;
            live.know_activities(self.activities());
            let plan = decide(&mut live);
            if plan.batch.is_empty() {
                if live.is_open() {
                    *taken.live() = Some(live);
                }
                return self.write_alone(extra).await;
            }
            let mut batch = extra.clone();
            batch.merge(plan.batch);
            // From here on the copy has decided more than the store may come to have. It goes back
            // into its place only when the commit is known to be good.
            let doubt = self.board.doubt(key);
            match self.store.commit(batch).await {
                Ok(()) => {
                    doubt.settled();
                    self.tell_of(&live, plan.publication);
                    if live.is_open() {
                        *taken.live() = Some(live);
                    } else {
                        self.map_runs.ended(live.owner(), key, live.status());
                    }
                    return Ok(());
                }
                Err(conflict @ StoreError::Conflict { .. }) => {
                    doubt.settled();
                    // Either `extra` does not fit, or a commit whose caller had gone came in between.
                    if self.store.journal(key, before, 1).await?.is_empty() {
                        return Err(conflict.into());
                    }
                }
                Err(full @ StoreError::Full { .. }) => {
                    doubt.settled();
                    return Err(full.into());
                }
                // What failed may have been written all the same.
                Err(error) => return Err(error.into()),
            }
        }
    }

    pub(crate) async fn tell_by_token(
        &self,
        token: &str,
        answer: impl Fn(TaskId) -> Trigger + Send,
        early_too: bool,
        moment: Moment,
    ) -> Result<Told, EngineError> {
        let Some(parts) = asl::parse_token(token) else { return Ok(Told::NoToken) };
        let mut told = Told::Closed;
        let decide = |live: &mut Live| {
            let plan = match live.token_matches(token) {
                Some((task, true)) => (Told::Taken, Some(task)),
                Some((task, false)) if early_too => (Told::Taken, Some(task)),
                Some((_, false)) => (Told::Early, None),
                // The task is there, and the text is not its token.
                None if live.awaits(parts.task) => (Told::NoToken, None),
                None => (Told::Closed, None),
            };
            told = plan.0;
            plan.1.map_or_else(Plan::default, |task| live.decide(&[answer(task)], moment))
        };
        self.tell_with(parts.execution, Batch::default(), decide, false).await?;
        if told == Told::Closed && self.store.execution(parts.execution).await?.is_none() {
            told = Told::NoTask;
        }
        Ok(told)
    }

    async fn write_alone(&self, extra: Batch) -> Result<(), EngineError> {
        if !extra.is_empty() {
            self.store.commit(extra).await?;
        }
        Ok(())
    }

    /// Folds an execution. None: there is none, or it has ended (unless `ended_too`).
    pub(crate) async fn load(
        &self,
        key: ExecutionKey,
        ended_too: bool,
    ) -> Result<Option<Box<Live>>, EngineError> {
        if self.board.is_in_doubt(key) {
            // Behind this, what somebody began to write and did not wait for can be read. A copy without it
            // would stay until it wants to write something itself.
            self.store.commit(Batch::default()).await?;
        }
        let Some(row) = self.store.execution(key).await? else { return Ok(None) };
        if !row.open && !ended_too {
            return Ok(None);
        }
        self.meter.loads.inc();
        let damaged = |sequence, reason| EngineError::Journal { execution: key, sequence, reason };
        let detail = row::read(&row)?;
        let definition = self.definitions.with_hash(&*self.store, detail.definition).await?;
        let execution = Execution::new(definition, detail.header.clone()).with_limits(self.limits);
        let in_row = row::events(&row, &detail)?;
        let heard = self.is_heard(&detail.attributes);
        let mut live = Box::new(Live::new(execution, detail, row, heard, self.paced()));
        if !in_row.is_empty() {
            live.fold(&in_row);
        }
        loop {
            let chunks = self.store.journal(key, live.next_sequence, CHUNKS_AT_ONCE).await?;
            for chunk in &chunks {
                if chunk.sequence != live.next_sequence {
                    return Err(damaged(live.next_sequence, "it is missing".to_owned()));
                }
                let events = journal::decode(&chunk.bytes)
                    .map_err(|reason| damaged(chunk.sequence, reason))?;
                live.fold(&events);
            }
            if chunks.len() < CHUNKS_AT_ONCE {
                break;
            }
        }
        let tasks = self.store.tasks_of(key).await?;
        live.remember_tasks(tasks).map_err(|reason| damaged(0, format!("its tasks: {reason}")))?;
        Ok(Some(live))
    }

    /// Whether the execution still awaits the task; false also when there is no such execution.
    pub(crate) async fn is_awaited(
        &self,
        key: ExecutionKey,
        task: TaskId,
    ) -> Result<bool, EngineError> {
        let mut taken = self.hot.take(key).await;
        if taken.live().is_none() {
            *taken.live() = self.load(key, false).await?;
        }
        Ok(taken.live().as_ref().is_some_and(|live| live.awaits(task)))
    }
}

fn is_redrive(triggers: &[Trigger]) -> bool {
    triggers.iter().any(|trigger| matches!(trigger, Trigger::Redriven))
}
