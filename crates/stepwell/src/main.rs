//! Stepwell: AWS Step Functions and SageMaker pipelines on your own machine, in one binary.

mod client;
mod clock;
mod commands;
mod config;
mod elsewhere;
mod examples;
mod folder;
mod log;
mod observe;
mod programs;
mod progress;
mod serve;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use config::ServerFlags;

/// Executions are many small pieces of memory, made and dropped by several threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// AWS Step Functions and SageMaker pipelines on your own machine.
///
/// One server answers boto3, the AWS CLI and the Step Functions and SageMaker SDKs: jobs really train,
/// endpoints really serve, executions survive a crash.
#[derive(Parser)]
#[command(name = "stepwell", version, arg_required_else_help = true, after_long_help = examples::ALL)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve AWS's APIs on one port until SIGTERM or Ctrl-C
    ///
    /// Everything is kept in the data folder; a server killed at any moment goes on where it was when
    /// it is started again. A second server on the same folder is refused.
    #[command(after_long_help = examples::SERVE)]
    Serve(ServerFlags),
    /// Print what a shell or a notebook needs to use the server
    ///
    /// eval "$(stepwell env)" sets the endpoint, dummy credentials and the proxy that the SageMaker
    /// SDKs need, whose STS address is fixed.
    #[command(after_long_help = examples::ENV)]
    Env(commands::env::Flags),
    /// Train, deploy and ask a model with the Bike Sharing data: the product in half a minute
    #[command(after_long_help = examples::DEMO)]
    Demo(commands::demo::Flags),
    /// Run a state machine from a file to its end; its output goes to standard output
    ///
    /// Without --endpoint everything happens in this process. The exit status is 0 when the execution
    /// succeeded, 1 when it did not.
    #[command(after_long_help = examples::RUN)]
    Run(commands::run::Flags),
    /// Start an execution
    #[command(after_long_help = examples::START)]
    Start(commands::start::Flags),
    /// Describe a state machine or an execution
    #[command(after_long_help = examples::DESCRIBE)]
    Describe(commands::describe::Flags),
    /// List state machines, or the executions of one
    #[command(after_long_help = examples::LIST)]
    List(commands::list::Flags),
    /// Show an execution's events
    #[command(after_long_help = examples::HISTORY)]
    History(commands::history::Flags),
    /// Draw a state machine from a file or a server, or an execution
    ///
    /// Boxes and lines in the terminal; SVG, Mermaid or coordinates in a file. A file needs no server.
    #[command(after_long_help = examples::GRAPH)]
    Graph(commands::graph::Flags),
    /// Watch an execution's picture until it ends
    ///
    /// The exit status is 0 when the execution succeeded, 1 when it did not.
    #[command(after_long_help = examples::WATCH)]
    Watch(commands::watch::Flags),
    /// Stop an execution
    #[command(after_long_help = examples::STOP)]
    Stop(commands::stop::Flags),
    /// Show the log of a training or transform job, or of an endpoint
    #[command(after_long_help = examples::LOGS)]
    Logs(commands::logs::Flags),
    /// Check a definition; needs no server
    #[command(after_long_help = examples::VALIDATE)]
    Validate(commands::validate::Flags),
    /// Check that a data folder is whole and agrees with itself; no server may be using it
    ///
    /// Every journal is folded and compared with what is stored beside it, and every object's bytes are
    /// looked for. The exit status is 1 when something is wrong.
    Check(commands::check::Flags),
    /// Copy a data folder as it is at this moment, also while a server uses it
    Backup(commands::backup::Flags),
    /// Make a data folder from a backup
    Restore(commands::restore::Flags),
    /// Try a JSONata expression, a JSONPath or an intrinsic function
    ///
    /// stepwell eval '$sum(orders.price)' --input @orders.json
    Eval(commands::eval::Flags),
    /// Show what a server is doing: executions, commits, tasks, what is slow
    #[command(after_long_help = examples::TOP)]
    Top(commands::top::Flags),
    /// Measure how fast the server is on this machine, next to a hello-world server
    ///
    /// Prints one JSON line for each scenario. Every scenario starts a server of its own, durable as ever,
    /// and throws its data away; with --endpoint it asks one that runs.
    #[command(after_long_help = examples::BENCH)]
    Bench(commands::bench::Flags),
    /// What IAM's policies say about the calls that were made
    Iam(commands::iam::Flags),
    /// Show who called what, when and from where: the audit log, the newest first
    Audit(commands::audit::Flags),
    /// The supervisor of a job (started by the server)
    #[command(hide = true)]
    RunJob { folder: PathBuf },
    /// The worker of a job (started by its supervisor)
    #[command(hide = true)]
    RunWorker { folder: PathBuf },
    /// The process of an endpoint (started by the server)
    #[command(hide = true)]
    RunEndpoint { folder: PathBuf },
}

fn main() -> ExitCode {
    // The allocator asks for huge pages, which would be mostly empty: 18 MiB of a server that does nothing.
    #[cfg(target_os = "linux")]
    let _ = nix::sys::prctl::set_thp_disable(true);
    end_quietly_without_a_reader();
    let result = match Cli::parse().command {
        Command::Serve(flags) => commands::serve::run(&flags),
        Command::Env(flags) => commands::env::run(&flags),
        Command::Demo(flags) => commands::demo::run(&flags),
        Command::Run(flags) => commands::run::run(&flags),
        Command::Start(flags) => commands::start::run(&flags),
        Command::Describe(flags) => commands::describe::run(&flags),
        Command::List(flags) => commands::list::run(&flags),
        Command::History(flags) => commands::history::run(&flags),
        Command::Graph(flags) => commands::graph::run(&flags),
        Command::Watch(flags) => commands::watch::run(&flags),
        Command::Stop(flags) => commands::stop::run(&flags),
        Command::Logs(flags) => commands::logs::run(&flags),
        Command::Validate(flags) => commands::validate::run(&flags),
        Command::Check(flags) => commands::check::run(&flags),
        Command::Backup(flags) => commands::backup::run(&flags),
        Command::Restore(flags) => commands::restore::run(&flags),
        Command::Eval(flags) => commands::eval::run(&flags),
        Command::Top(flags) => commands::top::run(&flags),
        Command::Bench(flags) => commands::bench::run(&flags),
        Command::Iam(flags) => commands::iam::run(&flags),
        Command::Audit(flags) => commands::audit::run(&flags),
        Command::RunJob { folder } => commands::run_job::supervise(&folder),
        Command::RunWorker { folder } => commands::run_job::work(&folder),
        Command::RunEndpoint { folder } => commands::run_endpoint::run(&folder),
    };
    result.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        if let Some(stepwell_sdk::Error::Transport { .. }) = error.downcast_ref() {
            eprintln!("Is a server running? `stepwell serve` starts one; `--endpoint URL` says where it is.");
        }
        ExitCode::from(2)
    })
}

/// A reader that has seen enough (`stepwell list | head`) is no error: `println!` would tell of a panic.
fn end_quietly_without_a_reader() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let text = panic.payload().downcast_ref::<String>().map_or("", String::as_str);
        if text.starts_with("failed printing to stdout") && text.contains("Broken pipe") {
            std::process::exit(0);
        }
        usual(panic);
    }));
}
