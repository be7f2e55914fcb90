//! A world for one execution: virtual time, workers that answer as scripted, nothing else.
//!
//! After each decision it checks what must always hold: ids have no gaps, nothing follows the end,
//! the execution awaits exactly the tasks and timers it asked for, and the journal folds to it.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use asl::event::FailedPhase;
use asl::{
    Command, Data, Decision, Definition, Event, EventKind, Execution, Failure, Header, Limits,
    Moment, Status, TaskId, TimerId, Timestamp, Trigger,
};
use serde::Deserialize;
use serde_json::Value;

/// How a worker answers a task.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub struct Answer {
    /// Seconds until it starts.
    #[serde(default)]
    pub starts_after: f64,
    /// Seconds from the start until it answers.
    #[serde(default)]
    pub after: f64,
    /// The call's own answer, when the result comes later.
    pub submit: Option<Value>,
    pub succeed: Option<Value>,
    pub fail: Option<Failed>,
    /// Seconds after the start at which it says that it is alive.
    #[serde(default)]
    pub heartbeats: Vec<f64>,
    /// Answers by the task token, if it got one, with it.
    #[serde(default)]
    pub with_token: bool,
}

/// An error and its cause, both optional.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Failed {
    pub error: Option<String>,
    pub cause: Option<String>,
}

impl From<Failed> for Failure {
    fn from(failed: Failed) -> Failure {
        Failure { error: failed.error, cause: failed.cause }
    }
}

/// One execution and everything around it.
pub struct World {
    pub execution: Execution,
    pub journal: Vec<Event>,
    pub start: Timestamp,
    pub now: Timestamp,
    definition: Arc<Definition>,
    header: Arc<Header>,
    limits: Limits,
    answers: HashMap<String, VecDeque<Answer>>,
    /// What each state's task is answered when its script is at its end.
    otherwise: Option<Answer>,
    /// How tasks are answered by what they ask, once nothing else says so.
    answering: Option<fn(&str, &Value) -> Answer>,
    agenda: BTreeMap<(Timestamp, u64), Trigger>,
    next: u64,
    owed_tasks: BTreeSet<TaskId>,
    owed_timers: BTreeMap<TimerId, Timestamp>,
    owes_continue: bool,
    pub cancelled: Vec<TaskId>,
    pub decisions: usize,
}

impl World {
    pub fn new(definition: Arc<Definition>, input: Value) -> World {
        let start = Timestamp(1_767_225_600_000);
        let header = Arc::new(Header {
            key: 7,
            execution_arn: "arn:aws:states:us-east-1:000000000000:execution:machine:run".into(),
            name: "run".into(),
            state_machine_arn: "arn:aws:states:us-east-1:000000000000:stateMachine:machine".into(),
            state_machine_name: "machine".into(),
            role_arn: "arn:aws:iam::000000000000:role/machine".into(),
            input: Data::from(input),
            start_time: start,
            region: "us-east-1".into(),
            account: "000000000000".into(),
            express: false,
        });
        World {
            execution: Execution::new(definition.clone(), header.clone()),
            journal: Vec::new(),
            start,
            now: start,
            definition,
            header,
            limits: Limits::default(),
            answers: HashMap::new(),
            otherwise: None,
            answering: None,
            agenda: BTreeMap::new(),
            next: 0,
            owed_tasks: BTreeSet::new(),
            owed_timers: BTreeMap::new(),
            owes_continue: false,
            cancelled: Vec::new(),
            decisions: 0,
        }
    }

    pub fn with_limits(mut self, limits: Limits) -> World {
        self.limits = limits;
        self.execution = self.execution.with_limits(limits);
        self
    }

    pub fn with_answers(mut self, answers: HashMap<String, Vec<Answer>>) -> World {
        self.answers =
            answers.into_iter().map(|(state, answers)| (state, answers.into())).collect();
        self
    }

    pub fn otherwise(mut self, answer: Answer) -> World {
        self.otherwise = Some(answer);
        self
    }

    pub fn answering(mut self, answer: fn(&str, &Value) -> Answer) -> World {
        self.answering = Some(answer);
        self
    }

    /// Something that happens so many seconds after the start.
    pub fn later(&mut self, seconds: f64, trigger: Trigger) {
        let at = self.start.plus_seconds(seconds);
        self.plan(at, trigger);
    }

    /// Starts the execution and lets time pass until nothing more happens.
    pub fn run(&mut self) {
        self.step(Trigger::Started);
        self.settle();
    }

    /// Lets time pass until nothing more happens.
    pub fn settle(&mut self) {
        while let Some(((at, _), trigger)) = self.agenda.pop_first() {
            self.now = self.now.max(at);
            self.step(trigger);
            assert!(self.decisions < 100_000, "it does not end");
        }
    }

    pub fn step(&mut self, trigger: Trigger) -> Decision {
        if let Trigger::TimerFired { timer } = &trigger {
            self.owed_timers.remove(timer);
        }
        if let Trigger::TaskSucceeded { task, .. } | Trigger::TaskFailed { task, .. } = &trigger {
            self.owed_tasks.remove(task);
        }
        if trigger == Trigger::Continue {
            self.owes_continue = false;
        }
        self.decisions += 1;
        let moment = Moment { now: self.now, seed: self.decisions as u64 };
        let decision = self.execution.step(trigger, moment);
        self.journal.extend(decision.events.iter().cloned());
        for command in decision.commands.clone() {
            self.obey(command);
        }
        self.check();
        decision
    }

    /// The execution as a restart would find it.
    pub fn folded(&self) -> Execution {
        let mut folded =
            Execution::new(self.definition.clone(), self.header.clone()).with_limits(self.limits);
        folded.extend(self.journal.iter().cloned());
        folded
    }

    fn plan(&mut self, at: Timestamp, trigger: Trigger) {
        self.next += 1;
        self.agenda.insert((at, self.next), trigger);
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::ScheduleTask(task) => {
                self.owed_tasks.insert(task.task);
                let scripted = self.answers.get_mut(&*task.state).and_then(VecDeque::pop_front);
                let asked = task.parameters.value();
                let by_what_it_asks = || self.answering.map(|answer| answer(&task.state, asked));
                let usual = || self.otherwise.clone().or_else(by_what_it_asks);
                if let Some(answer) = scripted.or_else(usual) {
                    self.work(task.task, task.token, answer);
                }
            }
            Command::StartMapRun { task, spec } => {
                self.owed_tasks.insert(task);
                let scripted = self.answers.get_mut(&*spec.state).and_then(VecDeque::pop_front);
                if let Some(answer) = scripted.or_else(|| self.otherwise.clone()) {
                    self.work(task, None, answer);
                }
            }
            Command::CancelTask { task, .. } => {
                self.owed_tasks.remove(&task);
                self.cancelled.push(task);
            }
            Command::SetTimer { timer, at } => {
                self.owed_timers.insert(timer, at);
                self.plan(at, Trigger::TimerFired { timer });
            }
            Command::CancelTimer { timer } => {
                self.owed_timers.remove(&timer);
            }
            Command::Continue => {
                self.owes_continue = true;
                self.plan(self.now, Trigger::Continue);
            }
        }
    }

    fn work(&mut self, task: TaskId, token: Option<String>, answer: Answer) {
        if answer.with_token {
            let token = token.expect("the task has a token");
            assert_eq!(self.execution.token_matches(&token), Some(task));
        }
        let started = self.now.plus_seconds(answer.starts_after);
        self.plan(started, Trigger::TaskStarted { task, worker: None });
        if let Some(output) = answer.submit {
            self.plan(started, Trigger::TaskSubmitted { task, output: output.into() });
        }
        for seconds in answer.heartbeats {
            self.plan(started.plus_seconds(seconds), Trigger::TaskHeartbeat { task });
        }
        let ended = started.plus_seconds(answer.after);
        if let Some(output) = answer.succeed {
            self.plan(ended, Trigger::TaskSucceeded { task, output: output.into() });
        }
        if let Some(failed) = answer.fail {
            let failure = failed.into();
            self.plan(ended, Trigger::TaskFailed { task, phase: FailedPhase::Run, failure });
        }
    }

    fn check(&self) {
        let ids: Vec<u64> =
            self.journal.iter().map(|event| event.id).filter(|id| *id != 0).collect();
        assert!(ids.iter().copied().eq(1..=ids.len() as u64), "ids have gaps: {ids:?}");
        assert!(
            self.journal.iter().all(|event| event.id == 0 || event.previous < event.id),
            "an event follows a later one"
        );
        let ends = |event: &Event| {
            matches!(
                event.kind,
                EventKind::ExecutionSucceeded { .. }
                    | EventKind::ExecutionFailed { .. }
                    | EventKind::ExecutionTimedOut { .. }
                    | EventKind::ExecutionAborted { .. }
            )
        };
        if self.execution.status() != Status::Running {
            assert!(ends(self.journal.last().expect("it has events")), "something follows the end");
        }
        let awaited = self.execution.reconcile();
        assert_eq!(
            awaited.tasks,
            self.owed_tasks.iter().copied().collect::<Vec<_>>(),
            "tasks awaited and tasks asked for"
        );
        assert_eq!(
            awaited.timers,
            self.owed_timers.iter().map(|(id, at)| (*id, *at)).collect::<Vec<_>>(),
            "timers awaited and timers set"
        );
        assert_eq!(awaited.goes_on, self.owes_continue, "a Continue is owed");
        // Every decision would be quadratic in long runs.
        if self.journal.len() < 2_000 || self.execution.status() != Status::Running {
            assert_eq!(self.folded(), self.execution, "the journal folds to the live execution");
        }
    }
}
