//! What an execution costs, from `start` to durable: `cargo bench -p engine`. Prints one line a scenario.
//! CPU is the whole process's: callers, engine and the store's writer.
#![allow(clippy::disallowed_methods, reason = "a measurement asks the time")]
#![allow(missing_docs)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use asl::{Header, Moment, Timestamp, Trigger};
use engine::{Engine, NewExecution};
use serde_json::json;
use store::Batch;

fn main() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(async {
        println!("scenario                callers  executions/s    p50 ms    p99 ms  cpu µs each  disk bytes each");
        for callers in [1, 32, 256] {
            run("ten Pass states", &passes(10), callers, 0).await;
        }
        run("one Pass state", &passes(1), 256, 0).await;
        run("three tasks", &tasks(3), 256, 3).await;
    });
}

fn passes(count: usize) -> Arc<str> {
    let states: Vec<String> = (1..=count)
        .map(|place| match place == count {
            true => format!(r#""Step{place}":{{"Type":"Pass","End":true}}"#),
            false => format!(r#""Step{place}":{{"Type":"Pass","Next":"Step{}"}}"#, place + 1),
        })
        .collect();
    format!(r#"{{"StartAt":"Step1","States":{{{}}}}}"#, states.join(",")).into()
}

fn tasks(count: usize) -> Arc<str> {
    let resource = "arn:aws:states:::sqs:sendMessage";
    let states: Vec<String> = (1..=count)
        .map(|place| match place == count {
            true => {
                format!(r#""Step{place}":{{"Type":"Task","Resource":"{resource}","End":true}}"#)
            }
            false => {
                let next = place + 1;
                format!(
                    r#""Step{place}":{{"Type":"Task","Resource":"{resource}","Next":"Step{next}"}}"#
                )
            }
        })
        .collect();
    format!(r#"{{"StartAt":"Step1","States":{{{}}}}}"#, states.join(",")).into()
}

async fn run(name: &str, definition: &Arc<str>, callers: u64, tasks: u64) {
    let total: u64 = if callers == 1 { 3_000 } else { 60_000 };
    let folder = tempfile::tempdir_in(".").expect("a folder");
    let store = store::open(folder.path().to_str().expect("text")).await.expect("a store");
    let engine = Arc::new(Engine::open(store).await.expect("an engine"));
    let next = Arc::new(AtomicU64::new(0));
    let (began, cpu) = (Instant::now(), cpu_micros());
    let running: Vec<_> = (0..callers)
        .map(|_| {
            let (engine, next, definition) = (engine.clone(), next.clone(), definition.clone());
            tokio::spawn(async move {
                let mut times = Vec::new();
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= total {
                        return times;
                    }
                    let began = Instant::now();
                    let new = new_execution(number, &definition);
                    engine.start(new, Batch::default(), moment(number)).await.expect("a start");
                    times.push(began.elapsed());
                }
            })
        })
        .collect();
    let answered = work(&engine, total * tasks).await;
    assert_eq!(answered, total * tasks);
    let mut times: Vec<Duration> = Vec::new();
    for caller in running {
        times.extend(caller.await.expect("a caller"));
    }
    let (seconds, cpu) = (began.elapsed().as_secs_f64(), cpu_micros() - cpu);
    times.sort_unstable();
    let at = |share: f64| times[(times.len() as f64 * share) as usize].as_secs_f64() * 1000.0;
    drop(engine);
    let bytes = std::fs::metadata(folder.path().join("stepwell.db")).expect("a database").len();
    println!(
        "{name:<22} {callers:>8} {:>13.0} {:>9.2} {:>9.2} {:>12.1} {:>16.0}",
        total as f64 / seconds,
        at(0.5),
        at(0.99),
        cpu as f64 / total as f64,
        bytes as f64 / total as f64
    );
}

/// Does tasks as the binary's loop does, so many.
async fn work(engine: &Arc<Engine>, count: u64) -> u64 {
    let (mut done, mut running) = (0, tokio::task::JoinSet::new());
    while done < count {
        let tick = engine.tick(moment(done), 256 - running.len()).await.expect("a tick");
        for lease in tick.leases {
            let engine = engine.clone();
            running.spawn(async move {
                let task = lease.task.task;
                let output = json!({"done": true}).into();
                let triggers = vec![
                    Trigger::TaskStarted { task, worker: None },
                    Trigger::TaskSucceeded { task, output },
                ];
                let moment = moment(lease.execution);
                engine
                    .submit(lease.execution, triggers, Batch::default(), moment)
                    .await
                    .expect("an answer");
            });
        }
        tokio::select! {
            Some(_) = running.join_next(), if !running.is_empty() => done += 1,
            () = engine.changed() => {}
        }
        while running.try_join_next().is_some() {
            done += 1;
        }
    }
    done
}

fn moment(number: u64) -> Moment {
    Moment { now: Timestamp(1_795_000_000_000 + number as i64), seed: number }
}

fn new_execution(number: u64, definition: &Arc<str>) -> NewExecution {
    // As a client that gives no name gets it.
    let name = moment(number).dice("name").uuid();
    let machine = "arn:aws:states:us-east-1:000000000000:stateMachine:hello";
    NewExecution {
        header: Header {
            key: 0,
            execution_arn: format!("arn:aws:states:us-east-1:000000000000:execution:hello:{name}"),
            name,
            state_machine_arn: machine.to_owned(),
            state_machine_name: "hello".to_owned(),
            role_arn: "arn:aws:iam::000000000000:role/stepwell".to_owned(),
            input: json!({"order": number, "amount": 12.5}).into(),
            start_time: moment(number).now,
            region: "us-east-1".to_owned(),
            account: "000000000000".to_owned(),
            express: false,
        },
        definition: definition.clone(),
        owner: machine.to_owned(),
        attributes: json!({}),
        at_end: None,
    }
}

/// User and system time of the process.
fn cpu_micros() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let ticks = stat.rsplit(") ").next().unwrap_or_default().split(' ').skip(11).take(2);
    // The kernel counts in hundredths of a second.
    ticks.filter_map(|ticks| ticks.parse::<u64>().ok()).sum::<u64>() * 10_000
}
