//! Aliases of state machines: a name that routes new executions to one or two published versions.

use asl::Moment;
use serde::{Deserialize, Serialize};
use store::Scan;

use super::machine::{self, Machine};
use super::{account_limits, arn, invalid_token, page_size, seconds};
use crate::record::{Found, Table};
use crate::{Caller, Context, Error, page};

/// Keyed `account/region/machine:alias`.
const ALIASES: Table<Alias> = Table::new("states/alias");

/// An alias.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Alias {
    name: String,
    description: Option<String>,
    routes: Vec<Route>,
    created_at: i64,
    updated_at: i64,
}

/// A version and its part of a hundred executions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Route {
    version: u64,
    weight: u32,
}

impl Alias {
    /// The version that an execution started now runs by.
    pub fn route(&self, moment: Moment) -> u64 {
        let mut thrown = (moment.dice("alias route").next_f64() * 100.0) as u32;
        for route in &self.routes {
            match thrown.checked_sub(route.weight) {
                Some(rest) => thrown = rest,
                None => return route.version,
            }
        }
        self.routes.first().map_or(0, |route| route.version)
    }

    /// The version that most executions run by: what describes the alias where one version must.
    pub fn main_version(&self) -> u64 {
        // Of equals `max_by_key` takes the last; the first is meant.
        let main = self.routes.iter().rev().max_by_key(|route| route.weight);
        main.map_or(0, |route| route.version)
    }
}

/// The alias of this name of a state machine (by its key).
pub(super) async fn find(
    context: &Context,
    machine: &str,
    name: &str,
) -> Result<Option<Alias>, Error> {
    Ok(ALIASES.get(context, &key(machine, name)).await?.map(|found| found.value))
}

/// Names of the aliases that route to a version.
pub(super) async fn naming(
    context: &Context,
    machine: &str,
    version: u64,
) -> Result<Vec<String>, Error> {
    let mut aliases = of_machine(context, machine).await?;
    aliases.retain(|alias| alias.routes.iter().any(|route| route.version == version));
    Ok(aliases.into_iter().map(|alias| alias.name).collect())
}

/// How many aliases a state machine has.
pub(super) async fn count(context: &Context, machine: &str) -> Result<u64, Error> {
    ALIASES.count(context, &format!("{machine}:")).await
}

/// Deletions of all aliases of a state machine.
pub(super) async fn deletions(
    context: &Context,
    machine: &str,
) -> Result<Vec<store::RecordWrite>, Error> {
    let aliases = of_machine(context, machine).await?;
    let delete = |alias: Alias| ALIASES.delete(&key(machine, &alias.name), store::Expect::Any);
    Ok(aliases.into_iter().map(delete).collect())
}

/// A route as requests and answers write it.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Routing {
    state_machine_version_arn: String,
    weight: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CreateRequest {
    description: Option<String>,
    name: String,
    routing_configuration: Vec<Routing>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Created {
    state_machine_alias_arn: String,
    creation_date: f64,
}

/// Makes an alias. The same call again is answered as the first was.
pub(super) async fn create_state_machine_alias(
    context: &Context,
    caller: &Caller,
    request: CreateRequest,
) -> Result<Created, Error> {
    let CreateRequest { description, name, routing_configuration } = request;
    let (machine, routes) = routes(context, caller, &routing_configuration, None).await?;
    let now = context.clock.moment().now.0;
    let alias = Alias { name, description, routes, created_at: now, updated_at: now };
    let answer = |created_at: i64| Created {
        state_machine_alias_arn: format!("{}:{}", machine.value.arn, alias.name),
        creation_date: seconds(created_at),
    };
    let key = key(&machine.key, &alias.name);
    if ALIASES.get(context, &key).await?.is_none() {
        account_limits::alias(context, &machine.key).await?;
    }
    loop {
        if ALIASES.insert(context, &key, &alias).await? {
            return Ok(answer(now));
        }
        let Some(known) = ALIASES.get(context, &key).await? else { continue };
        let known = known.value;
        if known.routes == alias.routes && known.description == alias.description {
            return Ok(answer(known.created_at));
        }
        return Err(Error::new(
            "ConflictException",
            "Failed to create alias because an alias with the same name and a different routing \
             configuration already exists.",
        ));
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct UpdateRequest {
    state_machine_alias_arn: String,
    description: Option<String>,
    routing_configuration: Option<Vec<Routing>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Updated {
    update_date: f64,
}

/// Changes what is given.
pub(super) async fn update_state_machine_alias(
    context: &Context,
    caller: &Caller,
    request: UpdateRequest,
) -> Result<Updated, Error> {
    if request.description.is_none() && request.routing_configuration.is_none() {
        return Err(Error::validation(
            "Either the description or the RoutingConfiguration must be specified",
        )
        .with("reason", "MISSING_REQUIRED_PARAMETER"));
    }
    let named = named(context, caller, &request.state_machine_alias_arn).await?;
    let routes = match &request.routing_configuration {
        Some(given) => Some(routes(context, caller, given, Some(&named.machine)).await?.1),
        None => None,
    };
    let now = context.clock.moment().now.0;
    let updated = ALIASES.update(context, &named.key, |alias| {
        if let Some(description) = &request.description {
            alias.description = Some(description.clone());
        }
        if let Some(routes) = &routes {
            alias.routes.clone_from(routes);
        }
        alias.updated_at = now;
        Ok(())
    });
    updated.await?.ok_or_else(|| not_found(&request.state_machine_alias_arn))?;
    Ok(Updated { update_date: seconds(now) })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ByArn {
    state_machine_alias_arn: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Described {
    state_machine_alias_arn: String,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    routing_configuration: Vec<Routing>,
    creation_date: f64,
    update_date: f64,
}

pub(super) async fn describe_state_machine_alias(
    context: &Context,
    caller: &Caller,
    request: ByArn,
) -> Result<Described, Error> {
    let asked = request.state_machine_alias_arn;
    let Named { alias, machine, .. } = named(context, caller, &asked).await?;
    let routing = |route: Route| Routing {
        state_machine_version_arn: machine.value.version_arn(route.version),
        weight: route.weight,
    };
    Ok(Described {
        routing_configuration: alias.routes.into_iter().map(routing).collect(),
        state_machine_alias_arn: asked,
        name: alias.name,
        description: alias.description,
        creation_date: seconds(alias.created_at),
        update_date: seconds(alias.updated_at),
    })
}

/// Deletes an alias.
pub(super) async fn delete_state_machine_alias(
    context: &Context,
    caller: &Caller,
    request: ByArn,
) -> Result<(), Error> {
    let named = named(context, caller, &request.state_machine_alias_arn).await?;
    ALIASES.remove(context, &named.key).await
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ListRequest {
    state_machine_arn: String,
    next_token: Option<String>,
    max_results: Option<usize>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Listed {
    state_machine_aliases: Vec<Created>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

/// Aliases of a state machine, or those that route to one of its versions, oldest first.
pub(super) async fn list_state_machine_aliases(
    context: &Context,
    caller: &Caller,
    request: ListRequest,
) -> Result<Listed, Error> {
    let asked = &request.state_machine_arn;
    let parsed = arn::parse(asked, &["stateMachine"])?;
    let machine = machine::of(context, caller, &parsed, asked).await?;
    let mut aliases = of_machine(context, &machine.key).await?;
    if let Some(qualifier) = parsed.rest {
        let version: u64 = qualifier.parse().map_err(|_| machine::does_not_exist(asked))?;
        aliases.retain(|alias| alias.routes.iter().any(|route| route.version == version));
    }
    let begin = match &request.next_token {
        None => 0,
        Some(token) => {
            let name = page::position(token).ok_or_else(invalid_token)?;
            let place = aliases.iter().position(|alias| alias.name == name);
            place.ok_or_else(invalid_token)?
        }
    };
    let end = begin.saturating_add(page_size(request.max_results)).min(aliases.len());
    let listed = |alias: &Alias| Created {
        state_machine_alias_arn: format!("{}:{}", machine.value.arn, alias.name),
        creation_date: seconds(alias.created_at),
    };
    Ok(Listed {
        state_machine_aliases: aliases[begin..end].iter().map(listed).collect(),
        next_token: aliases.get(end).map(|alias| page::token(&alias.name)),
    })
}

/// An alias that a request names.
struct Named {
    key: String,
    alias: Alias,
    machine: Found<Machine>,
}

async fn named(context: &Context, caller: &Caller, asked: &str) -> Result<Named, Error> {
    let parsed = arn::parse(asked, &["stateMachine"])?;
    let name = parsed.rest.filter(|name| name.parse::<u64>().is_err());
    let name = name.ok_or_else(|| arn::invalid(&format!("Invalid ARN: {asked}")))?;
    if !parsed.is_of(caller) {
        return Err(not_found(asked));
    }
    let key = key(&machine::key(caller, parsed.name), name);
    let alias = ALIASES.get(context, &key).await?.ok_or_else(|| not_found(asked))?.value;
    let machine = machine::of(context, caller, &parsed, asked).await?;
    Ok(Named { key, alias, machine })
}

async fn of_machine(context: &Context, machine: &str) -> Result<Vec<Alias>, Error> {
    let all = Scan::prefix(format!("{machine}:"), usize::MAX >> 1);
    let found = ALIASES.list(context, all).await?;
    let mut aliases: Vec<Alias> = found.into_iter().map(|found| found.value).collect();
    aliases.sort_by(|a, b| (a.created_at, &a.name).cmp(&(b.created_at, &b.name)));
    Ok(aliases)
}

/// Checks a routing configuration: one or two versions of one state machine (`of`, if it is settled
/// already), whose weights make a hundred.
async fn routes(
    context: &Context,
    caller: &Caller,
    given: &[Routing],
    of: Option<&Found<Machine>>,
) -> Result<(Found<Machine>, Vec<Route>), Error> {
    let received = || {
        let arns: Vec<&str> =
            given.iter().map(|route| route.state_machine_version_arn.as_str()).collect();
        arns.join(", ")
    };
    let refuse = |message: String| {
        Error::validation(message).with("reason", "INVALID_ROUTING_CONFIGURATION")
    };
    let mut routes: Vec<Route> = Vec::new();
    let mut machine: Option<Found<Machine>> = of.cloned();
    for route in given {
        let asked = &route.state_machine_version_arn;
        let parsed = arn::parse(asked, &["stateMachine"])?;
        let version =
            parsed.rest.and_then(|number| number.parse::<u64>().ok()).ok_or_else(|| {
                refuse(format!(
                    "Routing configuration must contain state machine version ARNs. Received: [{}]",
                    received()
                ))
            })?;
        if routes.iter().any(|known| known.version == version) {
            return Err(refuse(format!(
                "Routing configuration must contain distinct state machine version ARNs. \
                 Received: [{}]",
                received()
            )));
        }
        let found = machine::of(context, caller, &parsed, asked).await?;
        if found.value.deleting {
            return Err(machine::is_deleting(&found.value.arn));
        }
        if machine.as_ref().is_some_and(|known| known.key != found.key) {
            return Err(refuse(format!(
                "Routing configuration must contain versions of the same state machine. \
                 Received: [{}]",
                received()
            )));
        }
        if machine::version(context, &found, version).await?.is_none() {
            return Err(not_found(asked));
        }
        routes.push(Route { version, weight: route.weight });
        machine = Some(found);
    }
    let weights: Vec<u32> = routes.iter().map(|route| route.weight).collect();
    if weights.iter().sum::<u32>() != 100 {
        return Err(refuse(format!(
            "Sum of routing configuration weights must equal 100. Received: {weights:?}"
        )));
    }
    let machine = machine
        .ok_or_else(|| refuse("Routing configuration must contain a version ARN".to_owned()))?;
    Ok((machine, routes))
}

fn key(machine: &str, name: &str) -> String {
    format!("{machine}:{name}")
}

fn not_found(arn: &str) -> Error {
    Error::new("ResourceNotFound", "Request references a resource that does not exist.")
        .with("resourceName", arn)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn executions_are_routed_by_weight() {
        let route = |version, weight| Route { version, weight };
        let alias = |routes| Alias {
            name: "PROD".to_owned(),
            description: None,
            routes,
            created_at: 0,
            updated_at: 0,
        };
        let count = |alias: &Alias, version| {
            let moments = (0..10_000).map(|seed| Moment { now: asl::Timestamp(0), seed });
            moments.filter(|moment| alias.route(*moment) == version).count()
        };
        let canary = alias(vec![route(1, 90), route(2, 10)]);
        assert!((800..1200).contains(&count(&canary, 2)));
        assert_eq!(count(&alias(vec![route(1, 100), route(2, 0)]), 1), 10_000);
        assert_eq!(count(&alias(vec![route(1, 0), route(2, 100)]), 2), 10_000);
        assert_eq!(canary.main_version(), 1);
        assert_eq!(alias(vec![route(1, 10), route(2, 90)]).main_version(), 2);
        assert_eq!(alias(vec![route(3, 50), route(2, 50)]).main_version(), 3);
    }
}
