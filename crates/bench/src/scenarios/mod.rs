//! What is measured; a file for each kind.

mod closed;
mod distributed_map;
mod express;
mod flood;
pub mod hello;
mod linear;
mod map;
mod memory;
mod restart;
mod waiting;

use std::future::Future;
use std::pin::Pin;

use serde_json::{Value, json};

use crate::machines::chain;
use crate::{Options, Server};

/// One thing to measure.
pub struct Scenario {
    /// Its name on the command line and in its result.
    pub name: &'static str,
    /// What it is, for people.
    pub about: &'static str,
    /// Whether it is measured when nothing is named.
    pub usual: bool,
    run: for<'a> fn(&'a Options) -> Measured<'a>,
}

type Measured<'a> = Pin<Box<dyn Future<Output = anyhow::Result<Value>> + 'a>>;

macro_rules! scenario {
    ($name:literal, $usual:literal, $about:literal, $run:expr) => {
        Scenario {
            name: $name,
            about: $about,
            usual: $usual,
            run: |options| Box::pin(async move { ($run)(options).await }),
        }
    };
}

/// All there are; one line each.
#[rustfmt::skip]
pub static SCENARIOS: &[Scenario] = &[
    scenario!("hello", true, "a hello-world server: what the machine and the generator can", hello::measure),
    scenario!("s1", true, "StartExecution of one Pass state", |o| flood::measure(o, chain(1, false), 1, false)),
    scenario!("s2", true, "StartExecution of ten Pass states", |o| flood::measure(o, chain(10, false), 10, false)),
    scenario!("s2-closed", true, "the same, each seen to its end before the next", |o| closed::measure(o, chain(10, false), 10)),
    scenario!("s3", true, "an inline Map over 1,000 items of two states", map::measure),
    scenario!("s4", true, "StartSyncExecution, Express, six states", express::measure),
    scenario!("s5", true, "ten states with JSONata", |o| flood::measure(o, chain(10, true), 10, true)),
    scenario!("s6", true, "ready, memory, disk: 100,000 executions of ten states", memory::measure),
    scenario!("s7", true, "100 executions of a 20 s Wait, killed after 5 s", restart::measure),
    scenario!("s7-start", false, "the first half of s7, against a server that somebody else kills", restart::start),
    scenario!("s7-check", false, "the second half of s7, after the restart", restart::check),
    scenario!("map", true, "a Distributed Map over 1,000,000 lines, Express children of two states", distributed_map::measure),
    scenario!("linear", false, "s1 and s2, before and after 1,000,000 executions", linear::measure),
    scenario!("waiting", false, "1,000,000 executions that wait: memory, and a restart", waiting::measure),
];

/// Measures the scenario of this name. Its result says what went wrong, if something did.
///
/// # Errors
/// There is no such scenario, or it could not even begin.
pub async fn run(name: &str, options: &Options) -> anyhow::Result<Value> {
    let Some(scenario) = SCENARIOS.iter().find(|scenario| scenario.name == name) else {
        let known: Vec<&str> = SCENARIOS.iter().map(|scenario| scenario.name).collect();
        anyhow::bail!("there is no scenario `{name}`; there are {}", known.join(", "));
    };
    let mut result = json!({"scenario": name, "clients": options.clients});
    let measured = (scenario.run)(options).await?;
    for (key, value) in measured.as_object().into_iter().flatten() {
        result[key] = value.clone();
    }
    Ok(result)
}

/// Makes a state machine of a name that is not in use; its ARN.
async fn create(
    server: &Server,
    name: &str,
    definition: &Value,
    kind: &str,
) -> anyhow::Result<String> {
    let request = json!({
        "name": format!("bench-{name}-{}", unique()),
        "definition": definition.to_string(),
        "roleArn": server.role(),
        "type": kind,
    });
    let made = server.connection().ask("CreateStateMachine", &request).await?;
    Ok(made["stateMachineArn"].as_str().unwrap_or_default().to_owned())
}

/// Tells this run from others against the same server.
fn unique() -> u128 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| since.as_micros())
}

/// A request to start an execution.
fn start(arn: &str, name: &str, input: &Value) -> String {
    json!({"stateMachineArn": arn, "name": name, "input": input.to_string()}).to_string()
}

/// To so many digits behind the point.
fn round(number: f64, digits: i32) -> f64 {
    let scale = 10f64.powi(digits);
    (number * scale).round() / scale
}
