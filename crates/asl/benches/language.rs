//! What the language costs: `cargo bench -p asl`.

use std::fmt::Write;
use std::sync::LazyLock;

use asl::definition::Kind;
use asl::expression::{Budget, Jsonata, LazyContext, NoVariables, Path, Scope};
use asl::{Definition, Moment, Timestamp};
use divan::Bencher;
use serde_json::{Value, json};

fn main() {
    divan::main();
}

fn definition(language: &str) -> String {
    let mut states = String::new();
    for index in 0..20 {
        let next = index + 1;
        let fields = match language {
            "JSONata" => {
                r#""Output":{"id":"{% $states.input.order.id %}","total":"{% $sum($states.input.order.lines.(price * quantity)) %}"}"#
            }
            _ => {
                r#""Parameters":{"id.$":"$.order.id","text.$":"States.Format('order {}', $.order.id)"}"#
            }
        };
        let _ = write!(states, r#""S{index}":{{"Type":"Pass",{fields},"Next":"S{next}"}},"#);
    }
    format!(
        r#"{{"QueryLanguage":"{language}","StartAt":"S0","States":{{{states}"S20":{{"Type":"Succeed"}}}}}}"#
    )
}

fn order() -> Value {
    json!({"order": {"id": "o-1", "lines": [
        {"price": 34.45, "quantity": 2}, {"price": 21.67, "quantity": 1}, {"price": 107.99, "quantity": 3}
    ]}})
}

fn with_scope<R>(input: &Value, run: impl FnOnce(&Scope) -> R) -> R {
    let make = || json!({"Execution": {"Id": "x"}});
    let context = LazyContext::new(&make);
    run(&Scope {
        input,
        context: &context,
        variables: &NoVariables,
        result: None,
        error_output: None,
        moment: Moment { now: Timestamp(0), seed: 1 },
        budget: &Budget::default(),
    })
}

#[divan::bench(args = ["JSONPath", "JSONata"])]
fn parse_and_validate(bencher: Bencher, language: &str) {
    let text = definition(language);
    bencher.bench(|| Definition::parse(&text).expect("valid"));
}

#[divan::bench(args = ["JSONPath", "JSONata"])]
fn template(bencher: Bencher, language: &str) {
    use asl::definition::Flow;
    let definition = Definition::parse(&definition(language)).expect("valid");
    let state = &definition.body.states["S0"];
    assert!(matches!(state.kind, Kind::Pass(_)));
    let template = match &state.flow {
        Flow::JsonPath(flow) => flow.parameters.as_ref(),
        Flow::Jsonata { output, .. } => output.as_ref(),
    }
    .expect("a template");
    let input = order();
    with_scope(&input, |scope| {
        bencher.bench_local(|| template.evaluate(scope, "Output").expect("a value"))
    });
}

#[divan::bench]
fn path(bencher: Bencher) {
    let path = Path::parse("$.order.lines[1].price").expect("a path");
    let input = order();
    with_scope(&input, |scope| {
        bencher.bench_local(|| path.evaluate(scope, "InputPath").expect("a value"))
    });
}

/// The expressions that `beside_jsonata_js.mjs` gives to jsonata-js as well.
fn expressions() -> &'static Value {
    static READ: LazyLock<Value> = LazyLock::new(|| {
        serde_json::from_str(include_str!("jsonata.json")).expect("a file of our own")
    });
    &READ
}

fn numbered() -> Vec<String> {
    let texts = expressions()["expressions"].as_array().expect("expressions");
    texts
        .iter()
        .enumerate()
        .map(|(index, text)| format!("{index}: {}", text.as_str().unwrap_or_default()))
        .collect()
}

#[divan::bench(args = numbered())]
fn jsonata(bencher: Bencher, numbered: &str) {
    let (_, expression) = numbered.split_once(": ").expect("a number");
    let compiled = Jsonata::compile(expression).expect("an expression");
    with_scope(&expressions()["input"], |scope| {
        bencher.bench_local(|| compiled.evaluate(scope, "Output").expect("a value"));
    });
}
