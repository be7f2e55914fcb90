//! One seed's world: an engine that may die, workers that die with it, and a world outside that does not.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use futures::FutureExt as _;

use asl::{Dice, Header, Moment, Timestamp, Trigger};
use engine::{Cancelled, Engine, EngineError, Lease, NewExecution, Tick};
use serde_json::json;
use store::{Batch, ExecutionKey};

use crate::faults::{FaultyStore, now};
use crate::pipelines::PIPELINES;
use crate::properties;
use crate::workers::{Script, script};

/// How each execution ended: its status, and output or error.
pub type Ends = BTreeMap<String, (String, String)>;

pub struct World {
    pub store: Arc<FaultyStore>,
    pub now: Timestamp,
    engine: Arc<Engine>,
    dice: Dice,
    faults: bool,
    /// What is under way in the process.
    running: Vec<Running>,
    ticking: bool,
    wake_at: Option<Timestamp>,
    /// What the world outside still has to say, and when.
    outside: BTreeSet<(Timestamp, u64)>,
    messages: BTreeMap<u64, (ExecutionKey, Vec<Trigger>)>,
    /// What workers still have to say, or to give back; lost when the process dies.
    inside: BTreeMap<(Timestamp, u64), Inside>,
    next: u64,
    /// Executions still to be started, and those that were acknowledged.
    to_start: Vec<Wanted>,
    pub started: BTreeMap<String, ExecutionKey>,
    crashes: u32,
}

/// An execution that somebody wants: its place makes its name unique.
#[derive(Clone, Copy)]
struct Wanted {
    place: usize,
    pipeline: usize,
}

impl Wanted {
    fn name(self) -> String {
        format!("{} {}", self.place, PIPELINES[self.pipeline].0)
    }
}

enum Inside {
    Answer(Lease, Vec<Trigger>),
    GiveBack(Lease),
    Ended(Cancelled),
}

type Future<T> = Pin<Box<dyn std::future::Future<Output = T>>>;

enum Running {
    Start(Wanted, Future<Result<ExecutionKey, EngineError>>),
    Tick(Future<Result<Tick, EngineError>>),
    Answer(Lease, Future<Result<(), EngineError>>),
    Message(u64, Future<Result<(), EngineError>>),
    Ended(Cancelled, Future<Result<(), EngineError>>),
}

enum Done {
    Start(Wanted, Result<ExecutionKey, EngineError>),
    Tick(Result<Tick, EngineError>),
    Answer(Lease, Result<(), EngineError>),
    Message(u64, Result<(), EngineError>),
    Ended(Cancelled, Result<(), EngineError>),
}

const OWNER: &str = "arn:aws:states:us-east-1:000000000000:stateMachine:sim";
const STEPS_MAX: u32 = 50_000;
/// The world stops being cruel after this, so that it can be seen to end.
const CRUEL_STEPS: u32 = 2_000;
const CRASHES_MAX: u32 = 12;

impl World {
    pub fn new(seed: u64, faults: bool) -> World {
        let inner = now(store::open("memory:")).expect("memory");
        let store = Arc::new(FaultyStore::new(inner, seed, faults));
        let mut dice = Moment { now: Timestamp(0), seed }.dice("world");
        let count = 1 + dice.next_u64() as usize % 4;
        let to_start = (0..count)
            .map(|place| Wanted { place, pipeline: dice.next_u64() as usize % PIPELINES.len() })
            .collect();
        // A small budget folds executions again and again.
        let hot_bytes = if dice.next_u64().is_multiple_of(2) { 1 } else { 1 << 20 };
        World {
            engine: Arc::new(Engine::with_budget(store.clone(), hot_bytes)),
            store,
            now: Timestamp(1_700_000_000_000),
            dice,
            faults,
            running: Vec::new(),
            ticking: false,
            wake_at: None,
            outside: BTreeSet::new(),
            messages: BTreeMap::new(),
            inside: BTreeMap::new(),
            next: 0,
            to_start,
            started: BTreeMap::new(),
            crashes: 0,
        }
    }

    /// Runs until everything has ended and nothing is owed.
    pub fn run(mut self) -> Ends {
        for step in 0..STEPS_MAX {
            if step == CRUEL_STEPS {
                self.faults = false;
                self.store.stop_faults();
            }
            if !self.step() {
                properties::check_all(&self);
                return properties::ends(&self);
            }
            if step % 64 == 0 {
                properties::check_all(&self);
            }
        }
        panic!("after {STEPS_MAX} steps there is still something to do");
    }

    fn chance(&mut self, one_in: u64) -> bool {
        self.faults && self.dice.next_u64().is_multiple_of(one_in)
    }

    fn moment(&mut self) -> Moment {
        Moment { now: self.now, seed: self.dice.next_u64() }
    }

    fn ticket(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// Does one thing; false when there is nothing left to do, ever.
    fn step(&mut self) -> bool {
        if self.crashes < CRASHES_MAX && self.chance(60) {
            self.crash();
            return true;
        }
        if !self.running.is_empty() && (!self.chance(4) || !self.begin()) {
            let index = self.dice.next_u64() as usize % self.running.len();
            if self.chance(80) {
                // Whoever waited for it has gone.
                let gone = self.running.swap_remove(index);
                self.abandoned(gone);
            } else {
                self.poll(index);
            }
            return true;
        }
        if !self.running.is_empty() || self.begin() {
            return true;
        }
        self.pass_time()
    }

    /// Begins something that is due; false if nothing is.
    fn begin(&mut self) -> bool {
        if self.engine.changed().now_or_never().is_some() {
            self.wake_at = None;
        }
        if !self.ticking && self.wake_at.is_none_or(|at| at <= self.now) {
            self.ticking = true;
            let (engine, moment) = (self.engine.clone(), self.moment());
            let room = 1 + self.dice.next_u64() as usize % 4;
            self.running
                .push(Running::Tick(Box::pin(async move { engine.tick(moment, room).await })));
            return true;
        }
        if let Some(wanted) = self.to_start.pop() {
            let (engine, moment) = (self.engine.clone(), self.moment());
            let definition = PIPELINES[wanted.pipeline].1;
            let new = new_execution(&wanted.name(), definition, self.now, wanted.place as i64);
            self.running.push(Running::Start(
                wanted,
                Box::pin(async move { engine.start(new, Batch::default(), moment).await }),
            ));
            return true;
        }
        if let Some(entry) = self.inside.first_entry().filter(|entry| entry.key().0 <= self.now) {
            let inside = entry.remove();
            let (engine, moment) = (self.engine.clone(), self.moment());
            match inside {
                Inside::Answer(lease, triggers) => {
                    let execution = lease.execution;
                    let answer = Box::pin(async move {
                        engine.submit(execution, triggers, Batch::default(), moment).await
                    });
                    self.running.push(Running::Answer(lease, answer));
                }
                Inside::GiveBack(lease) => {
                    self.wake_at = None;
                    engine.give_back(lease, self.now.plus_millis(500));
                }
                Inside::Ended(cancelled) => {
                    let task = cancelled.clone();
                    let ended = Box::pin(async move { engine.ended(&task).await });
                    self.running.push(Running::Ended(cancelled, ended));
                }
            }
            return true;
        }
        if let Some((at, ticket)) = self.outside.first().copied().filter(|(at, _)| *at <= self.now)
        {
            self.outside.remove(&(at, ticket));
            let (execution, triggers) = self.messages[&ticket].clone();
            let (engine, moment) = (self.engine.clone(), self.moment());
            let message = Box::pin(async move {
                engine.submit(execution, triggers, Batch::default(), moment).await
            });
            self.running.push(Running::Message(ticket, message));
            return true;
        }
        false
    }

    fn poll(&mut self, index: usize) {
        let mut context = Context::from_waker(Waker::noop());
        macro_rules! poll {
            ($future:expr, $done:expr) => {
                match $future.as_mut().poll(&mut context) {
                    Poll::Pending => return,
                    Poll::Ready(answer) => $done(answer),
                }
            };
        }
        let done = match &mut self.running[index] {
            Running::Start(wanted, future) => poll!(future, |answer| Done::Start(*wanted, answer)),
            Running::Tick(future) => poll!(future, Done::Tick),
            Running::Answer(lease, future) => {
                poll!(future, |answer| Done::Answer(lease.clone(), answer))
            }
            Running::Message(ticket, future) => {
                poll!(future, |answer| Done::Message(*ticket, answer))
            }
            Running::Ended(task, future) => {
                poll!(future, |answer| Done::Ended(task.clone(), answer))
            }
        };
        self.running.swap_remove(index);
        self.done(done);
    }

    fn done(&mut self, done: Done) {
        match done {
            Done::Start(wanted, Ok(key) | Err(EngineError::NameTaken(key))) => {
                self.started.insert(wanted.name(), key);
            }
            Done::Start(wanted, Err(EngineError::Definition(reason))) => {
                panic!("{}: {reason}", wanted.name())
            }
            Done::Start(wanted, Err(_)) => self.to_start.push(wanted),
            Done::Tick(Ok(tick)) => {
                self.ticking = false;
                self.wake_at = Some(tick.wake_at.unwrap_or(Timestamp(i64::MAX)));
                for lease in tick.leases {
                    self.work(lease);
                }
                for cancelled in tick.cancelled {
                    let ticket = self.ticket();
                    self.inside.insert((self.now, ticket), Inside::Ended(cancelled));
                }
            }
            Done::Tick(Err(_)) => (self.ticking, self.wake_at) = (false, None),
            // The worker is free again, so the loop ticks.
            Done::Answer(_, Ok(())) => self.wake_at = None,
            Done::Ended(_, Ok(())) => {}
            Done::Answer(lease, Err(_)) => {
                let ticket = self.ticket();
                self.inside.insert((self.now, ticket), Inside::GiveBack(lease));
            }
            Done::Ended(cancelled, Err(_)) => {
                let ticket = self.ticket();
                self.inside.insert((self.now, ticket), Inside::Ended(cancelled));
            }
            Done::Message(ticket, Ok(())) => {
                self.messages.remove(&ticket);
            }
            Done::Message(ticket, Err(_)) => {
                self.outside.insert((self.now.plus_millis(100), ticket));
            }
        }
    }

    fn abandoned(&mut self, gone: Running) {
        match gone {
            Running::Start(wanted, _) => self.to_start.push(wanted),
            Running::Tick(_) => (self.ticking, self.wake_at) = (false, None),
            Running::Answer(lease, _) => {
                let ticket = self.ticket();
                self.inside.insert((self.now, ticket), Inside::GiveBack(lease));
            }
            Running::Message(ticket, _) => {
                self.outside.insert((self.now, ticket));
            }
            Running::Ended(cancelled, _) => {
                let ticket = self.ticket();
                self.inside.insert((self.now, ticket), Inside::Ended(cancelled));
            }
        }
    }

    /// A worker takes a lease: it answers after a while, twice, or never.
    fn work(&mut self, lease: Lease) {
        let delay = self.dice.next_u64() % 900;
        let at = self.now.plus_millis(delay as i64);
        if self.chance(10) {
            let ticket = self.ticket();
            self.inside.insert((at, ticket), Inside::GiveBack(lease));
            return;
        }
        let (inside, outside) = match script(&lease.task) {
            Script::AtOnce(triggers) => (triggers, Vec::new()),
            Script::Later(first, then) => (first, then),
        };
        if self.chance(6) {
            let (ticket, again) = (self.ticket(), self.dice.next_u64() % 5000);
            let twice = Inside::Answer(lease.clone(), inside.clone());
            self.inside.insert((at.plus_millis(again as i64), ticket), twice);
        }
        if !outside.is_empty() {
            // The job knows its task from the moment it is begun, so it may even answer first.
            let copies = if self.chance(6) { 2 } else { 1 };
            for _ in 0..copies {
                let (ticket, later) = (self.ticket(), 1000 + self.dice.next_u64() % 4000);
                self.messages.insert(ticket, (lease.execution, outside.clone()));
                self.outside.insert((at.plus_millis(later as i64), ticket));
            }
        }
        let ticket = self.ticket();
        self.inside.insert((at, ticket), Inside::Answer(lease, inside));
    }

    /// The process dies and starts again.
    fn crash(&mut self) {
        self.crashes += 1;
        for gone in std::mem::take(&mut self.running) {
            match gone {
                Running::Start(wanted, _) => self.to_start.push(wanted),
                Running::Message(ticket, _) => {
                    self.outside.insert((self.now, ticket));
                }
                Running::Tick(_) | Running::Answer(..) | Running::Ended(..) => {}
            }
        }
        self.inside.clear();
        self.ticking = false;
        self.wake_at = None;
        self.store.crash();
        let hot_bytes = if self.dice.next_u64().is_multiple_of(2) { 1 } else { 1 << 20 };
        self.engine = Arc::new(Engine::with_budget(self.store.clone(), hot_bytes));
    }

    /// Jumps to the next thing that will happen.
    fn pass_time(&mut self) -> bool {
        let next = [
            self.wake_at,
            self.outside.first().map(|(at, _)| *at),
            self.inside.first_key_value().map(|((at, _), _)| *at),
        ];
        let Some(next) = next.into_iter().flatten().min().filter(|at| at.0 < i64::MAX) else {
            return false;
        };
        self.now = self.now.max(next);
        true
    }
}

pub fn new_execution(name: &str, definition: &str, now: Timestamp, n: i64) -> NewExecution {
    NewExecution {
        header: Header {
            key: 0,
            execution_arn: format!("arn:aws:states:us-east-1:000000000000:execution:sim:{name}"),
            name: name.to_owned(),
            state_machine_arn: OWNER.to_owned(),
            state_machine_name: "sim".to_owned(),
            role_arn: "arn:aws:iam::000000000000:role/sim".to_owned(),
            input: json!({"n": n}).into(),
            start_time: now,
            region: "us-east-1".to_owned(),
            account: "000000000000".to_owned(),
            express: false,
        },
        definition: definition.into(),
        owner: OWNER.to_owned(),
        attributes: json!({"traceHeader": "t"}),
        at_end: None,
    }
}
