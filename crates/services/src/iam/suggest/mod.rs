//! The least that a state machine's role must be allowed: from the definition, and from what executions
//! really called.
//!
//! The definition says which operations there are and, where it names things itself, on what. What it
//! takes from the input is a `*` there, which executions narrow down: to the one thing that every
//! execution named, or to what their names have in common. Roles that were handed on are the very ones
//! that were seen. Pure: whoever asks brings the answers of Step Functions' operations.

mod definition;
mod narrow;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::guard::{LOG_DELIVERY, Need, followed, managed_rule, needed};
use crate::{Caller, Origin, arn};
use definition::{Asked, Call, Http};

/// One execution: `GetExecutionHistory`'s events.
pub type History = Vec<Value>;

/// One thing that the role must be allowed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Permission {
    action: String,
    resource: String,
    /// Keys that must have these values: `iam:PassedToService`.
    conditions: Vec<(String, String)>,
}

impl From<&Need> for Permission {
    fn from(need: &Need) -> Permission {
        let passed = need.keys.iter().filter(|(key, _)| key == "iam:PassedToService");
        let conditions = passed
            .flat_map(|(key, values)| values.iter().map(move |value| (key.clone(), value.clone())));
        Permission {
            action: need.action.clone(),
            resource: need.resource.clone(),
            conditions: conditions.collect(),
        }
    }
}

fn permission(action: impl Into<String>, resource: impl Into<String>) -> Permission {
    Permission { action: action.into(), resource: resource.into(), conditions: Vec::new() }
}

/// The policy for a state machine, as `DescribeStateMachine` describes it, with the histories of executions.
pub fn policy(machine: &Value, histories: &[History]) -> Value {
    let text = |member: &str| machine[member].as_str().unwrap_or_default();
    let definition: Value = serde_json::from_str(text("definition")).unwrap_or_default();
    let place = Place::of(text("stateMachineArn"), text("roleArn"));
    let mut groups: Vec<Vec<Permission>> = Vec::new();
    for (state, asked) in definition::asked(&definition) {
        groups.extend(place.permissions(&state, &asked, histories));
    }
    if machine["loggingConfiguration"]["level"].as_str().is_some_and(|level| level != "OFF") {
        groups.push(LOG_DELIVERY.iter().map(|action| permission(*action, "*")).collect());
    }
    if machine["tracingConfiguration"]["enabled"] == true {
        groups.push(TRACING.iter().map(|action| permission(*action, "*")).collect());
    }
    json!({ "Version": "2012-10-17", "Statement": statements(&groups) })
}

/// What sends an execution's trace.
const TRACING: &[&str] = &[
    "xray:GetSamplingRules",
    "xray:GetSamplingTargets",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
];

const RULE_ACTIONS: &[&str] = &["events:DescribeRule", "events:PutRule", "events:PutTargets"];

/// Where the state machine is, and what it is called.
struct Place {
    region: String,
    account: String,
    name: String,
    role: String,
}

impl Place {
    fn of(machine_arn: &str, role: &str) -> Place {
        let part =
            |number: usize| machine_arn.split(':').nth(number).unwrap_or_default().to_owned();
        Place { region: part(3), account: part(4), name: part(6), role: role.to_owned() }
    }

    /// What a state's request needs, in groups that become statements.
    fn permissions(
        &self,
        state: &str,
        asked: &Asked,
        histories: &[History],
    ) -> Vec<Vec<Permission>> {
        match asked {
            Asked::Call(call) => self.of_call(state, call, histories),
            Asked::Http(http) => self.of_http(http),
            Asked::Children { express } => {
                let mut children = vec![
                    vec![permission("states:StartExecution", self.own("stateMachine", ""))],
                    vec![permission("states:DescribeExecution", self.own("execution", ":*"))],
                ];
                if !express {
                    let children_of_runs = self.own("execution", "/*:*");
                    children.push(vec![permission("states:RedriveExecution", children_of_runs)]);
                }
                children
            }
            Asked::Objects(objects) => {
                let arn =
                    |place: &str| format!("arn:{}:s3:::{place}", arn::partition(&self.region));
                let one = |(action, place): &(&str, String)| permission(*action, arn(place));
                vec![objects.iter().map(one).collect()]
            }
        }
    }

    fn of_call(&self, state: &str, call: &Call, histories: &[History]) -> Vec<Vec<Permission>> {
        if let Some(role) = &call.role {
            // The call is made with that role, which ours must be allowed to take.
            let mut roles = definition::roles(state, histories);
            if !role.contains('*') || roles.is_empty() {
                roles = [role.clone()].into();
            }
            let take = |role| permission("sts:AssumeRole", role);
            return vec![roles.into_iter().map(take).collect()];
        }
        let origin = Origin::Task { execution_arn: String::new(), token: (0, 0), sync: call.sync };
        let caller = Caller { origin, ..Caller::service(&self.role, &self.region, "suggest") };
        let needs = |members: &Value| needed(&call.service, &call.operation, &caller, members);
        let seen: Vec<Vec<Need>> = definition::calls(state, histories)
            .iter()
            .map(|calls| calls.iter().flat_map(|members| needs(&call.named(members))).collect())
            .collect();
        let narrowed = narrow::narrowed(needs(&call.members), &seen);
        let (passed, own): (Vec<&Need>, Vec<&Need>) =
            narrowed.iter().partition(|need| need.action == "iam:PassRole");
        let mut own: Vec<Permission> = own.into_iter().map(Permission::from).collect();
        if call.sync {
            let followed = to_follow(call, &own);
            own.extend(followed);
        }
        let beside = self.beside(call, &passed);
        let passed = passed.into_iter().map(Permission::from).collect();
        let mut groups = vec![own, passed, beside];
        if let Some(rule) = managed_rule(&call.resource) {
            let rule = arn::arn("events", &self.region, &self.account, &format!("rule/{rule}"));
            groups.push(RULE_ACTIONS.iter().map(|action| permission(*action, &rule)).collect());
        }
        groups
    }

    /// What services elsewhere ask of whoever calls them, as AWS documents it.
    fn beside(&self, call: &Call, passed: &[&Need]) -> Vec<Permission> {
        match (call.service.as_str(), call.operation.as_str()) {
            ("eks", "CreateNodegroup") => {
                let read = ["iam:GetRole", "iam:ListAttachedRolePolicies"];
                let of_roles = passed
                    .iter()
                    .flat_map(|need| read.map(|action| permission(action, need.resource.as_str())));
                [permission("ec2:DescribeSubnets", "*")].into_iter().chain(of_roles).collect()
            }
            ("emr-containers", "CreateVirtualCluster") => {
                vec![self.linked_role("emr-containers", "AmazonEMRContainers")]
            }
            ("emr-serverless", "CreateApplication") => {
                vec![self.linked_role("ops.emr-serverless", "AmazonEMRServerless")]
            }
            _ => Vec::new(),
        }
    }

    /// To make the role that the service has in every account which uses it.
    fn linked_role(&self, service: &str, name: &str) -> Permission {
        let service = format!("{service}.amazonaws.com");
        let role = format!("role/aws-service-role/{service}/AWSServiceRoleFor{name}*");
        let arn = format!("arn:{}:iam::{}:{role}", arn::partition(&self.region), self.account);
        let mut permission = permission("iam:CreateServiceLinkedRole", arn);
        permission.conditions.push(("iam:AWSServiceName".to_owned(), service));
        permission
    }

    fn of_http(&self, http: &Http) -> Vec<Vec<Permission>> {
        let mut invoke = permission("states:InvokeHTTPEndpoint", self.own("stateMachine", ""));
        let known = [("states:HTTPEndpoint", &http.endpoint), ("states:HTTPMethod", &http.method)];
        let known =
            known.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value.clone()?)));
        invoke.conditions.extend(known);
        let secrets = format!(
            "arn:{}:secretsmanager:*:*:secret:events!connection/*",
            arn::partition(&self.region)
        );
        let connection = http.connection.as_deref().unwrap_or("*");
        vec![
            vec![invoke],
            vec![permission("events:RetrieveConnectionCredentials", connection)],
            vec![
                permission("secretsmanager:DescribeSecret", &secrets),
                permission("secretsmanager:GetSecretValue", &secrets),
            ],
        ]
    }

    /// An ARN of the state machine's own.
    fn own(&self, kind: &str, rest: &str) -> String {
        arn::arn("states", &self.region, &self.account, &format!("{kind}:{}{rest}", self.name))
    }
}

/// What must be allowed to follow what a state began, and to end it.
fn to_follow(call: &Call, begun: &[Permission]) -> Vec<Permission> {
    let Some(followed) = followed(&call.service, &call.operation) else { return Vec::new() };
    let prefix = begun.first().and_then(|begun| begun.action.split(':').next());
    let prefix = prefix.unwrap_or(&call.service);
    let resources: BTreeSet<String> = match followed.on {
        "" => begun.iter().map(|begun| child_of(&begun.resource)).collect(),
        within if within.starts_with('/') => {
            begun.iter().map(|begun| format!("{}{within}", begun.resource)).collect()
        }
        on => [on.to_owned()].into(),
    };
    let operations = followed.follows.iter().chain(followed.ends);
    operations
        .flat_map(|operation| resources.iter().map(move |on| (operation, on)))
        .map(|(operation, on)| permission(format!("{prefix}:{operation}"), on))
        .collect()
}

/// What a state machine's resource has begun: executions of it. Of jobs it is the job.
fn child_of(resource: &str) -> String {
    match resource.split_once(":stateMachine:") {
        Some((front, name)) => {
            let name = name.split(':').next().unwrap_or_default();
            format!("{front}:execution:{name}:*")
        }
        None => resource.to_owned(),
    }
}

/// Statements: what is allowed on the same things stands together, and what is allowed alike is said once.
fn statements(groups: &[Vec<Permission>]) -> Vec<Value> {
    type Conditions = Vec<(String, String)>;
    let mut told: Vec<(BTreeSet<String>, Conditions, BTreeSet<String>)> = Vec::new();
    for group in groups {
        let mut by_resource: BTreeMap<(&str, &Conditions), BTreeSet<String>> = BTreeMap::new();
        for permission in group {
            let actions = by_resource.entry((&permission.resource, &permission.conditions));
            actions.or_default().insert(permission.action.clone());
        }
        for ((resource, conditions), actions) in by_resource {
            let alike = |told: &&mut (BTreeSet<String>, Conditions, BTreeSet<String>)| {
                told.0 == actions && told.1 == *conditions
            };
            match told.iter_mut().find(alike) {
                Some(alike) => drop(alike.2.insert(resource.to_owned())),
                None => told.push((actions, conditions.clone(), [resource.to_owned()].into())),
            }
        }
    }
    told.into_iter()
        .map(|(actions, conditions, resources)| {
            let mut statement = json!({
                "Effect": "Allow",
                "Action": one_or_all(actions),
                "Resource": one_or_all(narrow::widest(&resources)),
            });
            if !conditions.is_empty() {
                let equal: Map<String, Value> =
                    conditions.into_iter().map(|(key, value)| (key, value.into())).collect();
                statement["Condition"] = json!({ "StringEquals": equal });
            }
            statement
        })
        .collect()
}

fn one_or_all(texts: BTreeSet<String>) -> Value {
    match texts.len() {
        1 => texts.into_iter().next().into(),
        _ => texts.into_iter().collect(),
    }
}

#[cfg(test)]
mod tests;
