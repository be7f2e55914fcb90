//! The real client: boto3, if a Python that has it is there (`STEPWELL_PYTHON`, else `python3`).

use std::process::Command;

use serde_json::json;

use crate::it::script::{LivingClock, Server};

#[tokio::test]
async fn boto3_reads_what_we_write() {
    let python = std::env::var("STEPWELL_PYTHON").unwrap_or_else(|_| "python3".into());
    let has = Command::new(&python).args(["-c", "import boto3"]).output();
    if !has.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: `{python}` has no boto3");
        return;
    }
    let server = Server::start_with(LivingClock).await;
    server.answer_with(json!({ "by_operation": {
        "ListStateMachines": { "members": { "stateMachines": [
            { "stateMachineArn": "arn:m", "name": "m", "type": "STANDARD", "creationDate": 1700000000.5 },
        ] } },
        "DescribeStateMachine": { "error": { "code": "StateMachineDoesNotExist", "message": "gone" } },
        "GetCallerIdentity": { "members": { "Account": "0", "Arn": "arn:aws:sts::0:x", "UserId": "u" } },
        "GetRole": { "error": { "code": "NoSuchEntity", "message": "no role" } },
        "CreateRole": { "members": { "Role": {
            "Path": "/", "RoleName": "r", "RoleId": "i", "Arn": "arn:r", "CreateDate": 1700000000,
            "AssumeRolePolicyDocument": "%7B%22Version%22%3A%222012-10-17%22%7D",
            "Tags": [{ "Key": "k", "Value": "<v>&" }],
        } } },
        "DescribeTrainingJob": { "members": { "TrainingJobName": "j", "TrainingStartTime": 1700000000.25 } },
        "InvokeEndpoint": { "members": { "ContentType": "text/csv" }, "body": "0.25,0.5" },
        "GetMetricStatistics": { "members": { "Datapoints": [{ "Timestamp": 1700000000, "Average": 0.5 }] } },
        "BatchPutMetrics": { "members": {} },
        "GetQueueUrl": { "error": { "code": "QueueDoesNotExist", "message": "no queue" } },
        "Invoke": { "members": { "StatusCode": 200, "Payload": "eyJiIjogMn0=" } },
    } }));
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/boto3_client.py");
    let (address, bundle) = (server.address.to_string(), server.bundle());
    let ran = tokio::task::spawn_blocking(move || {
        Command::new(&python).arg(script).arg(address).env("AWS_CA_BUNDLE", bundle).output()
    });
    let output = ran.await.unwrap().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    server.stop().await;
}
