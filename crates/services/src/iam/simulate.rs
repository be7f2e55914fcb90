//! SimulatePrincipalPolicy and SimulateCustomPolicy: what would be decided, without anybody doing it.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};

use super::list;
use super::policy::{
    Decision, Document, Keys, Kind, Layer, Named, Outcome, Policies, Principal, Request, decide,
};
use crate::{Caller, Context, Error};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Simulation {
    policy_source_arn: Option<String>,
    #[serde(default)]
    policy_input_list: Vec<String>,
    #[serde(default)]
    permissions_boundary_policy_input_list: Vec<String>,
    #[serde(default)]
    action_names: Vec<String>,
    #[serde(default)]
    resource_arns: Vec<String>,
    resource_policy: Option<String>,
    resource_owner: Option<String>,
    caller_arn: Option<String>,
    #[serde(default)]
    context_entries: Vec<Entry>,
    marker: Option<String>,
    max_items: Option<usize>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    context_key_name: String,
    #[serde(default)]
    context_key_values: Vec<String>,
}

pub(super) async fn custom(
    _: &Context,
    caller: &Caller,
    request: Simulation,
) -> Result<Value, Error> {
    // Somebody who has these policies and no others.
    let anybody = || format!("arn:aws:iam::{}:user/anybody", caller.account);
    let arn = request.caller_arn.clone().unwrap_or_else(anybody);
    simulate(&request, Policies::default(), Keys::new(), who(&arn, &caller.account))
}

pub(super) async fn principal(
    context: &Context,
    caller: &Caller,
    request: Simulation,
) -> Result<Value, Error> {
    let source = request.policy_source_arn.clone().unwrap_or_default();
    let (policies, keys) = context.iam.of_principal(context, caller, &source).await?;
    let arn = request.caller_arn.clone().unwrap_or_else(|| source.clone());
    simulate(&request, policies, keys, who(&arn, &caller.account))
}

fn who(arn: &str, account: &str) -> Principal {
    let account =
        arn.split(':').nth(4).filter(|part| !part.is_empty()).unwrap_or(account).to_owned();
    if arn.contains(":user/") {
        Principal::User { account, arn: arn.to_owned() }
    } else if let Some((_, name)) = arn.split_once(":role/") {
        let name = name.rsplit('/').next().unwrap_or_default();
        let session = format!("arn:aws:sts::{account}:assumed-role/{name}/simulation");
        Principal::Role { account, role: arn.to_owned(), session }
    } else if arn.ends_with(":root") {
        Principal::Root { account }
    } else {
        Principal::Role { account, role: arn.to_owned(), session: arn.to_owned() }
    }
}

fn simulate(
    request: &Simulation,
    mut policies: Policies,
    mut keys: Keys,
    principal: Principal,
) -> Result<Value, Error> {
    policies.identity.extend(named("PolicyInputList", &request.policy_input_list, Kind::Identity)?);
    if !request.permissions_boundary_policy_input_list.is_empty() {
        let list = &request.permissions_boundary_policy_input_list;
        policies.boundary =
            Some(named("PermissionsBoundaryPolicyInputList", list, Kind::Identity)?);
    }
    if let Some(text) = &request.resource_policy {
        let list = std::slice::from_ref(text);
        policies.resource = named("ResourcePolicy", list, Kind::Resource)?.pop();
    }
    for entry in &request.context_entries {
        keys.set_all(&entry.context_key_name, entry.context_key_values.clone());
    }
    let owner = request.resource_owner.as_deref().and_then(|owner| owner.split(':').nth(4));
    let everything = vec!["*".to_owned()];
    let resources =
        if request.resource_arns.is_empty() { &everything } else { &request.resource_arns };
    let mut results = Vec::new();
    for action in &request.action_names {
        for resource in resources {
            let asked = Request {
                principal: &principal,
                action,
                resource,
                resource_account: owner,
                keys: &keys,
            };
            results.push(shown(action, resource, &decide(&asked, &policies)));
        }
    }
    let numbered = results.into_iter().enumerate().map(|(at, result)| (format!("{at:06}"), result));
    let (page, end) = list::cut(
        numbered.collect(),
        |(number, _)| number,
        request.marker.as_deref(),
        request.max_items,
    )?;
    Ok(end.with("EvaluationResults", page.into_iter().map(|(_, it)| it).collect::<Vec<_>>()))
}

fn named(member: &str, texts: &[String], kind: Kind) -> Result<Vec<Named>, Error> {
    let parse = |(at, text): (usize, &String)| {
        let name = format!("{member}.{}", at + 1).into();
        match Document::parse(text, kind) {
            Ok(document) => Ok(Named { name, document: Arc::new(document) }),
            Err(problem) => Err(Error::new("InvalidInput", problem.message)),
        }
    };
    texts.iter().enumerate().map(parse).collect()
}

fn shown(action: &str, resource: &str, decision: &Decision) -> Value {
    let outcome = match decision.outcome {
        Outcome::Allowed => "allowed",
        Outcome::ExplicitDeny(_) => "explicitDeny",
        Outcome::ImplicitDeny(_) => "implicitDeny",
    };
    let matched: Vec<Value> = decision
        .statements
        .iter()
        .map(|statement| {
            let kind = match statement.layer {
                Layer::Resource => "Resource Policy",
                _ => "IAM Policy",
            };
            json!({
                "SourcePolicyId": &*statement.policy,
                "SourcePolicyType": kind,
                "StartPosition": { "Line": statement.start.line, "Column": statement.start.column },
                "EndPosition": { "Line": statement.end.line, "Column": statement.end.column },
            })
        })
        .collect();
    json!({
        "EvalActionName": action,
        "EvalResourceName": resource,
        "EvalDecision": outcome,
        "MatchedStatements": matched,
        "MissingContextValues": [],
    })
}
