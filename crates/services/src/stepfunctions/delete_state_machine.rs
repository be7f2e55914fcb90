//! DeleteStateMachine.

use serde::Deserialize;

use super::arn;
use super::machine::{self, MACHINES};
use crate::{Caller, Context, Error};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Request {
    state_machine_arn: String,
}

/// Deletes a state machine with its executions: at once, or, while executions run, when somebody
/// looks for it after the last has ended (until then it is `DELETING` and starts nothing).
/// One that does not exist is deleted already.
pub(super) async fn delete_state_machine(
    context: &Context,
    caller: &Caller,
    request: Request,
) -> Result<(), Error> {
    let parsed = arn::parse(&request.state_machine_arn, &["stateMachine"])?;
    if parsed.rest.is_some() {
        return Err(arn::invalid(&format!("Invalid ARN: {}", request.state_machine_arn)));
    }
    if !parsed.is_of(caller) {
        return Ok(());
    }
    let key = machine::key(caller, parsed.name);
    let marked = MACHINES.update(context, &key, |machine| {
        machine.deleting = true;
        Ok(())
    });
    if marked.await?.is_some()
        && let Some(machine) = MACHINES.get(context, &key).await?
    {
        machine::purge_if_idle(context, &machine).await?;
    }
    Ok(())
}
