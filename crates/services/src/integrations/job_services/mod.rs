//! Optimised integrations of services whose jobs run elsewhere. With `.sync` the job is asked for until it has
//! ended ([`super::jobs_elsewhere`]). What tells the services apart is data: one row a job.

mod builds;
mod containers;
mod data;
mod emr;
mod media_and_models;

use async_trait::async_trait;
use models::task::Action;
use serde_json::Value;

use super::optimised::Names;
use super::{Answer, Failed, Integration, Pattern, Work, answer, aws_sdk, jobs_elsewhere};
use crate::{Error, elsewhere};

pub use builds::CODEBUILD;
pub use containers::{BATCH, ECS, EKS};
pub use data::{ATHENA, DATABREW, GLUE};
pub use emr::{EMR, EMR_CONTAINERS, EMR_SERVERLESS};
pub use media_and_models::{BEDROCK, MEDIACONVERT};

/// Every one of them.
pub(super) static ALL: [&JobService; 12] = [
    &ECS,
    &BATCH,
    &EKS,
    &GLUE,
    &DATABREW,
    &ATHENA,
    &EMR,
    &EMR_CONTAINERS,
    &EMR_SERVERLESS,
    &CODEBUILD,
    &MEDIACONVERT,
    &BEDROCK,
];

const NOBODY_WAITS: &str = "The Step Functions task that waited for it was cancelled";

/// botocore's name of a service that a resource names.
pub(super) fn name(resource: &str) -> &str {
    ALL.iter().find(|known| known.service == resource).map_or(resource, |known| known.model)
}

/// botocore's name of a service that a resource names, and the operation that an action is.
pub(crate) fn service_and_operation<'a>(service: &'a str, action: &'a str) -> (&'a str, &'a str) {
    let Some(known) = ALL.iter().find(|known| known.service == service) else {
        return (service, action);
    };
    let renamed = known.renamed.iter().find(|renamed| renamed.action == action);
    (known.model, renamed.map_or(action, |renamed| renamed.operation))
}

/// The members of that operation, as the action's parameters give them.
pub(crate) fn members(service: &str, action: &str, parameters: Value) -> Value {
    let known = ALL.iter().find(|known| known.service == service);
    let mut renamed = known.into_iter().flat_map(|known| known.renamed);
    match renamed.find(|renamed| renamed.action == action) {
        Some(renamed) => renamed.asked(&parameters),
        None => parameters,
    }
}

/// One service.
pub struct JobService {
    /// In a resource.
    pub(super) service: &'static str,
    /// botocore's name.
    pub(super) model: &'static str,
    pub(super) names: Names,
    /// Actions that are one call.
    calls: &'static [&'static str],
    /// Actions that are operations of other names.
    renamed: &'static [Renamed],
    pub(super) jobs: &'static [Job],
}

/// An action and the operation that it is.
struct Renamed {
    action: &'static str,
    operation: &'static str,
    /// The action's name of a member, the operation's, and whether that has a list with it alone.
    parameters: &'static [Member],
    /// The operation's name of a member, the action's, and whether it is the first of a list.
    answer: &'static [Member],
}

type Member = (&'static str, &'static str, bool);

/// From the parameters of what began the job and the answer to it. Names are Pascal-case, as tasks have them.
type Question = fn(&Value, &Value) -> Option<Value>;

/// An action that begins something whose end can be awaited.
pub(super) struct Job {
    pub begin: &'static str,
    /// Whether `.waitForTaskToken` is there too.
    calls_back: bool,
    /// The parameter that makes the same call one call.
    token: Option<&'static str>,
    /// The action that tells of it.
    pub describe: &'static str,
    pub question: Question,
    /// Where it is in that answer.
    pub found: &'static str,
    /// Whether it has succeeded; nothing as long as it goes on.
    pub ended: fn(&Value) -> Option<bool>,
    /// It has succeeded too when there is nothing to be told of any more; then the result is what the call was
    /// answered with.
    pub gone: bool,
    /// The member that the result has it in; none: it is the result.
    pub result: Option<&'static str>,
    /// A member of the question that the result has too.
    pub beside: Option<&'static str>,
    /// The action that ends it; none: it goes on alone.
    pub stop: Option<&'static str>,
    pub stops: Question,
}

/// What most have in common.
const JOB: Job = Job {
    begin: "",
    calls_back: false,
    token: None,
    describe: "",
    question: |_, _| None,
    found: "",
    ended: |_| None,
    gone: false,
    result: None,
    beside: None,
    stop: None,
    stops: |_, _| None,
};

/// Whether what is at `place` is one of these.
fn ends(job: &Value, place: &str, well: &[&str], badly: &[&str]) -> Option<bool> {
    let state = job.pointer(place)?.as_str()?;
    match (well.contains(&state), badly.contains(&state)) {
        (true, _) => Some(true),
        (_, true) => Some(false),
        _ => None,
    }
}

#[async_trait]
impl Integration for JobService {
    fn service(&self) -> &'static str {
        self.service
    }

    async fn run(&self, work: &Work<'_>) -> Result<Answer, Failed> {
        let job = self.jobs.iter().find(|job| job.begin == work.action);
        let served = match work.pattern {
            Pattern::RequestResponse => job.is_some() || self.calls.contains(&work.action),
            Pattern::Sync => job.is_some(),
            Pattern::WaitForTaskToken => job.is_some_and(|job| job.calls_back),
            Pattern::Sync2 => false,
        };
        let unsupported = || Failed::unsupported(work.service, work.action);
        let renamed = self.renamed.iter().find(|renamed| renamed.action == work.action);
        let name = renamed.map_or(work.action, |renamed| renamed.operation);
        let action = self.action(name).filter(|_| served).ok_or_else(unsupported)?;
        if work.waits_for_job() && jobs_elsewhere::is_begun(work).await? {
            return Ok(Answer::Begun);
        }
        let asked = asked(work, job);
        let answered = self.call(work, &action, renamed, &asked).await;
        let (begun, output) = match answered {
            Ok(answered) => answered,
            Err(failed) if work.waits_for_job() => return Err(failed.at_submit()),
            Err(failed) => return Err(failed),
        };
        match (work.pattern, job) {
            (Pattern::Sync, Some(job)) => {
                jobs_elsewhere::begin(work, self, job, &asked, &begun, output).await?;
                Ok(Answer::Begun)
            }
            (Pattern::WaitForTaskToken, _) => Ok(Answer::Submitted(output)),
            _ => Ok(Answer::Succeeded(output)),
        }
    }

    async fn cancel(&self, work: &Work<'_>) -> Result<(), Error> {
        jobs_elsewhere::stop(work).await
    }
}

impl JobService {
    /// An operation of the service, by its name with a small first letter.
    pub(super) fn action(&self, name: &str) -> Option<Action> {
        models::task::action(models::entry(self.model)?.task_name, name)
    }

    /// The answer, and the answer with what AWS's SDK puts beside it.
    async fn call(
        &self,
        work: &Work<'_>,
        action: &Action,
        renamed: Option<&Renamed>,
        asked: &Value,
    ) -> Result<(Value, Value), Failed> {
        let endpoint = work.context.settings.elsewhere.endpoint(self.model);
        let endpoint =
            endpoint.ok_or_else(|| Failed::no_endpoint(self.model, &work.task.target))?;
        let asked = renamed.map_or_else(|| asked.clone(), |renamed| renamed.asked(asked));
        let members = action.input(&asked).map_err(|misfits| aws_sdk::misfit(work, &misfits))?;
        let answered =
            elsewhere::call(work, endpoint, action.service, action.operation, &members).await;
        let answered =
            answered.map_err(|problem| self.names.failed(work, action.service, problem))?;
        let begun = action.output(&answered.members);
        let begun = match renamed {
            Some(renamed) => renamed.answered(begun),
            None => begun,
        };
        // ECS answers that all is well when it could place nothing.
        let failures = begun["Failures"].as_array().is_some_and(|failures| !failures.is_empty());
        if work.action == "runTask" && failures {
            return Err(Failed::new("AmazonECS.Unknown", begun.to_string()));
        }
        let output = answer::with_received_metadata(begun.clone(), &answered, work);
        Ok((begun, output))
    }
}

/// The task's parameters, with a token that is the same each time the task is lent.
fn asked(work: &Work<'_>, job: Option<&Job>) -> Value {
    let mut asked = work.parameters().clone();
    if let (Some(token), Value::Object(members)) = (job.and_then(|job| job.token), &mut asked) {
        members.entry(token).or_insert_with(|| work.unique_name().into());
    }
    asked
}

impl Renamed {
    fn asked(&self, asked: &Value) -> Value {
        let mut asked = asked.clone();
        for (theirs, ours, listed) in self.parameters {
            if let Value::Object(members) = &mut asked
                && let Some(value) = members.remove(*theirs)
            {
                let value = if *listed { Value::Array(vec![value]) } else { value };
                members.insert((*ours).to_owned(), value);
            }
        }
        asked
    }

    fn answered(&self, mut answer: Value) -> Value {
        for (ours, theirs, listed) in self.answer {
            if let Value::Object(members) = &mut answer
                && let Some(value) = members.remove(*ours)
            {
                let value = match value {
                    Value::Array(list) if *listed => list.into_iter().next().unwrap_or_default(),
                    value => value,
                };
                members.insert((*theirs).to_owned(), value);
            }
        }
        answer
    }
}

/// What a role must be allowed for a job: operations by their names in the model.
#[cfg(test)]
pub(crate) struct Operations {
    pub service: &'static str,
    pub operation: String,
    pub follows: String,
    pub ends: Option<String>,
}

/// Every job of every service.
#[cfg(test)]
pub(crate) fn jobs_of_services() -> Vec<Operations> {
    let named = |service: &JobService, name: &str| {
        service.action(name).expect("tested below").operation.name.to_string()
    };
    let of = |service: &'static JobService, job: &Job| Operations {
        service: service.model,
        operation: named(service, service_and_operation(service.service, job.begin).1),
        follows: named(service, job.describe),
        ends: job.stop.map(|stop| named(service, stop)),
    };
    ALL.iter().flat_map(|service| service.jobs.iter().map(move |job| of(service, job))).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_action_is_one_of_its_service() {
        for service in ALL {
            let operation = |name: &'static str| {
                let renamed = service.renamed.iter().find(|renamed| renamed.action == name);
                renamed.map_or(name, |renamed| renamed.operation)
            };
            let begins = service.jobs.iter().map(|job| job.begin);
            let calls = begins.chain(service.calls.iter().copied()).map(operation);
            let asks = service.jobs.iter().flat_map(|job| [Some(job.describe), job.stop]);
            for name in calls.chain(asks.flatten()) {
                assert!(service.action(name).is_some(), "{}:{name}", service.service);
            }
            for renamed in service.renamed {
                let jobs = service.jobs.iter().map(|job| job.begin);
                let mut known = jobs.chain(service.calls.iter().copied());
                assert!(known.any(|name| name == renamed.action), "{}", renamed.action);
            }
        }
    }

    #[test]
    fn questions_fit_their_operations() {
        let asked = json!({
            "Cluster": "c", "JobName": "n", "Name": "n", "ClusterName": "c", "NodegroupName": "g",
            "FargateProfileName": "f", "ClusterId": "j", "Id": "i", "VirtualClusterId": "v",
            "ApplicationId": "a", "JobRunId": "r",
        });
        let begun = json!({
            "Tasks": [{ "TaskArn": "arn" }], "JobId": "i", "JobRunId": "r", "RunId": "r",
            "Build": { "Id": "b" }, "BuildBatch": { "Id": "b" }, "QueryExecutionId": "q",
            "ClusterId": "j", "StepId": "s", "Id": "i", "ApplicationId": "a", "Job": { "Id": "i" },
            "JobArn": "arn",
        });
        for service in ALL {
            for job in service.jobs {
                let stop = job.stop.map(|stop| (stop, job.stops));
                for (name, question) in [(job.describe, job.question)].into_iter().chain(stop) {
                    let action = service.action(name).unwrap();
                    let question = question(&asked, &begun).expect("can be asked");
                    assert!(action.input(&question).is_ok(), "{name}: {question}");
                    assert_eq!((job.ended)(&json!({})), None);
                }
                // What does not say what it is about cannot be asked for.
                assert_eq!((job.question)(&json!({}), &json!({})), None);
            }
        }
    }

    #[test]
    fn what_has_another_name_is_called_by_it() {
        let renamed = EMR.renamed.iter().find(|renamed| renamed.action == "addStep").unwrap();
        let asked = renamed.asked(&json!({ "ClusterId": "j", "Step": { "Name": "s" } }));
        assert_eq!(asked, json!({ "JobFlowId": "j", "Steps": [{ "Name": "s" }] }));
        assert_eq!(renamed.answered(json!({ "StepIds": ["s-1"] })), json!({ "StepId": "s-1" }));
    }
}
