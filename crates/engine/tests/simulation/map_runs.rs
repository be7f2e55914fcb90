//! Map runs, told without faults and across a crash.

use std::sync::Arc;

use asl::{Header, Moment, Status, TaskId, Timestamp, Trigger};
use engine::{Child, Engine, Lease, LiveMapRun, MapRunStatus};
use serde_json::json;
use store::{Batch, Store};

use crate::world::new_execution;

const NOW: Timestamp = Timestamp(1_700_000_000_000);
const MAP: &str = r#"{"StartAt": "M", "States": {"M": {"Type": "Map", "End": true,
    "ItemProcessor": {"StartAt": "A", "States": {"A": {"Type": "Succeed"}},
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}}}}}"#;
const PASS: &str = r#"{"StartAt": "A", "States": {"A": {"Type": "Pass", "End": true}}}"#;
const WAIT: &str =
    r#"{"StartAt": "A", "States": {"A": {"Type": "Wait", "Seconds": 60, "End": true}}}"#;

fn at(seconds: i64) -> Moment {
    Moment { now: NOW.plus_millis(seconds * 1000), seed: seconds as u64 }
}

async fn open(store: &Arc<dyn Store>) -> Engine {
    Engine::open(store.clone()).await.unwrap()
}

/// An execution in its Distributed Map.
async fn begun(engine: &Engine) -> u64 {
    let mut new = new_execution("parent", MAP, NOW, 1);
    new.header.input = json!([1, 2, 3]).into();
    engine.start(new, Batch::default(), at(0)).await.unwrap()
}

async fn handed_out(engine: &Engine) -> Lease {
    let mut runs = engine.tick(at(0), 9).await.unwrap().map_runs;
    assert_eq!(runs.len(), 1);
    runs.remove(0)
}

fn arn(run: &Lease) -> String {
    run.task.parameters.value()["map_run_arn"].as_str().unwrap().to_owned()
}

fn child(parent: &Header, name: &str) -> Child {
    let header = Header {
        name: name.to_owned(),
        execution_arn: format!("{}:{name}", parent.execution_arn),
        input: json!(name).into(),
        ..parent.clone()
    };
    Child { header, attributes: json!({}), items: 1 }
}

async fn start(live: &LiveMapRun<'_>, run: &Lease, names: &[&str], definition: &str) -> bool {
    let children = names.iter().map(|name| child(&run.header, name)).collect();
    let taken = live.standing().await.items_taken + names.len() as u64;
    live.start(children, &definition.into(), taken, false, at(0)).await.unwrap()
}

fn succeeded(run: &Lease) -> Trigger {
    Trigger::TaskSucceeded { task: run.task.task, output: json!("all").into() }
}

async fn status(engine: &Engine, key: u64) -> Status {
    engine.summary(key).await.unwrap().unwrap().status
}

#[tokio::test]
async fn a_run_goes_on_after_a_crash_where_it_was() {
    let store = store::open("memory:").await.unwrap();
    let engine = open(&store).await;
    let parent = begun(&engine).await;
    let run = handed_out(&engine).await;
    assert!(!run.again);
    let live = engine.open_map_run(&arn(&run)).await.unwrap().unwrap();
    assert!(start(&live, &run, &["a"], PASS).await);
    assert!(start(&live, &run, &["b"], WAIT).await);
    drop(live);
    drop(engine);

    let engine = open(&store).await;
    let run = handed_out(&engine).await;
    assert!(run.again);
    let live = engine.open_map_run(&arn(&run)).await.unwrap().unwrap();
    let standing = live.standing().await;
    assert_eq!((standing.items_taken, standing.children, standing.open), (2, 2, 1));
    assert_eq!(standing.items.succeeded, 1);
    // The child's timer was not forgotten, and its end is told.
    engine.tick(at(61), 9).await.unwrap();
    live.changed().await;
    let standing = live.standing().await;
    assert_eq!((standing.items.succeeded, standing.open), (2, 0));
    assert!(live.finish(MapRunStatus::Succeeded, 2, succeeded(&run), at(62)).await.unwrap());
    assert_eq!(status(&engine, parent).await, Status::Succeeded);
    let children = engine.children(&arn(&run), None, 0, 9).await.unwrap();
    let names: Vec<&str> = children.iter().map(|child| child.header.name.as_str()).collect();
    assert_eq!(names, ["a", "b"]);
    let known = engine.map_run(&arn(&run)).await.unwrap().unwrap();
    assert_eq!((known.status, known.progress.results_written), (MapRunStatus::Succeeded, 2));
    assert_eq!(engine.map_runs_of(parent).await.unwrap(), [arn(&run)]);
    assert!(open(&store).await.tick(at(63), 9).await.unwrap().map_runs.is_empty());
}

#[tokio::test]
async fn a_child_that_ends_while_nobody_drives_is_counted() {
    let store = store::open("memory:").await.unwrap();
    let engine = open(&store).await;
    begun(&engine).await;
    let run = handed_out(&engine).await;
    let live = engine.open_map_run(&arn(&run)).await.unwrap().unwrap();
    assert!(start(&live, &run, &["a"], WAIT).await);
    drop(live);
    engine.tick(at(61), 9).await.unwrap();
    let live = engine.open_map_run(&arn(&run)).await.unwrap().unwrap();
    let standing = live.standing().await;
    assert_eq!((standing.items.succeeded, standing.open), (1, 0));
}

#[tokio::test]
async fn a_run_that_was_stopped_starts_nothing_and_answers_nothing() {
    let store = store::open("memory:").await.unwrap();
    let engine = open(&store).await;
    let parent = begun(&engine).await;
    let run = handed_out(&engine).await;
    let live = engine.open_map_run(&arn(&run)).await.unwrap().unwrap();
    let stopped = vec![Trigger::Stopped { failure: asl::Failure::default() }];
    engine.submit(parent, stopped, Batch::default(), at(1)).await.unwrap();
    assert!(!live.finish(MapRunStatus::Succeeded, 0, succeeded(&run), at(1)).await.unwrap());
    let tick = engine.tick(at(1), 9).await.unwrap();
    let ended: Vec<TaskId> = tick.cancelled.iter().map(|cancelled| cancelled.task.task).collect();
    assert_eq!(ended, [run.task.task]);
    let arn = arn(&run);
    let aborted = engine.change_map_run(&arn, |run| run.status = MapRunStatus::Aborted);
    assert!(aborted.await.unwrap().is_some());
    assert!(!start(&live, &run, &["a"], PASS).await);
    assert!(engine.children(&arn, None, 0, 9).await.unwrap().is_empty());
    assert_eq!(status(&engine, parent).await, Status::Aborted);
}

#[tokio::test]
async fn a_change_reaches_the_driver_and_is_kept() {
    let store = store::open("memory:").await.unwrap();
    let engine = open(&store).await;
    begun(&engine).await;
    let run = handed_out(&engine).await;
    let live = engine.open_map_run(&arn(&run)).await.unwrap().unwrap();
    engine.change_map_run(&arn(&run), |run| run.max_concurrency = 7).await.unwrap();
    live.changed().await;
    assert_eq!(live.standing().await.max_concurrency, 7);
    assert!(start(&live, &run, &["a"], PASS).await);
    assert_eq!(engine.map_run(&arn(&run)).await.unwrap().unwrap().max_concurrency, 7);
}
