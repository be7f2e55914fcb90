//! Express executions: driven here, kept in memory.
//!
//! A synchronous one is its caller's: nothing of it is stored. An asynchronous one that was acknowledged is
//! stored until it has ended and begins again after a crash: at least once, as AWS says of them.

use std::sync::Arc;

use asl::{Execution, Header, Moment, Status, Trigger};
use engine::{Change, Express, Lease, Turn};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use serde::{Deserialize, Serialize};
use store::{Expect, Scan};

use super::execution::Attributes;
use super::start_execution::Ready;
use crate::record::Table;
use crate::{Context, Error, integrations};

/// Asynchronous executions that have not ended, keyed by their ARNs.
const RUNNING: Table<Running> = Table::new("states/express");

/// So many acknowledged executions may wait to run; then starting one waits.
pub(super) const WAITING_MAX: usize = 10_000;

/// An asynchronous execution.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Running {
    header: Header,
    definition: Arc<str>,
    attributes: Attributes,
}

/// Starts an asynchronous execution; that it will run is durable when this returns.
pub(super) async fn begin(context: &Context, ready: Ready) -> Result<Header, Error> {
    let Ready { header, definition, attributes, .. } = ready;
    let header = numbered(header, context.clock.moment());
    let running = Running { header: header.clone(), definition, attributes };
    // A place first: what is stored is run by this server, and not only by the next.
    let place = context.stepfunctions.express_place().await?;
    RUNNING.insert(context, &header.execution_arn, &running).await?;
    place.send(running);
    Ok(header)
}

/// Those that had been acknowledged when the last server stopped.
pub(super) async fn left_over(context: &Context) -> Result<Vec<Running>, Error> {
    let all = Scan::prefix(String::new(), usize::MAX >> 1);
    Ok(RUNNING.list(context, all).await?.into_iter().map(|found| found.value).collect())
}

/// Runs an asynchronous execution to its end.
pub(super) async fn finish(context: &Context, running: Running) -> Result<(), Error> {
    let Running { header, definition, attributes } = running;
    let key = header.execution_arn.clone();
    run(context, header, &definition, &attributes).await?;
    let records = vec![RUNNING.delete(&key, Expect::Any)];
    Ok(context.store.commit(store::Batch { records, ..Default::default() }).await?)
}

/// Runs an execution to its end.
pub(super) async fn run(
    context: &Context,
    header: Header,
    definition: &Arc<str>,
    attributes: &Attributes,
) -> Result<Execution, Error> {
    let definition = context.engine.definition(definition)?;
    let header = Arc::new(header);
    let mocks = context.settings.mocks.as_ref();
    if let Some(mocks) = mocks {
        mocks.express_begins(&header.execution_arn, attributes.test_case.as_deref());
    }
    let watchers = &context.stepfunctions.watchers;
    let log = watchers.log.of(&header, attributes);
    let trace_header = attributes.trace_header.as_deref();
    let mut traced = watchers.traces.wants(&header, trace_header).then(Vec::new);
    let kept = serde_json::to_string(attributes).unwrap_or_default();
    watchers.changed(&began(&header, &kept));
    let (mut express, mut turn) =
        Express::start(definition, header, context.settings.limits, context.clock.moment());
    let mut work = FuturesUnordered::new();
    loop {
        let Turn { events, leases, left, .. } = turn;
        watchers.meter.of_express(&events);
        context.engine.left(express.header(), &left);
        if let Some(traced) = &mut traced {
            traced.extend(events.iter().cloned());
        }
        if let Some(log) = &log {
            log.heard(events);
        }
        if let Some(at) = express.execution().stop_time() {
            let execution = express.execution();
            watchers.changed(&Change {
                status: execution.status(),
                at,
                output: execution.output(),
                failure: execution.failure(),
                ..began(express.header(), &kept)
            });
            if let Some(traced) = traced {
                watchers.traces.express_ended(express.header(), trace_header, traced);
            }
            if let Some(mocks) = mocks {
                mocks.express_ended(&express.header().execution_arn);
            }
            // What tasks have under way is left to itself: nobody awaits it.
            return Ok(express.execution().clone());
        }
        let goes_out = |lease: &&Lease| integrations::goes_out(context, &lease.task.target);
        let started: Vec<Trigger> = leases
            .iter()
            .filter(goes_out)
            .map(|lease| Trigger::TaskStarted { task: lease.task.task, worker: None })
            .collect();
        // A cancelled task's answer comes too late and decides nothing.
        work.extend(leases.into_iter().map(|lease| async move {
            let lease = lease;
            integrations::answer(context, &lease).await
        }));
        if !started.is_empty() {
            // They may take long, and may time out meanwhile: that they have started is told first.
            turn = express.tell(started, context.clock.moment());
            continue;
        }
        let due_at = express.due_at();
        turn = tokio::select! {
            Some(triggers) = work.next(), if !work.is_empty() => {
                express.tell(triggers, context.clock.moment())
            }
            () = context.clock.reached(due_at.unwrap_or_default()), if due_at.is_some() => {
                express.fire(context.clock.moment())
            }
            else => return Err(Error::internal(format!(
                "the execution `{}` waits for nothing and has not ended",
                express.header().execution_arn
            ))),
        };
    }
}

/// An execution that has begun.
fn began<'a>(header: &'a Header, attributes: &'a str) -> Change<'a> {
    Change {
        execution: header.key,
        header,
        attributes,
        status: Status::Running,
        at: header.start_time,
        redrive: (0, None),
        output: None,
        failure: None,
    }
}

/// Gives the header a number that no stored execution has: client tokens of its tasks are made of it.
pub(super) fn numbered(header: Header, moment: Moment) -> Header {
    let number = moment.dice("express number").next_u64();
    Header { key: (1 << 62) | (number >> 2), ..header }
}
