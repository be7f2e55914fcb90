//! Executions in memory, each behind its own lock, within a budget.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use store::ExecutionKey;
use tokio::sync::OwnedMutexGuard;

use crate::live::Live;

/// The executions in memory. One that nobody uses is dropped when the budget asks for room; whoever
/// needs it next folds it again.
pub(crate) struct Hot {
    slots: Mutex<Slots>,
    budget: usize,
}

#[derive(Default)]
struct Slots {
    by_key: HashMap<ExecutionKey, Slot>,
    /// In the order they came; whoever was used since gets a second turn.
    queue: VecDeque<ExecutionKey>,
    weight: usize,
}

struct Slot {
    live: Arc<tokio::sync::Mutex<Option<Box<Live>>>>,
    used: AtomicBool,
    weight: usize,
}

/// An execution that is ours alone until this is dropped. Empty: not in memory, or thrown away.
pub(crate) struct Taken<'a> {
    hot: &'a Hot,
    key: ExecutionKey,
    live: Option<OwnedMutexGuard<Option<Box<Live>>>>,
}

impl Hot {
    pub(crate) fn new(budget: usize) -> Hot {
        Hot { slots: Default::default(), budget }
    }

    /// Waits for the execution's turn.
    pub(crate) async fn take(&self, key: ExecutionKey) -> Taken<'_> {
        let slot = self.slot(key);
        Taken { hot: self, key, live: Some(slot.lock_owned().await) }
    }

    /// How many executions are here, and about how many bytes they hold.
    pub(crate) fn size(&self) -> (usize, usize) {
        let slots = self.lock();
        (slots.by_key.len(), slots.weight)
    }

    fn slot(&self, key: ExecutionKey) -> Arc<tokio::sync::Mutex<Option<Box<Live>>>> {
        let slots = &mut *self.lock();
        let slot = slots.by_key.entry(key).or_insert_with(|| {
            slots.queue.push_back(key);
            Slot { live: Default::default(), used: AtomicBool::new(false), weight: 0 }
        });
        slot.used.store(true, Ordering::Relaxed);
        slot.live.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Slots> {
        self.slots.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Taken<'_> {
    /// The execution, out of its slot: if it is not put back, it is thrown away.
    pub(crate) fn live(&mut self) -> &mut Option<Box<Live>> {
        self.live.as_mut().expect("taken until dropped")
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        let Some(live) = self.live.take() else { return };
        let weight = live.as_ref().map(|live| live.weight());
        // Under the lock of all, so that nobody takes the slot while it is thrown away.
        let slots = &mut *self.hot.lock();
        drop(live);
        let Some(slot) = slots.by_key.get_mut(&self.key) else { return };
        slots.weight = slots.weight - slot.weight + weight.unwrap_or(0);
        slot.weight = weight.unwrap_or(0);
        if weight.is_none() && Arc::strong_count(&slot.live) == 1 {
            slots.by_key.remove(&self.key);
        }
        slots.keep_within(self.hot.budget);
    }
}

impl Slots {
    fn keep_within(&mut self, budget: usize) {
        // Keys of slots that are gone stay in the queue until they are most of it.
        if self.queue.len() > 2 * self.by_key.len() + 64 {
            let mut seen = std::collections::HashSet::new();
            self.queue.retain(|key| self.by_key.contains_key(key) && seen.insert(*key));
        }
        let mut turns = 2 * self.queue.len();
        while self.weight > budget && turns > 0 {
            turns -= 1;
            let Some(key) = self.queue.pop_front() else { return };
            let Some(slot) = self.by_key.get(&key) else { continue };
            if slot.used.swap(false, Ordering::Relaxed) || Arc::strong_count(&slot.live) > 1 {
                self.queue.push_back(key);
            } else if let Some(slot) = self.by_key.remove(&key) {
                self.weight -= slot.weight;
            }
        }
    }
}
