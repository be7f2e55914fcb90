use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::server::{Server, run, stepwell, told};

const ROLE: &str = "arn:aws:iam::000000000000:role/stepwell";

fn write(folder: &Path, name: &str, definition: &Value) -> String {
    let path = folder.join(name);
    std::fs::write(&path, definition.to_string()).unwrap();
    path.display().to_string()
}

fn hello() -> Value {
    json!({ "StartAt": "Hello", "States": {
        "Hello": { "Type": "Pass", "Parameters": { "hello.$": "$.name" }, "End": true },
    } })
}

fn failing() -> Value {
    json!({ "StartAt": "No", "States": { "No": { "Type": "Fail", "Error": "Mine", "Cause": "by design" } } })
}

#[test]
fn run_prints_the_output_and_tells_by_its_status_how_it_went() {
    let folder = tempfile::tempdir().unwrap();
    let file = write(folder.path(), "hello.asl.json", &hello());
    let (status, output, error) = run(&["run", &file, "--input", r#"{"name": "you"}"#]);
    assert_eq!((status, output.as_str()), (0, "{\"hello\":\"you\"}\n"), "{error}");
    assert!(error.contains(":execution:hello:") && error.contains("Hello"), "{error}");

    let (status, output, error) = run(&["run", &file, "--input", r#"{"name": "you"}"#, "--quiet"]);
    assert_eq!((status, output.as_str(), error.as_str()), (0, "{\"hello\":\"you\"}\n", ""));

    let input = write(folder.path(), "input.json", &json!({ "name": "file" }));
    let (_, output, _) = run(&["run", &file, "--input", &format!("@{input}"), "--output", "json"]);
    let described: Value = serde_json::from_str(&output).unwrap();
    assert_eq!(described["status"], "SUCCEEDED");
    assert_eq!(described["output"], "{\"hello\":\"file\"}");

    let file = write(folder.path(), "failing.asl.json", &failing());
    let (status, output, error) = run(&["run", &file]);
    assert_eq!((status, output.as_str()), (1, ""));
    assert!(error.contains("FAILED Mine by design"), "{error}");
}

#[test]
fn run_says_what_is_wrong_before_anything_runs() {
    let folder = tempfile::tempdir().unwrap();
    let file = write(folder.path(), "hello.asl.json", &hello());
    let wrong =
        write(folder.path(), "wrong.asl.json", &json!({ "StartAt": "Nowhere", "States": {} }));
    for (words, expected) in [
        (vec!["run", "nowhere.asl.json"], "nowhere.asl.json"),
        (vec!["run", &file, "--input", "{"], "not JSON"),
        (vec!["run", &file, "--input", "@nowhere.json"], "nowhere.json"),
        (vec!["run", &file, "--put", "a.csv=b"], "FILE=s3://BUCKET/KEY"),
        (vec!["run", &file, "--put", "nowhere.csv=s3://bucket/k"], "nowhere.csv"),
        (vec!["run", &wrong], "InvalidDefinition"),
    ] {
        let (status, output, error) = run(&words);
        assert_eq!((status, output.as_str()), (2, ""), "{words:?}: {error}");
        assert!(error.contains(expected), "{words:?}: {error}");
    }
}

#[test]
fn validate_needs_no_server() {
    let folder = tempfile::tempdir().unwrap();
    let good = write(folder.path(), "good.asl.json", &hello());
    let (status, output, _) = run(&["validate", &good]);
    assert_eq!(status, 0);
    assert!(output.contains("is valid"), "{output}");

    let mut definition = hello();
    definition["States"]["Hello"]["Next"] = json!("Nowhere");
    let bad = write(folder.path(), "bad.asl.json", &definition);
    let (status, output, _) = run(&["validate", &bad]);
    assert_eq!(status, 1);
    assert!(output.contains("Hello"), "{output}");
    let (status, output, _) = run(&["validate", &bad, "--output", "json"]);
    let answer: Value = serde_json::from_str(&output).unwrap();
    assert_eq!((status, &answer["result"]), (1, &json!("FAIL")));
    assert!(answer["diagnostics"][0]["location"].is_string(), "{answer}");
}

#[test]
fn the_commands_of_a_server() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"), &[]);
    assert_eq!(server.ask(&["list"]), "none\n");
    assert_eq!(server.ask_json(&["list"]), json!({ "stateMachines": [] }));

    // `run` against a server leaves its state machine there.
    let file = write(folder.path(), "hello.asl.json", &hello());
    let output = server.ask(&["run", &file, "--input", r#"{"name": "you"}"#, "--quiet"]);
    assert_eq!(output, "{\"hello\":\"you\"}\n");
    let machine = server.ask_json(&["list"])["stateMachines"][0]["stateMachineArn"].clone();
    let machine = machine.as_str().unwrap();
    assert_eq!(machine, "arn:aws:states:us-east-1:000000000000:stateMachine:hello");
    assert_eq!(server.ask_json(&["describe", "hello"])["roleArn"], ROLE);
    assert!(server.ask(&["describe", machine]).contains("\"StartAt\": \"Hello\""));

    // By its name as by its ARN; an execution by its ARN.
    let execution = "arn:aws:states:us-east-1:000000000000:execution:hello:one";
    let started = server.ask(&["start", "hello", "--name", "one", "--input", r#"{"name": "me"}"#]);
    assert_eq!(started.trim(), execution);
    let described = until_ended(&server, execution);
    assert_eq!(described["status"], "SUCCEEDED");
    assert!(server.ask(&["describe", execution]).contains("\"hello\": \"me\""));
    let events = server.ask_json(&["history", execution])["events"].clone();
    let types: Vec<&str> =
        events.as_array().unwrap().iter().map(|event| event["type"].as_str().unwrap()).collect();
    let expected =
        ["ExecutionStarted", "PassStateEntered", "PassStateExited", "ExecutionSucceeded"];
    assert_eq!(types, expected);
    let newest = server.ask(&["history", execution, "--reverse", "--limit", "1"]);
    assert!(newest.contains("ExecutionSucceeded") && newest.lines().count() == 1, "{newest}");
    assert_eq!(server.ask(&["list", "hello"]).lines().count(), 2);
    assert_eq!(server.ask(&["list", "hello", "--limit", "1"]).lines().count(), 1);

    let mut waiting = hello();
    waiting["States"]["Hello"] = json!({ "Type": "Wait", "Seconds": 600, "End": true });
    let file = write(folder.path(), "hello.asl.json", &waiting);
    let mut running =
        stepwell(&["run", &file, "--quiet", "--endpoint", &server.url]).spawn().unwrap();
    let execution = loop {
        let listed = server.ask_json(&["list", "hello", "--status", "running"]);
        if let Some(arn) = listed["executions"][0]["executionArn"].as_str() {
            break arn.to_owned();
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    let stopped = server.ask(&["stop", &execution, "--error", "Enough", "--cause", "of waiting"]);
    assert!(stopped.starts_with("stopped at 20"), "{stopped}");
    let described = server.ask_json(&["describe", &execution]);
    assert_eq!(described["status"], "ABORTED");
    assert_eq!(
        (&described["error"], &described["cause"]),
        (&json!("Enough"), &json!("of waiting"))
    );
    assert_eq!(running.wait().unwrap().code(), Some(1), "`run` tells that it was stopped");

    for (words, expected) in [
        (["describe", "nothing"], "there is no state machine named `nothing`"),
        (
            ["describe", "arn:aws:states:us-east-1:000000000000:execution:no:no"],
            "ExecutionDoesNotExist",
        ),
        (
            ["history", "arn:aws:states:us-east-1:000000000000:execution:no:no"],
            "ExecutionDoesNotExist",
        ),
        (
            ["stop", "arn:aws:states:us-east-1:000000000000:execution:no:no"],
            "ExecutionDoesNotExist",
        ),
        (["logs", "nothing"], "there is no log"),
    ] {
        let (status, output, error) = server.try_ask(&words);
        assert_eq!((status, output.as_str()), (2, ""), "{words:?}");
        assert!(error.contains(expected), "{words:?}: {error}");
    }
    assert_eq!(server.terminate(), Some(0));
}

/// A job that fails at once has a log all the same; no XGBoost library is needed.
#[test]
fn the_log_of_a_job() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"), &[]);
    std::fs::write(folder.path().join("bad.csv"), "label,feature\n1,2\n").unwrap();
    let put = format!("{}=s3://bucket/bad.csv", folder.path().join("bad.csv").display());
    let train = json!({ "StartAt": "Train", "States": { "Train": {
        "Type": "Task", "Resource": "arn:aws:states:::sagemaker:createTrainingJob.sync", "End": true,
        "Parameters": {
            "TrainingJobName": "bad-data", "RoleArn": ROLE,
            "AlgorithmSpecification": {
                "TrainingImage": "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1",
                "TrainingInputMode": "File",
            },
            "HyperParameters": { "num_round": "1" },
            "InputDataConfig": [{ "ChannelName": "train", "ContentType": "text/csv", "DataSource": { "S3DataSource": {
                "S3DataType": "S3Prefix", "S3Uri": "s3://bucket/bad.csv",
            } } }],
            "OutputDataConfig": { "S3OutputPath": "s3://bucket/out" },
            "ResourceConfig": { "InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1 },
            "StoppingCondition": { "MaxRuntimeInSeconds": 60 },
        },
    } } });
    let file = write(folder.path(), "train.asl.json", &train);
    let (status, _, error) = server.try_ask(&["run", &file, "--put", &put]);
    assert_eq!(status, 1, "{error}");
    let lines = server.ask(&["logs", "bad-data"]);
    assert!(!lines.trim().is_empty());
    let events = server.ask(&["logs", "bad-data", "--output", "json"]);
    assert_eq!(events.lines().count(), lines.lines().count());
    for event in events.lines() {
        assert!(serde_json::from_str::<Value>(event).unwrap()["message"].is_string());
    }
}

#[test]
fn graph_draws_files_and_executions() {
    let folder = tempfile::tempdir().unwrap();
    let file = write(folder.path(), "hello.asl.json", &hello());
    let (status, drawn, error) = run(&["graph", &file]);
    assert_eq!(status, 0, "{error}");
    assert!(drawn.contains("│ Hello   │") && !drawn.contains('\x1b'), "{drawn}");
    let out = |ending: &str| folder.path().join(format!("out.{ending}")).display().to_string();
    for (ending, begins) in
        [("svg", "<svg "), ("mmd", "flowchart TD"), ("txt", &drawn[..]), ("json", "{")]
    {
        let (status, printed, error) = run(&["graph", &file, "-o", &out(ending)]);
        assert_eq!((status, printed.as_str()), (0, ""), "{error}");
        let written = std::fs::read_to_string(out(ending)).unwrap();
        assert!(written.starts_with(begins), "{written}");
    }
    let (status, _, error) = run(&["graph", &file, "-o", &out("png")]);
    assert!(status == 2 && error.contains(".svg"), "{error}");

    let server = Server::start(&folder.path().join("data"), &[]);
    let file = write(folder.path(), "failing.asl.json", &failing());
    let (status, _, _) = server.try_ask(&["run", &file, "--quiet"]);
    assert_eq!(status, 1);
    assert!(server.ask(&["graph", "failing"]).contains("│ No "));
    let listed = server.ask_json(&["list", "failing"]);
    let execution = listed["executions"][0]["executionArn"].as_str().unwrap();
    assert!(server.ask(&["graph", execution]).contains("✘ No"));
    let (status, shown, told) = server.try_ask(&["watch", execution]);
    assert_eq!(status, 1);
    assert!(shown.contains("✘ No") && told.contains("FAILED Mine by design"), "{shown}{told}");

    let nobody = "arn:aws:states:us-east-1:000000000000:execution:no:no";
    for words in [["graph", nobody], ["watch", nobody]] {
        let (status, _, error) = server.try_ask(&words);
        assert!(status == 2 && error.contains("ExecutionDoesNotExist"), "{error}");
    }
    // What the picture is made of, as whoever draws it himself gets it.
    server.ask(&["graph", execution, "-o", &out("json")]);
    let picture: Value =
        serde_json::from_str(&std::fs::read_to_string(out("json")).unwrap()).unwrap();
    let statuses: Vec<_> =
        picture["nodes"].as_array().unwrap().iter().map(|node| &node["status"]).collect();
    assert_eq!(statuses, ["succeeded", "failed", "failed"]);
    assert_eq!(picture["edges"][1]["taken"], true);
    assert_eq!(picture["diagnostics"], json!([]));
}

#[test]
fn no_server_no_answer() {
    let (status, output, error) = run(&["list", "--endpoint", "http://127.0.0.1:1"]);
    assert_eq!((status, output.as_str()), (2, ""));
    assert!(error.contains("127.0.0.1:1"), "{error}");
}

#[test]
fn help_teaches_by_examples() {
    let (status, output, _) = run(&["--help"]);
    assert_eq!(status, 0);
    assert!(
        output.contains("Examples:") && output.contains("eval \"$(stepwell env)\""),
        "{output}"
    );
    for command in [
        "serve", "env", "demo", "run", "start", "describe", "list", "history", "graph", "watch",
        "stop", "logs", "validate",
    ] {
        let (status, output, _) = run(&[command, "--help"]);
        assert_eq!(status, 0, "{command}");
        let examples = output.split_once("Examples:").map(|(_, examples)| examples);
        let shown = examples.is_some_and(|text| text.contains(&format!("stepwell {command}")));
        assert!(shown, "`stepwell {command} --help` shows no example:\n{output}");
    }
    let (status, _, error) = told(stepwell(&[]).output().unwrap());
    assert_eq!(status, 2);
    assert!(error.contains("Usage:") && error.contains("demo"), "{error}");
}

fn until_ended(server: &Server, execution: &str) -> Value {
    for _ in 0..500 {
        let described = server.ask_json(&["describe", execution]);
        if described["status"] != "RUNNING" {
            return described;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("`{execution}` does not end");
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let mut command = stepwell(&["bench", "--list"]);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let (status, _, error) = told(command.stdout(writer).output().unwrap());
    assert_eq!((status, error.as_str()), (0, ""));
}

#[test]
fn a_file_that_is_not_there_is_not_looked_for_on_a_server() {
    for file in ["nowhere.asl.json", "some/where"] {
        let (status, _, error) = run(&["graph", file]);
        assert_eq!(status, 2);
        assert!(error.contains(&format!("cannot read `{file}`")), "{error}");
    }
}
