//! Keeps endpoints serving: a process per production variant, started again when it dies, replaced
//! without a gap when the endpoint is updated, ended when it is deleted.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU16, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, RwLock};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Child;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::endpoint::{Deployed, Deployment, Endpoint};
use super::endpoint_config::Variant;
use super::job_spec::{self, EndpointSpec, LISTENING};
use super::resource;
use super::runner::Runner;
use super::{artifact, jobs, runner};
use crate::{Context, Error};

/// How long a process may take to load its model.
const LOAD: Duration = Duration::from_secs(60);
/// How long requests that began before an update may go on.
const DRAIN: Duration = Duration::from_secs(60);

/// Pauses between tries to serve again what served before a restart.
const RETRY_SHORTEST: Duration = Duration::from_secs(1);
const RETRY_LONGEST: Duration = Duration::from_secs(30);

/// Endpoints that serve, by the key of their record.
#[derive(Default)]
pub struct Hosts {
    routes: RwLock<HashMap<String, Arc<Route>>>,
    changed: Notify,
}

impl Hosts {
    /// Who serves the endpoint now.
    pub fn route(&self, key: &str) -> Option<Arc<Route>> {
        self.routes.read().unwrap_or_else(|poisoned| poisoned.into_inner()).get(key).cloned()
    }

    fn set(&self, key: &str, route: Option<Arc<Route>>) -> Option<Arc<Route>> {
        let mut routes = self.routes.write().unwrap_or_else(|poisoned| poisoned.into_inner());
        let old = match route {
            Some(route) => routes.insert(key.to_owned(), route),
            None => routes.remove(key),
        };
        self.changed.notify_waiters();
        old
    }

    /// Who serves the endpoint, waiting for one that is being brought up again after a restart.
    pub async fn route_soon(&self, key: &str) -> Option<Arc<Route>> {
        let wait = async {
            loop {
                let changed = self.changed.notified();
                if let Some(route) = self.route(key) {
                    return route;
                }
                changed.await;
            }
        };
        tokio::time::timeout(LOAD, wait).await.ok()
    }

    /// Ends every process.
    pub(super) async fn stop_all(&self) {
        let routes: Vec<Arc<Route>> = self
            .routes
            .write()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
            .drain()
            .map(|(_, route)| route)
            .collect();
        for route in routes {
            route.end().await;
        }
    }
}

/// The processes of one deployment.
pub struct Route {
    /// The endpoint's name, as it was given when it was made.
    pub endpoint: String,
    /// One for each production variant.
    pub servers: Vec<Arc<Server>>,
    in_flight: AtomicUsize,
    idle: Notify,
    ended: CancellationToken,
}

/// The process of one production variant.
pub struct Server {
    /// The variant's name.
    pub variant: String,
    /// Its share of the traffic: the bits of a number, for it changes while requests are answered.
    weight: AtomicU64,
    /// What requests must carry.
    pub secret: String,
    /// Its log stream.
    pub log_stream: String,
    port: AtomicU16,
    listening: Notify,
    gone: CancellationToken,
}

impl Server {
    /// Its share of the traffic.
    pub fn weight(&self) -> f64 {
        f64::from_bits(self.weight.load(Ordering::Relaxed))
    }

    /// Where it listens; waits for a process that is being started again.
    pub async fn port(&self) -> Option<u16> {
        let wait = async {
            loop {
                let changed = self.listening.notified();
                match self.port.load(Ordering::Acquire) {
                    0 => changed.await,
                    port => return port,
                }
            }
        };
        tokio::time::timeout(LOAD, wait).await.ok()
    }
}

/// A request under way: an updated endpoint's old processes wait for it.
pub struct InFlight(Arc<Route>);

impl InFlight {
    /// Counts a request in.
    pub fn enter(route: &Arc<Route>) -> InFlight {
        route.in_flight.fetch_add(1, Ordering::AcqRel);
        InFlight(route.clone())
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        if self.0.in_flight.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.idle.notify_waiters();
        }
    }
}

impl Route {
    /// The variant of that name, or one by weight: `dice` is in `[0, 1)`.
    pub fn choose(&self, variant: Option<&str>, dice: f64) -> Option<&Arc<Server>> {
        if let Some(variant) = variant {
            return self.servers.iter().find(|server| server.variant == variant);
        }
        let weighed: Vec<_> = self.servers.iter().map(|server| (server, server.weight())).collect();
        let mut rest = dice * weighed.iter().map(|(_, weight)| weight).sum::<f64>();
        let mut chosen = None;
        for (server, weight) in weighed.into_iter().filter(|(_, weight)| *weight > 0.0) {
            chosen = Some(server);
            rest -= weight;
            if rest < 0.0 {
                break;
            }
        }
        chosen
    }

    /// Shares the traffic as the deployment says.
    fn weigh(&self, deployment: &Deployment) {
        for deployed in &deployment.variants {
            let Variant { name, weight, .. } = &deployed.variant;
            for server in self.servers.iter().filter(|server| server.variant == *name) {
                server.weight.store(weight.to_bits(), Ordering::Relaxed);
            }
        }
    }

    async fn drained(&self) {
        let wait = async {
            loop {
                let idle = self.idle.notified();
                if self.in_flight.load(Ordering::Acquire) == 0 {
                    return;
                }
                idle.await;
            }
        };
        let _ = tokio::time::timeout(DRAIN, wait).await;
    }

    /// Ends its processes and waits until they are gone.
    async fn end(&self) {
        self.ended.cancel();
        for server in &self.servers {
            server.gone.cancelled().await;
        }
    }
}

/// Brings the endpoint under `key` to what its record says, and keeps it so until the record is gone.
pub(super) async fn drive(context: &Arc<Context>, key: &str) -> Result<(), Error> {
    let runner = context.sagemaker.clone();
    let bell = runner.bell(key);
    let going_down = runner.going_down();
    let mut serving: Option<String> = None;
    let mut taken_up = false;
    let mut pause = RETRY_SHORTEST;
    loop {
        let Some(stored) = resource::find_key::<Endpoint>(context, key.to_owned()).await? else {
            if let Some(route) = runner.hosts.set(key, None) {
                route.drained().await;
                route.end().await;
            }
            let _ = std::fs::remove_dir_all(endpoint_folder(context, key));
            return Ok(());
        };
        let endpoint = stored.value;
        if !taken_up && endpoint.pending.is_some() && runner.hosts.route(key).is_none() {
            // Killed in the middle of an update: what served before serves until the new one does.
            let before = &endpoint.deployed;
            if let Ok(route) = bring_up(context, key, &endpoint.name, before).await {
                runner.hosts.set(key, Some(route));
                serving = Some(before.id.clone());
            }
        }
        taken_up = true;
        let wanted = endpoint.pending.as_ref().unwrap_or(&endpoint.deployed);
        let failed_before = endpoint.status == "Failed" && endpoint.pending.is_none();
        if serving.as_ref() != Some(&wanted.id) && !failed_before {
            match bring_up(context, key, &endpoint.name, wanted).await {
                Ok(route) => {
                    let old = runner.hosts.set(key, Some(route));
                    serving = Some(wanted.id.clone());
                    settle(context, key, wanted, None).await?;
                    if let Some(old) = old {
                        old.drained().await;
                        old.end().await;
                        remove_old_folders(context, key, &wanted.id);
                    }
                }
                // It served before this server was started: that it cannot now will pass, or is told in the log.
                Err(reason)
                    if matches!(&*endpoint.status, "InService" | "Updating")
                        && endpoint.pending.is_none() =>
                {
                    tracing::error!(
                        endpoint = endpoint.name,
                        reason,
                        "cannot serve again; trying again"
                    );
                    tokio::select! {
                        () = tokio::time::sleep(pause) => pause = (pause * 2).min(RETRY_LONGEST),
                        () = bell.notified() => {}
                        () = going_down.cancelled() => return Ok(()),
                    }
                }
                Err(reason) => settle(context, key, wanted, Some(reason)).await?,
            }
            continue;
        }
        if endpoint.status == "Updating" && endpoint.pending.is_none() {
            // UpdateEndpointWeightsAndCapacities: the same processes, other shares.
            if let Some(route) = runner.hosts.route(key) {
                route.weigh(wanted);
            }
            settle(context, key, wanted, None).await?;
            continue;
        }
        tokio::select! {
            () = bell.notified() => {}
            () = going_down.cancelled() => return Ok(()),
        }
    }
}

/// Writes what came of a deployment. A failed update leaves what served before.
async fn settle(
    context: &Context,
    key: &str,
    wanted: &Deployment,
    failure: Option<String>,
) -> Result<(), Error> {
    let now = context.clock.moment().now.0;
    resource::update::<Endpoint>(context, key, |endpoint| {
        let is_pending = endpoint.pending.as_ref().is_some_and(|pending| pending.id == wanted.id);
        if !is_pending && endpoint.deployed.id != wanted.id {
            return false;
        }
        let again = !is_pending && endpoint.status == "InService";
        match (&failure, is_pending) {
            // After a restart: it served, and serves again. Nothing has changed.
            (None, false) if again => return false,
            (None, _) => {
                if is_pending && let Some(pending) = endpoint.pending.take() {
                    endpoint.deployed = pending;
                }
                endpoint.status = "InService".into();
                endpoint.failure_reason = None;
            }
            (Some(reason), true) => {
                let served = context.sagemaker.hosts.route(key).is_some();
                endpoint.pending = None;
                endpoint.status = if served { "InService" } else { "Failed" }.into();
                endpoint.failure_reason = Some(reason.clone());
            }
            (Some(reason), false) => {
                endpoint.status = "Failed".into();
                endpoint.failure_reason = Some(reason.clone());
            }
        }
        endpoint.modified_at = now;
        true
    })
    .await?;
    Ok(())
}

/// Starts a process for each variant. The error is the FailureReason.
async fn bring_up(
    context: &Arc<Context>,
    key: &str,
    endpoint: &str,
    deployment: &Deployment,
) -> Result<Arc<Route>, String> {
    let ended = CancellationToken::new();
    let folder = endpoint_folder(context, key).join(&deployment.id);
    let mut servers = Vec::new();
    for (place, deployed) in deployment.variants.iter().enumerate() {
        // Variants are named by users: their folders by number.
        let folder = folder.join(place.to_string());
        match start_variant(context, key, endpoint, deployed, &folder, &ended).await {
            Ok(server) => servers.push(server),
            Err(reason) => {
                ended.cancel();
                return Err(reason);
            }
        }
    }
    let endpoint = endpoint.to_owned();
    let (in_flight, idle) = (AtomicUsize::new(0), Notify::new());
    Ok(Arc::new(Route { endpoint, servers, in_flight, idle, ended }))
}

async fn start_variant(
    context: &Arc<Context>,
    key: &str,
    endpoint: &str,
    deployed: &Deployed,
    folder: &Path,
    ended: &CancellationToken,
) -> Result<Arc<Server>, String> {
    let caller = jobs::job_caller(key, deployed.role.as_deref());
    let model = folder.join("model");
    let broken = |error: std::io::Error| format!("InternalServerError: {error}");
    std::fs::create_dir_all(folder).map_err(broken)?;
    match &deployed.container.model_data_url {
        // After a restart it is here, whatever has become of the object.
        Some(_) if model.is_dir() => {}
        Some(url) => {
            let unpacked = folder.join("unpacked");
            artifact::unpack(context, &caller, url, &unpacked).await?;
            std::fs::rename(&unpacked, &model).map_err(broken)?;
        }
        None => std::fs::create_dir_all(&model).map_err(broken)?,
    }
    let secret = context.clock.moment().dice("endpoint secret").uuid();
    let spec = EndpointSpec {
        image: deployed.container.image.clone(),
        model,
        environment: deployed.container.environment.clone(),
        secret: secret.clone(),
    };
    job_spec::write(folder, "endpoint.json", &spec)
        .map_err(|error| format!("InternalServerError: {error}"))?;
    let log = folder.join("log");
    let id = context.clock.moment().dice("instance").uuid().replace('-', "");
    let log_stream = format!("{}/i-{}", deployed.variant.name, id.get(..17).unwrap_or(&id));
    let group = format!("/aws/sagemaker/Endpoints/{endpoint}");
    jobs::show_log(context, &caller, &group, &log_stream, &log)
        .await
        .map_err(|error| format!("InternalServerError: {error}"))?;
    let server = Arc::new(Server {
        variant: deployed.variant.name.clone(),
        weight: AtomicU64::new(deployed.variant.weight.to_bits()),
        secret,
        log_stream,
        port: AtomicU16::new(0),
        listening: Notify::new(),
        gone: CancellationToken::new(),
    });
    let (child, port) = launch(&context.sagemaker, folder, &log).await.map_err(|why| {
        format!(
            "The primary container for production variant {} did not pass the ping health check. Please check \
             CloudWatch logs for this endpoint. ({why})",
            deployed.variant.name
        )
    })?;
    server.port.store(port, Ordering::Release);
    let (watched, runner) = (server.clone(), context.sagemaker.clone());
    let (folder, ended) = (folder.to_owned(), ended.clone());
    tokio::spawn(async move {
        keep(runner, child, watched.clone(), folder, log, ended).await;
        watched.gone.cancel();
    });
    Ok(server)
}

/// A running process; it ends when its input closes, also with us.
struct Process {
    child: Child,
    _input: Option<tokio::process::ChildStdin>,
}

/// Starts the process and waits until it listens, which it does once its model is loaded.
async fn launch(runner: &Runner, folder: &Path, log: &Path) -> Result<(Process, u16), String> {
    let mut child = runner::start_endpoint(runner, folder, log)
        .map_err(|error| format!("cannot start a process: {error}"))?;
    // Waiting for a child closes its input, which would be its end.
    let input = child.stdin.take();
    let Some(output) = child.stdout.take() else {
        return Err("the process has no output".to_owned());
    };
    let mut lines = BufReader::new(output).lines();
    let first = tokio::time::timeout(LOAD, lines.next_line()).await;
    let line = match first {
        Ok(Ok(Some(line))) => line,
        Ok(_) => return Err(last_words(log)),
        Err(_) => {
            return Err(format!("the model was not loaded within {} seconds", LOAD.as_secs()));
        }
    };
    let port = line.strip_prefix(LISTENING).and_then(|port| port.trim().parse().ok());
    let port = port.ok_or_else(|| last_words(log))?;
    Ok((Process { child, _input: input }, port))
}

/// The last line of the process's log: usually why it ended.
fn last_words(log: &Path) -> String {
    let text = std::fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let last = text
        .lines()
        .rev()
        .find(|line| !line.trim().is_empty())
        .unwrap_or("the process ended without a word");
    last.split_once('\t').map_or(last, |(_, text)| text).chars().take(600).collect()
}

/// Starts the process again whenever it ends, at growing intervals, until the deployment ends.
async fn keep(
    runner: Arc<Runner>,
    mut process: Process,
    server: Arc<Server>,
    folder: PathBuf,
    log: PathBuf,
    ended: CancellationToken,
) {
    const SHORTEST: Duration = Duration::from_millis(100);
    const LONGEST: Duration = Duration::from_secs(10);
    let mut pause = SHORTEST;
    loop {
        let watch = tokio::time::Duration::from_secs(30);
        let mut steady = false;
        loop {
            tokio::select! {
                _ = process.child.wait() => break,
                () = tokio::time::sleep(watch), if !steady => { steady = true; pause = SHORTEST; }
                () = ended.cancelled() => {
                    let _ = process.child.kill().await;
                    return;
                }
            }
        }
        server.port.store(0, Ordering::Release);
        tracing::warn!(variant = server.variant, "an endpoint's process ended; starting it again");
        loop {
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = ended.cancelled() => return,
            }
            pause = (pause * 2).min(LONGEST);
            if let Ok((again, port)) = launch(&runner, &folder, &log).await {
                process = again;
                server.port.store(port, Ordering::Release);
                server.listening.notify_waiters();
                break;
            }
        }
    }
}

fn endpoint_folder(context: &Context, key: &str) -> PathBuf {
    // Keys hold slashes only between account, region and name.
    context.settings.data.join("endpoints").join(key.replace('/', "."))
}

fn remove_old_folders(context: &Context, key: &str, kept: &str) {
    let Ok(entries) = std::fs::read_dir(endpoint_folder(context, key)) else { return };
    for entry in entries.flatten() {
        if entry.file_name() != kept {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(weights: &[(&str, f64)]) -> Route {
        let server = |(variant, weight): &(&str, f64)| {
            Arc::new(Server {
                variant: (*variant).to_owned(),
                weight: AtomicU64::new(weight.to_bits()),
                secret: String::new(),
                log_stream: String::new(),
                port: AtomicU16::new(1),
                listening: Notify::new(),
                gone: CancellationToken::new(),
            })
        };
        Route {
            endpoint: String::new(),
            servers: weights.iter().map(server).collect(),
            in_flight: AtomicUsize::new(0),
            idle: Notify::new(),
            ended: CancellationToken::new(),
        }
    }

    #[test]
    fn traffic_goes_by_weight_or_by_name() {
        let route = route(&[("a", 1.0), ("b", 3.0), ("c", 0.0)]);
        let chosen = |dice: f64| route.choose(None, dice).unwrap().variant.clone();
        assert_eq!(
            [chosen(0.0), chosen(0.24), chosen(0.26), chosen(0.999_999)],
            ["a", "a", "b", "b"]
        );
        assert_eq!(route.choose(Some("c"), 0.0).unwrap().variant, "c");
        assert!(route.choose(Some("d"), 0.0).is_none());
    }
}
