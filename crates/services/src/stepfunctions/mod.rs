//! AWS Step Functions: state machines, their versions and aliases, and executions.
//!
//! What runs is `engine`'s; here are the records around it and AWS's view of it.

mod account_limits;
mod activities;
mod aliases;
mod arn;
mod background;
mod create_state_machine;
mod delete_state_machine;
mod describe_execution;
mod describe_map_run;
mod describe_state_machine;
mod describe_state_machine_for_execution;
mod encryption;
mod execution;
mod execution_log;
mod express;
mod get_activity_task;
mod get_execution_history;
pub mod graph;
mod input;
mod lengths;
mod list_executions;
mod list_map_runs;
mod list_state_machines;
mod logging;
mod machine;
pub mod map_run;
mod redrive_execution;
mod send_task;
mod start_execution;
mod start_sync_execution;
mod stop_execution;
pub(crate) mod tags;
mod test_state;
mod update_map_run;
mod update_state_machine;
mod validate_state_machine_definition;
mod versions;
mod watch;

use crate::operation::operation;
use crate::{Error, Input, Operation, Service, typed};

pub use account_limits::AccountLimits;
pub use background::{Background, run};
pub(crate) use describe_execution::description;
pub(crate) use lengths::lengths;
pub(crate) use machine::role_needs;
pub(crate) use start_execution::{Start, start};
pub use watch::{Ended, Span, StatusEvent, spans};

/// AWS Step Functions.
pub static SERVICE: Service = Service {
    name: "stepfunctions",
    operations: &[
        &operation!("CreateStateMachine", create_state_machine::create_state_machine),
        &operation!("UpdateStateMachine", update_state_machine::update_state_machine),
        &operation!("DescribeStateMachine", describe_state_machine::describe_state_machine),
        &operation!(
            "DescribeStateMachineForExecution",
            describe_state_machine_for_execution::describe_state_machine_for_execution
        ),
        &operation!("DeleteStateMachine", delete_state_machine::delete_state_machine),
        &operation!("ListStateMachines", list_state_machines::list_state_machines),
        &operation!("PublishStateMachineVersion", versions::publish_state_machine_version),
        &operation!("ListStateMachineVersions", versions::list_state_machine_versions),
        &operation!("DeleteStateMachineVersion", versions::delete_state_machine_version),
        &operation!("CreateStateMachineAlias", aliases::create_state_machine_alias),
        &operation!("UpdateStateMachineAlias", aliases::update_state_machine_alias),
        &operation!("DescribeStateMachineAlias", aliases::describe_state_machine_alias),
        &operation!("ListStateMachineAliases", aliases::list_state_machine_aliases),
        &operation!("DeleteStateMachineAlias", aliases::delete_state_machine_alias),
        &Operation {
            name: "StartExecution",
            call: |context, caller, input| {
                Box::pin(typed(context, caller, traced(input), start_execution::start_execution))
            },
        },
        &Operation {
            name: "StartSyncExecution",
            call: |context, caller, input| {
                let start = start_sync_execution::start_sync_execution;
                Box::pin(typed(context, caller, traced(input), start))
            },
        },
        &operation!("RedriveExecution", redrive_execution::redrive_execution),
        &operation!("CreateActivity", activities::create_activity),
        &operation!("DescribeActivity", activities::describe_activity),
        &operation!("ListActivities", activities::list_activities),
        &operation!("DeleteActivity", activities::delete_activity),
        &get_activity_task::OPERATION,
        &operation!("SendTaskSuccess", send_task::send_task_success),
        &operation!("SendTaskFailure", send_task::send_task_failure),
        &operation!("SendTaskHeartbeat", send_task::send_task_heartbeat),
        &operation!("StopExecution", stop_execution::stop_execution),
        &operation!("DescribeExecution", describe_execution::describe_execution),
        &operation!("ListExecutions", list_executions::list_executions),
        &operation!("GetExecutionHistory", get_execution_history::get_execution_history),
        &operation!("TestState", test_state::test_state),
        &operation!("DescribeMapRun", describe_map_run::describe_map_run),
        &operation!("ListMapRuns", list_map_runs::list_map_runs),
        &operation!("UpdateMapRun", update_map_run::update_map_run),
        &operation!("TagResource", tags::tag_resource),
        &operation!("UntagResource", tags::untag_resource),
        &operation!("ListTagsForResource", tags::list_tags_for_resource),
        &operation!(
            "ValidateStateMachineDefinition",
            validate_state_machine_definition::validate_state_machine_definition
        ),
    ],
};

/// With the X-Ray header, which may come with the request or in it.
fn traced(mut input: Input) -> Input {
    const BYTES_MAX: usize = 256;
    let header = input.trace_header.take().filter(|header| header.len() <= BYTES_MAX);
    if let (Some(header), Some(members)) = (header, input.members.as_object_mut()) {
        members.entry("traceHeader").or_insert(header.into());
    }
    input
}

fn type_not_supported() -> Error {
    Error::new(
        "StateMachineTypeNotSupported",
        "This operation is not supported by this type of state machine",
    )
}

fn invalid_token() -> Error {
    Error::new("InvalidToken", "Invalid Token: 'Invalid token'")
}

/// `maxResults` as AWS reads it: 0 and nothing mean the default.
fn page_size(asked: Option<usize>) -> usize {
    match asked {
        None | Some(0) => 100,
        Some(size) => size.min(1000),
    }
}

/// Checks the name of something that is made: length is the model's matter, characters are AWS's.
fn check_name(name: &str) -> Result<(), Error> {
    let forbidden = |character: char| {
        character.is_whitespace()
            || character.is_control()
            || "<>{}[]?*\"#%\\^|~`$&,;:/".contains(character)
            || matches!(character, '\u{fffe}' | '\u{ffff}')
    };
    if name.is_empty() || name.chars().count() > 80 || name.contains(forbidden) {
        Err(Error::new("InvalidName", format!("Invalid Name: '{name}'")))
    } else {
        Ok(())
    }
}

/// Milliseconds as the epoch seconds of an answer.
fn seconds(milliseconds: i64) -> f64 {
    milliseconds as f64 / 1000.0
}
