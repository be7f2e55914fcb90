//! One promise of the engine each, told without faults.

use std::collections::BTreeSet;
use std::sync::Arc;

use asl::{EventKind, Failure, Moment, Status, TaskId, Timestamp, Trigger};
use engine::{Engine, EngineError, Lease};
use futures::FutureExt as _;
use serde_json::json;
use store::{Batch, Expect, RecordWrite, Store, StoreError};

use crate::faults::FaultyStore;
use crate::world::new_execution;

pub const NOW: Timestamp = Timestamp(1_700_000_000_000);
pub const OWNER: &str = "arn:aws:states:us-east-1:000000000000:stateMachine:sim";
pub const PASS: &str = r#"{"StartAt": "A", "States": {"A": {"Type": "Pass", "End": true}}}"#;
pub const TASK: &str = r#"{"StartAt": "A", "States": {
    "A": {"Type": "Task", "Resource": "arn:aws:states:::glue:startJobRun.sync", "End": true}}}"#;
pub const WAIT: &str =
    r#"{"StartAt": "A", "States": {"A": {"Type": "Wait", "Seconds": 60, "End": true}}}"#;
const ACTIVITY_ARN: &str = "arn:aws:states:us-east-1:000000000000:activity:a";
const ACTIVITY: &str = r#"{"StartAt": "A", "States": {"A": {"Type": "Task",
    "Resource": "arn:aws:states:us-east-1:000000000000:activity:a", "End": true}}}"#;
const TWO_ACTIVITIES: &str = r#"{"StartAt": "A", "States": {
    "A": {"Type": "Task", "Resource": "arn:aws:states:us-east-1:000000000000:activity:a", "Next": "B"},
    "B": {"Type": "Task", "Resource": "arn:aws:states:us-east-1:000000000000:activity:a", "End": true}}}"#;

pub async fn memory() -> (Engine, Arc<dyn Store>) {
    let store = store::open("memory:").await.unwrap();
    (Engine::open(store.clone()).await.unwrap(), store)
}

pub fn at(seconds: i64) -> Moment {
    Moment { now: NOW.plus_millis(seconds * 1000), seed: seconds as u64 }
}

pub async fn start(engine: &Engine, name: &str, definition: &str) -> u64 {
    engine.start(new_execution(name, definition, NOW, 1), Batch::default(), at(0)).await.unwrap()
}

pub async fn submit(engine: &Engine, key: u64, trigger: Trigger) {
    engine.submit(key, vec![trigger], Batch::default(), at(1)).await.unwrap();
}

pub fn succeeded(task: TaskId) -> Trigger {
    Trigger::TaskSucceeded { task, output: json!({"done": true}).into() }
}

fn put(key: &str, expect: Expect) -> Batch {
    let value = Some("v".into());
    let records = vec![RecordWrite { table: "t", key: key.to_owned(), value, expect }];
    Batch { records, ..Default::default() }
}

pub async fn status(engine: &Engine, key: u64) -> Status {
    engine.summary(key).await.unwrap().unwrap().status
}

pub async fn leases(engine: &Engine, room: usize) -> Vec<Lease> {
    engine.tick(at(0), room).await.unwrap().leases
}

#[tokio::test]
async fn what_ends_at_once_is_one_row() {
    let (engine, store) = memory().await;
    let key = start(&engine, "a", PASS).await;
    assert_eq!(store.journal(key, 0, 9).await.unwrap(), []);
    let summary = engine.named(OWNER, "a").await.unwrap().unwrap();
    assert_eq!((summary.key, summary.status), (key, Status::Succeeded));
    assert_eq!(summary.output.unwrap().text(), r#"{"n":1}"#);
    assert_eq!(summary.attributes, json!({"traceHeader": "t"}));
    assert_eq!(summary.header.key, key);
    let ids = async |from, reverse, limit| -> Vec<u64> {
        let events = engine.history(key, from, reverse, limit).await.unwrap();
        events.into_iter().map(|event| event.id).collect()
    };
    assert_eq!(ids(1, false, 9).await, [1, 2, 3, 4]);
    assert_eq!(ids(2, false, 2).await, [2, 3]);
    assert_eq!(ids(u64::MAX, true, 9).await, [4, 3, 2, 1]);
    assert_eq!(ids(2, true, 9).await, [2, 1]);
}

#[tokio::test]
async fn history_is_read_across_chunks_in_both_directions() {
    let (engine, store) = memory().await;
    let key = start(&engine, "a", TASK).await;
    let task = leases(&engine, 1).await[0].task.task;
    submit(&engine, key, Trigger::TaskStarted { task, worker: None }).await;
    submit(&engine, key, succeeded(task)).await;
    assert!(store.journal(key, 0, 9).await.unwrap().len() == 3);
    let all = engine.history(key, 1, false, 99).await.unwrap();
    let last = all.len() as u64;
    assert_eq!(
        all.iter().map(|event| event.id).collect::<Vec<_>>(),
        (1..=last).collect::<Vec<_>>()
    );
    for from in 0..=last + 1 {
        for limit in 0..=all.len() {
            let found = engine.history(key, from, false, limit).await.unwrap();
            let expected: Vec<_> =
                all.iter().filter(|event| event.id >= from).take(limit).cloned().collect();
            assert_eq!(found, expected);
            let found = engine.history(key, from, true, limit).await.unwrap();
            let expected: Vec<_> =
                all.iter().rev().filter(|event| event.id <= from).take(limit).cloned().collect();
            assert_eq!(found, expected);
        }
    }
    // However small its room, a page has an event; pages are the history, none of it twice.
    for bytes in [0, 30, 60, 120, 500, usize::MAX] {
        for (limit, reverse) in [(2, false), (2, true), (99, false), (99, true)] {
            let (mut pages, mut next) = (Vec::new(), Some(if reverse { u64::MAX } else { 1 }));
            while let Some(from) = next {
                let (page, behind) =
                    engine.history_page(key, from, reverse, limit, bytes).await.unwrap();
                assert!(!page.is_empty() && page.len() <= limit);
                assert!(bytes > 0 || page.len() == 1);
                pages.extend(page);
                next = behind;
            }
            if reverse {
                pages.reverse();
            }
            assert_eq!(pages, all, "{bytes} {limit} {reverse}");
        }
    }
    assert!(matches!(engine.history(99, 1, false, 1).await, Err(EngineError::NoExecution(99))));
}

#[tokio::test]
async fn a_name_is_given_once() {
    let (engine, store) = memory().await;
    let key = start(&engine, "a", TASK).await;
    let again = engine.start(new_execution("a", PASS, NOW, 2), put("k", Expect::Any), at(0)).await;
    assert!(matches!(again, Err(EngineError::NameTaken(taken)) if taken == key), "{again:?}");
    assert_eq!(store.record("t", "k").await.unwrap(), None);
}

#[tokio::test]
async fn extra_is_written_with_the_decision_or_neither_is() {
    let (engine, store) = memory().await;
    store.commit(put("taken", Expect::Any)).await.unwrap();
    let refused =
        engine.start(new_execution("a", TASK, NOW, 1), put("taken", Expect::Absent), at(0)).await;
    assert!(matches!(refused, Err(EngineError::Store(StoreError::Conflict { .. }))), "{refused:?}");
    assert!(engine.named(OWNER, "a").await.unwrap().is_none());

    let key = start(&engine, "a", TASK).await;
    let task = leases(&engine, 1).await[0].task.task;
    let refused =
        engine.submit(key, vec![succeeded(task)], put("taken", Expect::Absent), at(1)).await;
    assert!(matches!(refused, Err(EngineError::Store(StoreError::Conflict { .. }))), "{refused:?}");
    assert_eq!(status(&engine, key).await, Status::Running);
    assert!(engine.awaits(key, task).await.unwrap());

    engine.submit(key, vec![succeeded(task)], put("one", Expect::Absent), at(1)).await.unwrap();
    assert_eq!(status(&engine, key).await, Status::Succeeded);
    assert!(store.record("t", "one").await.unwrap().is_some());
    // Late news decides nothing, and what comes with it is written all the same.
    engine.submit(key, vec![succeeded(task)], put("two", Expect::Absent), at(2)).await.unwrap();
    assert!(store.record("t", "two").await.unwrap().is_some());
    assert!(!engine.awaits(key, task).await.unwrap());
    engine.submit(999, vec![succeeded(task)], put("three", Expect::Absent), at(2)).await.unwrap();
    assert!(store.record("t", "three").await.unwrap().is_some());
}

#[tokio::test]
async fn a_restart_goes_on_where_the_last_process_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let url = folder.path().to_str().unwrap();
    let engine = Engine::open(store::open(url).await.unwrap()).await.unwrap();
    let waiting = start(&engine, "waiting", WAIT).await;
    let working = start(&engine, "working", TASK).await;
    let lent = leases(&engine, 9).await;
    assert_eq!((lent.len(), lent[0].again), (1, false));
    drop(engine);

    let engine = Engine::open(store::open(url).await.unwrap()).await.unwrap();
    let tick = engine.tick(at(59), 9).await.unwrap();
    assert_eq!(tick.wake_at, Some(at(60).now));
    assert_eq!((tick.leases.len(), tick.leases[0].execution), (1, working));
    assert!(tick.leases[0].again);
    assert_eq!(tick.leases[0].header, lent[0].header);
    submit(&engine, working, succeeded(tick.leases[0].task.task)).await;
    assert_eq!(status(&engine, working).await, Status::Succeeded);
    assert_eq!(status(&engine, waiting).await, Status::Running);
    assert_eq!(engine.tick(at(60), 9).await.unwrap().wake_at, None);
    assert_eq!(status(&engine, waiting).await, Status::Succeeded);
}

#[tokio::test]
async fn a_stopped_task_is_ended_also_after_a_restart() {
    let (engine, store) = memory().await;
    let key = start(&engine, "a", TASK).await;
    let task = leases(&engine, 1).await[0].task.task;
    submit(&engine, key, Trigger::TaskSubmitted { task, output: json!({}).into() }).await;
    let failure = Failure { error: Some("E".into()), cause: None };
    submit(&engine, key, Trigger::Stopped { failure: failure.clone() }).await;
    let summary = engine.summary(key).await.unwrap().unwrap();
    assert_eq!((summary.status, summary.failure), (Status::Aborted, Some(failure)));
    assert_eq!(engine.tick(at(2), 9).await.unwrap().cancelled.len(), 1);
    assert_eq!(engine.tick(at(2), 9).await.unwrap().cancelled.len(), 0);

    let engine = Engine::open(store.clone()).await.unwrap();
    let cancelled = engine.tick(at(3), 9).await.unwrap().cancelled;
    assert_eq!((cancelled.len(), cancelled[0].task.task), (1, task));
    engine.ended(&cancelled[0]).await.unwrap();
    let engine = Engine::open(store).await.unwrap();
    let tick = engine.tick(at(4), 9).await.unwrap();
    assert_eq!((tick.cancelled.len(), tick.leases.len()), (0, 0));
}

#[tokio::test]
async fn an_activitys_task_goes_to_one_who_polls() {
    let (engine, store) = memory().await;
    let poll =
        async |engine: &Engine| engine.poll_activity(ACTIVITY_ARN, Some("w"), at(1)).await.unwrap();
    assert!(poll(&engine).await.is_none());
    let scheduled = engine.activity_scheduled();
    let key = start(&engine, "a", ACTIVITY).await;
    scheduled.await;
    assert!(leases(&engine, 9).await.is_empty());
    let engine = Engine::open(store).await.unwrap();
    let lease = poll(&engine).await.unwrap();
    assert!(lease.task.token.is_some());
    assert!(poll(&engine).await.is_none());
    submit(&engine, key, succeeded(lease.task.task)).await;
    assert_eq!(status(&engine, key).await, Status::Succeeded);
    let events = engine.history(key, 1, false, 99).await.unwrap();
    let started = events.iter().any(|event| {
        matches!(&event.kind, EventKind::TaskStarted { worker, .. } if worker.as_deref() == Some("w"))
    });
    assert!(started);
}

#[tokio::test]
async fn what_nobody_waited_to_see_written_is_not_overlooked() {
    let store = Arc::new(FaultyStore::new(store::open("memory:").await.unwrap(), 0, false));
    let engine = Engine::open(store.clone()).await.unwrap();
    let poll = async || engine.poll_activity(ACTIVITY_ARN, None, at(1)).await.unwrap();
    let key = start(&engine, "a", TWO_ACTIVITIES).await;
    let first = poll().await.unwrap().task.task;
    store.be_slow(true);
    let answer = engine.submit(key, vec![succeeded(first)], Batch::default(), at(2));
    assert!(answer.now_or_never().is_none(), "it is on its way");
    store.be_slow(false);
    assert!(!engine.awaits(key, first).await.unwrap());
    assert!(leases(&engine, 9).await.is_empty());
    let second = poll().await.unwrap().task;
    assert_eq!(second.state.as_ref(), "B");
}

#[tokio::test]
async fn a_lease_given_back_is_lent_again_in_time() {
    let (engine, _) = memory().await;
    let key = start(&engine, "a", TASK).await;
    let lease = leases(&engine, 1).await.remove(0);
    engine.give_back(lease.clone(), at(5).now);
    let tick = engine.tick(at(4), 9).await.unwrap();
    assert_eq!((tick.leases.len(), tick.wake_at), (0, Some(at(5).now)));
    let tick = engine.tick(at(5), 9).await.unwrap();
    assert!(tick.leases[0].again);
    submit(&engine, key, succeeded(lease.task.task)).await;
    engine.give_back(lease, at(6).now);
    let tick = engine.tick(at(7), 9).await.unwrap();
    assert_eq!((tick.leases.len(), tick.wake_at), (0, None));
}

/// Goal: more work may be owed than is kept in memory, and all of it is lent once.
#[tokio::test]
async fn what_does_not_fit_in_memory_is_found_in_the_store() {
    let (engine, _) = memory().await;
    let mut owed = BTreeSet::new();
    for number in 0..4500 {
        owed.insert(start(&engine, &number.to_string(), TASK).await);
    }
    let mut lent = BTreeSet::new();
    loop {
        let some = leases(&engine, 1000).await;
        if some.is_empty() {
            break;
        }
        for lease in some {
            assert!(lent.insert(lease.execution), "it was lent twice");
        }
    }
    assert_eq!(lent, owed);
}

#[tokio::test]
async fn lists_are_newest_first_and_by_status() {
    let (engine, _) = memory().await;
    let (a, b) = (start(&engine, "a", PASS).await, start(&engine, "b", WAIT).await);
    let c = start(&engine, "c", PASS).await;
    let keys = async |status, before| -> Vec<u64> {
        let list = engine.list(OWNER, status, before, 9).await.unwrap();
        list.into_iter().map(|summary| summary.key).collect()
    };
    assert_eq!(keys(None, None).await, [c, b, a]);
    assert_eq!(keys(Some(Status::Succeeded), None).await, [c, a]);
    assert_eq!(keys(Some(Status::Running), None).await, [b]);
    assert_eq!(keys(None, Some(c)).await, [b, a]);
}

/// Also when the whole journal lies in the row, which must then go on behind it.
#[tokio::test]
async fn a_failed_execution_is_redriven() {
    let (engine, store) = memory().await;
    let fails = r#"{"StartAt": "A", "States": {"A": {"Type": "Fail", "Error": "E"}}}"#;
    let at_once = start(&engine, "at once", fails).await;
    let later = start(&engine, "later", TASK).await;
    let task = leases(&engine, 1).await[0].task.task;
    let failure = Failure { error: Some("E".into()), cause: None };
    let phase = asl::event::FailedPhase::Run;
    submit(&engine, later, Trigger::TaskFailed { task, phase, failure }).await;
    for key in [at_once, later] {
        assert_eq!(status(&engine, key).await, Status::Failed);
        submit(&engine, key, Trigger::Redriven).await;
    }
    let engine = Engine::open(store).await.unwrap();
    assert_eq!(status(&engine, at_once).await, Status::Failed);
    assert_eq!(status(&engine, later).await, Status::Running);
    let lease = leases(&engine, 9).await.remove(0);
    submit(&engine, later, succeeded(lease.task.task)).await;
    for (key, ended) in [(at_once, Status::Failed), (later, Status::Succeeded)] {
        let summary = engine.summary(key).await.unwrap().unwrap();
        assert_eq!((summary.status, summary.redrive), (ended, (1, Some(at(1).now))));
        let events = engine.history(key, 1, false, 99).await.unwrap();
        let ids: Vec<u64> = events.iter().map(|event| event.id).collect();
        assert_eq!(ids, (1..=events.len() as u64).collect::<Vec<_>>());
        let mut back = engine.history(key, u64::MAX, true, 99).await.unwrap();
        back.reverse();
        assert_eq!(back, events);
    }
}

/// Two transitions a second, and no more at once.
struct TwoASecond(std::sync::Mutex<i64>);

impl engine::Pace for TwoASecond {
    fn allowed(&self, _: &asl::Header, now: Timestamp) -> u64 {
        u64::from(*self.0.lock().unwrap() <= now.0)
    }

    fn made(&self, _: &asl::Header, transitions: u64, now: Timestamp) {
        let mut next = self.0.lock().unwrap();
        *next = now.0.max(*next) + 500 * transitions as i64;
    }

    fn promise(&self, header: &asl::Header, now: Timestamp) -> Timestamp {
        self.made(header, 1, now);
        Timestamp(*self.0.lock().unwrap() - 500)
    }
}

/// Goal: what is faster than it may be is delayed, in the order it came, and goes on after a restart.
#[tokio::test]
async fn transitions_are_delayed_and_none_is_lost() {
    let store = store::open("memory:").await.unwrap();
    let pace: Arc<dyn engine::Pace> = Arc::new(TwoASecond(Default::default()));
    let open = || Engine::with_budget(store.clone(), 1 << 20).with_pace(pace.clone());
    let engine = open();
    let three = r#"{"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "B"},
        "B": {"Type": "Pass", "Next": "C"}, "C": {"Type": "Pass", "End": true}}}"#;
    let (first, second) = (start(&engine, "a", three).await, start(&engine, "b", three).await);
    let entered = async |engine: &Engine, key| {
        let events = engine.history(key, 1, false, 99).await.unwrap();
        events.iter().filter(|event| matches!(event.kind, EventKind::StateEntered { .. })).count()
    };
    let mut seen = Vec::new();
    let mut engine = engine;
    for half in 0..7 {
        let now = Moment { now: NOW.plus_millis(500 * half), seed: half as u64 };
        let wake_at = engine.tick(now, 9).await.unwrap().wake_at;
        assert!(wake_at.is_none_or(|at| at > now.now), "{wake_at:?}");
        seen.push((entered(&engine, first).await, entered(&engine, second).await));
        if half == 3 {
            // What was promised is kept.
            assert_eq!(engine.check(second).await.unwrap(), [""; 0]);
            engine = open();
        }
    }
    assert_eq!(seen, [(1, 0), (2, 0), (2, 1), (3, 1), (3, 2), (3, 3), (3, 3)]);
    assert_eq!(status(&engine, first).await, Status::Succeeded);
    assert_eq!(status(&engine, second).await, Status::Succeeded);
}
