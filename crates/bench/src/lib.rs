//! Load for a server that speaks Step Functions' wire protocol, and what came of it as one JSON object
//! a scenario.
//!
//! Every client is a keep-alive connection that asks again when it was answered (a closed loop), with
//! requests signed as AWS's SDKs sign them. Rates depend on the machine and on who else uses it, so they
//! are told with those of a hello-world server that the same generator asked right before
//! ([`hello`](scenarios::hello)), and with the CPU time that the server's processes took for one
//! execution, which other load moves least.

#![expect(clippy::disallowed_methods, reason = "measuring is asking the time")]

mod connection;
mod latency;
mod load;
mod machines;
mod process;
pub mod scenarios;
mod server;

pub use scenarios::{SCENARIOS, Scenario, run};
pub use server::{Given, Keys, Server};

use std::path::PathBuf;

/// How to measure.
#[derive(Clone, Debug)]
pub struct Options {
    /// Clients that ask at the same time.
    pub clients: usize,
    /// How long a loop lasts.
    pub seconds: f64,
    /// How many executions a scenario starts that goes by number; none: its own number.
    pub count: Option<u64>,
    /// The program that serves: `PROGRAM serve …`, and `PROGRAM bench --serve-hello` for the baseline.
    pub program: PathBuf,
    /// Where servers that are started here keep their data.
    pub folder: PathBuf,
    /// A server that runs already.
    pub given: Option<Given>,
    /// What becomes of calls that IAM's policies do not allow, as `serve --iam` has it; none: the default.
    pub iam: Option<String>,
    /// Where scenarios that come in two parts keep what the second has to know.
    pub state: PathBuf,
}
