use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::{Value, json};
use stepwell_sdk::Client;

use super::server::Server;

/// Takes JSON documents that are posted to it; refuses the first one, to see it again.
fn listener() -> (String, Receiver<(String, Value)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let mut refused = false;
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let (mut head, mut length) = (String::new(), 0);
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                if line == "\r\n" {
                    break;
                }
                head.push_str(&line);
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            let status = if refused { "200 OK" } else { "503 Busy" };
            let answer =
                format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            stream.write_all(answer.as_bytes()).unwrap();
            if std::mem::replace(&mut refused, true) {
                let path = head.split(' ').nth(1).unwrap().to_owned();
                let _ = sender.send((path, serde_json::from_slice(&body).unwrap()));
            }
        }
    });
    (address, receiver)
}

fn get(url: &str, path: &str) -> String {
    let address = url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// The value of the metric's line with these labels.
fn metric(text: &str, name: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
}

const ROLE: &str = "arn:aws:iam::000000000000:role/r";
const WAIT: Duration = Duration::from_secs(20);

#[test]
fn what_others_may_know_of_executions() {
    let folder = tempfile::tempdir().unwrap();
    let (webhook, posted) = listener();
    let (collector, traced) = listener();
    let file = folder.path().join("events.jsonl");
    let config = folder.path().join("stepwell.toml");
    let text = format!(
        "[events]\nfile = {file:?}\nwebhook = \"{webhook}/hook\"\n[traces]\nendpoint = \"{collector}\"\n"
    );
    std::fs::write(&config, text).unwrap();
    let server =
        Server::start(&folder.path().join("data"), &["--config", config.to_str().unwrap()]);
    let client = Client::builder().endpoint(&server.url).region("us-east-1").build().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let ask = |service: &str, operation: &str, input: Value| {
        runtime.block_on(client.call(service, operation, input)).unwrap()
    };
    let create = |name: &str, kind: &str, definition: Value| {
        let made = ask(
            "stepfunctions",
            "CreateStateMachine",
            json!({
                "name": name, "type": kind, "roleArn": ROLE, "definition": definition.to_string(),
            }),
        );
        made["stateMachineArn"].as_str().unwrap().to_owned()
    };
    let pass = json!({"StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}});
    let fail =
        json!({"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "E", "Cause": "C"}}});
    let wait =
        json!({"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 600, "End": true}}});
    let passes = create("passes", "STANDARD", pass.clone());
    let fails = create("fails", "STANDARD", fail);
    let waits = create("waits", "STANDARD", wait);
    let express = create("express", "EXPRESS", pass);
    let mut begun = 0.0;
    let header = "Root=1-67891233-abcdef012345678912345678;Sampled=1";
    for (arn, input) in [
        (&passes, json!({"traceHeader": header, "name": "one"})),
        (&passes, json!({})),
        (&fails, json!({})),
        (&waits, json!({"name": "stopped"})),
    ] {
        let mut input = input;
        input["stateMachineArn"] = json!(arn);
        begun = ask("stepfunctions", "StartExecution", input)["startDate"].as_f64().unwrap();
    }
    let stopped = waits.replace(":stateMachine:", ":execution:") + ":stopped";
    ask("stepfunctions", "StopExecution", json!({"executionArn": stopped, "error": "Enough"}));
    ask("stepfunctions", "StartSyncExecution", json!({"stateMachineArn": express}));

    // Prometheus.
    let answer = get(&server.url, "/_stepwell/metrics");
    assert!(answer.contains("application/openmetrics-text"), "{answer}");
    for (name, least, most) in [
        (r#"stepwell_executions_started_total{type="STANDARD"}"#, 4.0, 4.0),
        (r#"stepwell_executions_ended_total{type="STANDARD",status="SUCCEEDED"}"#, 2.0, 2.0),
        (r#"stepwell_executions_ended_total{type="STANDARD",status="ABORTED"}"#, 1.0, 1.0),
        (r#"stepwell_executions_ended_total{type="EXPRESS",status="SUCCEEDED"}"#, 1.0, 1.0),
        (
            r#"stepwell_requests_total{service="stepfunctions",operation="StartExecution",result="ok"}"#,
            4.0,
            4.0,
        ),
        ("stepwell_transitions_total", 4.0, 4.0),
        ("stepwell_express_transitions_total", 1.0, 1.0),
        ("stepwell_transitions_throttled_total", 0.0, 0.0),
        (r#"stepwell_state_seconds_count{state_machine="passes",state="P"}"#, 2.0, 2.0),
        (r#"stepwell_state_seconds_count{state_machine="express",state="P"}"#, 1.0, 1.0),
        ("stepwell_commit_seconds_count", 5.0, 1e6),
        ("stepwell_commit_batches_count", 5.0, 1e6),
        ("stepwell_batches_waiting", 0.0, 0.0),
        ("stepwell_tasks_ready", 0.0, 0.0),
        ("stepwell_jobs_running", 0.0, 0.0),
    ] {
        let value = metric(&answer, name).unwrap_or_else(|| panic!("{name} is not in {answer}"));
        assert!((least..=most).contains(&value), "{name} is {value}");
    }

    let shown = server.ask(&["top", "--once"]);
    assert!(shown.contains("started 5  succeeded 3  failed 1  timed out 0  aborted 1"), "{shown}");
    assert!(shown.contains("stepfunctions StartExecution"), "{shown}");
    assert!(shown.contains("slow states") && shown.contains("passes P"), "{shown}");

    // CloudWatch.
    let (from, until) = (begun - 120.0, begun + 600.0);
    let sum = |metric: &str, arn: &str| {
        let statistics = ask(
            "cloudwatch",
            "GetMetricStatistics",
            json!({
                "Namespace": "AWS/States", "MetricName": metric, "StartTime": from, "EndTime": until,
                "Period": 3600, "Statistics": ["Sum", "SampleCount"],
                "Dimensions": [{"Name": "StateMachineArn", "Value": arn}],
            }),
        );
        let points = statistics["Datapoints"].as_array().unwrap().clone();
        let sum: f64 = points.iter().map(|point| point["Sum"].as_f64().unwrap()).sum();
        (sum, points.first().map(|point| point["Unit"].clone()))
    };
    let count = Some(json!("Count"));
    assert_eq!(sum("ExecutionsStarted", &passes), (2.0, count.clone()));
    assert_eq!(sum("ExecutionsSucceeded", &passes), (2.0, count.clone()));
    assert_eq!(sum("ExecutionsFailed", &fails), (1.0, count.clone()));
    assert_eq!(sum("ExecutionsAborted", &waits), (1.0, count.clone()));
    assert_eq!(sum("ExecutionsStarted", &express), (1.0, count.clone()));
    assert_eq!(sum("ExecutionsTimedOut", &waits), (0.0, None));
    assert_eq!(sum("ExecutionTime", &passes).1, Some(json!("Milliseconds")));
    assert_eq!(sum("ExpressExecutionBilledDuration", &express).0, 100.0);
    let listed = ask("cloudwatch", "ListMetrics", json!({"Namespace": "AWS/States"}));
    assert!(listed["Metrics"].as_array().unwrap().len() >= 10, "{listed}");

    // EventBridge.
    let mut events = Vec::new();
    while events.len() < 8 {
        let (path, event) = posted.recv_timeout(WAIT).expect("eight events");
        assert_eq!(path, "/hook");
        events.push(event);
    }
    let written: Vec<Value> = std::fs::read_to_string(&file)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(written, events, "both hear of all, in order");
    let of = |arn: &str| -> Vec<&str> {
        let of_arn = events.iter().filter(|event| event["detail"]["stateMachineArn"] == arn);
        of_arn.map(|event| event["detail"]["status"].as_str().unwrap()).collect()
    };
    assert_eq!(of(&fails), ["RUNNING", "FAILED"]);
    assert_eq!(of(&waits), ["RUNNING", "ABORTED"]);
    assert!(of(&express).is_empty(), "Express executions emit none");

    // Traces.
    let mut spans = Vec::new();
    while spans.iter().filter(|span: &&Value| span["parentSpanId"].is_null()).count() < 5 {
        let (path, document) = traced.recv_timeout(WAIT).expect("five traces");
        assert_eq!(path, "/v1/traces");
        let told = document["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().unwrap();
        spans.extend(told.iter().cloned());
    }
    let given: Vec<&Value> =
        spans.iter().filter(|span| span["traceId"] == "67891233abcdef012345678912345678").collect();
    let names: Vec<&str> = given.iter().map(|span| span["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["passes", "P"]);
    assert_eq!(given[1]["parentSpanId"], given[0]["spanId"]);
    let failed = spans.iter().find(|span| span["name"] == "fails").unwrap();
    assert_eq!(failed["status"], json!({"code": 2, "message": "C"}));

    // A server that ends writes what it has counted; the next one shows it.
    assert_eq!(server.terminate(), Some(0));
    let server = Server::start(&folder.path().join("data"), &[]);
    let client = Client::builder().endpoint(&server.url).region("us-east-1").build().unwrap();
    let listed = runtime
        .block_on(client.call("cloudwatch", "ListMetrics", json!({"Namespace": "AWS/States"})))
        .unwrap();
    assert!(listed["Metrics"].as_array().unwrap().len() >= 10, "{listed}");
    assert_eq!(
        metric(&get(&server.url, "/_stepwell/metrics"), "stepwell_transitions_total"),
        Some(0.0)
    );
}

/// Posts a call with more headers; the answer's body.
fn post(url: &str, operation: &str, headers: &str, body: &Value) -> Value {
    let (address, body) = (url.strip_prefix("http://").unwrap(), body.to_string());
    let mut stream = TcpStream::connect(address).unwrap();
    let request = format!(
        "POST / HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-length: {}\r\n\
         content-type: application/x-amz-json-1.0\r\nx-amz-target: AWSStepFunctions.{operation}\r\n\
         {headers}\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
}

#[test]
fn the_x_ray_header_is_kept_and_passed_on_to_nested_executions() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"), &[]);
    let ask = |operation: &str, body: Value| post(&server.url, operation, "", &body);
    let create = |name: &str, definition: Value| {
        let made = ask(
            "CreateStateMachine",
            json!({
                "name": name, "roleArn": ROLE, "definition": definition.to_string(),
            }),
        );
        made["stateMachineArn"].as_str().unwrap().to_owned()
    };
    let child =
        create("child", json!({"StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}}));
    let parent = create(
        "parent",
        json!({"StartAt": "N", "States": {"N": {
            "Type": "Task", "Resource": "arn:aws:states:::states:startExecution.sync:2", "End": true,
            "Parameters": {"StateMachineArn": child, "Name": "one"},
        }}}),
    );
    let header = "Root=1-67891233-abcdef012345678912345678;Sampled=1";
    let trace = format!("x-amzn-trace-id: {header}\r\n");
    let started =
        post(&server.url, "StartExecution", &trace, &json!({ "stateMachineArn": parent }));
    let parent = json!({ "executionArn": started["executionArn"] });
    let described = loop {
        let described = ask("DescribeExecution", parent.clone());
        if described["status"] != "RUNNING" {
            break described;
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    assert_eq!(
        (&described["status"], &described["traceHeader"]),
        (&json!("SUCCEEDED"), &json!(header))
    );
    let child = child.replace(":stateMachine:", ":execution:") + ":one";
    assert_eq!(ask("DescribeExecution", json!({ "executionArn": child }))["traceHeader"], header);
}

#[test]
fn what_cannot_be_told_is_said_at_once() {
    let folder = tempfile::tempdir().unwrap();
    for (text, expected) in [
        ("[events]\nwebhook = \"nowhere\"\n", "nowhere"),
        ("[events]\nfile = \"/nowhere/events\"\n", "/nowhere/events"),
        ("[traces]\nendpoint = \"http://127.0.0.1:1\"\nsample = 2.0\n", "sample"),
        ("[events]\nfiles = \"x\"\n", "files"),
    ] {
        let config = folder.path().join("stepwell.toml");
        std::fs::write(&config, text).unwrap();
        let data = folder.path().join("data").display().to_string();
        let config = config.display().to_string();
        let words = ["serve", "--data", &data, "--config", &config, "--listen", "127.0.0.1:0"];
        let (status, _, error) = super::server::run(&words);
        assert_eq!(status, 2, "{text}: {error}");
        assert!(error.contains(expected), "{text}: {error}");
    }
}

/// Goal: states of a Standard execution are entered as fast as the quota lets them, an Express one's at once,
/// and the metrics tell of the delays.
#[test]
fn transitions_over_the_quota_are_delayed_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("stepwell.toml");
    let text = "[quotas]\nstepfunctions.StateTransition = { bucket = 1, refill = 20 }\n";
    std::fs::write(&config, text).unwrap();
    let server =
        Server::start(&folder.path().join("data"), &["--config", config.to_str().unwrap()]);
    let client = Client::builder().endpoint(&server.url).region("us-east-1").build().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let ask = |service: &str, operation: &str, input: Value| {
        runtime.block_on(client.call(service, operation, input)).unwrap()
    };
    let definition = json!({"StartAt": "A", "States": {
        "A": {"Type": "Pass", "Next": "B"}, "B": {"Type": "Pass", "Next": "C"},
        "C": {"Type": "Pass", "Next": "D"}, "D": {"Type": "Pass", "End": true}}})
    .to_string();
    let create = |kind: &str| {
        let made = ask(
            "stepfunctions",
            "CreateStateMachine",
            json!({"name": kind, "type": kind, "roleArn": ROLE, "definition": definition}),
        );
        made["stateMachineArn"].clone()
    };
    let (standard, express) = (create("STANDARD"), create("EXPRESS"));
    let started = ask("stepfunctions", "StartExecution", json!({"stateMachineArn": standard}));
    let execution = json!({"executionArn": started["executionArn"]});
    let status = || ask("stepfunctions", "DescribeExecution", execution.clone())["status"].clone();
    while status() == "RUNNING" {
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(status(), "SUCCEEDED");
    let history = ask("stepfunctions", "GetExecutionHistory", execution);
    let entered: Vec<f64> = history["events"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|event| event["type"] == "PassStateEntered")
        .map(|event| event["timestamp"].as_f64().unwrap())
        .collect();
    let apart: Vec<f64> = entered.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(apart.len(), 3);
    // Three transitions behind the first take three tokens, which come every 50 ms.
    assert!(entered[3] - entered[0] > 0.148, "{apart:?}");

    let done = ask("stepfunctions", "StartSyncExecution", json!({"stateMachineArn": express}));
    assert_eq!(done["status"], "SUCCEEDED");
    let sum = |metric: &str, name: &str, value: &Value| {
        let statistics = ask(
            "cloudwatch",
            "GetMetricStatistics",
            json!({
                "Namespace": "AWS/States", "MetricName": metric, "Period": 3600,
                "StartTime": entered[0] - 120.0, "EndTime": entered[0] + 600.0,
                "Statistics": ["Sum"], "Dimensions": [{"Name": name, "Value": value}],
            }),
        );
        let points = statistics["Datapoints"].as_array().unwrap();
        points.iter().map(|point| point["Sum"].as_f64().unwrap()).sum::<f64>()
    };
    assert_eq!(sum("ExecutionThrottled", "StateMachineArn", &standard), 3.0);
    assert_eq!(sum("ThrottledEvents", "ServiceMetric", &json!("StateTransition")), 3.0);
    assert_eq!(sum("ExecutionThrottled", "StateMachineArn", &express), 0.0);
}
