//! Runs jobs and endpoints: wakes a driver for each, starts their processes, finds them again after a restart.
//!
//! The only place that starts a process. A job's process is watched by a small supervisor of our own
//! binary (`stepwell run-job FOLDER`), which outlives the server and writes `exit.json`; an endpoint's
//! process (`stepwell run-endpoint FOLDER`) ends with the server, when its standard input closes.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::process::{Child, Command};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::endpoint::Endpoint;
use super::hosting::Hosts;
use super::job_spec::{self, Exit, Supervisor};
use super::resource;
use super::traffic::Traffic;
use super::training_job::TrainingJob;
use super::transform_job::TransformJob;
use super::{hosting, train, transform};
use crate::{Context, Error};

/// What the binary brings: which images it can run, and itself.
pub trait Programs: Send + Sync + 'static {
    /// What runs the image, if anything built in does.
    fn image(&self, image: &str) -> Option<Image>;
    /// Our own executable; `run-job FOLDER` and `run-endpoint FOLDER` are its words.
    fn executable(&self) -> PathBuf;
    /// What its children are told by environment variables.
    fn environment(&self) -> Vec<(String, String)>;
}

/// An image that is built in.
#[derive(Clone, Debug, PartialEq)]
pub struct Image {
    /// `xgboost`.
    pub algorithm: String,
    /// Metrics read from the job's log: name and regular expression, as CreateTrainingJob's MetricDefinitions.
    pub metrics: Vec<(String, String)>,
}

/// How much runs at once.
#[derive(Clone, Copy, Debug)]
pub struct Capacity {
    /// Jobs that run at the same time; the others wait in `Starting`.
    pub jobs: usize,
    /// CPUs that one job may use.
    pub cpus_per_job: usize,
}

/// Jobs and endpoints of this server. Part of [`Context`].
pub struct Runner {
    /// What the binary brings.
    pub programs: Arc<dyn Programs>,
    /// How much runs at once.
    pub capacity: Capacity,
    /// Endpoints that serve.
    pub hosts: Hosts,
    /// What endpoints are asked.
    pub traffic: Traffic,
    /// How endpoints' processes are asked.
    pub http: EndpointClient,
    slots: Arc<Semaphore>,
    waiting: AtomicUsize,
    kept_places: Mutex<HashMap<String, OwnedSemaphorePermit>>,
    interrupts: Mutex<HashMap<String, Arc<Notify>>>,
    wake: mpsc::UnboundedSender<Work>,
    inbox: Mutex<Option<mpsc::UnboundedReceiver<Work>>>,
    shutdown: CancellationToken,
}

/// Asks endpoints' processes; bodies stream.
pub type EndpointClient = hyper_util::client::legacy::Client<
    hyper_util::client::legacy::connect::HttpConnector,
    http_body_util::combinators::UnsyncBoxBody<bytes::Bytes, std::io::Error>,
>;

/// What the runner is woken for: the key of a record.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Work {
    /// A training job to be run.
    Training(String),
    /// A transform job to be run.
    Transform(String),
    /// An endpoint to be brought up and kept.
    Endpoint(String),
}

/// One more waits, until this is dropped.
struct Waits<'a>(&'a AtomicUsize);

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Runner {
    /// A runner that runs nothing until [`run`] is called.
    pub fn new(programs: Arc<dyn Programs>, capacity: Capacity) -> Runner {
        let (wake, inbox) = mpsc::unbounded_channel();
        Runner {
            programs,
            capacity,
            hosts: Hosts::default(),
            traffic: Traffic::default(),
            http: hyper_util::client::legacy::Client::builder(hyper_util::rt::TokioExecutor::new())
                .build_http(),
            slots: Arc::new(Semaphore::new(capacity.jobs.max(1))),
            waiting: AtomicUsize::new(0),
            kept_places: Mutex::default(),
            interrupts: Mutex::default(),
            wake,
            inbox: Mutex::new(Some(inbox)),
            shutdown: CancellationToken::new(),
        }
    }

    /// Has a new job or endpoint driven.
    pub fn wake(&self, work: Work) {
        // The receiver is gone only when the server is going down: the next start finds the record.
        let _ = self.wake.send(work);
    }

    /// Tells the driver of the record `key` to look at it again (a stop, an update, a deletion).
    pub fn interrupt(&self, key: &str) {
        self.bell(key).notify_one();
    }

    /// What [`Runner::interrupt`] rings.
    pub(super) fn bell(&self, key: &str) -> Arc<Notify> {
        let mut bells = self.interrupts.lock().unwrap_or_else(PoisonError::into_inner);
        bells.entry(key.to_owned()).or_default().clone()
    }

    pub(super) fn forget(&self, key: &str) {
        self.interrupts.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }

    /// Waits for a free place among the jobs.
    pub(super) async fn slot(&self) -> Option<OwnedSemaphorePermit> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let _waits = Waits(&self.waiting);
        self.slots.clone().acquire_owned().await.ok()
    }

    /// How many jobs run, and how many wait for a place.
    pub fn counts(&self) -> (usize, usize) {
        let running = self.capacity.jobs.max(1).saturating_sub(self.slots.available_permits());
        (running, self.waiting.load(Ordering::Relaxed))
    }

    /// Keeps a place for a job that an earlier server left running, before others can take it. Without
    /// a free one the job runs beside them.
    fn keep_place(&self, key: &str) {
        if let Ok(place) = self.slots.clone().try_acquire_owned() {
            let mut kept = self.kept_places.lock().unwrap_or_else(PoisonError::into_inner);
            kept.insert(key.to_owned(), place);
        }
    }

    /// The place that was kept for a job that runs already.
    pub(super) fn kept_place(&self, key: &str) -> Option<OwnedSemaphorePermit> {
        self.kept_places.lock().unwrap_or_else(PoisonError::into_inner).remove(key)
    }

    /// Ends endpoints and stops driving; jobs' processes go on and are adopted by the next start.
    pub fn shut_down(&self) {
        self.shutdown.cancel();
    }

    pub(super) fn going_down(&self) -> CancellationToken {
        self.shutdown.clone()
    }
}

/// Drives every job and endpoint until [`Runner::shut_down`]. Those that an earlier server left are taken up first.
pub async fn run(context: Arc<Context>) -> Result<(), Error> {
    let runner = context.sagemaker.clone();
    let inbox = runner.inbox.lock().unwrap_or_else(PoisonError::into_inner).take();
    let Some(mut inbox) = inbox else { return Ok(()) };
    let mut drivers = JoinSet::new();
    let mut driven = HashMap::new();
    for work in left_over(&context).await? {
        start(&context, &mut drivers, &mut driven, work);
    }
    loop {
        tokio::select! {
            biased;
            () = runner.shutdown.cancelled() => break,
            Some(work) = inbox.recv() => start(&context, &mut drivers, &mut driven, work),
            Some(done) = drivers.join_next_with_id(), if !drivers.is_empty() => {
                let id = match &done { Ok((id, ())) => *id, Err(error) => error.id() };
                driven.retain(|_, driver| *driver != id);
            }
        }
    }
    // Endpoints say goodbye to their processes; a job's driver is dropped, its process is not.
    runner.hosts.stop_all().await;
    drivers.shutdown().await;
    Ok(())
}

/// Ends the processes of every job that has not ended, and waits for them: for those who leave nothing behind.
pub async fn end_all(context: &Context) -> Result<(), Error> {
    let jobs = resource::all::<TrainingJob>(context).await?;
    let training =
        jobs.into_iter().filter(|job| !job.value.progress.ended()).map(|job| job.value.folder);
    let jobs = resource::all::<TransformJob>(context).await?;
    let transform =
        jobs.into_iter().filter(|job| !job.value.progress.ended()).map(|job| job.value.folder);
    for name in training.chain(transform) {
        let folder = super::jobs::folder(context, &name);
        let ended = async {
            ask_to_stop(&folder).await;
            wait_for(&folder, None).await
        };
        ended.await.map_err(|error| super::jobs::disk(&folder, &error))?;
    }
    Ok(())
}

async fn left_over(context: &Context) -> Result<Vec<Work>, Error> {
    let mut work = Vec::new();
    for stored in resource::all::<TrainingJob>(context).await? {
        if !stored.value.progress.ended() {
            keep_place_of_running(context, &stored.key, &stored.value.folder);
            work.push((stored.value.progress.created_at, Work::Training(stored.key)));
        }
    }
    for stored in resource::all::<TransformJob>(context).await? {
        if !stored.value.progress.ended() {
            keep_place_of_running(context, &stored.key, &stored.value.folder);
            work.push((stored.value.progress.created_at, Work::Transform(stored.key)));
        }
    }
    for stored in resource::all::<Endpoint>(context).await? {
        work.push((stored.value.created_at, Work::Endpoint(stored.key)));
    }
    work.sort_by_key(|(created_at, _)| *created_at);
    Ok(work.into_iter().map(|(_, work)| work).collect())
}

fn keep_place_of_running(context: &Context, key: &str, folder: &str) {
    let folder = super::jobs::folder(context, folder);
    if folder.join(CLAIM).exists() && matches!(claim(&folder), Ok(None)) {
        context.sagemaker.keep_place(key);
    }
}

fn start(
    context: &Arc<Context>,
    drivers: &mut JoinSet<()>,
    driven: &mut HashMap<Work, tokio::task::Id>,
    work: Work,
) {
    if driven.contains_key(&work) {
        return;
    }
    let context = context.clone();
    let driver = match work.clone() {
        Work::Training(key) => drivers
            .spawn(persist(context, key, |context, key| Box::pin(train::drive(context, key)))),
        Work::Transform(key) => drivers
            .spawn(persist(context, key, |context, key| Box::pin(transform::drive(context, key)))),
        Work::Endpoint(key) => drivers
            .spawn(persist(context, key, |context, key| Box::pin(hosting::drive(context, key)))),
    };
    driven.insert(work, driver.id());
}

type Drive =
    for<'a> fn(&'a Arc<Context>, &'a str) -> futures::future::BoxFuture<'a, Result<(), Error>>;

/// Drives again when the store refused (a full disk): nothing is lost, the record says where to go on.
async fn persist(context: Arc<Context>, key: String, drive: Drive) {
    const PAUSE: Duration = Duration::from_secs(1);
    while let Err(error) = drive(&context, &key).await {
        tracing::error!(key, %error, "cannot go on with a job or endpoint; trying again");
        tokio::time::sleep(PAUSE).await;
    }
    context.sagemaker.forget(&key);
}

/// The right to start a job's supervisor, which inherits it: a lock that is held as long as either lives.
/// So there is no moment at which a new server could take a job for one that nobody runs.
pub(super) struct Claim(std::fs::File);

/// The name of the file that is locked, in the job's folder.
pub(super) const CLAIM: &str = "claim";

/// Claims a job; none when its supervisor is alive.
pub(super) fn claim(folder: &Path) -> std::io::Result<Option<Claim>> {
    std::fs::create_dir_all(folder)?;
    let path = folder.join(CLAIM);
    let file = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(Claim(file))),
        Err(std::fs::TryLockError::WouldBlock) => Ok(None),
        Err(std::fs::TryLockError::Error(error)) => Err(error),
    }
}

/// Starts the supervisor of a job.
pub(super) fn start_job(runner: &Runner, folder: &Path, claim: Claim) -> std::io::Result<Child> {
    let errors = std::fs::File::create(folder.join("supervisor.log"))?;
    Command::new(runner.programs.executable())
        .arg("run-job")
        .arg(folder)
        .envs(runner.programs.environment())
        // It reads nothing: the open file carries the lock.
        .stdin(claim.0)
        .stdout(Stdio::null())
        .stderr(errors)
        .kill_on_drop(false)
        .spawn()
}

/// Starts the process of a production variant. It prints [`job_spec::LISTENING`] and ends when its input closes.
pub(super) fn start_endpoint(runner: &Runner, folder: &Path, log: &Path) -> std::io::Result<Child> {
    let errors = std::fs::OpenOptions::new().create(true).append(true).open(log)?;
    Command::new(runner.programs.executable())
        .arg("run-endpoint")
        .arg(folder)
        .envs(runner.programs.environment())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(errors)
        // The terminal's Ctrl-C is for the server; a process that it ended would look like a bad model.
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
}

/// The supervisor of a job, if it is still running and has said who it is.
fn supervisor_of(folder: &Path) -> Option<Supervisor> {
    let supervisor: Supervisor = job_spec::read(folder, "supervisor.json").ok()?;
    (job_spec::process_start(supervisor.pid) == Some(supervisor.start)).then_some(supervisor)
}

/// The supervisor of a job, if it is still running. One that was just started needs a moment to say who it is.
async fn introduced(folder: &Path) -> std::io::Result<Option<Supervisor>> {
    const LOOK: Duration = Duration::from_millis(10);
    loop {
        if let Some(supervisor) = supervisor_of(folder) {
            return Ok(Some(supervisor));
        }
        if !folder.join(CLAIM).exists() || claim(folder)?.is_some() {
            return Ok(None);
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Waits until the supervisor has ended; its own child is reaped, an adopted one is watched.
pub(super) async fn wait_for(folder: &Path, child: Option<Child>) -> std::io::Result<Option<Exit>> {
    match child {
        Some(mut child) => {
            child.wait().await?;
        }
        None => {
            if let Some(supervisor) = introduced(folder).await? {
                watch(supervisor).await?;
            }
        }
    }
    Ok(job_spec::read(folder, "exit.json").ok())
}

/// Waits for the end of a process that is not our child: by its file descriptor where the system has them.
async fn watch(supervisor: Supervisor) -> std::io::Result<()> {
    #[cfg(target_os = "linux")]
    if let Some(pid) = rustix::process::Pid::from_raw(supervisor.pid)
        && let Ok(descriptor) = rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty())
        // It may have ended between the look and the open, and its number be another's.
        && job_spec::process_start(supervisor.pid) == Some(supervisor.start)
    {
        let (ended, end) = tokio::sync::oneshot::channel();
        // A thread of its own: it may wait for hours, and must not hold the runtime's end.
        std::thread::spawn(move || {
            let mut watched =
                [rustix::event::PollFd::new(&descriptor, rustix::event::PollFlags::IN)];
            while let Err(rustix::io::Errno::INTR) = rustix::event::poll(&mut watched, None) {}
            let _ = ended.send(());
        });
        return end.await.map_err(std::io::Error::other);
    }
    const LOOK: Duration = Duration::from_millis(100);
    while job_spec::process_start(supervisor.pid) == Some(supervisor.start) {
        tokio::time::sleep(LOOK).await;
    }
    Ok(())
}

/// Asks a job to end: its supervisor hands the signal to the worker, and kills it if it does not go.
pub(super) async fn ask_to_stop(folder: &Path) {
    if let Ok(Some(supervisor)) = introduced(folder).await {
        let pid = nix::unistd::Pid::from_raw(supervisor.pid);
        let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM);
    }
}

/// Ends the worker of a supervisor that died without a word, so that two never work in one folder.
pub(super) async fn end_orphan(folder: &Path) {
    const LOOK: Duration = Duration::from_millis(10);
    let Ok(supervisor) = job_spec::read::<Supervisor>(folder, "supervisor.json") else { return };
    let Some(group) = supervisor.worker_group else { return };
    while worker_runs_in(group, folder) && job_spec::process_start(group).is_some() {
        let _ = nix::sys::signal::killpg(
            nix::unistd::Pid::from_raw(group),
            nix::sys::signal::Signal::SIGKILL,
        );
        tokio::time::sleep(LOOK).await;
    }
}

/// Whether the leader of the group is a process with this folder on its command line: numbers are used again.
fn worker_runs_in(group: i32, folder: &Path) -> bool {
    let line = std::fs::read(format!("/proc/{group}/cmdline")).unwrap_or_default();
    line.split(|byte| *byte == 0).any(|word| word == folder.as_os_str().as_encoded_bytes())
}
