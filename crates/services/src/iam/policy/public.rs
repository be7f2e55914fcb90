//! Whether a resource's policy lets everybody in, as S3 sees it: one that names nobody in particular, and
//! does not hold them to a fixed account, organization, network or source either.

use super::document::{Document, Effect};

/// Keys that hold a request to somebody or somewhere.
const FIXING: &[&str] = &[
    "aws:principalaccount",
    "aws:principalarn",
    "aws:principalorgid",
    "aws:principalorgpaths",
    "aws:sourceaccount",
    "aws:sourcearn",
    "aws:sourceip",
    "aws:sourceorgid",
    "aws:sourceowner",
    "aws:sourcevpc",
    "aws:sourcevpce",
    "aws:userid",
    "s3:dataaccesspointaccount",
    "s3:dataaccesspointarn",
];

impl Document {
    /// Whether it lets everybody in.
    pub fn is_public(&self) -> bool {
        self.statements.iter().any(|statement| {
            let fixed = || {
                statement.conditions().any(|condition| {
                    FIXING.contains(&condition.key.as_str()) && condition.is_fixed()
                })
            };
            statement.effect == Effect::Allow && statement.names_everybody() && !fixed()
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::document::{Document, Kind};

    fn is_public(principal: Value, condition: Value) -> bool {
        let policy = json!({ "Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": principal, "Action": "s3:GetObject",
            "Resource": "arn:aws:s3:::b/*", "Condition": condition,
        }] });
        Document::parse(&policy.to_string(), Kind::Resource).unwrap().is_public()
    }

    #[test]
    fn whoever_is_held_to_something_fixed_is_not_everybody() {
        let none = json!({});
        assert!(is_public(json!("*"), none.clone()));
        assert!(is_public(json!({ "AWS": "*" }), none.clone()));
        assert!(is_public(json!({ "AWS": ["123456789012", "*"] }), none.clone()));
        assert!(!is_public(json!({ "AWS": "123456789012" }), none.clone()));
        assert!(!is_public(json!({ "Service": "states.amazonaws.com" }), none));
        for (condition, expected) in [
            (json!({ "StringEquals": { "aws:PrincipalOrgID": "o-1" } }), false),
            (json!({ "StringNotEquals": { "aws:PrincipalOrgID": "o-1" } }), true),
            (json!({ "StringEqualsIfExists": { "aws:PrincipalOrgID": "o-1" } }), true),
            (json!({ "StringLike": { "aws:SourceVpc": "vpc-*" } }), true),
            (json!({ "StringLike": { "aws:SourceVpc": "vpc-1" } }), false),
            (json!({ "StringEquals": { "aws:Referer": "https://example.org" } }), true),
            (json!({ "IpAddress": { "aws:SourceIp": "203.0.113.0/24" } }), false),
            (json!({ "IpAddress": { "aws:SourceIp": ["203.0.113.0/24", "0.0.0.0/1"] } }), true),
            (json!({ "NotIpAddress": { "aws:SourceIp": "203.0.113.0/24" } }), true),
            (json!({ "Bool": { "aws:SecureTransport": true } }), true),
        ] {
            assert_eq!(is_public(json!("*"), condition.clone()), expected, "{condition}");
        }
    }
}
