//! A Distributed Map: its children are executions of their own, and the run is awaited like a task.

use super::{Stepper, setting};
use crate::definition::{Distributed, Flow};
use crate::event::Tolerance;
use crate::execution::Visit;
use crate::expression::{EvaluationError, Template};
use crate::{Command, Data, EventKind, FrameId, MapRunSpec};

/// What is evaluated of a Distributed Map's own fields when the state is entered.
#[derive(Default)]
pub(super) struct Resolved {
    reader_arguments: Option<Data>,
    max_items: Option<u64>,
    max_items_per_batch: Option<u64>,
    max_input_bytes_per_batch: Option<u64>,
    batch_input: Option<Data>,
    writer_arguments: Option<Data>,
}

impl Stepper<'_> {
    /// Evaluates reader, batcher and writer.
    pub(super) fn resolve_distributed(
        &self,
        frame: FrameId,
        visit: &Visit,
        input: &Data,
        map: &Distributed,
    ) -> Result<Resolved, EvaluationError> {
        let jsonata = matches!(visit.state.flow, Flow::Jsonata { .. });
        self.place(frame).with(input.value(), |scope| {
            let data = |template: Option<&Template>, field: &str| {
                template.map(|it| it.evaluate(scope, field).map(Data::from)).transpose()
            };
            let number = |bound: Option<&crate::definition::Setting<u64>>, field: &str| {
                bound.map(|bound| setting::whole(bound, scope, field)).transpose()
            };
            let (reader, batcher) = (map.item_reader.as_ref(), map.item_batcher.as_ref());
            let arguments = if jsonata { "Arguments" } else { "Parameters" };
            Ok(Resolved {
                reader_arguments: data(
                    reader.and_then(|reader| reader.parameters.as_ref()),
                    &format!("ItemReader/{arguments}"),
                )?,
                max_items: number(reader.and_then(|reader| reader.max_items.as_ref()), "MaxItems")?,
                max_items_per_batch: number(
                    batcher.and_then(|batcher| batcher.max_items.as_ref()),
                    "MaxItemsPerBatch",
                )?,
                max_input_bytes_per_batch: number(
                    batcher.and_then(|batcher| batcher.max_input_bytes.as_ref()),
                    "MaxInputBytesPerBatch",
                )?,
                batch_input: data(
                    batcher.and_then(|batcher| batcher.batch_input.as_ref()),
                    "ItemBatcher/BatchInput",
                )?,
                writer_arguments: data(
                    map.result_writer.as_ref().and_then(|writer| writer.parameters.as_ref()),
                    &format!("ResultWriter/{arguments}"),
                )?,
            })
        })
    }

    #[allow(clippy::too_many_arguments)]
    pub(super) fn start_map_run(
        &mut self,
        frame: FrameId,
        visit: &Visit,
        map: &Distributed,
        resolved: Resolved,
        input: Data,
        items: Data,
        max_concurrency: u64,
        tolerance: Tolerance,
    ) {
        let task = self.new_task();
        let redriven = visit.map_run.as_ref();
        let redrive_count = redriven.map_or(0, |run| run.redrive_count + 1);
        let mut dice = self.moment.dice(&format!("map run {}", task.0));
        let header = &self.execution.header;
        let map_run_arn = redriven.map(|run| run.arn.clone()).unwrap_or_else(|| {
            format!(
                "arn:aws:states:{}:{}:mapRun:{}/{}:{}",
                header.region,
                header.account,
                header.state_machine_name,
                map.label.clone().unwrap_or_else(|| dice.uuid()),
                dice.uuid()
            )
        });
        let spec = MapRunSpec {
            map_run_arn: map_run_arn.clone(),
            state: visit.state.name.clone(),
            entered_id: visit.entered_id,
            input,
            context: self.place(frame).context_object().into(),
            variables: self.execution.visible_variables(frame),
            items: map.item_reader.is_none().then_some(items),
            reader_arguments: resolved.reader_arguments,
            max_items: resolved.max_items,
            max_items_per_batch: resolved.max_items_per_batch,
            max_input_bytes_per_batch: resolved.max_input_bytes_per_batch,
            batch_input: resolved.batch_input,
            writer_arguments: resolved.writer_arguments,
            max_concurrency,
            tolerance,
            redrive_count,
        };
        let kind = match redrive_count {
            0 => EventKind::MapRunStarted { task, map_run_arn },
            _ => EventKind::MapRunRedriven { task, map_run_arn, redrive_count },
        };
        self.emit(frame, kind);
        if self.running() {
            self.decision.commands.push(Command::StartMapRun { task, spec: Box::new(spec) });
        }
    }
}
