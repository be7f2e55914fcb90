//! Jobs that run elsewhere, and the tasks that wait for them.

use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};

use services::iam::guard::Mode;

use super::{
    Received, Stand, Told, allow, described, ended, event_types, failure, output, settled_until,
    start, task,
};

/// The services that run jobs, which come to their end when they have been asked for three times.
fn services(request: &Received) -> Told {
    static LOOKS: AtomicU32 = AtomicU32::new(0);
    let looks =
        |so: &'static str| match (LOOKS.fetch_add(1, Ordering::SeqCst) + 1).is_multiple_of(3) {
            true => so,
            false => "",
        };
    let body: Value = serde_json::from_str(&request.body).unwrap_or_default();
    let called = request.head.lines().find_map(|line| line.strip_prefix("x-amz-target: "));
    let called = called.and_then(|target| target.rsplit('.').next()).unwrap_or(&request.line);
    let answer = match called {
        "startjobrun" => json!({ "JobRunId": format!("jr-{}", body["JobName"].as_str().unwrap()) }),
        "getjobrun" if body["RunId"] == "jr-forgotten" => {
            let told = json!({ "__type": "EntityNotFoundException", "message": "which?" });
            return (400, "", told.to_string());
        }
        "getjobrun" => {
            let last = if body["RunId"] == "jr-bad" { "FAILED" } else { "SUCCEEDED" };
            let state = Some(looks(last)).filter(|state| !state.is_empty()).unwrap_or("RUNNING");
            let state = if body["RunId"] == "jr-endless" { "RUNNING" } else { state };
            json!({ "JobRun": { "Id": body["RunId"], "JobName": body["JobName"], "JobRunState": state } })
        }
        "batchstopjobrun" => json!({}),
        "runtask" if body["taskDefinition"] == "none" => {
            json!({ "tasks": [], "failures": [{ "reason": "RESOURCE:MEMORY" }] })
        }
        "runtask" => {
            json!({ "tasks": [{ "taskArn": "arn:t", "lastStatus": "PROVISIONING" }], "failures": [] })
        }
        "describetasks" => {
            assert_eq!((&body["cluster"], &body["tasks"]), (&json!("c"), &json!(["arn:t"])));
            let state =
                Some(looks("STOPPED")).filter(|state| !state.is_empty()).unwrap_or("RUNNING");
            let containers = json!([{ "name": "main", "exitCode": 0 }]);
            json!({ "tasks": [{ "taskArn": "arn:t", "lastStatus": state, "containers": containers }] })
        }
        "startbuild" => json!({ "build": { "id": "p:1", "buildStatus": "IN_PROGRESS" } }),
        "batchgetbuilds" => {
            json!({ "builds": [{ "id": body["ids"][0], "buildStatus": "FAILED" }] })
        }
        "startqueryexecution" => json!({ "QueryExecutionId": "q1" }),
        "getqueryexecution" => {
            json!({ "QueryExecution": { "QueryExecutionId": "q1", "Status": { "State": "SUCCEEDED" } } })
        }
        line if line.starts_with("POST /v1/submitjob") => json!({ "jobId": "b1", "jobName": "n" }),
        line if line.starts_with("POST /v1/describejobs") => {
            let state = Some(looks("SUCCEEDED")).filter(|state| !state.is_empty());
            json!({ "jobs": [{ "jobId": body["jobs"][0], "status": state.unwrap_or("RUNNABLE") }] })
        }
        other => panic!("{other} is not expected"),
    };
    (200, "Content-Type: application/x-amz-json-1.1\r\n", answer.to_string())
}

fn sync(action: &str, parameters: Value) -> Value {
    task(&format!("arn:aws:states:::{action}.sync"), parameters)
}

#[tokio::test]
async fn tasks_wait_for_jobs_that_run_elsewhere() {
    let stand = Stand::new(services).await;
    let world = stand.world().await;
    let run = output(&world, sync("glue:startJobRun", json!({ "JobName": "good" }))).await;
    assert_eq!(run, json!({ "Id": "jr-good", "JobName": "good", "JobRunState": "SUCCEEDED" }));
    let parameters = json!({ "Cluster": "c", "TaskDefinition": "d" });
    let ran = output(&world, sync("ecs:runTask", parameters)).await;
    assert_eq!(ran["LastStatus"], "STOPPED");
    assert_eq!(ran["Containers"][0]["ExitCode"], 0);
    let parameters = json!({ "JobName": "n", "JobQueue": "q", "JobDefinition": "d" });
    let job = output(&world, sync("batch:submitJob", parameters)).await;
    assert_eq!(job, json!({ "JobId": "b1", "Status": "SUCCEEDED" }));
    let parameters = json!({ "QueryString": "SELECT 1" });
    let query = output(&world, sync("athena:startQueryExecution", parameters)).await;
    assert_eq!(query["QueryExecution"]["Status"]["State"], "SUCCEEDED");
}

#[tokio::test]
async fn a_job_that_fails_fails_its_task() {
    let stand = Stand::new(services).await;
    let world = stand.world().await;
    let failed = failure(&world, sync("glue:startJobRun", json!({ "JobName": "bad" }))).await;
    assert_eq!(failed.0, "States.TaskFailed");
    let cause: Value = serde_json::from_str(&failed.1).unwrap();
    assert_eq!(cause["JobRunState"], "FAILED");
    let failed = failure(&world, sync("codebuild:startBuild", json!({ "ProjectName": "p" }))).await;
    let cause: Value = serde_json::from_str(&failed.1).unwrap();
    assert_eq!(cause, json!({ "Build": { "Id": "p:1", "BuildStatus": "FAILED" } }));
    // The service does not know it any more.
    let forgotten = sync("glue:startJobRun", json!({ "JobName": "forgotten" }));
    let (error, cause) = failure(&world, forgotten).await;
    assert_eq!(error, "States.TaskFailed");
    assert!(cause.contains("which?"), "{cause}");
    let nowhere = sync("ecs:runTask", json!({ "TaskDefinition": "none" }));
    let (error, cause) = failure(&world, nowhere).await;
    assert_eq!(error, "AmazonECS.Unknown");
    assert!(cause.contains("RESOURCE:MEMORY"), "{cause}");
}

fn calls(stand: &Stand, name: &str) -> usize {
    let received = stand.received.lock().unwrap();
    let target = format!(".{name}\r\n");
    received.iter().filter(|request| format!("{}\r\n", request.head).contains(&target)).count()
}

#[tokio::test]
async fn events_tell_that_a_job_was_submitted_and_who_stops_an_execution_stops_its_job() {
    let stand = Stand::new(services).await;
    let world = stand.world().await;
    let state = sync("glue:startJobRun", json!({ "JobName": "endless" }));
    let execution = start(&world, state).await;
    settled_until(&world, || async { calls(&stand, "getjobrun") > 2 }).await;
    assert_eq!(described(&world, &execution).await["status"], "RUNNING");
    assert_eq!(
        event_types(&world, &execution).await,
        ["ExecutionStarted", "TaskStateEntered", "TaskScheduled", "TaskStarted", "TaskSubmitted"]
    );
    let asked = json!({ "executionArn": execution });
    world.call(None, "stepfunctions", "StopExecution", asked).await.unwrap();
    world.settle().await;
    assert_eq!(calls(&stand, "batchstopjobrun"), 1);
}

#[tokio::test]
async fn the_role_is_asked_for_what_follows_a_job_and_for_what_ends_it() {
    let stand = Stand::new(services).await;
    let world = stand.world_in(Mode::Enforce).await;
    let good = || sync("glue:startJobRun", json!({ "JobName": "good" }));
    allow(&world, &["glue:StartJobRun"]).await;
    let (error, cause) = failure(&world, good()).await;
    assert_eq!(error, "States.TaskFailed");
    assert!(cause.contains("is not authorized to perform: glue:GetJobRun on"), "{cause}");
    assert_eq!(calls(&stand, "getjobrun"), 0);
    allow(&world, &["glue:StartJobRun", "glue:GetJobRun"]).await;
    output(&world, good()).await;

    for (actions, stopped) in [
        (&["glue:StartJobRun", "glue:GetJobRun"][..], 0),
        (&["glue:StartJobRun", "glue:GetJobRun", "glue:BatchStopJobRun"], 1),
    ] {
        allow(&world, actions).await;
        let asked = calls(&stand, "getjobrun");
        let endless = sync("glue:startJobRun", json!({ "JobName": "endless" }));
        let execution = start(&world, endless).await;
        settled_until(&world, || async { calls(&stand, "getjobrun") > asked }).await;
        let stop = json!({ "executionArn": execution });
        world.call(None, "stepfunctions", "StopExecution", stop).await.unwrap();
        world.settle().await;
        assert_eq!(calls(&stand, "batchstopjobrun"), stopped);
    }
}

#[tokio::test]
async fn an_api_that_is_signed_for_asks_the_role() {
    let stand = Stand::new(|_| (200, "Content-Type: application/json\r\n", "{}".to_owned())).await;
    let world = stand.world_in(Mode::Enforce).await;
    let call = |how: &str| {
        let api = "id.execute-api.us-east-1.amazonaws.com";
        let parameters =
            json!({ "ApiEndpoint": api, "Method": "GET", "Stage": "prod", "AuthType": how });
        task("arn:aws:states:::apigateway:invoke", parameters)
    };
    allow(&world, &["sqs:SendMessage"]).await;
    let (error, cause) = failure(&world, call("IAM_ROLE")).await;
    assert_eq!(error, "ApiGateway.403");
    let on =
        "execute-api:Invoke on resource: arn:aws:execute-api:us-east-1:000000000000:id/prod/GET/";
    assert!(cause.contains(on), "{cause}");
    output(&world, call("NO_AUTH")).await;
    allow(&world, &["execute-api:Invoke"]).await;
    output(&world, call("IAM_ROLE")).await;
}

#[tokio::test]
async fn a_job_is_begun_by_a_call_alone_too() {
    let stand = Stand::new(services).await;
    let world = stand.world().await;
    let state = task("arn:aws:states:::glue:startJobRun", json!({ "JobName": "good" }));
    let begun = output(&world, state).await;
    assert_eq!(begun["JobRunId"], "jr-good");
    assert_eq!(begun["SdkHttpMetadata"]["HttpStatusCode"], 200);
    let other = task("arn:aws:states:::codebuild:listBuilds", json!({}));
    let description = ended(&world, other).await;
    assert_eq!(description["error"], "States.TaskFailed");
}

/// Services that ended their jobs long ago.
fn done(request: &Received) -> Told {
    let body: Value = serde_json::from_str(&request.body).unwrap_or_default();
    let target = request.head.lines().find_map(|line| line.strip_prefix("x-amz-target: "));
    let called = target.and_then(|target| target.rsplit('.').next()).unwrap_or(&request.line);
    let answer = match called {
        "runjobflow" => json!({ "JobFlowId": "j-1", "ClusterArn": "arn:c" }),
        "describecluster" => {
            let state = if body["ClusterId"] == "j-1" { "WAITING" } else { "TERMINATED" };
            json!({ "Cluster": { "Id": body["ClusterId"], "Status": { "State": state } } })
        }
        "terminatejobflows" => {
            assert_eq!(body["JobFlowIds"], json!(["j-2"]));
            json!({})
        }
        "addjobflowsteps" => {
            assert_eq!(body["Steps"][0]["Name"], "s");
            json!({ "StepIds": ["s-1"] })
        }
        "describestep" => json!({ "Step": { "Id": "s-1", "Status": { "State": "FAILED" } } }),
        "cancelsteps" => {
            assert_eq!(body["StepIds"], json!(["s-1"]));
            json!({ "CancelStepsInfoList": [{ "StepId": "s-1", "Status": "SUBMITTED" }] })
        }
        "startbuildbatch" => json!({ "buildBatch": { "id": "b:1" } }),
        "batchgetbuildbatches" => {
            json!({ "buildBatches": [{ "id": "b:1", "buildBatchStatus": "SUCCEEDED" }] })
        }
        "DELETE /clusters/k" => json!({ "cluster": { "name": "k", "status": "DELETING" } }),
        "GET /clusters/k" => {
            let gone = "x-amzn-errortype: ResourceNotFoundException\r\n";
            return (404, gone, json!({ "message": "No cluster found" }).to_string());
        }
        "POST /clusters/k/node-groups" => json!({ "nodegroup": { "nodegroupName": "g" } }),
        "GET /clusters/k/node-groups/g" => {
            json!({ "nodegroup": { "nodegroupName": "g", "status": "ACTIVE" } })
        }
        "POST /virtualclusters/v/jobruns" => json!({ "id": "r", "virtualClusterId": "v" }),
        "GET /virtualclusters/v/jobruns/r" => {
            json!({ "jobRun": { "id": "r", "state": "COMPLETED" } })
        }
        "POST /applications/a/jobruns" => {
            json!({ "applicationId": "a", "jobRunId": "r", "arn": "x" })
        }
        line if line.starts_with("GET /applications/a/jobruns/r") => {
            json!({ "jobRun": { "applicationId": "a", "jobRunId": "r", "state": "SUCCESS" } })
        }
        "POST /jobs/n/startJobRun" => json!({ "RunId": "r" }),
        "GET /jobs/n/jobRun/r" => json!({ "JobName": "n", "RunId": "r", "State": "SUCCEEDED" }),
        "POST /2017-08-29/jobs" => json!({ "job": { "id": "m", "status": "SUBMITTED" } }),
        "GET /2017-08-29/jobs/m" => json!({ "job": { "id": "m", "status": "COMPLETE" } }),
        "POST /model-customization-jobs" => json!({ "jobArn": "arn:m" }),
        line if line.starts_with("GET /model-customization-jobs/") => {
            json!({ "jobArn": "arn:m", "jobName": "n", "status": "Stopped" })
        }
        other => panic!("{other} is not expected"),
    };
    (200, "Content-Type: application/x-amz-json-1.1\r\n", answer.to_string())
}

#[tokio::test]
async fn every_service_tells_of_its_jobs_in_its_own_way() {
    let stand = Stand::new(done).await;
    let world = stand.world().await;
    let role = "arn:aws:iam::000000000000:role/r";
    let nodegroup = json!({ "NodegroupName": "g", "Status": "ACTIVE" });
    let cluster = json!({ "Id": "j-1", "Status": { "State": "WAITING" } });
    let terminated = json!({ "Id": "j-2", "Status": { "State": "TERMINATED" } });
    let run = json!({ "ApplicationId": "a", "JobRunId": "r", "State": "SUCCESS" });
    for (action, parameters, result) in [
        (
            "elasticmapreduce:createCluster",
            json!({ "Name": "c", "Instances": { "KeepJobFlowAliveWhenNoSteps": true } }),
            json!({ "Cluster": cluster, "ClusterId": "j-1" }),
        ),
        (
            "elasticmapreduce:terminateCluster",
            json!({ "ClusterId": "j-2" }),
            json!({ "Cluster": terminated, "ClusterId": "j-2" }),
        ),
        (
            "codebuild:startBuildBatch",
            json!({ "ProjectName": "p" }),
            json!({ "BuildBatch": { "Id": "b:1", "BuildBatchStatus": "SUCCEEDED" } }),
        ),
        // What is not there any more is deleted.
        (
            "eks:deleteCluster",
            json!({ "Name": "k" }),
            json!({ "Cluster": { "Name": "k", "Status": "DELETING" } }),
        ),
        (
            "eks:createNodegroup",
            json!({ "ClusterName": "k", "NodegroupName": "g", "Subnets": ["s"], "NodeRole": role }),
            json!({ "Nodegroup": nodegroup }),
        ),
        (
            "emr-containers:startJobRun",
            json!({ "VirtualClusterId": "v", "ExecutionRoleArn": role }),
            json!({ "JobRun": { "Id": "r", "State": "COMPLETED" } }),
        ),
        (
            "emr-serverless:startJobRun",
            json!({ "ApplicationId": "a", "ExecutionRoleArn": role }),
            json!({ "JobRun": run }),
        ),
        (
            "databrew:startJobRun",
            json!({ "Name": "n" }),
            json!({ "JobName": "n", "RunId": "r", "State": "SUCCEEDED" }),
        ),
        (
            "mediaconvert:createJob",
            json!({ "Role": role, "Settings": {} }),
            json!({ "Job": { "Id": "m", "Status": "COMPLETE" } }),
        ),
    ] {
        assert_eq!(output(&world, sync(action, parameters)).await, result, "{action}");
    }
    let step =
        json!({ "ClusterId": "j-1", "Step": { "Name": "s", "HadoopJarStep": { "Jar": "j" } } });
    let failed = failure(&world, sync("elasticmapreduce:addStep", step)).await;
    let cause: Value = serde_json::from_str(&failed.1).unwrap();
    assert_eq!(cause["Step"]["Status"]["State"], "FAILED");
    let data = json!({ "S3Uri": "s3://b/k" });
    let model = json!({ "JobName": "n", "CustomModelName": "m", "RoleArn": role, "BaseModelIdentifier": "b",
        "TrainingDataConfig": data, "OutputDataConfig": data });
    let failed = failure(&world, sync("bedrock:createModelCustomizationJob", model)).await;
    assert_eq!(failed.0, "States.TaskFailed");
    // A call alone.
    let cancel = json!({ "ClusterId": "j-1", "StepId": "s-1" });
    let cancelled =
        output(&world, task("arn:aws:states:::elasticmapreduce:cancelStep", cancel)).await;
    assert_eq!(cancelled["CancelStepsInfo"]["Status"], "SUBMITTED");
    // A cluster's own API is not AWS's.
    let call = task("arn:aws:states:::eks:call", json!({ "Method": "GET" }));
    assert_eq!(ended(&world, call).await["error"], "States.TaskFailed");
}
