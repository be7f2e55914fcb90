//! How Task states use services: from a lease to an answered task.
//!
//! The binary's worker calls [`run`] for each [`engine::Lease`] and [`cancel`] for each
//! [`engine::Cancelled`]. An [`Integration`] knows one service's resource names and goes through
//! [`crate::call`], the same door that clients come through, with the state machine's role.
//!
//! # How `.sync` waits without polling
//! 1. The operation that begins the job writes it with [`begin`] instead of `store.commit`: for a
//!    task that waits, one commit holds the job's record, with [`Awaiting`] in it, *and* the task's
//!    `TaskStarted` and `TaskSubmitted`.
//! 2. The integration's `run` gives [`Answer::Begun`]; the worker is free.
//! 3. When the job ends, [`finish`] writes its new status *and* the task's answer in one commit.
//!
//! A task may be lent again after a crash (`again`): an operation that is called with an
//! [`Awaiting`] it has stored already answers as it did, and writes nothing. So a job is begun once.

mod answer;
mod api_gateway;
mod aws_sdk;
pub(crate) mod credentials;
mod failed;
mod http;
mod http_exchange;
mod job_services;
pub(crate) mod jobs_elsewhere;
mod lambda;
mod mocks;
mod optimised;
mod sagemaker;
mod states;
mod submission;

use std::sync::Arc;

use asl::event::TaskTarget;
use asl::{Header, ScheduledTask, Trigger};
use async_trait::async_trait;
use engine::{Cancelled, Lease};
use serde_json::Value;
use store::{Batch, ExecutionKey};

use crate::stepfunctions::map_run;
use crate::{Caller, Context, Error, Input, Origin};

pub use answer::with_sdk_metadata;
pub use failed::Failed;
pub(crate) use http_exchange::Exchange;
#[cfg(test)]
pub(crate) use job_services::jobs_of_services;
pub(crate) use job_services::{members, service_and_operation};
pub use mocks::Mocks;
pub use submission::{Awaiting, begin, finish};

/// Every optimised integration; one line each. `aws-sdk:*` is one generic path beside them.
#[rustfmt::skip]
pub static INTEGRATIONS: &[&dyn Integration] = &[
    &states::States,
    &sagemaker::SageMaker,
    &lambda::Lambda,
    &optimised::SQS,
    &optimised::SNS,
    &optimised::DYNAMODB,
    &optimised::EVENTS,
    &http::Http,
    &api_gateway::ApiGateway,
    &job_services::ECS,
    &job_services::BATCH,
    &job_services::EKS,
    &job_services::GLUE,
    &job_services::DATABREW,
    &job_services::ATHENA,
    &job_services::EMR,
    &job_services::EMR_CONTAINERS,
    &job_services::EMR_SERVERLESS,
    &job_services::CODEBUILD,
    &job_services::MEDIACONVERT,
    &job_services::BEDROCK,
];

/// How Task states use one service.
#[async_trait]
pub trait Integration: Send + Sync {
    /// The word after `arn:aws:states:::`: `sagemaker`, `states`.
    fn service(&self) -> &'static str;

    /// Does what the task asks. The task's result is Pascal-case, as AWS's integrations give it.
    ///
    /// # Errors
    /// The failure that the state machine sees; [`Failed::unsupported`] for an action or a pattern
    /// that is not served.
    async fn run(&self, work: &Work<'_>) -> Result<Answer, Failed>;

    /// Ends what the task began (the job found by [`Work::awaiting`]); nothing to end is no error.
    async fn cancel(&self, work: &Work<'_>) -> Result<(), Error>;
}

/// What a task has come to.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// It is done; this is its result.
    Succeeded(Value),
    /// The call was answered with this; the result comes later, by [`finish`] or a task token.
    Submitted(Value),
    /// As `Submitted`, and the operation has made it durable already with [`begin`].
    Begun,
}

/// What follows the resource's action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// Nothing: the call's answer is the task's result.
    RequestResponse,
    /// `.sync`: the job's end is the task's.
    Sync,
    /// `.sync:2`: as `.sync`, with the nested execution's output as JSON.
    Sync2,
    /// `.waitForTaskToken`.
    WaitForTaskToken,
}

/// One task as an integration sees it.
pub struct Work<'a> {
    /// Store, engine, clock, settings.
    pub context: &'a Context,
    /// The state machine's role (or that of the state's `Credentials`), as a session of this execution.
    pub caller: Caller,
    /// Whose task it is.
    pub execution: ExecutionKey,
    /// What the execution was born with.
    pub header: &'a Header,
    /// The task: `task.parameters` is its effective input.
    pub task: &'a ScheduledTask,
    /// `sagemaker`, `aws-sdk:s3`.
    pub service: &'a str,
    /// `createTrainingJob`, without the pattern.
    pub action: &'a str,
    /// What follows the action.
    pub pattern: Pattern,
    /// The task was lent before: its call may have been made already.
    pub again: bool,
}

impl Work<'_> {
    /// Calls an operation with the state machine's role, after the model's checks that a client's call
    /// has behind it when it comes here.
    pub async fn call(
        &self,
        service: &str,
        operation: &str,
        mut members: Value,
    ) -> Result<Value, Error> {
        check(self.context, service, operation, &mut members)?;
        let output =
            crate::call(self.context, &self.caller, service, operation, Input::from(members))
                .await?;
        Ok(output.members)
    }

    /// The task's effective input.
    pub fn parameters(&self) -> &Value {
        self.task.parameters.value()
    }

    /// The name that a job's record keeps of the task that waits for it.
    pub fn awaiting(&self) -> Awaiting {
        Awaiting { execution: self.execution, task: self.task.task.0 }
    }

    /// A name for what the task makes, when it gives none: the same each time the task is lent.
    pub fn unique_name(&self) -> String {
        unique_name(&self.header.execution_arn, self.task.task.0)
    }

    /// Whether the task's result comes with the end of a job.
    pub fn waits_for_job(&self) -> bool {
        matches!(self.pattern, Pattern::Sync | Pattern::Sync2)
    }
}

/// Does the work of a lease and tells the engine. The answer is durable when this returns.
///
/// # Errors
/// Only the engine's or the store's: the lease then stays owed and is lent again. What goes wrong
/// in the work itself is a failed task, not an error.
pub async fn run(context: &Context, lease: &Lease) -> Result<(), Error> {
    if goes_out(context, &lease.task.target) {
        // It may take long, and may time out meanwhile: that it has started is told first.
        let started = vec![Trigger::TaskStarted { task: lease.task.task, worker: None }];
        let moment = context.clock.moment();
        context.engine.submit(lease.execution, started, Batch::default(), moment).await?;
    }
    let triggers = answer(context, lease).await;
    if triggers.is_empty() {
        return Ok(());
    }
    let moment = context.clock.moment();
    Ok(context.engine.submit(lease.execution, triggers, Batch::default(), moment).await?)
}

/// Does what a task asks that belongs to no execution in the store: a state under test. Its call must be
/// one that is done when it is answered. Gives what the state sees, and of an HTTP task what was sent.
pub(crate) async fn call_once(
    context: &Context,
    header: &Header,
    task: &ScheduledTask,
) -> (Result<Value, Failed>, Option<Exchange>) {
    let mut exchange = None;
    (called_once(context, header, task, &mut exchange).await, exchange)
}

async fn called_once(
    context: &Context,
    header: &Header,
    task: &ScheduledTask,
    exchange: &mut Option<Exchange>,
) -> Result<Value, Failed> {
    let Some((service, action, pattern @ Pattern::RequestResponse)) = resource(&task.target) else {
        return Err(Failed::not_here(&task.target));
    };
    let integration = find(service).ok_or_else(|| Failed::not_here(&task.target))?;
    credentials::check(context, 0, header, task).await?;
    let caller = credentials::of_task(0, header, task, pattern);
    // No execution has this task's number, so what it makes must not be found again by it.
    let caller = Caller { origin: Origin::Service, ..caller };
    let work = Work {
        context,
        caller,
        execution: 0,
        header,
        task,
        service,
        action,
        pattern,
        again: false,
    };
    let answer = match service {
        "http" => http::invoke(&work, exchange).await,
        _ => integration.run(&work).await,
    };
    match answer? {
        Answer::Succeeded(result) => Ok(result),
        Answer::Submitted(_) | Answer::Begun => Err(Failed::unsupported(service, action)),
    }
}

/// Does the work of a lease: what its execution is to be told. Nothing, where the work itself has told.
pub(crate) async fn answer(context: &Context, lease: &Lease) -> Vec<Trigger> {
    match outcome(context, lease).await {
        Ok(triggers) => triggers,
        Err(failed) => failed.into_triggers(lease.task.task),
    }
}

/// Ends what a task began that nobody awaits any more; or tells the parent of an execution that has ended.
pub async fn cancel(context: &Arc<Context>, cancelled: &Cancelled) -> Result<(), Error> {
    let (header, task) = (&cancelled.header, &cancelled.task);
    let Some((service, action, pattern)) = resource(&task.target) else { return Ok(()) };
    if (service, action) == ("states", states::END) {
        return states::tell_parent(context, cancelled).await;
    }
    if (service, action) == ("states", "mapRun") {
        return map_run::abort(context, cancelled).await;
    }
    context.settings.elsewhere.break_off(cancelled.execution, task.task.0);
    let Some(integration) = find(service) else { return Ok(()) };
    let work = Work {
        context,
        caller: credentials::of_task(cancelled.execution, header, task, pattern),
        execution: cancelled.execution,
        header,
        task,
        service,
        action,
        pattern,
        again: true,
    };
    integration.cancel(&work).await
}

/// Brings a task's parameters into the model's form and checks them.
fn check(
    context: &Context,
    service: &str,
    operation: &str,
    members: &mut Value,
) -> Result<(), Error> {
    let Some(model) = models::service(service) else { return Ok(()) };
    let Some(shape) = model.operation(operation).and_then(|operation| operation.input) else {
        return Ok(());
    };
    models::conform::conform(model, shape, models::conform::Naming::Member, members)
        .map_err(|malformed| Error::new("SerializationException", malformed.to_string()))?;
    let lengths = &context.settings.lengths;
    models::validate::validate_within(model, shape, members, lengths).map_err(|violations| {
        Error::new(models::validate::error_code(model), violations.to_string())
    })
}

/// What the engine is to be told.
async fn outcome(context: &Context, lease: &Lease) -> Result<Vec<Trigger>, Failed> {
    let task = &lease.task;
    if let Some(mocks) = &context.settings.mocks
        && let Some(mocked) = mocks.answer(context, lease).await?
    {
        return Ok(mocked);
    }
    let Some((service, action, pattern)) = resource(&task.target) else {
        return Err(Failed::not_here(&task.target));
    };
    let integration = find(service).ok_or_else(|| Failed::not_here(&task.target))?;
    credentials::check(context, lease.execution, &lease.header, task).await?;
    let work = Work {
        context,
        caller: credentials::of_task(lease.execution, &lease.header, task, pattern),
        execution: lease.execution,
        header: &lease.header,
        task,
        service,
        action,
        pattern,
        again: lease.again,
    };
    let started = Trigger::TaskStarted { task: task.task, worker: None };
    match integration.run(&work).await? {
        Answer::Succeeded(result) => {
            Ok(vec![started, Trigger::TaskSucceeded { task: task.task, output: result.into() }])
        }
        Answer::Submitted(answer) => {
            Ok(vec![started, Trigger::TaskSubmitted { task: task.task, output: answer.into() }])
        }
        Answer::Begun => {
            // Nobody may have awaited it any more when it began, and then nobody else would end it.
            if !still_awaited(&work).await {
                let ended = integration.cancel(&work).await;
                ended.map_err(|error| Failed::new("States.TaskFailed", error.to_string()))?;
            }
            Ok(Vec::new())
        }
    }
}

/// Whether the task is awaited; in doubt it is, since then a cancellation would come.
async fn still_awaited(work: &Work<'_>) -> bool {
    work.context.engine.awaits(work.execution, work.task.task).await.unwrap_or(true)
}

/// Whether a task is a call of somebody else.
pub(crate) fn goes_out(context: &Context, target: &TaskTarget) -> bool {
    let Some((service, ..)) = resource(target) else { return false };
    let service = match service.strip_prefix("aws-sdk:") {
        Some(name) => models::identify::by_task_name(name).map_or(name, |entry| entry.name),
        None => job_services::name(service),
    };
    service == "http" || context.settings.elsewhere.endpoint(service).is_some()
}

fn find(service: &str) -> Option<&'static dyn Integration> {
    if service.starts_with("aws-sdk:") {
        return Some(&aws_sdk::AwsSdk);
    }
    INTEGRATIONS.iter().find(|known| known.service() == service).copied()
}

/// Service, action and pattern of what a task asks; none for activities.
fn resource(target: &TaskTarget) -> Option<(&str, &str, Pattern)> {
    let (service, action) = match target {
        TaskTarget::Integration { service, action } => (service, action),
        TaskTarget::Lambda { .. } => return Some(("lambda", "", Pattern::RequestResponse)),
        TaskTarget::Activity { .. } => return None,
    };
    let (action, pattern) = match action.split_once('.') {
        None => (action.as_str(), Pattern::RequestResponse),
        Some((action, "sync:2")) => (action, Pattern::Sync2),
        Some((action, "waitForTaskToken")) => (action, Pattern::WaitForTaskToken),
        Some((action, _)) => (action, Pattern::Sync),
    };
    Some((service, action, pattern))
}

/// A UUID's form of what a task is.
pub(crate) fn unique_name(execution_arn: &str, task: u64) -> String {
    use sha2::{Digest, Sha256};
    let hash = hex::encode(Sha256::digest(format!("{execution_arn}/{task}").as_bytes()));
    format!("{}-{}-{}-{}-{}", &hash[..8], &hash[8..12], &hash[12..16], &hash[16..20], &hash[20..32])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_is_service_action_and_pattern() {
        let target = |action: &str| TaskTarget::Integration {
            service: "states".to_owned(),
            action: action.to_owned(),
        };
        let pattern =
            |action: &str| resource(&target(action)).map(|(_, action, p)| (action.to_owned(), p));
        assert_eq!(pattern("a"), Some(("a".to_owned(), Pattern::RequestResponse)));
        assert_eq!(pattern("a.sync"), Some(("a".to_owned(), Pattern::Sync)));
        assert_eq!(pattern("a.sync:2"), Some(("a".to_owned(), Pattern::Sync2)));
        assert_eq!(
            pattern("a.waitForTaskToken"),
            Some(("a".to_owned(), Pattern::WaitForTaskToken))
        );
        assert_eq!(resource(&TaskTarget::Activity { arn: String::new() }), None);
        let function = TaskTarget::Lambda { arn: String::new() };
        assert_eq!(resource(&function), Some(("lambda", "", Pattern::RequestResponse)));
    }
}
