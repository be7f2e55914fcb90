//! One decision: what the world says to an execution, what the execution answers.

use crate::event::{Event, FailedPhase, Failure, Name, TaskId, TaskTarget, TimerId};
use crate::states::Stepper;
use crate::{Data, Execution, MapRunSpec, Moment, Timestamp};

/// How many events one decision may have before it lets others have their turn.
pub const EVENTS_PER_DECISION: usize = 1_000;

/// How much work evaluations may be in one decision, in steps of theirs, before it lets others have their turn. The
/// last one may exceed it.
pub(crate) const WORK_PER_DECISION: u64 = 500_000;

/// What the world tells an execution.
#[derive(Clone, Debug, PartialEq)]
pub enum Trigger {
    /// Begin: `ExecutionStarted` is recorded and the first state entered.
    Started,
    /// A worker took the task.
    TaskStarted {
        /// Which.
        task: TaskId,
        /// The activity worker's name.
        worker: Option<String>,
    },
    /// The call was answered and the result is awaited.
    TaskSubmitted {
        /// Which.
        task: TaskId,
        /// The call's answer.
        output: Data,
    },
    /// The task's result.
    TaskSucceeded {
        /// Which.
        task: TaskId,
        /// The result.
        output: Data,
    },
    /// The task failed.
    TaskFailed {
        /// Which.
        task: TaskId,
        /// How far it had come.
        phase: FailedPhase,
        /// Why.
        failure: Failure,
    },
    /// What the task asks for cannot be asked at all: `States.Runtime`, and the end of the execution.
    TaskRefused {
        /// Which.
        task: TaskId,
        /// Why, without the state's name.
        cause: String,
    },
    /// The worker is alive.
    TaskHeartbeat {
        /// Which.
        task: TaskId,
    },
    /// A timer is due.
    TimerFired {
        /// Which.
        timer: TimerId,
    },
    /// StopExecution.
    Stopped {
        /// Error and cause as given.
        failure: Failure,
    },
    /// RedriveExecution.
    Redriven,
    /// The last decision had reached its budget of work ([`EVENTS_PER_DECISION`]): go on.
    Continue,
}

/// Work owed once the decision's events are durable.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Have a worker do this.
    ScheduleTask(ScheduledTask),
    /// Nobody awaits this task any more (time-out, stop, failed sibling): end what it began.
    CancelTask {
        /// Which.
        task: TaskId,
        /// What it asked, so that the canceller need not look it up.
        target: TaskTarget,
    },
    /// Trigger `TimerFired` at this time.
    SetTimer {
        /// Which.
        timer: TimerId,
        /// When.
        at: Timestamp,
    },
    /// The timer is not needed any more; if it fires all the same, nothing happens.
    CancelTimer {
        /// Which.
        timer: TimerId,
    },
    /// Run the children of a Distributed Map; answered like a task.
    StartMapRun {
        /// The task that the run answers.
        task: TaskId,
        /// What the run is to do.
        spec: Box<MapRunSpec>,
    },
    /// Trigger `Continue` as soon as others have had their turn.
    Continue,
}

/// A task to be done: everything a worker needs, without the execution.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct ScheduledTask {
    /// Its number.
    pub task: TaskId,
    /// The state that asks.
    pub state: Name,
    /// What is asked.
    pub target: TaskTarget,
    /// The effective input.
    pub parameters: Data,
    /// The role to act with instead of the state machine's.
    pub credentials_role: Option<String>,
    /// The task token, for callbacks.
    pub token: Option<String>,
    /// Seconds until States.Timeout.
    pub timeout_seconds: Option<u64>,
    /// Seconds between heartbeats.
    pub heartbeat_seconds: Option<u64>,
}

/// What an execution answers to a trigger. Empty when the trigger came too late or twice.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decision {
    /// Facts, in order; already applied to the execution that decided.
    pub events: Vec<Event>,
    /// Work owed once the facts are durable.
    pub commands: Vec<Command>,
    /// Transitions made: states entered, and tried again.
    pub transitions: u64,
    /// States that were left, and for how many milliseconds each had been there.
    pub left: Vec<(Name, u64)>,
    /// There was another transition to make, and [`Execution::may_make`] said no.
    pub held: bool,
}

impl Execution {
    /// Decides what follows from a trigger. Each event is applied as it is decided. Cannot fail,
    /// never panics and always ends: what is left after [`EVENTS_PER_DECISION`] events, or much work of
    /// expressions, is decided on [`Trigger::Continue`].
    pub fn step(&mut self, trigger: Trigger, moment: Moment) -> Decision {
        let mut stepper = Stepper::new(self, moment);
        match trigger {
            Trigger::Started => stepper.start(),
            Trigger::TaskStarted { task, worker } => stepper.task_started(task, worker),
            Trigger::TaskSubmitted { task, output } => stepper.task_submitted(task, output),
            Trigger::TaskSucceeded { task, output } => stepper.task_succeeded(task, output),
            Trigger::TaskFailed { task, phase, failure } => {
                stepper.task_failed(task, phase, failure);
            }
            Trigger::TaskRefused { task, cause } => stepper.task_refused(task, cause),
            Trigger::TaskHeartbeat { task } => stepper.task_heartbeat(task),
            Trigger::TimerFired { timer } => stepper.timer_fired(timer),
            Trigger::Stopped { failure } => stepper.stop(failure),
            Trigger::Redriven => stepper.redrive(),
            Trigger::Continue => stepper.resume(),
        }
        stepper.finish()
    }
}
