//! What the world answers to a task. It depends on nothing but what is asked, so that a run with faults
//! can be compared with one without.

use asl::event::{FailedPhase, TaskTarget};
use asl::{Failure, ScheduledTask, Trigger};
use serde_json::json;

/// How a task is answered.
pub enum Script {
    /// By the worker, all at once.
    AtOnce(Vec<Trigger>),
    /// The worker says this; the world outside, some time later, that.
    Later(Vec<Trigger>, Vec<Trigger>),
}

pub fn script(scheduled: &ScheduledTask) -> Script {
    let TaskTarget::Integration { action, .. } = &scheduled.target else {
        panic!("{:?}", scheduled.target)
    };
    let task = scheduled.task;
    let started = Trigger::TaskStarted { task, worker: None };
    let submitted = Trigger::TaskSubmitted { task, output: json!({"Job": "begun"}).into() };
    let n = scheduled.parameters.value()["n"].as_i64().unwrap_or(0);
    let succeeded = Trigger::TaskSucceeded { task, output: json!({"n": n * 2 + 1}).into() };
    let failure = Failure { error: Some("Odd".into()), cause: Some(format!("{n} is refused")) };
    match action.as_str() {
        "double" => Script::AtOnce(vec![started, succeeded]),
        "refuse" => {
            let failed = Trigger::TaskFailed { task, phase: FailedPhase::Run, failure };
            Script::AtOnce(vec![started, failed])
        }
        "job.sync" => Script::Later(vec![started, submitted], vec![succeeded]),
        "call.waitForTaskToken" => Script::Later(
            vec![started, submitted],
            vec![Trigger::TaskHeartbeat { task }, succeeded],
        ),
        "silent.sync" => Script::Later(vec![started, submitted], vec![]),
        other => panic!("no script for {other}"),
    }
}
