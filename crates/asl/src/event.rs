//! Facts in an execution's journal. A restart folds them (`Execution::apply`); it never evaluates an
//! expression twice, so an event carries everything that its application needs.
//!
//! Most kinds are one AWS `HistoryEvent` each and carry its id; some are ours alone (`id` 0) and are
//! left out of `GetExecutionHistory`. The AWS form is a view, made in `services::stepfunctions`.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{Data, Limits, Timestamp};

/// The name of a state, shared with the definition.
pub type Name = Arc<str>;

/// One line of control: the execution itself (0), a Parallel branch or a Map iteration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FrameId(pub u32);

/// A piece of work asked of the world, numbered within its execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TaskId(pub u64);

/// A timer, numbered within its execution. A timer that is no longer awaited decides nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TimerId(pub u64);

/// A fact: what happened in which frame, when.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// AWS's event id, 1..N without gaps; 0 for kinds that AWS does not show.
    pub id: u64,
    /// The id of the event that led to this one, as AWS chains them (0: none).
    pub previous: u64,
    /// When.
    pub at: Timestamp,
    /// Where.
    pub frame: FrameId,
    /// What.
    pub kind: EventKind,
}

/// Error name and cause, both as a user sees them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// `States.TaskFailed`, `SageMaker.AmazonSageMakerException`, a user's own …; absent where AWS leaves it out.
    pub error: Option<String>,
    /// The text for people.
    pub cause: Option<String>,
}

impl Failure {
    /// As long as it may be: what is longer loses its end, as at AWS. A cause that was JSON is none then.
    pub fn within(self, limits: &Limits) -> Failure {
        let cut = |text: Option<String>, most: usize| {
            text.map(|mut text| {
                text.truncate(text.floor_char_boundary(most));
                text
            })
        };
        Failure {
            error: cut(self.error, limits.error_bytes_max),
            cause: cut(self.cause, limits.cause_bytes_max),
        }
    }
}

/// The eight state types.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum StateType {
    Pass,
    Task,
    Choice,
    Wait,
    Succeed,
    Fail,
    Parallel,
    Map,
}

/// What kind of resource a Task state names; each has its own family of AWS events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TaskTarget {
    /// `arn:aws:lambda:…:function:NAME`: `LambdaFunction*` events.
    Lambda {
        /// The function's ARN.
        arn: String,
    },
    /// `arn:aws:states:…:activity:NAME`: `Activity*` events.
    Activity {
        /// The activity's ARN.
        arn: String,
    },
    /// `arn:aws:states:::SERVICE:ACTION[.sync|.sync:2|.waitForTaskToken]`: `Task*` events.
    Integration {
        /// `sagemaker`, `states`, `aws-sdk:s3`: AWS's `resourceType`.
        service: String,
        /// `createTrainingJob.sync`: AWS's `resource`.
        action: String,
    },
}

/// Everything that can happen in an execution.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum EventKind {
    /// AWS `ExecutionStarted`. Always the first event.
    ExecutionStarted {
        /// The execution's input.
        input: Data,
        /// The state machine's role.
        role_arn: String,
        /// When the whole execution times out, if it ever does.
        deadline: Option<Deadline>,
    },
    /// AWS `ExecutionSucceeded`.
    ExecutionSucceeded {
        /// The execution's output.
        output: Data,
    },
    /// AWS `ExecutionFailed`.
    ExecutionFailed {
        /// Why.
        failure: Failure,
    },
    /// AWS `ExecutionTimedOut`.
    ExecutionTimedOut {
        /// `States.Timeout`.
        failure: Failure,
    },
    /// AWS `ExecutionAborted`.
    ExecutionAborted {
        /// As given to StopExecution.
        failure: Failure,
    },
    /// AWS `ExecutionRedriven`: the execution runs again from where it failed.
    ExecutionRedriven {
        /// How often it was redriven, this time included.
        redrive_count: u32,
        /// When the whole execution times out, counted anew.
        deadline: Option<Deadline>,
    },
    /// AWS `<Type>StateEntered`.
    StateEntered {
        /// The state.
        state: Name,
        /// Its type.
        state_type: StateType,
        /// Its raw input, before InputPath.
        input: Data,
    },
    /// AWS `<Type>StateExited`. The frame goes on to `next`, or ends.
    StateExited {
        /// The state.
        state: Name,
        /// Its type.
        state_type: StateType,
        /// Its output, after OutputPath or `Output`.
        output: Data,
        /// Variables it assigned: name and value, in the order written.
        assigned: Vec<(String, Data)>,
        /// The state that follows; none ends the frame.
        next: Option<Name>,
    },
    /// AWS `<Type>StateAborted` (Wait, Task, Parallel, Map).
    StateAborted {
        /// The state.
        state: Name,
        /// Its type.
        state_type: StateType,
    },
    /// AWS `EvaluationFailed`: a JSONata expression failed; the state's failure follows.
    EvaluationFailed {
        /// `States.QueryEvaluationError` and the text.
        failure: Failure,
        /// `Output/v`, `Arguments`, …; absent where AWS leaves it out.
        location: Option<String>,
        /// The state.
        state: Name,
    },
    /// Ours: the frame waits until then before it goes on (Wait).
    WaitStarted {
        /// When it goes on.
        until: Timestamp,
        /// The timer that says so.
        timer: TimerId,
    },
    /// AWS `TaskScheduled`, `LambdaFunctionScheduled` or `ActivityScheduled`.
    TaskScheduled {
        /// The work's number.
        task: TaskId,
        /// What is asked.
        target: TaskTarget,
        /// The effective input: after Parameters or `Arguments`.
        parameters: Data,
        /// For the role in `Credentials`.
        credentials_role: Option<String>,
        /// The region shown in the event.
        region: String,
        /// Seconds until States.Timeout.
        timeout_seconds: Option<u64>,
        /// Seconds between heartbeats until States.HeartbeatTimeout.
        heartbeat_seconds: Option<u64>,
        /// For callbacks (`.waitForTaskToken`, activities): opaque, unguessable.
        token: Option<String>,
        /// Timer of `timeout_seconds`. An activity's time counts from `TaskStarted`.
        timeout_timer: Option<TimerId>,
        /// Timer of `heartbeat_seconds`, renewed by each heartbeat. As above for activities.
        heartbeat_timer: Option<TimerId>,
    },
    /// AWS `TaskStarted`, `LambdaFunctionStarted` or `ActivityStarted`.
    TaskStarted {
        /// The work's number.
        task: TaskId,
        /// The activity worker's name, if it gave one.
        worker: Option<String>,
        /// An activity's timer of `timeout_seconds`, from now.
        timeout_timer: Option<TimerId>,
        /// An activity's timer of `heartbeat_seconds`, from now.
        heartbeat_timer: Option<TimerId>,
    },
    /// AWS `TaskSubmitted`: the call was answered, the result is awaited (`.sync`, `.waitForTaskToken`).
    TaskSubmitted {
        /// The work's number.
        task: TaskId,
        /// The call's answer.
        output: Data,
    },
    /// AWS `TaskStartFailed` or `TaskSubmitFailed`, `LambdaFunctionStartFailed`, … by `phase`.
    TaskFailed {
        /// The work's number.
        task: TaskId,
        /// How far it had come.
        phase: FailedPhase,
        /// Why.
        failure: Failure,
    },
    /// AWS `TaskTimedOut`, `LambdaFunctionTimedOut`, `ActivityTimedOut`.
    TaskTimedOut {
        /// The work's number.
        task: TaskId,
        /// `States.Timeout`, also for a missing heartbeat, as AWS shows it.
        failure: Failure,
    },
    /// AWS `TaskSucceeded`, `LambdaFunctionSucceeded`, `ActivitySucceeded`.
    TaskSucceeded {
        /// The work's number.
        task: TaskId,
        /// The raw result.
        output: Data,
    },
    /// Ours: a heartbeat came; the next is due by this timer.
    TaskHeartbeat {
        /// The work's number.
        task: TaskId,
        /// The new timer.
        timer: TimerId,
    },
    /// Ours: a retrier takes the failure; the state runs again when the timer fires.
    RetryScheduled {
        /// Which retrier, from 0.
        retrier: u32,
        /// Its attempts so far, this one included.
        attempt: u32,
        /// When it runs again.
        at: Timestamp,
        /// The timer that says so.
        timer: TimerId,
        /// What failed.
        failure: Failure,
    },
    /// Ours: the delay of a retry is over.
    RetryStarted,
    /// Ours: a catcher takes the failure. `StateExited` follows.
    Caught {
        /// Which catcher, from 0.
        catcher: u32,
        /// What failed.
        failure: Failure,
    },
    /// AWS `ParallelStateStarted`.
    ParallelStarted {
        /// The state.
        state: Name,
        /// One frame a branch, in their order.
        branches: Vec<FrameId>,
        /// The branches' input.
        input: Data,
    },
    /// AWS `ParallelStateSucceeded`.
    ParallelSucceeded,
    /// AWS `ParallelStateFailed`.
    ParallelFailed {
        /// Why.
        failure: Failure,
    },
    /// AWS `MapStateStarted` (inline and distributed).
    MapStarted {
        /// The state.
        state: Name,
        /// How many items.
        length: u64,
        /// The items as they stand, before ItemSelector: an array, or an object whose members are the
        /// items. `null` when an ItemReader reads them.
        items: Data,
        /// How many run at once; 0 is no bound of the user's.
        max_concurrency: u64,
        /// How many failed iterations do not fail the state.
        tolerance: Tolerance,
    },
    /// AWS `MapIterationStarted`, in the Map's frame. The iteration's frame begins.
    MapIterationStarted {
        /// The Map state.
        state: Name,
        /// The item's place.
        index: u64,
        /// The new frame.
        iteration: FrameId,
        /// The iteration's input, after ItemSelector.
        input: Data,
    },
    /// AWS `MapIterationSucceeded`.
    MapIterationSucceeded {
        /// The Map state.
        state: Name,
        /// The item's place.
        index: u64,
        /// The iteration's frame.
        iteration: FrameId,
    },
    /// AWS `MapIterationFailed`.
    MapIterationFailed {
        /// The Map state.
        state: Name,
        /// The item's place.
        index: u64,
        /// The iteration's frame.
        iteration: FrameId,
        /// Why.
        failure: Failure,
    },
    /// AWS `MapIterationAborted`.
    MapIterationAborted {
        /// The Map state.
        state: Name,
        /// The item's place.
        index: u64,
        /// The iteration's frame.
        iteration: FrameId,
    },
    /// AWS `MapStateSucceeded`.
    MapSucceeded,
    /// AWS `MapStateFailed`.
    MapFailed {
        /// Why.
        failure: Failure,
    },
    /// AWS `MapRunStarted`: children of a Distributed Map are executions of their own.
    MapRunStarted {
        /// The work's number: a Map run is awaited like a task.
        task: TaskId,
        /// The run.
        map_run_arn: String,
    },
    /// AWS `MapRunSucceeded`.
    MapRunSucceeded {
        /// The work's number.
        task: TaskId,
        /// The state's raw result.
        output: Data,
    },
    /// AWS `MapRunFailed`.
    MapRunFailed {
        /// The work's number.
        task: TaskId,
        /// Why.
        failure: Failure,
    },
    /// AWS `MapRunAborted`.
    MapRunAborted {
        /// The work's number.
        task: TaskId,
    },
    /// AWS `MapRunRedriven`.
    MapRunRedriven {
        /// The work's number.
        task: TaskId,
        /// The run.
        map_run_arn: String,
        /// How often, this time included.
        redrive_count: u32,
    },
}

/// When an execution times out, and the timer that says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deadline {
    /// The timer.
    pub timer: TimerId,
    /// When it is due.
    pub at: Timestamp,
}

/// `ToleratedFailureCount` and `ToleratedFailurePercentage` as evaluated; neither: no failure is tolerated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tolerance {
    /// At most so many.
    pub count: Option<u64>,
    /// At most this part of all items, 0 to 100.
    pub percentage: Option<f64>,
}

impl Tolerance {
    /// Whether a Map of `length` items may go on with so many failed.
    pub fn allows(&self, failed: u64, length: u64) -> bool {
        let by_count = self.count.is_none_or(|count| failed <= count);
        let by_percentage = self
            .percentage
            .is_none_or(|percentage| failed as f64 * 100.0 <= percentage * length.max(1) as f64);
        (self.count.is_some() || self.percentage.is_some()) && by_count && by_percentage
    }

    /// Whether the state sets any tolerance.
    pub fn is_set(&self) -> bool {
        self.count.is_some() || self.percentage.is_some()
    }
}

/// How far a task had come when it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FailedPhase {
    /// It could not be started (`…StartFailed`, for activities `ActivityScheduleFailed`).
    Start,
    /// The call that begins a job was refused (`TaskSubmitFailed`).
    Submit,
    /// It ran and failed (`TaskFailed`).
    Run,
}
