//! A store that does what real ones do: it takes time, fails before or after it wrote, is full for a while,
//! and when the power fails it may be left with a part of what was being written.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use asl::{Dice, Moment, Timestamp};
use async_trait::async_trait;
use store::{
    Batch, Chunk, ExecutionFilter, ExecutionKey, ExecutionRow, ExecutionWrite, Record, Scan, Store,
    StoreError, TaskRow, TaskWrite, TimerRow, TimerWrite,
};
use tempfile::TempDir;

/// A store that survives crashes of the engine, with faults on the way to it.
pub struct FaultyStore {
    state: Mutex<State>,
    /// Rows that were read of executions, journals, timers and tasks.
    rows_read: AtomicUsize,
}

struct State {
    inner: Arc<dyn Store>,
    /// Where it lies, if it does on a disk.
    folder: Option<TempDir>,
    dice: Dice,
    faults: bool,
    /// Batches on their way, in order; who asked may have gone.
    queue: VecDeque<(u64, Batch)>,
    answers: HashMap<u64, Result<(), StoreError>>,
    next: u64,
    /// The disk is full for so many batches.
    full: u32,
    /// Commits take a while.
    slow: bool,
    /// Executions of which something was written.
    touched: BTreeSet<ExecutionKey>,
}

/// One world of so many has its store on a disk, where the power can fail.
const ON_DISK: u64 = 32;
/// What a disk writes whole or not at all.
const SECTOR: usize = 512;

impl FaultyStore {
    /// A store as this seed wants it.
    pub fn of_seed(seed: u64, faults: bool) -> FaultyStore {
        let mut dice = Moment { now: Timestamp(0), seed }.dice("where the store lies");
        let folder = (faults && dice.next_u64().is_multiple_of(ON_DISK)).then(new_folder);
        let inner = match &folder {
            Some(folder) => open(folder.path()),
            None => now(store::open("memory:")).expect("memory"),
        };
        let store = FaultyStore::new(inner, seed, faults);
        store.state.lock().unwrap().folder = folder;
        store
    }

    pub fn new(inner: Arc<dyn Store>, seed: u64, faults: bool) -> FaultyStore {
        let dice = Moment { now: Timestamp(0), seed }.dice("store");
        let state = State {
            inner,
            folder: None,
            touched: BTreeSet::new(),
            dice,
            faults,
            queue: VecDeque::new(),
            answers: HashMap::new(),
            next: 0,
            full: 0,
            slow: false,
        };
        FaultyStore { state: Mutex::new(state), rows_read: AtomicUsize::new(0) }
    }

    /// The store itself, for looking without faults; another one after a crash.
    pub fn beneath(&self) -> Arc<dyn Store> {
        self.state.lock().unwrap().inner.clone()
    }

    /// The process dies: of what was on its way, the first few are written, the rest is not. On a disk the
    /// power may have failed: of the next one some sectors are there and others are not. Whether
    /// [`FaultyStore::beneath`] is another one now.
    pub fn crash(&self) -> bool {
        let mut state = self.state.lock().unwrap();
        let survive = state.dice.next_u64() as usize % (state.queue.len() + 1);
        for _ in 0..survive {
            let (_, batch) = state.queue.pop_front().expect("it was counted");
            let _ = state.write(batch);
        }
        let on_disk = state.folder.is_some();
        if on_disk {
            state.lose_power();
        }
        state.queue.clear();
        state.answers.clear();
        on_disk
    }

    /// Whether nothing is on its way.
    pub fn is_idle(&self) -> bool {
        self.state.lock().unwrap().queue.is_empty()
    }

    /// Executions of which something was written since this was last asked.
    pub fn touched(&self) -> BTreeSet<ExecutionKey> {
        std::mem::take(&mut self.state.lock().unwrap().touched)
    }

    /// From now on a commit is not written when it is first polled, or is again.
    pub fn be_slow(&self, slow: bool) {
        self.state.lock().unwrap().slow = slow;
    }

    pub fn stop_faults(&self) {
        self.state.lock().unwrap().faults = false;
    }

    /// Rows read since this was last asked.
    pub fn rows_read(&self) -> usize {
        self.rows_read.swap(0, Ordering::Relaxed)
    }

    fn count<T>(&self, rows: Result<Vec<T>, StoreError>) -> Result<Vec<T>, StoreError> {
        if let Ok(rows) = &rows {
            self.rows_read.fetch_add(rows.len(), Ordering::Relaxed);
        }
        rows
    }

    fn chance(&self, one_in: u64) -> bool {
        let mut state = self.state.lock().unwrap();
        state.faults && state.dice.next_u64().is_multiple_of(one_in)
    }

    async fn delay(&self) {
        while self.chance(3) {
            Yield(false).await;
        }
    }

    fn enqueue(&self, batch: Batch) -> u64 {
        let mut state = self.state.lock().unwrap();
        let ticket = state.next;
        state.next += 1;
        state.queue.push_back((ticket, batch));
        ticket
    }

    /// Writes everything up to this ticket, each with its own luck.
    fn write_until(&self, ticket: u64) {
        loop {
            let mut state = self.state.lock().unwrap();
            if state.queue.front().is_none_or(|(first, _)| *first > ticket) {
                return;
            }
            let (first, batch) = state.queue.pop_front().expect("looked at");
            let luck = if state.faults { state.dice.next_u64() % 40 } else { 99 };
            let failed =
                || StoreError::Unavailable { at: "here".into(), reason: "as planned".into() };
            if luck == 3 && state.dice.next_u64().is_multiple_of(4) {
                state.full = state.dice.next_u64() as u32 % 30;
            }
            let full = state.full > 0 && state.faults && !batch.is_empty();
            state.full = state.full.saturating_sub(1);
            let answer = match luck {
                _ if full => Err(StoreError::Full { at: "here".into() }),
                0 => Err(failed()),
                1 => Err(StoreError::Full { at: "here".into() }),
                2 => state.write(batch).and(Err(failed())),
                _ => state.write(batch),
            };
            state.answers.insert(first, answer);
        }
    }
}

impl State {
    fn write(&mut self, batch: Batch) -> Result<(), StoreError> {
        self.touched.extend(executions_of(&batch));
        now(self.inner.commit(batch))
    }

    /// The folder as it is found when the power is back.
    fn lose_power(&mut self) {
        let Some(folder) = &self.folder else { return };
        let wal = folder.path().join("stepwell.db-wal");
        let durable = std::fs::read(&wal).unwrap_or_default();
        if let Some((_, batch)) = self.queue.pop_front() {
            // Whether it is there is for whoever opens the folder to find out.
            let _ = self.write(batch);
        }
        let Some(folder) = &self.folder else { return };
        let written = std::fs::read(&wal).unwrap_or_default();
        let found = new_folder();
        let left = torn(&durable, written, &mut self.dice);
        std::fs::write(found.path().join("stepwell.db-wal"), left).expect("a disk");
        let database = "stepwell.db";
        std::fs::copy(folder.path().join(database), found.path().join(database)).expect("a disk");
        self.inner = open(found.path());
        self.folder = Some(found);
        // What is there now is to be looked at, all of it.
        let rows = now(self.inner.executions_after(0, usize::MAX)).expect("it was just opened");
        self.touched.extend(rows.iter().map(|row| row.key));
        assert_eq!(now(self.inner.verify()).expect("it was just opened"), [""; 0]);
    }
}

/// A file of which `durable` is on the disk for sure, after the power has failed while it became `written`.
fn torn(durable: &[u8], mut written: Vec<u8>, dice: &mut Dice) -> Vec<u8> {
    let kind = dice.next_u64() % 4;
    let until = dice.next_u64() as usize % (written.len() + 1);
    let is_durable = |place: usize, byte: u8| durable.get(place) == Some(&byte);
    for (number, sector) in written.chunks_mut(SECTOR).enumerate() {
        let begin = number * SECTOR;
        if sector.iter().enumerate().all(|(place, byte)| is_durable(begin + place, *byte)) {
            continue;
        }
        let lost = match kind {
            0 => false,
            1 => dice.next_u64().is_multiple_of(2),
            _ => begin + sector.len() > until,
        };
        if !lost {
            continue;
        }
        for (place, byte) in sector.iter_mut().enumerate() {
            *byte = match durable.get(begin + place) {
                Some(old) => *old,
                None if kind == 3 => dice.next_u64() as u8,
                None => 0,
            };
        }
    }
    if kind == 2 {
        written.truncate(until.max(durable.len()));
    }
    written
}

fn executions_of(batch: &Batch) -> impl Iterator<Item = ExecutionKey> {
    let rows = batch.executions.iter().map(|write| match write {
        ExecutionWrite::Insert(row) | ExecutionWrite::Update(row) => row.key,
        ExecutionWrite::Delete(key) => *key,
    });
    let timers = batch.timers.iter().map(|write| match write {
        TimerWrite::Set(TimerRow { execution, .. }) | TimerWrite::Cancel { execution, .. } => {
            *execution
        }
    });
    let tasks = batch.tasks.iter().map(|write| match write {
        TaskWrite::Add(TaskRow { execution, .. })
        | TaskWrite::Move { execution, .. }
        | TaskWrite::Done { execution, .. } => *execution,
    });
    rows.chain(batch.journal.iter().map(|chunk| chunk.execution)).chain(timers).chain(tasks)
}

/// A folder in memory if the machine has such: what is tried is what is lost, not how long a disk takes.
fn new_folder() -> TempDir {
    let in_memory = Path::new("/dev/shm");
    let folder = if in_memory.is_dir() {
        tempfile::tempdir_in(in_memory).or_else(|_| tempfile::tempdir())
    } else {
        tempfile::tempdir()
    };
    folder.expect("a temporary folder")
}

fn open(folder: &Path) -> Arc<dyn Store> {
    now(store::open(folder.to_str().expect("it is named in UTF-8")))
        .expect("what a crash left opens")
}

#[async_trait]
impl Store for FaultyStore {
    async fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        let ticket = self.enqueue(batch);
        if self.state.lock().unwrap().slow {
            Yield(false).await;
        }
        self.delay().await;
        self.write_until(ticket);
        self.delay().await;
        let answer = self.state.lock().unwrap().answers.remove(&ticket);
        answer.unwrap_or(Ok(()))
    }

    async fn allocate(&self) -> Result<ExecutionKey, StoreError> {
        now(self.beneath().allocate())
    }

    async fn record(&self, table: &'static str, key: &str) -> Result<Option<Record>, StoreError> {
        self.delay().await;
        now(self.beneath().record(table, key))
    }

    async fn records(&self, table: &'static str, scan: Scan) -> Result<Vec<Record>, StoreError> {
        now(self.beneath().records(table, scan))
    }

    async fn count_records(&self, table: &'static str, prefix: &str) -> Result<u64, StoreError> {
        now(self.beneath().count_records(table, prefix))
    }

    async fn count_executions(&self, owners: &str, status: u8) -> Result<u64, StoreError> {
        now(self.beneath().count_executions(owners, status))
    }

    async fn execution(&self, key: ExecutionKey) -> Result<Option<ExecutionRow>, StoreError> {
        self.delay().await;
        self.rows_read.fetch_add(1, Ordering::Relaxed);
        now(self.beneath().execution(key))
    }

    async fn execution_named(
        &self,
        owner: &str,
        name: &str,
    ) -> Result<Option<ExecutionRow>, StoreError> {
        self.delay().await;
        now(self.beneath().execution_named(owner, name))
    }

    async fn executions(&self, filter: ExecutionFilter) -> Result<Vec<ExecutionRow>, StoreError> {
        now(self.beneath().executions(filter))
    }

    async fn executions_after(
        &self,
        after: ExecutionKey,
        limit: usize,
    ) -> Result<Vec<ExecutionRow>, StoreError> {
        self.delay().await;
        now(self.beneath().executions_after(after, limit))
    }

    async fn verify(&self) -> Result<Vec<String>, StoreError> {
        now(self.beneath().verify())
    }

    async fn vacuum(&self, pages: u32) -> Result<u64, StoreError> {
        now(self.beneath().vacuum(pages))
    }

    async fn journal(
        &self,
        execution: ExecutionKey,
        from: u64,
        limit: usize,
    ) -> Result<Vec<Chunk>, StoreError> {
        self.delay().await;
        self.count(now(self.beneath().journal(execution, from, limit)))
    }

    async fn chunk_of_event(
        &self,
        execution: ExecutionKey,
        event: u64,
    ) -> Result<Option<u64>, StoreError> {
        now(self.beneath().chunk_of_event(execution, event))
    }

    async fn timers(&self, before: i64, limit: usize) -> Result<Vec<TimerRow>, StoreError> {
        let timers = self.count(now(self.beneath().timers(before, limit)));
        self.delay().await;
        timers
    }

    async fn timers_of(&self, execution: ExecutionKey) -> Result<Vec<TimerRow>, StoreError> {
        now(self.beneath().timers_of(execution))
    }

    async fn tasks(
        &self,
        queue: &str,
        after: Option<(ExecutionKey, u64)>,
        limit: usize,
    ) -> Result<Vec<TaskRow>, StoreError> {
        // Small pages, read and then late: what they show may have changed.
        let tasks = self.count(now(self.beneath().tasks(queue, after, limit)));
        self.delay().await;
        tasks
    }

    async fn tasks_of(&self, execution: ExecutionKey) -> Result<Vec<TaskRow>, StoreError> {
        let tasks = now(self.beneath().tasks_of(execution));
        self.delay().await;
        tasks
    }
}

/// The answer of a store beneath the faults, however long it takes: in the world's time it comes at once.
pub fn now<T>(future: impl Future<Output = T>) -> T {
    futures::executor::block_on(future)
}

/// Gives way once.
struct Yield(bool);

impl Future for Yield {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.0, true) { Poll::Ready(()) } else { Poll::Pending }
    }
}
