//! The Amazon States Language and its meaning: parse, validate, step.
//!
//! Pure: no async, no IO, no clock, no randomness. Time and dice come in with a [`Moment`]; facts and
//! owed work go out as a [`Decision`]. [`Execution::step`] cannot fail and always ends.

mod context;
mod data;
pub mod data_flow;
pub mod definition;
pub mod error_name;
pub mod event;
pub mod execution;
pub mod expression;
pub mod graph;
pub mod intrinsics;
pub mod jsonata;
pub mod jsonpath;
pub mod limits;
mod map_run;
mod moment;
mod parse;
pub mod states;
pub mod step;
pub mod test_state;
pub mod validate;

pub use data::Data;
pub use definition::Definition;
pub use event::{Event, EventKind, Failure, FrameId, Name, StateType, TaskId, TimerId};
pub use execution::{Awaited, AwaitedTask, Execution, Header, Status, TokenParts, parse_token};
pub use limits::Limits;
pub use map_run::{MapItem, MapRunSpec};
pub use moment::{Dice, JavaRandom, Moment, Timestamp};
pub use step::{Command, Decision, ScheduledTask, Trigger};
pub use validate::{Diagnostic, Invalid, Severity, validate};
