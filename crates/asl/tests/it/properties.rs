//! Properties of random state machines and random answers. [`World`] checks after each decision that
//! ids have no gaps, that the execution awaits what it asked for, and that its journal folds to it.

use std::sync::Arc;

use asl::{Definition, Dice, Moment, Status, Timestamp, Trigger};
use serde_json::{Value, json};

use crate::world::{Answer, Failed, World};

#[test]
fn random_machines_end_and_fold() {
    for seed in 0..300 {
        let mut dice = Moment { now: Timestamp(0), seed }.dice("machine");
        let definition = body(&mut dice, 3, &mut 0);
        let text = definition.to_string();
        let parsed = Definition::parse(&text)
            .unwrap_or_else(|invalid| panic!("seed {seed}: {invalid}\n{text}"));
        let mut world = World::new(Arc::new(parsed), json!({"items": [1, 2, 3], "n": 1}))
            .otherwise(Answer::default());
        drive(&mut world, &mut dice, seed, &text);
    }
}

#[test]
fn a_large_map_lets_others_have_their_turn() {
    let definition = json!({
        "StartAt": "Each",
        "States": {"Each": {
            "Type": "Map",
            "ItemProcessor": {
                "StartAt": "One",
                "States": {
                    "One": {"Type": "Pass", "Next": "Two"},
                    "Two": {"Type": "Pass", "End": true},
                },
            },
            "End": true,
        }},
    });
    let definition = Definition::parse(&definition.to_string()).expect("a valid definition");
    let input: Value = (0..1_000).collect();
    let mut world = World::new(Arc::new(definition), input.clone());
    world.run();
    assert_eq!(world.execution.status(), Status::Succeeded);
    assert_eq!(world.execution.output().expect("an output").value(), &input);
    assert_eq!(world.execution.last_event_id(), 6_006);
    assert!((6..=10).contains(&world.decisions), "{} decisions", world.decisions);
}

fn drive(world: &mut World, dice: &mut Dice, seed: u64, text: &str) {
    let mut commands = world.step(Trigger::Started).commands;
    for _ in 0..2_000 {
        if world.execution.status() != Status::Running {
            if pick(dice, 3) == 0 && world.execution.redrive().0 < 2 {
                commands = world.step(Trigger::Redriven).commands;
                continue;
            }
            return;
        }
        let _ = &commands;
        let awaited = world.execution.reconcile();
        let trigger = random_trigger(&awaited, dice);
        if let Trigger::TimerFired { timer } = &trigger
            && let Some((_, at)) = awaited.timers.iter().find(|(id, _)| id == timer)
        {
            world.now = world.now.max(*at);
        }
        let again = trigger.clone();
        commands = world.step(trigger).commands;
        // Late and repeated news decides nothing.
        if pick(dice, 4) == 0 && !matches!(again, Trigger::TaskHeartbeat { .. } | Trigger::Continue)
        {
            let repeated = world.step(again);
            assert!(repeated.events.is_empty() && repeated.commands.is_empty(), "seed {seed}");
        }
    }
    panic!("seed {seed} does not end: {text}");
}

fn random_trigger(awaited: &asl::Awaited, dice: &mut Dice) -> Trigger {
    if pick(dice, 60) == 0 {
        return Trigger::Stopped { failure: Failed::default().into() };
    }
    if awaited.goes_on {
        return Trigger::Continue;
    }
    let choices = awaited.tasks.len() + awaited.timers.len();
    assert!(choices > 0, "it waits for nothing");
    let choice = pick(dice, choices);
    let Some(task) = awaited.tasks.get(choice).copied() else {
        return Trigger::TimerFired { timer: awaited.timers[choice - awaited.tasks.len()].0 };
    };
    match pick(dice, 8) {
        0 => Trigger::TaskStarted { task, worker: None },
        1 => Trigger::TaskSubmitted { task, output: json!({}).into() },
        2 => Trigger::TaskHeartbeat { task },
        3 | 4 => {
            let error = ["Odd", "Even", "States.Timeout"][pick(dice, 3)];
            let failed = Failed { error: Some(error.into()), cause: None };
            Trigger::TaskFailed {
                task,
                phase: asl::event::FailedPhase::Run,
                failure: failed.into(),
            }
        }
        _ => Trigger::TaskSucceeded { task, output: json!({"items": [1, 2], "n": 2}).into() },
    }
}

fn pick(dice: &mut Dice, bound: usize) -> usize {
    (dice.next_u64() % bound as u64) as usize
}

/// A random body of up to four states in a row.
fn body(dice: &mut Dice, depth: usize, count: &mut u32) -> Value {
    let length = 1 + pick(dice, 4);
    let names: Vec<String> = (0..length)
        .map(|_| {
            *count += 1;
            format!("S{count}")
        })
        .collect();
    let mut states = serde_json::Map::new();
    for (place, name) in names.iter().enumerate() {
        let mut state = random_state(dice, depth, count);
        match names.get(place + 1) {
            Some(next) => state["Next"] = json!(next),
            None => state["End"] = json!(true),
        }
        if matches!(state["Type"].as_str(), Some("Task" | "Parallel" | "Map")) {
            if pick(dice, 3) == 0 {
                state["Retry"] = json!([
                    {"ErrorEquals": ["Odd"], "MaxAttempts": 1, "JitterStrategy": "FULL"},
                    {"ErrorEquals": ["States.ALL"], "MaxAttempts": 2, "IntervalSeconds": 2}
                ]);
            }
            if pick(dice, 3) == 0
                && let Some(next) = names.get(place + 1)
            {
                state["Catch"] =
                    json!([{"ErrorEquals": ["States.ALL"], "Next": next, "ResultPath": "$.error"}]);
            }
        }
        states.insert(name.clone(), state);
    }
    json!({"StartAt": names[0], "States": states})
}

fn random_state(dice: &mut Dice, depth: usize, count: &mut u32) -> Value {
    match pick(dice, if depth == 0 { 5 } else { 9 }) {
        0 => json!({"Type": "Pass"}),
        1 => json!({"Type": "Wait", "Seconds": 3}),
        2 => json!({"Type": "Pass", "Result": {"items": [1], "n": 3}, "ResultPath": "$.got"}),
        3 => task(dice, "arn:aws:states:::sqs:sendMessage"),
        4 => task(dice, "arn:aws:states:us-east-1:000000000000:activity:a"),
        5 => {
            let branches: Vec<Value> =
                (0..1 + pick(dice, 3)).map(|_| body(dice, depth - 1, count)).collect();
            json!({"Type": "Parallel", "Branches": branches})
        }
        6 => {
            let mut processor = body(dice, 0, count);
            processor["ProcessorConfig"] =
                json!({"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"});
            json!({
                "Type": "Map",
                "ItemsPath": "$$.Execution.Input.items",
                "ItemProcessor": processor,
            })
        }
        _ => {
            let mut processor = body(dice, depth - 1, count);
            processor["ProcessorConfig"] = json!({"Mode": "INLINE"});
            json!({
                "Type": "Map",
                "Parameters": {"items": [1, 2], "n": 1},
                "ItemsPath": "$$.Execution.Input.items",
                "MaxConcurrency": pick(dice, 3),
                "Iterator": processor,
            })
        }
    }
}

fn task(dice: &mut Dice, resource: &str) -> Value {
    let mut task = json!({"Type": "Task", "Resource": resource, "Parameters": {}});
    if pick(dice, 2) == 0 {
        task["TimeoutSeconds"] = json!(60);
        task["HeartbeatSeconds"] = json!(20);
    }
    task
}
