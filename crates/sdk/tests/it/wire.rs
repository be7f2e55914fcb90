//! What is sent, what is read, and what is sent again.

use serde_json::{Value, json};
use stepwell_sdk::steps::Pass;
use stepwell_sdk::workflow::StateStatus;
use stepwell_sdk::{Client, Error, ExecutionStatus, Predictor, Session, Workflow, execution_role};

use crate::chapter;
use crate::fake::{Asked, Fake, ok, refused};

fn target(asked: &Asked) -> String {
    asked.header("x-amz-target").to_owned()
}

#[tokio::test]
async fn json_services_are_signed_and_answered() {
    let fake = Fake::new(|_, _| ok(r#"{"TrainingJobStatus": "Completed"}"#)).await;
    let answer = fake
        .client
        .call("sagemaker", "DescribeTrainingJob", json!({ "TrainingJobName": "j" }))
        .await
        .unwrap();
    assert_eq!(answer["TrainingJobStatus"], "Completed");
    let asked = &fake.asked()[0];
    assert_eq!((asked.method.as_str(), asked.path.as_str()), ("POST", "/"));
    assert_eq!(target(asked), "SageMaker.DescribeTrainingJob");
    assert_eq!(asked.header("content-type"), "application/x-amz-json-1.1");
    assert_eq!(asked.header("x-amz-security-token"), "token");
    assert_eq!(asked.header("host"), fake.address.strip_prefix("http://").unwrap());
    let authorization = asked.header("authorization");
    assert!(authorization.starts_with("AWS4-HMAC-SHA256 Credential=AKID/"), "{authorization}");
    assert!(authorization.contains(
        "/eu-west-1/sagemaker/aws4_request, SignedHeaders=content-type;host;x-amz-date;"
    ));
    assert_eq!(asked.json(), json!({ "TrainingJobName": "j" }));

    fake.client.call("stepfunctions", "ListStateMachines", Value::Null).await.unwrap();
    assert_eq!(fake.asked()[1].header("content-type"), "application/x-amz-json-1.0");
    assert!(fake.asked()[1].header("authorization").contains("/states/aws4_request"));

    let unknown = fake.client.call("kinesis", "PutRecord", json!({})).await.unwrap_err();
    assert!(unknown.to_string().starts_with("service `kinesis` is not known"), "{unknown}");
    assert_eq!(fake.asked().len(), 2);
}

#[tokio::test]
async fn refusals_are_typed_and_not_repeated() {
    let fake = Fake::new(|_, _| refused(400, "ResourceNotFound", "no such job")).await;
    let error = fake.client.call("sagemaker", "DescribeTrainingJob", json!({})).await.unwrap_err();
    assert!(error.is("ResourceNotFound"));
    let refusal = error.service().unwrap();
    assert_eq!((refusal.message.as_str(), refusal.status), ("no such job", 400));
    assert_eq!(refusal.request_id.as_deref(), Some("req-1"));
    assert_eq!(
        error.to_string(),
        "ResourceNotFound: no such job (sagemaker:DescribeTrainingJob, HTTP 400, request req-1)"
    );
    assert_eq!(fake.asked().len(), 1);
}

#[tokio::test]
async fn what_passes_is_tried_again() {
    let fake = Fake::new(|_, number| match number {
        1 => refused(400, "ThrottlingException", "slower"),
        2 => (503, vec![], "busy".to_owned()),
        _ => ok("{}"),
    })
    .await;
    fake.client.call("stepfunctions", "ListStateMachines", json!({})).await.unwrap();
    assert_eq!(fake.asked().len(), 3);

    let fake = Fake::new(|_, _| (500, vec![], String::new())).await;
    let error =
        fake.client.call("stepfunctions", "ListStateMachines", json!({})).await.unwrap_err();
    assert_eq!(error.service().unwrap().status, 500);
    assert_eq!(fake.asked().len(), 3);

    // A port that nobody listens on.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let nobody = Client::builder()
        .endpoint(format!("http://127.0.0.1:{port}"))
        .retries(2, Default::default());
    let error =
        nobody.build().unwrap().call("sts", "GetCallerIdentity", json!({})).await.unwrap_err();
    assert!(matches!(error, Error::Transport { .. }));
    assert!(error.to_string().contains("refused"), "{error}");
}

#[tokio::test]
async fn query_services_speak_forms_and_xml() {
    let fake = Fake::new(|asked, _| {
        let text = asked.text();
        if text.contains("Action=GetCallerIdentity") {
            ok("<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult><Arn>arn:aws:sts::123456789012:assumed-role/stepwell/local</Arn><UserId>A:local</UserId><Account>123456789012</Account></GetCallerIdentityResult><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></GetCallerIdentityResponse>")
        } else if text.contains("Action=GetRole&Version=2010-05-08&RoleName=stepwell") {
            ok("<GetRoleResponse><GetRoleResult><Role><Arn>arn:aws:iam::123456789012:role/stepwell</Arn></Role></GetRoleResult></GetRoleResponse>")
        } else {
            (404, vec![], "<ErrorResponse><Error><Type>Sender</Type><Code>NoSuchEntity</Code><Message>no &lt;role&gt;</Message></Error><RequestId>r-2</RequestId></ErrorResponse>".to_owned())
        }
    })
    .await;
    assert_eq!(
        execution_role(&fake.client).await.unwrap(),
        "arn:aws:iam::123456789012:role/stepwell"
    );
    let tags = json!({ "RoleName": "other", "Tags": [{ "Key": "a b", "Value": "c" }], "MaxSessionDuration": 3600 });
    let error = fake.client.call("iam", "CreateRole", tags).await.unwrap_err();
    assert_eq!(
        fake.asked().last().unwrap().text(),
        "Action=CreateRole&Version=2010-05-08&RoleName=other&Tags.member.1.Key=a%20b&Tags.member.1.Value=c&MaxSessionDuration=3600"
    );
    let refusal = error.service().unwrap();
    assert_eq!((refusal.code.as_str(), refusal.message.as_str()), ("NoSuchEntity", "no <role>"));
    assert_eq!(refusal.request_id.as_deref(), Some("r-2"));
}

#[tokio::test]
async fn objects_go_in_and_out() {
    let fake = Fake::new(|asked, _| match (asked.method.as_str(), asked.path.as_str()) {
        ("GET", path) if path.contains("continuation-token=next%2F1") => ok(
            "<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>b</Key><Size>2</Size></Contents></ListBucketResult>",
        ),
        ("GET", path) if path.contains("list-type=2") => ok(
            "<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>next/1</NextContinuationToken><Contents><Key>a &amp; a</Key><Size>1</Size><ETag>&quot;e&quot;</ETag><LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents></ListBucketResult>",
        ),
        ("HEAD", "/bucket/none") => (404, vec![], String::new()),
        ("HEAD", _) => (200, vec![("etag", "\"e\"".to_owned()), ("content-length", "11".to_owned())], String::new()),
        ("GET", _) if !asked.header("range").is_empty() => (206, vec![], "hello world".to_owned()),
        _ => ok("hello"),
    })
    .await;
    let s3 = fake.client.s3();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("Train.csv");
    let content = "1,2\n".repeat(100_000);
    std::fs::write(&file, &content).unwrap();
    s3.put_file("bucket", "data/Träin (1).csv", &file).await.unwrap();
    let put = &fake.asked()[0];
    assert_eq!(
        (put.method.as_str(), put.path.as_str()),
        ("PUT", "/bucket/data/Tr%C3%A4in%20%281%29.csv")
    );
    assert_eq!(put.header("content-length"), content.len().to_string());
    assert_eq!(put.header("content-type"), "text/csv");
    assert_eq!(put.header("x-amz-content-sha256").len(), 64);
    assert_eq!(put.text(), content);

    let keys: Vec<String> =
        s3.list_objects("bucket", "").await.unwrap().into_iter().map(|object| object.key).collect();
    assert_eq!(keys, ["a & a", "b"]);
    assert_eq!(s3.get_object("bucket", "x").await.unwrap(), "hello");
    let copy = folder.path().join("copy");
    s3.get_file("bucket", "x", &copy).await.unwrap();
    assert_eq!(std::fs::read_to_string(&copy).unwrap(), "hello world");
    assert_eq!(fake.asked().last().unwrap().header("if-match"), "\"e\"");
    assert!(s3.head_object("bucket", "none").await.unwrap_err().is("NotFound"));
    s3.create_bucket("other").await.unwrap();
    assert!(
        fake.asked()
            .last()
            .unwrap()
            .text()
            .contains("<LocationConstraint>eu-west-1</LocationConstraint>")
    );

    let missing = s3.put_file("bucket", "x", folder.path().join("missing")).await.unwrap_err();
    assert!(matches!(missing, Error::File { .. }));
}

#[tokio::test]
async fn the_default_bucket_is_made_once() {
    let fake = Fake::new(|asked, number| match (asked.method.as_str(), number) {
        ("POST", _) => ok("<R><GetCallerIdentityResult><Account>123456789012</Account></GetCallerIdentityResult></R>"),
        ("HEAD", _) => (404, vec![], String::new()),
        ("PUT", 3) => (409, vec![], "<Error><Code>BucketAlreadyOwnedByYou</Code><Message>yours</Message></Error>".to_owned()),
        _ => ok(""),
    })
    .await;
    let session = Session::new(&fake.client);
    assert_eq!(session.default_bucket().await.unwrap(), "sagemaker-eu-west-1-123456789012");
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.csv"), "1").unwrap();
    let uri = session.upload(folder.path().join("a.csv"), "b", "/data/").await.unwrap();
    assert_eq!(uri, "s3://b/data/a.csv");
}

#[tokio::test]
async fn endpoints_are_asked_by_path() {
    let fake = Fake::new(|asked, _| match asked.header("content-type") {
        "text/csv" => ok("1.5,2.25\n[3]\n"),
        "application/json" => ok(r#"{"predictions": [{"score": 1.0}]}"#),
        _ => (
            424,
            vec![("x-amzn-ErrorType", "ModelError:http://x".to_owned())],
            r#"{"Message": "bad row"}"#.to_owned(),
        ),
    })
    .await;
    let predictor = Predictor::new(&fake.client, "big-mart");
    assert_eq!(predictor.predict_csv(&[[9.3, 0.016], [1.0, 2.0]]).await.unwrap(), [1.5, 2.25, 3.0]);
    let asked = &fake.asked()[0];
    assert_eq!(asked.path, "/endpoints/big-mart/invocations");
    assert_eq!(asked.text(), "9.3,0.016\n1,2");
    assert!(asked.header("authorization").contains("/sagemaker/aws4_request"));
    assert_eq!(predictor.predict_json(&json!({})).await.unwrap()["predictions"][0]["score"], 1.0);
    let error = predictor.predict("text/x", None, "?").await.unwrap_err();
    assert!(error.is("ModelError"));
    assert_eq!(error.service().unwrap().message, "bad row");
}

#[tokio::test]
async fn a_workflow_is_created_executed_and_watched() {
    let machine = "arn:aws:states:eu-west-1:1:stateMachine:big-mart";
    let fake = Fake::new(move |asked, number| match target(asked).trim_start_matches("AWSStepFunctions.") {
        "CreateStateMachine" => ok(json!({ "stateMachineArn": machine, "creationDate": 1.5 }).to_string()),
        "StartExecution" => ok(json!({ "executionArn": "arn:e", "startDate": 2.5 }).to_string()),
        "DescribeExecution" if number < 6 => ok(json!({ "status": "RUNNING", "input": "{}" }).to_string()),
        "DescribeExecution" => {
            ok(json!({ "status": "SUCCEEDED", "input": "{}", "output": "{\"EndpointArn\": \"x\"}", "stopDate": 9 }).to_string())
        }
        "GetExecutionHistory" if asked.json()["nextToken"].is_null() => ok(json!({
            "nextToken": "more",
            "events": [
                { "id": 1, "previousEventId": 0, "timestamp": 2.5, "type": "ExecutionStarted" },
                { "id": 2, "previousEventId": 0, "timestamp": 2.5, "type": "TaskStateEntered",
                  "stateEnteredEventDetails": { "name": "Train Step" } },
            ],
        })
        .to_string()),
        "GetExecutionHistory" => ok(json!({ "events": [
            { "id": 3, "previousEventId": 2, "timestamp": 4.5, "type": "TaskStateExited",
              "stateExitedEventDetails": { "name": "Train Step" } },
        ] })
        .to_string()),
        "" if asked.path == "/_stepwell/graph" => ok("<svg/>"),
        other => refused(400, "UnknownOperationException", other),
    })
    .await;
    let workflow = chapter::big_mart().create(&fake.client).await.unwrap();
    assert_eq!((workflow.arn(), workflow.differs()), (machine, false));
    let sent = fake.asked()[0].json();
    let definition: Value = serde_json::from_str(sent["definition"].as_str().unwrap()).unwrap();
    assert_eq!(definition, workflow.definition());

    // Nothing is sent when the input does not fit.
    let refused = workflow.execute(json!({ "JobName": 1 })).await.unwrap_err();
    let Error::Schema(violation) = refused else { panic!("{refused}") };
    assert_eq!(violation.missing, ["ModelName", "EndpointName"]);
    assert_eq!(fake.asked().len(), 1);

    let names = json!({ "JobName": "j", "ModelName": "m", "EndpointName": "e" });
    let execution = workflow.execute(names.clone()).await.unwrap();
    let sent = fake.asked()[1].json();
    assert_eq!(serde_json::from_str::<Value>(sent["input"].as_str().unwrap()).unwrap(), names);
    assert_eq!(sent["name"], execution.name());
    assert_eq!(execution.output(false).await.unwrap(), None);
    let end = execution.wait().await.unwrap();
    assert_eq!(end.status, ExecutionStatus::Succeeded);
    assert_eq!(end.output, Some(json!({ "EndpointArn": "x" })));
    let progress = execution.render_progress().await.unwrap();
    assert_eq!(progress.states[0].status, StateStatus::Succeeded);
    assert_eq!(progress.states[0].duration.unwrap().as_secs(), 2);
    assert_eq!(progress.states[1].status, StateStatus::NotStarted);
    assert_eq!(execution.events(1).await.unwrap().len(), 1);

    // Pictures are drawn by the server, each in the form that is asked for.
    assert_eq!(workflow.render_graph().picture().svg().await.unwrap(), "<svg/>");
    let sent = fake.asked().last().unwrap().json();
    assert_eq!((&sent["format"], &sent["definition"]), (&json!("svg"), &workflow.definition()));
    let folder = tempfile::tempdir().unwrap();
    for (file, format) in
        [("a.svg", "svg"), ("a.mmd", "mermaid"), ("a.json", "json"), ("a", "text")]
    {
        progress.picture().save(folder.path().join(file)).await.unwrap();
        let sent = fake.asked().last().unwrap().json();
        assert_eq!(sent, json!({ "executionArn": execution.arn(), "format": format }));
        assert_eq!(std::fs::read_to_string(folder.path().join(file)).unwrap(), "<svg/>");
    }
    // In a notebook, where nothing can be awaited.
    let graph = workflow.render_graph();
    tokio::task::spawn_blocking(move || graph.evcxr_display()).await.unwrap();
    assert_eq!(fake.asked().last().unwrap().json()["format"], "svg");
}

#[tokio::test]
async fn resources_are_named_in_the_partition_of_the_region() {
    let fake = Fake::new(|_, _| ok(r#"{"stateMachineArn": "arn"}"#)).await;
    let china = Client::builder().endpoint(&fake.address).region("cn-north-1").build().unwrap();
    chapter::big_mart().create(&china).await.unwrap();
    let sent = fake.asked()[0].json();
    let definition: Value = serde_json::from_str(sent["definition"].as_str().unwrap()).unwrap();
    let resource = &definition["States"]["Train Step"]["Resource"];
    assert_eq!(resource, "arn:aws-cn:states:::sagemaker:createTrainingJob.sync");
}

#[tokio::test]
async fn a_workflow_that_is_there_otherwise_is_attached_to() {
    let fake = Fake::new(|asked, _| match target(asked).as_str() {
        "AWSStepFunctions.CreateStateMachine" => {
            refused(400, "StateMachineAlreadyExists", "State Machine Already Exists: 'arn:aws:states:x'")
        }
        "AWSStepFunctions.DescribeStateMachine" => ok(json!({
            "name": "old", "roleArn": "role", "stateMachineArn": "arn:aws:states:x",
            "definition": "{\"StartAt\": \"A\", \"States\": {\"A\": {\"Type\": \"Succeed\"}}}",
        })
        .to_string()),
        "AWSStepFunctions.ListStateMachines" => ok(json!({
            "stateMachines": [{ "name": "a", "stateMachineArn": "1", "creationDate": 1 }], "nextToken": "t",
        })
        .to_string()),
        _ => ok("{}"),
    })
    .await;
    let mut workflow =
        Workflow::new("w", Pass::new("A"), "role").unwrap().create(&fake.client).await.unwrap();
    assert_eq!((workflow.arn(), workflow.differs()), ("arn:aws:states:x", true));
    workflow.update(Pass::new("B")).await.unwrap();
    assert!(!workflow.differs());
    let sent = fake.asked().last().unwrap().json();
    assert!(sent["definition"].as_str().unwrap().contains("\"B\""));
    workflow.delete().await.unwrap();
    assert_eq!(target(fake.asked().last().unwrap()), "AWSStepFunctions.DeleteStateMachine");

    let attached = Workflow::attach(&fake.client, "arn:aws:states:x").await.unwrap();
    assert_eq!((attached.name(), attached.definition()["StartAt"].as_str()), ("old", Some("A")));
    assert_eq!(Workflow::list(&fake.client, 3).await.unwrap().len(), 3);
}

#[tokio::test]
async fn tls_trusts_the_bundle_and_nothing_else() {
    let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let bundle = folder.path().join("ca.pem");
    std::fs::write(&bundle, certified.cert.pem()).unwrap();
    let key =
        rustls::pki_types::PrivateKeyDer::try_from(certified.signing_key.serialize_der()).unwrap();
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certified.cert.der().clone()], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(std::sync::Arc::new(config));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(stream) = acceptor.accept(stream).await else { continue };
            let answer = hyper::service::service_fn(|_| async {
                let body = http_body_util::Full::new(bytes::Bytes::from_static(
                    b"{\"stateMachines\": []}",
                ));
                Ok::<_, std::convert::Infallible>(hyper::Response::new(body))
            });
            let stream = hyper_util::rt::TokioIo::new(stream);
            tokio::spawn(
                hyper::server::conn::http1::Builder::new().serve_connection(stream, answer),
            );
        }
    });
    let builder =
        Client::builder().endpoint(endpoint).region("us-east-1").retries(1, Default::default());
    let trusting = builder.clone().ca_bundle(&bundle).build().unwrap();
    trusting.call("stepfunctions", "ListStateMachines", json!({})).await.unwrap();
    // Whether the system has other roots or none at all, this server is not among them.
    let wary = builder
        .clone()
        .build()
        .unwrap()
        .call("stepfunctions", "ListStateMachines", json!({}))
        .await;
    assert!(matches!(wary, Err(Error::Transport { .. } | Error::Config(_))), "{wary:?}");
    let missing = builder.ca_bundle(folder.path().join("none.pem")).build().unwrap();
    let missing = missing.call("stepfunctions", "ListStateMachines", json!({})).await.unwrap_err();
    assert!(matches!(missing, Error::Config(_)), "{missing}");
}
