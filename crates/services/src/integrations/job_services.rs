//! Optimised integrations of services whose jobs run elsewhere: ECS, Batch, Glue, CodeBuild, Athena. With
//! `.sync` the job is asked for until it has ended ([`super::jobs_elsewhere`]).

use async_trait::async_trait;
use models::task::Action;
use serde_json::{Value, json};

use super::optimised::Names;
use super::{Answer, Failed, Integration, Pattern, Work, answer, aws_sdk, jobs_elsewhere};
use crate::{Error, elsewhere};

/// Amazon ECS.
pub static ECS: JobService = JobService {
    service: "ecs",
    names: Names { prefix: "ECS", base: "AmazonECSException", sdk_service: "AmazonECS" },
    calls: &[],
    jobs: &[Job {
        begin: "runTask",
        calls_back: true,
        token: Some("ClientToken"),
        describe: "describeTasks",
        question: |asked, begun| {
            let task = begun.pointer("/Tasks/0/TaskArn")?;
            Some(within_cluster(asked, json!({ "Tasks": [task] })))
        },
        found: "/Tasks/0",
        ended: |task| match task["LastStatus"].as_str()? {
            "STOPPED" => Some(ecs_succeeded(task)),
            _ => None,
        },
        result: None,
        stop: "stopTask",
        stops: |asked, begun| {
            let task = begun.pointer("/Tasks/0/TaskArn")?;
            Some(within_cluster(asked, json!({ "Task": task, "Reason": NOBODY_WAITS })))
        },
    }],
};

/// AWS Batch.
pub static BATCH: JobService = JobService {
    service: "batch",
    names: Names { prefix: "Batch", base: "AWSBatchException", sdk_service: "AWSBatch" },
    calls: &[],
    jobs: &[Job {
        begin: "submitJob",
        calls_back: false,
        token: None,
        describe: "describeJobs",
        question: |_, begun| Some(json!({ "Jobs": [begun.get("JobId")?] })),
        found: "/Jobs/0",
        ended: |job| match job["Status"].as_str()? {
            "SUCCEEDED" => Some(true),
            "FAILED" => Some(false),
            _ => None,
        },
        result: None,
        stop: "terminateJob",
        stops: |_, begun| Some(json!({ "JobId": begun.get("JobId")?, "Reason": NOBODY_WAITS })),
    }],
};

/// AWS Glue.
pub static GLUE: JobService = JobService {
    service: "glue",
    names: Names { prefix: "Glue", base: "AWSGlueException", sdk_service: "AWSGlue" },
    calls: &[],
    jobs: &[Job {
        begin: "startJobRun",
        calls_back: false,
        token: None,
        describe: "getJobRun",
        question: |asked, begun| {
            Some(json!({ "JobName": asked.get("JobName")?, "RunId": begun.get("JobRunId")? }))
        },
        found: "/JobRun",
        ended: |run| match run["JobRunState"].as_str()? {
            "SUCCEEDED" => Some(true),
            "FAILED" | "STOPPED" | "TIMEOUT" | "ERROR" | "EXPIRED" => Some(false),
            _ => None,
        },
        result: None,
        stop: "batchStopJobRun",
        stops: |asked, begun| {
            let runs = [begun.get("JobRunId")?];
            Some(json!({ "JobName": asked.get("JobName")?, "JobRunIds": runs }))
        },
    }],
};

/// AWS CodeBuild.
pub static CODEBUILD: JobService = JobService {
    service: "codebuild",
    names: Names {
        prefix: "CodeBuild",
        base: "AWSCodeBuildException",
        sdk_service: "AWSCodeBuild",
    },
    calls: &["stopBuild", "batchDeleteBuilds", "batchGetReports"],
    jobs: &[Job {
        begin: "startBuild",
        calls_back: false,
        token: Some("IdempotencyToken"),
        describe: "batchGetBuilds",
        question: |_, begun| Some(json!({ "Ids": [begun.pointer("/Build/Id")?] })),
        found: "/Builds/0",
        ended: |build| match build["BuildStatus"].as_str()? {
            "SUCCEEDED" => Some(true),
            "IN_PROGRESS" => None,
            _ => Some(false),
        },
        result: Some("Build"),
        stop: "stopBuild",
        stops: |_, begun| Some(json!({ "Id": begun.pointer("/Build/Id")? })),
    }],
};

/// Amazon Athena.
pub static ATHENA: JobService = JobService {
    service: "athena",
    names: Names { prefix: "Athena", base: "AmazonAthenaException", sdk_service: "AmazonAthena" },
    calls: &["stopQueryExecution", "getQueryExecution", "getQueryResults"],
    jobs: &[Job {
        begin: "startQueryExecution",
        calls_back: false,
        token: Some("ClientRequestToken"),
        describe: "getQueryExecution",
        question: |_, begun| Some(json!({ "QueryExecutionId": begun.get("QueryExecutionId")? })),
        found: "/QueryExecution",
        ended: |query| match query.pointer("/Status/State")?.as_str()? {
            "SUCCEEDED" => Some(true),
            "FAILED" | "CANCELLED" => Some(false),
            _ => None,
        },
        result: Some("QueryExecution"),
        stop: "stopQueryExecution",
        stops: |_, begun| Some(json!({ "QueryExecutionId": begun.get("QueryExecutionId")? })),
    }],
};

/// Every one of them.
pub(super) static ALL: [&JobService; 5] = [&ECS, &BATCH, &GLUE, &CODEBUILD, &ATHENA];

const NOBODY_WAITS: &str = "The Step Functions task that waited for it was cancelled";

/// One service.
pub struct JobService {
    /// In a resource, and botocore's name.
    pub(super) service: &'static str,
    pub(super) names: Names,
    /// Actions that are one call.
    calls: &'static [&'static str],
    pub(super) jobs: &'static [Job],
}

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
    /// The member that the result has it in; none: it is the result.
    pub result: Option<&'static str>,
    /// The action that ends it.
    pub stop: &'static str,
    pub stops: Question,
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
        let action = models::task::action(self.service, work.action).filter(|_| served);
        let action = action.ok_or_else(unsupported)?;
        if work.waits_for_job() && jobs_elsewhere::is_begun(work).await? {
            return Ok(Answer::Begun);
        }
        let asked = asked(work, job);
        let answered = self.call(work, &action, &asked).await;
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
    /// The answer, and the answer with what AWS's SDK puts beside it.
    async fn call(
        &self,
        work: &Work<'_>,
        action: &Action,
        asked: &Value,
    ) -> Result<(Value, Value), Failed> {
        let endpoint = work.context.settings.elsewhere.endpoint(self.service);
        let endpoint =
            endpoint.ok_or_else(|| Failed::no_endpoint(self.service, &work.task.target))?;
        let members = action.input(asked).map_err(|misfits| aws_sdk::misfit(work, &misfits))?;
        let answered =
            elsewhere::call(work, endpoint, action.service, action.operation, &members).await;
        let answered =
            answered.map_err(|problem| self.names.failed(work, action.service, problem))?;
        let begun = action.output(&answered.members);
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

fn within_cluster(asked: &Value, mut question: Value) -> Value {
    if let Some(cluster) = asked.get("Cluster") {
        question["Cluster"] = cluster.clone();
    }
    question
}

/// A task has succeeded when its containers came to their end and none tells of an error.
fn ecs_succeeded(task: &Value) -> bool {
    let ran = matches!(task["StopCode"].as_str(), None | Some("EssentialContainerExited"));
    let failed = |container: &Value| container["ExitCode"].as_i64().is_some_and(|code| code != 0);
    ran && !task["Containers"].as_array().is_some_and(|all| all.iter().any(failed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_is_one_of_its_service() {
        for service in ALL {
            let jobs = service.jobs.iter();
            let of_jobs = jobs.flat_map(|job| [job.begin, job.describe, job.stop]);
            for name in of_jobs.chain(service.calls.iter().copied()) {
                let known = models::task::action(service.service, name);
                assert!(known.is_some(), "{}:{name}", service.service);
            }
        }
    }

    #[test]
    fn questions_fit_their_operations() {
        let asked = json!({ "Cluster": "c", "JobName": "n" });
        let begun = json!({
            "Tasks": [{ "TaskArn": "arn" }], "JobId": "i", "JobRunId": "r",
            "Build": { "Id": "b" }, "QueryExecutionId": "q",
        });
        for service in ALL {
            for job in service.jobs {
                for (name, question) in [(job.describe, job.question), (job.stop, job.stops)] {
                    let action = models::task::action(service.service, name).unwrap();
                    let question = question(&asked, &begun).expect("can be asked");
                    assert!(action.input(&question).is_ok(), "{name}: {question}");
                    assert_eq!((job.ended)(&json!({})), None);
                }
                assert_eq!((job.question)(&asked, &json!({})), None);
            }
        }
    }

    #[test]
    fn a_container_that_fails_fails_its_task() {
        let task = |code: Value, stop: &str| json!({ "LastStatus": "STOPPED", "StopCode": stop, "Containers": [{ "ExitCode": code }] });
        let ended = ECS.jobs[0].ended;
        assert_eq!(ended(&task(json!(0), "EssentialContainerExited")), Some(true));
        assert_eq!(ended(&task(json!(1), "EssentialContainerExited")), Some(false));
        assert_eq!(ended(&task(Value::Null, "TaskFailedToStart")), Some(false));
        assert_eq!(ended(&json!({ "LastStatus": "RUNNING" })), None);
    }
}
