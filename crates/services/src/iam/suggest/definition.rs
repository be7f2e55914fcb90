//! What the states of a definition ask of services, and what executions asked in their place.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::History;
use crate::integrations;

/// What a state asks for.
pub(super) enum Asked {
    /// An operation of a service.
    Call(Call),
    /// A call of an HTTP API.
    Http(Http),
    /// Child executions, by a Distributed Map; Express ones are not redriven but started again.
    Children { express: bool },
    /// Actions of S3 on `bucket/key`, by a Distributed Map.
    Objects(Vec<(&'static str, String)>),
}

pub(super) struct Call {
    /// As the state names it.
    pub resource: String,
    /// botocore's name.
    pub service: String,
    pub operation: String,
    /// As the model names them; what is only known when the state runs is a `*`.
    pub members: Value,
    /// The state waits for the end of what the call begins.
    pub sync: bool,
    /// Another role that the call is made with.
    pub role: Option<String>,
}

/// What is known before the state runs.
pub(super) struct Http {
    pub endpoint: Option<String>,
    pub method: Option<String>,
    pub connection: Option<String>,
}

/// What is not known before a state runs.
const OPEN: &str = "*";

impl Call {
    /// The members of a call of this operation, as the model names them.
    pub fn named(&self, members: &Value) -> Value {
        named(&self.service, &self.operation, members.clone())
    }
}

/// What every state asks for, in the order of the definition, whatever it is nested in.
pub(super) fn asked(definition: &Value) -> Vec<(String, Asked)> {
    let mut found = Vec::new();
    walk(definition, &mut found);
    found
}

fn walk(machine: &Value, found: &mut Vec<(String, Asked)>) {
    for (name, state) in machine["States"].as_object().into_iter().flatten() {
        let mut push = |asked: Asked| found.push((name.clone(), asked));
        match state["Type"].as_str() {
            Some("Task") => task(state).into_iter().for_each(push),
            Some("Map") => {
                if state["ItemProcessor"]["ProcessorConfig"]["Mode"] == "DISTRIBUTED" {
                    let kind = &state["ItemProcessor"]["ProcessorConfig"]["ExecutionType"];
                    push(Asked::Children { express: kind == "EXPRESS" });
                    push(Asked::Objects(read(&state["ItemReader"])));
                    push(Asked::Objects(written(&state["ResultWriter"])));
                }
                walk(&state["ItemProcessor"], found);
                walk(&state["Iterator"], found);
            }
            Some("Parallel") => {
                for branch in state["Branches"].as_array().into_iter().flatten() {
                    walk(branch, found);
                }
            }
            _ => {}
        }
    }
}

fn task(state: &Value) -> Option<Asked> {
    let resource = state["Resource"].as_str()?;
    let role = match &given(&state["Credentials"])["RoleArn"] {
        Value::String(role) => Some(role.clone()),
        _ => None,
    };
    let call = |service: &str, operation: String, members: Value, sync: bool| {
        let members = named(service, &operation, members);
        let (resource, service) = (resource.to_owned(), service.to_owned());
        Some(Asked::Call(Call { resource, service, operation, members, sync, role: role.clone() }))
    };
    let Some((_, task)) = resource.split_once(":states:::") else {
        let is_function = resource.split(':').nth(2) == Some("lambda");
        let members = serde_json::json!({ "FunctionName": resource });
        return is_function.then(|| call("lambda", "Invoke".to_owned(), members, false)).flatten();
    };
    let (task, pattern) = task.split_once('.').unwrap_or((task, ""));
    let (service, action) = task.rsplit_once(':')?;
    let members = integrations::members(service, action, parameters(state));
    if (service, action) == ("http", "invoke") && role.is_none() {
        let known = |value: &Value| value.as_str().filter(|text| *text != OPEN).map(str::to_owned);
        let connection = ["Authentication", "InvocationConfig"];
        return Some(Asked::Http(Http {
            endpoint: known(&members["ApiEndpoint"]),
            method: known(&members["Method"]),
            connection: connection.iter().find_map(|name| known(&members[*name]["ConnectionArn"])),
        }));
    }
    let (service, action) = match service.strip_prefix("aws-sdk:") {
        Some(name) => {
            (models::identify::by_task_name(name).map_or(name, |entry| entry.name), action)
        }
        None if service == "states" => ("stepfunctions", action),
        // They speak to a cluster, whose own rules say who may do what.
        None if (service, action) == ("eks", "call") || (service, action) == ("eks", "runJob") => {
            return None;
        }
        None => integrations::service_and_operation(service, action),
    };
    let mut letters = action.chars();
    let first = letters.next()?.to_ascii_uppercase();
    call(service, format!("{first}{}", letters.as_str()), members, pattern.starts_with("sync"))
}

/// What a Distributed Map reads.
fn read(reader: &Value) -> Vec<(&'static str, String)> {
    let Some(resource) = reader["Resource"].as_str() else { return Vec::new() };
    let members = parameters(reader);
    let text = |name: &str| members[name].as_str().unwrap_or_default();
    let config = given(&reader["ReaderConfig"]);
    let (bucket, whole) = (text("Bucket"), format!("{}/{OPEN}", text("Bucket")));
    if !resource.ends_with(":listObjectsV2") {
        let mut read = vec![("s3:GetObject", format!("{bucket}/{}", text("Key")))];
        // The objects that a manifest names lie somewhere in a bucket, usually its own.
        if config["InputType"] == "MANIFEST" || !config["ManifestType"].is_null() {
            read.push(("s3:GetObject", whole));
        }
        return read;
    }
    let mut read = vec![("s3:ListBucket", bucket.to_owned())];
    if config["Transformation"] == "LOAD_AND_FLATTEN" {
        read.push((
            "s3:GetObject",
            format!("{bucket}/{}{OPEN}", text("Prefix").trim_end_matches(OPEN)),
        ));
    }
    read
}

/// What a Distributed Map writes.
fn written(writer: &Value) -> Vec<(&'static str, String)> {
    if writer["Resource"].is_null() {
        return Vec::new();
    }
    let members = parameters(writer);
    let text = |name: &str| members[name].as_str().unwrap_or_default().trim_matches('/');
    let place = match text("Prefix") {
        "" | OPEN => format!("{}/{OPEN}", text("Bucket")),
        prefix => format!("{}/{prefix}/{OPEN}", text("Bucket")),
    };
    ["s3:AbortMultipartUpload", "s3:GetObject", "s3:ListMultipartUploadParts", "s3:PutObject"]
        .map(|action| (action, place.clone()))
        .into()
}

/// A state's parameters or arguments, what is open in them as `*`.
fn parameters(state: &Value) -> Value {
    match &state["Parameters"] {
        Value::Null => given(&state["Arguments"]),
        parameters => given(parameters),
    }
}

/// A template with `*` for what is open: members ending in `.$`, and JSONata's expressions.
fn given(template: &Value) -> Value {
    match template {
        Value::String(text) if text.starts_with("{%") => OPEN.into(),
        Value::Array(items) => items.iter().map(given).collect(),
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| match name.strip_suffix(".$") {
                Some(name) => (name.to_owned(), OPEN.into()),
                None => (name.clone(), given(value)),
            })
            .collect::<Map<String, Value>>()
            .into(),
        other => other.clone(),
    }
}

/// The members under the model's names, which differ in their first letter alone.
fn named(service: &str, operation: &str, members: Value) -> Value {
    let model = models::service(service);
    let shape = model.and_then(|model| model.structure(model.operation(operation)?.input?));
    let (Some(shape), Value::Object(given)) = (shape, &members) else { return members };
    let known = shape.members.iter().map(|member| (member.name.to_lowercase(), &*member.name));
    let known: BTreeMap<String, &str> = known.collect();
    let name = |name: &String| {
        known.get(&name.to_lowercase()).map_or(name.as_str(), |known| known).to_owned()
    };
    given.iter().map(|(given, value)| (name(given), value.clone())).collect::<Map<_, _>>().into()
}

/// What executions handed over in a state's calls: a list for each execution that called.
pub(super) fn calls(state: &str, histories: &[History]) -> Vec<Vec<Value>> {
    let parameters = |details: &Value| serde_json::from_str(details["parameters"].as_str()?).ok();
    histories
        .iter()
        .map(|history| scheduled(state, history).filter_map(parameters).collect::<Vec<_>>())
        .filter(|calls| !calls.is_empty())
        .collect()
}

/// The roles that a state's calls were made with in executions, other than the state machine's.
pub(super) fn roles(state: &str, histories: &[History]) -> BTreeSet<String> {
    let all = histories.iter().flat_map(|history| scheduled(state, history));
    let roles = all.filter_map(|details| details["taskCredentials"]["roleArn"].as_str());
    roles.map(str::to_owned).collect()
}

/// What an execution scheduled for a state.
fn scheduled<'a>(state: &'a str, history: &'a History) -> impl Iterator<Item = &'a Value> {
    let by_id: BTreeMap<u64, &Value> =
        history.iter().filter_map(|event| Some((event["id"].as_u64()?, event))).collect();
    let is_of_state = move |event: &Value| {
        let mut event = Some(event);
        // The event of a retry comes after those of the attempt before.
        while let Some(seen) = event {
            if let Some(name) = seen["stateEnteredEventDetails"]["name"].as_str() {
                return name == state;
            }
            event = seen["previousEventId"].as_u64().and_then(|id| by_id.get(&id).copied());
        }
        false
    };
    let scheduled = history.iter().filter(|event| event["type"] == "TaskScheduled");
    let of_state = scheduled.filter(move |event| is_of_state(event));
    of_state.map(|event| &event["taskScheduledEventDetails"])
}
