//! One seed's world: an engine that may die, workers that die with it, and a world outside that does not.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use futures::FutureExt as _;

use asl::event::TaskTarget;
use asl::{
    Data, Dice, EventKind, Failure, Header, Moment, ScheduledTask, TaskId, Timestamp, Trigger,
};
use engine::{Cancelled, Engine, EngineError, Lease, NewExecution, Pace, Tick, Told};
use serde_json::json;
use store::{Batch, ExecutionKey, Expect, RecordWrite};

use crate::faults::{FaultyStore, now};
use crate::machines::{ACTIVITY, Flavor, Machine, machine};
use crate::properties;
use crate::workers::{Script, When, Word, script};

/// Lets a transition be made every so often, however many want to.
struct Slow {
    millis: i64,
    next: Mutex<i64>,
}

impl Slow {
    /// In the seeds that want it.
    fn of_seed(seed: u64) -> Option<Arc<dyn Pace>> {
        let mut dice = Moment { now: Timestamp(0), seed }.dice("pace");
        let millis = 1 + dice.next_u64() as i64 % 3_000;
        dice.next_u64()
            .is_multiple_of(8)
            .then(|| Arc::new(Slow { millis, next: Mutex::new(0) }) as Arc<dyn Pace>)
    }
}

impl Pace for Slow {
    fn allowed(&self, _: &Header, now: Timestamp) -> u64 {
        u64::from(*self.next.lock().unwrap() <= now.0)
    }

    fn made(&self, _: &Header, transitions: u64, now: Timestamp) {
        let mut next = self.next.lock().unwrap();
        *next = now.0.max(*next) + self.millis * transitions as i64;
    }

    fn promise(&self, header: &Header, now: Timestamp) -> Timestamp {
        self.made(header, 1, now);
        Timestamp(*self.next.lock().unwrap())
    }
}

pub struct World {
    /// How fast executions go on.
    pace: Option<Arc<dyn Pace>>,
    pub store: Arc<FaultyStore>,
    /// Looks at what is stored, beneath the faults.
    pub inspector: Engine,
    /// The time that passes; clocks may show another.
    now: Timestamp,
    /// How far the process's clock is ahead.
    skew: i64,
    engine: Arc<Engine>,
    dice: Dice,
    faults: bool,
    /// What is under way in the process.
    running: Vec<Running>,
    ticking: bool,
    wake_at: Option<Timestamp>,
    /// What the world outside still has to say, and when.
    outside: BTreeSet<(Timestamp, u64)>,
    messages: BTreeMap<u64, Message>,
    /// What workers still have to say, or to give back; lost when the process dies.
    inside: BTreeMap<(Timestamp, u64), Inside>,
    /// Tasks that workers have, and those they gave back; gone when the process dies.
    pub held: BTreeSet<(ExecutionKey, TaskId)>,
    pub resting: BTreeSet<(ExecutionKey, TaskId)>,
    /// Somebody polls for an activity's task; somebody should; an answer may have been lost.
    polling: bool,
    poll_wanted: bool,
    polls_lost: bool,
    /// Activities' tasks that somebody has.
    polled: BTreeSet<(ExecutionKey, TaskId)>,
    /// Executions whose end was told to who awaits them.
    ends_told: BTreeSet<ExecutionKey>,
    next: u64,
    /// Executions still to be started, and those that were acknowledged.
    to_start: Vec<Wanted>,
    pub started: BTreeMap<String, Acknowledged>,
    /// Answers by jobs that were acknowledged.
    pub answered: BTreeSet<(ExecutionKey, TaskId)>,
    /// Answers by task token that were taken.
    pub taken: BTreeSet<(ExecutionKey, TaskId)>,
    /// Executions of which something changed since they were last checked.
    pub unchecked: BTreeSet<ExecutionKey>,
    crashes: u32,
}

/// An execution that somebody wants: its place makes its name unique.
#[derive(Clone)]
struct Wanted {
    place: usize,
    machine: Arc<Machine>,
    /// Who awaits it wants to be told of its end.
    awaited: bool,
    /// It is stopped at some time.
    stopped: bool,
}

impl Wanted {
    fn name(&self) -> String {
        format!("{} {}", self.place, self.machine.name)
    }
}

/// An execution whose start was acknowledged, and what else was acknowledged of it.
pub struct Acknowledged {
    pub key: ExecutionKey,
    pub machine: Arc<Machine>,
    awaited: bool,
    pub to_stop: bool,
    pub stopped: bool,
    redrive_asked: bool,
    pub redriven: bool,
}

/// What the world outside says.
#[derive(Clone)]
struct Message {
    execution: ExecutionKey,
    trigger: Trigger,
    /// By whose right it answers a task.
    right: Right,
    /// When it was first said.
    since: Timestamp,
    /// It is said when nobody awaits the task any more.
    late: bool,
}

/// By whose right a task is answered.
#[derive(Clone)]
enum Right {
    /// The job's that it awaits: the answer is written with the job's own record.
    Job,
    /// Whoever has the task's token: SendTaskSuccess, SendTaskFailure, SendTaskHeartbeat.
    Token(Arc<str>),
    /// Nobody's: the token is made up.
    Forged(Arc<str>),
}

impl Message {
    /// The task that it answers, for good.
    fn answers(&self) -> Option<TaskId> {
        match &self.trigger {
            Trigger::TaskSucceeded { task, .. } | Trigger::TaskFailed { task, .. } => Some(*task),
            _ => None,
        }
    }

    /// A job's answer comes with a record of it: both are written or neither is.
    fn extra(&self) -> Batch {
        let Some(task) = self.answers() else { return Batch::default() };
        let key = format!("{}/{}", self.execution, task.0);
        let value = Some("answered".into());
        let records = vec![RecordWrite { table: ANSWERS, key, value, expect: Expect::Any }];
        Batch { records, ..Default::default() }
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
    Message(u64, Future<Result<Told, EngineError>>),
    Ended(Cancelled, Future<Result<(), EngineError>>),
    Poll(Future<Result<Option<Lease>, EngineError>>),
}

enum Done {
    Start(Wanted, Result<ExecutionKey, EngineError>),
    Tick(Result<Tick, EngineError>),
    Answer(Lease, Result<(), EngineError>),
    Message(u64, Result<Told, EngineError>),
    Ended(Cancelled, Result<(), EngineError>),
    Poll(Result<Option<Lease>, EngineError>),
}

/// The table of records that come with answers.
pub const ANSWERS: &str = "sim/answer";
const OWNER: &str = "arn:aws:states:us-east-1:000000000000:stateMachine:sim";
const SKEW_MAX_MILLIS: i64 = 3 * 3_600_000;
/// What runs longer is taken for endless: the longest world seen in 500,000 seeds, 1,300 tasks in
/// Maps within Maps, ended after 56,000.
const STEPS_MAX: u32 = 500_000;
/// The world stops being cruel after this, so that it can be seen to end.
const CRUEL_STEPS: u32 = 2_000;
const CRASHES_MAX: u32 = 12;
/// So long an answer by token waits for the answer of the call that asked for it.
const EARLY_MILLIS: i64 = 2_000;
/// Somebody who is given up looks so often whether he is.
const LATE_MILLIS: i64 = 600_000;

impl World {
    pub fn new(seed: u64, faults: bool) -> World {
        let store = Arc::new(FaultyStore::of_seed(seed, faults));
        let mut dice = Moment { now: Timestamp(0), seed }.dice("world");
        let count = 1 + dice.next_u64() as usize % 3;
        let mut to_start = Vec::new();
        for place in 0..count {
            let mut one_in = |n: u64| dice.next_u64().is_multiple_of(n);
            let (awaited, stopped) = (one_in(3), one_in(8));
            let machine = Arc::new(machine(&mut dice));
            to_start.push(Wanted { place, machine, awaited, stopped });
        }
        // A small budget folds executions again and again.
        let hot_bytes = if dice.next_u64().is_multiple_of(4) { 1 } else { 1 << 20 };
        let pace = if faults { Slow::of_seed(seed) } else { None };
        World {
            engine: Arc::new(engine(store.clone(), hot_bytes, pace.clone())),
            pace,
            inspector: Engine::with_budget(store.beneath(), 0),
            store,
            now: Timestamp(1_700_000_000_000),
            skew: 0,
            dice,
            faults,
            running: Vec::new(),
            ticking: false,
            wake_at: None,
            outside: BTreeSet::new(),
            messages: BTreeMap::new(),
            inside: BTreeMap::new(),
            held: BTreeSet::new(),
            resting: BTreeSet::new(),
            polling: false,
            poll_wanted: true,
            polls_lost: false,
            polled: BTreeSet::new(),
            ends_told: BTreeSet::new(),
            next: 0,
            to_start,
            started: BTreeMap::new(),
            answered: BTreeSet::new(),
            taken: BTreeSet::new(),
            unchecked: BTreeSet::new(),
            crashes: 0,
        }
    }

    /// Until when the loop sleeps; none: it is about to turn.
    pub fn wake_at(&self) -> Option<Timestamp> {
        self.wake_at
    }

    /// What the process's clock shows.
    pub fn clock(&self) -> Timestamp {
        self.now.plus_millis(self.skew)
    }

    /// Runs until everything has ended and nothing is owed.
    pub fn run(mut self) -> properties::Ends {
        let mut crashes = 0;
        for step in 0..STEPS_MAX {
            if step == CRUEL_STEPS {
                self.faults = false;
                self.store.stop_faults();
            }
            if !self.step() {
                properties::check_all(&mut self);
                for (name, execution) in &self.started {
                    let told = self.ends_told.contains(&execution.key);
                    assert_eq!(told, execution.awaited, "{name}: its end was told or not");
                }
                return properties::ends(&self);
            }
            if step % 256 == 0 || crashes != self.crashes {
                crashes = self.crashes;
                properties::check_all(&mut self);
            }
        }
        panic!("after {STEPS_MAX} steps there is still something to do");
    }

    fn chance(&mut self, one_in: u64) -> bool {
        self.faults && self.dice.next_u64().is_multiple_of(one_in)
    }

    fn moment(&mut self) -> Moment {
        Moment { now: self.clock(), seed: self.dice.next_u64() }
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
        if self.chance(300) {
            // The clock is set, forwards or backwards.
            let by = self.dice.next_u64() as i64 % SKEW_MAX_MILLIS;
            self.skew = (self.skew + by).clamp(-SKEW_MAX_MILLIS, SKEW_MAX_MILLIS);
            // Whoever sleeps until a time by the clock is woken when the clock is set.
            self.wake_at = None;
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
        if !self.ticking && self.wake_at.is_none_or(|at| at <= self.clock()) {
            self.ticking = true;
            let (engine, moment) = (self.engine.clone(), self.moment());
            let room = 1 + self.dice.next_u64() as usize % 4;
            self.running
                .push(Running::Tick(Box::pin(async move { engine.tick(moment, room).await })));
            return true;
        }
        if let Some(wanted) = self.to_start.pop() {
            let (engine, moment) = (self.engine.clone(), self.moment());
            let definition = &wanted.machine.definition;
            let mut new =
                new_execution(&wanted.name(), definition, self.clock(), wanted.place as i64);
            new.header.input = json!({"n": wanted.place * 7 + 1, "items": [3, 1, 4, 1, 5]}).into();
            new.at_end = wanted.awaited.then(told_at_end);
            self.running.push(Running::Start(
                wanted,
                Box::pin(async move { engine.start(new, Batch::default(), moment).await }),
            ));
            return true;
        }
        if self.poll_wanted && !self.polling {
            (self.polling, self.poll_wanted) = (true, false);
            let (engine, moment) = (self.engine.clone(), self.moment());
            let poll = async move { engine.poll_activity(ACTIVITY, None, moment).await };
            self.running.push(Running::Poll(Box::pin(poll)));
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
                    let task = (lease.execution, lease.task.task);
                    if self.held.remove(&task) {
                        self.resting.insert(task);
                    }
                    engine.give_back(lease, self.clock().plus_millis(500));
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
            let message = self.messages[&ticket].clone();
            if message.late && self.is_awaited(&message) {
                self.outside.insert((self.now.plus_millis(LATE_MILLIS), ticket));
                return true;
            }
            let (engine, moment) = (self.engine.clone(), self.moment());
            let early_too = self.now >= message.since.plus_millis(EARLY_MILLIS);
            let sent = Box::pin(async move {
                let extra = message.extra();
                let Message { execution, trigger, right, .. } = message;
                let token = match right {
                    Right::Token(token) | Right::Forged(token) => token,
                    Right::Job => {
                        let done = engine.submit(execution, vec![trigger], extra, moment).await;
                        return done.map(|()| Told::Taken);
                    }
                };
                // The token alone says which task is meant.
                engine.submit_by_token(&token, |_| trigger.clone(), early_too, moment).await
            });
            self.running.push(Running::Message(ticket, sent));
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
            Running::Start(wanted, future) => {
                poll!(future, |answer| Done::Start(wanted.clone(), answer))
            }
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
            Running::Poll(future) => poll!(future, Done::Poll),
        };
        self.running.swap_remove(index);
        self.done(done);
    }

    fn done(&mut self, done: Done) {
        if !matches!(done, Done::Poll(Ok(None))) {
            self.poll_wanted = true;
        }
        match done {
            Done::Start(wanted, Ok(key) | Err(EngineError::NameTaken(key))) => {
                self.acknowledge(wanted, key);
            }
            Done::Start(wanted, Err(EngineError::Definition(reason))) => {
                panic!("{}: {reason}", wanted.name())
            }
            Done::Start(wanted, Err(_)) => self.to_start.push(wanted),
            Done::Tick(Ok(tick)) => {
                self.ticking = false;
                // While there is room there may be more to lend.
                let asleep = tick.leases.is_empty();
                self.wake_at = asleep.then(|| tick.wake_at.unwrap_or(Timestamp(i64::MAX)));
                for lease in tick.leases {
                    let task = (lease.execution, lease.task.task);
                    self.resting.remove(&task);
                    assert!(self.held.insert(task), "{task:?} was lent twice");
                    self.work(lease);
                }
                for cancelled in tick.cancelled {
                    if cancelled.task.state.as_ref() == AT_END {
                        self.ends_told.insert(cancelled.execution);
                    }
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
            Done::Message(ticket, Ok(told)) => self.told(ticket, told),
            Done::Poll(answer) => {
                self.polling = false;
                match answer {
                    Ok(Some(lease)) => {
                        let task = lease.task;
                        self.take_polled(
                            lease.execution,
                            task.task,
                            &task.target,
                            &task.parameters,
                            task.token,
                        );
                    }
                    Ok(None) => {}
                    Err(_) => self.polls_lost = true,
                }
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
            Running::Poll(_) => (self.polling, self.polls_lost) = (false, true),
        }
        self.poll_wanted = true;
    }

    /// The start was acknowledged: from now on it is known to everyone.
    fn acknowledge(&mut self, wanted: Wanted, key: ExecutionKey) {
        let name = wanted.name();
        if let Some(known) = self.started.get(&name) {
            assert_eq!(known.key, key, "{name} was started twice");
            return;
        }
        let Wanted { machine, awaited, stopped: to_stop, .. } = wanted;
        let execution = Acknowledged {
            key,
            machine,
            awaited,
            to_stop,
            stopped: false,
            redrive_asked: false,
            redriven: false,
        };
        self.started.insert(name, execution);
        if to_stop {
            let failure = Failure { error: Some("Stopped".into()), cause: None };
            self.say(key, Trigger::Stopped { failure }, 0, 60_000);
        }
    }

    /// Whether the task that the message answers may still be answered.
    fn is_awaited(&self, message: &Message) -> bool {
        let task = message.answers().expect("who is late answers");
        now(self.inspector.awaits(message.execution, task)).expect("nothing fails beneath")
    }

    /// A call by the world outside has been answered.
    fn told(&mut self, ticket: u64, told: Told) {
        let message = &self.messages[&ticket];
        let what = (&message.trigger, message.execution);
        let answer = message.answers().map(|task| (message.execution, task));
        match (&message.right, told) {
            (Right::Token(_), Told::Early) => {
                self.outside.insert((self.now.plus_millis(500), ticket));
                return;
            }
            (Right::Token(_), Told::Taken) => {
                assert!(!message.late, "{what:?} was taken and nobody awaited it");
                let first = answer.is_none_or(|answer| self.taken.insert(answer));
                assert!(first, "{what:?} was taken twice");
                self.unchecked.insert(message.execution);
            }
            (Right::Token(_), Told::Closed) | (Right::Job, _) => {}
            (Right::Forged(_), Told::NoToken | Told::Closed) => {}
            (Right::Token(_) | Right::Forged(_), told) => panic!("{what:?}: {told:?}"),
        }
        let message = self.messages.remove(&ticket).expect("looked at");
        self.message_acknowledged(&message);
    }

    fn message_acknowledged(&mut self, message: &Message) {
        if let (Right::Job, Some(task)) = (&message.right, message.answers()) {
            self.answered.insert((message.execution, task));
        }
        let known = self.started.values_mut().find(|known| known.key == message.execution);
        let Some(known) = known else { return };
        match message.trigger {
            Trigger::Stopped { .. } => {
                known.stopped = true;
                properties::has_ended(&self.inspector, message.execution);
            }
            Trigger::Redriven => known.redriven = true,
            _ => {}
        }
    }

    /// The world outside says this after a while, and sometimes again.
    fn say(&mut self, execution: ExecutionKey, trigger: Trigger, after: u64, within: u64) {
        let since = self.now;
        let message = Message { execution, trigger, right: Right::Job, since, late: false };
        self.send(message, after, within);
    }

    fn send(&mut self, message: Message, after: u64, within: u64) {
        let copies = if self.chance(6) { 2 } else { 1 };
        // Now and then somebody takes very long.
        let slow = if self.chance(20) { 3_600_000 } else { 0 };
        for _ in 0..copies {
            let ticket = self.ticket();
            let later = slow + after + self.dice.next_u64() % within;
            let since = self.now.plus_millis(later as i64);
            self.messages.insert(ticket, Message { since, ..message.clone() });
            self.outside.insert((since, ticket));
        }
    }

    /// What the world outside has to say of a task.
    fn say_of_task(&mut self, execution: ExecutionKey, token: Option<String>, words: Vec<Word>) {
        let token = token.map(Arc::<str>::from);
        for Word { trigger, when } in words {
            let heartbeat = matches!(trigger, Trigger::TaskHeartbeat { .. });
            if heartbeat && self.chance(4) {
                // It was lost on its way.
                continue;
            }
            let late = matches!(when, When::TooLate);
            let (since, right) = match &token {
                Some(token) => (self.now, Right::Token(token.clone())),
                None => (self.now, Right::Job),
            };
            let message = Message { execution, trigger, right, since, late };
            if let (Some(token), Some(task)) = (&token, message.answers())
                && self.chance(8)
            {
                let trigger = Trigger::TaskSucceeded { task, output: json!("forged").into() };
                let right = Right::Forged(forged(token));
                self.send(Message { trigger, right, late: false, ..message.clone() }, 0, 5_000);
            }
            match when {
                When::Soon | When::TooLate => self.send(message, 0, 5_000),
                When::After(millis) => self.send(message, millis, 1_000),
            }
        }
    }

    fn take_polled(
        &mut self,
        execution: ExecutionKey,
        task: TaskId,
        target: &TaskTarget,
        parameters: &Data,
        token: Option<String>,
    ) {
        assert!(self.polled.insert((execution, task)), "two have {task:?} of {execution}");
        let Script::Later(_, outside) = script(task, target, parameters) else {
            panic!("activities answer later")
        };
        assert!(token.is_some(), "an activity's {task:?} has no token");
        self.say_of_task(execution, token, outside);
    }

    /// Answers to polls get lost between the process and the worker. The worker has them all the same:
    /// else the task would never be answered, as on AWS, and the run could not be compared.
    fn find_lost_polls(&mut self) {
        let keys: Vec<ExecutionKey> = self.started.values().map(|known| known.key).collect();
        for key in keys {
            let events = now(self.inspector.history(key, 0, false, usize::MAX)).expect("it exists");
            let mut scheduled = BTreeMap::new();
            for event in events {
                match event.kind {
                    EventKind::TaskScheduled {
                        task,
                        target: target @ TaskTarget::Activity { .. },
                        parameters,
                        token,
                        ..
                    } => drop(scheduled.insert(task, (target, parameters, token))),
                    EventKind::TaskStarted { task, .. } if !self.polled.contains(&(key, task)) => {
                        if let Some((target, parameters, token)) = scheduled.remove(&task) {
                            self.take_polled(key, task, &target, &parameters, token);
                        }
                    }
                    _ => {}
                }
            }
        }
    }

    /// Redrives what has failed and is to be redriven.
    fn redrive_what_failed(&mut self) {
        let wanted = |known: &&mut Acknowledged| {
            known.machine.flavor == Flavor::Redriven && !known.redrive_asked && !known.to_stop
        };
        let mut failed = Vec::new();
        for known in self.started.values_mut().filter(wanted) {
            let row = now(self.store.beneath().execution(known.key)).expect("memory");
            let row = row.expect("it was acknowledged");
            // What has succeeded cannot be redriven.
            if !row.open && row.status != 1 {
                known.redrive_asked = true;
                failed.push(known.key);
            }
        }
        for key in failed {
            self.say(key, Trigger::Redriven, 0, 20_000);
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
        let asked = &lease.task;
        let (inside, outside) = match script(asked.task, &asked.target, &asked.parameters) {
            Script::AtOnce(triggers) => (triggers, Vec::new()),
            Script::Later(first, then) => (first, then),
            Script::Silent => return,
        };
        if self.chance(6) {
            let (ticket, again) = (self.ticket(), self.dice.next_u64() % 5000);
            let twice = Inside::Answer(lease.clone(), inside.clone());
            self.inside.insert((at.plus_millis(again as i64), ticket), twice);
        }
        // The job knows its task from the moment it is begun, so it may even answer first.
        self.say_of_task(lease.execution, lease.task.token.clone(), outside);
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
                Running::Poll(_) => self.polls_lost = true,
                Running::Tick(_) | Running::Answer(..) | Running::Ended(..) => {}
            }
        }
        self.inside.clear();
        self.held.clear();
        self.resting.clear();
        (self.polling, self.poll_wanted) = (false, true);
        self.ticking = false;
        self.wake_at = None;
        let another = self.store.crash();
        let hot_bytes = if self.dice.next_u64().is_multiple_of(4) { 1 } else { 1 << 20 };
        self.engine = Arc::new(engine(self.store.clone(), hot_bytes, self.pace.clone()));
        if another {
            self.inspector = Engine::with_budget(self.store.beneath(), 0);
        }
    }

    /// Jumps to the next thing that will happen.
    fn pass_time(&mut self) -> bool {
        properties::nothing_is_forgotten(self);
        if self.polls_lost {
            self.find_lost_polls();
            // What is on its way may still take a task.
            self.polls_lost = !self.store.is_idle();
        }
        self.redrive_what_failed();
        let next = [
            self.wake_at.filter(|at| at.0 < i64::MAX).map(|at| at.plus_millis(-self.skew)),
            self.outside.first().map(|(at, _)| *at),
            self.inside.first_key_value().map(|((at, _), _)| *at),
        ];
        let Some(next) = next.into_iter().flatten().min() else {
            return false;
        };
        self.now = self.now.max(next);
        true
    }
}

fn engine(store: Arc<FaultyStore>, hot_bytes: usize, pace: Option<Arc<dyn Pace>>) -> Engine {
    let engine = Engine::with_budget(store, hot_bytes);
    match pace {
        Some(pace) => engine.with_pace(pace),
        None => engine,
    }
}

/// Another token for the same task.
fn forged(token: &str) -> Arc<str> {
    let (last, rest) = (token.len() - 2, token.len() - 1);
    let other = if token[last..rest] == *"A" { "B" } else { "A" };
    [&token[..last], other, &token[rest..]].concat().into()
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

const AT_END: &str = "at end";

/// What somebody who awaits the execution wants to be told at its end.
fn told_at_end() -> ScheduledTask {
    ScheduledTask {
        state: AT_END.into(),
        task: TaskId(0),
        target: TaskTarget::Integration { service: "states".into(), action: "told".into() },
        parameters: json!({}).into(),
        credentials_role: None,
        token: None,
        timeout_seconds: None,
        heartbeat_seconds: None,
    }
}
