//! What the server tells a child process, and what it hears of its end. Files in the job's folder.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// `job.json`: what a job's processes need to know.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct JobSpec {
    /// What is to be done.
    pub work: Work,
    /// The image that was asked for.
    pub image: String,
    /// How many CPUs it may use.
    pub cpus: usize,
    /// Its log: lines of `<epoch milliseconds>\t<text>`.
    pub log: PathBuf,
    /// Seconds until it is ended.
    pub max_runtime_seconds: u64,
    /// Environment variables of the user's.
    pub environment: Vec<(String, String)>,
}

/// The kinds of job.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Work {
    /// Train under `ml/` (the container's `/opt/ml`).
    Train,
    /// Predict: `input/` to `output/`, with the model in `model/`.
    Transform(super::transform::Transform),
}

/// `endpoint.json`: what the process of a production variant needs to know.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EndpointSpec {
    /// The image that was asked for.
    pub image: String,
    /// The unpacked artifact.
    pub model: PathBuf,
    /// Environment variables of the model.
    pub environment: Vec<(String, String)>,
    /// Requests must carry it.
    pub secret: String,
}

/// `exit.json`: how a job's process ended, written by its supervisor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Exit {
    /// The exit code, if it ended by itself.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// Milliseconds.
    pub started_at: i64,
    /// Milliseconds.
    pub ended_at: i64,
    /// Its time was up.
    pub out_of_time: bool,
    /// It was asked to stop.
    pub stopped: bool,
}

/// `supervisor.json`: which process watches the job. The start time tells it from a later process of the same number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Supervisor {
    /// Its process number.
    pub pid: i32,
    /// Its start time, as the operating system counts it.
    pub start: u64,
    /// The process group of the worker.
    pub worker_group: Option<i32>,
}

/// The line an endpoint's process prints once it listens: this, a space, the port.
pub const LISTENING: &str = "listening";

/// The exit code of a job that could not begin (no library, unreadable folder): the platform's fault.
pub const EXIT_PLATFORM: i32 = 70;

/// Reads one of these files.
pub fn read<T: serde::de::DeserializeOwned>(folder: &Path, name: &str) -> std::io::Result<T> {
    let bytes = std::fs::read(folder.join(name))?;
    serde_json::from_slice(&bytes).map_err(std::io::Error::other)
}

/// Writes one of these files so that a reader sees all of it or none, also after a crash.
pub fn write<T: Serialize>(folder: &Path, name: &str, value: &T) -> std::io::Result<()> {
    use std::io::Write;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(&serde_json::to_vec(value).map_err(std::io::Error::other)?)?;
    file.as_file().sync_all()?;
    file.persist(folder.join(name)).map_err(|error| error.error)?;
    std::fs::File::open(folder)?.sync_all()
}

/// When a process was started, as the operating system counts it; none when there is no such process.
pub fn process_start(pid: i32) -> Option<u64> {
    #[cfg(target_os = "linux")]
    {
        // Field 22 of /proc/PID/stat; the second one, the name, may hold blanks and parentheses.
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let rest = stat.rsplit_once(") ")?.1;
        let mut fields = rest.split(' ');
        if fields.next()? == "Z" {
            return None;
        }
        fields.nth(18)?.parse().ok()
    }
    #[cfg(not(target_os = "linux"))]
    {
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), None).ok().map(|()| 0)
    }
}
