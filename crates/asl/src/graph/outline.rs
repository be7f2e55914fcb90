//! What is to be drawn, read from a definition that may not be valid: whatever can be understood is.

use indexmap::IndexMap;
use serde_json::{Map, Value};

use super::rule;

/// `StartAt` and `States`, as far as they are there.
#[derive(Clone, Debug, Default)]
pub(super) struct Body {
    /// The place of the first state.
    pub start: Option<usize>,
    pub states: Vec<State>,
}

#[derive(Clone, Debug)]
pub(super) struct State {
    /// Its place in the definition: `Train`, `Fan/0/Work`.
    pub id: String,
    pub name: String,
    /// The type as written; `Unknown` if there is none.
    pub kind: String,
    pub resource: Option<String>,
    /// What it does, in a word or two.
    pub does: String,
    pub links: Vec<Link>,
    /// The branches of a Parallel, the processor of a Map.
    pub bodies: Vec<Body>,
}

/// A transition.
#[derive(Clone, Debug)]
pub(super) struct Link {
    pub kind: LinkKind,
    pub to: Target,
    /// What it is taken for, whole.
    pub text: Option<String>,
}

/// Where a transition leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// The place of a state in the same body.
    State(usize),
    /// The end of the body.
    End,
}

/// What a line in the picture stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkKind {
    /// From the start to the first state.
    Start,
    /// `Next`.
    Next,
    /// One of `Choices`.
    Choice,
    /// `Default`.
    Default,
    /// One of `Catch`.
    Catch,
    /// To the end.
    End,
}

impl LinkKind {
    /// A word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            LinkKind::Start => "start",
            LinkKind::Next => "next",
            LinkKind::Choice => "choice",
            LinkKind::Default => "default",
            LinkKind::Catch => "catch",
            LinkKind::End => "end",
        }
    }
}

/// Reads a state machine.
pub(super) fn read(document: &Value) -> Body {
    body(document, "")
}

/// The id of a state within `scope`, which ends with a slash or is empty. Names may hold anything.
pub(super) fn id(scope: &str, name: &str) -> String {
    let mut id = scope.to_owned();
    for character in name.chars() {
        match character {
            '~' => id.push_str("~0"),
            '/' => id.push_str("~1"),
            '$' => id.push_str("~2"),
            other => id.push(other),
        }
    }
    id
}

/// What the ids of the states in a state's body begin with.
pub(super) fn scope(id: &str, body: usize) -> String {
    format!("{id}/{body}/")
}

fn body(value: &Value, scope: &str) -> Body {
    let none = Map::new();
    let states = value["States"].as_object().unwrap_or(&none);
    let places: IndexMap<&str, usize> =
        states.keys().enumerate().map(|(place, name)| (name.as_str(), place)).collect();
    let start = value["StartAt"].as_str().and_then(|name| places.get(name).copied());
    let states = states.iter().map(|(name, value)| state(name, value, scope, &places)).collect();
    Body { start, states }
}

fn state(name: &str, value: &Value, scope: &str, places: &IndexMap<&str, usize>) -> State {
    let id = id(scope, name);
    let kind = value["Type"].as_str().unwrap_or("Unknown").to_owned();
    let resource = value["Resource"].as_str().map(str::to_owned);
    let branches: Vec<&Value> = match kind.as_str() {
        "Parallel" => value["Branches"].as_array().into_iter().flatten().collect(),
        "Map" => value.get("ItemProcessor").or(value.get("Iterator")).into_iter().collect(),
        _ => Vec::new(),
    };
    let bodies = branches
        .into_iter()
        .enumerate()
        .map(|(index, branch)| body(branch, &self::scope(&id, index)))
        .collect();
    let does = does(&kind, value, resource.as_deref());
    let links = links(&kind, value, places);
    State { id, name: name.to_owned(), does, kind, resource, links, bodies }
}

fn links(kind: &str, value: &Value, places: &IndexMap<&str, usize>) -> Vec<Link> {
    let mut found = Vec::new();
    let mut lead = |kind, next: &Value, text| {
        if let Some(&place) = next.as_str().and_then(|name| places.get(name)) {
            found.push(Link { kind, to: Target::State(place), text });
        }
    };
    if kind == "Choice" {
        for rule in value["Choices"].as_array().into_iter().flatten() {
            lead(LinkKind::Choice, &rule["Next"], Some(rule::text(rule)));
        }
        lead(LinkKind::Default, &value["Default"], Some("default".to_owned()));
        return found;
    }
    lead(LinkKind::Next, &value["Next"], None);
    for catcher in value["Catch"].as_array().into_iter().flatten() {
        let errors = catcher["ErrorEquals"].as_array().into_iter().flatten();
        let errors: Vec<&str> = errors.filter_map(Value::as_str).collect();
        lead(LinkKind::Catch, &catcher["Next"], Some(errors.join(", ")));
    }
    if value["End"] == true || matches!(kind, "Succeed" | "Fail") {
        found.push(Link { kind: LinkKind::End, to: Target::End, text: None });
    }
    found
}

/// `sagemaker:createTrainingJob.sync`, `10 s`, ….
fn does(kind: &str, value: &Value, resource: Option<&str>) -> String {
    let text = |member: &str| value[member].as_str().map(str::to_owned);
    match kind {
        "Task" => resource.map(service).unwrap_or_default(),
        "Wait" => value["Seconds"]
            .as_u64()
            .map(|seconds| format!("{seconds} s"))
            .or_else(|| {
                ["Seconds", "SecondsPath", "Timestamp", "TimestampPath"].into_iter().find_map(text)
            })
            .unwrap_or_default(),
        "Fail" => text("Error").unwrap_or_default(),
        "Map" => {
            let config = &value["ItemProcessor"]["ProcessorConfig"];
            let distributed = config["Mode"] == "DISTRIBUTED";
            if distributed { "distributed".to_owned() } else { String::new() }
        }
        _ => String::new(),
    }
}

/// The part of a resource that tells: an integration's service and action, a function's name.
fn service(resource: &str) -> String {
    let parts: Vec<&str> = resource.splitn(7, ':').collect();
    match parts[..] {
        ["arn", _, "states", _, _, "activity", name] => format!("activity:{name}"),
        ["arn", _, "states", _, _, service, action] => format!("{service}:{action}"),
        ["arn", _, "lambda", _, _, _, name] => format!("lambda:{name}"),
        _ => resource.to_owned(),
    }
}
