//! A line of control: the execution itself, a Parallel branch, a Map iteration.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use indexmap::IndexMap;
use serde_json::{Value, json};

use crate::definition::{Body, State};
use crate::event::{TaskTarget, Tolerance};
use crate::{Data, FrameId, Name, TaskId, TimerId, Timestamp};

/// One line of control.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Frame {
    /// The frame of the Parallel or Map state that it belongs to.
    pub parent: Option<FrameId>,
    /// Which branch or iteration it is.
    pub index: usize,
    /// Its states; the definition's own when absent.
    pub body: Option<Shared<Body>>,
    /// The event that its next one follows.
    pub last: u64,
    /// Variables assigned in it. Frames within it read them too.
    pub variables: IndexMap<String, Data>,
    /// What a Map iteration iterates over.
    pub item: Option<Item>,
    /// The state that it is in.
    pub visit: Option<Visit>,
    /// What it does or waits for.
    pub phase: Phase,
}

impl Frame {
    /// A frame that is about to enter its first state.
    pub fn starting(body: Option<Shared<Body>>, state: Name, input: Data) -> Frame {
        Frame {
            parent: None,
            index: 0,
            body,
            last: 0,
            variables: IndexMap::new(),
            item: None,
            visit: None,
            phase: Phase::Start { state, input },
        }
    }

    /// The frames that its state has begun.
    pub fn children(&self) -> &[FrameId] {
        match &self.phase {
            Phase::Parallel(branches) => &branches.frames,
            Phase::Map(map) => &map.frames,
            _ => &[],
        }
    }

    /// About how many bytes of memory it takes.
    pub fn weight(&self) -> usize {
        let phase = match &self.phase {
            Phase::Start { input: data, .. } | Phase::Ended { output: data } => weigh(data),
            Phase::Parallel(branches) => branches.outputs.iter().flatten().map(weigh).sum(),
            Phase::Map(map) => {
                weigh(&map.items) + map.outputs.iter().flatten().map(weigh).sum::<usize>()
            }
            Phase::Task(_) => 512,
            _ => 0,
        };
        let variables: usize =
            self.variables.iter().map(|(name, data)| name.len() + weigh(data)).sum();
        512 + phase + variables + self.visit.as_ref().map_or(0, |visit| weigh(&visit.input))
    }
}

/// A parsed value takes about three times its text.
pub(crate) fn weigh(data: &Data) -> usize {
    64 + 3 * data.len()
}

/// A stay in a state, from StateEntered to StateExited.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Visit {
    pub state: Shared<State>,
    /// The raw input.
    pub input: Data,
    /// The id of StateEntered: `entered at the event id #N`.
    pub entered_id: u64,
    /// What StateEntered followed.
    pub entered_after: u64,
    pub entered_at: Timestamp,
    /// Attempts that each retrier has used up.
    pub attempts: Vec<u32>,
    /// `$$.State.RetryCount`.
    pub retry_count: u32,
    /// The run of a Distributed Map: a redrive goes on with it, a retry begins another.
    pub map_run: Option<MapRun>,
}

/// The run of a Distributed Map.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct MapRun {
    pub arn: String,
    pub redrive_count: u32,
}

/// What a frame does or waits for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Phase {
    /// It is about to enter a state.
    Start { state: Name, input: Data },
    /// It has entered its state, or a retry is due: the state is to be run.
    Ready,
    /// Until a Wait is over.
    Waiting { timer: TimerId },
    /// Until a retry is due.
    Retrying { timer: TimerId },
    /// Until a task (or a Map run) is answered.
    Task(Box<OpenTask>),
    /// The task is answered; what follows is in the same decision.
    Answered,
    /// Until its branches end.
    Parallel(Box<Branches>),
    /// Until its iterations end.
    Map(Box<Iterations>),
    /// Its last state was left.
    Ended { output: Data },
    /// It failed, or was aborted because a sibling failed. Kept for a redrive.
    Stopped,
}

/// A task that is awaited.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct OpenTask {
    pub task: TaskId,
    pub target: TaskTarget,
    pub started: bool,
    pub submitted: bool,
    pub token: Option<String>,
    pub timeout_seconds: Option<u64>,
    pub heartbeat_seconds: Option<u64>,
    pub timeout: Option<TimerId>,
    pub heartbeat: Option<TimerId>,
    /// It is the run of a Distributed Map.
    pub map_run: bool,
}

/// The branches of a Parallel state.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Branches {
    pub frames: Vec<FrameId>,
    pub outputs: Vec<Option<Data>>,
    /// How many have not ended.
    pub open: usize,
}

/// The iterations of an inline Map.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Iterations {
    pub items: Data,
    pub length: usize,
    /// How many run at once.
    pub room: usize,
    pub tolerance: Tolerance,
    /// The next item that no iteration has begun.
    pub next: usize,
    /// Frames of iterations that have not succeeded, in the order they began.
    pub frames: Vec<FrameId>,
    pub running: usize,
    pub failed: u64,
    pub outputs: Vec<Option<Data>>,
    /// What the next iteration's first event follows.
    pub follows: u64,
    /// How many have succeeded or failed within tolerance.
    pub done: usize,
}

impl Iterations {
    pub fn is_done(&self) -> bool {
        self.done == self.length
    }

    pub fn has_room(&self) -> bool {
        self.running < self.room && self.next < self.length
    }
}

/// What a Map iteration iterates over: a place in the Map's items.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Item {
    pub items: Data,
    pub index: usize,
}

impl Item {
    /// The member's name when the items are an object's members.
    pub fn key(&self) -> Option<&str> {
        match self.items.value() {
            Value::Object(members) => members.keys().nth(self.index).map(String::as_str),
            _ => None,
        }
    }

    /// The item's value.
    pub fn value(&self) -> &Value {
        let value = match self.items.value() {
            Value::Object(members) => members.values().nth(self.index),
            Value::Array(elements) => elements.get(self.index),
            _ => None,
        };
        value.unwrap_or(&Value::Null)
    }

    /// An iteration's input when there is no ItemSelector.
    pub fn input(&self) -> Value {
        match self.key() {
            Some(key) => json!({"Key": key, "Value": self.value()}),
            None => self.value().clone(),
        }
    }
}

/// How many items there are.
pub(crate) fn items_length(items: &Value) -> usize {
    match items {
        Value::Array(elements) => elements.len(),
        Value::Object(members) => members.len(),
        _ => 0,
    }
}

/// A part of the definition. Equal when it is the same part of the same definition.
pub(crate) struct Shared<T>(pub Arc<T>);

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Shared<T> {
        Shared(self.0.clone())
    }
}

impl<T> Deref for Shared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> PartialEq for Shared<T> {
    fn eq(&self, other: &Shared<T>) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl<T> fmt::Debug for Shared<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("…")
    }
}
