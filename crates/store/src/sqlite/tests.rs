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
