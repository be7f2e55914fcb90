//! What a picture costs: `cargo bench -p asl --bench graph`.

use asl::graph::{Graph, Theme};
use serde_json::{Map, Value, json};

fn main() {
    divan::main();
}

/// A pipeline of so many states with everything in it: choices, ways back, a handler for all.
fn machine(count: usize) -> String {
    let name = |number: usize| format!("State number {number}");
    let mut states = Map::new();
    for number in 0..count {
        let on = name((number + 1).min(count - 1));
        let catch = json!([{"ErrorEquals": ["States.ALL"], "Next": "Failed"}]);
        let state = match number % 11 {
            _ if number + 1 == count => json!({"Type": "Succeed"}),
            5 => {
                let rule = |ahead: usize| {
                    let next = name((number + ahead).min(count - 1));
                    json!({"Variable": "$.a", "NumericEquals": ahead, "Next": next})
                };
                json!({"Type": "Choice", "Choices": [rule(1), rule(3), rule(5)], "Default": name(number.saturating_sub(4))})
            }
            _ => {
                json!({"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Next": on, "Catch": catch})
            }
        };
        states.insert(name(number), state);
    }
    states.insert("Failed".into(), json!({"Type": "Fail"}));
    Value::to_string(&json!({"StartAt": name(0), "States": states}))
}

#[divan::bench(args = [3, 30, 300, 1_000, 3_000, 10_000], max_time = 2)]
fn svg(bencher: divan::Bencher, count: usize) {
    let definition = machine(count);
    bencher.bench(|| Graph::read(&definition).svg(Theme::Auto));
}

#[divan::bench(args = [3, 30, 300], max_time = 2)]
fn terminal(bencher: divan::Bencher, count: usize) {
    let definition = machine(count);
    bencher.bench(|| Graph::read(&definition).text(true));
}
