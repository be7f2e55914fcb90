//! Timers whatever the clock does, and however many wait.

use std::collections::HashMap;
use std::sync::Arc;

use asl::{EventKind, Moment, Status, Timestamp};
use engine::Engine;
use store::{Batch, ExecutionKey, Store};

use crate::faults::FaultyStore;
use crate::stories::{NOW, WAIT, at, memory, start, status};
use crate::world::new_execution;

async fn start_waiting(engine: &Engine, number: usize, started: Timestamp) -> ExecutionKey {
    let new = new_execution(&number.to_string(), WAIT, started, 1);
    let moment = Moment { now: started, seed: number as u64 };
    engine.start(new, Batch::default(), moment).await.unwrap()
}

/// When an execution's only Wait was over, by its events.
async fn went_on(engine: &Engine, key: ExecutionKey) -> Vec<Timestamp> {
    let events = engine.history(key, 1, false, 99).await.unwrap();
    let exits = events.iter().filter(|event| matches!(event.kind, EventKind::StateExited { .. }));
    exits.map(|event| event.at).collect()
}

/// Goal: a thousand timers of one millisecond fire once each, none early.
#[tokio::test]
async fn a_thousand_timers_of_one_millisecond_fire_once_each() {
    let (engine, store) = memory().await;
    let mut keys = Vec::new();
    for number in 0..1_300 {
        keys.push(start_waiting(&engine, number, NOW).await);
    }
    let early = Moment { now: Timestamp(at(60).now.0 - 1), seed: 1 };
    assert_eq!(engine.tick(early, 9).await.unwrap().wake_at, Some(at(60).now));
    assert_eq!(store.timers(i64::MAX, 9_999).await.unwrap().len(), 1_300);
    let mut turns = 0;
    while engine.tick(at(60), 9).await.unwrap().wake_at.is_some() {
        turns += 1;
        // The lowest numbers come first.
        let left = store.timers(i64::MAX, 9_999).await.unwrap();
        assert_eq!(left[0].execution, keys[1_300 - left.len()]);
    }
    assert!(turns <= 2, "{turns} turns");
    for key in keys {
        assert_eq!(status(&engine, key).await, Status::Succeeded);
        assert_eq!(went_on(&engine, key).await, [at(60).now]);
    }
}

/// Goal: a machine that slept, or whose clock was set ahead, fires what is overdue, the oldest first.
#[tokio::test]
async fn what_is_overdue_fires_oldest_first() {
    let (engine, store) = memory().await;
    let mut due = HashMap::new();
    for number in 0..2_500usize {
        // In no order.
        let millis = (number * 7_919 % 2_500) as i64;
        due.insert(start_waiting(&engine, number, NOW.plus_millis(millis)).await, millis);
    }
    let mut fired_until = 0;
    loop {
        let tick = engine.tick(at(1_000_000), 9).await.unwrap();
        let left = store.timers(i64::MAX, 9_999).await.unwrap();
        if left.is_empty() {
            break;
        }
        assert!(tick.wake_at.is_some_and(|at_| at_ <= at(1_000_000).now));
        let soonest = due[&left[0].execution];
        assert!(soonest > fired_until, "{soonest} is left though {fired_until} was fired");
        fired_until = soonest;
    }
    for key in due.keys() {
        assert_eq!(went_on(&engine, *key).await, [at(1_000_000).now]);
    }
}

/// Goal: a clock that is set back fires nothing early and nothing twice.
#[tokio::test]
async fn a_clock_set_back_fires_nothing_twice() {
    let (engine, _) = memory().await;
    let first = start(&engine, "first", WAIT).await;
    assert_eq!(engine.tick(at(60), 9).await.unwrap().wake_at, None);
    let second = start(&engine, "second", WAIT).await;
    for seconds in [-3_600, -1, 30, 59] {
        assert_eq!(engine.tick(at(seconds), 9).await.unwrap().wake_at, Some(at(60).now));
        assert_eq!(status(&engine, second).await, Status::Running);
    }
    assert_eq!(engine.tick(at(61), 9).await.unwrap().wake_at, None);
    assert_eq!(went_on(&engine, first).await, [at(60).now]);
    assert_eq!(went_on(&engine, second).await, [at(61).now]);
}

/// Goal: what a start reads does not grow with what waits.
#[tokio::test]
async fn a_restart_reads_only_what_is_due() {
    let (engine, store) = memory().await;
    for number in 0..3_000 {
        start_waiting(&engine, number, NOW.plus_millis(number as i64)).await;
    }
    drop(engine);
    let store = Arc::new(FaultyStore::new(store, 0, false));
    let engine = Engine::open(store.clone() as Arc<dyn Store>).await.unwrap();
    assert_eq!(engine.tick(at(59), 9).await.unwrap().wake_at, Some(at(60).now));
    let read = store.rows_read();
    assert!(read <= 1, "{read} rows");
    // One is due: its timer, its row, its journal, and the next timer.
    engine.tick(at(60), 9).await.unwrap();
    let read = store.rows_read();
    assert!(read <= 5, "{read} rows");
}

/// How long a restart takes, and how much memory, with many executions that wait; `--ignored` runs it.
#[tokio::test]
#[ignore = "a measurement: WAITING=200000 executions in a folder"]
async fn a_restart_with_many_that_wait() {
    let count = std::env::var("WAITING").map_or(200_000, |count| count.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let url = folder.path().to_str().unwrap();
    {
        let engine = Arc::new(Engine::open(store::open(url).await.unwrap()).await.unwrap());
        for first in (0..count).step_by(500) {
            let starts = (first..first + 500).map(|number| start_waiting(&engine, number, NOW));
            futures::future::join_all(starts).await;
        }
        println!("{count} started: {}", resident());
    }
    #[expect(clippy::disallowed_methods, reason = "a measurement")]
    let begun = std::time::Instant::now();
    let engine = Engine::open(store::open(url).await.unwrap()).await.unwrap();
    let tick = engine.tick(at(1), 9).await.unwrap();
    println!("open and first turn: {:?}, {}", begun.elapsed(), resident());
    assert_eq!(tick.wake_at, Some(at(60).now));
    let mut turns = 0;
    while engine.tick(at(60), 9).await.unwrap().wake_at.is_some() {
        turns += 1;
    }
    println!("all fired in {turns} turns: {:?}, {}", begun.elapsed(), resident());
}

fn resident() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().filter(|line| line.starts_with("VmRSS") || line.starts_with("VmHWM")).collect()
}
