//! Whether what is stored of an execution agrees with itself: its journal, its row, what it owes.

use std::collections::{BTreeMap, BTreeSet};

use asl::event::TaskTarget;
use asl::{Event, EventKind, Execution, Status, TaskId};
use store::{ExecutionKey, ExecutionRow, TaskRow};

use crate::live::{CANCEL, CONTINUE, NOBODY, PROMISED, WORKER, at_end};
use crate::row::{self, Detail};
use crate::{Engine, EngineError, journal};

/// Chunks of a journal are read so many at a time.
const CHUNKS_AT_ONCE: usize = 128;

impl Engine {
    /// Reads everything that is stored of an execution and says what of it does not agree: chunks that are
    /// missing or cannot be read, ids with gaps, events behind the end, tasks answered twice, a row or
    /// tasks or timers that are not what the journal folds to. Nothing: all is well.
    ///
    /// Meant for an execution that nobody changes meanwhile.
    ///
    /// # Errors
    /// [`EngineError::NoExecution`]; the store's own. Damage is no error, but told.
    pub async fn check(&self, key: ExecutionKey) -> Result<Vec<String>, EngineError> {
        let row = self.store.execution(key).await?.ok_or(EngineError::NoExecution(key))?;
        let mut wrong = Vec::new();
        match self.look(&row, &mut wrong).await {
            Ok(look) => look.check(&mut wrong),
            Err(error @ EngineError::Store(_)) => return Err(error),
            Err(error) => wrong.push(error.to_string()),
        }
        Ok(wrong)
    }

    async fn look<'a>(
        &self,
        row: &'a ExecutionRow,
        wrong: &mut Vec<String>,
    ) -> Result<Look<'a>, EngineError> {
        let detail = row::read(row)?;
        let definition = self.definitions.with_hash(&*self.store, detail.definition).await?;
        let mut execution = Execution::new(definition, detail.header.clone());
        let mut events = row::events(row, &detail)?;
        execution.extend(events.iter().cloned());
        let mut next = u64::from(detail.journal.is_some());
        loop {
            let chunks = self.store.journal(row.key, next, CHUNKS_AT_ONCE).await?;
            for chunk in &chunks {
                if chunk.sequence != next {
                    wrong.push(format!("chunk {next} of its journal is missing"));
                }
                next = chunk.sequence + 1;
                let before = execution.last_event_id();
                let found = journal::decode(&chunk.bytes).map_err(|reason| {
                    EngineError::Journal { execution: row.key, sequence: chunk.sequence, reason }
                })?;
                let first = found.iter().map(|event| event.id).find(|id| *id > 0);
                if chunk.first_event != first.unwrap_or(before + 1) {
                    wrong.push(format!(
                        "chunk {} is said to begin with event {}, not {}",
                        chunk.sequence,
                        chunk.first_event,
                        first.unwrap_or(before + 1)
                    ));
                }
                execution.extend(found.iter().cloned());
                events.extend(found);
            }
            if chunks.len() < CHUNKS_AT_ONCE {
                break;
            }
        }
        let summary = self.describe(row.clone()).await?;
        if (&summary.output, &summary.failure)
            != (&execution.output().cloned(), &execution.failure().cloned())
        {
            wrong.push("its row tells another end than its journal".to_owned());
        }
        let timers = self.store.timers_of(row.key).await?;
        Ok(Look {
            row,
            detail,
            events,
            execution,
            tasks: self.store.tasks_of(row.key).await?,
            timers: timers.iter().map(|timer| (timer.timer, timer.due_at)).collect(),
        })
    }
}

/// One execution as the store has it.
struct Look<'a> {
    row: &'a ExecutionRow,
    detail: Detail,
    events: Vec<Event>,
    execution: Execution,
    tasks: Vec<TaskRow>,
    timers: BTreeMap<u64, i64>,
}

impl Look<'_> {
    fn check(&self, wrong: &mut Vec<String>) {
        self.check_order(wrong);
        self.check_row(wrong);
        self.check_tasks(wrong);
        self.check_timers(wrong);
    }

    fn check_order(&self, wrong: &mut Vec<String>) {
        match self.events.first().map(|event| &event.kind) {
            Some(EventKind::ExecutionStarted { .. }) => {}
            _ => wrong.push("its journal does not begin with its start".to_owned()),
        }
        let ids = self.events.iter().map(|event| event.id).filter(|id| *id > 0);
        if let Some((id, place)) = ids.zip(1..).find(|(id, place)| id != place) {
            wrong.push(format!("event {id} stands where event {place} belongs"));
        }
        let mut ended = false;
        let mut answered = BTreeSet::new();
        for event in &self.events {
            if ended && !matches!(event.kind, EventKind::ExecutionRedriven { .. }) {
                wrong.push(format!("event {} stands behind the end", event.id));
            }
            ended = matches!(
                event.kind,
                EventKind::ExecutionSucceeded { .. }
                    | EventKind::ExecutionFailed { .. }
                    | EventKind::ExecutionTimedOut { .. }
                    | EventKind::ExecutionAborted { .. }
            );
            if let EventKind::MapRunRedriven { task, .. } = &event.kind {
                answered.remove(task);
            }
            if let Some(task) = answered_by(&event.kind)
                && !answered.insert(task)
            {
                wrong.push(format!("task {} is answered twice", task.0));
            }
        }
        if ended == (self.execution.status() == Status::Running) {
            wrong.push("its journal's last event does not fit its status".to_owned());
        }
    }

    fn check_row(&self, wrong: &mut Vec<String>) {
        let status = self.execution.status();
        let mut differ = |what: &str, differs: bool| {
            if differs {
                wrong.push(format!("its row's {what} is not what its journal folds to"));
            }
        };
        differ("status", self.row.status != row::status_number(status));
        differ("being open", self.row.open != row::is_open(status));
        let stopped_at = self.execution.stop_time().map(|time| time.0);
        differ("end time", self.row.stopped_at != stopped_at);
        differ("number of redrives", self.detail.redrive != self.execution.redrive());
        differ("key", self.detail.header.key != self.row.key);
        differ("name", self.detail.header.name != self.row.name);
    }

    fn check_tasks(&self, wrong: &mut Vec<String>) {
        let awaited: BTreeSet<u64> =
            self.execution.reconcile().tasks.iter().map(|task| task.0).collect();
        let mut owed = BTreeSet::new();
        for row in &self.tasks {
            if let Err(reason) = journal::unpack::<asl::ScheduledTask>(&row.detail, "") {
                wrong.push(format!("its task {} cannot be read: {reason}", row.task));
            }
            if row.queue != CANCEL {
                owed.insert(row.task);
                self.check_queue(row, wrong);
            } else if row.task == at_end(self.detail.redrive.0).0 && self.row.open {
                wrong.push("its end is told though it has not ended".to_owned());
            }
        }
        for task in awaited.difference(&owed) {
            wrong.push(format!("task {task} is awaited and not owed"));
        }
        for task in owed.difference(&awaited) {
            wrong.push(format!("task {task} is owed and not awaited"));
        }
    }

    fn check_queue(&self, row: &TaskRow, wrong: &mut Vec<String>) {
        // A Map run is no task of the language; its rows are in a queue of their own.
        let Some(awaited) = self.execution.awaits(TaskId(row.task)) else { return };
        let expected = match awaited.target {
            _ if awaited.submitted => NOBODY,
            TaskTarget::Activity { .. } if awaited.started => NOBODY,
            TaskTarget::Activity { arn } => arn,
            TaskTarget::Lambda { .. } | TaskTarget::Integration { .. } => WORKER,
        };
        if row.queue != expected {
            wrong.push(format!(
                "task {} is in the queue `{}` and belongs into `{expected}`",
                row.task, row.queue
            ));
        }
    }

    fn check_timers(&self, wrong: &mut Vec<String>) {
        let awaited = self.execution.reconcile();
        let expected: BTreeMap<u64, i64> =
            awaited.timers.iter().map(|(timer, at)| (timer.0, at.0)).collect();
        for (timer, at) in &expected {
            if self.timers.get(timer) != Some(at) {
                wrong.push(format!("timer {timer} is awaited and not set for {at}"));
            }
        }
        for timer in self.timers.keys().filter(|timer| ![CONTINUE, PROMISED].contains(timer)) {
            if !expected.contains_key(timer) {
                wrong.push(format!("timer {timer} is set and not awaited"));
            }
        }
        let asks = |timer| self.timers.contains_key(timer);
        if awaited.goes_on && !asks(&CONTINUE) && !asks(&PROMISED) {
            wrong.push("it has more to decide and nobody will ask it".to_owned());
        }
    }
}

/// The task that this event answers.
fn answered_by(kind: &EventKind) -> Option<TaskId> {
    match kind {
        EventKind::TaskSucceeded { task, .. }
        | EventKind::TaskFailed { task, .. }
        | EventKind::TaskTimedOut { task, .. }
        | EventKind::MapRunSucceeded { task, .. }
        | EventKind::MapRunFailed { task, .. }
        | EventKind::MapRunAborted { task } => Some(*task),
        _ => None,
    }
}
