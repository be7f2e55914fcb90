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
        label: Option<String>,
        input: Data,
        items: Option<Data>,
        max_concurrency: u64,
        tolerance: Tolerance,
    ) {
        let task = self.new_task();
        let mut dice = self.moment.dice(&format!("map run {}", task.0));
        let label = label.unwrap_or_else(|| dice.uuid());
        let header = &self.execution.header;
        let map_run_arn = format!(
            "arn:aws:states:{}:{}:mapRun:{}/{label}:{}",
            header.region,
            header.account,
            header.state_machine_name,
            dice.uuid()
        );
        let variables = self.execution.visible_variables(frame);
        self.emit(frame, EventKind::MapRunStarted { task, map_run_arn: map_run_arn.clone() });
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
            });
        }
    }
}
