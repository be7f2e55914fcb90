//! Map runs: the children of a Distributed Map, from the first item to the state's result.
//!
//! `engine` keeps a run's record, starts its children and counts them. Here is what AWS adds: where
//! items come from ([`reader`]), what a child's input is ([`source`]), how children are called
//! ([`child`]), and where results go ([`writer`]). The binary's loop calls [`drive`] for each run.

mod child;
mod csv;
mod failed;
mod inputs;
mod json;
mod listing;
mod manifest;
mod objects;
mod parquet;
mod reader;
mod source;
mod writer;

use std::sync::Arc;

use asl::event::FailedPhase;
use asl::{Failure, MapRunSpec, Status, TaskId, Trigger};
use engine::{Cancelled, Child, Lease, LiveMapRun, MapRunStatus, Pending, Standing};
use futures::future::join_all;
use serde::Deserialize;
use store::{Batch, ExecutionKey};

use crate::iam::guard::Need;
use crate::integrations::{Failed, credentials};
use crate::{Caller, Context, Error};

use super::account_limits;
use super::redrive_execution::unredrivable;

use self::child::Children;
use self::failed::failure;
use self::source::Source;

pub(super) use child::{as_it_waits, find as find_child};
pub(super) use inputs::{of as inputs_of, read};

/// So many children are started in one commit.
const PAGE: usize = 500;
/// The most that run at once, whatever the user asks.
const CONCURRENCY_MAX: u64 = asl::limits::DISTRIBUTED_MAP_CONCURRENCY_MAX;
/// So many children are stopped at a time.
const STOPPED_AT_ONCE: usize = 250;

/// Runs a Map run to its end, or until nobody awaits it any more. It can be dropped at any moment
/// and called again: it goes on behind the last children that it started.
///
/// # Errors
/// Only the engine's or the store's: the run then stays owed and is to be given back. What goes wrong in
/// the run itself is a failed run.
pub async fn drive(context: &Arc<Context>, lease: &Lease) -> Result<(), Error> {
    let spec = MapRunSpec::deserialize(lease.task.parameters.value())
        .map_err(|error| Error::internal(format!("a Map run cannot be read: {error}")))?;
    if spec.redrive_count > 0 {
        let (task, now) = (lease.task.task, context.clock.moment().now);
        let engine = &context.engine;
        engine.redrive_map_run(&spec.map_run_arn, task, spec.redrive_count, now).await?;
    }
    let Some(live) = context.engine.open_map_run(&spec.map_run_arn).await? else {
        return Err(Error::internal(format!("the Map run `{}` is missing", spec.map_run_arn)));
    };
    let definition = context.engine.definition_of(lease.execution).await?;
    let begun = lease.again && live.standing().await.children > 0;
    let mut place = account_limits::map_run(context, &spec.map_run_arn, begun);
    let run = Run { context, lease, live, spec: Arc::new(spec), definition };
    if !run.has_its_turn(&mut place).await {
        return Ok(());
    }
    run.to_its_end().await
}

/// Ends a Map run that nobody awaits any more, with its children, and tells what has become of it: what was
/// not begun is counted, and a ResultWriter lists it beside the results that there are.
///
/// # Errors
/// The engine's or the store's; to be called again then.
pub async fn abort(context: &Arc<Context>, cancelled: &Cancelled) -> Result<(), Error> {
    let spec = MapRunSpec::deserialize(cancelled.task.parameters.value())
        .map_err(|error| Error::internal(format!("a Map run cannot be read: {error}")))?;
    let (now, task) = (context.clock.moment().now, cancelled.task.task.0);
    let arn = &spec.map_run_arn;
    let aborted = context.engine.change_map_run(arn, |run| {
        let ours = run.task == task;
        if ours && run.status == MapRunStatus::Running {
            run.status = MapRunStatus::Aborted;
            run.stopped_at = Some(now);
        }
        ours && run.status == MapRunStatus::Aborted
    });
    if aborted.await? != Some(true) {
        return Ok(());
    }
    context.stepfunctions.counts.map_run_is_over(arn);
    loop {
        let running = context.engine.children(arn, Some(Status::Running), 0, STOPPED_AT_ONCE);
        let running: Vec<_> = running.await?.into_iter().map(|child| child.key).collect();
        if running.is_empty() {
            break;
        }
        stop(context, &running).await?;
    }
    context.engine.recount_map_run(arn).await?;
    let Cancelled { execution, header, task } = cancelled.clone();
    let lease = Lease { execution, header, task, again: true };
    tell_aborted(context, &lease, spec).await
}

/// What an aborted run leaves: how much was not begun, and what its ResultWriter writes.
async fn tell_aborted(
    context: &Arc<Context>,
    lease: &Lease,
    spec: MapRunSpec,
) -> Result<(), Error> {
    let definition = context.engine.definition_of(lease.execution).await?;
    let Some(map) = definition.distributed_map(&spec.state) else { return Ok(()) };
    let Some(run) = context.engine.map_run(&spec.map_run_arn).await? else { return Ok(()) };
    let caller = caller(lease);
    let spec = Arc::new(spec);
    let rest = match run.progress.exhausted {
        true => None,
        // Items that cannot be read any more are not told of.
        false => {
            let taken = run.progress.items_taken;
            open(context, caller.clone(), &spec, &definition, taken).await?.ok()
        }
    };
    let parent = context.engine.summary(lease.execution).await?;
    let parent = parent.map(|parent| parent.attributes).unwrap_or_default();
    let children = Children::of(lease, &spec, map, &parent);
    let mut unbegun = Unbegun::new(context, &children, run.progress.children, rest);
    let export = writer::Export::of(&spec, map, &caller, context).await;
    let mut results_written = 0;
    if let Ok(Some(export)) = export {
        let results = writer::Results { context, map_run_arn: &spec.map_run_arn, map };
        match results.export(&export, &caller, &mut unbegun).await? {
            Ok((_, written)) => results_written = written,
            Err(failure) => tracing::warn!(
                map_run = spec.map_run_arn,
                cause = failure.cause.as_deref().unwrap_or_default(),
                "the results of an aborted Map run could not be written"
            ),
        }
    }
    let (engine, pending) = (&context.engine, unbegun.known());
    Ok(engine
        .map_run_was_aborted(&spec.map_run_arn, lease.task.task, pending, results_written)
        .await?)
}

async fn stop(context: &Context, children: &[ExecutionKey]) -> Result<(), Error> {
    let moment = context.clock.moment();
    for some in children.chunks(STOPPED_AT_ONCE) {
        let stops = some.iter().map(|child| {
            let stopped = Trigger::Stopped { failure: Failure::default() };
            context.engine.submit(*child, vec![stopped], Batch::default(), moment.apart(*child))
        });
        join_all(stops).await.into_iter().collect::<Result<Vec<()>, _>>()?;
    }
    Ok(())
}

/// A run that is being driven.
struct Run<'a> {
    context: &'a Arc<Context>,
    lease: &'a Lease,
    live: LiveMapRun<'a>,
    spec: Arc<MapRunSpec>,
    definition: Arc<asl::Definition>,
}

impl Run<'_> {
    /// Waits until so few others are open that it may begin. `false`: nobody awaits it any more.
    async fn has_its_turn(&self, place: &mut account_limits::OpenMapRun<'_>) -> bool {
        let most = self.context.settings.account_limits.open_map_runs_max;
        loop {
            let there_is_room = place.changed();
            if self.live.standing().await.status != MapRunStatus::Running {
                return false;
            }
            if place.opens(most) {
                return true;
            }
            tokio::select! {
                () = there_is_room => {}
                () = self.live.changed() => {}
            }
        }
    }

    async fn to_its_end(&self) -> Result<(), Error> {
        let Some(map) = self.definition.distributed_map(&self.spec.state) else {
            let cause = format!("The state '{}' is not in the definition.", self.spec.state);
            return self.finish(Err(failure("States.Runtime", cause)), 0).await;
        };
        let parent = self.context.engine.summary(self.lease.execution).await?;
        let parent = parent.map(|parent| parent.attributes).unwrap_or_default();
        let children = Children::of(self.lease, &self.spec, map, &parent);
        if let Err(failure) = self.may_start().await {
            return self.finish(Err(failure), 0).await;
        }
        let export = match writer::Export::of(&self.spec, map, &self.caller(), self.context).await {
            Ok(export) => export,
            Err(failure) => return self.finish(Err(failure), 0).await,
        };
        let mut rest = None;
        let ended = match self.start_all(&children, &mut rest).await? {
            Some(ended) => ended,
            None => return Ok(()),
        };
        let open = self.live.open();
        if !open.is_empty() {
            stop(self.context, &open).await?;
        }
        while !self.live.open().is_empty() {
            self.live.changed().await;
        }
        let arn = &self.spec.map_run_arn;
        let results = writer::Results { context: self.context, map_run_arn: arn, map };
        let (outcome, written) = match (ended, &export) {
            (ended, Some(export)) => {
                let (first, is_known) = (self.live.standing().await.children, rest.is_some());
                let mut unbegun = Unbegun::new(self.context, &children, first, rest);
                let exported = results.export(export, &self.caller(), &mut unbegun).await?;
                if is_known {
                    self.live.set_pending(unbegun.known());
                }
                match exported {
                    Ok((output, written)) => (ended.map(|()| output), written),
                    Err(failure) => (ended.and(Err(failure)), 0),
                }
            }
            (Ok(()), None) => match results.collect().await? {
                Ok((output, written)) => (Ok(output), written),
                Err(failure) => (Err(failure), 0),
            },
            (Err(failure), None) => (Err(failure), 0),
        };
        self.finish(outcome, written).await
    }

    /// Starts a child for every item and waits for all to end. `None`: nobody awaits the run any more;
    /// an error is what the run fails with, and `source` has what was not begun then.
    async fn start_all(
        &self,
        children: &Children,
        source: &mut Option<Source>,
    ) -> Result<Option<Result<(), Failure>>, Error> {
        loop {
            let standing = self.live.standing().await;
            if standing.status != MapRunStatus::Running {
                return Ok(None);
            }
            if exceeds(&standing) {
                let cause = "The specified tolerated failure threshold was exceeded";
                let exceeded = failure("States.ExceedToleratedFailureThreshold", cause);
                return Ok(Some(Err(exceeded)));
            }
            if standing.pending_redrive > 0 {
                match room(&standing) {
                    0 => self.live.changed().await,
                    room => {
                        if let Err(failure) = self.redrive(children, room.min(PAGE)).await? {
                            return Ok(Some(Err(failure)));
                        }
                    }
                }
                continue;
            }
            if standing.exhausted {
                if standing.open == 0 {
                    return Ok(Some(Ok(())));
                }
                self.live.changed().await;
                continue;
            }
            let room = room(&standing);
            if room == 0 {
                self.live.changed().await;
                continue;
            }
            let moment = self.context.clock.moment();
            let opened = match source.take() {
                Some(source) => source,
                None => match open(
                    self.context,
                    self.caller(),
                    &self.spec,
                    &self.definition,
                    standing.items_taken,
                )
                .await?
                {
                    Ok(source) => source,
                    Err(failure) => return Ok(Some(Err(failure))),
                },
            };
            let (opened, page) = opened.page(room.min(PAGE), moment).await?;
            let page = match page {
                Ok(page) => page,
                Err(failure) => return Ok(Some(Err(failure))),
            };
            let (taken, exhausted) = (opened.items_taken, opened.exhausted);
            self.live.set_pending(opened.left());
            *source = Some(opened);
            let begun = children.of_page(page, standing.children, moment);
            let definition = children.definition();
            if !self.live.start(begun, definition, taken, exhausted, moment).await? {
                return Ok(None);
            }
        }
    }

    /// Lets children that did not succeed go on: a Standard execution from where it failed, an Express one
    /// from its beginning, in its place.
    async fn redrive(
        &self,
        children: &Children,
        limit: usize,
    ) -> Result<Result<(), Failure>, Error> {
        for of in self.live.unsuccessful(limit).await? {
            let moment = self.context.clock.moment();
            if of.child.header.express {
                let child = children.again(&of, self.spec.redrive_count, moment);
                self.live.replace(&of, child, children.definition(), moment).await?;
            } else if unredrivable(self.context, &of.child).await?.is_some() {
                self.live.leave(&of).await?;
            } else {
                let child = of.child.header.execution_arn.as_str();
                let need = Need::new("states:RedriveExecution", child);
                if let Err(failure) = self.may(need).await {
                    return Ok(Err(failure));
                }
                self.live.redrive(&of, moment).await?;
            }
        }
        Ok(Ok(()))
    }

    /// Whether the state machine's role may start children, which are executions of the state machine, and
    /// hear of them. AWS documents the latter and was not seen to ask for it.
    async fn may_start(&self) -> Result<(), Failure> {
        let header = &self.lease.header;
        let machine = credentials::machine(header);
        self.may(Need::new("states:StartExecution", machine)).await?;
        let executions = machine.replacen(":stateMachine:", ":execution:", 1);
        let own = format!("{executions}:{}", header.name);
        self.may(Need { only_told: true, ..Need::new("states:DescribeExecution", own) }).await
    }

    async fn may(&self, need: Need) -> Result<(), Failure> {
        let granted = self.context.iam.grants(self.context, &self.caller(), need).await;
        granted.map_err(|message| {
            let refusal = Error::new("AccessDeniedException", message);
            let request_id = self.context.clock.moment().dice("request id").uuid();
            let error = "StepFunctions.AWSStepFunctionsException".to_owned();
            Failed::optimised(error, "AWSStepFunctions", &refusal, &request_id).failure
        })
    }

    /// Answers the task.
    async fn finish(&self, outcome: Result<asl::Data, Failure>, written: u64) -> Result<(), Error> {
        let task = TaskId(self.lease.task.task.0);
        let (status, answer) = match outcome {
            Ok(output) => (MapRunStatus::Succeeded, Trigger::TaskSucceeded { task, output }),
            Err(failure) => {
                let failed = Trigger::TaskFailed { task, phase: FailedPhase::Run, failure };
                (MapRunStatus::Failed, failed)
            }
        };
        let moment = self.context.clock.moment();
        self.live.finish(status, written, answer, moment).await?;
        Ok(())
    }

    fn caller(&self) -> Caller {
        caller(self.lease)
    }
}

/// The state machine's role, as for a task.
fn caller(lease: &Lease) -> Caller {
    let header = &lease.header;
    let token = (lease.execution, lease.task.task.0);
    credentials::session(header, &header.role_arn, token, false)
}

/// The items behind the first `items_taken`.
async fn open(
    context: &Arc<Context>,
    caller: Caller,
    spec: &Arc<MapRunSpec>,
    definition: &Arc<asl::Definition>,
    items_taken: u64,
) -> Result<Result<Source, Failure>, Error> {
    let Some(map) = definition.distributed_map(&spec.state) else {
        let cause = format!("The state '{}' is not in the definition.", spec.state);
        return Ok(Err(failure("States.Runtime", cause)));
    };
    let items = match reader::open(context, caller, spec, map).await {
        Ok(items) => items,
        Err(failure) => return Ok(Err(failure)),
    };
    let input_bytes_max = context.settings.limits.payload_bytes_max;
    Source::new(items, spec.clone(), definition.clone(), items_taken, input_bytes_max).await
}

/// What a run that ends early has not begun: children that the next redrive will.
struct Unbegun<'a> {
    context: &'a Context,
    children: &'a Children,
    /// The number of the first.
    first: u64,
    rest: Option<Source>,
    told: Pending,
}

impl<'a> Unbegun<'a> {
    fn new(
        context: &'a Context,
        children: &'a Children,
        first: u64,
        rest: Option<Source>,
    ) -> Unbegun<'a> {
        Unbegun { context, children, first, rest, told: Pending::default() }
    }

    /// Some more of them; none are left when there are none. A run is not read to its end for this: AWS
    /// knows of no more either than it would soon have started.
    async fn next(&mut self) -> Result<Vec<Child>, Error> {
        let Some(source) = self.rest.take().filter(|_| self.told.executions < CONCURRENCY_MAX)
        else {
            return Ok(Vec::new());
        };
        let moment = self.context.clock.moment();
        let (source, page) = source.page(PAGE, moment).await?;
        // What cannot be read now fails the redrive that reads it.
        let page = page.unwrap_or_default();
        if !source.exhausted && !page.is_empty() {
            self.rest = Some(source);
        }
        let children = self.children.of_page(page, self.first + self.told.executions, moment);
        self.told.executions += children.len() as u64;
        self.told.items += children.iter().map(|child| child.items).sum::<u64>();
        Ok(children)
    }

    /// How much is known of: more than was told, where the number of items is known without reading them.
    fn known(&self) -> Pending {
        let left = self.rest.as_ref().map(Source::left).unwrap_or_default();
        Pending {
            executions: self.told.executions + left.executions,
            items: self.told.items + left.items,
        }
    }
}

/// Whether more failed than is tolerated. A percentage is one of all items, so it is looked at when all are known.
fn exceeds(standing: &Standing) -> bool {
    let failed = standing.items.not_succeeded();
    if failed == 0 {
        return false;
    }
    let mut tolerance = standing.tolerance;
    if !standing.exhausted && tolerance.percentage.is_some_and(|percentage| percentage > 0.0) {
        tolerance.percentage = None;
        return tolerance.is_set() && !tolerance.allows(failed, standing.items_taken);
    }
    !tolerance.allows(failed, standing.items_taken)
}

/// How many children may be started now. With many running, a few free places are not worth a commit.
fn room(standing: &Standing) -> usize {
    let most = match standing.max_concurrency {
        0 => CONCURRENCY_MAX,
        bound => bound.min(CONCURRENCY_MAX),
    } as usize;
    let free = most.saturating_sub(standing.open);
    let worth = (most / 4).clamp(1, PAGE / 2);
    if free >= worth { free } else { 0 }
}

#[cfg(test)]
mod tests {
    use asl::event::Tolerance;
    use engine::Counts;

    use super::*;

    fn standing(count: Option<u64>, percentage: Option<f64>, failed: u64, taken: u64) -> Standing {
        Standing {
            status: MapRunStatus::Running,
            max_concurrency: 0,
            tolerance: Tolerance { count, percentage },
            items: Counts { failed, ..Counts::default() },
            items_taken: taken,
            children: taken,
            exhausted: true,
            open: 0,
            pending_redrive: 0,
        }
    }

    #[test]
    fn any_breach_of_the_tolerance_exceeds_it() {
        assert!(!exceeds(&standing(None, None, 0, 4)));
        assert!(exceeds(&standing(None, None, 1, 4)));
        assert!(!exceeds(&standing(Some(1), None, 1, 4)));
        assert!(exceeds(&standing(Some(1), None, 2, 4)));
        assert!(!exceeds(&standing(None, Some(25.0), 1, 4)));
        assert!(exceeds(&standing(None, Some(25.0), 2, 4)));
        assert!(exceeds(&standing(Some(9), Some(25.0), 2, 4)));
    }

    #[test]
    fn a_percentage_waits_until_all_items_are_known() {
        let mut early = standing(None, Some(25.0), 1, 1);
        early.exhausted = false;
        assert!(!exceeds(&early));
        early.tolerance.count = Some(0);
        assert!(exceeds(&early));
    }

    #[test]
    fn room_is_worth_a_commit_or_none() {
        let mut now = standing(None, None, 0, 0);
        (now.max_concurrency, now.open) = (1, 0);
        assert_eq!(room(&now), 1);
        now.open = 1;
        assert_eq!(room(&now), 0);
        (now.max_concurrency, now.open) = (0, 9_900);
        assert_eq!(room(&now), 0);
        now.open = 9_000;
        assert_eq!(room(&now), 1_000);
        (now.max_concurrency, now.open) = (3, 5);
        assert_eq!(room(&now), 0);
    }
}
