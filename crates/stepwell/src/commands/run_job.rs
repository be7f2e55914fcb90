//! `run-job` and `run-worker`: the two processes of a training or transform job.
//!
//! `run-job FOLDER` is the supervisor: in a session of its own, so that it outlives the server, it starts
//! the worker, writes its output into the log with times, ends it when its time is up or it is asked to,
//! and writes how it ended. `run-worker FOLDER` does the work, and may crash.

use std::io::Write;
use std::path::Path;
use std::process::{ExitCode, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use algorithms::xgboost;
use anyhow::Context as _;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use services::sagemaker::Outcome;
use services::sagemaker::job_spec::{self, EXIT_PLATFORM, Exit, JobSpec, Supervisor, Work};
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};

use crate::clock;
use crate::programs::{self, XGBOOST_EXACT};

/// How long a job may take to end once it was asked to, as SageMaker gives containers.
const GRACE: Duration = Duration::from_secs(120);

/// Watches the job in `folder` to its end.
#[tokio::main(flavor = "current_thread")]
pub async fn supervise(folder: &Path) -> anyhow::Result<ExitCode> {
    // The terminal's Ctrl-C and hang-up are meant for the server.
    let _ = nix::unistd::setsid();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let spec: JobSpec = job_spec::read(folder, "job.json").context("cannot read job.json")?;
    let mut log = std::fs::OpenOptions::new().create(true).append(true).open(&spec.log)?;
    let started_at = clock::now().0;
    let (mut reader, writer) = std::io::pipe()?;
    let mut worker = Command::new(std::env::current_exe()?)
        .arg("run-worker")
        .arg(folder)
        .envs(spec.environment.iter().map(|(name, value)| (name, value)))
        .env("OMP_NUM_THREADS", spec.cpus.to_string())
        .stdin(Stdio::null())
        .stdout(writer.try_clone()?)
        .stderr(writer)
        .process_group(0)
        .spawn()
        .context("cannot start the worker")?;
    let group = worker.id().and_then(|id| i32::try_from(id).ok());
    let pid = i32::try_from(std::process::id())?;
    let start = job_spec::process_start(pid).unwrap_or_default();
    job_spec::write(folder, "supervisor.json", &Supervisor { pid, start, worker_group: group })?;
    // Lines are copied by a thread: what the worker left in the pipe is read to its end.
    let lines = std::thread::spawn(move || copy_lines(&mut reader, &mut log));
    let limit = tokio::time::sleep(Duration::from_secs(spec.max_runtime_seconds));
    tokio::pin!(limit);
    let (mut out_of_time, mut stopped) = (false, false);
    let status = loop {
        tokio::select! {
            status = worker.wait() => break status?,
            () = &mut limit, if !out_of_time && !stopped => out_of_time = true,
            _ = terminate.recv() => stopped = true,
            _ = interrupt.recv() => stopped = true,
        }
        if out_of_time || stopped {
            break end(&mut worker, group).await?;
        }
    };
    if let Some(group) = group {
        // Whatever the worker left behind ends with it.
        let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
    }
    let _ = lines.join();
    write_patiently(folder, "exit.json", &exit(status, started_at, out_of_time, stopped))?;
    Ok(ExitCode::SUCCESS)
}

/// Writes a last word. On a full disk it waits for space: without the word, the job would be begun again
/// or fail without a reason.
fn write_patiently(folder: &Path, name: &str, word: &impl serde::Serialize) -> anyhow::Result<()> {
    while let Err(error) = job_spec::write(folder, name, word) {
        if error.kind() != std::io::ErrorKind::StorageFull {
            return Err(error).with_context(|| format!("cannot write {name}"));
        }
        std::thread::sleep(Duration::from_millis(500));
    }
    Ok(())
}

/// Asks the worker's whole group to end, then makes it.
async fn end(worker: &mut Child, group: Option<i32>) -> anyhow::Result<ExitStatus> {
    let send = |signal| group.map(|group| killpg(Pid::from_raw(group), signal));
    send(Signal::SIGTERM);
    match tokio::time::timeout(GRACE, worker.wait()).await {
        Ok(status) => Ok(status?),
        Err(_) => {
            send(Signal::SIGKILL);
            Ok(worker.wait().await?)
        }
    }
}

fn exit(status: ExitStatus, started_at: i64, out_of_time: bool, stopped: bool) -> Exit {
    use std::os::unix::process::ExitStatusExt;
    Exit {
        code: status.code(),
        signal: status.signal(),
        started_at,
        ended_at: clock::now().0,
        out_of_time,
        stopped,
    }
}

/// Each line with the time it came.
fn copy_lines(from: &mut impl std::io::Read, to: &mut impl Write) -> std::io::Result<()> {
    use std::io::BufRead;
    let mut lines = std::io::BufReader::new(from);
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line)? > 0 {
        let text = String::from_utf8_lossy(&line);
        // One write a line: readers see whole lines. A line that finds no space is lost; if we stopped
        // reading, the worker would break on its closed output.
        let _ = to.write_all(format!("{}\t{}\n", clock::now().0, text.trim_end()).as_bytes());
        line.clear();
    }
    Ok(())
}

/// Does the work of the job in `folder`.
#[tokio::main(flavor = "multi_thread", worker_threads = 1)]
pub async fn work(folder: &Path) -> anyhow::Result<ExitCode> {
    let stop = Arc::new(AtomicBool::new(false));
    let (asked, mut terminate) = (stop.clone(), signal(SignalKind::terminate())?);
    tokio::spawn(async move {
        while terminate.recv().await.is_some() {
            asked.store(true, Ordering::Release);
        }
    });
    let spec: JobSpec = match job_spec::read(folder, "job.json") {
        Ok(spec) => spec,
        Err(error) => return finish(folder, platform(format!("cannot read the job: {error}"))),
    };
    let folder = folder.to_owned();
    let result = match &spec.work {
        Work::Train => {
            let (folder, image, cpus) = (folder.clone(), spec.image.clone(), spec.cpus);
            tokio::task::spawn_blocking(move || train(&folder, &image, cpus, &stop)).await?
        }
        Work::Transform(transform) => {
            let (folder, spec, transform) = (folder.clone(), spec.clone(), transform.clone());
            tokio::task::spawn_blocking(move || {
                super::run_endpoint::transform(&folder, &spec, &transform, &stop)
            })
            .await?
        }
    };
    finish(&folder, result)
}

/// What a worker comes to: final metrics, or whose fault it is and why.
pub type Worked = Result<Vec<(String, f64)>, algorithms::Failure>;

fn platform(text: String) -> Worked {
    Err(algorithms::Failure::platform(text))
}

fn train(folder: &Path, image: &str, cpus: usize, stop: &AtomicBool) -> Worked {
    let found = algorithms::for_image(image).ok_or_else(|| {
        algorithms::Failure::user(format!("no built-in algorithm runs the image {image}"))
    })?;
    let job = xgboost::TrainJob {
        root: folder.join("ml"),
        libraries: xgboost::find(&programs::xgboost_candidates()),
        series: found.series,
        exact: exact(),
        cpus,
        stop,
    };
    Ok(xgboost::train(&job, &mut std::io::stdout())?.metrics)
}

/// Whether another version than the one wanted is refused.
pub fn exact() -> bool {
    std::env::var_os(XGBOOST_EXACT).is_some_and(|value| !value.is_empty())
}

/// Writes `result.json`; the exit code says the rest.
fn finish(folder: &Path, worked: Worked) -> anyhow::Result<ExitCode> {
    let (outcome, code) = match worked {
        Ok(metrics) => (Outcome { class: String::new(), failure: None, metrics }, 0),
        Err(failure) => {
            let code = match failure.class {
                algorithms::Class::Platform => EXIT_PLATFORM,
                _ => algorithms::Failure::EXIT_CODE,
            };
            let outcome = Outcome {
                class: failure.prefix().to_owned(),
                failure: Some(failure.message),
                metrics: Vec::new(),
            };
            (outcome, code)
        }
    };
    write_patiently(folder, "result.json", &outcome)?;
    Ok(ExitCode::from(u8::try_from(code)?))
}
