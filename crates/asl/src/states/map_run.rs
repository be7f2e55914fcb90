//! A Distributed Map: its children are executions of their own, and the run is awaited like a task.

use super::Stepper;
use crate::event::Tolerance;
use crate::execution::Visit;
use crate::{Command, Data, EventKind, FrameId};

impl Stepper<'_> {
    #[allow(clippy::too_many_arguments)]
    pub(super) fn start_map_run(
        &mut self,
        frame: FrameId,
        visit: &Visit,
        label: Option<&str>,
        input: Data,
        items: Option<Data>,
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
                label.map_or_else(|| dice.uuid(), str::to_owned),
                dice.uuid()
            )
        });
        let variables = self.execution.visible_variables(frame);
        let arn = map_run_arn.clone();
        let kind = match redrive_count {
            0 => EventKind::MapRunStarted { task, map_run_arn: arn },
            _ => EventKind::MapRunRedriven { task, map_run_arn: arn, redrive_count },
        };
        self.emit(frame, kind);
        if self.running() {
            self.decision.commands.push(Command::StartMapRun {
                task,
                state: visit.state.name.clone(),
                map_run_arn,
                input,
                items,
                max_concurrency,
                tolerance,
                variables,
                redrive_count,
            });
        }
    }
}
