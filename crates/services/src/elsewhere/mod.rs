//! Services that answer elsewhere: tasks of theirs are sent to the endpoint that the configuration names.

mod connection;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use models::{Operation, Service};
use remote::{Answer, Call, Endpoint, HttpClient, Problem, Refusal, Scope};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

pub use connection::{ApiKey, Basic, Connection, OAuth};

use crate::integrations::Work;
use crate::{Caller, Context};

/// Services whose tasks wait for what we run ourselves: sent elsewhere, nobody would tell of the end.
const OURS: [&str; 2] = ["stepfunctions", "sagemaker"];
/// A function runs for a quarter of an hour at most; other calls are answered within AWS's own patience.
const FUNCTION_RUNS: Duration = Duration::from_secs(930);
const ANSWER_COMES: Duration = Duration::from_secs(60);
/// A task that times out is ended by its execution; our own patience is only a little longer.
const GRACE: Duration = Duration::from_secs(5);
/// More than this of an answer could be no task's result; functions give 6 MiB at most.
const ANSWER_BYTES_MAX: usize = 8 << 20;

/// Where services are that are not ours.
#[derive(Debug, Default)]
pub struct Elsewhere {
    http: HttpClient,
    endpoints: HashMap<&'static str, Endpoint>,
    connections: BTreeMap<String, Connection>,
    /// What tasks have under way, by the execution's number and the task's.
    under_way: Mutex<HashMap<(u64, u64), CancellationToken>>,
}

impl Elsewhere {
    /// Sends the tasks of a service to an endpoint. The service may be named as clients name it
    /// (`dynamodb`, `logs`) or as state machines do (`cloudwatchlogs`).
    ///
    /// # Errors
    /// A service that we carry no model of, or whose jobs we run ourselves.
    pub fn with_endpoint(mut self, service: &str, endpoint: Endpoint) -> Result<Elsewhere, String> {
        let entry = models::entry(service).or_else(|| models::identify::by_task_name(service));
        let Some(entry) = entry else {
            let known: Vec<&str> = models::entries()
                .iter()
                .map(|entry| entry.name)
                .filter(|name| !OURS.contains(name))
                .collect();
            return Err(format!(
                "there is no service `{service}`: an endpoint can be given for {}",
                known.join(", ")
            ));
        };
        if OURS.contains(&entry.name) {
            return Err(format!(
                "tasks of `{service}` wait for what Stepwell runs itself: they cannot be sent elsewhere"
            ));
        }
        self.endpoints.insert(entry.name, endpoint);
        Ok(self)
    }

    /// With the connections that HTTP tasks name, by the name in their ARN.
    pub fn with_connections(mut self, connections: BTreeMap<String, Connection>) -> Elsewhere {
        self.connections = connections;
        self
    }

    /// Where tasks of this service (botocore's name) go, if not to us.
    pub(crate) fn endpoint(&self, service: &str) -> Option<&Endpoint> {
        self.endpoints.get(service)
    }

    /// The connection of this name.
    pub(crate) fn connection(&self, name: &str) -> Option<&Connection> {
        self.connections.get(name)
    }

    /// Nobody awaits the task any more: its call is broken off.
    pub(crate) fn break_off(&self, execution: u64, task: u64) {
        if let Some(call) = self.under_way().remove(&(execution, task)) {
            call.cancel();
        }
    }

    fn under_way(&self) -> std::sync::MutexGuard<'_, HashMap<(u64, u64), CancellationToken>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something for a task until it is done or nobody awaits it.
    async fn for_task<Done>(
        &self,
        work: &Work<'_>,
        doing: impl Future<Output = Result<Done, Problem>>,
    ) -> Result<Done, Problem> {
        let key = (work.execution, work.task.task.0);
        let call = CancellationToken::new();
        // Whoever is dropped with its call under way leaves nothing behind.
        let _guard = UnderWay { elsewhere: self, key };
        self.under_way().insert(key, call.clone());
        tokio::select! {
            done = doing => done,
            () = call.cancelled() => Err(Problem::Unreachable("nobody awaits the task any more".to_owned())),
        }
    }
}

struct UnderWay<'a> {
    elsewhere: &'a Elsewhere,
    key: (u64, u64),
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.elsewhere.under_way().remove(&self.key);
    }
}

/// Calls an operation of a service that answers elsewhere with the state machine's role, after the checks
/// that a call here would go through.
pub(crate) async fn call(
    work: &Work<'_>,
    endpoint: &Endpoint,
    service: &'static Service,
    operation: &'static Operation,
    members: &Value,
) -> Result<Answer, Problem> {
    let context = work.context;
    let name = service.entry.name;
    context
        .iam
        .check(context, &work.caller, name, &operation.name, members, None)
        .await
        .map_err(refused)?;
    let usual = if name == "lambda" { FUNCTION_RUNS } else { ANSWER_COMES };
    let call = Call {
        service,
        operation,
        members,
        region: &work.caller.region,
        account: &work.caller.account,
        now: now(context),
        within: patience(work, usual),
        bytes_max: ANSWER_BYTES_MAX,
    };
    let elsewhere = &context.settings.elsewhere;
    elsewhere.for_task(work, remote::call(&elsewhere.http, endpoint, &call)).await
}

/// A refusal of ours, as one of the service's.
pub(crate) fn refused(error: crate::Error) -> Problem {
    Problem::Refused(Box::new(Refusal {
        code: error.code.into_owned(),
        message: error.message,
        status: error.status,
        request_id: None,
    }))
}

/// Calls an operation of a service that answers elsewhere for the caller of one of ours.
pub(crate) async fn ask(
    context: &Context,
    caller: &Caller,
    service: &str,
    operation: &str,
    members: &Value,
) -> Result<Answer, Problem> {
    let missing = || Problem::Unsendable(format!("there is no endpoint of `{service}`"));
    let elsewhere = &context.settings.elsewhere;
    let endpoint = elsewhere.endpoint(service).ok_or_else(missing)?;
    let service = models::service(service).ok_or_else(missing)?;
    let operation = service.operation(operation).ok_or_else(missing)?;
    let call = Call {
        service,
        operation,
        members,
        region: &caller.region,
        account: &caller.account,
        now: now(context),
        within: ANSWER_COMES,
        bytes_max: ANSWER_BYTES_MAX,
    };
    remote::call(&elsewhere.http, endpoint, &call).await
}

/// Sends a plain HTTP request for a task.
pub(crate) async fn send(
    work: &Work<'_>,
    request: http::Request<Bytes>,
    within: Duration,
    bytes_max: usize,
) -> Result<http::Response<Bytes>, Problem> {
    let elsewhere = &work.context.settings.elsewhere;
    let within = patience(work, within);
    elsewhere.for_task(work, elsewhere.http.send(request, within, bytes_max)).await
}

/// As [`send`], to an endpoint that a service has elsewhere, signed for `name` if one is given.
pub(crate) async fn send_to(
    work: &Work<'_>,
    endpoint: &Endpoint,
    request: http::Request<Bytes>,
    name: Option<&str>,
) -> Result<http::Response<Bytes>, Problem> {
    let request = match name {
        None => request,
        Some(name) => {
            let Caller { region, account, .. } = &work.caller;
            let scope = Scope { name, region, account, now: now(work.context) };
            remote::signed(request, endpoint, &scope)?
        }
    };
    send(work, request, ANSWER_COMES, ANSWER_BYTES_MAX).await
}

/// A task's own TimeoutSeconds come first, if they are fewer.
fn patience(work: &Work<'_>, usual: Duration) -> Duration {
    let own = work.task.timeout_seconds.map(|seconds| Duration::from_secs(seconds) + GRACE);
    own.map_or(usual, |own| own.min(usual))
}

fn now(context: &Context) -> SystemTime {
    let millis = u64::try_from(context.clock.moment().now.0).unwrap_or_default();
    SystemTime::UNIX_EPOCH + Duration::from_millis(millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_for_a_service_we_know_and_do_not_run() {
        let endpoint = || Endpoint::new("http://127.0.0.1:1", None).unwrap();
        let elsewhere = Elsewhere::default().with_endpoint("cloudwatchlogs", endpoint()).unwrap();
        assert!(elsewhere.endpoint("logs").is_some());
        let refused =
            |service| Elsewhere::default().with_endpoint(service, endpoint()).unwrap_err();
        assert!(refused("lamda").contains("lambda"));
        assert!(refused("sagemaker").contains("wait"));
    }
}
