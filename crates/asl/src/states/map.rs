//! The Map state: one iteration per item, inline in frames of their own, or as a run of child executions.

use serde_json::Value;

use super::parallel::outputs;
use super::setting::{self, runtime};
use super::{Fault, Stepper};
use crate::data_flow::follow;
use crate::definition::{Flow, Map};
use crate::error_name;
use crate::event::Tolerance;
use crate::execution::{Item, Phase, Visit, items_length};
use crate::expression::{EvaluationError, Root};
use crate::{Data, EventKind, Failure, FrameId};

impl Stepper<'_> {
    pub(super) fn map(&mut self, frame: FrameId, visit: &Visit, map: &Map) {
        let (input, items, max_concurrency) = match self.resolve(frame, visit, map) {
            Ok(resolved) => resolved,
            Err(error) => return self.evaluation_failed(frame, error),
        };
        // AWS records the start before it looks at the tolerance.
        let tolerance = self.place(frame).with(input.value(), |scope| {
            let count = map.tolerated_failure_count.as_ref();
            let percentage = map.tolerated_failure_percentage.as_ref();
            Ok(Tolerance {
                count: count
                    .map(|count| setting::whole(count, scope, "ToleratedFailureCount"))
                    .transpose()?,
                percentage: percentage
                    .map(|part| setting::percentage(part, scope, "ToleratedFailurePercentage"))
                    .transpose()?,
            })
        });
        self.note(|seen| {
            seen.max_concurrency = Some(max_concurrency);
            if let Ok(tolerance) = &tolerance {
                seen.tolerated_failure_count = tolerance.count;
                seen.tolerated_failure_percentage = tolerance.percentage;
            }
        });
        let length = items_length(items.value()) as u64;
        if visit.map_run.is_none() {
            self.emit(
                frame,
                EventKind::MapStarted {
                    state: visit.state.name.clone(),
                    length,
                    items: items.clone(),
                    max_concurrency,
                    tolerance: tolerance.clone().unwrap_or_default(),
                },
            );
        }
        match (tolerance, &map.distributed) {
            (Err(error), _) => self.evaluation_failed(frame, error),
            (Ok(tolerance), Some(distributed)) => {
                match self.resolve_distributed(frame, visit, &input, distributed) {
                    Ok(resolved) => self.start_map_run(
                        frame,
                        visit,
                        distributed,
                        resolved,
                        input,
                        items,
                        max_concurrency,
                        tolerance,
                    ),
                    Err(error) => self.evaluation_failed(frame, error),
                }
            }
            (Ok(_), None) => self.queue.push_front(frame),
        }
    }

    fn resolve(
        &self,
        frame: FrameId,
        visit: &Visit,
        map: &Map,
    ) -> Result<(Data, Data, u64), EvaluationError> {
        let place = self.place(frame);
        let input = place.effective_input(&visit.state, &visit.input)?;
        let read = map.distributed.as_ref().is_some_and(|map| map.item_reader.is_some());
        let items = if read {
            let read = self.bench.and_then(|bench| bench.items.clone());
            read.unwrap_or_else(|| Data::from(Value::Null))
        } else if let Some(template) = &map.items {
            let items: Data =
                place.with(input.value(), |scope| template.evaluate(scope, "Items"))?.into();
            if !is_iterable(items.value()) {
                return Err(not_iterable(template.source(), items.value()));
            }
            items
        } else {
            let found = match &map.items_path {
                Some(path) => {
                    place.with(input.value(), |scope| follow(path, scope, "ItemsPath"))?.into()
                }
                None => input.clone(),
            };
            // An object's members can be items, but not those of the context object.
            let of_context =
                map.items_path.as_ref().is_some_and(|path| *path.root() == Root::Context);
            if !is_iterable(found.value()) || of_context && !found.value().is_array() {
                return Err(match &visit.state.flow {
                    Flow::Jsonata { .. } => EvaluationError {
                        error: error_name::QUERY_EVALUATION_ERROR,
                        cause: format!(
                            "Map state input must be an array but was: {}",
                            found.text()
                        ),
                        location: None,
                    },
                    Flow::JsonPath(_) => {
                        let path = map.items_path.as_ref().map_or("$", |path| path.text());
                        // As AWS shows a path of the context object.
                        let path = if of_context { &path[1..] } else { path };
                        runtime(format!("Reference path \"{path}\" must point to array."))
                    }
                });
            }
            self.note(|seen| {
                let written = match &map.items_path {
                    Some(path) if *path.root() == Root::Input => {
                        path.query().segments().and_then(|segments| input.part(&segments))
                    }
                    _ => None,
                };
                seen.after_items_path = Some(written.unwrap_or_else(|| found.clone()));
            });
            found
        };
        let max_concurrency = match &map.max_concurrency {
            Some(bound) => {
                place.with(input.value(), |scope| setting::whole(bound, scope, "MaxConcurrency"))?
            }
            None => 0,
        };
        Ok((input, items, max_concurrency))
    }

    /// Begins iterations as far as there is room; ends the Map when all are done.
    pub(super) fn iterate(&mut self, frame: FrameId) {
        loop {
            let Some(mapping) = self.execution.live.frames.get(&frame) else { return };
            let (Phase::Map(iterations), Some(visit)) = (&mapping.phase, mapping.visit.as_ref())
            else {
                return;
            };
            if iterations.is_done() {
                let result = outputs(&iterations.outputs);
                let visit = visit.clone();
                self.emit(frame, EventKind::MapSucceeded);
                return match result {
                    Some(result) => self.leave(frame, &visit, &result, true),
                    None => self.trouble(frame, Fault::too_large(&visit.state.name)),
                };
            }
            if !iterations.has_room() || !self.running() {
                return;
            }
            let index = iterations.next;
            let previous = iterations.follows;
            let item = Item { items: iterations.items.clone(), index };
            let visit = visit.clone();
            match self.iteration_input(frame, &visit, &item) {
                Ok(input) => {
                    let iteration = FrameId(self.execution.live.next_frame);
                    let kind = EventKind::MapIterationStarted {
                        state: visit.state.name.clone(),
                        index: index as u64,
                        iteration,
                        input,
                    };
                    self.emit_after(frame, previous, kind);
                    self.queue.push_back(iteration);
                    if self.has_worked_enough() {
                        return self.queue.push_back(frame);
                    }
                }
                Err(error) => {
                    self.abort_children(frame, None);
                    return self.evaluation_failed(frame, error);
                }
            }
        }
    }

    pub(super) fn iteration_input(
        &self,
        frame: FrameId,
        visit: &Visit,
        item: &Item,
    ) -> Result<Data, EvaluationError> {
        let crate::definition::Kind::Map(map) = &visit.state.kind else {
            return Ok(item.input().into());
        };
        let Some(selector) = &map.item_selector else { return Ok(item.input().into()) };
        let mut place = self.place(frame);
        place.item = Some(item);
        let input = place.effective_input(&visit.state, &visit.input)?;
        Ok(place.with(input.value(), |scope| selector.evaluate(scope, "ItemSelector"))?.into())
    }

    pub(super) fn iteration_succeeded(&mut self, frame: FrameId, iteration: FrameId) {
        let Some((state, index)) = self.iteration(frame, iteration) else { return };
        let previous = self.execution.live.frames.get(&iteration).map_or(0, |frame| frame.last);
        let index = index as u64;
        self.emit_after(
            frame,
            previous,
            EventKind::MapIterationSucceeded { state, index, iteration },
        );
        self.queue.push_front(frame);
    }

    /// An iteration failed: the Map goes on if that is tolerated, else it fails.
    pub(super) fn iteration_failed(&mut self, frame: FrameId, iteration: FrameId, fault: Fault) {
        let Some((state, index)) = self.iteration(frame, iteration) else { return };
        let previous = self.execution.live.frames.get(&iteration).map_or(0, |frame| frame.last);
        let kind = EventKind::MapIterationFailed {
            state: state.clone(),
            index: index as u64,
            iteration,
            failure: fault.failure.clone(),
        };
        self.emit_after(frame, previous, kind);
        let Some(mapping) = self.execution.live.frames.get(&frame) else { return };
        let Phase::Map(iterations) = &mapping.phase else { return };
        if iterations.tolerance.allows(iterations.failed, iterations.length as u64) {
            return self.queue.push_front(frame);
        }
        let fault =
            if iterations.tolerance.is_set() { Fault::new(too_many_failed()) } else { fault };
        self.abort_children(frame, Some(iteration));
        self.trouble_after(frame, previous, fault);
    }

    fn iteration(&self, frame: FrameId, iteration: FrameId) -> Option<(crate::Name, usize)> {
        let index = self.execution.live.frames.get(&iteration)?.index;
        Some((self.visit(frame)?.state.name.clone(), index))
    }
}

/// More iterations failed than are tolerated.
pub(crate) fn too_many_failed() -> Failure {
    Failure {
        error: Some("States.ExceedToleratedFailureThreshold".into()),
        cause: Some("The specified tolerated failure threshold was exceeded".into()),
    }
}

fn is_iterable(value: &Value) -> bool {
    value.is_array() || value.is_object()
}

fn not_iterable(source: &Value, items: &Value) -> EvaluationError {
    let expression = source.as_str().unwrap_or_default();
    let expression = expression.trim_start_matches("{%").trim_end_matches("%}").trim();
    EvaluationError {
        error: error_name::QUERY_EVALUATION_ERROR,
        cause: format!(
            "The JSONata expression '{expression}' specified for the field 'Items' returned an unexpected result type. Expected 'array', but was '{}' for value: {items}",
            crate::expression::type_name(items)
        ),
        location: Some("Items".into()),
    }
}
