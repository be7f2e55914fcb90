//! One execution in memory: it decides, and its decision becomes rows.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use asl::Execution;
use asl::event::TaskTarget;
use asl::{
    Command, Decision, Event, EventKind, Header, Moment, ScheduledTask, Status, TaskId, Timestamp,
    Trigger,
};
use store::{
    Batch, Chunk, ExecutionKey, ExecutionRow, ExecutionWrite, TaskRow, TaskWrite, TimerRow,
    TimerWrite,
};

use crate::journal::{self, Lines};
use crate::listener::Change;
use crate::pace::Paced;
use crate::row::{self, Detail, End};
use crate::{Cancelled, map_run};

/// The timer that stands for `Trigger::Continue`: an execution that has more to decide gives way to
/// others and comes back by it, also after a restart.
pub(crate) const CONTINUE: u64 = u64::MAX >> 1;
/// The timer of a transition that was promised for then ([`crate::Pace`]). It remembers the promise: whoever
/// is folded from its journal by then has forgotten it.
pub(crate) const PROMISED: u64 = CONTINUE - 1;
/// The number of what is handed out when an execution has ended; no task comes to bear it. Each redrive has
/// another ([`at_end`]): somebody may just be saying that the end before it was told.
pub(crate) const AT_END: TaskId = TaskId(u64::MAX >> 1);
/// The queue of tasks for workers.
pub(crate) const WORKER: &str = "worker";
/// The queue of tasks whose work is to be ended.
pub(crate) const CANCEL: &str = "cancel";
/// The queue of Map runs.
pub(crate) const MAP_RUN: &str = "map-run";
/// The queue of tasks that are answered from outside.
pub(crate) const NOBODY: &str = "";

/// The number of what is handed out at the end after so many redrives.
pub(crate) fn at_end(redrives: u32) -> TaskId {
    TaskId(AT_END.0 - u64::from(redrives))
}

/// An execution, and what the store has of it.
pub(crate) struct Live {
    execution: Execution,
    pub(crate) detail: Detail,
    /// Owner, name and the times of its row.
    row: ExecutionRow,
    /// The place of its next journal chunk.
    pub(crate) next_sequence: u64,
    /// Tasks that it awaits.
    tasks: BTreeMap<u64, Awaited>,
    /// Somebody wants to hear of its events.
    heard: bool,
    /// How fast it goes on; none: as fast as it can.
    paced: Option<Paced>,
}

struct Awaited {
    task: Arc<ScheduledTask>,
    /// Not yet submitted by a worker or taken by an activity's.
    queued: bool,
}

/// A decision as rows, and what to tell whom once they are durable.
#[derive(Default)]
pub(crate) struct Plan {
    pub(crate) batch: Batch,
    pub(crate) publication: Publication,
}

/// What is to be told once a commit is durable.
#[derive(Default)]
pub(crate) struct Publication {
    /// New tasks for workers.
    pub(crate) scheduled: Vec<Arc<ScheduledTask>>,
    /// New Map runs.
    pub(crate) map_runs: Vec<Arc<ScheduledTask>>,
    /// Tasks that workers need not do any more.
    pub(crate) settled: Vec<TaskId>,
    /// Tasks whose work is to be ended.
    pub(crate) cancelled: Vec<Cancelled>,
    /// The soonest of the new timers.
    pub(crate) due_at: Option<i64>,
    /// New tasks of activities.
    pub(crate) activities: bool,
    /// What happened, if somebody wants to hear of it.
    pub(crate) events: Vec<Event>,
    /// When it began or was redriven, if that is what happened.
    pub(crate) began: Option<Timestamp>,
    /// It has ended.
    pub(crate) ended: bool,
    /// States entered.
    pub(crate) transitions: u64,
    /// States left, and how many milliseconds each had taken.
    pub(crate) left: Vec<(asl::Name, u64)>,
    /// Transitions that were delayed, and when that was last.
    pub(crate) throttled: Option<(u64, Timestamp)>,
}

impl Live {
    /// A new execution; nothing has been decided.
    pub(crate) fn new(
        execution: Execution,
        detail: Detail,
        row: ExecutionRow,
        heard: bool,
        paced: Option<Paced>,
    ) -> Live {
        Live { execution, detail, row, next_sequence: 0, tasks: BTreeMap::new(), heard, paced }
    }

    /// Applies events of its journal.
    pub(crate) fn fold(&mut self, events: &[Event]) {
        for event in events {
            self.execution.apply(event);
        }
        self.next_sequence += 1;
    }

    /// Takes over the tasks that its rows say it awaits.
    pub(crate) fn remember_tasks(&mut self, rows: Vec<TaskRow>) -> Result<(), String> {
        for row in rows {
            if row.queue != CANCEL {
                let task = Arc::new(journal::unpack::<ScheduledTask>(&row.detail, "")?);
                let queued = row.queue != NOBODY;
                self.tasks.insert(row.task, Awaited { task, queued });
            }
        }
        Ok(())
    }

    pub(crate) fn key(&self) -> ExecutionKey {
        self.row.key
    }

    pub(crate) fn header(&self) -> &Arc<Header> {
        &self.detail.header
    }

    pub(crate) fn is_open(&self) -> bool {
        row::is_open(self.execution.status())
    }

    pub(crate) fn status(&self) -> Status {
        self.execution.status()
    }

    /// Its status as it is now.
    pub(crate) fn change(&self) -> Change<'_> {
        Change {
            execution: self.row.key,
            header: &self.detail.header,
            attributes: &self.detail.attributes,
            status: self.execution.status(),
            at: self.execution.stop_time().unwrap_or(self.detail.header.start_time),
            redrive: self.execution.redrive(),
            output: self.execution.output(),
            failure: self.execution.failure(),
        }
    }

    /// Whose list it is in.
    pub(crate) fn owner(&self) -> &str {
        &self.row.owner
    }

    pub(crate) fn awaits(&self, task: TaskId) -> bool {
        self.tasks.contains_key(&task.0)
    }

    /// A task that it awaits and nobody has taken yet.
    pub(crate) fn queued(&self, task: TaskId) -> Option<&Arc<ScheduledTask>> {
        self.tasks.get(&task.0).filter(|awaited| awaited.queued).map(|awaited| &awaited.task)
    }

    /// Somebody outside has taken the task.
    pub(crate) fn take(&mut self, task: TaskId, plan: &mut Plan) {
        if let Some(awaited) = self.tasks.get_mut(&task.0) {
            awaited.queued = false;
            let queue = NOBODY.to_owned();
            plan.batch.tasks.push(TaskWrite::Move { execution: self.row.key, task: task.0, queue });
        }
    }

    /// Roughly the bytes it holds.
    pub(crate) fn weight(&self) -> usize {
        1024 + self.execution.weight() + 512 * self.tasks.len()
    }

    /// See [`Execution::know_activities`].
    pub(crate) fn know_activities(&mut self, activities: Option<Arc<BTreeSet<String>>>) {
        self.execution.know_activities(activities);
    }

    /// Whose token this is; and whether its task's call has been answered.
    pub(crate) fn token_matches(&self, token: &str) -> Option<(TaskId, bool)> {
        let task = self.execution.token_matches(token)?;
        let awaited = self.execution.awaits(task)?;
        let activity = matches!(awaited.target, TaskTarget::Activity { .. });
        Some((task, awaited.submitted || activity))
    }

    /// Decides on triggers, in order.
    pub(crate) fn decide(&mut self, triggers: &[Trigger], moment: Moment) -> Plan {
        let mut plan = Plan::default();
        let mut events = Vec::new();
        let mut dice = moment.dice("engine: a seed for each trigger behind the first");
        let mut moment = moment;
        for trigger in triggers {
            if let Some(paced) = &self.paced {
                self.execution.may_make(paced.allowed(&self.detail.header, moment.now));
            }
            let decision = self.execution.step(trigger.clone(), moment);
            let promised = self.keep_pace(&decision, moment, &mut plan);
            let mut timed_out = Vec::new();
            for event in &decision.events {
                self.note(event, &mut timed_out, &mut plan);
            }
            events.extend(decision.events);
            plan.publication.left.extend(decision.left);
            for command in decision.commands {
                self.carry_out(command, promised, moment, &mut plan);
            }
            for task in timed_out {
                self.cancel(task, &mut plan);
            }
            moment.seed = dice.next_u64();
        }
        self.write(events, &mut plan);
        plan
    }

    /// The time has come for which a transition was promised.
    pub(crate) fn promise_is_due(&mut self, now: Timestamp) {
        if let Some(paced) = &mut self.paced {
            paced.promise_is_due(now);
        }
    }

    /// When it may go on, if it was held.
    fn keep_pace(
        &mut self,
        decision: &Decision,
        moment: Moment,
        plan: &mut Plan,
    ) -> Option<Timestamp> {
        let paced = self.paced.as_mut()?;
        let (at, news) = paced.decided(&self.detail.header, decision, moment.now)?;
        if news {
            let throttled = plan.publication.throttled.map_or(0, |(count, _)| count);
            plan.publication.throttled = Some((throttled + 1, moment.now));
        }
        Some(at)
    }

    /// What an event means for the tasks that are awaited, and for those who are told.
    fn note(&mut self, event: &Event, timed_out: &mut Vec<TaskId>, plan: &mut Plan) {
        match &event.kind {
            EventKind::TaskSucceeded { task, .. }
            | EventKind::TaskFailed { task, .. }
            | EventKind::MapRunSucceeded { task, .. }
            | EventKind::MapRunFailed { task, .. }
            | EventKind::MapRunAborted { task } => self.settle(*task, plan),
            // Its work may go on: that is to be ended, whether or not a command says so.
            EventKind::TaskTimedOut { task, .. } => timed_out.push(*task),
            EventKind::StateEntered { .. } => plan.publication.transitions += 1,
            EventKind::ExecutionStarted { .. } | EventKind::ExecutionRedriven { .. } => {
                plan.publication.began = Some(event.at);
            }
            EventKind::ExecutionSucceeded { .. }
            | EventKind::ExecutionFailed { .. }
            | EventKind::ExecutionTimedOut { .. }
            | EventKind::ExecutionAborted { .. } => plan.publication.ended = true,
            EventKind::TaskSubmitted { task, .. } => {
                plan.publication.settled.push(*task);
                self.take(*task, plan);
            }
            _ => {}
        }
    }

    fn settle(&mut self, task: TaskId, plan: &mut Plan) {
        if self.tasks.remove(&task.0).is_some() {
            plan.batch.tasks.push(TaskWrite::Done { execution: self.row.key, task: task.0 });
            plan.publication.settled.push(task);
        }
    }

    /// A command as rows.
    fn carry_out(
        &mut self,
        command: Command,
        promised: Option<Timestamp>,
        moment: Moment,
        plan: &mut Plan,
    ) {
        let execution = self.row.key;
        match command {
            Command::ScheduleTask(task) => {
                let queue = match &task.target {
                    TaskTarget::Activity { arn } => arn.clone(),
                    TaskTarget::Lambda { .. } | TaskTarget::Integration { .. } => WORKER.to_owned(),
                };
                let number = task.task.0;
                let detail = journal::pack(&task, "");
                let task = Arc::new(task);
                if queue == WORKER {
                    plan.publication.scheduled.push(task.clone());
                } else {
                    plan.publication.activities = true;
                }
                plan.batch.tasks.push(TaskWrite::Add(TaskRow {
                    execution,
                    task: number,
                    queue,
                    detail,
                }));
                self.tasks.insert(number, Awaited { task, queued: true });
            }
            Command::CancelTask { task, .. } => self.cancel(task, plan),
            Command::SetTimer { timer, at } => self.set_timer(timer.0, at, plan),
            Command::CancelTimer { timer } => {
                plan.batch.timers.push(TimerWrite::Cancel { execution, timer: timer.0 });
            }
            Command::StartMapRun { task, spec } => {
                let (started, writes) = map_run::started(execution, task, &spec, moment.now);
                plan.batch.records.extend(writes);
                plan.batch.tasks.push(TaskWrite::Add(TaskRow {
                    execution,
                    task: task.0,
                    queue: MAP_RUN.to_owned(),
                    detail: journal::pack(&started, ""),
                }));
                let started = Arc::new(started);
                plan.publication.map_runs.push(started.clone());
                self.tasks.insert(task.0, Awaited { task: started, queued: false });
            }
            Command::Continue => match promised {
                Some(at) => self.set_timer(PROMISED, at, plan),
                None => self.set_timer(CONTINUE, moment.now, plan),
            },
        }
    }

    fn set_timer(&mut self, timer: u64, at: Timestamp, plan: &mut Plan) {
        let row = TimerRow { due_at: at.0, execution: self.row.key, timer };
        plan.batch.timers.push(TimerWrite::Set(row));
        let due_at = &mut plan.publication.due_at;
        *due_at = Some(due_at.map_or(at.0, |soonest| soonest.min(at.0)));
    }

    /// Work that a worker may have begun is ended by one; the row stays until that is done.
    fn cancel(&mut self, task: TaskId, plan: &mut Plan) {
        let Some(awaited) = self.tasks.remove(&task.0) else { return };
        let execution = self.row.key;
        plan.publication.settled.push(task);
        if let TaskTarget::Activity { .. } = awaited.task.target {
            plan.batch.tasks.push(TaskWrite::Done { execution, task: task.0 });
            return;
        }
        let queue = CANCEL.to_owned();
        plan.batch.tasks.push(TaskWrite::Move { execution, task: task.0, queue });
        plan.publication.cancelled.push(Cancelled {
            execution,
            header: self.detail.header.clone(),
            task: ScheduledTask::clone(&awaited.task),
        });
    }

    /// Who awaits the execution is told by the queue of work to end, which remembers until it is done.
    fn hand_out_end(&self, plan: &mut Plan) {
        let Some(asked) = &self.detail.at_end else { return };
        let (execution, header) = (self.row.key, self.detail.header.clone());
        let task =
            ScheduledTask { task: at_end(self.detail.redrive.0), ..ScheduledTask::clone(asked) };
        plan.batch.tasks.push(TaskWrite::Add(TaskRow {
            execution,
            task: task.task.0,
            queue: CANCEL.to_owned(),
            detail: journal::pack(&task, ""),
        }));
        plan.publication.cancelled.push(Cancelled { execution, header, task });
    }

    /// The events as a chunk, and the row if it changes by them.
    fn write(&mut self, events: Vec<Event>, plan: &mut Plan) {
        let status = self.execution.status();
        if !row::is_open(status) {
            for task in self.tasks.keys().copied().collect::<Vec<_>>() {
                self.cancel(TaskId(task), plan);
            }
        }
        if events.is_empty() {
            return;
        }
        let new = self.next_sequence == 0;
        let first_event = events
            .iter()
            .map(|event| event.id)
            .find(|id| *id > 0)
            .unwrap_or(self.execution.last_event_id() + 1);
        let lines = Lines::of(&events);
        if self.heard {
            plan.publication.events = events;
        }
        self.next_sequence += 1;
        let in_row = new && !row::is_open(status) && lines.len() <= row::JOURNAL_IN_ROW_BYTES_MAX;
        if in_row {
            self.detail.journal = Some(lines);
        } else {
            let (sequence, bytes) = (self.next_sequence - 1, lines.into_chunk());
            let execution = self.row.key;
            plan.batch.journal.push(Chunk { execution, sequence, first_event, bytes });
        }
        let redrive = self.execution.redrive();
        if new || row::status_number(status) != self.row.status || redrive != self.detail.redrive {
            self.detail.redrive = redrive;
            self.detail.end = match (self.execution.output(), self.execution.failure()) {
                _ if in_row => End::Untold,
                (Some(output), _) if output.len() > row::OUTPUT_IN_ROW_BYTES_MAX => End::InJournal,
                (Some(output), _) => End::Output(output.clone()),
                (None, Some(failure)) => End::Failure(failure.clone()),
                (None, None) => End::Untold,
            };
            self.row.status = row::status_number(status);
            self.row.open = row::is_open(status);
            self.row.stopped_at = self.execution.stop_time().map(|time| time.0);
            if !self.row.open {
                self.hand_out_end(plan);
            }
            self.row.detail = row::write(&self.row, &self.detail);
            let row = self.row.clone();
            plan.batch.executions.push(match new {
                true => ExecutionWrite::Insert(row),
                false => ExecutionWrite::Update(row),
            });
        }
        if status == Status::Running {
            // The row has it; in memory it would only weigh.
            self.row.detail = Default::default();
        }
    }
}
