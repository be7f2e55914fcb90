//! What a commit costs: `cargo bench -p store`. Prints one line a scenario.
//!
//! `callers` many callers commit in a closed loop, as many clients of StartExecution do. CPU is the whole
//! process's, so it holds both the callers' side and the writer's.
#![allow(clippy::disallowed_methods, reason = "a measurement asks the time")]
#![allow(missing_docs)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use store::{Batch, Chunk, ExecutionRow, ExecutionWrite, TaskRow, TaskWrite, TimerRow, TimerWrite};

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    println!(
        "scenario                       callers   commits/s  cpu µs/commit  disk bytes/commit"
    );
    runtime.block_on(async {
        for callers in [1, 32, 256] {
            run("one row (start and end)", callers, one_row).await;
        }
        run("row and chunk", 256, row_and_chunk).await;
        run("row, chunk, task, timer", 256, row_chunk_task_timer).await;
        run("two commits: begin, end", 256, begin_and_end).await;
        reads().await;
    });
}

type Work = fn(u64) -> Vec<Batch>;

async fn run(name: &str, callers: usize, work: Work) {
    let total: u64 = if callers == 1 { 5_000 } else { 100_000 };
    let folder = tempfile::tempdir_in(".").unwrap();
    let store = store::open(folder.path().to_str().unwrap()).await.unwrap();
    let next = Arc::new(AtomicU64::new(0));
    let (began, cpu) = (Instant::now(), cpu_micros());
    let callers_running: Vec<_> = (0..callers)
        .map(|_| {
            let (store, next) = (store.clone(), next.clone());
            tokio::spawn(async move {
                while next.fetch_add(1, Ordering::Relaxed) < total {
                    let key = store.allocate().await.unwrap();
                    for batch in work(key) {
                        store.commit(batch).await.unwrap();
                    }
                }
            })
        })
        .collect();
    for caller in callers_running {
        caller.await.unwrap();
    }
    let (seconds, cpu) = (began.elapsed().as_secs_f64(), cpu_micros() - cpu);
    drop(store);
    let bytes = std::fs::metadata(folder.path().join("stepwell.db")).unwrap().len();
    println!(
        "{name:<30} {callers:>7} {:>11.0} {:>14.1} {:>18.0}",
        total as f64 / seconds,
        cpu as f64 / total as f64,
        bytes as f64 / total as f64
    );
}

async fn reads() {
    let folder = tempfile::tempdir_in(".").unwrap();
    let store = store::open(folder.path().to_str().unwrap()).await.unwrap();
    for key in 1..=20_000 {
        store
            .commit(Batch {
                executions: vec![ExecutionWrite::Insert(row(key))],
                ..Default::default()
            })
            .await
            .unwrap();
    }
    let began = Instant::now();
    for key in 1..=20_000 {
        assert!(store.execution(key).await.unwrap().is_some());
    }
    println!("point read by number: {:.1} µs", began.elapsed().as_secs_f64() * 50.0);
    let began = Instant::now();
    for key in 1..=20_000 {
        assert!(store.execution_named(OWNER, &name(key)).await.unwrap().is_some());
    }
    println!("point read by name: {:.1} µs", began.elapsed().as_secs_f64() * 50.0);
}

const OWNER: &str = "arn:aws:states:us-east-1:000000000000:stateMachine:ten-states";

/// As random as a UUID, and as long.
fn name(key: u64) -> String {
    let mixed = key.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    format!("{mixed:016x}-{key:03x}-{:015x}", mixed.rotate_left(17) >> 4)
}

fn noise(key: u64, length: usize) -> bytes::Bytes {
    (0..length as u64).map(|place| (key.wrapping_mul(place ^ 0x9e37_79b9) >> 13) as u8).collect()
}

fn row(key: u64) -> ExecutionRow {
    ExecutionRow {
        key,
        owner: OWNER.to_owned(),
        name: name(key),
        status: 1,
        open: false,
        started_at: 1_700_000_000_000 + key as i64,
        stopped_at: Some(1_700_000_000_000 + key as i64),
        detail: noise(key, 250),
    }
}

fn one_row(key: u64) -> Vec<Batch> {
    vec![Batch { executions: vec![ExecutionWrite::Insert(row(key))], ..Default::default() }]
}

fn chunk(execution: u64, sequence: u64) -> Chunk {
    Chunk { execution, sequence, first_event: sequence + 1, bytes: noise(execution, 200) }
}

fn row_and_chunk(key: u64) -> Vec<Batch> {
    let mut batch = one_row(key).remove(0);
    batch.journal.push(chunk(key, 0));
    vec![batch]
}

fn row_chunk_task_timer(key: u64) -> Vec<Batch> {
    let mut batch = row_and_chunk(key).remove(0);
    batch.timers.push(TimerWrite::Set(TimerRow {
        due_at: 1_700_000_000_000 + key as i64,
        execution: key,
        timer: 0,
    }));
    let (queue, detail) = ("worker".to_owned(), noise(key, 150));
    batch.tasks.push(TaskWrite::Add(TaskRow { execution: key, task: 0, queue, detail }));
    vec![batch]
}

fn begin_and_end(key: u64) -> Vec<Batch> {
    let end = Batch {
        executions: vec![ExecutionWrite::Update(row(key))],
        journal: vec![chunk(key, 1)],
        timers: vec![TimerWrite::Cancel { execution: key, timer: 0 }],
        tasks: vec![TaskWrite::Done { execution: key, task: 0 }],
        ..Default::default()
    };
    vec![row_chunk_task_timer(key).remove(0), end]
}

/// User and system time of the process.
fn cpu_micros() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let ticks = stat.rsplit(") ").next().unwrap_or_default().split(' ').skip(11).take(2);
    // The kernel counts in hundredths of a second.
    ticks.filter_map(|ticks| ticks.parse::<u64>().ok()).sum::<u64>() * 10_000
}
