//! A state tested by itself: the very steps that run it in an execution, with the world played by the
//! test and the intermediate values of its data flow written down.
//!
//! ```
//! use std::sync::Arc;
//! use asl::test_state::{Outcome, Progress, Setup, StateTest};
//! use asl::{Data, Definition, Moment, Timestamp};
//!
//! let text = r#"{"Type": "Pass", "Parameters": {"twice.$": "States.MathAdd($.n, $.n)"}, "Next": "On"}"#;
//! let definition = Arc::new(Definition::parse_state(text, "Double").unwrap());
//! let setup = Setup { input: Data::parse(r#"{"n": 2}"#).unwrap(), ..Setup::default() };
//! let mut test = StateTest::new(definition, "Double", setup).unwrap();
//! let Progress::Done(tested) = test.enter(Moment { now: Timestamp(0), seed: 0 }) else { panic!() };
//! let output = Data::parse(r#"{"twice": 4}"#).unwrap();
//! assert_eq!(tested.outcome, Outcome::Succeeded { output: output.clone(), next: Some("On".into()) });
//! assert_eq!(tested.inspection.after_parameters, Some(output));
//! ```

use std::sync::Arc;

use serde_json::Value;

use crate::data_flow::Bench;
pub use crate::data_flow::Inspection;
use crate::definition::{Body, State};
use crate::event::Tolerance;
use crate::execution::{Frame, Shared, TOP, items_length};
use crate::states::Stepper;
use crate::{
    Command, Data, Decision, Definition, EventKind, Execution, Failure, Header, MapRunSpec, Moment,
    Name, ScheduledTask, error_name,
};

/// What a state is tested with.
#[derive(Debug, Default)]
pub struct Setup {
    /// What the context object says of execution and state machine, and whose role tasks act with.
    pub header: Header,
    /// The state's raw input.
    pub input: Data,
    /// Variables that were assigned before.
    pub variables: Vec<(String, Data)>,
    /// The whole context object, in place of the one made from the header.
    pub context: Option<Value>,
    /// The state's name in the context object, in place of its own.
    pub name_in_context: Option<String>,
    /// How often the state was retried before.
    pub retries: u32,
    /// How many of a Map's iterations failed.
    pub failed_iterations: u64,
    /// What a Map's ItemReader read: an array, or an object whose members are the items.
    pub items_read: Option<Data>,
}

/// A state being tested.
#[derive(Debug)]
pub struct StateTest {
    execution: Execution,
    state: Arc<State>,
    input: Data,
    bench: Bench,
    failed_iterations: u64,
    /// How many items the Map has and how many of them may fail.
    map: Option<(u64, Tolerance)>,
}

/// How far a test has come.
#[derive(Debug)]
pub enum Progress {
    /// The state was left, or failed.
    Done(Box<Tested>),
    /// A Task asks for this to be done.
    Task(Box<ScheduledTask>),
    /// A Parallel or a Map awaits the results of its branches or iterations; a Distributed Map would
    /// begin this run for them.
    Children(Option<Box<MapRunSpec>>),
}

/// What came of a test.
#[derive(Clone, Debug, PartialEq)]
pub struct Tested {
    /// How the state ended.
    pub outcome: Outcome,
    /// Its data on the way.
    pub inspection: Inspection,
    /// All variables that the next state would see.
    pub variables: Vec<(String, Data)>,
}

/// How a tested state ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It was left the usual way.
    Succeeded {
        /// Its output.
        output: Data,
        /// What follows, if anything does.
        next: Option<Name>,
    },
    /// It failed, and nothing took the failure.
    Failed(Failure),
    /// It failed and would be retried.
    Retriable(Failure),
    /// It failed and a catcher took that.
    Caught {
        /// What was caught.
        failure: Failure,
        /// The catcher's output.
        output: Data,
        /// Where the catcher leads.
        next: Option<Name>,
    },
}

impl StateTest {
    /// A test of the state of this name, wherever it is in the definition. `None`: there is no such
    /// state.
    pub fn new(definition: Arc<Definition>, state: &str, setup: Setup) -> Option<StateTest> {
        let state = definition.body.find(state)?.clone();
        let states = [(state.name.clone(), state.clone())].into_iter().collect();
        let alone = Shared(Arc::new(Body { start_at: state.name.clone(), states }));
        let mut frame = Frame::starting(Some(alone), state.name.clone(), setup.input.clone());
        frame.variables.extend(setup.variables);
        let mut execution = Execution::new(definition, Arc::new(setup.header));
        execution.live.frames.insert(TOP, frame);
        execution.live.next_frame = 1;
        let bench = Bench {
            context: setup.context,
            state_name: setup.name_in_context,
            retries: setup.retries,
            items: setup.items_read,
            ..Bench::default()
        };
        let (input, failed_iterations) = (setup.input, setup.failed_iterations);
        Some(StateTest { execution, state, input, bench, failed_iterations, map: None })
    }

    /// With these bounds instead of AWS's.
    pub fn with_limits(mut self, limits: crate::Limits) -> StateTest {
        self.execution = self.execution.with_limits(limits);
        self
    }

    /// The state.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Enters the state and goes as far as it comes without an answer. A Wait does not wait.
    pub fn enter(&mut self, moment: Moment) -> Progress {
        let (name, input) = (self.state.name.clone(), self.input.clone());
        let decision = self.step(moment, |stepper| stepper.enter_alone(&name, input));
        for event in &decision.events {
            if let EventKind::MapStarted { items, tolerance, .. } = &event.kind {
                self.map = Some((items_length(items.value()) as u64, *tolerance));
            }
        }
        if let Some(tested) = self.tested(&decision) {
            return Progress::Done(Box::new(tested));
        }
        let asks = decision.commands.into_iter().find_map(|command| match command {
            Command::ScheduleTask(task) => Some(Progress::Task(Box::new(task))),
            Command::StartMapRun { spec, .. } => Some(Progress::Children(Some(spec))),
            _ => None,
        });
        asks.unwrap_or(Progress::Children(None))
    }

    /// Answers what [`enter`](StateTest::enter) has asked for: with the result of the state's work, or
    /// with how it failed. A result does not help a Map more of whose iterations failed than it
    /// tolerates; one that says nothing of tolerance takes the result.
    pub fn answer(&mut self, answer: Result<Data, Failure>, moment: Moment) -> Tested {
        let exceeded = self.map.is_some_and(|(length, tolerance)| {
            tolerance.is_set() && !tolerance.allows(self.failed_iterations, length)
        });
        let answer = if exceeded {
            answer.and_then(|_| Err(crate::states::too_many_failed()))
        } else {
            answer
        };
        let decision = self.step(moment, |stepper| stepper.answer_alone(answer));
        self.tested(&decision).unwrap_or_else(|| {
            let cause = "The state awaits no answer.".to_owned();
            let failure = Failure { error: Some(error_name::RUNTIME.into()), cause: Some(cause) };
            self.seen(Outcome::Failed(failure))
        })
    }

    fn step(&mut self, moment: Moment, take: impl FnOnce(&mut Stepper<'_>)) -> Decision {
        let mut stepper = Stepper::at(&self.bench, &mut self.execution, moment);
        take(&mut stepper);
        stepper.stop_here()
    }

    /// How the state ended, if the decision ends it.
    fn tested(&self, decision: &Decision) -> Option<Tested> {
        let mut caught = None;
        for event in &decision.events {
            let outcome = match &event.kind {
                EventKind::Caught { failure, .. } => {
                    caught = Some(failure.clone());
                    continue;
                }
                EventKind::StateExited { output, next, .. } => {
                    let (output, next) = (output.clone(), next.clone());
                    match caught {
                        Some(failure) => Outcome::Caught { failure, output, next },
                        None => Outcome::Succeeded { output, next },
                    }
                }
                EventKind::RetryScheduled { failure, .. } => Outcome::Retriable(failure.clone()),
                EventKind::ExecutionFailed { failure } => Outcome::Failed(failure.clone()),
                _ => continue,
            };
            return Some(self.seen(outcome));
        }
        None
    }

    fn seen(&self, outcome: Outcome) -> Tested {
        let frame = self.execution.live.frames.get(&TOP);
        let variables = frame.into_iter().flat_map(|frame| &frame.variables);
        Tested {
            outcome,
            inspection: self.bench.seen.borrow().clone(),
            variables: variables.map(|(name, data)| (name.clone(), data.clone())).collect(),
        }
    }
}
