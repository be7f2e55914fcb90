//! What is SQLite's own: the folder, the shared commit, the full disk.

use std::sync::Arc;

use super::*;
use crate::suite::{self, chunk, put, row};
use crate::{ExecutionWrite, Expect};

#[tokio::test]
async fn suite_in_memory() {
    suite::run(|| async { suite::Opened::from(crate::open("memory:").await.unwrap()) }).await;
}

#[tokio::test]
async fn suite_in_a_folder() {
    suite::run(|| async {
        let folder = tempfile::tempdir().unwrap();
        let store = crate::open(folder.path().to_str().unwrap()).await.unwrap();
        suite::Opened { store, guard: Some(folder) }
    })
    .await;
}

#[tokio::test]
async fn a_folder_opened_again_has_everything_and_goes_on_counting() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().display());
    let store = crate::open(&url).await.unwrap();
    let key = store.allocate().await.unwrap();
    store
        .commit(Batch {
            executions: vec![ExecutionWrite::Insert(row(key, "m", "a"))],
            ..put("t", "k", "v")
        })
        .await
        .unwrap();
    assert!(matches!(crate::open(&url).await.err(), Some(StoreError::Held { .. })));
    drop(store);
    let store = crate::open(&url).await.unwrap();
    assert_eq!(store.execution(key).await.unwrap(), Some(row(key, "m", "a")));
    assert_eq!(store.record("t", "k").await.unwrap().unwrap().value, "v");
    assert!(store.allocate().await.unwrap() > key);
}

#[tokio::test]
async fn a_newer_schema_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    drop(Sqlite::in_folder(folder.path()).unwrap());
    let connection = rusqlite::Connection::open(folder.path().join("stepwell.db")).unwrap();
    connection.pragma_update(None, "user_version", 999).unwrap();
    drop(connection);
    let error = Sqlite::in_folder(folder.path()).err().unwrap().to_string();
    assert!(error.contains("a newer Stepwell wrote it (schema 999"), "{error}");
}

/// Goal: whatever is lost of the WAL's end, what is left is the first so many commits, and all whose
/// fsync came before. Method: the WAL is cut, or overwritten with noise, at many places.
#[tokio::test]
async fn a_torn_tail_is_a_shorter_history() {
    let folder = tempfile::tempdir().unwrap();
    let store = crate::open(folder.path().to_str().unwrap()).await.unwrap();
    let (database, wal) =
        (folder.path().join("stepwell.db"), folder.path().join("stepwell.db-wal"));
    let mut lengths = Vec::new();
    for number in 0..12u64 {
        let value = "v".repeat(1 + 700 * (number as usize % 5));
        let key = store.allocate().await.unwrap();
        let mut batch = put("t", &format!("{number:02}"), &value);
        batch.executions = vec![ExecutionWrite::Insert(row(key, "m", &number.to_string()))];
        store.commit(batch).await.unwrap();
        lengths.push(std::fs::metadata(&wal).unwrap().len());
    }
    let (database, wal) = (std::fs::read(database).unwrap(), std::fs::read(wal).unwrap());
    let mut places: Vec<usize> = (0..wal.len()).step_by(1531).collect();
    places.extend(lengths.iter().flat_map(|length| [*length as usize - 1, *length as usize]));
    for (turn, place) in places.into_iter().enumerate() {
        let torn = tempfile::tempdir().unwrap();
        let mut left = wal[..place].to_vec();
        if turn % 2 == 1 {
            left.resize(wal.len(), 0xa5);
        }
        std::fs::write(torn.path().join("stepwell.db"), &database).unwrap();
        std::fs::write(torn.path().join("stepwell.db-wal"), left).unwrap();
        let store = crate::open(torn.path().to_str().unwrap()).await.unwrap();
        let durable = lengths.iter().filter(|length| **length as usize <= place).count();
        let records = store.records("t", Scan::prefix("", 99)).await.unwrap();
        let keys: Vec<String> = records.into_iter().map(|record| record.key).collect();
        let expected: Vec<String> = (0..keys.len()).map(|number| format!("{number:02}")).collect();
        assert_eq!(keys, expected, "cut at {place}");
        assert!(keys.len() >= durable, "cut at {place}: {} of {durable}", keys.len());
        assert_eq!(store.executions_after(0, 99).await.unwrap().len(), keys.len());
        assert_eq!(store.verify().await.unwrap(), [""; 0]);
    }
}

/// Folders that older versions wrote: `tests/folders/N.db` is one of schema N, with a row of each kind.
/// Today's is written anew with `UPDATE_EXPECT=1`.
#[tokio::test]
async fn older_folders_are_carried_forward() {
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/folders");
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        let folder = tempfile::tempdir().unwrap();
        let store = crate::open(folder.path().to_str().unwrap()).await.unwrap();
        store.allocate().await.unwrap();
        store.commit(one_of_each()).await.unwrap();
        let to = kept.join(format!("{}.db", database::SCHEMA));
        let _ = std::fs::remove_file(&to);
        crate::copy(folder.path(), &to).unwrap();
    }
    for schema in 1..=database::SCHEMA {
        let folder = tempfile::tempdir().unwrap();
        let old = kept.join(format!("{schema}.db"));
        std::fs::copy(&old, folder.path().join("stepwell.db"))
            .unwrap_or_else(|error| panic!("{}: {error}", old.display()));
        for _ in 0..2 {
            let store = crate::open(folder.path().to_str().unwrap()).await.unwrap();
            let expected = one_of_each();
            assert_eq!(store.record("t", "k").await.unwrap().unwrap().value, "v");
            assert_eq!(store.execution_named("m", "a").await.unwrap().unwrap(), row(1, "m", "a"));
            assert_eq!(store.journal(1, 0, 9).await.unwrap(), expected.journal);
            assert_eq!(store.timers(99, 9).await.unwrap().len(), 1);
            assert_eq!(store.tasks("q", None, 9).await.unwrap().len(), 1);
            assert_eq!(store.verify().await.unwrap(), [""; 0]);
        }
    }
}

fn one_of_each() -> Batch {
    let timer = TimerRow { due_at: 5, execution: 1, timer: 1 };
    let task = TaskRow { execution: 1, task: 1, queue: "q".into(), detail: "d".into() };
    Batch {
        executions: vec![ExecutionWrite::Insert(row(1, "m", "a"))],
        journal: vec![chunk(1, 0, 1)],
        timers: vec![crate::TimerWrite::Set(timer)],
        tasks: vec![crate::TaskWrite::Add(task)],
        ..put("t", "k", "v")
    }
}

/// Goal: what was deleted gives its disk back, a few pages at a time.
#[tokio::test]
async fn deleted_rows_give_the_disk_back() {
    let folder = tempfile::tempdir().unwrap();
    let store = crate::open(folder.path().to_str().unwrap()).await.unwrap();
    for number in 0..40 {
        store.commit(put("t", &number.to_string(), &"v".repeat(50_000))).await.unwrap();
    }
    for number in 0..40 {
        let key = number.to_string();
        let record = crate::RecordWrite { table: "t", key, value: None, expect: Expect::Any };
        store.commit(Batch { records: vec![record], ..Default::default() }).await.unwrap();
    }
    let mut left = store.vacuum(64).await.unwrap();
    assert!(left > 300, "{left}");
    while left > 0 {
        let next = store.vacuum(64).await.unwrap();
        assert!(next < left);
        left = next;
    }
    let copied = folder.path().join("copy");
    crate::copy(folder.path(), &copied).unwrap();
    drop(store);
    let length = |name: &str| std::fs::metadata(folder.path().join(name)).unwrap().len();
    assert!(length("stepwell.db") < 200_000, "{}", length("stepwell.db"));
    assert!(length("copy") < 200_000);
}

/// Goal: the WAL stays small under a load without pause, and what is in it goes into the database.
#[tokio::test]
async fn the_wal_stays_small() {
    let folder = tempfile::tempdir().unwrap();
    let url = folder.path().to_str().unwrap();
    let store = crate::open(url).await.unwrap();
    let length = |name: &str| std::fs::metadata(folder.path().join(name)).unwrap().len();
    let value = "v".repeat(100_000);
    for number in 0..600 {
        store.commit(put("t", &number.to_string(), &value)).await.unwrap();
    }
    assert!(length("stepwell.db") > 10 << 20, "{}", length("stepwell.db"));
    assert!(length("stepwell.db-wal") < 50 << 20, "{}", length("stepwell.db-wal"));
    drop(store);
    let store = crate::open(url).await.unwrap();
    assert_eq!(store.records("t", Scan::prefix("", 999)).await.unwrap().len(), 600);
}

/// Goal: a copy taken while others write is what was there at one moment.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_is_one_moment() {
    let folder = tempfile::tempdir().unwrap();
    let store = crate::open(folder.path().to_str().unwrap()).await.unwrap();
    let writing = tokio::spawn({
        let store = store.clone();
        async move {
            for number in 0..400 {
                let mut batch = put("a", "k", &number.to_string());
                batch.merge(put("b", &format!("{number:04}"), "v"));
                store.commit(batch).await.unwrap();
            }
        }
    });
    for turn in 0.. {
        let copy = tempfile::tempdir().unwrap();
        crate::copy(folder.path(), &copy.path().join("stepwell.db")).unwrap();
        let copied = crate::open(copy.path().to_str().unwrap()).await.unwrap();
        let count = copied.records("b", Scan::prefix("", 999)).await.unwrap().len();
        let last = copied.record("a", "k").await.unwrap();
        let expected = count.checked_sub(1).map(|last| last.to_string());
        assert_eq!(last.map(|last| String::from_utf8(last.value.to_vec()).unwrap()), expected);
        if writing.is_finished() && turn > 3 {
            break;
        }
    }
    writing.await.unwrap();
    let again = crate::copy(folder.path(), &folder.path().join("lock"));
    assert!(again.is_err(), "nothing is written over");
}

/// Goal: damage is told.
#[tokio::test]
async fn rows_of_what_is_not_there_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let store = crate::open(folder.path().to_str().unwrap()).await.unwrap();
    store.allocate().await.unwrap();
    store.commit(one_of_each()).await.unwrap();
    assert_eq!(store.verify().await.unwrap(), [""; 0]);
    let other = rusqlite::Connection::open(folder.path().join("stepwell.db")).unwrap();
    other.execute_batch("DELETE FROM execution; DELETE FROM word WHERE text = 'q'").unwrap();
    let wrong = store.verify().await.unwrap();
    assert_eq!(wrong.len(), 4, "{wrong:?}");
}

/// Goal: a refused batch takes nothing of the others with it. Method: batches in one group, applied as the
/// writer does, with conflicts first, last, and after the batch has written something.
#[test]
fn each_batch_of_a_group_is_taken_or_refused_by_itself() {
    for conflicts in 0..8u8 {
        let mut database = Database::in_memory().unwrap();
        database.commit_one(&put("t", "taken", "v")).unwrap();
        let group: Vec<Batch> = (0..3u8)
            .map(|index| {
                let mut batch = put("t", &format!("before {index}"), "x");
                let expect =
                    if conflicts & (1 << index) == 0 { Expect::Any } else { Expect::Absent };
                batch.merge(put("t", "taken", "y"));
                batch.records.last_mut().unwrap().expect = expect;
                batch
            })
            .collect();
        let answers = database.commit_group(&group);
        for index in 0..3u8 {
            let refused = conflicts & (1 << index) != 0;
            assert_eq!(answers[index as usize].is_err(), refused, "{conflicts:b} {index}");
            let written = database.record("t", &format!("before {index}")).unwrap().is_some();
            assert_eq!(written, !refused, "{conflicts:b} {index}");
        }
        let version = database.record("t", "taken").unwrap().unwrap().version;
        assert_eq!(version, 1 + u64::from(3 - conflicts.count_ones() as u8));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_callers_share_the_writer() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(Sqlite::in_folder(folder.path()).unwrap());
    let writers: Vec<_> = (0..50u64)
        .map(|writer| {
            let store = store.clone();
            tokio::spawn(async move {
                for sequence in 0..20 {
                    let batch = Batch {
                        journal: vec![chunk(writer, sequence, sequence + 1)],
                        ..Default::default()
                    };
                    store.commit(batch).await.unwrap();
                    // What was committed is seen by whoever reads next.
                    assert_eq!(
                        store.journal(writer, 0, 100).await.unwrap().len() as u64,
                        sequence + 1
                    );
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
}

/// Goal: a full disk refuses what does not fit, keeps what it took, and works again once there is room.
#[tokio::test]
async fn a_full_database_refuses_and_recovers() {
    let folder = tempfile::tempdir().unwrap();
    let store = Sqlite::with_pages_max(folder.path(), Some(100)).unwrap();
    let mut taken = Vec::new();
    let refused = loop {
        let key = format!("{:04}", taken.len());
        match store.commit(put("t", &key, &"v".repeat(20_000))).await {
            Ok(()) => taken.push(key),
            Err(error) => break error,
        }
        assert!(taken.len() < 100);
    };
    assert!(matches!(refused, StoreError::Full { .. }), "{refused}");
    store.commit(put("t", "small", "v")).await.unwrap();
    for key in &taken {
        assert!(store.record("t", key).await.unwrap().is_some());
    }
    let mut delete = put("t", &taken[0], "");
    delete.records[0].value = None;
    store.commit(delete).await.unwrap();
    store.commit(put("t", "again", &"v".repeat(15_000))).await.unwrap();
}

/// The same on a real full disk, where mounting one is permitted.
#[tokio::test]
async fn a_full_disk_refuses_and_recovers() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap().to_owned();
    let mount = std::process::Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=2m", "tmpfs", &path])
        .output();
    if !mount.is_ok_and(|output| output.status.success()) {
        println!("skipped: this account may not mount a small disk");
        return;
    }
    let outcome = tokio::spawn(fill_and_recover(path.clone())).await;
    let _ = std::process::Command::new("umount").arg(&path).status();
    outcome.unwrap();
}

async fn fill_and_recover(path: String) {
    let ballast = std::path::Path::new(&path).join("ballast");
    std::fs::write(&ballast, vec![0; 1 << 20]).unwrap();
    let store = Sqlite::in_folder(path.as_ref()).unwrap();
    let mut taken = 0;
    let refused = loop {
        match store.commit(put("t", &format!("{taken:04}"), &"v".repeat(20_000))).await {
            Ok(()) => taken += 1,
            Err(error) => break error,
        }
        assert!(taken < 100);
    };
    assert!(matches!(refused, StoreError::Full { .. }), "{refused}");
    // Nothing that was acknowledged is gone, now or after the next opening.
    drop(store);
    std::fs::remove_file(&ballast).unwrap();
    let store = Sqlite::in_folder(path.as_ref()).unwrap();
    let scan = Scan { limit: 1000, ..Default::default() };
    assert_eq!(store.records("t", scan).await.unwrap().len(), taken);
    // And without opening again: fill, make room, go on.
    std::fs::write(&ballast, vec![0; 1 << 19]).unwrap();
    let mut count = taken;
    while store.commit(put("t", &format!("{count:04}"), &"v".repeat(20_000))).await.is_ok() {
        count += 1;
        assert!(count < 200);
    }
    std::fs::remove_file(&ballast).unwrap();
    store.commit(put("t", "after", &"v".repeat(20_000))).await.unwrap();
    let scan = Scan { limit: 1000, ..Default::default() };
    assert_eq!(store.records("t", scan).await.unwrap().len(), count + 1);
}
