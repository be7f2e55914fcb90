//! The children of a run: their names, which tell their run, and what they are born with.

use std::ops::RangeInclusive;
use std::sync::Arc;

use asl::definition::Map;
use asl::{Data, Header, MapRunSpec, Moment, Status};
use engine::{Child, Lease, Summary, Unsuccessful};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use store::ExecutionKey;

use super::super::arn::StatesArn;
use crate::{Caller, Context, Error};

/// What all children of a run share.
pub(super) struct Children {
    map_run_arn: String,
    /// `machine/label`.
    machine: String,
    /// Everything of an ARN before the resource.
    arn: String,
    run: String,
    template: Header,
    definition: Arc<str>,
    /// Where executions are logged to, unless they are not.
    logging: Option<Value>,
}

impl Children {
    /// `parent`: the attributes of the execution that the run is of.
    pub fn of(lease: &Lease, spec: &MapRunSpec, map: &Map, parent: &Value) -> Children {
        let (machine, run) = parts(&spec.map_run_arn);
        let arn = spec.map_run_arn.split(":mapRun:").next().unwrap_or_default().to_owned();
        let distributed = map.distributed.as_ref();
        let template = Header {
            key: 0,
            execution_arn: String::new(),
            name: String::new(),
            state_machine_arn: format!("{arn}:stateMachine:{machine}"),
            state_machine_name: machine.to_owned(),
            role_arn: lease.header.role_arn.clone(),
            input: Data::default(),
            start_time: lease.header.start_time,
            region: lease.header.region.clone(),
            account: lease.header.account.clone(),
            express: distributed.is_some_and(|map| map.express),
        };
        Children {
            map_run_arn: spec.map_run_arn.clone(),
            machine: machine.to_owned(),
            arn,
            run: run.to_owned(),
            template,
            definition: distributed.map_or("", |map| map.processor_text.as_str()).into(),
            logging: parent.get("logging").filter(|logging| is_on(logging)).cloned(),
        }
    }

    /// The text that they run by.
    pub fn definition(&self) -> &Arc<str> {
        &self.definition
    }

    /// One for each input, numbered from `first`.
    pub fn of_page(&self, page: Vec<(Data, u64)>, first: u64, moment: Moment) -> Vec<Child> {
        let child = |(number, (input, items))| self.one(number, input, items, moment);
        (first..).zip(page).map(child).collect()
    }

    /// One with the input of a child that failed, for a redrive.
    pub fn again(&self, of: &Unsuccessful, redrive_count: u32, moment: Moment) -> Child {
        // Higher than any child's that was started for an item.
        let number = (u64::from(redrive_count) << 40) | of.child.key;
        self.one(number, of.child.header.input.clone(), of.items, moment)
    }

    fn one(&self, number: u64, input: Data, items: u64, moment: Moment) -> Child {
        let name = name(&self.run, number);
        let header = Header {
            execution_arn: format!("{}:execution:{}:{name}", self.arn, self.machine),
            name,
            input,
            start_time: moment.now,
            ..self.template.clone()
        };
        let mut attributes = json!({ "map_run_arn": self.map_run_arn, "item_count": items });
        if let Some(logging) = &self.logging {
            attributes["logging"] = logging.clone();
        }
        Child { header, attributes, items }
    }
}

fn is_on(logging: &Value) -> bool {
    logging.get("level").and_then(Value::as_str).is_some_and(|level| level != "OFF")
}

/// `machine/label` and the run's id.
fn parts(map_run_arn: &str) -> (&str, &str) {
    let tail = map_run_arn.split(":mapRun:").nth(1).unwrap_or_default();
    tail.split_once(':').unwrap_or((tail, ""))
}

/// So many first characters of a child's name are those of its run's id.
const SHARED: usize = 14;

/// A UUID's form: half the run's, half the child's number, so that the same child has the same name
/// whenever it is started, and its run can be found by it.
fn name(run: &str, number: u64) -> String {
    let hash = Sha256::digest(format!("{run}/{number}").as_bytes());
    let number = number.to_be_bytes();
    let shared = run.get(..SHARED).unwrap_or(run);
    let (a, b) = (hex::encode(&hash[..2]), hex::encode(&hash[2..4]));
    // The number is in it as it stands, so that no two children can have one name.
    format!("{shared}4{}-8{}-{}", &a[..3], &b[..3], hex::encode(&number[2..]))
}

/// The child of a Map run that an execution's ARN names.
pub(in super::super) async fn find(
    context: &Context,
    caller: &Caller,
    parsed: &StatesArn<'_>,
    name: &str,
) -> Result<Option<Summary>, Error> {
    let Some(shared) = name.get(..SHARED).filter(|_| parsed.is_of(caller)) else {
        return Ok(None);
    };
    let resource = format!("mapRun:{}:{shared}", parsed.name);
    let prefix = crate::arn::arn("states", parsed.region, parsed.account, &resource);
    for run in context.engine.map_run_arns(&prefix, 8).await? {
        if let Some(found) = context.engine.named(&run, name).await? {
            let awaiting = context.engine.awaiting_redrive(&run).await?;
            return Ok(Some(as_it_waits(found, &awaiting)));
        }
    }
    Ok(None)
}

/// A child that did not succeed and waits for its turn in a redrive of its run has a status of its own.
pub(in super::super) fn as_it_waits(
    mut child: Summary,
    awaiting: &RangeInclusive<ExecutionKey>,
) -> Summary {
    let unsuccessful = matches!(child.status, Status::Failed | Status::TimedOut | Status::Aborted);
    if unsuccessful && awaiting.contains(&child.key) {
        child.status = Status::PendingRedrive;
    }
    child
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_childs_name_is_a_uuid_that_tells_its_run() {
        let run = "0f8e3c2a-1b2c-4d5e-9f00-112233445566";
        let (first, second) = (name(run, 0), name(run, 258));
        assert_ne!(first, second);
        assert!(first.starts_with(&run[..SHARED]));
        assert!(second.ends_with("000000000102"));
        let groups: Vec<usize> = first.split('-').map(str::len).collect();
        assert_eq!(groups, [8, 4, 4, 4, 12]);
    }

    #[test]
    fn a_runs_arn_has_a_machine_with_its_label_and_an_id() {
        let arn = "arn:aws:states:us-east-1:000000000000:mapRun:machine/label:id";
        assert_eq!(parts(arn), ("machine/label", "id"));
    }
}
