//! What every backend must pass: `suite::run(open)`, where `open` gives an empty store each time.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;

use crate::{
    Batch, Chunk, ExecutionFilter, ExecutionRow, ExecutionWrite, Expect, RecordWrite, Scan, Store,
    StoreError, TaskRow, TaskWrite, TimerRow, TimerWrite,
};

/// An empty store, and what must live as long.
pub(crate) struct Opened {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) guard: Option<tempfile::TempDir>,
}

impl From<Arc<dyn Store>> for Opened {
    fn from(store: Arc<dyn Store>) -> Opened {
        Opened { store, guard: None }
    }
}

/// Runs every test below on a store of its own; the name of the running one is in the output.
pub(crate) async fn run<F: Future<Output = Opened>>(open: impl Fn() -> F) {
    for (name, test) in TESTS {
        println!("{name}");
        let opened = open().await;
        test(opened.store.clone()).await;
        drop(opened.guard);
    }
}

type Test = fn(Arc<dyn Store>) -> Pin<Box<dyn Future<Output = ()> + Send>>;

/// Defines the tests and the list of them in one place.
macro_rules! tests {
    ($(async fn $name:ident($store:ident) $body:block)*) => {
        const TESTS: &[(&str, Test)] = &[$((stringify!($name), |store| Box::pin($name(store)))),*];
        $(async fn $name($store: Arc<dyn Store>) $body)*
    };
}

tests! {
    async fn records_have_versions_and_conditions(store) {
        assert_eq!(store.record("t", "a").await.unwrap(), None);
        store.commit(expecting("a", Some("1"), Expect::Absent)).await.unwrap();
        let record = store.record("t", "a").await.unwrap().unwrap();
        assert_eq!((record.value.as_ref(), record.version), (&b"1"[..], 1));
        conflict(&*store, expecting("a", Some("2"), Expect::Absent)).await;
        conflict(&*store, expecting("a", Some("2"), Expect::Version(2))).await;
        conflict(&*store, expecting("b", Some("2"), Expect::Version(1))).await;
        store.commit(expecting("a", Some("2"), Expect::Version(1))).await.unwrap();
        store.commit(expecting("a", Some("3"), Expect::Any)).await.unwrap();
        assert_eq!(store.record("t", "a").await.unwrap().unwrap().version, 3);
        conflict(&*store, expecting("a", None, Expect::Version(2))).await;
        store.commit(expecting("a", None, Expect::Version(3))).await.unwrap();
        assert_eq!(store.record("t", "a").await.unwrap(), None);
        store.commit(expecting("a", None, Expect::Any)).await.unwrap();
        assert_eq!(store.record("other", "a").await.unwrap(), None);
    }

    async fn records_are_scanned_in_the_order_of_their_bytes(store) {
        for key in ["b/2", "a", "b/10", "b", "b/\u{e9}", "c", "b/1"] {
            store.commit(put("t", key, key)).await.unwrap();
        }
        store.commit(put("u", "b/0", "")).await.unwrap();
        let keys = async |scan: Scan| -> Vec<String> {
            store.records("t", scan).await.unwrap().into_iter().map(|record| record.key).collect()
        };
        let all = Scan { limit: 99, ..Default::default() };
        assert_eq!(keys(all.clone()).await, ["a", "b", "b/1", "b/10", "b/2", "b/\u{e9}", "c"]);
        assert_eq!(keys(Scan { reverse: true, limit: 2, ..all }).await, ["c", "b/\u{e9}"]);
        assert_eq!(keys(Scan::prefix("b/", 99)).await, ["b/1", "b/10", "b/2", "b/\u{e9}"]);
        assert_eq!(keys(Scan::prefix("b/", 2)).await, ["b/1", "b/10"]);
        let page = Scan { from: "b/10".into(), until: Some("c".into()), reverse: true, limit: 2 };
        assert_eq!(keys(page).await, ["b/\u{e9}", "b/2"]);
        for (prefix, count) in [("", 7), ("b", 5), ("b/", 4), ("b/1", 2), ("d", 0)] {
            assert_eq!(store.count_records("t", prefix).await.unwrap(), count, "{prefix}");
        }
        assert_eq!(store.count_records("none", "").await.unwrap(), 0);
    }

    async fn a_batch_is_taken_whole_or_not_at_all(store) {
        store.commit(put("t", "a", "1")).await.unwrap();
        let key = store.allocate().await.unwrap();
        let whole = |expect| Batch {
            executions: vec![ExecutionWrite::Insert(row(key, "m", "n"))],
            journal: vec![chunk(key, 0, 1)],
            timers: vec![TimerWrite::Set(timer(5, key, 1))],
            tasks: vec![TaskWrite::Add(task(key, 1, "worker"))],
            records: [put("t", "b", "1"), expecting("a", Some("2"), expect)]
                .into_iter().flat_map(|batch| batch.records).collect(),
        };
        conflict(&*store, whole(Expect::Absent)).await;
        assert_eq!(store.record("t", "b").await.unwrap(), None);
        assert_eq!(store.execution(key).await.unwrap(), None);
        assert_eq!(store.journal(key, 0, 9).await.unwrap(), []);
        assert_eq!(store.timers(i64::MAX, 9).await.unwrap(), []);
        assert_eq!(store.tasks_of(key).await.unwrap(), []);
        store.commit(whole(Expect::Version(1))).await.unwrap();
        assert_eq!(store.execution(key).await.unwrap(), Some(row(key, "m", "n")));
        assert_eq!(store.journal(key, 0, 9).await.unwrap(), [chunk(key, 0, 1)]);
        assert_eq!(store.timers(i64::MAX, 9).await.unwrap(), [timer(5, key, 1)]);
        assert_eq!(store.tasks_of(key).await.unwrap(), [task(key, 1, "worker")]);
        store.commit(Batch::default()).await.unwrap();
    }

    async fn numbers_grow(store) {
        let mut last = 0;
        for _ in 0..5000 {
            let key = store.allocate().await.unwrap();
            assert!(key > last);
            last = key;
        }
    }

    async fn a_name_is_unique_within_its_owner(store) {
        insert(&*store, row(1, "m", "n")).await;
        insert(&*store, row(2, "m", "other")).await;
        insert(&*store, row(3, "w", "n")).await;
        insert(&*store, row(4, "", "n")).await;
        conflict(&*store, Batch { executions: vec![ExecutionWrite::Insert(row(5, "m", "n"))], ..Default::default() }).await;
        conflict(&*store, Batch { executions: vec![ExecutionWrite::Insert(row(1, "m", "free"))], ..Default::default() }).await;
        assert_eq!(store.execution_named("m", "n").await.unwrap(), Some(row(1, "m", "n")));
        assert_eq!(store.execution_named("", "n").await.unwrap(), Some(row(4, "", "n")));
        assert_eq!(store.execution(4).await.unwrap(), Some(row(4, "", "n")));
        assert_eq!(store.execution_named("m", "free").await.unwrap(), None);
        assert_eq!(store.execution_named("nobody", "n").await.unwrap(), None);
        assert_eq!(store.execution(99).await.unwrap(), None);
    }

    async fn rows_change_and_go(store) {
        insert(&*store, row(1, "m", "n")).await;
        let mut changed = row(1, "m", "n");
        (changed.status, changed.open, changed.stopped_at) = (3, false, Some(77));
        changed.detail = Bytes::from_static(b"other");
        store.commit(Batch {
            executions: vec![ExecutionWrite::Update(changed.clone())],
            journal: vec![chunk(1, 0, 1)],
            timers: vec![TimerWrite::Set(timer(5, 1, 1))],
            tasks: vec![TaskWrite::Add(task(1, 1, "worker"))],
            ..Default::default()
        }).await.unwrap();
        assert_eq!(store.execution(1).await.unwrap(), Some(changed));
        conflict(&*store, Batch { executions: vec![ExecutionWrite::Update(row(2, "m", "x"))], ..Default::default() }).await;
        store.commit(Batch { executions: vec![ExecutionWrite::Delete(1)], ..Default::default() }).await.unwrap();
        assert_eq!(store.execution_named("m", "n").await.unwrap(), None);
        assert_eq!(store.journal(1, 0, 9).await.unwrap(), []);
        assert_eq!(store.timers(i64::MAX, 9).await.unwrap(), []);
        assert_eq!(store.tasks_of(1).await.unwrap(), []);
        insert(&*store, row(7, "m", "n")).await;
    }

    async fn executions_are_listed_newest_first(store) {
        for key in 1..=200u64 {
            let mut row = row(key, if key % 5 == 0 { "w" } else { "m" }, &format!("n{key}"));
            row.status = (key % 3) as u8 * 100;
            insert(&*store, row).await;
        }
        let list = async |owner: Option<&str>, status, before, limit| -> Vec<u64> {
            let owner = owner.map(str::to_owned);
            let filter = ExecutionFilter { owner, status, before, after: None, limit };
            store.executions(filter).await.unwrap().into_iter().map(|row| row.key).collect()
        };
        let expected = |wanted: &dyn Fn(u64) -> bool, before: u64, limit: usize| -> Vec<u64> {
            (1..before).rev().filter(|key| wanted(*key)).take(limit).collect()
        };
        let of_m = |key: u64| !key.is_multiple_of(5);
        assert_eq!(list(Some("m"), None, None, 7).await, expected(&of_m, 201, 7));
        assert_eq!(list(Some("m"), None, Some(50), 500).await, expected(&of_m, 50, 500));
        let ended = |key: u64| of_m(key) && key % 3 == 1;
        assert_eq!(list(Some("m"), Some(100), Some(100), 9).await, expected(&ended, 100, 9));
        assert_eq!(list(None, None, None, 300).await, expected(&|_| true, 201, 300));
        assert_eq!(list(None, Some(200), Some(9), 300).await, expected(&|key| key % 3 == 2, 9, 300));
        let upwards = async |owner: Option<&str>, status, after, limit| -> Vec<u64> {
            let owner = owner.map(str::to_owned);
            let filter = ExecutionFilter { owner, status, before: None, after: Some(after), limit };
            store.executions(filter).await.unwrap().into_iter().map(|row| row.key).collect()
        };
        let behind = |wanted: &dyn Fn(u64) -> bool, after: u64, limit: usize| -> Vec<u64> {
            (after + 1..=200).filter(|key| wanted(*key)).take(limit).collect()
        };
        assert_eq!(upwards(Some("m"), None, 0, 7).await, behind(&of_m, 0, 7));
        assert_eq!(upwards(Some("m"), Some(100), 50, 9).await, behind(&ended, 50, 9));
        assert_eq!(upwards(None, None, 195, 9).await, behind(&|_| true, 195, 9));
        assert_eq!(list(Some("nobody"), None, None, 9).await, [0; 0]);
        assert_eq!(list(Some("m"), Some(7), None, 9).await, [0; 0]);
        insert(&*store, ExecutionRow { status: 100, ..row(500, "m2", "n") }).await;
        let count = async |owners, status| store.count_executions(owners, status).await.unwrap();
        let ended = |of: &dyn Fn(u64) -> bool| {
            (1..=200).filter(|key| of(*key) && key % 3 == 1).count() as u64
        };
        assert_eq!(count("m", 100).await, ended(&of_m) + 1);
        assert_eq!(count("m2", 100).await, 1);
        assert_eq!(count("", 100).await, ended(&|_| true) + 1);
        assert_eq!(count("m", 7).await, 0);
        assert_eq!(count("nobody", 100).await, 0);
    }

    async fn a_journal_is_its_chunks_in_order(store) {
        // Chunk 2 has no visible event of its own, so the next begins with the same id.
        let begins = [1, 4, 9, 9, 12];
        let chunks: Vec<Chunk> =
            begins.iter().enumerate().map(|(place, first)| chunk(8, place as u64, *first)).collect();
        for chunk in &chunks {
            store.commit(Batch { journal: vec![chunk.clone()], ..Default::default() }).await.unwrap();
        }
        store.commit(Batch { journal: vec![chunk(9, 0, 1)], ..Default::default() }).await.unwrap();
        assert_eq!(store.journal(8, 0, 9).await.unwrap(), chunks);
        assert_eq!(store.journal(8, 3, 1).await.unwrap(), chunks[3..4]);
        assert_eq!(store.journal(8, 5, 9).await.unwrap(), []);
        conflict(&*store, Batch { journal: vec![chunk(8, 4, 13)], ..Default::default() }).await;
        for (event, place) in
            [(1, 0), (3, 0), (4, 1), (8, 1), (9, 3), (11, 3), (12, 4), (u64::MAX, 4)]
        {
            assert_eq!(store.chunk_of_event(8, event).await.unwrap(), Some(place), "event {event}");
        }
        assert_eq!(store.chunk_of_event(8, 0).await.unwrap(), None);
        assert_eq!(store.chunk_of_event(7, 1).await.unwrap(), None);
    }

    async fn timers_come_soonest_first(store) {
        let set = |row| TimerWrite::Set(row);
        let timers = vec![
            set(timer(30, 1, 1)), set(timer(10, 2, 1)), set(timer(10, 1, 2)), set(timer(20, 3, 9)),
            // Set again: it has moved.
            set(timer(5, 3, 9)),
        ];
        store.commit(Batch { timers, ..Default::default() }).await.unwrap();
        assert_eq!(store.timers(10, 9).await.unwrap(), [timer(5, 3, 9)]);
        assert_eq!(store.executions_after(0, 9).await.unwrap(), []);
        assert_eq!(store.timers_of(3).await.unwrap(), [timer(5, 3, 9)]);
        assert_eq!(store.timers(31, 3).await.unwrap(), [timer(5, 3, 9), timer(10, 1, 2), timer(10, 2, 1)]);
        let timers = vec![
            TimerWrite::Cancel { execution: 1, timer: 2 },
            TimerWrite::Cancel { execution: 1, timer: 7 },
        ];
        store.commit(Batch { timers, ..Default::default() }).await.unwrap();
        assert_eq!(store.timers(i64::MAX, 9).await.unwrap(), [timer(5, 3, 9), timer(10, 2, 1), timer(30, 1, 1)]);
    }

    async fn tasks_wait_in_queues(store) {
        let tasks = [(2, 1, "worker"), (1, 2, "worker"), (1, 1, "worker"), (1, 3, "activity"), (3, 1, "")];
        let tasks = tasks.map(|(execution, number, queue)| TaskWrite::Add(task(execution, number, queue)));
        store.commit(Batch { tasks: tasks.to_vec(), ..Default::default() }).await.unwrap();
        let all = [task(1, 1, "worker"), task(1, 2, "worker"), task(2, 1, "worker")];
        assert_eq!(store.tasks("worker", None, 9).await.unwrap(), all);
        assert_eq!(store.tasks("worker", Some((1, 1)), 1).await.unwrap(), all[1..2]);
        assert_eq!(store.tasks("activity", None, 9).await.unwrap(), [task(1, 3, "activity")]);
        assert_eq!(store.tasks("", None, 9).await.unwrap(), []);
        assert_eq!(store.tasks("none", None, 9).await.unwrap(), []);
        assert_eq!(store.tasks_of(3).await.unwrap(), [task(3, 1, "")]);
        let tasks = vec![
            TaskWrite::Move { execution: 1, task: 1, queue: String::new() },
            TaskWrite::Move { execution: 1, task: 3, queue: "worker".into() },
            TaskWrite::Done { execution: 2, task: 1 },
            TaskWrite::Done { execution: 2, task: 7 },
        ];
        store.commit(Batch { tasks, ..Default::default() }).await.unwrap();
        assert_eq!(store.tasks("worker", None, 9).await.unwrap(), [task(1, 2, "worker"), task(1, 3, "worker")]);
        assert_eq!(store.tasks_of(1).await.unwrap(), [task(1, 1, ""), task(1, 2, "worker"), task(1, 3, "worker")]);
    }
}

async fn conflict(store: &dyn Store, batch: Batch) {
    let answer = store.commit(batch).await;
    assert!(matches!(answer, Err(StoreError::Conflict { .. })), "{answer:?}");
}

async fn insert(store: &dyn Store, row: ExecutionRow) {
    let executions = vec![ExecutionWrite::Insert(row)];
    store.commit(Batch { executions, ..Default::default() }).await.unwrap();
}

pub(crate) fn put(table: &'static str, key: &str, value: &str) -> Batch {
    let value = Some(Bytes::copy_from_slice(value.as_bytes()));
    let record = RecordWrite { table, key: key.to_owned(), value, expect: Expect::Any };
    Batch { records: vec![record], ..Default::default() }
}

fn expecting(key: &str, value: Option<&str>, expect: Expect) -> Batch {
    let mut batch = put("t", key, value.unwrap_or_default());
    batch.records[0].expect = expect;
    if value.is_none() {
        batch.records[0].value = None;
    }
    batch
}

pub(crate) fn row(key: u64, owner: &str, name: &str) -> ExecutionRow {
    ExecutionRow {
        key,
        owner: owner.to_owned(),
        name: name.to_owned(),
        status: 0,
        open: true,
        started_at: 1_700_000_000_000 + key as i64,
        stopped_at: None,
        detail: Bytes::from_static(b"detail"),
    }
}

pub(crate) fn chunk(execution: u64, sequence: u64, first_event: u64) -> Chunk {
    Chunk { execution, sequence, first_event, bytes: Bytes::from(sequence.to_string()) }
}

fn timer(due_at: i64, execution: u64, timer: u64) -> TimerRow {
    TimerRow { due_at, execution, timer }
}

fn task(execution: u64, task: u64, queue: &str) -> TaskRow {
    TaskRow { execution, task, queue: queue.to_owned(), detail: Bytes::from(format!("{task}")) }
}
