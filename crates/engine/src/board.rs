//! What is to be done next, in memory: tasks for workers, work to be ended, when the next timer is due.
//! All of it stands in the store too; a new board finds it there page by page.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use asl::{Header, ScheduledTask, Timestamp};
use store::ExecutionKey;
use tokio::sync::Notify;

use crate::live::Publication;
use crate::{Cancelled, Lease, map_run};

/// A task by the numbers of its execution and within it.
pub(crate) type TaskKey = (ExecutionKey, u64);

/// What is to be done next.
pub(crate) struct Board {
    inner: Mutex<Inner>,
    /// For the one loop that ticks.
    changed: Notify,
    /// For all who wait for an activity's task.
    activities: Notify,
}

#[derive(Default)]
pub(crate) struct Inner {
    pub(crate) ready: VecDeque<Lease>,
    /// Tasks that are in `ready` or `later`, or lent to a worker.
    known: HashMap<TaskKey, Place>,
    /// Given back, to be lent again at a time.
    later: BTreeMap<(Timestamp, TaskKey), Lease>,
    /// Map runs that nobody drives yet.
    pub(crate) runs: VecDeque<Lease>,
    pub(crate) cancelled: VecDeque<Cancelled>,
    /// Tasks in `cancelled`, or handed out to be ended.
    ending: HashSet<TaskKey>,
    /// When the next timer is due, at the latest; the store knows exactly.
    pub(crate) next_due: i64,
    /// The soonest timer set since this was last cleared.
    pub(crate) set_meanwhile: i64,
    /// Where to read on in the store's queues.
    pub(crate) worker_pages: Pages,
    pub(crate) cancel_pages: Pages,
    pub(crate) run_pages: Pages,
    /// Since this was last cleared, tasks did not fit into `ready`.
    pub(crate) overflowed: bool,
    /// Executions whose last commit may or may not have been written: what it owes must be read again.
    /// The number tells one doubt from the next about the same execution.
    in_doubt: HashMap<ExecutionKey, u64>,
    doubts: u64,
    /// Tasks that were settled while a page was being read, which may still show them.
    settled_meanwhile: Option<HashSet<TaskKey>>,
}

/// Where a known task is.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Ready,
    Later(Timestamp),
    Lent,
}

/// A walk through a queue of the store.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Pages {
    /// Read on behind this one.
    From(Option<TaskKey>),
    /// All there was has been read.
    Done,
}

/// How much there is of each.
pub(crate) struct Depths {
    pub(crate) ready: usize,
    pub(crate) resting: usize,
    pub(crate) lent: usize,
    pub(crate) ending: usize,
}

/// So many tasks wait in memory; more wait in the store.
const READY_MAX: usize = 4096;

/// Long past, whatever the clock shows.
const AT_ONCE: Timestamp = Timestamp(0);

impl Board {
    /// Nothing is known yet: everything must be looked for.
    pub(crate) fn new() -> Board {
        let inner = Inner { next_due: i64::MIN, ..Default::default() };
        Board { inner: Mutex::new(inner), changed: Notify::new(), activities: Notify::new() }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Tells what a durable decision asks for.
    pub(crate) fn publish(&self, execution: ExecutionKey, header: &Arc<Header>, news: Publication) {
        let mut inner = self.lock();
        let mut changed = false;
        for task in news.scheduled {
            changed |= inner.offer(execution, header, &task, false);
        }
        for task in news.map_runs {
            changed |= inner.offer_run(execution, header, &task, false);
        }
        for task in news.settled {
            inner.settle((execution, task.0));
            // Somebody has room for another one.
            changed |= !inner.ready.is_empty() || inner.worker_pages != Pages::Done;
        }
        for cancelled in news.cancelled {
            changed |= inner.end(cancelled);
        }
        if let Some(due_at) = news.due_at {
            inner.set_meanwhile = inner.set_meanwhile.min(due_at);
            changed |= due_at < inner.next_due;
            inner.next_due = inner.next_due.min(due_at);
        }
        drop(inner);
        if changed {
            self.changed.notify_one();
        }
        if news.activities {
            self.activities.notify_waiters();
        }
    }

    /// From now until the answer is dropped without [`Doubt::settled`], the execution's rows are uncertain.
    pub(crate) fn doubt(&self, execution: ExecutionKey) -> Doubt<'_> {
        Doubt { board: self, execution, certain: false }
    }

    /// Whether a commit of the execution may still be on its way, or may have been written.
    pub(crate) fn is_in_doubt(&self, execution: ExecutionKey) -> bool {
        self.lock().in_doubt.contains_key(&execution)
    }

    /// A worker could not do it; another may from that time on.
    pub(crate) fn give_back(&self, lease: Lease, at: Timestamp) {
        self.lock().give_back(lease, at);
        self.changed.notify_one();
    }

    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }

    pub(crate) fn activity(&self) -> tokio::sync::futures::Notified<'_> {
        self.activities.notified()
    }
}

impl Inner {
    /// A task that workers may do; whether that is news.
    pub(crate) fn offer(
        &mut self,
        execution: ExecutionKey,
        header: &Arc<Header>,
        task: &ScheduledTask,
        again: bool,
    ) -> bool {
        if self.ready.len() >= READY_MAX {
            self.worker_pages = Pages::From(None);
            self.overflowed = true;
            return true;
        }
        let key = (execution, task.task.0);
        if self.settled_meanwhile.as_ref().is_some_and(|settled| settled.contains(&key)) {
            return false;
        }
        if self.known.contains_key(&key) {
            return false;
        }
        self.known.insert(key, Place::Ready);
        let (header, task) = (header.clone(), task.clone());
        self.ready.push_back(Lease { execution, header, task, again });
        true
    }

    /// A Map run to be driven; whether that is news.
    pub(crate) fn offer_run(
        &mut self,
        execution: ExecutionKey,
        header: &Arc<Header>,
        task: &ScheduledTask,
        again: bool,
    ) -> bool {
        let key = (execution, task.task.0);
        if self.known.contains_key(&key) || self.was_settled(key) {
            return false;
        }
        self.known.insert(key, Place::Lent);
        let (header, task) = (header.clone(), task.clone());
        self.runs.push_back(Lease { execution, header, task, again });
        true
    }

    pub(crate) fn depths(&self) -> Depths {
        let (ready, resting) = (self.ready.len(), self.later.len());
        let lent = self.known.len().saturating_sub(ready + resting);
        Depths { ready, resting, lent, ending: self.ending.len() }
    }

    /// Whether the task is waiting here or lent.
    pub(crate) fn knows(&self, task: TaskKey) -> bool {
        self.known.contains_key(&task)
    }

    fn settle(&mut self, task: TaskKey) {
        match self.known.remove(&task) {
            Some(Place::Ready) => {
                self.ready.retain(|lease| task != (lease.execution, lease.task.task.0))
            }
            Some(Place::Later(at)) => drop(self.later.remove(&(at, task))),
            Some(Place::Lent) => {
                self.runs.retain(|lease| task != (lease.execution, lease.task.task.0))
            }
            None => {}
        }
        if let Some(settled) = &mut self.settled_meanwhile {
            settled.insert(task);
        }
    }

    /// Work to be ended; whether that is news.
    pub(crate) fn end(&mut self, cancelled: Cancelled) -> bool {
        let new = self.ending.insert((cancelled.execution, cancelled.task.task.0));
        if new {
            self.cancelled.push_back(cancelled);
        }
        new
    }

    pub(crate) fn is_ending(&self, task: TaskKey) -> bool {
        self.ending.contains(&task)
    }

    pub(crate) fn ended(&mut self, task: TaskKey) {
        self.ending.remove(&task);
        if let Some(settled) = &mut self.settled_meanwhile {
            settled.insert(task);
        }
    }

    /// Takes up to `room` tasks.
    pub(crate) fn lend(&mut self, room: usize) -> Vec<Lease> {
        let wanted = room.min(self.ready.len());
        let leases: Vec<Lease> = self.ready.drain(..wanted).collect();
        for lease in &leases {
            self.known.insert((lease.execution, lease.task.task.0), Place::Lent);
        }
        leases
    }

    /// Where the store may have more, if less is waiting here than there is room for.
    pub(crate) fn wanted_page(&self, room: usize) -> Option<Option<TaskKey>> {
        match self.worker_pages {
            Pages::From(after) if self.ready.len() < room => Some(after),
            Pages::From(_) | Pages::Done => None,
        }
    }

    /// Not if it was settled meanwhile.
    fn give_back(&mut self, mut lease: Lease, at: Timestamp) {
        let key = (lease.execution, lease.task.task.0);
        if self.known.get(&key) == Some(&Place::Lent) {
            lease.again = true;
            self.known.insert(key, Place::Later(at));
            self.later.insert((at, key), lease);
        }
    }

    /// Moves what was given back and is due again.
    pub(crate) fn wake(&mut self, now: Timestamp) {
        while let Some(entry) = self.later.first_entry().filter(|entry| entry.key().0 <= now) {
            let ((_, key), lease) = entry.remove_entry();
            if map_run::is_run(&lease.task.target) {
                self.known.insert(key, Place::Lent);
                self.runs.push_back(lease);
            } else {
                self.known.insert(key, Place::Ready);
                self.ready.push_back(lease);
            }
        }
    }

    /// When there is something to do next, as far as is known.
    pub(crate) fn wake_at(&self) -> Option<Timestamp> {
        // Workers' pages are no reason: a turn reads them until there is no room or no more of them.
        let unread = [self.cancel_pages, self.run_pages].iter().any(|pages| *pages != Pages::Done);
        if unread || !self.in_doubt.is_empty() {
            // Not the turn's own time: if the clock was set back meanwhile, that is hours ahead.
            return Some(AT_ONCE);
        }
        let timer = (self.next_due < i64::MAX).then_some(Timestamp(self.next_due));
        let later = self.later.first_key_value().map(|((at, _), _)| *at);
        timer.into_iter().chain(later).min()
    }

    /// A page is about to be read; [`Inner::page_read`] must follow once it has been taken in.
    pub(crate) fn page_begins(&mut self) {
        self.settled_meanwhile = Some(HashSet::new());
    }

    /// See [`Inner::page_begins`].
    pub(crate) fn page_read(&mut self) {
        self.settled_meanwhile = None;
    }

    /// Whether the task was settled since [`Inner::page_begins`].
    pub(crate) fn was_settled(&self, task: TaskKey) -> bool {
        self.settled_meanwhile.as_ref().is_some_and(|settled| settled.contains(&task))
    }

    /// Executions whose rows must be read again.
    pub(crate) fn doubts(&self) -> Vec<(ExecutionKey, u64)> {
        self.in_doubt.iter().map(|(execution, number)| (*execution, *number)).collect()
    }

    /// They have been read, but for what came into doubt again.
    pub(crate) fn resolved(&mut self, doubts: &[(ExecutionKey, u64)]) {
        for (execution, number) in doubts {
            if self.in_doubt.get(execution) == Some(number) {
                self.in_doubt.remove(execution);
            }
        }
    }
}

impl Default for Pages {
    fn default() -> Pages {
        Pages::From(None)
    }
}

/// A commit on its way: its caller may stop waiting, or the store may fail after it wrote.
pub(crate) struct Doubt<'a> {
    board: &'a Board,
    execution: ExecutionKey,
    certain: bool,
}

impl Doubt<'_> {
    /// The commit's fate is known.
    pub(crate) fn settled(mut self) {
        self.certain = true;
    }
}

impl Drop for Doubt<'_> {
    fn drop(&mut self) {
        if !self.certain {
            let mut inner = self.board.lock();
            inner.doubts += 1;
            let number = inner.doubts;
            inner.in_doubt.insert(self.execution, number);
            drop(inner);
            self.board.changed.notify_one();
            self.board.activities.notify_waiters();
        }
    }
}
