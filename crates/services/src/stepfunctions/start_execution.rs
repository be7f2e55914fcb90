//! StartExecution.

use std::sync::Arc;

use asl::{Data, Header, Moment, ScheduledTask, Status};
use engine::{EngineError, NewExecution, Summary};
use serde::{Deserialize, Serialize};
use store::{Batch, ExecutionWrite};

use super::execution::Attributes;
use super::machine::{self, Machine, Revision};
use super::{
    account_limits, aliases, arn, check_name, encryption, express, input, seconds,
    type_not_supported,
};
use crate::integrations::{Awaiting, unique_name};
use crate::quotas::START_EXPRESS;
use crate::{Caller, Context, Error, Origin};

/// A name can be used again so long after its execution ended.
const NAME_RESERVED_MS: i64 = 90 * 24 * 60 * 60 * 1000;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Request {
    state_machine_arn: String,
    name: Option<String>,
    input: Option<String>,
    trace_header: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Response {
    execution_arn: String,
    start_date: f64,
}

pub(super) async fn start_execution(
    context: &Context,
    caller: &Caller,
    request: Request,
) -> Result<Response, Error> {
    let input = input::parse(request.input)?;
    let Request { state_machine_arn, name, trace_header, .. } = request;
    // A task that is lent again must not start a second execution.
    let (name, task) = match &caller.origin {
        Origin::Task { execution_arn, token: (execution, task), .. } => (
            Some(name.unwrap_or_else(|| unique_name(execution_arn, *task))),
            Some(Awaiting { execution: *execution, task: *task }),
        ),
        Origin::Client | Origin::Service => (name, None),
    };
    let new = Start { state_machine_arn, name, input, trace_header, task, at_end: None };
    let header = start(context, caller, new).await?;
    Ok(Response { execution_arn: header.execution_arn, start_date: seconds(header.start_time.0) })
}

/// What to start.
pub(crate) struct Start {
    pub state_machine_arn: String,
    pub name: Option<String>,
    pub input: Data,
    pub trace_header: Option<String>,
    /// The task that starts it: lent again, it finds the execution that it has started.
    pub task: Option<Awaiting>,
    /// See [`NewExecution::at_end`].
    pub at_end: Option<ScheduledTask>,
}

/// An execution that could begin now.
pub(super) struct Ready {
    pub header: Header,
    pub definition: Arc<str>,
    pub attributes: Attributes,
    pub at_end: Option<ScheduledTask>,
}

/// Starts an execution; durable when it returns. The same name with the same input, while that
/// execution runs, is the same call again. Names of Express executions may be used as often as one likes.
pub(crate) async fn start(context: &Context, caller: &Caller, new: Start) -> Result<Header, Error> {
    let moment = context.clock.moment();
    let ready = prepare(context, caller, new, moment).await?;
    let counted = if ready.header.express { START_EXPRESS } else { "StartExecution" };
    context.throttle.take(caller, "stepfunctions", counted, || moment.now)?;
    if ready.header.express {
        if ready.at_end.is_some() {
            return Err(type_not_supported());
        }
        return express::begin(context, ready).await;
    }
    let Ready { header, definition, attributes, at_end } = ready;
    if let Err(refusal) = account_limits::open_execution(context, caller).await {
        // The same call again is answered as the first was, however many run.
        let known = context.engine.named(&header.state_machine_arn, &header.name).await?;
        known.ok_or(refusal)?;
    }
    loop {
        let new = NewExecution {
            header: header.clone(),
            definition: definition.clone(),
            owner: header.state_machine_arn.clone(),
            attributes: serde_json::to_value(&attributes)
                .map_err(|error| Error::internal(error.to_string()))?,
            at_end: at_end.clone(),
        };
        match context.engine.start(new, Batch::default(), moment).await {
            Ok(_) => return Ok(header),
            Err(EngineError::NameTaken(key)) => {
                // Gone in the meantime: the name is free.
                let Some(known) = context.engine.summary(key).await? else { continue };
                if is_same_call(&known, &header, &attributes, at_end.is_some()) {
                    return Ok(known.header);
                }
                let ended = known.stop_time.filter(|_| known.status != Status::Running);
                if ended.is_none_or(|ended| moment.now.0 - ended.0 <= NAME_RESERVED_MS) {
                    return Err(Error::new(
                        "ExecutionAlreadyExists",
                        format!("Execution Already Exists: '{}'", known.header.execution_arn),
                    ));
                }
                let executions = vec![ExecutionWrite::Delete(key)];
                context.store.commit(Batch { executions, ..Batch::default() }).await?;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Finds what an ARN means (a state machine, a version, an alias's choice) and makes the execution's header.
pub(super) async fn prepare(
    context: &Context,
    caller: &Caller,
    new: Start,
    moment: Moment,
) -> Result<Ready, Error> {
    let asked = new.state_machine_arn.as_str();
    let (asked, test_case) = match &context.settings.mocks {
        Some(mocks) => mocks.split(asked)?,
        None => (asked, None),
    };
    let parsed = arn::parse(asked, &["stateMachine"])?;
    if let Some(name) = &new.name {
        check_name(name)?;
    }
    let found = machine::of(context, caller, &parsed, asked).await?;
    if found.value.deleting {
        return Err(machine::is_deleting(&found.value.arn));
    }
    encryption::check_usable(context, caller, found.value.encryption.as_ref()).await?;
    let mut attributes = Attributes {
        trace_header: new.trace_header,
        started_by: new.task,
        test_case,
        updated_at: found.value.updated_at,
        ..Attributes::default()
    };
    let number = match parsed.rest {
        None => None,
        Some(qualifier) => match qualifier.parse::<u64>() {
            Ok(number) => Some(number),
            Err(_) => {
                let alias = aliases::find(context, &found.key, qualifier).await?;
                let alias = alias.ok_or_else(|| machine::does_not_exist(asked))?;
                attributes.alias_arn = Some(asked.to_owned());
                Some(alias.route(moment))
            }
        },
    };
    let revision = match number {
        None => found.value.revision.clone(),
        Some(number) => {
            let version = machine::version(context, &found, number).await?;
            let version = version.ok_or_else(|| machine::does_not_exist(asked))?;
            attributes.version_arn = Some(found.value.version_arn(number));
            attributes.updated_at = version.created_at;
            version.revision
        }
    };
    let Machine { name: machine_name, arn: machine_arn, express, .. } = found.value;
    let name = new.name.unwrap_or_else(|| moment.dice("execution name").uuid());
    let resource = match express {
        false => format!("execution:{machine_name}:{name}"),
        true => {
            let run = moment.dice("express execution").uuid();
            format!("express:{machine_name}:{name}:{run}")
        }
    };
    let Revision { id, definition, role_arn, logging, tracing } = revision;
    let attributes = Attributes { revision_id: id, logging, tracing, ..attributes };
    let header = Header {
        key: 0,
        execution_arn: crate::arn::arn("states", &caller.region, &caller.account, &resource),
        name,
        state_machine_arn: machine_arn,
        state_machine_name: machine_name,
        role_arn,
        input: new.input,
        start_time: moment.now,
        region: caller.region.clone(),
        account: caller.account.clone(),
        express,
    };
    Ok(Ready { header, definition: definition.into(), attributes, at_end: new.at_end })
}

/// A task that is lent again finds the execution that it has started, whatever became of it. Who would hear
/// of the end must have started it: an execution tells its end to one.
fn is_same_call(known: &Summary, asked: &Header, attributes: &Attributes, awaited: bool) -> bool {
    let task = attributes.started_by;
    let by_the_same_task = task.is_some() && Attributes::of(known).started_by == task;
    let running = known.status == Status::Running && known.header.input == asked.input;
    by_the_same_task || (running && !awaited)
}
