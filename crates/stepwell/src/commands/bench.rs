//! `stepwell bench`.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, ValueEnum as _};

use crate::config::IamMode;

/// Flags of `bench`.
#[derive(Args)]
pub struct Flags {
    /// What to measure; without it, hello s1 s2 s2-closed s3 s4 s5 s6 s7 map
    scenarios: Vec<String>,
    /// Show what can be measured
    #[arg(long)]
    list: bool,
    /// A server that runs already [default: one is started for each scenario, on a folder of its own];
    /// AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN sign, if they are set
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,
    /// The process of that server, for CPU time and memory
    #[arg(long, value_name = "PID", requires = "endpoint")]
    pid: Option<u32>,
    /// What becomes of calls that IAM's policies do not allow [default: as serve has it]
    #[arg(long, value_enum, value_name = "MODE", conflicts_with = "endpoint")]
    iam: Option<IamMode>,
    /// Clients that ask at the same time
    #[arg(long, value_name = "N", default_value_t = 32)]
    clients: usize,
    /// How long a loop lasts
    #[arg(long, value_name = "SECONDS", default_value_t = 10.0)]
    seconds: f64,
    /// How many executions (or items) instead
    #[arg(long, value_name = "N")]
    count: Option<u64>,
    /// Where the servers that are started keep their data [default: the system's temporary folder]
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
    /// Threads of the generator; one leaves the others to the server
    #[arg(long, value_name = "N", default_value_t = 1)]
    threads: usize,
    /// Where s7-start tells s7-check what it started
    #[arg(long, value_name = "FILE", default_value = "stepwell-bench-s7.json")]
    state: PathBuf,
    /// Serve the baseline (started by the command itself)
    #[arg(long, hide = true, value_name = "ADDRESS")]
    serve_hello: Option<String>,
}

/// Measures, and prints one JSON line a scenario.
pub fn run(flags: &Flags) -> anyhow::Result<ExitCode> {
    if flags.list {
        for scenario in bench::SCENARIOS {
            println!("{:10} {}", scenario.name, scenario.about);
        }
        return Ok(ExitCode::SUCCESS);
    }
    let mut runtime = match flags.threads {
        0 | 1 => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    let runtime = runtime.worker_threads(flags.threads.max(1)).enable_all().build()?;
    if let Some(address) = &flags.serve_hello {
        runtime.block_on(bench::scenarios::hello::serve(address))?;
    }
    let usual = bench::SCENARIOS.iter().filter(|scenario| scenario.usual);
    let named = match flags.scenarios.is_empty() {
        true => usual.map(|scenario| scenario.name.to_owned()).collect(),
        false => flags.scenarios.clone(),
    };
    let options = options(flags)?;
    let mut failed = false;
    for name in named {
        let line = runtime.block_on(bench::run(&name, &options));
        failed |= line.is_err();
        let line = line.unwrap_or_else(
            |error| serde_json::json!({"scenario": name, "error": format!("{error:#}")}),
        );
        // A reader that has seen enough (head) is no error.
        let _ = writeln!(std::io::stdout(), "{line}");
    }
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Those of the environment, as AWS's clients take them.
fn keys() -> Option<bench::Keys> {
    let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    Some(bench::Keys {
        id: variable("AWS_ACCESS_KEY_ID")?,
        secret: variable("AWS_SECRET_ACCESS_KEY")?,
        session_token: variable("AWS_SESSION_TOKEN"),
    })
}

fn options(flags: &Flags) -> anyhow::Result<bench::Options> {
    let given = flags.endpoint.as_ref().map(|endpoint| {
        let address = endpoint
            .strip_prefix("http://")
            .with_context(|| format!("the endpoint `{endpoint}` does not begin with http://"))?;
        let address = address.trim_end_matches('/').to_owned();
        anyhow::Ok(bench::Given { address, process: flags.pid, keys: keys() })
    });
    Ok(bench::Options {
        clients: flags.clients,
        seconds: flags.seconds,
        count: flags.count,
        program: std::env::current_exe()?,
        folder: flags.folder.clone().unwrap_or_else(std::env::temp_dir),
        given: given.transpose()?,
        iam: flags.iam.and_then(|mode| Some(mode.to_possible_value()?.get_name().to_owned())),
        state: flags.state.clone(),
    })
}
