//! A store that does what real ones do: it takes time, fails before or after it wrote, is full for a while.

use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use asl::{Dice, Moment, Timestamp};
use async_trait::async_trait;
use store::{
    Batch, Chunk, ExecutionFilter, ExecutionKey, ExecutionRow, Record, Scan, Store, StoreError,
    TaskRow, TimerRow,
};

/// A store that survives crashes of the engine, with faults on the way to it.
pub struct FaultyStore {
    inner: Arc<dyn Store>,
    state: Mutex<State>,
    /// Rows that were read of executions, journals, timers and tasks.
    rows_read: AtomicUsize,
}

struct State {
    dice: Dice,
    faults: bool,
    /// Batches on their way, in order; who asked may have gone.
    queue: VecDeque<(u64, Batch)>,
    answers: HashMap<u64, Result<(), StoreError>>,
    next: u64,
    /// The disk is full for so many batches.
    full: u32,
}

impl FaultyStore {
    pub fn new(inner: Arc<dyn Store>, seed: u64, faults: bool) -> FaultyStore {
        let dice = Moment { now: Timestamp(0), seed }.dice("store");
        let state = State {
            dice,
            faults,
            queue: VecDeque::new(),
            answers: HashMap::new(),
            next: 0,
            full: 0,
        };
        FaultyStore { inner, state: Mutex::new(state), rows_read: AtomicUsize::new(0) }
    }

    /// The store itself, for looking without faults.
    pub fn beneath(&self) -> &Arc<dyn Store> {
        &self.inner
    }

    /// The process dies: of what was on its way, the first few are written, the rest is not.
    pub fn crash(&self) {
        let mut state = self.state.lock().unwrap();
        let survive = state.dice.next_u64() as usize % (state.queue.len() + 1);
        for _ in 0..survive {
            let (_, batch) = state.queue.pop_front().expect("it was counted");
            let _ = now(self.inner.commit(batch));
        }
        state.queue.clear();
        state.answers.clear();
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
                2 => now(self.inner.commit(batch)).and(Err(failed())),
                _ => now(self.inner.commit(batch)),
            };
            state.answers.insert(first, answer);
        }
    }
}

#[async_trait]
impl Store for FaultyStore {
    async fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        let ticket = self.enqueue(batch);
        self.delay().await;
        self.write_until(ticket);
        self.delay().await;
        let answer = self.state.lock().unwrap().answers.remove(&ticket);
        answer.unwrap_or(Ok(()))
    }

    async fn allocate(&self) -> Result<ExecutionKey, StoreError> {
        self.inner.allocate().await
    }

    async fn record(&self, table: &'static str, key: &str) -> Result<Option<Record>, StoreError> {
        self.delay().await;
        self.inner.record(table, key).await
    }

    async fn records(&self, table: &'static str, scan: Scan) -> Result<Vec<Record>, StoreError> {
        self.inner.records(table, scan).await
    }

    async fn execution(&self, key: ExecutionKey) -> Result<Option<ExecutionRow>, StoreError> {
        self.delay().await;
        self.rows_read.fetch_add(1, Ordering::Relaxed);
        self.inner.execution(key).await
    }

    async fn execution_named(
        &self,
        owner: &str,
        name: &str,
    ) -> Result<Option<ExecutionRow>, StoreError> {
        self.delay().await;
        self.inner.execution_named(owner, name).await
    }

    async fn executions(&self, filter: ExecutionFilter) -> Result<Vec<ExecutionRow>, StoreError> {
        self.inner.executions(filter).await
    }

    async fn executions_after(
        &self,
        after: ExecutionKey,
        limit: usize,
    ) -> Result<Vec<ExecutionRow>, StoreError> {
        self.delay().await;
        self.inner.executions_after(after, limit).await
    }

    async fn verify(&self) -> Result<Vec<String>, StoreError> {
        self.inner.verify().await
    }

    async fn vacuum(&self, pages: u32) -> Result<u64, StoreError> {
        self.inner.vacuum(pages).await
    }

    async fn journal(
        &self,
        execution: ExecutionKey,
        from: u64,
        limit: usize,
    ) -> Result<Vec<Chunk>, StoreError> {
        self.delay().await;
        self.count(self.inner.journal(execution, from, limit).await)
    }

    async fn chunk_of_event(
        &self,
        execution: ExecutionKey,
        event: u64,
    ) -> Result<Option<u64>, StoreError> {
        self.inner.chunk_of_event(execution, event).await
    }

    async fn timers(&self, before: i64, limit: usize) -> Result<Vec<TimerRow>, StoreError> {
        let timers = self.count(self.inner.timers(before, limit).await);
        self.delay().await;
        timers
    }

    async fn timers_of(&self, execution: ExecutionKey) -> Result<Vec<TimerRow>, StoreError> {
        self.inner.timers_of(execution).await
    }

    async fn tasks(
        &self,
        queue: &str,
        after: Option<(ExecutionKey, u64)>,
        limit: usize,
    ) -> Result<Vec<TaskRow>, StoreError> {
        // Small pages, read and then late: what they show may have changed.
        let tasks = self.count(self.inner.tasks(queue, after, limit).await);
        self.delay().await;
        tasks
    }

    async fn tasks_of(&self, execution: ExecutionKey) -> Result<Vec<TaskRow>, StoreError> {
        let tasks = self.inner.tasks_of(execution).await;
        self.delay().await;
        tasks
    }
}

/// The answer of a future that does not wait.
pub fn now<T>(future: impl Future<Output = T>) -> T {
    futures::FutureExt::now_or_never(future).expect("the store in memory answers at once")
}

/// Gives way once.
struct Yield(bool);

impl Future for Yield {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.0, true) { Poll::Ready(()) } else { Poll::Pending }
    }
}
