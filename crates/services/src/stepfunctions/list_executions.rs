//! ListExecutions.

use std::ops::RangeInclusive;

use asl::Status;
use engine::Summary;
use serde::{Deserialize, Serialize};

use super::execution::Attributes;
use super::machine::{self, Machine};
use super::{
    aliases, arn, describe_map_run, invalid_token, map_run, page_size, seconds, type_not_supported,
};
use crate::record::Found;
use crate::{Caller, Context, Error, page};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Request {
    state_machine_arn: Option<String>,
    status_filter: Option<String>,
    max_results: Option<usize>,
    next_token: Option<String>,
    map_run_arn: Option<String>,
    redrive_filter: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Response {
    executions: Vec<Item>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    execution_arn: String,
    state_machine_arn: String,
    name: String,
    status: &'static str,
    start_date: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    stop_date: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state_machine_version_arn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state_machine_alias_arn: Option<String>,
    redrive_count: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    redrive_date: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    map_run_arn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    item_count: Option<u64>,
}

/// Executions of a state machine, of one of its versions or aliases, newest first.
pub(super) async fn list_executions(
    context: &Context,
    caller: &Caller,
    request: Request,
) -> Result<Response, Error> {
    let (owner, qualifier) = match (&request.state_machine_arn, &request.map_run_arn) {
        (Some(asked), None) => {
            let parsed = arn::parse(asked, &["stateMachine"])?;
            let found = machine::of(context, caller, &parsed, asked).await?;
            if found.value.express {
                return Err(type_not_supported());
            }
            if let Some(qualifier) = parsed.rest {
                known(context, &found, qualifier, asked).await?;
            }
            (found.value.arn, parsed.rest.map(|_| asked.as_str()))
        }
        (None, Some(arn)) => (describe_map_run::find(context, caller, arn).await?.arn, None),
        _ => {
            return Err(Error::validation(
                "Exactly one of stateMachineArn and mapRunArn must be specified",
            ));
        }
    };
    let status = request.status_filter.as_deref().and_then(status);
    let mut before = match &request.next_token {
        Some(token) => {
            let key = page::position(token).and_then(|key| key.parse().ok());
            Some(key.ok_or_else(invalid_token)?)
        }
        None => None,
    };
    let awaiting = match request.map_run_arn {
        Some(_) => context.engine.awaiting_redrive(&owner).await?,
        None => RangeInclusive::new(1, 0),
    };
    // What waits for a redrive is stored as it ended.
    let stored = status.filter(|status| *status != Status::PendingRedrive);
    let limit = page_size(request.max_results);
    let wanted = |summary: &Summary| {
        let redriven = summary.redrive.0 > 0;
        let attributes = Attributes::of(summary);
        let by_qualifier = qualifier.is_none_or(|arn| {
            [&attributes.version_arn, &attributes.alias_arn]
                .iter()
                .any(|known| known.as_deref() == Some(arn))
        });
        let by_redrive = match request.redrive_filter.as_deref() {
            Some("REDRIVEN") => redriven,
            Some("NOT_REDRIVEN") => !redriven,
            _ => true,
        };
        let by_status = status.is_none_or(|status| summary.status == status);
        by_qualifier && by_redrive && by_status
    };
    let mut page = Vec::new();
    loop {
        let read = context.engine.list(&owner, stored, before, limit + 1).await?;
        let end = read.len() <= limit;
        before = read.last().map(|summary| summary.key).or(before);
        let shown = read.into_iter().map(|summary| map_run::as_it_waits(summary, &awaiting));
        page.extend(shown.filter(|summary| wanted(summary)));
        if end || page.len() > limit {
            break;
        }
    }
    let more = page.len() > limit;
    page.truncate(limit);
    let last = page.last().filter(|_| more);
    let next_token = last.map(|summary| page::token(&summary.key.to_string()));
    Ok(Response { executions: page.into_iter().map(item).collect(), next_token })
}

/// A qualifier must be an alias, or a version that there is or was: its executions outlive it.
async fn known(
    context: &Context,
    machine: &Found<Machine>,
    qualifier: &str,
    asked: &str,
) -> Result<(), Error> {
    let known = match qualifier.parse::<u64>() {
        Ok(number) => (1..=machine.value.last_version).contains(&number),
        Err(_) => aliases::find(context, &machine.key, qualifier).await?.is_some(),
    };
    if known { Ok(()) } else { Err(machine::does_not_exist(asked)) }
}

fn item(summary: Summary) -> Item {
    let attributes = Attributes::of(&summary);
    Item {
        status: summary.status.as_str(),
        start_date: seconds(summary.header.start_time.0),
        stop_date: summary.stop_time.map(|time| seconds(time.0)),
        state_machine_version_arn: attributes.version_arn,
        state_machine_alias_arn: attributes.alias_arn,
        redrive_count: summary.redrive.0,
        redrive_date: summary.redrive.1.map(|time| seconds(time.0)),
        map_run_arn: attributes.map_run_arn,
        item_count: attributes.item_count,
        execution_arn: summary.header.execution_arn,
        state_machine_arn: summary.header.state_machine_arn,
        name: summary.header.name,
    }
}

fn status(word: &str) -> Option<Status> {
    use Status::*;
    let all = [Running, Succeeded, Failed, TimedOut, Aborted, PendingRedrive];
    all.into_iter().find(|status| status.as_str() == word)
}
