//! What must be true at any time, looked up beneath the faults. What a single execution's rows must agree
//! on is `Engine::check`, which `stepwell check` asks too.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use asl::event::TaskTarget;
use asl::{Event, EventKind, Status, TaskId};
use engine::Engine;
use store::ExecutionKey;

use crate::faults::now;
use crate::machines::Flavor;
use crate::world::{ANSWERS, Acknowledged, World};

/// How an execution ended.
#[derive(Clone, Debug, PartialEq)]
pub struct End {
    status: Status,
    result: String,
    to_stop: bool,
    definition: String,
}

/// How all executions ended, by name.
pub type Ends = BTreeMap<String, End>;

/// All must be true of every execution that was acknowledged. Of those that nobody has written since they
/// were last looked at it still is.
pub fn check_all(world: &mut World) {
    world.unchecked.extend(world.store.touched());
    for (name, known) in &world.started {
        what_was_acknowledged_is_true(world, known);
        if !world.unchecked.remove(&known.key) {
            continue;
        }
        let wrong = now(world.inspector.check(known.key)).expect("it was acknowledged");
        let history = || now(world.inspector.history(known.key, 0, false, usize::MAX)).unwrap();
        assert!(wrong.is_empty(), "{name}: {wrong:#?}\n{:#?}", history());
        let events = journal(&world.store.beneath(), known.key);
        timers_are_never_early(&events);
        what_was_taken_is_told(world, known.key, &events);
    }
}

/// What was taken by a token is the task's answer.
fn what_was_taken_is_told(world: &World, key: ExecutionKey, events: &[Event]) {
    let answered: BTreeSet<TaskId> = events
        .iter()
        .filter_map(|event| match event.kind {
            EventKind::TaskSucceeded { task, .. } | EventKind::TaskFailed { task, .. } => {
                Some(task)
            }
            _ => None,
        })
        .collect();
    for (_, task) in world.taken.iter().filter(|(execution, _)| *execution == key) {
        assert!(answered.contains(task), "{task:?} of {key} was answered by its token and is not");
    }
}

/// A call that was answered stays true; an answer and the record of it are there together.
fn what_was_acknowledged_is_true(world: &World, known: &Acknowledged) {
    let key = known.key;
    let store = world.store.beneath();
    let owed: BTreeSet<TaskId> = now(store.tasks_of(key))
        .unwrap()
        .iter()
        .filter(|row| row.queue != "cancel")
        .map(|row| TaskId(row.task))
        .collect();
    let answered = world.answered.iter().filter(|(execution, _)| *execution == key);
    for (_, task) in answered.clone() {
        assert!(!owed.contains(task), "{task:?} was answered and is still owed");
    }
    let records = now(store.records(ANSWERS, store::Scan::prefix(format!("{key}/"), 10_000)));
    let recorded: BTreeSet<TaskId> = records
        .unwrap()
        .iter()
        .map(|record| TaskId(record.key.rsplit('/').next().unwrap().parse().unwrap()))
        .collect();
    assert!(owed.is_disjoint(&recorded), "an answer is recorded whose task is still owed");
    for (_, task) in answered {
        assert!(recorded.contains(task), "{task:?} was answered and the record of it is lost");
    }
    if known.stopped || known.redriven {
        let summary = now(world.inspector.summary(key)).unwrap().expect("it was acknowledged");
        assert!(!known.stopped || summary.status != Status::Running, "its stop was forgotten");
        assert!(!known.redriven || summary.redrive.0 > 0, "its redrive was forgotten");
    }
}

/// A stop was acknowledged.
pub fn has_ended(inspector: &Engine, key: ExecutionKey) {
    let summary = now(inspector.summary(key)).unwrap().expect("somebody stopped it");
    assert_ne!(summary.status, Status::Running, "it was stopped and runs");
}

/// Nothing is under way, and time is about to pass: no timer is due, none is due before the loop will
/// wake, and every task is with somebody.
pub fn nothing_is_forgotten(world: &World) {
    let store = world.store.beneath();
    if let Some(timer) = now(store.timers(i64::MAX, 1)).unwrap().first() {
        assert!(timer.due_at > world.clock().0, "{timer:?} is due at {:?}", world.clock());
        let wakes = world.wake_at().is_none_or(|at| at.0 <= timer.due_at);
        assert!(wakes, "the loop sleeps until {:?}, {timer:?} is due before", world.wake_at());
    }
    for row in now(store.tasks("worker", None, 10_000)).unwrap() {
        let task = (row.execution, TaskId(row.task));
        let somewhere = world.held.contains(&task) || world.resting.contains(&task);
        assert!(somewhere, "{task:?} is owed and nobody has it");
    }
}

/// How all executions ended.
pub fn ends(world: &World) -> Ends {
    let store = world.store.beneath();
    assert_eq!(now(store.timers(i64::MAX, 99)).unwrap(), [], "timers are left over");
    let ends = world.started.iter().map(|(name, known)| {
        let summary =
            now(world.inspector.summary(known.key)).unwrap().expect("it was acknowledged");
        let definition = known.machine.definition.clone();
        assert_ne!(summary.status, Status::Running, "{name} never ended: {definition}");
        let left = now(store.tasks_of(known.key)).unwrap();
        assert!(left.is_empty(), "{name}: tasks are left over: {left:?}");
        let redriven = known.machine.flavor == Flavor::Redriven && !known.to_stop;
        assert!(
            !redriven || known.redriven || summary.status == Status::Succeeded,
            "{name} failed and nobody redrove it"
        );
        let result = format!("{:?} {:?}", summary.output, summary.failure);
        (name.clone(), End { status: summary.status, result, to_stop: known.to_stop, definition })
    });
    ends.collect()
}

/// The same as without faults, but that a stop may come sooner or later.
pub fn same_ends(expected: &Ends, found: &Ends) {
    assert!(expected.keys().eq(found.keys()));
    for (name, expected) in expected {
        let found = &found[name];
        let stopped = |end: &End| end.to_stop && end.status == Status::Aborted;
        if !stopped(expected) && !stopped(found) {
            assert_eq!(
                (found.status, &found.result),
                (expected.status, &expected.result),
                "{name}: {}",
                expected.definition
            );
        }
    }
}

fn timers_are_never_early(events: &[Event]) {
    let mut waiting = HashMap::new();
    for event in events {
        match &event.kind {
            EventKind::WaitStarted { until, .. } => {
                waiting.insert(event.frame, *until);
            }
            EventKind::RetryScheduled { at, .. } => {
                waiting.insert(event.frame, *at);
            }
            EventKind::TaskScheduled {
                target,
                timeout_seconds: Some(seconds),
                heartbeat_seconds: None,
                ..
            } if !matches!(target, TaskTarget::Activity { .. }) => {
                waiting.insert(event.frame, event.at.plus_millis(*seconds as i64 * 1000));
            }
            EventKind::TaskSucceeded { .. } | EventKind::TaskFailed { .. } => {
                waiting.remove(&event.frame);
            }
            EventKind::StateExited { .. }
            | EventKind::RetryStarted
            | EventKind::TaskTimedOut { .. } => {
                if let Some(until) = waiting.remove(&event.frame) {
                    assert!(event.at >= until, "{event:?} came before {until:?}");
                }
            }
            EventKind::StateAborted { .. } => {
                waiting.remove(&event.frame);
            }
            _ => {}
        }
    }
}

/// The events in chunks: what waits is never in a row alone.
fn journal(store: &std::sync::Arc<dyn store::Store>, key: ExecutionKey) -> Vec<Event> {
    let chunks = now(store.journal(key, 0, 10_000)).unwrap();
    chunks.iter().flat_map(|chunk| engine::journal::decode(&chunk.bytes).unwrap()).collect()
}
