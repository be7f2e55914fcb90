//! A live execution: what its journal folds to.

use serde::{Deserialize, Serialize};

use crate::{Data, Timestamp};

/// What an execution is born with and never changes: the context object is made from it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// Its number in the store (0: kept in memory only). Part of task tokens.
    pub key: u64,
    /// `arn:aws:states:REGION:ACCOUNT:execution:MACHINE:NAME`.
    pub execution_arn: String,
    /// The execution's name.
    pub name: String,
    /// The state machine's ARN, without version or alias.
    pub state_machine_arn: String,
    /// The state machine's name.
    pub state_machine_name: String,
    /// The role that tasks act with.
    pub role_arn: String,
    /// The execution's input.
    pub input: Data,
    /// When it was started.
    pub start_time: Timestamp,
    /// Shown in task events and used for ARNs.
    pub region: String,
    /// The owning account.
    pub account: String,
    /// Express executions have no event limit and a five-minute time limit.
    pub express: bool,
}

/// Where an execution stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Status {
    /// It has work to do or waits for some.
    Running,
    /// It ended with an output.
    Succeeded,
    /// It ended with an error.
    Failed,
    /// Its `TimeoutSeconds` ran out.
    TimedOut,
    /// It was stopped.
    Aborted,
    /// A redrive has been asked of its Map run.
    PendingRedrive,
}

impl Status {
    /// AWS's word: `RUNNING`, `SUCCEEDED`, `FAILED`, `TIMED_OUT`, `ABORTED`, `PENDING_REDRIVE`.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Running => "RUNNING",
            Status::Succeeded => "SUCCEEDED",
            Status::Failed => "FAILED",
            Status::TimedOut => "TIMED_OUT",
            Status::Aborted => "ABORTED",
            Status::PendingRedrive => "PENDING_REDRIVE",
        }
    }
}
