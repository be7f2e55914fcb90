//! Express executions: the same step, the journal in memory. Whoever drives one runs its tasks, fires its
//! timers and keeps of its events what is wanted; nothing is stored.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use asl::event::FailedPhase;
use asl::{
    Command, Definition, Event, Execution, Failure, Header, Limits, Moment, Name, TaskId, TimerId,
    Timestamp, Trigger,
};

use crate::{Engine, EngineError, Lease};

/// An Express execution.
///
/// ```
/// # use std::sync::Arc;
/// # use asl::{Data, Definition, Header, Limits, Moment, Status, Timestamp};
/// # let header = Header { key: 1, execution_arn: String::new(), name: String::new(),
/// #     state_machine_arn: String::new(), state_machine_name: String::new(), role_arn: String::new(),
/// #     input: Data::default(), start_time: Timestamp(0), region: String::new(),
/// #     account: String::new(), express: true };
/// let definition = r#"{"StartAt": "Rest", "States": {"Rest": {"Type": "Wait", "Seconds": 5, "End": true}}}"#;
/// let definition = Arc::new(Definition::parse(definition)?);
/// let at = |seconds: i64| Moment { now: Timestamp(seconds * 1000), seed: 0 };
/// let (mut express, _) = engine::Express::start(definition, header.into(), Limits::default(), at(0));
/// assert_eq!(express.due_at(), Some(Timestamp(5000)));
/// express.fire(at(5));
/// assert_eq!(express.execution().status(), Status::Succeeded);
/// # Ok::<_, asl::Invalid>(())
/// ```
pub struct Express {
    execution: Execution,
    header: Arc<Header>,
    /// Timers that are set, and in the order they are due.
    timers: BTreeMap<TimerId, Timestamp>,
    due: BTreeSet<(Timestamp, TimerId)>,
    /// Its last decision had reached its budget of work then: it goes on at the next [`Express::fire`].
    goes_on: Option<Timestamp>,
}

/// What came of telling an Express execution something.
#[derive(Default)]
pub struct Turn {
    /// What happened, in order. Kept by nobody else.
    pub events: Vec<Event>,
    /// Tasks to be done; their answers go to [`Express::tell`].
    pub leases: Vec<Lease>,
    /// Tasks that nobody awaits any more.
    pub cancelled: Vec<TaskId>,
    /// States that were left, and for how many milliseconds each had been there.
    pub left: Vec<(Name, u64)>,
}

impl Engine {
    /// The definition of this text, parsed once for all who ask; nothing is stored.
    ///
    /// # Errors
    /// [`EngineError::Definition`] for a text that is none.
    pub fn definition(&self, text: &Arc<str>) -> Result<Arc<Definition>, EngineError> {
        self.definitions.parsed(text)
    }
}

impl Express {
    /// Starts an execution: the header's `express` is meant to be set, and its `key` to be no stored one's.
    pub fn start(
        definition: Arc<Definition>,
        header: Arc<Header>,
        limits: Limits,
        moment: Moment,
    ) -> (Express, Turn) {
        let mut express = Express {
            execution: Execution::new(definition, header.clone()).with_limits(limits),
            header,
            timers: BTreeMap::new(),
            due: BTreeSet::new(),
            goes_on: None,
        };
        let turn = express.tell(vec![Trigger::Started], moment);
        (express, turn)
    }

    /// Tells it what happened. Late news decides nothing.
    pub fn tell(&mut self, triggers: Vec<Trigger>, moment: Moment) -> Turn {
        let mut turn = Turn::default();
        let mut triggers = VecDeque::from(triggers);
        let mut dice = moment.dice("express: a seed for each trigger behind the first");
        let mut moment = moment;
        while let Some(trigger) = triggers.pop_front() {
            let decision = self.execution.step(trigger, moment);
            turn.events.extend(decision.events);
            turn.left.extend(decision.left);
            for command in decision.commands {
                triggers.extend(self.carry_out(command, moment, &mut turn));
            }
            moment.seed = dice.next_u64();
        }
        turn
    }

    /// Fires the timers that are due, soonest first, and lets it go on if it had to give way.
    pub fn fire(&mut self, moment: Moment) -> Turn {
        let mut triggers = Vec::new();
        while let Some(&(at, timer)) = self.due.first()
            && at <= moment.now
        {
            self.due.pop_first();
            self.timers.remove(&timer);
            triggers.push(Trigger::TimerFired { timer });
        }
        if self.goes_on.take().is_some() {
            triggers.push(Trigger::Continue);
        }
        self.tell(triggers, moment)
    }

    /// When to [`Express::fire`] next.
    pub fn due_at(&self) -> Option<Timestamp> {
        let timer = self.due.first().map(|(at, _)| *at);
        timer.into_iter().chain(self.goes_on).min()
    }

    /// Where it stands.
    pub fn execution(&self) -> &Execution {
        &self.execution
    }

    /// What it was born with.
    pub fn header(&self) -> &Arc<Header> {
        &self.header
    }

    /// Does what is asked; or, where that cannot be, what the execution is to be told.
    fn carry_out(&mut self, command: Command, moment: Moment, turn: &mut Turn) -> Option<Trigger> {
        match command {
            Command::ScheduleTask(task) => turn.leases.push(Lease {
                execution: self.header.key,
                header: self.header.clone(),
                task,
                again: false,
            }),
            Command::CancelTask { task, .. } => turn.cancelled.push(task),
            Command::SetTimer { timer, at } => {
                self.cancel_timer(timer);
                self.timers.insert(timer, at);
                self.due.insert((at, timer));
            }
            Command::CancelTimer { timer } => self.cancel_timer(timer),
            Command::StartMapRun { task, .. } => {
                let failure = Failure {
                    error: Some("States.Runtime".to_owned()),
                    cause: Some("An Express execution cannot run a Distributed Map".to_owned()),
                };
                return Some(Trigger::TaskFailed { task, phase: FailedPhase::Start, failure });
            }
            Command::Continue => self.goes_on = Some(moment.now),
        }
        None
    }

    fn cancel_timer(&mut self, timer: TimerId) {
        if let Some(at) = self.timers.remove(&timer) {
            self.due.remove(&(at, timer));
        }
    }
}
