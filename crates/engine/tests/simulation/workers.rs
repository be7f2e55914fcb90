//! What the world answers to a task. It depends on nothing but what is asked, so that a run with faults
//! can be compared with one without.

use asl::event::{FailedPhase, TaskTarget};
use asl::{Data, Failure, TaskId, Trigger};
use serde_json::{Value, json};

use crate::machines::{CAUSE, ERROR};

/// How a task is answered.
pub enum Script {
    /// By the worker, all at once.
    AtOnce(Vec<Trigger>),
    /// The worker says this; the world outside, some time later, those, each by itself.
    Later(Vec<Trigger>, Vec<Word>),
    /// Never.
    Silent,
}

/// What the world outside says of a task.
pub struct Word {
    pub trigger: Trigger,
    pub when: When,
}

/// When it says so.
pub enum When {
    /// Within a few seconds.
    Soon,
    /// After about so many milliseconds.
    After(u64),
    /// When nobody awaits the task any more.
    TooLate,
}

fn soon(trigger: Trigger) -> Word {
    Word { trigger, when: When::Soon }
}

/// What somebody says who was given up: nothing must come of it.
fn too_late(task: TaskId) -> Word {
    let trigger = Trigger::TaskSucceeded { task, output: json!({"n": "too late"}).into() };
    Word { trigger, when: When::TooLate }
}

pub fn script(task: TaskId, target: &TaskTarget, parameters: &Data) -> Script {
    let asked = parameters.value();
    let started = Trigger::TaskStarted { task, worker: None };
    let submitted = Trigger::TaskSubmitted { task, output: json!({"Job": "begun"}).into() };
    let heartbeat = Trigger::TaskHeartbeat { task };
    if asked.get("salt").is_none() {
        return written(target, task, asked, [started, submitted, heartbeat]);
    }
    let number = |key: &str| asked[key].as_u64().unwrap_or_else(|| panic!("`{key}` of {asked}"));
    let silent = asked["silent"] == json!(true);
    let answer = if number("redrive") == 0 && number("retry") < number("fails") {
        let failure = Failure { error: Some(ERROR.into()), cause: Some(CAUSE.into()) };
        Trigger::TaskFailed { task, phase: FailedPhase::Run, failure }
    } else {
        let n = (number("n") * 31 + number("salt") + number("base")) % 1000;
        Trigger::TaskSucceeded { task, output: json!({"n": n}).into() }
    };
    let at_once = if silent { vec![] } else { vec![answer.clone()] };
    let answers = vec![if silent { too_late(task) } else { soon(answer) }];
    // Somebody who is silent in the end may have been heard of before.
    let beat_at = |millis| Word { trigger: heartbeat.clone(), when: When::After(millis) };
    let beats = match (silent, number("salt") % 3) {
        (false, _) => vec![soon(heartbeat.clone())],
        (true, 0) => vec![beat_at(10_000), beat_at(35_000), beat_at(60_000)],
        (true, _) => vec![],
    };
    let answers = beats.into_iter().chain(answers).collect();
    match target {
        TaskTarget::Integration { action, .. } if action.ends_with(".waitForTaskToken") => {
            Script::Later(vec![started, submitted], answers)
        }
        TaskTarget::Integration { action, .. } if action.ends_with(".sync") => {
            Script::Later(vec![started, submitted], answers)
        }
        TaskTarget::Activity { .. } => Script::Later(vec![], answers),
        _ if silent => Script::Silent,
        _ => Script::AtOnce([vec![started], at_once].concat()),
    }
}

/// The tasks of the written machines say by their action what becomes of them.
fn written(
    target: &TaskTarget,
    task: TaskId,
    asked: &Value,
    [started, submitted, heartbeat]: [Trigger; 3],
) -> Script {
    let TaskTarget::Integration { action, .. } = target else { panic!("{target:?}") };
    let n = asked["n"].as_i64().unwrap_or(0);
    let succeeded = Trigger::TaskSucceeded { task, output: json!({"n": n * 2 + 1}).into() };
    let failure = Failure { error: Some(ERROR.into()), cause: Some(format!("{n} is refused")) };
    match action.as_str() {
        "double" => Script::AtOnce(vec![started, succeeded]),
        "refuse" => {
            let failed = Trigger::TaskFailed { task, phase: FailedPhase::Run, failure };
            Script::AtOnce(vec![started, failed])
        }
        "job.sync" => Script::Later(vec![started, submitted], vec![soon(succeeded)]),
        "call.waitForTaskToken" => {
            Script::Later(vec![started, submitted], vec![soon(heartbeat), soon(succeeded)])
        }
        "silent.sync" => Script::Later(vec![started, submitted], vec![]),
        other => panic!("no script for {other}"),
    }
}
