//! HTTP tasks by each kind of connection, told by TestState; APIs behind API Gateway.

use serde_json::{Value, json};

use super::{ROLE, Received, Stand, Told, failure, output, task};
use crate::world::World;

const INVOKE: &str = "arn:aws:states:::http:invoke";

/// An API with a place that gives tokens to who knows the secret.
fn api(request: &Received) -> Told {
    if request.line == "POST /token" {
        return match request.body.contains("client_secret=right") {
            true => {
                (200, "Content-Type: application/json\r\n", r#"{"access_token":"t0ken"}"#.into())
            }
            false => (401, "", "who?".into()),
        };
    }
    (200, "Content-Type: application/json\r\n", r#"{"ok":true}"#.into())
}

fn parameters(stand: &Stand, connection: &str) -> Value {
    let arn = format!("arn:aws:events:us-east-1:000000000000:connection/{connection}/1");
    json!({
        "ApiEndpoint": format!("{}/orders", stand.url), "Method": "POST",
        "Authentication": { "ConnectionArn": arn },
        "Headers": { "X-Mine": "a" }, "QueryParameters": { "r": "1" }, "RequestBody": { "n": 1 },
    })
}

#[tokio::test]
async fn each_kind_of_connection_lets_in() {
    let stand = Stand::new(api).await;
    let world = stand.world().await;
    for (connection, header) in [
        ("shop", "authorization: basic dtpw\r\n"),
        ("keyed", "x-api-key: k3y\r\n"),
        ("oauth", "authorization: bearer t0ken\r\n"),
    ] {
        let result = output(&world, task(INVOKE, parameters(&stand, connection))).await;
        assert_eq!(result["ResponseBody"], json!({ "ok": true }));
        let head = format!("{}\r\n", stand.last().head);
        assert!(head.contains(header), "{header} is not in {head}");
    }
    let asked = stand.received.lock().unwrap().iter().rev().nth(1).cloned().unwrap();
    assert_eq!(
        asked.body,
        "grant_type=client_credentials&client_id=c&client_secret=right&scope=orders"
    );
    assert!(asked.head.contains("content-type: application/x-www-form-urlencoded"));
    let (error, cause) = failure(&world, task(INVOKE, parameters(&stand, "wrong"))).await;
    assert_eq!(error, "Events.ConnectionResource.InvalidConnectionState");
    assert!(cause.contains("401"), "{cause}");
}

async fn tested(world: &World, parameters: Value, more: Value) -> Value {
    let mut asked = json!({ "definition": task(INVOKE, parameters).to_string(), "roleArn": ROLE });
    for (name, value) in more.as_object().unwrap() {
        asked[name] = value.clone();
    }
    world.call(None, "stepfunctions", "TestState", asked).await.unwrap()
}

#[tokio::test]
async fn what_a_tested_http_task_sends_is_told_with_and_without_secrets() {
    let stand = Stand::new(api).await;
    let world = stand.world().await;
    let trace = |secrets: bool| json!({ "inspectionLevel": "TRACE", "revealSecrets": secrets });
    let told = tested(&world, parameters(&stand, "shop"), trace(true)).await;
    assert_eq!(told["status"], "SUCCEEDED");
    assert_eq!(
        told["inspectionData"]["request"],
        json!({
            "protocol": "http", "method": "POST",
            "url": format!("{}/orders?r=1&q=ours", stand.url),
            "headers": "[X-Mine: a, Authorization: Basic dTpw, x-shop: 1, \
                User-Agent: Amazon|StepFunctions|HttpInvoke|us-east-1, Range: bytes=0-262144]",
            "body": r#"{"n":1,"mode":"ours"}"#,
        })
    );
    let response = &told["inspectionData"]["response"];
    assert_eq!(
        (&response["statusCode"], &response["statusMessage"]),
        (&json!("200"), &json!("OK"))
    );
    assert_eq!(
        (&response["protocol"], &response["body"]),
        (&json!("http"), &json!(r#"{"ok":true}"#))
    );
    let headers = response["headers"].as_str().unwrap();
    assert!(headers.contains("content-type: application/json"), "{headers}");

    let hidden = tested(&world, parameters(&stand, "shop"), trace(false)).await;
    assert_eq!(
        hidden["inspectionData"]["request"],
        json!({
            "protocol": "http", "method": "POST", "url": format!("{}/orders?r=1", stand.url),
            "headers": "[X-Mine: a, User-Agent: Amazon|StepFunctions|HttpInvoke|us-east-1, \
                Range: bytes=0-262144]",
            "body": r#"{"n":1}"#,
        })
    );
    // It was sent with them all the same.
    assert!(stand.last().head.contains("authorization: basic dtpw"));
    let less = tested(&world, parameters(&stand, "shop"), json!({ "inspectionLevel": "DEBUG" }));
    assert!(less.await["inspectionData"].get("request").is_none());
}

#[tokio::test]
async fn an_answer_that_is_an_error_is_told_too() {
    let stand = Stand::new(|_| (503, "", "later".to_owned())).await;
    let world = stand.world().await;
    let told =
        tested(&world, parameters(&stand, "shop"), json!({ "inspectionLevel": "TRACE" })).await;
    assert_eq!(told["error"], "States.Http.StatusCode.503");
    assert_eq!(told["inspectionData"]["response"]["statusCode"], "503");
    assert_eq!(told["inspectionData"]["response"]["body"], "later");
}

#[tokio::test]
async fn apis_behind_api_gateway_are_called() {
    let stand = Stand::new(|request| match request.line.contains("/missing") {
        true => {
            let told = r#"{"message":"Missing Authentication Token"}"#.to_owned();
            (403, "Content-Type: application/json\r\n", told)
        }
        false => (200, "Content-Type: application/json\r\n", request.body.clone()),
    })
    .await;
    let world = stand.world().await;
    let invoke = |resource: &str, path: &str, auth: &str| {
        let resource = format!("arn:aws:states:::apigateway:{resource}");
        let parameters = json!({
            "ApiEndpoint": "id.execute-api.us-east-1.amazonaws.com", "Method": "POST",
            "Stage": "prod", "Path": path, "RequestBody": "HelloWorld", "AuthType": auth,
        });
        task(&resource, parameters)
    };
    let result = output(&world, invoke("invoke", "/bills", "NO_AUTH")).await;
    assert_eq!(result["ResponseBody"], "HelloWorld");
    assert_eq!((&result["StatusCode"], &result["StatusText"]), (&json!(200), &json!("OK")));
    assert_eq!(result["Headers"]["Content-Length"], json!(["12"]));
    let request = stand.last();
    assert_eq!(request.line, "POST /prod/bills");
    assert!(request.head.contains("host: id.execute-api.us-east-1.amazonaws.com"));
    assert!(!request.head.contains("authorization:"));

    output(&world, invoke("invoke", "/bills", "IAM_ROLE")).await;
    let head = stand.last().head;
    assert!(head.contains("/us-east-1/execute-api/aws4_request"), "{head}");

    let (error, cause) = failure(&world, invoke("invoke", "missing", "NO_AUTH")).await;
    assert_eq!(error, "ApiGateway.403");
    assert_eq!(cause, r#"{"message":"Missing Authentication Token"}"#);
    let (error, _) = failure(&world, invoke("invoke", "/bills", "SOME")).await;
    assert_eq!(error, "States.Runtime");
}
