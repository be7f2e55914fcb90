//! Jobs that run elsewhere and that tasks wait for. A job is a record from the moment its task is told
//! that it was submitted; who waits is told of its end in the commit that removes the record. Between, it is
//! asked for; a server that starts asks on.

use std::time::Duration;

use asl::event::FailedPhase;
use asl::{Failure, TaskId, Trigger};
use remote::Problem;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::{Batch, Expect, Scan};

use super::job_services::{ALL, Job, JobService};
use super::{Failed, Work};
use crate::record::Table;
use crate::{Caller, Context, Error, Origin, elsewhere};

/// Keyed by the execution's number and the task's, twenty digits each.
const JOBS: Table<Begun> = Table::new("states/job-elsewhere");

/// A job is asked for again after so long, then less and less often.
const FIRST_PAUSE_MS: i64 = 500;
const LAST_PAUSE_MS: i64 = 15_000;

/// A job that somebody waits for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Begun {
    execution: u64,
    task: u64,
    service: String,
    action: String,
    region: String,
    account: String,
    /// Whoever asks: the role that began it, as a session. None in records of versions that did not ask roles.
    #[serde(default)]
    role: String,
    #[serde(default)]
    execution_arn: String,
    /// What tells of it is asked this.
    question: Value,
    /// What ends it is asked this.
    stop: Option<Value>,
    /// What the call was answered with, where that is the result once there is nothing to be asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    answered: Option<Value>,
}

impl Begun {
    fn key(&self) -> String {
        key(self.execution, self.task)
    }

    /// Its service and kind; none if this version of the program does not know it.
    fn kind(&self) -> Option<(&'static JobService, &'static Job)> {
        let service = ALL.into_iter().find(|known| known.service == self.service)?;
        Some((service, service.jobs.iter().find(|job| job.begin == self.action)?))
    }

    fn caller(&self) -> Caller {
        Caller {
            account: self.account.clone(),
            region: self.region.clone(),
            arn: self.role.clone(),
            access_key: None,
            origin: Origin::Task {
                execution_arn: self.execution_arn.clone(),
                token: (self.execution, self.task),
                sync: false,
            },
        }
    }
}

fn key(execution: u64, task: u64) -> String {
    format!("{execution:020}/{task:020}")
}

/// Whether the task has begun its job: it was lent again.
pub(super) async fn is_begun(work: &Work<'_>) -> Result<bool, Failed> {
    if !work.again {
        return Ok(false);
    }
    let found = JOBS.get(work.context, &key(work.execution, work.task.task.0)).await;
    Ok(found.map_err(|error| lost(&error))?.is_some())
}

/// Writes down a job that has begun, and watches it. `output` is what the call was answered with.
pub(super) async fn begin(
    work: &Work<'_>,
    service: &JobService,
    job: &Job,
    asked: &Value,
    begun: &Value,
    output: Value,
) -> Result<(), Failed> {
    let question = (job.question)(asked, begun).ok_or_else(|| {
        Failed::new(
            "States.TaskFailed",
            format!("{}:{} did not say what it began: {begun}", service.service, job.begin),
        )
    })?;
    let task = work.task.task;
    let begun = Begun {
        execution: work.execution,
        task: task.0,
        service: service.service.to_owned(),
        action: job.begin.to_owned(),
        region: work.caller.region.clone(),
        account: work.caller.account.clone(),
        role: work.caller.arn.clone(),
        execution_arn: work.header.execution_arn.clone(),
        question,
        stop: (job.stops)(asked, begun),
        answered: job.gone.then(|| begun.clone()),
    };
    let write = JOBS.write(&begun.key(), &begun, Expect::Absent).map_err(|error| lost(&error))?;
    let extra = Batch { records: vec![write], ..Batch::default() };
    let output = output.into();
    let triggers =
        vec![Trigger::TaskStarted { task, worker: None }, Trigger::TaskSubmitted { task, output }];
    let moment = work.context.clock.moment();
    let told = work.context.engine.submit(work.execution, triggers, extra, moment).await;
    told.map_err(|error| lost(&error.into()))?;
    work.context.stepfunctions.watch_job(begun);
    Ok(())
}

fn lost(error: &Error) -> Failed {
    Failed::new("States.TaskFailed", error.to_string())
}

/// Ends a job that nobody waits for any more.
pub(super) async fn stop(work: &Work<'_>) -> Result<(), Error> {
    let key = key(work.execution, work.task.task.0);
    let Some(found) = JOBS.get(work.context, &key).await? else { return Ok(()) };
    JOBS.remove(work.context, &key).await?;
    let begun = found.value;
    let Some((service, job)) = begun.kind() else { return Ok(()) };
    let (Some(stop), Some(question)) = (job.stop, &begun.stop) else { return Ok(()) };
    // As on AWS, an attempt: what cannot be ended goes on.
    if let Err(problem) = ask(work.context, &work.caller, service, stop, question).await {
        tracing::warn!(
            execution = work.header.execution_arn,
            service = service.model,
            %problem,
            "a job that nobody waits for any more could not be stopped"
        );
    }
    Ok(())
}

/// The jobs that were under way when the last server stopped.
pub(crate) async fn left_over(context: &Context) -> Result<Vec<Begun>, Error> {
    let all = Scan::prefix(String::new(), usize::MAX >> 1);
    Ok(JOBS.list(context, all).await?.into_iter().map(|found| found.value).collect())
}

/// Asks for a job until it has ended, or nobody waits for it.
pub(crate) async fn watch(context: &Context, begun: Begun) {
    let mut pause = FIRST_PAUSE_MS;
    loop {
        let at = context.clock.moment().now.plus_millis(pause);
        context.clock.reached(at).await;
        match look(context, &begun).await {
            Ok(true) => return,
            Ok(false) => {}
            Err(error) => {
                tracing::warn!(%error, "the end of a job could not be kept; trying again");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
        pause = (pause * 3 / 2).min(LAST_PAUSE_MS);
    }
}

/// Whether nothing is left to be watched.
async fn look(context: &Context, begun: &Begun) -> Result<bool, Error> {
    let task = TaskId(begun.task);
    if JOBS.get(context, &begun.key()).await?.is_none() {
        return Ok(true);
    }
    if !context.engine.awaits(begun.execution, task).await? {
        // Who cancels it ends it, and needs its record for that; it is asked for no more.
        return Ok(true);
    }
    let Some((service, job)) = begun.kind() else { return Ok(true) };
    let outcome = match ask(context, &begun.caller(), service, job.describe, &begun.question).await
    {
        Ok(answer) => job.outcome(&begun.question, &answer),
        Err(Problem::Refused(refusal)) if job.gone && refusal.code.contains("NotFound") => {
            Some(Ok(begun.answered.clone().unwrap_or_default()))
        }
        // A service that has forgotten it, or lets nobody ask, will not tell of its end.
        Err(Problem::Refused(refusal)) if is_final(&refusal) => Some(Err(Failure {
            error: Some("States.TaskFailed".into()),
            cause: Some(refusal.to_string()),
        })),
        Err(problem) => {
            tracing::debug!(service = begun.service, %problem, "a job could not be asked for");
            None
        }
    };
    let Some(outcome) = outcome else { return Ok(false) };
    let trigger = match outcome {
        Ok(result) => Trigger::TaskSucceeded { task, output: result.into() },
        Err(failure) => Trigger::TaskFailed { task, phase: FailedPhase::Run, failure },
    };
    let records = vec![JOBS.delete(&begun.key(), Expect::Any)];
    let extra = Batch { records, ..Batch::default() };
    let moment = context.clock.moment();
    context.engine.submit(begun.execution, vec![trigger], extra, moment).await?;
    Ok(true)
}

fn is_final(refusal: &remote::Refusal) -> bool {
    refusal.status < 500 && refusal.status != 429 && !refusal.code.contains("Throttl")
}

/// Asks a service something, in Pascal-case and back.
async fn ask(
    context: &Context,
    caller: &Caller,
    service: &JobService,
    action: &str,
    question: &Value,
) -> Result<Value, Problem> {
    let unknown = || Problem::Unsendable(format!("{action} cannot be asked: {question}"));
    let action = service.action(action).ok_or_else(unknown)?;
    let members = action.input(question).map_err(|_| unknown())?;
    let name = service.model;
    if !caller.arn.is_empty() {
        let operation = &action.operation.name;
        let may = context.iam.check(context, caller, name, operation, &members, None).await;
        may.map_err(elsewhere::refused)?;
    }
    let answer = elsewhere::ask(context, caller, name, &action.operation.name, &members).await?;
    Ok(action.output(&answer.members))
}

impl Job {
    /// What has come of it; nothing as long as it goes on.
    fn outcome(&self, question: &Value, answer: &Value) -> Option<Result<Value, Failure>> {
        let failed =
            |cause: String| Failure { error: Some("States.TaskFailed".into()), cause: Some(cause) };
        let Some(found) = answer.pointer(self.found).filter(|found| !found.is_null()) else {
            return Some(Err(failed(format!("{} does not know the job: {answer}", self.describe))));
        };
        let succeeded = (self.ended)(found)?;
        let mut result = match self.result {
            Some(member) => json!({ member: found }),
            None => found.clone(),
        };
        if let Some(name) = self.beside {
            result[name] = question[name].clone();
        }
        Some(if succeeded { Ok(result) } else { Err(failed(result.to_string())) })
    }
}
