//! A state machine's definition, parsed and checked: immutable, shared by all its executions.
//!
//! One data model for both query languages. Whatever a field may hold besides a literal (a path, an
//! intrinsic, a JSONata expression) is compiled here, once.

use std::sync::Arc;

use indexmap::IndexMap;
use serde_json::Value;

use crate::event::{Name, StateType, TaskTarget};
use crate::expression::{Jsonata, Path, Template};

/// A state machine.
#[derive(Debug)]
pub struct Definition {
    /// `Comment`.
    pub comment: Option<String>,
    /// `Version`, if written.
    pub version: Option<String>,
    /// `TimeoutSeconds` of the whole execution.
    pub timeout_seconds: Option<u64>,
    /// `QueryLanguage` at the top level.
    pub query_language: QueryLanguage,
    /// `StartAt` and `States`.
    pub body: Body,
}

/// `StartAt` and `States`: of the state machine, a Parallel branch or a Map's processor.
#[derive(Debug)]
pub struct Body {
    /// The first state.
    pub start_at: Name,
    /// The states by name, in the order written.
    pub states: IndexMap<Name, Arc<State>>,
}

impl Body {
    /// The state of this name, in the body itself or in the branches and processors of its states.
    pub fn find(&self, name: &str) -> Option<&Arc<State>> {
        self.states.get(name).or_else(|| {
            self.states.values().find_map(|state| match &state.kind {
                Kind::Parallel(parallel) => {
                    parallel.branches.iter().find_map(|branch| branch.find(name))
                }
                Kind::Map(map) => map.processor.find(name),
                _ => None,
            })
        })
    }
}

/// Which language a state's fields are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueryLanguage {
    /// The default.
    JsonPath,
    /// Since November 2024.
    Jsonata,
}

/// A state: what all types share, and what is its own.
#[derive(Debug)]
pub struct State {
    /// Its name.
    pub name: Name,
    /// `Comment`.
    pub comment: Option<String>,
    /// Its own or its machine's.
    pub query_language: QueryLanguage,
    /// What follows; `None` ends the body. Choice, Succeed and Fail have none of their own.
    pub next: Option<Name>,
    /// How data flows in and out.
    pub flow: Flow,
    /// `Assign`: an object of variable names and templates.
    pub assign: Option<Template>,
    /// What its type adds.
    pub kind: Kind,
}

/// How data flows in and out of a state.
#[derive(Debug)]
pub enum Flow {
    /// The five fields of JSONPath.
    JsonPath(Box<JsonPathFlow>),
    /// `Arguments` and `Output`.
    Jsonata {
        /// `Arguments` (Task, Parallel).
        arguments: Option<Template>,
        /// `Output`.
        output: Option<Template>,
    },
}

/// JSONPath's input and output processing. Fields that a type does not have are at their default.
#[derive(Debug, Default)]
pub struct JsonPathFlow {
    /// `InputPath`.
    pub input_path: Selection,
    /// `Parameters` (for Map: only the deprecated form of ItemSelector, see [`Map::item_selector`]).
    pub parameters: Option<Template>,
    /// `ResultSelector`.
    pub result_selector: Option<Template>,
    /// `ResultPath`.
    pub result_path: ResultPath,
    /// `OutputPath`.
    pub output_path: Selection,
}

/// `InputPath`, `OutputPath`.
#[derive(Debug, Default)]
pub enum Selection {
    /// Absent or `"$"`.
    #[default]
    Whole,
    /// `null`: an empty object.
    Nothing,
    /// A path.
    Path(Path),
}

/// `ResultPath`.
#[derive(Debug, Default)]
pub enum ResultPath {
    /// Absent or `"$"`: the result replaces the input.
    #[default]
    Whole,
    /// `null`: the result is dropped.
    Discard,
    /// A reference path: names and indexes into the input.
    At(Vec<Segment>),
}

/// A step of a reference path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Segment {
    /// A member.
    Name(String),
    /// An element.
    Index(usize),
}

/// A field that is a literal, a path (its `…Path` twin) or a JSONata expression.
#[derive(Debug)]
pub enum Setting<T> {
    /// Written out.
    Literal(T),
    /// From the state's effective input, context or variables.
    Path(Path),
    /// Evaluated.
    Jsonata(Jsonata),
}

/// What a state type adds.
#[derive(Debug)]
pub enum Kind {
    /// Pass.
    Pass(Pass),
    /// Task.
    Task(Box<Task>),
    /// Choice.
    Choice(Choice),
    /// Wait.
    Wait(Wait),
    /// Succeed.
    Succeed,
    /// Fail.
    Fail(Fail),
    /// Parallel.
    Parallel(Parallel),
    /// Map.
    Map(Box<Map>),
}

impl Kind {
    /// The type's name.
    pub fn state_type(&self) -> StateType {
        match self {
            Kind::Pass(_) => StateType::Pass,
            Kind::Task(_) => StateType::Task,
            Kind::Choice(_) => StateType::Choice,
            Kind::Wait(_) => StateType::Wait,
            Kind::Succeed => StateType::Succeed,
            Kind::Fail(_) => StateType::Fail,
            Kind::Parallel(_) => StateType::Parallel,
            Kind::Map(_) => StateType::Map,
        }
    }

    /// `Retry`, of the types that have it.
    pub fn retriers(&self) -> &[Retrier] {
        match self {
            Kind::Task(task) => &task.retry,
            Kind::Parallel(parallel) => &parallel.retry,
            Kind::Map(map) => &map.retry,
            _ => &[],
        }
    }

    /// `Catch`, of the types that have it.
    pub fn catchers(&self) -> &[Catcher] {
        match self {
            Kind::Task(task) => &task.catch,
            Kind::Parallel(parallel) => &parallel.catch,
            Kind::Map(map) => &map.catch,
            _ => &[],
        }
    }
}

/// Pass: `Result` (JSONPath only).
#[derive(Debug)]
pub struct Pass {
    /// The fixed result.
    pub result: Option<Value>,
}

/// Task.
#[derive(Debug)]
pub struct Task {
    /// `Resource` as written.
    pub resource: String,
    /// `Resource` understood.
    pub target: TaskTarget,
    /// How the state waits for the result.
    pub pattern: Pattern,
    /// `TimeoutSeconds(Path)`; absent: 99,999,999 seconds and not shown in events.
    pub timeout_seconds: Option<Setting<u64>>,
    /// `HeartbeatSeconds(Path)`.
    pub heartbeat_seconds: Option<Setting<u64>>,
    /// `Credentials`: an object whose `RoleArn` is used.
    pub credentials: Option<Template>,
    /// `Retry`.
    pub retry: Vec<Retrier>,
    /// `Catch`.
    pub catch: Vec<Catcher>,
}

/// How a Task waits for its result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// The call's answer is the result.
    RequestResponse,
    /// `.sync`: the job's end is the result.
    Sync,
    /// `.sync:2`: as `.sync`, with the output as JSON rather than a string (nested executions).
    Sync2,
    /// `.waitForTaskToken` (and activities): SendTaskSuccess or SendTaskFailure is the result.
    TaskToken,
}

/// Choice.
#[derive(Debug)]
pub struct Choice {
    /// `Choices`, tried in order.
    pub rules: Vec<Rule>,
    /// `Default`.
    pub default: Option<Name>,
}

/// One of `Choices`.
#[derive(Debug)]
pub struct Rule {
    /// When it matches.
    pub condition: Condition,
    /// Where it leads.
    pub next: Name,
    /// Its own `Assign`, used in place of the state's.
    pub assign: Option<Template>,
    /// Its own `Output` (JSONata), used in place of the state's.
    pub output: Option<Template>,
}

/// A rule's condition.
#[derive(Debug)]
pub enum Condition {
    /// `Condition` of a JSONata rule: must give a boolean.
    Jsonata(Jsonata),
    /// `And`.
    And(Vec<Condition>),
    /// `Or`.
    Or(Vec<Condition>),
    /// `Not`.
    Not(Box<Condition>),
    /// `Variable` and one operator.
    Compare {
        /// What is compared.
        variable: Path,
        /// How: the operator's name without `Path`, e.g. `NumericGreaterThan`.
        operator: crate::states::choice::Operator,
        /// With what.
        operand: Operand,
    },
}

/// What a Choice operator compares with.
#[derive(Debug)]
pub enum Operand {
    /// Written out.
    Literal(Value),
    /// The `…Path` form.
    Path(Path),
}

/// Wait.
#[derive(Debug)]
pub enum Wait {
    /// `Seconds` or `SecondsPath`.
    Seconds(Setting<u64>),
    /// `Timestamp` or `TimestampPath`.
    Timestamp(Setting<String>),
}

/// Fail.
#[derive(Debug)]
pub struct Fail {
    /// `Error` or `ErrorPath` (a path or an intrinsic).
    pub error: Option<Text>,
    /// `Cause` or `CausePath`.
    pub cause: Option<Text>,
}

/// A text of a Fail state.
#[derive(Debug)]
pub enum Text {
    /// Written out.
    Literal(String),
    /// `ErrorPath`, `CausePath`: a path or an intrinsic.
    Template(Template),
    /// Evaluated.
    Jsonata(Jsonata),
}

/// Parallel.
#[derive(Debug)]
pub struct Parallel {
    /// `Branches`.
    pub branches: Vec<Arc<Body>>,
    /// `Retry`.
    pub retry: Vec<Retrier>,
    /// `Catch`.
    pub catch: Vec<Catcher>,
}

/// Map.
#[derive(Debug)]
pub struct Map {
    /// `ItemProcessor` (or the old `Iterator`).
    pub processor: Arc<Body>,
    /// Set when the processor's mode is DISTRIBUTED.
    pub distributed: Option<Box<Distributed>>,
    /// `ItemsPath` (JSONPath); absent: the whole effective input.
    pub items_path: Option<Path>,
    /// `Items` (JSONata, since 2025 also a JSONPath-free literal).
    pub items: Option<Template>,
    /// `ItemSelector`, or the old `Parameters`.
    pub item_selector: Option<Template>,
    /// `MaxConcurrency(Path)`.
    pub max_concurrency: Option<Setting<u64>>,
    /// `ToleratedFailureCount(Path)`.
    pub tolerated_failure_count: Option<Setting<u64>>,
    /// `ToleratedFailurePercentage(Path)`.
    pub tolerated_failure_percentage: Option<Setting<f64>>,
    /// `Retry`.
    pub retry: Vec<Retrier>,
    /// `Catch`.
    pub catch: Vec<Catcher>,
}

/// What a Distributed Map adds.
#[derive(Debug)]
pub struct Distributed {
    /// `ProcessorConfig.ExecutionType`: whether children are EXPRESS.
    pub express: bool,
    /// `Label`.
    pub label: Option<String>,
    /// The processor as a definition of its own, for child executions.
    pub processor_text: String,
    /// `ItemReader`.
    pub item_reader: Option<ItemReader>,
    /// `ItemBatcher`.
    pub item_batcher: Option<ItemBatcher>,
    /// `ResultWriter`.
    pub result_writer: Option<ResultWriter>,
}

/// `ItemReader`.
#[derive(Debug)]
pub struct ItemReader {
    /// `arn:aws:states:::s3:getObject` or `…:listObjectsV2`.
    pub resource: String,
    /// `ReaderConfig` as written, without MaxItems.
    pub config: Value,
    /// `MaxItems(Path)`.
    pub max_items: Option<Setting<u64>>,
    /// `Parameters` or `Arguments`.
    pub parameters: Option<Template>,
}

/// `ItemBatcher`.
#[derive(Debug)]
pub struct ItemBatcher {
    /// `MaxItemsPerBatch(Path)`.
    pub max_items: Option<Setting<u64>>,
    /// `MaxInputBytesPerBatch(Path)`.
    pub max_input_bytes: Option<Setting<u64>>,
    /// `BatchInput`.
    pub batch_input: Option<Template>,
}

/// `ResultWriter`.
#[derive(Debug)]
pub struct ResultWriter {
    /// `arn:aws:states:::s3:putObject`, if results are exported.
    pub resource: Option<String>,
    /// `Parameters` or `Arguments`.
    pub parameters: Option<Template>,
    /// `WriterConfig` as written.
    pub config: Option<Value>,
}

/// One of `Retry`.
#[derive(Debug)]
pub struct Retrier {
    /// `ErrorEquals`.
    pub error_equals: Vec<String>,
    /// `IntervalSeconds`, default 1.
    pub interval_seconds: u64,
    /// `MaxAttempts`, default 3; 0 never retries.
    pub max_attempts: u64,
    /// `BackoffRate`, default 2.
    pub backoff_rate: f64,
    /// `MaxDelaySeconds`.
    pub max_delay_seconds: Option<u64>,
    /// `JitterStrategy` is FULL.
    pub full_jitter: bool,
}

/// One of `Catch`.
#[derive(Debug)]
pub struct Catcher {
    /// `ErrorEquals`.
    pub error_equals: Vec<String>,
    /// `Next`.
    pub next: Name,
    /// `ResultPath` (JSONPath).
    pub result_path: ResultPath,
    /// `Assign`.
    pub assign: Option<Template>,
    /// `Output` (JSONata).
    pub output: Option<Template>,
}
