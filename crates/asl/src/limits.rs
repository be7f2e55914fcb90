//! Bounds of the language. The defaults are AWS's; whoever owns the box may raise them.

use serde::Deserialize;

/// Bounds of the language. Only decisions look at them: a journal that was written under other bounds
/// folds to what it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Bytes of a definition's text.
    pub definition_bytes_max: usize,
    /// Bytes of a payload: a state's input or output, a task's result.
    pub payload_bytes_max: usize,
    /// Bytes of one variable's value.
    pub variable_bytes_max: usize,
    /// Bytes of all values of one `Assign`.
    pub assign_bytes_max: usize,
    /// Bytes of all variables of an execution.
    pub variables_bytes_max: usize,
    /// Events of a Standard execution, the last one included.
    pub history_events_max: u64,
    /// Bytes of an execution's error name.
    pub error_bytes_max: usize,
    /// Bytes of an execution's cause.
    pub cause_bytes_max: usize,
    /// Characters of a state's name.
    pub state_name_characters_max: usize,
    /// Characters of a variable's name.
    pub variable_name_characters_max: usize,
    /// Iterations of an inline Map at a time.
    pub inline_map_concurrency_max: u64,
    /// An Express execution's time limit, in seconds.
    pub express_seconds_max: u64,
}

impl Limits {
    /// Names of any length: for a definition that was accepted once, whatever the bounds are now.
    pub fn of_accepted() -> Limits {
        Limits {
            definition_bytes_max: usize::MAX,
            state_name_characters_max: usize::MAX,
            variable_name_characters_max: usize::MAX,
            ..Limits::default()
        }
    }
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            definition_bytes_max: 1_048_576,
            payload_bytes_max: 262_144,
            variable_bytes_max: 262_144,
            assign_bytes_max: 262_144,
            variables_bytes_max: 10 * 1_048_576,
            history_events_max: 25_000,
            error_bytes_max: 256,
            cause_bytes_max: 32_768,
            state_name_characters_max: 80,
            variable_name_characters_max: 80,
            inline_map_concurrency_max: 40,
            express_seconds_max: 300,
        }
    }
}

/// Arrays and objects within each other in a definition. Deeper ones are refused before they are parsed.
pub const DEFINITION_DEPTH_MAX: usize = 100;
/// A Distributed Map's bound on children at a time.
pub const DISTRIBUTED_MAP_CONCURRENCY_MAX: u64 = 10_000;
/// The longest time-out or wait, in seconds.
pub const SECONDS_MAX: u64 = 99_999_999;
