//! What must be true at any time, looked up beneath the faults.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use asl::{Definition, Event, EventKind, Execution, Status};
use engine::{Engine, Summary};
use store::{ExecutionKey, Store};

use crate::faults::now;
use crate::world::{Ends, World};

type Property = fn(&Look);

const PROPERTIES: &[Property] = &[
    begins_with_its_start,
    ids_have_no_gaps,
    nothing_follows_the_end,
    a_task_is_answered_at_most_once,
    timers_are_never_early,
    rows_are_what_the_journal_folds_to,
];

/// One execution as the store has it.
struct Look {
    now: i64,
    summary: Summary,
    events: Vec<Event>,
    folded: Execution,
    /// Its rows: tasks (those that wait to be cancelled apart) and timers.
    tasks: BTreeSet<u64>,
    timers: BTreeSet<(u64, i64)>,
}

pub fn check_all(world: &World) {
    for key in world.started.values() {
        let look = Look::at(world, *key);
        for property in PROPERTIES {
            property(&look);
        }
    }
}

/// How all executions ended.
pub fn ends(world: &World) -> Ends {
    let ends = world.started.iter().map(|(name, key)| {
        let summary = Look::at(world, *key).summary;
        assert_ne!(summary.status, Status::Running, "{name} never ended");
        let result = format!("{:?} {:?}", summary.output, summary.failure);
        (name.clone(), (summary.status.as_str().to_owned(), result))
    });
    let store = world.store.beneath();
    assert_eq!(now(store.timers(i64::MAX, 99)).unwrap(), [], "timers are left over");
    for key in world.started.values() {
        let left = now(store.tasks_of(*key)).unwrap();
        assert!(
            left.is_empty(),
            "tasks are left over: {left:?} of {:#?}",
            Look::at(world, *key).events
        );
    }
    ends.collect()
}

impl Look {
    fn at(world: &World, key: ExecutionKey) -> Look {
        let store = world.store.beneath();
        let engine = Engine::with_budget(store.clone(), 0);
        let summary = now(engine.summary(key)).unwrap().expect("it was acknowledged");
        let events = journal(store, &engine, key);
        let definition = definition(store, &summary.definition);
        let mut folded = Execution::new(definition, Arc::new(summary.header.clone()));
        for event in &events {
            folded.apply(event);
        }
        let tasks = now(store.tasks_of(key)).unwrap();
        let timers = now(store.timers(i64::MAX, 10_000)).unwrap();
        Look {
            now: world.now.0,
            summary,
            events,
            folded,
            tasks: tasks.iter().filter(|row| row.queue != "cancel").map(|row| row.task).collect(),
            timers: timers
                .iter()
                .filter(|row| row.execution == key && row.timer < u64::MAX >> 1)
                .map(|row| (row.timer, row.due_at))
                .collect(),
        }
    }
}

thread_local! {
    /// Parsing is most of a look's time, and there are few definitions.
    static PARSED: RefCell<HashMap<String, Arc<Definition>>> = Default::default();
}

fn definition(store: &Arc<dyn Store>, hash: &str) -> Arc<Definition> {
    let text = now(store.record(engine::DEFINITIONS, hash)).unwrap().expect("it is kept");
    let parse = || {
        let text = std::str::from_utf8(&text.value).unwrap();
        Arc::new(Definition::parse(text).unwrap())
    };
    PARSED.with_borrow_mut(|parsed| parsed.entry(hash.to_owned()).or_insert_with(parse).clone())
}

/// All events, also those that AWS does not show; a journal within the row shows only its visible ones.
fn journal(store: &Arc<dyn Store>, engine: &Engine, key: ExecutionKey) -> Vec<Event> {
    let chunks = now(store.journal(key, 0, 10_000)).unwrap();
    if chunks.is_empty() {
        return now(engine.history(key, 0, false, 10_000)).unwrap();
    }
    chunks.iter().flat_map(|chunk| engine::journal::decode(&chunk.bytes).unwrap()).collect()
}

fn begins_with_its_start(look: &Look) {
    assert!(matches!(look.events[0].kind, EventKind::ExecutionStarted { .. }));
}

fn ids_have_no_gaps(look: &Look) {
    let ids: Vec<u64> = look.events.iter().map(|event| event.id).filter(|id| *id > 0).collect();
    assert_eq!(ids, (1..=ids.len() as u64).collect::<Vec<_>>());
}

fn nothing_follows_the_end(look: &Look) {
    let end = look.events.iter().position(|event| {
        matches!(
            event.kind,
            EventKind::ExecutionSucceeded { .. }
                | EventKind::ExecutionFailed { .. }
                | EventKind::ExecutionTimedOut { .. }
                | EventKind::ExecutionAborted { .. }
        )
    });
    assert_eq!(end.is_some(), look.summary.status != Status::Running);
    assert!(end.is_none_or(|end| end + 1 == look.events.len()), "{:#?}", look.events);
}

fn a_task_is_answered_at_most_once(look: &Look) {
    let mut answered = BTreeSet::new();
    for event in &look.events {
        if let EventKind::TaskSucceeded { task, .. }
        | EventKind::TaskFailed { task, .. }
        | EventKind::TaskTimedOut { task, .. } = &event.kind
        {
            assert!(answered.insert(*task), "{task:?} was answered twice");
        }
    }
}

fn timers_are_never_early(look: &Look) {
    let mut waiting = HashMap::new();
    for event in &look.events {
        match &event.kind {
            EventKind::WaitStarted { until, .. } => {
                waiting.insert(event.frame, *until);
            }
            EventKind::RetryScheduled { at, .. } => {
                waiting.insert(event.frame, *at);
            }
            EventKind::StateExited { .. } | EventKind::RetryStarted => {
                if let Some(until) = waiting.remove(&event.frame) {
                    assert!(event.at >= until, "{event:?} came before {until:?}");
                }
            }
            _ => {}
        }
        assert!(event.at.0 <= look.now);
    }
}

fn rows_are_what_the_journal_folds_to(look: &Look) {
    assert_eq!(look.folded.status(), look.summary.status);
    assert_eq!(look.folded.output(), look.summary.output.as_ref());
    assert_eq!(look.folded.failure(), look.summary.failure.as_ref());
    let awaited = look.folded.reconcile();
    assert_eq!(awaited.tasks.iter().map(|task| task.0).collect::<BTreeSet<_>>(), look.tasks);
    let timers: BTreeSet<_> = awaited.timers.iter().map(|(timer, at)| (timer.0, at.0)).collect();
    assert_eq!(timers, look.timers);
}
