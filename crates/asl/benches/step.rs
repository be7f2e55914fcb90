//! What a decision costs: `cargo bench -p asl --bench step`.

use std::sync::Arc;

use asl::{Command, Data, Definition, Execution, Header, Moment, Timestamp, Trigger};
use serde_json::{Value, json};

fn main() {
    divan::main();
}

/// Ten states that hand their input on: one decision of 22 events.
#[divan::bench]
fn ten_passes(bencher: divan::Bencher) {
    run(bencher, chain(10, json!({})), json!({"a": 1}));
}

#[divan::bench]
fn ten_passes_with_parameters(bencher: divan::Bencher) {
    let extra = json!({"Parameters": {"a.$": "$.a", "name.$": "$$.State.Name"}});
    run(bencher, chain(10, extra), json!({"a": 1}));
}

#[divan::bench]
fn ten_passes_in_jsonata(bencher: divan::Bencher) {
    let extra = json!({"QueryLanguage": "JSONata", "Output": {"a": "{% $states.input.a + 1 %}"}});
    run(bencher, chain(10, extra), json!({"a": 1}));
}

/// 1,000 items × 2 states: 6,006 events.
#[divan::bench]
fn inline_map(bencher: divan::Bencher) {
    let mut map = json!({"Type": "Map", "End": true});
    map["ItemProcessor"] = chain(2, json!({}));
    let items: Value = (0..1_000).map(|index| json!({"index": index})).collect();
    run(bencher, json!({"StartAt": "Each", "States": {"Each": map}}), items);
}

fn chain(length: usize, extra: Value) -> Value {
    let mut states = serde_json::Map::new();
    for index in 0..length {
        let mut state = json!({"Type": "Pass"});
        for (key, value) in extra.as_object().into_iter().flatten() {
            state[key] = value.clone();
        }
        if index + 1 < length {
            state["Next"] = json!(format!("S{}", index + 1));
        } else {
            state["End"] = json!(true);
        }
        states.insert(format!("S{index}"), state);
    }
    json!({"StartAt": "S0", "States": states})
}

fn run(bencher: divan::Bencher, definition: Value, input: Value) {
    let definition =
        Arc::new(Definition::parse(&definition.to_string()).expect("a valid definition"));
    let header = Arc::new(Header {
        key: 1,
        execution_arn: "arn:aws:states:us-east-1:000000000000:execution:machine:run".into(),
        name: "run".into(),
        state_machine_arn: "arn:aws:states:us-east-1:000000000000:stateMachine:machine".into(),
        state_machine_name: "machine".into(),
        role_arn: "arn:aws:iam::000000000000:role/machine".into(),
        input: Data::from(input),
        start_time: Timestamp(0),
        region: "us-east-1".into(),
        account: "000000000000".into(),
        express: false,
    });
    bencher.bench(|| {
        let mut execution = Execution::new(definition.clone(), header.clone());
        let mut trigger = Trigger::Started;
        loop {
            let decision = execution.step(trigger, Moment { now: Timestamp(1), seed: 1 });
            if !decision.commands.contains(&Command::Continue) {
                return execution.last_event_id();
            }
            trigger = Trigger::Continue;
        }
    });
}
