//! Folders over the years: what is wrong is found, what is old goes, what an older version wrote goes on.

use std::path::Path;
use std::sync::Arc;

use asl::{Status, Timestamp, Trigger};
use engine::{Engine, Retention, Retired};
use serde_json::json;
use store::{Batch, Chunk, ExecutionRow, ExecutionWrite, Store, TaskWrite, TimerRow, TimerWrite};

use crate::stories::{
    NOW, OWNER, PASS, TASK, WAIT, at, leases, memory, start, status, submit, succeeded,
};

/// Goal: whatever is changed beside the engine is told.
#[tokio::test]
async fn damage_is_found() {
    type Damage = fn(ExecutionRow) -> Batch;
    let damages: &[(&str, Damage, &str)] = &[
        (WAIT, |row| cancel(row.key, 1), "timer 1 is awaited and not set"),
        (WAIT, |row| set(row.key, 1, 5), "timer 1 is awaited and not set for"),
        (WAIT, |row| set(row.key, 7, 5), "timer 7 is set and not awaited"),
        (
            TASK,
            |row| tasks(TaskWrite::Done { execution: row.key, task: 1 }),
            "task 1 is awaited and not owed",
        ),
        (
            TASK,
            |row| tasks(TaskWrite::Move { execution: row.key, task: 1, queue: "".into() }),
            "belongs into `worker`",
        ),
        (WAIT, |row| update(ExecutionRow { status: 1, ..row }), "its row's status"),
        (WAIT, |row| update(ExecutionRow { open: false, ..row }), "being open"),
        (PASS, |row| update(ExecutionRow { stopped_at: None, ..row }), "end time"),
        (PASS, |row| update(ExecutionRow { detail: "?".into(), ..row }), "is damaged"),
        (WAIT, |row| chunk(row.key, 1, "?".into()), "is damaged"),
        (
            WAIT,
            |row| chunk(row.key, 2, engine::journal::encode(&[])),
            "chunk 1 of its journal is missing",
        ),
        (
            WAIT,
            |row| chunk(row.key, 1, engine::journal::encode(&[])),
            "is said to begin with event 99",
        ),
    ];
    for (number, (definition, damage, told)) in damages.iter().enumerate() {
        let (engine, store) = memory().await;
        let key = start(&engine, "a", definition).await;
        assert_eq!(engine.check(key).await.unwrap(), [""; 0]);
        let row = store.execution(key).await.unwrap().unwrap();
        store.commit(damage(row)).await.unwrap();
        let wrong = engine.check(key).await.unwrap();
        assert!(wrong.iter().any(|wrong| wrong.contains(told)), "{number}: {told}: {wrong:?}");
    }
}

fn cancel(execution: u64, timer: u64) -> Batch {
    Batch { timers: vec![TimerWrite::Cancel { execution, timer }], ..Default::default() }
}

fn set(execution: u64, timer: u64, due_at: i64) -> Batch {
    let row = TimerRow { due_at, execution, timer };
    Batch { timers: vec![TimerWrite::Set(row)], ..Default::default() }
}

fn tasks(write: TaskWrite) -> Batch {
    Batch { tasks: vec![write], ..Default::default() }
}

fn update(row: ExecutionRow) -> Batch {
    Batch { executions: vec![ExecutionWrite::Update(row)], ..Default::default() }
}

fn chunk(execution: u64, sequence: u64, bytes: bytes::Bytes) -> Batch {
    let chunk = Chunk { execution, sequence, first_event: 99, bytes };
    Batch { journal: vec![chunk], ..Default::default() }
}

/// Goal: what ended long ago goes with all its rows, and nothing else does.
#[tokio::test]
async fn executions_are_kept_as_long_as_they_are_to_be() {
    let (engine, store) = memory().await;
    let day = 24 * 3_600_000;
    let later = |days: i64| NOW.plus_millis(days * day);
    let open = start(&engine, "open", WAIT).await;
    let mut ended = Vec::new();
    for number in 0..600 {
        ended.push(start(&engine, &number.to_string(), PASS).await);
    }
    let working = start(&engine, "working", TASK).await;
    let task = leases(&engine, 9).await[0].task.task;
    submit(&engine, working, succeeded(task)).await;
    let all = async |retention: &Retention, now: Timestamp| {
        let (mut after, mut count) = (0, 0);
        loop {
            let retired = engine.retire(retention, after, now).await.unwrap();
            count += retired.count;
            let Some(next) = retired.next else { return count };
            after = next;
        }
    };
    let usual = Retention::default();
    assert_eq!(all(&usual, later(89)).await, 0);
    let of_machine =
        |days: i64| Retention { of: [("sim".to_owned(), days * day)].into(), ..usual.clone() };
    assert_eq!(all(&of_machine(100), later(91)).await, 0);
    assert_eq!(all(&of_machine(10), later(11)).await, 601);
    assert_eq!(
        engine.retire(&usual, 0, later(999)).await.unwrap(),
        Retired { count: 0, next: None }
    );
    assert_eq!(engine.list(OWNER, None, None, 9).await.unwrap().len(), 1);
    assert_eq!(status(&engine, open).await, Status::Running);
    assert_eq!(store.journal(working, 0, 9).await.unwrap(), []);
    assert_eq!(store.verify().await.unwrap(), [""; 0]);
    start(&engine, "working", PASS).await;
}

/// Goal: an execution whose end somebody is still to be told stays until then.
#[tokio::test]
async fn who_awaits_an_end_is_told_before_it_goes() {
    let (engine, _) = memory().await;
    let key = start(&engine, "a", TASK).await;
    let task = leases(&engine, 9).await[0].task.task;
    submit(&engine, key, Trigger::TaskSubmitted { task, output: json!({}).into() }).await;
    submit(&engine, key, Trigger::Stopped { failure: Default::default() }).await;
    let cancelled = engine.tick(at(2), 9).await.unwrap().cancelled.remove(0);
    let gone =
        async || engine.retire(&Retention::default(), 0, Timestamp(i64::MAX)).await.unwrap().count;
    assert_eq!(gone().await, 0);
    engine.ended(&cancelled).await.unwrap();
    assert_eq!(gone().await, 1);
}

/// A folder that an older version wrote, in the midst of its work: `tests/folder/N.db`. The newest is written
/// anew with `UPDATE_EXPECT=1`; one is added when the schema, the row's or the journal's format changes.
#[tokio::test]
async fn older_folders_go_on() {
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/folder");
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        let folder = tempfile::tempdir().unwrap();
        let engine = open(folder.path()).await.1;
        for (name, definition) in [("ended", PASS), ("waits", WAIT), ("works", TASK)] {
            start(&engine, name, definition).await;
        }
        let to = kept.join("1.db");
        std::fs::create_dir_all(&kept).unwrap();
        let _ = std::fs::remove_file(&to);
        store::copy(folder.path(), &to).unwrap();
    }
    let mut found = 0;
    for entry in std::fs::read_dir(&kept).unwrap() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::copy(entry.unwrap().path(), folder.path().join("stepwell.db")).unwrap();
        let (store, engine) = open(folder.path()).await;
        assert_eq!(store.verify().await.unwrap(), [""; 0]);
        for row in store.executions_after(0, 9).await.unwrap() {
            assert_eq!(engine.check(row.key).await.unwrap(), [""; 0], "{}", row.name);
        }
        let tick = engine.tick(at(60), 9).await.unwrap();
        submit(&engine, tick.leases[0].execution, succeeded(tick.leases[0].task.task)).await;
        let list = engine.list(OWNER, Some(Status::Succeeded), None, 9).await.unwrap();
        let names: Vec<_> = list.iter().map(|summary| summary.header.name.as_str()).collect();
        assert_eq!(names, ["works", "waits", "ended"]);
        found += 1;
    }
    assert!(found > 0, "no folder in {}", kept.display());
}

async fn open(folder: &Path) -> (Arc<dyn Store>, Engine) {
    let store = store::open(folder.to_str().unwrap()).await.unwrap();
    (store.clone(), Engine::open(store).await.unwrap())
}
