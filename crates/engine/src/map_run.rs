//! Map runs: the children of a Distributed Map are executions of their own, started by the page and
//! counted as they end.
//!
//! A run is a record that is rewritten with every page of children, in their commit: how many items
//! were taken, how many children begun, how those ended that had ended by then, and which had not. After a
//! crash the ones that had not are looked up, and the run goes on behind the last item taken. Between
//! two pages the counts live in memory, where each child's end is told as soon as it is durable.
//!
//! What the items are and where the results go is the caller's ([`LiveMapRun`] is its handle). The
//! parent awaits the run like a task: [`LiveMapRun::finish`] answers it.

use std::collections::{BTreeMap, HashMap};
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, MutexGuard};

use asl::event::{TaskTarget, Tolerance};
use asl::{
    Data, Execution, Header, MapRunSpec, Moment, ScheduledTask, Status, TaskId, Timestamp, Trigger,
};
use serde::{Deserialize, Serialize};
use store::{
    Batch, ExecutionFilter, ExecutionKey, ExecutionRow, ExecutionWrite, Expect, RecordWrite, Scan,
    StoreError,
};
use tokio::sync::Notify;

use crate::live::{self, Live, Publication};
use crate::row::{self, Detail, End};
use crate::{Engine, EngineError, Summary, journal};

/// The table of Map runs; keys are their ARNs.
pub const TABLE: &str = "engine/map-run";
/// The table of an execution's Map runs: keys are its number and the task's, twenty digits each with
/// `/` between; values are ARNs.
pub const OF_EXECUTION: &str = "engine/map-run-of-execution";

/// The table of redrives that Map runs are in; keys are the runs' ARNs.
pub const REDRIVE_TABLE: &str = "engine/map-run-redrive";

/// The table of what Map runs that failed had not begun; keys are the runs' ARNs.
pub const PENDING_TABLE: &str = "engine/map-run-pending";

/// What a run knows of and has not begun.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// Children.
    pub executions: u64,
    /// Their items.
    pub items: u64,
}

/// A redrive of a Map run: which of its children have had their turn. Everything else about it follows from
/// their rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redrive {
    /// Which redrive of the run it is.
    pub count: u32,
    /// Children up to this one have had their turn.
    after: ExecutionKey,
    /// Those behind it were begun since.
    last: ExecutionKey,
    /// Children whose failure cannot be redriven.
    pub not_redrivable: u64,
    /// Their items.
    pub items_not_redrivable: u64,
}

impl Redrive {
    fn behind(self, of: &Unsuccessful, not_redrivable: u64) -> Redrive {
        Redrive {
            after: of.child.key,
            not_redrivable: self.not_redrivable + not_redrivable,
            items_not_redrivable: self.items_not_redrivable + not_redrivable * of.items,
            ..self
        }
    }
}

/// A child that did not succeed, and waits for its turn in a redrive.
pub struct Unsuccessful {
    /// The execution.
    pub child: Summary,
    /// How many items it has.
    pub items: u64,
}

/// A Map run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MapRun {
    /// Its ARN, which is also the owner of its children.
    pub arn: String,
    /// Whose.
    pub execution: ExecutionKey,
    /// The task that it answers.
    pub task: u64,
    /// Where it stands.
    pub status: MapRunStatus,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub stopped_at: Option<Timestamp>,
    /// How many children run at once; 0 is no bound of the user's.
    pub max_concurrency: u64,
    /// How many failed items do not fail the run.
    pub tolerance: Tolerance,
    /// How often it was redriven, and when last.
    pub redrive: (u32, Option<Timestamp>),
    /// How far it is.
    pub progress: Progress,
}

/// Where a Map run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MapRunStatus {
    /// Children run or are to be started.
    Running,
    /// All is done, with no more failures than tolerated.
    Succeeded,
    /// Too many failed, or items or results could not be read or written.
    Failed,
    /// Nobody awaits it any more.
    Aborted,
}

impl MapRunStatus {
    /// AWS's word.
    pub fn as_str(self) -> &'static str {
        match self {
            MapRunStatus::Running => "RUNNING",
            MapRunStatus::Succeeded => "SUCCEEDED",
            MapRunStatus::Failed => "FAILED",
            MapRunStatus::Aborted => "ABORTED",
        }
    }
}

/// How far a Map run is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Items that children were started for: where to read on.
    pub items_taken: u64,
    /// Children begun.
    pub children: u64,
    /// There are no more items.
    pub exhausted: bool,
    /// Children that ended.
    pub executions: Counts,
    /// Their items.
    pub items: Counts,
    /// Children that have not ended, and how many items each has.
    pub open: Vec<(ExecutionKey, u64)>,
    /// Executions whose results were written or given to the parent.
    pub results_written: u64,
}

/// How many ended, and how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// With an output.
    pub succeeded: u64,
    /// With an error.
    pub failed: u64,
    /// Their time was over.
    pub timed_out: u64,
    /// They were stopped.
    pub aborted: u64,
}

impl Counts {
    fn add(&mut self, status: Status, number: u64) {
        match status {
            Status::Succeeded => self.succeeded += number,
            Status::Failed => self.failed += number,
            Status::TimedOut => self.timed_out += number,
            Status::Aborted => self.aborted += number,
            Status::Running | Status::PendingRedrive => {}
        }
    }

    /// All that count against the tolerance.
    pub fn not_succeeded(&self) -> u64 {
        self.failed + self.timed_out + self.aborted
    }

    /// All.
    pub fn total(&self) -> u64 {
        self.succeeded + self.not_succeeded()
    }
}

impl Progress {
    /// Items in children that have not ended.
    pub fn items_running(&self) -> u64 {
        self.open.iter().map(|(_, items)| items).sum()
    }
}

/// A child to be started.
pub struct Child {
    /// What it is born with. Its `key` is set by the engine.
    pub header: Header,
    /// What the API wants back and the engine does not read.
    pub attributes: serde_json::Value,
    /// How many items it has.
    pub items: u64,
}

/// The task that stands for a run, and the records that come with it. A redriven run has its records.
pub(crate) fn started(
    execution: ExecutionKey,
    task: TaskId,
    spec: &MapRunSpec,
    now: Timestamp,
) -> (ScheduledTask, Vec<RecordWrite>) {
    let scheduled = ScheduledTask {
        task,
        state: spec.state.clone(),
        target: target(),
        parameters: Data::from(serde_json::to_value(spec).unwrap_or_default()),
        credentials_role: None,
        token: None,
        timeout_seconds: None,
        heartbeat_seconds: None,
    };
    if spec.redrive_count > 0 {
        return (scheduled, Vec::new());
    }
    let run = MapRun {
        arn: spec.map_run_arn.clone(),
        execution,
        task: task.0,
        status: MapRunStatus::Running,
        started_at: now,
        stopped_at: None,
        max_concurrency: spec.max_concurrency,
        tolerance: spec.tolerance,
        redrive: (0, None),
        progress: Progress::default(),
    };
    let of_execution = RecordWrite {
        table: OF_EXECUTION,
        key: format!("{execution:020}/{:020}", task.0),
        value: Some(run.arn.clone().into_bytes().into()),
        expect: Expect::Any,
    };
    (scheduled, vec![write(&run, Expect::Absent), of_execution])
}

fn target() -> TaskTarget {
    TaskTarget::Integration { service: "states".to_owned(), action: "mapRun".to_owned() }
}

/// Whether a task stands for a Map run.
pub(crate) fn is_run(target: &TaskTarget) -> bool {
    matches!(target, TaskTarget::Integration { service, action } if service == "states" && action == "mapRun")
}

fn write(run: &MapRun, expect: Expect) -> RecordWrite {
    let value = Some(journal::pack(run, &run.arn));
    RecordWrite { table: TABLE, key: run.arn.clone(), value, expect }
}

fn read(key: &str, bytes: &[u8]) -> Result<MapRun, EngineError> {
    journal::unpack(bytes, key).map_err(|reason| EngineError::Journal {
        execution: 0,
        sequence: 0,
        reason: format!("the record of the Map run `{key}`: {reason}"),
    })
}

fn write_redrive(arn: &str, redrive: &Redrive, expect: Expect) -> RecordWrite {
    let value = Some(journal::pack(redrive, ""));
    RecordWrite { table: REDRIVE_TABLE, key: arn.to_owned(), value, expect }
}

fn read_redrive(arn: &str, bytes: &[u8]) -> Result<Redrive, EngineError> {
    journal::unpack(bytes, "").map_err(|reason| EngineError::Journal {
        execution: 0,
        sequence: 0,
        reason: format!("the redrive of the Map run `{arn}`: {reason}"),
    })
}

/// Nothing is pending where no record is.
fn write_pending(arn: &str, pending: Pending) -> RecordWrite {
    let value = (pending != Pending::default()).then(|| journal::pack(&pending, ""));
    RecordWrite { table: PENDING_TABLE, key: arn.to_owned(), value, expect: Expect::Any }
}

/// How many items a child has, as its attributes tell.
fn items_of(row: &ExecutionRow) -> Result<u64, EngineError> {
    let attributes: serde_json::Value =
        serde_json::from_str(&row::read(row)?.attributes).unwrap_or_default();
    Ok(attributes["item_count"].as_u64().unwrap_or(1))
}

/// Rows of children that are looked through at a time.
const ROWS_AT_ONCE: usize = 500;

/// The runs that are being driven.
#[derive(Default)]
pub(crate) struct MapRuns {
    by_arn: Mutex<HashMap<String, Arc<Tally>>>,
}

/// A run that is being driven.
struct Tally {
    /// Its record as last written. Whoever changes it holds this.
    written: tokio::sync::Mutex<Written>,
    ended: Mutex<Ended>,
    /// A child has ended, or the run was changed.
    changed: Notify,
}

struct Written {
    run: MapRun,
    version: u64,
}

#[derive(Default)]
struct Ended {
    open: BTreeMap<ExecutionKey, u64>,
    executions: Counts,
    items: Counts,
    redrive: Redriving,
    pending: Pending,
}

/// How far the redrive of a run is.
#[derive(Clone, Copy, Default)]
struct Redriving {
    record: Redrive,
    version: u64,
    /// Children that wait for their turn, and their items.
    pending: (u64, u64),
}

impl Ended {
    fn of(progress: &Progress) -> Ended {
        Ended {
            open: progress.open.iter().copied().collect(),
            executions: progress.executions,
            items: progress.items,
            redrive: Redriving::default(),
            pending: Pending::default(),
        }
    }

    fn tell(&self, progress: &mut Progress) {
        progress.open = self.open.iter().map(|(key, items)| (*key, *items)).collect();
        progress.executions = self.executions;
        progress.items = self.items;
    }
}

impl MapRuns {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<Tally>>> {
        self.by_arn.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn get(&self, arn: &str) -> Option<Arc<Tally>> {
        self.lock().get(arn).cloned()
    }

    /// An execution of this owner has ended, durably. Nothing happens if it is no child of a run that is
    /// driven, or is known to have ended.
    pub(crate) fn ended(&self, owner: &str, child: ExecutionKey, status: Status) {
        if let Some(tally) = self.get(owner) {
            tally.ended(child, status);
        }
    }
}

impl Tally {
    fn lock(&self) -> MutexGuard<'_, Ended> {
        self.ended.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn ended(&self, child: ExecutionKey, status: Status) {
        let mut ended = self.lock();
        if let Some(items) = ended.open.remove(&child) {
            ended.executions.add(status, 1);
            ended.items.add(status, items);
            drop(ended);
            self.changed.notify_one();
        }
    }
}

/// A run that its driver holds. One at a time: a second one takes the news away from the first.
pub struct LiveMapRun<'e> {
    engine: &'e Engine,
    arn: String,
    tally: Arc<Tally>,
}

impl Drop for LiveMapRun<'_> {
    fn drop(&mut self) {
        let mut runs = self.engine.map_runs.lock();
        if runs.get(&self.arn).is_some_and(|tally| Arc::ptr_eq(tally, &self.tally)) {
            runs.remove(&self.arn);
        }
    }
}

impl Engine {
    /// A Map run, with what is known of its children at this moment.
    pub async fn map_run(&self, arn: &str) -> Result<Option<MapRun>, EngineError> {
        let Some(record) = self.store.record(TABLE, arn).await? else { return Ok(None) };
        let mut run = read(arn, &record.value)?;
        if let Some(tally) = self.map_runs.get(arn) {
            tally.lock().tell(&mut run.progress);
        }
        Ok(Some(run))
    }

    /// ARNs of an execution's Map runs, in the order they began.
    pub async fn map_runs_of(&self, execution: ExecutionKey) -> Result<Vec<String>, EngineError> {
        let scan = Scan::prefix(format!("{execution:020}/"), usize::MAX >> 1);
        let records = self.store.records(OF_EXECUTION, scan).await?;
        Ok(records
            .into_iter()
            .map(|record| String::from_utf8_lossy(&record.value).into_owned())
            .collect())
    }

    /// ARNs of Map runs that begin with `prefix`, at most `limit`.
    pub async fn map_run_arns(
        &self,
        prefix: &str,
        limit: usize,
    ) -> Result<Vec<String>, EngineError> {
        let records = self.store.records(TABLE, Scan::prefix(prefix, limit)).await?;
        Ok(records.into_iter().map(|record| record.key).collect())
    }

    /// ARNs of the Map runs that are under way and have begun children.
    pub async fn open_map_runs(&self) -> Result<Vec<String>, EngineError> {
        let (mut open, mut after) = (Vec::new(), None);
        loop {
            let rows = self.store.tasks(live::MAP_RUN, after, ROWS_AT_ONCE).await?;
            let Some(last) = rows.last() else { return Ok(open) };
            after = Some((last.execution, last.task));
            for row in &rows {
                let Ok(task) = journal::unpack::<ScheduledTask>(&row.detail, "") else { continue };
                let Ok(spec) = MapRunSpec::deserialize(task.parameters.value()) else { continue };
                let arn = spec.map_run_arn;
                let Some(record) = self.store.record(TABLE, &arn).await? else { continue };
                let run = read(&arn, &record.value)?;
                if run.status == MapRunStatus::Running && run.progress.children > 0 {
                    open.push(arn);
                }
            }
        }
    }

    /// Changes a Map run's record; its driver hears of it. `None` when there is no such run.
    pub async fn change_map_run<R>(
        &self,
        arn: &str,
        mut change: impl FnMut(&mut MapRun) -> R + Send,
    ) -> Result<Option<R>, EngineError> {
        loop {
            if let Some(tally) = self.map_runs.get(arn) {
                let mut written = tally.written.lock().await;
                let mut run = written.run.clone();
                tally.lock().tell(&mut run.progress);
                let result = change(&mut run);
                self.write_run(&mut written, run, Batch::default()).await?;
                tally.changed.notify_one();
                return Ok(Some(result));
            }
            let Some(record) = self.store.record(TABLE, arn).await? else { return Ok(None) };
            let mut run = read(arn, &record.value)?;
            let result = change(&mut run);
            let records = vec![write(&run, Expect::Version(record.version))];
            match self.store.commit(Batch { records, ..Default::default() }).await {
                Ok(()) => return Ok(Some(result)),
                Err(StoreError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    async fn write_run(
        &self,
        written: &mut Written,
        run: MapRun,
        mut batch: Batch,
    ) -> Result<(), EngineError> {
        batch.records.push(write(&run, Expect::Version(written.version)));
        self.store.commit(batch).await?;
        *written = Written { run, version: written.version + 1 };
        Ok(())
    }

    /// Takes a Map run up, for its driver. `None` when there is no such run.
    pub async fn open_map_run(&self, arn: &str) -> Result<Option<LiveMapRun<'_>>, EngineError> {
        let Some(record) = self.store.record(TABLE, arn).await? else { return Ok(None) };
        let run = read(arn, &record.value)?;
        let ended = match run.redrive.0 {
            0 => Ended::of(&run.progress),
            _ => self.recounted(&run).await?,
        };
        let open: Vec<ExecutionKey> = ended.open.keys().copied().collect();
        let tally = Arc::new(Tally {
            written: tokio::sync::Mutex::new(Written { run, version: record.version }),
            ended: Mutex::new(ended),
            changed: Notify::new(),
        });
        self.map_runs.lock().insert(arn.to_owned(), tally.clone());
        // From here on ends are told; those from before are looked up.
        for child in open {
            self.child_may_have_ended(child).await?;
        }
        Ok(Some(LiveMapRun { engine: self, arn: arn.to_owned(), tally }))
    }

    /// Begins a redrive of a run, for its driver: it runs again, answers this task, and its children that did
    /// not succeed wait for their turn. Once for each `count`.
    pub async fn redrive_map_run(
        &self,
        arn: &str,
        task: TaskId,
        count: u32,
        now: Timestamp,
    ) -> Result<(), EngineError> {
        let Some(record) = self.store.record(TABLE, arn).await? else { return Ok(()) };
        let mut run = read(arn, &record.value)?;
        if run.redrive.0 >= count {
            return Ok(());
        }
        let known = self.store.record(REDRIVE_TABLE, arn).await?;
        let youngest = ExecutionFilter {
            owner: Some(arn.to_owned()),
            status: None,
            before: None,
            after: None,
            limit: 1,
        };
        let last = self.store.executions(youngest).await?.first().map_or(0, |row| row.key);
        let redrive = Redrive { count, last, ..Redrive::default() };
        run.task = task.0;
        run.status = MapRunStatus::Running;
        run.stopped_at = None;
        run.redrive = (count, Some(now));
        for counts in [&mut run.progress.executions, &mut run.progress.items] {
            *counts = Counts { succeeded: counts.succeeded, ..Counts::default() };
        }
        run.progress.open.clear();
        let expect = known.map_or(Expect::Absent, |known| Expect::Version(known.version));
        let records = vec![
            write(&run, Expect::Version(record.version)),
            write_redrive(arn, &redrive, expect),
            write_pending(arn, Pending::default()),
        ];
        Ok(self.store.commit(Batch { records, ..Default::default() }).await?)
    }

    /// The redrive that a run is in or was in last; and how many children with how many items wait for their
    /// turn, if it is being driven.
    pub async fn map_run_redrive(
        &self,
        arn: &str,
    ) -> Result<Option<(Redrive, (u64, u64))>, EngineError> {
        if let Some(tally) = self.map_runs.get(arn) {
            let redrive = tally.lock().redrive;
            return Ok((redrive.record.count > 0).then_some((redrive.record, redrive.pending)));
        }
        let Some(record) = self.store.record(REDRIVE_TABLE, arn).await? else { return Ok(None) };
        Ok(Some((read_redrive(arn, &record.value)?, (0, 0))))
    }

    /// What a run knows of and has not begun: of one that is being driven at this moment, of one that has
    /// failed for good.
    pub async fn map_run_pending(&self, arn: &str) -> Result<Pending, EngineError> {
        if let Some(tally) = self.map_runs.get(arn) {
            return Ok(tally.lock().pending);
        }
        let Some(record) = self.store.record(PENDING_TABLE, arn).await? else {
            return Ok(Pending::default());
        };
        journal::unpack(&record.value, "").map_err(|reason| EngineError::Journal {
            execution: 0,
            sequence: 0,
            reason: format!("what is pending in the Map run `{arn}`: {reason}"),
        })
    }

    /// Keeps what an aborted run has not begun and how many results it has written, unless it runs again for
    /// another task.
    pub async fn map_run_was_aborted(
        &self,
        arn: &str,
        task: TaskId,
        pending: Pending,
        results_written: u64,
    ) -> Result<(), EngineError> {
        loop {
            let Some(record) = self.store.record(TABLE, arn).await? else { return Ok(()) };
            let mut run = read(arn, &record.value)?;
            if run.task != task.0 || run.status != MapRunStatus::Aborted {
                return Ok(());
            }
            run.progress.results_written = results_written;
            let records =
                vec![write(&run, Expect::Version(record.version)), write_pending(arn, pending)];
            match self.store.commit(Batch { records, ..Default::default() }).await {
                Ok(()) => return Ok(()),
                Err(StoreError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Numbers of the children that wait for their turn in a redrive of the run, if they did not succeed.
    pub async fn awaiting_redrive(
        &self,
        arn: &str,
    ) -> Result<RangeInclusive<ExecutionKey>, EngineError> {
        let none = RangeInclusive::new(1, 0);
        let Some((redrive, _)) = self.map_run_redrive(arn).await? else { return Ok(none) };
        let Some(record) = self.store.record(TABLE, arn).await? else { return Ok(none) };
        Ok(match read(arn, &record.value)?.status {
            MapRunStatus::Running => redrive.after + 1..=redrive.last,
            _ => none,
        })
    }

    /// What has become of a redriven run's children, by their rows alone.
    async fn recounted(&self, run: &MapRun) -> Result<Ended, EngineError> {
        let mut ended = Ended::default();
        if let Some(record) = self.store.record(REDRIVE_TABLE, &run.arn).await? {
            ended.redrive.record = read_redrive(&run.arn, &record.value)?;
            ended.redrive.version = record.version;
        }
        let Redrive { after, last, .. } = ended.redrive.record;
        let mut from = 0;
        loop {
            let rows = self.rows_of(&run.arn, from).await?;
            let Some(youngest) = rows.last() else { return Ok(ended) };
            from = youngest.key;
            for row in rows {
                let Some(status) = row::status(row.status) else { continue };
                let items = items_of(&row)?;
                if row.open {
                    ended.open.insert(row.key, items);
                } else if status != Status::Succeeded && row.key > after && row.key <= last {
                    ended.redrive.pending.0 += 1;
                    ended.redrive.pending.1 += items;
                } else {
                    ended.executions.add(status, 1);
                    ended.items.add(status, items);
                }
            }
        }
    }

    async fn rows_of(
        &self,
        arn: &str,
        after: ExecutionKey,
    ) -> Result<Vec<ExecutionRow>, EngineError> {
        let page = ExecutionFilter {
            owner: Some(arn.to_owned()),
            status: None,
            before: None,
            after: Some(after),
            limit: ROWS_AT_ONCE,
        };
        Ok(self.store.executions(page).await?)
    }

    /// Brings a run's record up to what has become of its children.
    pub async fn recount_map_run(&self, arn: &str) -> Result<(), EngineError> {
        let opened = match self.map_runs.get(arn) {
            Some(_) => None,
            None => self.open_map_run(arn).await?,
        };
        if let Some(tally) = self.map_runs.get(arn) {
            let open: Vec<ExecutionKey> = tally.lock().open.keys().copied().collect();
            for child in open {
                self.child_may_have_ended(child).await?;
            }
        }
        self.change_map_run(arn, |_| ()).await?;
        drop(opened);
        Ok(())
    }

    /// Tells the run of an execution that has ended while nobody could tell.
    pub(crate) async fn child_may_have_ended(
        &self,
        child: ExecutionKey,
    ) -> Result<(), EngineError> {
        if self.map_runs.lock().is_empty() {
            return Ok(());
        }
        let Some(row) = self.store.execution(child).await? else { return Ok(()) };
        if !row.open
            && let Some(status) = row::status(row.status)
        {
            self.map_runs.ended(&row.owner, child, status);
        }
        Ok(())
    }
}

/// How a driven run stands, as far as it matters for what is done next.
#[derive(Clone, Copy, Debug)]
pub struct Standing {
    /// Only a running one goes on.
    pub status: MapRunStatus,
    /// 0 is no bound of the user's.
    pub max_concurrency: u64,
    /// How many failed items do not fail the run.
    pub tolerance: Tolerance,
    /// Items of children that ended.
    pub items: Counts,
    /// Items that children were started for.
    pub items_taken: u64,
    /// Children begun.
    pub children: u64,
    /// There are no more items.
    pub exhausted: bool,
    /// Children that have not ended.
    pub open: usize,
    /// Children that wait for their turn in a redrive.
    pub pending_redrive: u64,
}

impl LiveMapRun<'_> {
    /// How it stands.
    pub async fn standing(&self) -> Standing {
        let written = self.tally.written.lock().await;
        let (run, ended) = (&written.run, self.tally.lock());
        Standing {
            status: run.status,
            max_concurrency: run.max_concurrency,
            tolerance: run.tolerance,
            items: ended.items,
            items_taken: run.progress.items_taken,
            children: run.progress.children,
            exhausted: run.progress.exhausted,
            open: ended.open.len(),
            pending_redrive: ended.redrive.pending.0,
        }
    }

    /// Children that did not succeed and have not had their turn in the redrive, the oldest first; at most
    /// `limit`.
    pub async fn unsuccessful(&self, limit: usize) -> Result<Vec<Unsuccessful>, EngineError> {
        let Redrive { mut after, last, .. } = self.tally.lock().redrive.record;
        let mut found = Vec::new();
        while found.len() < limit {
            let rows = self.engine.rows_of(&self.arn, after).await?;
            let Some(youngest) = rows.last() else { break };
            after = youngest.key;
            for row in rows {
                let succeeded = row::status(row.status) == Some(Status::Succeeded);
                if !row.open && !succeeded && row.key <= last && found.len() < limit {
                    let items = items_of(&row)?;
                    found.push(Unsuccessful { child: self.engine.describe(row).await?, items });
                }
            }
            if after >= last {
                break;
            }
        }
        Ok(found)
    }

    /// Redrives a child; with it is written that it had its turn.
    pub async fn redrive(&self, of: &Unsuccessful, moment: Moment) -> Result<(), EngineError> {
        let key = of.child.key;
        let extra = self.turn(of, 0);
        self.tally.lock().open.insert(key, of.items);
        self.engine.submit(key, vec![Trigger::Redriven], extra, moment).await?;
        self.had_its_turn(of, 0);
        Ok(())
    }

    /// Starts a child anew in the place of one that cannot go on from where it failed.
    pub async fn replace(
        &self,
        of: &Unsuccessful,
        child: Child,
        definition: &Arc<str>,
        moment: Moment,
    ) -> Result<(), EngineError> {
        let mut extra = self.turn(of, 0);
        extra.executions.push(ExecutionWrite::Delete(of.child.key));
        let Standing { items_taken, exhausted, .. } = self.standing().await;
        let begun = self
            .begin(
                vec![(of.child.key, child)],
                definition,
                (items_taken, exhausted, 0),
                extra,
                moment,
            )
            .await?;
        if begun {
            self.had_its_turn(of, 0);
        }
        Ok(())
    }

    /// Leaves a child as it is: its failure cannot be redriven.
    pub async fn leave(&self, of: &Unsuccessful) -> Result<(), EngineError> {
        self.engine.store.commit(self.turn(of, 1)).await?;
        let mut ended = self.tally.lock();
        ended.executions.add(of.child.status, 1);
        ended.items.add(of.child.status, of.items);
        drop(ended);
        self.had_its_turn(of, 1);
        Ok(())
    }

    /// That a child had its turn, as it is written.
    fn turn(&self, of: &Unsuccessful, not_redrivable: u64) -> Batch {
        let Redriving { record, version, .. } = self.tally.lock().redrive;
        let next = record.behind(of, not_redrivable);
        let records = vec![write_redrive(&self.arn, &next, Expect::Version(version))];
        Batch { records, ..Default::default() }
    }

    fn had_its_turn(&self, of: &Unsuccessful, not_redrivable: u64) {
        let mut ended = self.tally.lock();
        let redrive = &mut ended.redrive;
        redrive.record = redrive.record.behind(of, not_redrivable);
        redrive.version += 1;
        redrive.pending.0 = redrive.pending.0.saturating_sub(1);
        redrive.pending.1 = redrive.pending.1.saturating_sub(of.items);
    }

    /// Tells what is known of and not begun.
    pub fn set_pending(&self, pending: Pending) {
        self.tally.lock().pending = pending;
    }

    /// The run as it stands.
    pub async fn run(&self) -> MapRun {
        let mut run = self.tally.written.lock().await.run.clone();
        self.tally.lock().tell(&mut run.progress);
        run
    }

    /// Children that have not ended.
    pub fn open(&self) -> Vec<ExecutionKey> {
        self.tally.lock().open.keys().copied().collect()
    }

    /// Waits until a child has ended or the run was changed; what happened since the last wait ends it
    /// at once.
    pub async fn changed(&self) {
        self.tally.changed.notified().await;
    }

    /// Starts children, all in one commit with the run's progress: `items_taken` items are now in
    /// children, and `exhausted` tells that there are no more. `false`: the run is not running any more, and
    /// nothing was started. The children's definition is `definition`.
    pub async fn start(
        &self,
        children: Vec<Child>,
        definition: &Arc<str>,
        items_taken: u64,
        exhausted: bool,
        moment: Moment,
    ) -> Result<bool, EngineError> {
        let mut numbered = Vec::with_capacity(children.len());
        for child in children {
            numbered.push((self.engine.store.allocate().await?, child));
        }
        let begun = numbered.len() as u64;
        let progress = (items_taken, exhausted, begun);
        self.begin(numbered, definition, progress, Batch::default(), moment).await
    }

    /// As [`start`](LiveMapRun::start), with the children's numbers and how many of them are new.
    async fn begin(
        &self,
        children: Vec<(ExecutionKey, Child)>,
        definition: &Arc<str>,
        (items_taken, exhausted, begun): (u64, bool, u64),
        mut batch: Batch,
        moment: Moment,
    ) -> Result<bool, EngineError> {
        let engine = self.engine;
        let mut written = self.tally.written.lock().await;
        if written.run.status != MapRunStatus::Running {
            return Ok(false);
        }
        let known = engine.definitions.with_text(&*engine.store, definition, &mut batch).await?;
        let mut open: Vec<(Box<Live>, Publication, u64)> = Vec::new();
        let mut ended = Vec::new();
        for (number, (key, child)) in children.into_iter().enumerate() {
            let header = Arc::new(Header { key, ..child.header });
            let row = ExecutionRow {
                key,
                owner: self.arn.clone(),
                name: header.name.clone(),
                status: row::status_number(Status::Running),
                open: true,
                started_at: header.start_time.0,
                stopped_at: None,
                detail: Default::default(),
            };
            let detail = Detail {
                header: header.clone(),
                definition: known.hash,
                attributes: child.attributes.to_string().into_boxed_str(),
                redrive: (0, None),
                at_end: None,
                end: End::Untold,
                journal: None,
            };
            let execution =
                Execution::new(known.definition.clone(), header).with_limits(engine.limits);
            let heard = engine.is_heard(&detail.attributes);
            let mut live = Box::new(Live::new(execution, detail, row, heard, engine.paced()));
            live.know_activities(engine.activities());
            let plan = live.decide(&[Trigger::Started], moment.apart(number as u64));
            batch.merge(plan.batch);
            if live.is_open() {
                open.push((live, plan.publication, child.items));
            } else {
                ended.push((live, plan.publication, child.items));
            }
        }
        let mut run = written.run.clone();
        run.progress.items_taken = items_taken;
        run.progress.children += begun;
        run.progress.exhausted = exhausted;
        {
            // Before anybody can hear of the children, so that no end is missed.
            let mut tally = self.tally.lock();
            for (live, _, items) in &open {
                tally.open.insert(live.key(), *items);
            }
            for (live, _, items) in &ended {
                tally.executions.add(live.status(), 1);
                tally.items.add(live.status(), *items);
            }
            tally.tell(&mut run.progress);
        }
        let mut taken = Vec::with_capacity(open.len());
        for (live, _, _) in &open {
            taken.push((engine.hot.take(live.key()).await, engine.board.doubt(live.key())));
        }
        // If this fails, whether it was written is not known here: the driver gives the run back, and
        // takes it up again by its record.
        engine.write_run(&mut written, run, batch).await?;
        engine.definitions.written(definition, &known);
        for ((live, publication, _), (mut taken, doubt)) in open.into_iter().zip(taken) {
            doubt.settled();
            engine.tell_of(&live, publication);
            *taken.live() = Some(live);
        }
        for (live, publication, _) in ended {
            engine.tell_of(&live, publication);
        }
        Ok(true)
    }

    /// Ends the run and answers its task, in one commit. `false`: it was not running any more, or nobody
    /// awaits it; then nothing is written.
    pub async fn finish(
        &self,
        status: MapRunStatus,
        results_written: u64,
        answer: Trigger,
        moment: Moment,
    ) -> Result<bool, EngineError> {
        let mut written = self.tally.written.lock().await;
        let mut run = written.run.clone();
        let parent = run.execution;
        let awaited = self.engine.awaits(parent, TaskId(run.task)).await?;
        if run.status != MapRunStatus::Running || !awaited {
            return Ok(false);
        }
        let pending = {
            let tally = self.tally.lock();
            tally.tell(&mut run.progress);
            tally.pending
        };
        run.status = status;
        run.stopped_at = Some(moment.now);
        run.progress.results_written = results_written;
        let records =
            vec![write(&run, Expect::Version(written.version)), write_pending(&self.arn, pending)];
        let extra = Batch { records, ..Default::default() };
        self.engine.submit(parent, vec![answer], extra, moment).await?;
        *written = Written { run, version: written.version + 1 };
        Ok(true)
    }
}
