//! EventBridge's events of Standard executions: "Step Functions Execution Status Change".
//!
//! As on AWS they are delivered at best: what waits when the process dies is not told again.

use std::sync::OnceLock;

use asl::{Data, Status};
use engine::Change;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;

/// An event in EventBridge's form.
pub type StatusEvent = Value;

/// So many wait to be delivered; more are lost.
const WAITING_MAX: usize = 10_000;
/// Escaped input and output of more bytes are left out, the input first.
const DATA_BYTES_MAX: usize = 248 * 1024;

/// Where they go.
#[derive(Default)]
pub(in super::super) struct StatusEvents {
    subscriber: OnceLock<mpsc::Sender<StatusEvent>>,
}

impl StatusEvents {
    /// From now on, events are here. There is one subscriber: none is given to a second one.
    pub fn subscribe(&self) -> Option<mpsc::Receiver<StatusEvent>> {
        let (sender, receiver) = mpsc::channel(WAITING_MAX);
        self.subscriber.set(sender).ok().map(|()| receiver)
    }

    pub fn changed(&self, change: &Change<'_>) {
        let Some(subscriber) = self.subscriber.get() else { return };
        // A child of a Map run tells its run, not the world.
        if change.header.state_machine_name.contains('/') {
            return;
        }
        if subscriber.try_send(event(change)).is_err() {
            let execution = &change.header.execution_arn;
            tracing::warn!(execution, "an execution's status event is lost: too many wait");
        }
    }
}

/// The event as EventBridge would deliver it.
fn event(change: &Change<'_>) -> StatusEvent {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Kept {
        version_arn: Option<String>,
        alias_arn: Option<String>,
    }
    let Change { header, status, at, redrive, .. } = *change;
    let kept: Kept = serde_json::from_str(change.attributes).unwrap_or_default();
    let ended = status != Status::Running;
    let (input, output) = (escaped(Some(&header.input)), escaped(change.output));
    let output_included = output <= DATA_BYTES_MAX;
    let input_included = input + output <= DATA_BYTES_MAX;
    let reason = match status {
        Status::Failed | Status::TimedOut | Status::Aborted => None,
        _ => Some(format!("Execution is {} and cannot be redriven", status.as_str())),
    };
    json!({
        "version": "0",
        "id": id(change),
        "detail-type": "Step Functions Execution Status Change",
        "source": "aws.states",
        "account": header.account,
        // EventBridge's times are whole seconds.
        "time": format!("{}Z", at.iso8601().split(['.', 'Z']).next().unwrap_or_default()),
        "region": header.region,
        "resources": [header.execution_arn],
        "detail": {
            "executionArn": header.execution_arn,
            "stateMachineArn": header.state_machine_arn,
            "stateMachineVersionArn": kept.version_arn,
            "stateMachineAliasArn": kept.alias_arn,
            "name": header.name,
            "status": status.as_str(),
            "startDate": header.start_time.0,
            "stopDate": ended.then_some(at.0),
            "input": input_included.then(|| header.input.text()),
            "inputDetails": { "included": input_included },
            "output": change.output.filter(|_| output_included).map(Data::text),
            "outputDetails": change.output.map(|_| json!({ "included": output_included })),
            "error": change.failure.and_then(|failure| failure.error.as_deref()),
            "cause": change.failure.and_then(|failure| failure.cause.as_deref()),
            "redriveCount": redrive.0,
            "redriveDate": redrive.1.map(|at| at.0),
            "redriveStatus": if reason.is_some() { "NOT_REDRIVABLE" } else { "REDRIVABLE" },
            "redriveStatusReason": reason,
        },
    })
}

/// Bytes of the data as a string in JSON.
fn escaped(data: Option<&Data>) -> usize {
    data.map_or(0, |data| Value::from(data.text()).to_string().len())
}

/// The same for the same change, so that whoever hears of it twice can tell.
fn id(change: &Change<'_>) -> String {
    let arn = &change.header.execution_arn;
    let what = format!("{arn} {} {}", change.status.as_str(), change.redrive.0);
    let hash = hex::encode(&Sha256::digest(what.as_bytes())[..16]);
    [&hash[..8], &hash[8..12], &hash[12..16], &hash[16..20], &hash[20..]].join("-")
}

#[cfg(test)]
mod tests {
    use asl::{Failure, Header, Timestamp};

    use super::*;

    fn header(input: Value) -> Header {
        Header {
            key: 7,
            execution_arn: "arn:aws:states:us-east-1:000000000000:execution:m:e".into(),
            name: "e".into(),
            state_machine_arn: "arn:aws:states:us-east-1:000000000000:stateMachine:m".into(),
            state_machine_name: "m".into(),
            role_arn: "arn:aws:iam::000000000000:role/r".into(),
            input: input.into(),
            start_time: Timestamp(1_551_225_271_984),
            region: "us-east-1".into(),
            account: "000000000000".into(),
            express: false,
        }
    }

    fn change<'a>(header: &'a Header, status: Status) -> Change<'a> {
        Change {
            execution: 7,
            header,
            attributes: r#"{"alias_arn":"arn:alias"}"#,
            status,
            at: Timestamp(1_551_225_271_984),
            redrive: (0, None),
            output: None,
            failure: None,
        }
    }

    #[test]
    fn events_are_eventbridges() {
        let header = header(json!({}));
        let began = event(&change(&header, Status::Running));
        assert_eq!(began["time"], "2019-02-26T23:54:31Z");
        let mut expected = json!({
            "executionArn": header.execution_arn, "stateMachineArn": header.state_machine_arn,
            "stateMachineVersionArn": null, "stateMachineAliasArn": "arn:alias",
            "name": "e", "status": "RUNNING", "startDate": 1_551_225_271_984_i64, "stopDate": null,
            "input": "{}", "inputDetails": {"included": true}, "output": null, "outputDetails": null,
            "error": null, "cause": null, "redriveCount": 0, "redriveDate": null,
            "redriveStatus": "NOT_REDRIVABLE",
            "redriveStatusReason": "Execution is RUNNING and cannot be redriven",
        });
        assert_eq!(began["detail"], expected);

        let failure = Failure { error: Some("E".into()), cause: Some("C".into()) };
        let at = Timestamp(1_551_225_272_984);
        let failed = Change { failure: Some(&failure), at, ..change(&header, Status::Failed) };
        let failed = event(&failed);
        expected["status"] = json!("FAILED");
        expected["stopDate"] = json!(at.0);
        (expected["error"], expected["cause"]) = (json!("E"), json!("C"));
        (expected["redriveStatus"], expected["redriveStatusReason"]) =
            (json!("REDRIVABLE"), Value::Null);
        assert_eq!(failed["detail"], expected);
        assert_ne!(failed["id"], began["id"]);
    }

    #[test]
    fn big_data_is_left_out_the_input_first() {
        let header = header(json!("x".repeat(150_000)));
        let (small, big) = (Data::from(json!(1)), Data::from(json!("y".repeat(120_000))));
        let huge = Data::from(json!("\"".repeat(100_000)));
        let included = |output| {
            let ended = Change { output: Some(output), ..change(&header, Status::Succeeded) };
            let detail = &event(&ended)["detail"];
            let of = |name: &str, data: &str| {
                let included = detail[name]["included"].as_bool();
                assert_eq!(included, Some(!detail[data].is_null()));
                included
            };
            (of("inputDetails", "input"), of("outputDetails", "output"))
        };
        assert_eq!(included(&small), (Some(true), Some(true)));
        assert_eq!(included(&big), (Some(false), Some(true)));
        assert_eq!(included(&huge), (Some(false), Some(false)));
    }
}
