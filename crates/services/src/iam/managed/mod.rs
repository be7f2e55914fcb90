//! The policies that AWS manages, those that pipelines commonly attach: data, made by `update.py`.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Policy, PolicyVersion};

#[derive(Deserialize)]
struct Row {
    name: String,
    path: String,
    version: String,
    created: String,
    updated: String,
    document: Box<RawValue>,
}

/// By the ARN from `policy/` on.
static POLICIES: LazyLock<HashMap<String, Policy>> = LazyLock::new(|| {
    let rows = include_str!("policies.jsonl").lines();
    let read = |line: &str| serde_json::from_str::<Row>(line).ok();
    rows.filter_map(read)
        .map(|row| (format!("policy{}{}", row.path, row.name), policy(row)))
        .collect()
});

/// AWS's policy of this ARN, if it is one that is known here.
pub(super) fn find(arn: &str) -> Option<Policy> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let ["arn", _, "iam", "", "aws", resource] = parts.as_slice() else { return None };
    POLICIES.get(*resource).map(|policy| Policy { arn: arn.to_owned(), ..policy.clone() })
}

/// All that are known.
pub(super) fn all(partition: &str) -> impl Iterator<Item = Policy> {
    POLICIES.iter().map(move |(resource, policy)| Policy {
        arn: format!("arn:{partition}:iam::aws:{resource}"),
        ..policy.clone()
    })
}

fn policy(row: Row) -> Policy {
    let number = row.version.trim_start_matches('v').parse().unwrap_or(1);
    let time = |text: &str| text.parse::<jiff::Timestamp>().map_or(0, |time| time.as_millisecond());
    let updated_at = time(&row.updated);
    let document = row.document.get().to_owned();
    Policy {
        id: id(&row.name),
        arn: String::new(),
        name: row.name,
        path: row.path,
        description: None,
        created_at: time(&row.created),
        updated_at,
        tags: Vec::new(),
        default_version: number,
        last_version: number,
        versions: vec![PolicyVersion { number, document, created_at: updated_at }],
    }
}

/// An id that stays: of the name.
fn id(name: &str) -> String {
    use sha2::{Digest, Sha256};
    const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let hash = Sha256::digest(name.as_bytes());
    let letters = hash.iter().take(17).map(|byte| char::from(LETTERS[usize::from(byte % 32)]));
    format!("ANPA{}", letters.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::super::policy::{Document, Kind};
    use super::*;

    #[test]
    fn every_policy_can_be_read() {
        let lines = include_str!("policies.jsonl").lines().count();
        assert_eq!(POLICIES.len(), lines);
        for policy in POLICIES.values() {
            let document = &policy.versions[0].document;
            let read = Document::parse(document, Kind::Identity);
            assert!(read.is_ok(), "{}: {}", policy.name, read.unwrap_err());
        }
        let full = find("arn:aws:iam::aws:policy/AWSStepFunctionsFullAccess").unwrap();
        assert!(full.versions[0].document.contains("states:*"));
        assert!(find("arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole").is_some());
        assert!(find("arn:aws:iam::123456789012:policy/AWSStepFunctionsFullAccess").is_none());
    }
}
