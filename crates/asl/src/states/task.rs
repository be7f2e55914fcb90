//! The Task state: work asked of the world, and its answers.

use serde_json::Value;

use super::setting::{self, bare};
use super::{Fault, Stepper};
use crate::data_flow::Place;
use crate::definition::{Pattern, Task};
use crate::event::{FailedPhase, TaskTarget};
use crate::execution::{OpenTask, Phase, Visit, make_token};
use crate::expression::{EvaluationError, type_name};
use crate::{Command, Data, EventKind, Failure, FrameId, ScheduledTask, TaskId, error_name};

/// What a task is scheduled with.
struct Order {
    parameters: Data,
    credentials_role: Option<String>,
    timeout_seconds: Option<u64>,
    heartbeat_seconds: Option<u64>,
    /// The token is in the parameters.
    token_seen: bool,
}

impl Stepper<'_> {
    pub(super) fn schedule(&mut self, frame: FrameId, visit: &Visit, task: &Task) {
        let id = self.new_task();
        let token = make_token(self.execution.header.key, id, self.moment);
        let is_activity = matches!(task.target, TaskTarget::Activity { .. });
        let mut place = self.place(frame);
        // A task that is done when its call is answered has no token in its context object.
        let waits = task.pattern != Pattern::RequestResponse || is_activity;
        place.token = waits.then_some(&*token);
        let order = match order(&place, visit, task) {
            Ok(order) => order,
            Err(error) => return self.evaluation_failed(frame, error),
        };
        let limit = self.execution.limits.payload_bytes_max;
        if !order.parameters.same(&visit.input) && order.parameters.len() > limit {
            return self.trouble(frame, Fault::too_large(&visit.state.name));
        }
        if let (TaskTarget::Activity { arn }, Some(activities)) =
            (&task.target, &self.execution.activities)
            && !activities.contains(arn)
        {
            return self.fatal(frame, format!("The activity {arn} does not exist."));
        }
        let called_back = task.pattern == Pattern::TaskToken || is_activity;
        let token = (called_back || order.token_seen).then_some(token);
        let counts = !is_activity;
        let timeout_timer = order.timeout_seconds.filter(|_| counts).map(|_| self.new_timer(0));
        let heartbeat_timer = order
            .heartbeat_seconds
            .filter(|_| counts)
            .map(|_| self.new_timer(u64::from(timeout_timer.is_some())));
        let scheduled = ScheduledTask {
            task: id,
            state: visit.state.name.clone(),
            target: task.target.clone(),
            parameters: order.parameters.clone(),
            credentials_role: order.credentials_role.clone(),
            token: token.clone(),
            timeout_seconds: order.timeout_seconds,
            heartbeat_seconds: order.heartbeat_seconds,
        };
        let region = self.execution.header.region.clone();
        self.emit(
            frame,
            EventKind::TaskScheduled {
                task: id,
                target: task.target.clone(),
                parameters: order.parameters,
                credentials_role: order.credentials_role,
                region,
                timeout_seconds: order.timeout_seconds,
                heartbeat_seconds: order.heartbeat_seconds,
                token,
                timeout_timer,
                heartbeat_timer,
            },
        );
        if self.running() {
            self.decision.commands.push(Command::ScheduleTask(scheduled));
        }
    }

    pub fn task_started(&mut self, task: TaskId, worker: Option<String>) {
        let Some((frame, open)) = self.open_task(task).filter(|(_, open)| !open.started) else {
            return;
        };
        let counts = matches!(open.target, TaskTarget::Activity { .. });
        let timeout_timer = open.timeout_seconds.filter(|_| counts).map(|_| self.new_timer(0));
        let heartbeat_timer = open
            .heartbeat_seconds
            .filter(|_| counts)
            .map(|_| self.new_timer(u64::from(timeout_timer.is_some())));
        self.emit(frame, EventKind::TaskStarted { task, worker, timeout_timer, heartbeat_timer });
    }

    pub fn task_submitted(&mut self, task: TaskId, output: Data) {
        if let Some((frame, _)) = self.open_task(task).filter(|(_, open)| !open.submitted) {
            self.emit(frame, EventKind::TaskSubmitted { task, output });
        }
    }

    pub fn task_succeeded(&mut self, task: TaskId, output: Data) {
        let Some((frame, open)) = self.open_task(task) else { return };
        let is_map_run = open.map_run;
        if output.len() > self.execution.limits.payload_bytes_max && !is_map_run {
            let named = match &open.target {
                TaskTarget::Lambda { arn } | TaskTarget::Activity { arn } => arn,
                TaskTarget::Integration { service, .. } => service,
            };
            let failure = Fault::too_large(named).failure;
            return self.task_failed(task, FailedPhase::Run, failure);
        }
        let Some(visit) = self.visit(frame).cloned() else { return };
        self.release(frame, false);
        if is_map_run {
            self.emit(frame, EventKind::MapRunSucceeded { task, output: output.clone() });
            self.emit(frame, EventKind::MapSucceeded);
        } else {
            self.emit(frame, EventKind::TaskSucceeded { task, output: output.clone() });
        }
        if self.running() {
            self.leave(frame, &visit, &output, true);
        }
    }

    pub fn task_failed(&mut self, task: TaskId, phase: FailedPhase, failure: Failure) {
        let Some((frame, open)) = self.open_task(task) else { return };
        let is_map_run = open.map_run;
        let failure = failure.within(&self.execution.limits);
        self.release(frame, false);
        let kind = if is_map_run {
            EventKind::MapRunFailed { task, failure: failure.clone() }
        } else {
            EventKind::TaskFailed { task, phase, failure: failure.clone() }
        };
        self.emit(frame, kind);
        self.trouble(frame, Fault::by_task(failure));
    }

    pub fn task_refused(&mut self, task: TaskId, cause: String) {
        let Some((frame, _)) = self.open_task(task) else { return };
        self.release(frame, false);
        self.fatal(frame, cause);
    }

    pub fn task_heartbeat(&mut self, task: TaskId) {
        let Some((frame, open)) = self.open_task(task) else { return };
        // Without HeartbeatSeconds, or before an activity's worker has it, nothing is due.
        let Some(old) = open.heartbeat else { return };
        self.decision.commands.push(Command::CancelTimer { timer: old });
        let timer = self.new_timer(0);
        self.emit(frame, EventKind::TaskHeartbeat { task, timer });
    }

    pub(super) fn task_timed_out(&mut self, task: TaskId, name: &'static str) {
        let Some((frame, _)) = self.open_task(task) else { return };
        self.release(frame, true);
        // AWS shows `States.Timeout` for a missing heartbeat too; catchers can still tell them apart.
        let failure = Failure { error: Some(error_name::TIMEOUT.into()), cause: None };
        self.emit(frame, EventKind::TaskTimedOut { task, failure: failure.clone() });
        self.trouble(frame, Fault { name: name.into(), ..Fault::new(failure) });
    }

    fn open_task(&self, task: TaskId) -> Option<(FrameId, &OpenTask)> {
        let id = *self.execution.live.tasks.get(&task)?;
        match &self.execution.live.frames.get(&id)?.phase {
            Phase::Task(open) if open.task == task => Some((id, open)),
            _ => None,
        }
    }
}

fn order(place: &Place<'_>, visit: &Visit, task: &Task) -> Result<Order, EvaluationError> {
    let state = &visit.state;
    let input = place.effective_input(state, &visit.input)?;
    let seconds = |setting: &Option<_>, field: &str| {
        setting
            .as_ref()
            .map(|setting| {
                place.with(input.value(), |scope| setting::seconds(setting, scope, field))
            })
            .transpose()
    };
    let timeout_seconds = seconds(&task.timeout_seconds, "TimeoutSeconds")?;
    let heartbeat_seconds = seconds(&task.heartbeat_seconds, "HeartbeatSeconds")?;
    let credentials_role = match &task.credentials {
        Some(template) => {
            let credentials =
                place.with(input.value(), |scope| template.evaluate(scope, "Credentials"))?;
            Some(role(&credentials, template.source())?)
        }
        None => None,
    };
    let parameters = place.arguments(state, &input)?;
    // Any task may hand its token on; only then is it worth a place in the journal.
    let token_seen = place.token.is_some_and(|token| parameters.text().contains(token));
    Ok(Order { parameters, credentials_role, timeout_seconds, heartbeat_seconds, token_seen })
}

/// The role that `Credentials` name. Without one that can be taken the task must not act with another.
fn role(credentials: &Value, written: &Value) -> Result<String, EvaluationError> {
    let role = credentials.get("RoleArn").unwrap_or(&Value::Null);
    if let Some(role) = role.as_str() {
        return Ok(role.to_owned());
    }
    let path = written.get("RoleArn.$");
    let expression = |text: &Value| {
        let text = text.as_str()?.strip_prefix("{%")?.strip_suffix("%}")?;
        Some(text.trim().to_owned())
    };
    let (field, source) = match written.get("RoleArn") {
        Some(written) => ("Credentials/RoleArn", expression(written)),
        None => ("Credentials", expression(written)),
    };
    Err(match (path, source) {
        (None, Some(source)) => EvaluationError::query(
            format!(
                "The JSONata expression '{source}' specified for the field '{field}' returned an unexpected result type. Expected 'string', but was '{}' for value: {role}",
                type_name(role)
            ),
            field,
        ),
        (path, _) => EvaluationError::runtime(format!(
            "The RoleArn parameter of the Credentials does not reference a string value: {} == {role}",
            bare(path.unwrap_or(written))
        )),
    })
}
