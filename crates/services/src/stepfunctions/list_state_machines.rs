//! ListStateMachines.

use serde::{Deserialize, Serialize};
use store::Scan;

use super::machine::{self, MACHINES};
use super::{invalid_token, page_size, seconds};
use crate::{Caller, Context, Error, page};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Request {
    max_results: Option<usize>,
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Response {
    state_machines: Vec<Item>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    state_machine_arn: String,
    name: String,
    r#type: &'static str,
    creation_date: f64,
}

/// State machines of the caller's account and region, by name.
pub(super) async fn list_state_machines(
    context: &Context,
    caller: &Caller,
    request: Request,
) -> Result<Response, Error> {
    let limit = page_size(request.max_results);
    let prefix = machine::key(caller, "");
    let mut scan = Scan::prefix(prefix.clone(), limit + 1);
    if let Some(token) = &request.next_token {
        let name = page::position(token).ok_or_else(invalid_token)?;
        scan.from = format!("{prefix}{name}");
    }
    let mut found = MACHINES.list(context, scan).await?;
    let next_token = (found.len() > limit).then(|| page::token(&found[limit].value.name));
    found.truncate(limit);
    let mut state_machines = Vec::with_capacity(found.len());
    for machine in found {
        if machine.value.deleting && machine::purge_if_idle(context, &machine).await? {
            continue;
        }
        let machine = machine.value;
        state_machines.push(Item {
            r#type: machine.type_name(),
            creation_date: seconds(machine.created_at),
            state_machine_arn: machine.arn,
            name: machine.name,
        });
    }
    Ok(Response { state_machines, next_token })
}
