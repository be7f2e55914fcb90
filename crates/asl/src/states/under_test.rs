//! One state by itself: entered, answered and left through the code that runs it in an execution;
//! what is around it does not run.

use serde_json::Value;

use super::{Fault, Stepper};
use crate::data_flow::Bench;
use crate::definition::Kind;
use crate::event::FailedPhase;
use crate::execution::{Execution, Item, Phase, TOP, items_length};
use crate::{Data, Decision, EventKind, Failure, Moment, Name};

impl<'e> Stepper<'e> {
    /// A stepper that has what it sees written down.
    pub fn at(bench: &'e Bench, execution: &'e mut Execution, moment: Moment) -> Stepper<'e> {
        Stepper { bench: Some(bench), ..Stepper::new(execution, moment) }
    }

    /// What was decided; what else could go on does not.
    pub fn stop_here(self) -> Decision {
        self.decision
    }

    /// Enters the state and does what can be done without an answer. A Wait is over at once.
    pub fn enter_alone(&mut self, state: &Name, input: Data) {
        self.enter(TOP, state, input);
        if matches!(self.phase(), Some(Phase::Waiting { .. })) {
            self.wait_over(TOP);
        }
        let items = self.decision.events.iter().find_map(|event| match &event.kind {
            EventKind::MapStarted { items, .. } => Some(items.clone()),
            _ => None,
        });
        if let Some(items) = items {
            self.select_items(&items);
        }
    }

    /// Gives the state its result, or makes its work fail.
    pub fn answer_alone(&mut self, answer: Result<Data, Failure>) {
        if let Some(Phase::Task(open)) = self.phase()
            && !open.map_run
        {
            let task = open.task;
            return match answer {
                Ok(result) => self.task_succeeded(task, result),
                Err(failure) => self.task_failed(task, FailedPhase::Run, failure),
            };
        }
        let Some(visit) = self.visit(TOP).cloned() else { return };
        match answer {
            Ok(result) => self.leave(TOP, &visit, &result, true),
            Err(failure) => self.trouble(TOP, Fault::by_task(failure)),
        }
    }

    fn phase(&self) -> Option<&Phase> {
        self.execution.live.frames.get(&TOP).map(|frame| &frame.phase)
    }

    /// What each iteration would be given, by the Map's ItemSelector.
    fn select_items(&mut self, items: &Data) {
        let Some(visit) = self.visit(TOP).filter(|_| self.running()).cloned() else { return };
        match &visit.state.kind {
            // A run evaluates its selector itself.
            Kind::Map(map) if map.item_selector.is_some() && map.distributed.is_none() => {}
            _ => return,
        }
        let inputs: Result<Vec<Value>, _> = (0..items_length(items.value()))
            .map(|index| {
                let item = Item { items: items.clone(), index };
                self.iteration_input(TOP, &visit, &item).map(Data::into_value)
            })
            .collect();
        match inputs {
            Ok(inputs) => {
                let inputs = Data::from(Value::Array(inputs));
                self.note(|seen| seen.after_item_selector = Some(inputs));
            }
            Err(error) => self.evaluation_failed(TOP, error),
        }
    }
}
