//! The evaluation of policies: cases as data, and any case at all against an evaluator that was written
//! another way.
//!
//! A line of `data/iam/*.jsonl` is one request with its policies and what AWS answers. A statement is
//! AWS's own, or short: `Allow s3:Get* on *`, `Deny role to s3:* on *`.

mod random;
mod slow;

use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use services::iam::policy::{
    Decision, Document, Keys, Kind, Layer, Named, Outcome, Policies, Principal, Request, decide,
};

/// One case.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    is: String,
    /// The layer that refuses.
    by: Option<String>,
    #[serde(default = "role")]
    who: String,
    #[serde(default = "get_object")]
    action: String,
    #[serde(default = "key")]
    on: String,
    owner: Option<String>,
    #[serde(default = "version")]
    version: String,
    #[serde(default)]
    keys: Map<String, Value>,
    /// Instead of `identity`: everything is allowed under this condition.
    when: Option<Value>,
    #[serde(default)]
    identity: Vec<Value>,
    boundary: Option<Vec<Value>>,
    session: Option<Vec<Value>>,
    resource: Option<Vec<Value>>,
    trust: Option<Vec<Value>>,
    #[allow(dead_code, reason = "for the reader of the case")]
    why: Option<String>,
}

const ACCOUNT: &str = "123456789012";
const USER: &str = "arn:aws:iam::123456789012:user/ana";
const ROLE: &str = "arn:aws:iam::123456789012:role/work";
const SESSION: &str = "arn:aws:sts::123456789012:assumed-role/work/s1";

fn role() -> String {
    "role".to_owned()
}

fn get_object() -> String {
    "s3:GetObject".to_owned()
}

fn key() -> String {
    "arn:aws:s3:::bucket/key".to_owned()
}

fn version() -> String {
    "2012-10-17".to_owned()
}

impl Case {
    /// The policies as documents, layer by layer: identity, boundary, session, resource.
    fn documents(&self) -> [Option<Value>; 4] {
        let document = |statements: &Vec<Value>| {
            let statements: Vec<Value> = statements.iter().map(statement).collect();
            json!({ "Version": self.version, "Statement": statements })
        };
        let identity = match &self.when {
            Some(condition) => Some(vec![
                json!({ "Effect": "Allow", "Action": "*", "Resource": "*", "Condition": condition }),
            ]),
            None => Some(self.identity.clone()),
        };
        let identity = identity.filter(|statements| !statements.is_empty());
        let resource = self.resource.as_ref().or(self.trust.as_ref());
        [
            identity.as_ref().map(document),
            self.boundary.as_ref().map(document),
            self.session.as_ref().map(document),
            resource.map(document),
        ]
    }

    fn keys(&self) -> Keys {
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let values = |value: &Value| match value {
            Value::Array(values) => values.iter().map(text).collect(),
            value => vec![text(value)],
        };
        self.keys.iter().map(|(name, value)| (name, values(value))).collect()
    }

    fn principal(&self) -> Principal {
        let account = ACCOUNT.to_owned();
        match self.who.as_str() {
            "user" => Principal::User { account, arn: USER.into() },
            "role" => Principal::Role { account, role: ROLE.into(), session: SESSION.into() },
            "root" => Principal::Root { account },
            "anonymous" => Principal::Anonymous,
            other => match other.split_once(':') {
                Some(("federated", provider)) => Principal::Federated(provider.to_owned()),
                _ => Principal::Service(other.to_owned()),
            },
        }
    }

    fn decide(&self) -> Decision {
        let [identity, boundary, session, resource] = self.documents();
        let read = |document: Value, kind| {
            let text = document.to_string();
            let document =
                Document::parse(&text, kind).unwrap_or_else(|problem| panic!("{text}\n{problem}"));
            Named { name: "policy".into(), document: Arc::new(document) }
        };
        let of_identity =
            |document: Option<Value>| document.map(|document| vec![read(document, Kind::Identity)]);
        let kind = if self.trust.is_some() { Kind::Trust } else { Kind::Resource };
        let policies = Policies {
            identity: of_identity(identity).unwrap_or_default(),
            boundary: of_identity(boundary),
            session: of_identity(session),
            resource: resource.map(|document| read(document, kind)),
            resource_must_allow: self.trust.is_some(),
        };
        let request = Request {
            principal: &self.principal(),
            action: &self.action,
            resource: &self.on,
            resource_account: self.owner.as_deref(),
            keys: &self.keys(),
        };
        decide(&request, &policies)
    }
}

/// A statement in full.
fn statement(value: &Value) -> Value {
    let Some(short) = value.as_str() else { return value.clone() };
    let (effect, rest) = short.split_once(' ').expect("an effect");
    let (front, resource) = rest.split_once(" on ").expect("a resource");
    let (principal, action) = match front.split_once(" to ") {
        Some((principal, action)) => (Some(principal), action),
        None => (None, front),
    };
    let mut statement = json!({ "Effect": effect, "Action": action, "Resource": resource });
    if let Some(principal) = principal {
        statement["Principal"] = match principal {
            "*" => json!("*"),
            "user" => json!({ "AWS": USER }),
            "role" => json!({ "AWS": ROLE }),
            "session" => json!({ "AWS": SESSION }),
            "account" => json!({ "AWS": format!("arn:aws:iam::{ACCOUNT}:root") }),
            arn => json!({ "AWS": arn }),
        };
    }
    statement
}

fn told(outcome: Outcome) -> (&'static str, Option<&'static str>) {
    let layer = |layer| match layer {
        Layer::Identity => "identity",
        Layer::Boundary => "boundary",
        Layer::Session => "session",
        Layer::Resource => "resource",
    };
    match outcome {
        Outcome::Allowed => ("allowed", None),
        Outcome::ExplicitDeny(by) => ("explicitDeny", Some(layer(by))),
        Outcome::ImplicitDeny(by) => ("implicitDeny", Some(layer(by))),
    }
}

fn cases() -> Vec<(String, Case)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/iam");
    let mut cases = Vec::new();
    for topic in ["conditions", "layers", "matching", "principals", "variables"] {
        let text = std::fs::read_to_string(folder.join(format!("{topic}.jsonl"))).expect(topic);
        for (number, line) in text.lines().enumerate() {
            let case = serde_json::from_str(line)
                .unwrap_or_else(|error| panic!("{topic}.jsonl:{}: {error}", number + 1));
            cases.push((format!("{topic}.jsonl:{} {line}", number + 1), case));
        }
    }
    assert!(cases.len() >= 200, "only {} cases", cases.len());
    cases
}

#[test]
fn cases_are_decided_as_aws_decides_them() {
    let mut wrong = Vec::new();
    for (place, case) in cases() {
        let decision = case.decide();
        let (is, by) = told(decision.outcome);
        if is != case.is || (case.by.is_some() && by != case.by.as_deref()) {
            wrong.push(format!("{place}\n  is {is} by {by:?}"));
        }
        // What is refused for want of an allow has no statement to show; a root user needs none.
        let reasons = !decision.statements.is_empty();
        assert!(reasons == (is != "implicitDeny") || case.who == "root", "{place}: its reasons");
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn the_slow_evaluator_agrees_on_the_cases() {
    for (place, case) in cases() {
        assert_eq!(slow::decide(&case), case.is, "{place}");
    }
}

#[test]
fn malformed_documents_are_refused() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/iam/malformed.jsonl");
    for line in std::fs::read_to_string(path).expect("the cases").lines() {
        let case: Map<String, Value> = serde_json::from_str(line).expect(line);
        let kind = match case["kind"].as_str() {
            Some("trust") => Kind::Trust,
            Some("resource") => Kind::Resource,
            _ => Kind::Identity,
        };
        let text = match &case["document"] {
            Value::String(text) => text.clone(),
            document => document.to_string(),
        };
        let says =
            Document::parse(&text, kind).map_or_else(|problem| problem.message, |_| "fine".into());
        assert_eq!(says, case["says"], "{line}");
    }
}
