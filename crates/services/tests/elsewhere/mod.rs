//! Tasks of services that answer elsewhere, against a small HTTP server of the test's own.

mod http;
mod jobs;

use std::sync::{Arc, Mutex};

use remote::{Credentials, Endpoint};
use serde_json::{Value, json};
use services::elsewhere::{Connection, Elsewhere};
use services::iam::guard::Mode;
use services::integrations;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::world::World;

/// A request as it came.
#[derive(Clone, Debug, Default)]
struct Received {
    /// `POST /path?query`
    line: String,
    /// In small letters.
    head: String,
    body: String,
}

/// What is answered: the status, further headers (each with its line's end), the body.
type Told = (u16, &'static str, String);
type Answer = fn(&Received) -> Told;

struct Stand {
    url: String,
    received: Arc<Mutex<Vec<Received>>>,
}

impl Stand {
    async fn new(answer: Answer) -> Stand {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let received = Arc::new(Mutex::new(Vec::new()));
        let kept = received.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, answer, kept.clone()));
            }
        });
        Stand { url, received }
    }

    fn last(&self) -> Received {
        self.received.lock().unwrap().last().cloned().unwrap_or_default()
    }

    async fn world(&self) -> World {
        self.world_in(Mode::default()).await
    }

    async fn world_in(&self, mode: Mode) -> World {
        let keys = Credentials {
            access_key: "AKIDEXAMPLE".to_owned(),
            secret_key: "secret".to_owned(),
            session_token: None,
        };
        const JOBS: [&str; 12] = [
            "ecs",
            "batch",
            "eks",
            "glue",
            "databrew",
            "athena",
            "emr",
            "emr-containers",
            "emr-serverless",
            "codebuild",
            "mediaconvert",
            "bedrock",
        ];
        let mut elsewhere = Elsewhere::default();
        let services = ["lambda", "sqs", "sns", "dynamodb", "events", "ssm", "kms", "apigateway"];
        for service in services.into_iter().chain(JOBS) {
            let endpoint = Endpoint::new(&self.url, Some(keys.clone())).unwrap();
            elsewhere = elsewhere.with_endpoint(service, endpoint).unwrap();
        }
        let shop: Connection = serde_json::from_value(json!({
            "basic": { "username": "u", "password": "p" },
            "headers": { "x-shop": "1" }, "query_parameters": { "q": "ours" }, "body": { "mode": "ours" },
        }))
        .unwrap();
        let with = |how: Value| serde_json::from_value::<Connection>(how).unwrap();
        let oauth = |secret: &str| {
            with(json!({ "oauth": {
                "authorization_endpoint": format!("{}/token", self.url),
                "client_id": "c", "client_secret": secret, "body": { "scope": "orders" },
            }}))
        };
        let keyed = with(json!({ "api_key": { "name": "x-api-key", "value": "k3y" } }));
        let connections = [
            ("shop", shop),
            ("keyed", keyed),
            ("oauth", oauth("right")),
            ("wrong", oauth("wrong")),
        ];
        let connections = connections.map(|(name, how)| (name.to_owned(), how));
        let elsewhere = elsewhere.with_connections(connections.into());
        World::with(mode, |settings| settings.with_elsewhere(elsewhere)).await
    }
}

async fn serve(mut stream: TcpStream, answer: Answer, kept: Arc<Mutex<Vec<Received>>>) {
    let mut bytes = Vec::new();
    loop {
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
            if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
                return;
            }
            continue;
        };
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length")
                .then(|| value.trim().parse::<usize>().unwrap())
        });
        let whole = end + 4 + length.unwrap_or(0);
        while bytes.len() < whole {
            if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
                return;
            }
        }
        let received = Received {
            line: head.lines().next().unwrap().trim_end_matches(" HTTP/1.1").to_owned(),
            head: head.to_lowercase(),
            body: String::from_utf8_lossy(&bytes[end + 4..whole]).into_owned(),
        };
        bytes.drain(..whole);
        let (status, headers, body) = answer(&received);
        kept.lock().unwrap().push(received);
        if status == 0 {
            // Somebody who never answers.
            std::future::pending::<()>().await;
        }
        let answer = format!(
            "HTTP/1.1 {status} X\r\nx-amzn-RequestId: id-1\r\n{headers}Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

const ROLE: &str = "arn:aws:iam::000000000000:role/r";

/// Makes the role, which may do this alone.
async fn allow(world: &World, actions: &[&str]) {
    let version = "2012-10-17";
    let trust = json!({ "Version": version, "Statement": [
        { "Effect": "Allow", "Principal": { "Service": "states.amazonaws.com" }, "Action": "sts:AssumeRole" },
    ] });
    let role = json!({ "RoleName": "r", "AssumeRolePolicyDocument": trust.to_string() });
    if world.call(None, "iam", "GetRole", json!({ "RoleName": "r" })).await.is_err() {
        world.call(None, "iam", "CreateRole", role).await.unwrap();
    }
    let policy = json!({ "Version": version, "Statement": [
        { "Effect": "Allow", "Action": actions, "Resource": "*" },
    ] });
    let asked =
        json!({ "RoleName": "r", "PolicyName": "only", "PolicyDocument": policy.to_string() });
    world.call(None, "iam", "PutRolePolicy", asked).await.unwrap();
}

async fn start(world: &World, state: Value) -> String {
    let definition = json!({ "StartAt": "S", "States": { "S": state } }).to_string();
    let name = format!("m{}", world.context.clock.moment().seed);
    let machine = json!({ "name": name, "roleArn": ROLE, "definition": definition });
    let machine = world.call(None, "stepfunctions", "CreateStateMachine", machine).await.unwrap();
    let asked = json!({ "stateMachineArn": machine["stateMachineArn"], "input": "{\"n\":1}" });
    let started = world.call(None, "stepfunctions", "StartExecution", asked).await.unwrap();
    started["executionArn"].as_str().unwrap().to_owned()
}

async fn described(world: &World, execution: &str) -> Value {
    let asked = json!({ "executionArn": execution });
    world.call(None, "stepfunctions", "DescribeExecution", asked).await.unwrap()
}

async fn event_types(world: &World, execution: &str) -> Vec<String> {
    let asked = json!({ "executionArn": execution });
    let history = world.call(None, "stepfunctions", "GetExecutionHistory", asked).await.unwrap();
    let events = history["events"].as_array().unwrap().iter();
    events.map(|event| event["type"].as_str().unwrap().to_owned()).collect()
}

/// Runs one state to its end, which may come only when somebody elsewhere has answered.
async fn ended(world: &World, state: Value) -> Value {
    let execution = start(world, state).await;
    let over = || async { described(world, &execution).await["status"] != "RUNNING" };
    settled_until(world, over).await;
    described(world, &execution).await
}

async fn settled_until<Done: Future<Output = bool>>(world: &World, done: impl Fn() -> Done) {
    while !done().await {
        world.settle().await;
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
}

async fn output(world: &World, state: Value) -> Value {
    let description = ended(world, state).await;
    assert_eq!(description["status"], "SUCCEEDED", "{description}");
    serde_json::from_str(description["output"].as_str().unwrap()).unwrap()
}

async fn failure(world: &World, state: Value) -> (String, String) {
    let description = ended(world, state).await;
    assert_eq!(description["status"], "FAILED", "{description}");
    let text = |name: &str| description[name].as_str().unwrap_or_default().to_owned();
    (text("error"), text("cause"))
}

fn task(resource: &str, parameters: Value) -> Value {
    json!({ "Type": "Task", "Resource": resource, "Parameters": parameters, "End": true })
}

#[tokio::test]
async fn functions_are_invoked() {
    let stand = Stand::new(|request| match request.line.as_str() {
        line if line.contains("/broken/") => {
            let told = r#"{"errorMessage": "no", "errorType": "Custom"}"#;
            (200, "X-Amz-Function-Error: Unhandled\r\n", told.to_owned())
        }
        line if line.contains("/nobody/") => (
            404,
            "x-amzn-ErrorType: ResourceNotFoundException\r\n",
            r#"{"Message":"Function not found"}"#.to_owned(),
        ),
        _ => (200, "X-Amz-Executed-Version: $LATEST\r\n", request.body.clone()),
    })
    .await;
    let world = stand.world().await;

    let invoke = "arn:aws:states:::lambda:invoke";
    let parameters = json!({ "FunctionName": "f", "Payload": { "a": "é" }, "Qualifier": "live" });
    let result = output(&world, task(invoke, parameters)).await;
    assert_eq!(result["Payload"], json!({ "a": "é" }));
    assert_eq!(
        (&result["StatusCode"], &result["ExecutedVersion"]),
        (&json!(200), &json!("$LATEST"))
    );
    assert_eq!(result["SdkHttpMetadata"]["HttpHeaders"]["X-Amz-Executed-Version"], "$LATEST");
    assert_eq!(result["SdkResponseMetadata"]["RequestId"], "id-1");
    let request = stand.last();
    assert_eq!(request.line, "POST /2015-03-31/functions/f/invocations?Qualifier=live");
    assert!(
        request.head.contains("credential=akidexample/20270115/us-east-1/lambda/"),
        "{request:?}"
    );

    // A function as the resource itself: its result is the task's.
    let arn = "arn:aws:lambda:us-east-1:000000000000:function:f:3";
    let resource = json!({ "Type": "Task", "Resource": arn, "End": true });
    assert_eq!(output(&world, resource).await, json!({ "n": 1 }));
    assert_eq!(stand.last().line, "POST /2015-03-31/functions/f/invocations?Qualifier=3");

    let broken = failure(&world, task(invoke, json!({ "FunctionName": "broken" }))).await;
    assert_eq!(broken, ("Custom".into(), r#"{"errorMessage":"no","errorType":"Custom"}"#.into()));
    let nobody = failure(&world, task(invoke, json!({ "FunctionName": "nobody" }))).await;
    let cause = "Function not found (Service: AWSLambda; Status Code: 404; Error Code: \
                 ResourceNotFoundException; Request ID: id-1; Proxy: null)";
    assert_eq!(nobody, ("Lambda.ResourceNotFoundException".into(), cause.into()));
    let wrong = failure(&world, task(invoke, json!({ "FunctionName": "f", "Nonsense": 1 }))).await;
    assert_eq!(wrong.0, "States.Runtime");
    assert!(wrong.1.contains("Nonsense"), "{}", wrong.1);
}

#[tokio::test]
async fn messages_are_sent_and_called_back() {
    let stand =
        Stand::new(|_| (200, "", r#"{"MessageId":"m","MD5OfMessageBody":"d"}"#.to_owned())).await;
    let world = stand.world().await;
    let parameters = json!({
        "QueueUrl": "http://nowhere/q", "MessageBody": { "token.$": "$$.Task.Token" },
    });
    let execution =
        start(&world, task("arn:aws:states:::sqs:sendMessage.waitForTaskToken", parameters)).await;
    world.settle().await;
    assert_eq!(described(&world, &execution).await["status"], "RUNNING");
    let request = stand.last();
    assert!(request.head.contains("x-amz-target: amazonsqs.sendmessage"), "{request:?}");
    let sent: Value = serde_json::from_str(&request.body).unwrap();
    let message: Value = serde_json::from_str(sent["MessageBody"].as_str().unwrap()).unwrap();
    let answer = json!({ "taskToken": message["token"], "output": "7" });
    world.call(None, "stepfunctions", "SendTaskSuccess", answer).await.unwrap();
    assert_eq!(described(&world, &execution).await["output"], "7");
    let types = event_types(&world, &execution).await;
    assert_eq!(types[2..6], ["TaskScheduled", "TaskStarted", "TaskSubmitted", "TaskSucceeded"]);
}

#[tokio::test]
async fn each_service_is_asked_in_its_own_protocol() {
    let stand = Stand::new(|request| {
        let target = request.head.lines().find_map(|line| line.strip_prefix("x-amz-target: "));
        match target.unwrap_or_default() {
            "dynamodb_20120810.getitem" => (200, "", r#"{"Item":{"a":{"N":"1"}}}"#.to_owned()),
            "dynamodb_20120810.putitem" => (
                400,
                "",
                r#"{"__type":"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException",
                    "message":"The conditional request failed"}"#
                    .to_owned(),
            ),
            "awsevents.putevents" => (
                200,
                "",
                r#"{"FailedEntryCount":1,"Entries":[{"ErrorCode":"MalformedDetail"}]}"#.to_owned(),
            ),
            "amazonssm.getparameter" => (
                200,
                "",
                r#"{"Parameter":{"Name":"p","Value":"v","LastModifiedDate":1700000000}}"#.to_owned(),
            ),
            "amazonssm.deleteparameter" => (400, "", r#"{"__type":"ParameterNotFound"}"#.to_owned()),
            _ => (
                200,
                "",
                "<PublishResponse><PublishResult><MessageId>m</MessageId></PublishResult></PublishResponse>"
                    .to_owned(),
            ),
        }
    })
    .await;
    let world = stand.world().await;

    let get = json!({ "TableName": "t", "Key": { "id": { "S": "1" } } });
    let result = output(&world, task("arn:aws:states:::dynamodb:getItem", get)).await;
    assert_eq!(result["Item"], json!({ "a": { "N": "1" } }));
    let put = json!({ "TableName": "t", "Item": { "id": { "S": "1" } } });
    let (error, cause) = failure(&world, task("arn:aws:states:::dynamodb:putItem", put)).await;
    assert_eq!(error, "DynamoDB.ConditionalCheckFailedException");
    assert!(cause.contains("(Service: AmazonDynamoDBv2; Status Code: 400;"), "{cause}");

    let publish = json!({ "TopicArn": "arn:t", "Message": { "a": 1 } });
    let result = output(&world, task("arn:aws:states:::sns:publish", publish)).await;
    assert_eq!(result["MessageId"], "m");
    let body = stand.last().body;
    assert_eq!(
        body,
        "Action=Publish&Version=2010-03-31&TopicArn=arn%3At&Message=%7B%22a%22%3A1%7D"
    );

    let events = json!({ "Entries": [{ "Source": "s", "DetailType": "d", "Detail": { "a": 1 } }] });
    let (error, cause) = failure(&world, task("arn:aws:states:::events:putEvents", events)).await;
    assert_eq!(error, "EventBridge.FailedEntry");
    assert!(cause.contains("MalformedDetail"), "{cause}");
    let sent: Value = serde_json::from_str(&stand.last().body).unwrap();
    assert_eq!(sent["Entries"][0]["Detail"], "{\"a\":1}");
    // Events say where they come from.
    let resources = sent["Entries"][0]["Resources"].as_array().unwrap();
    assert!(resources[0].as_str().unwrap().contains(":stateMachine:"));
    assert!(resources[1].as_str().unwrap().contains(":execution:"));

    let result =
        output(&world, task("arn:aws:states:::aws-sdk:ssm:getParameter", json!({ "Name": "p" })))
            .await;
    let parameter =
        json!({ "Name": "p", "Value": "v", "LastModifiedDate": "2023-11-14T22:13:20Z" });
    assert_eq!(result, json!({ "Parameter": parameter }));
    let (error, cause) = failure(
        &world,
        task("arn:aws:states:::aws-sdk:ssm:deleteParameter", json!({ "Name": "p" })),
    )
    .await;
    assert_eq!(error, "Ssm.ParameterNotFoundException");
    assert!(
        cause
            .ends_with("(Service: Ssm, Status Code: 400, Request ID: id-1) (SDK Attempt Count: 1)"),
        "{cause}"
    );
}

#[tokio::test]
async fn http_apis_are_called_through_a_connection() {
    let stand = Stand::new(|request| match request.line.contains("/missing") {
        true => (404, "Content-Type: text/plain\r\n", "no such thing".to_owned()),
        false => (200, "Content-Type: application/json\r\n", r#"{"ok":true}"#.to_owned()),
    })
    .await;
    let world = stand.world().await;
    let parameters = |path: &str, connection: &str| {
        json!({
            "ApiEndpoint": format!("{}{path}", stand.url), "Method": "POST",
            "InvocationConfig": { "ConnectionArn": format!("arn:aws:events:us-east-1:000000000000:connection/{connection}/1") },
            "Headers": { "x-mine": "a", "X-Shop": "0" },
            "QueryParameters": { "q": "theirs", "r": "a b" },
            "RequestBody": { "mode": "theirs", "n": 1 },
        })
    };
    let invoke = "arn:aws:states:::http:invoke";
    let result = output(&world, task(invoke, parameters("/orders", "shop"))).await;
    assert_eq!(result["ResponseBody"], json!({ "ok": true }));
    assert_eq!(result["StatusCode"], 200);
    let request = stand.last();
    assert_eq!(request.line, "POST /orders?r=a%20b&q=ours");
    assert_eq!(request.body, r#"{"mode":"ours","n":1}"#);
    for header in [
        "authorization: basic dtpw",
        "x-mine: a",
        "x-shop: 1",
        "range: bytes=0-262144",
        "user-agent: amazon|stepfunctions|httpinvoke|us-east-1",
    ] {
        assert!(request.head.contains(header), "{header} is not in {}", request.head);
    }
    let missing = failure(&world, task(invoke, parameters("/missing", "shop"))).await;
    assert_eq!(missing, ("States.Http.StatusCode.404".into(), "no such thing".into()));
    let (error, cause) = failure(&world, task(invoke, parameters("/orders", "other"))).await;
    assert_eq!(error, "Events.ConnectionResource.ResourceNotFound");
    assert!(cause.contains("[connections.other]"), "{cause}");
    let mut forbidden = parameters("/orders", "shop");
    forbidden["Headers"] = json!({ "Authorization": "mine" });
    let (error, cause) = failure(&world, task(invoke, forbidden)).await;
    assert_eq!(error, "States.Runtime");
    assert!(cause.contains("Authorization"), "{cause}");
}

#[tokio::test]
async fn who_is_not_there_is_told() {
    // Nobody listens where the endpoint is.
    let closed = Stand { url: "http://127.0.0.1:9".to_owned(), received: Arc::default() };
    let world = closed.world().await;
    let invoke = || task("arn:aws:states:::lambda:invoke", json!({ "FunctionName": "f" }));
    let (error, cause) = failure(&world, invoke()).await;
    assert_eq!(error, "Lambda.SdkClientException");
    assert!(cause.starts_with("Unable to execute HTTP request: "), "{cause}");
    let parameters = task("arn:aws:states:::aws-sdk:ssm:getParameter", json!({ "Name": "p" }));
    assert_eq!(failure(&world, parameters).await.0, "Ssm.SdkClientException");

    // And no endpoint at all: what to do is said.
    let world = World::new().await;
    for (state, service) in [
        (invoke(), "lambda"),
        (
            task(
                "arn:aws:states:::sqs:sendMessage",
                json!({ "QueueUrl": "q", "MessageBody": "b" }),
            ),
            "sqs",
        ),
        (task("arn:aws:states:::aws-sdk:ssm:getParameter", json!({ "Name": "p" })), "ssm"),
    ] {
        let (error, cause) = failure(&world, state).await;
        assert_eq!(error, "States.TaskFailed");
        assert!(cause.contains(&format!("--service-endpoint {service}=URL")), "{cause}");
    }
}

#[tokio::test]
async fn a_call_that_times_out_is_broken_off() {
    let stand = Stand::new(|_| (0, "", String::new())).await;
    let world = stand.world().await;
    let mut state = task("arn:aws:states:::lambda:invoke", json!({ "FunctionName": "f" }));
    state["TimeoutSeconds"] = json!(5);
    let execution = start(&world, state).await;
    let context = world.context.clone();
    let tick = context.engine.tick(context.clock.moment(), 100).await.unwrap();
    let [lease] = <[_; 1]>::try_from(tick.leases).ok().unwrap();
    let working = tokio::spawn({
        let context = context.clone();
        async move { integrations::run(&context, &lease).await.unwrap() }
    });
    while stand.received.lock().unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    world.pass(6);
    world.settle().await;
    working.await.unwrap();
    let description = described(&world, &execution).await;
    assert_eq!(
        (&description["status"], &description["error"]),
        (&json!("FAILED"), &json!("States.Timeout"))
    );
    let types = event_types(&world, &execution).await;
    assert_eq!(types[2..5], ["TaskScheduled", "TaskStarted", "TaskTimedOut"]);
}

#[tokio::test]
async fn an_express_executions_task_has_started_when_it_is_sent() {
    let stand = Stand::new(|_| (0, "", String::new())).await;
    let world = stand.world().await;
    let call = async |service: &str, operation: &str, asked: Value| {
        world.call(None, service, operation, asked).await.unwrap()
    };
    call("logs", "CreateLogGroup", json!({ "logGroupName": "/aws/vendedlogs/g" })).await;
    let group = "arn:aws:logs:us-east-1:000000000000:log-group:/aws/vendedlogs/g:*";
    let mut state = task("arn:aws:states:::lambda:invoke", json!({ "FunctionName": "f" }));
    state["TimeoutSeconds"] = 7.into();
    let definition = json!({ "StartAt": "S", "States": { "S": state } }).to_string();
    let machine = json!({
        "name": "x", "roleArn": ROLE, "type": "EXPRESS", "definition": definition,
        "loggingConfiguration": {
            "level": "ALL", "includeExecutionData": true,
            "destinations": [{ "cloudWatchLogsLogGroup": { "logGroupArn": group } }],
        },
    });
    let machine = call("stepfunctions", "CreateStateMachine", machine).await;
    let asked = json!({ "stateMachineArn": machine["stateMachineArn"] });
    let ended = call("stepfunctions", "StartSyncExecution", asked).await;
    assert_eq!(ended["error"], "States.Timeout");
    let lines =
        call("logs", "FilterLogEvents", json!({ "logGroupName": "/aws/vendedlogs/g" })).await;
    let types: Vec<String> = lines["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| {
            let line: Value = serde_json::from_str(line["message"].as_str().unwrap()).unwrap();
            line["type"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(
        types,
        [
            "ExecutionStarted",
            "TaskStateEntered",
            "TaskScheduled",
            "TaskStarted",
            "TaskTimedOut",
            "ExecutionFailed",
        ]
    );
}

/// A KMS whose keys' aliases say what becomes of them.
fn kms(received: &Received) -> Told {
    let asked: Value = serde_json::from_str(&received.body).unwrap();
    let key = asked["KeyId"].as_str().unwrap();
    let refused = |code: &str| (400, "", json!({ "__type": code, "message": "told by KMS" }));
    let known = |state: &str, spec: &str| {
        let metadata = json!({ "KeyId": key, "KeyState": state, "KeySpec": spec, "KeyUsage": "ENCRYPT_DECRYPT" });
        (200, "", json!({ "KeyMetadata": metadata }))
    };
    let made = KEYS_CHANGE.load(std::sync::atomic::Ordering::SeqCst);
    let (status, headers, body) = match (key, made) {
        ("alias/none", _) => refused("NotFoundException"),
        ("alias/busy", _) => refused("ThrottlingException"),
        ("alias/rsa", _) => known("Enabled", "RSA_2048"),
        ("alias/off", _) | (_, 1) => known("Disabled", "SYMMETRIC_DEFAULT"),
        (_, 2) => refused("AccessDeniedException"),
        _ => known("Enabled", "SYMMETRIC_DEFAULT"),
    };
    (status, headers, body.to_string())
}

static KEYS_CHANGE: std::sync::atomic::AtomicU8 = std::sync::atomic::AtomicU8::new(0);

#[tokio::test]
async fn keys_of_a_kms_elsewhere_are_asked_for() {
    let stand = Stand::new(kms).await;
    let world = stand.world().await;
    let definition = r#"{"StartAt": "S", "States": {"S": {"Type": "Pass", "End": true}}}"#;
    let create = async |key: &str| {
        let encryption = json!({ "type": "CUSTOMER_MANAGED_KMS_KEY", "kmsKeyId": key });
        let asked = json!({ "name": "m", "roleArn": ROLE, "definition": definition,
            "encryptionConfiguration": encryption });
        world.call(None, "stepfunctions", "CreateStateMachine", asked).await
    };
    for (key, refusal) in [
        ("alias/none", "KmsAccessDeniedException: told by KMS"),
        ("alias/busy", "KmsThrottlingException: told by KMS"),
        (
            "alias/off",
            "InvalidEncryptionConfiguration: Invalid Encryption Configuration: the KMS key \
             'alias/off' is not active",
        ),
        (
            "alias/rsa",
            "InvalidEncryptionConfiguration: Invalid Encryption Configuration: the KMS key \
             'alias/rsa' is not symmetric",
        ),
    ] {
        assert_eq!(create(key).await.unwrap_err().to_string(), refusal);
    }
    let machine = create("alias/good").await.unwrap()["stateMachineArn"].clone();
    let of_machine = json!({ "stateMachineArn": machine });
    let call = async |operation: &str, asked: &Value| {
        world.call(None, "stepfunctions", operation, asked.clone()).await
    };
    let started = call("StartExecution", &of_machine).await.unwrap();
    world.settle().await;
    let of_execution = json!({ "executionArn": started["executionArn"] });
    let operations = [
        ("StartExecution", &of_machine),
        ("DescribeStateMachine", &of_machine),
        ("DescribeExecution", &of_execution),
        ("DescribeStateMachineForExecution", &of_execution),
        ("GetExecutionHistory", &of_execution),
        ("StopExecution", &of_execution),
    ];
    for (change, code) in [(1, "KmsInvalidStateException"), (2, "KmsAccessDeniedException")] {
        KEYS_CHANGE.store(change, std::sync::atomic::Ordering::SeqCst);
        for (operation, asked) in operations {
            let error = call(operation, asked).await.unwrap_err();
            assert_eq!(error.code, code, "{operation}");
            let state = (change == 1).then(|| json!("DISABLED"));
            assert_eq!(error.members.get("kmsKeyState"), state.as_ref());
        }
    }
    let told = |change: u8| KEYS_CHANGE.store(change, std::sync::atomic::Ordering::SeqCst);
    told(0);
    for key_of_activity in [true, false] {
        let token = token_of_an_encrypted_task(&world, key_of_activity).await;
        let success = json!({ "taskToken": token, "output": "1" });
        let failure = json!({ "taskToken": token });
        for (change, code) in [(1, "KmsInvalidStateException"), (2, "KmsAccessDeniedException")] {
            told(change);
            for (operation, asked) in [("SendTaskSuccess", &success), ("SendTaskFailure", &failure)]
            {
                assert_eq!(call(operation, asked).await.unwrap_err().code, code, "{operation}");
            }
        }
        call("SendTaskHeartbeat", &failure).await.unwrap();
        let forged = json!({ "taskToken": "none", "output": "1" });
        assert_eq!(call("SendTaskSuccess", &forged).await.unwrap_err().code, "InvalidToken");
        told(0);
        call("SendTaskSuccess", &success).await.unwrap();
    }
    told(2);
    let mut metadata = of_machine.clone();
    metadata["includedData"] = "METADATA_ONLY".into();
    assert!(call("DescribeStateMachine", &metadata).await.is_ok());
}

/// The token of an activity's task; either the activity or the state machine is encrypted with a key.
async fn token_of_an_encrypted_task(world: &World, key_of_activity: bool) -> Value {
    let encryption = json!({ "type": "CUSTOMER_MANAGED_KMS_KEY", "kmsKeyId": "alias/good" });
    let name = format!("encrypted-{key_of_activity}");
    let call = async |operation: &str, mut asked: Value, encrypted: bool| {
        if encrypted {
            asked["encryptionConfiguration"] = encryption.clone();
        }
        world.call(None, "stepfunctions", operation, asked).await.unwrap()
    };
    let made = call("CreateActivity", json!({ "name": name }), key_of_activity).await;
    let activity = &made["activityArn"];
    let described = call("DescribeActivity", json!({ "activityArn": activity }), false).await;
    let shown = &described["encryptionConfiguration"]["kmsDataKeyReusePeriodSeconds"];
    assert_eq!(*shown, if key_of_activity { json!(300) } else { Value::Null });
    let state = json!({ "Type": "Task", "Resource": activity, "End": true });
    let definition = json!({ "StartAt": "S", "States": { "S": state } }).to_string();
    let machine = json!({ "name": name, "roleArn": ROLE, "definition": definition });
    let made = call("CreateStateMachine", machine, !key_of_activity).await;
    call("StartExecution", json!({ "stateMachineArn": made["stateMachineArn"] }), false).await;
    let task = call("GetActivityTask", json!({ "activityArn": activity }), false).await;
    task["taskToken"].clone()
}
