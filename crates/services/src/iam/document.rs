//! Policy documents: what makes one malformed, and how IAM shows one.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use crate::Error;

/// Checks a policy's or a trust policy's JSON.
///
/// # Errors
/// `MalformedPolicyDocument`.
pub(super) fn check(text: &str, kind: Kind) -> Result<(), Error> {
    let document: Value =
        serde_json::from_str(text).map_err(|_| malformed("This policy contains invalid Json"))?;
    let Some(document) = document.as_object() else {
        return Err(malformed("Syntax errors in policy."));
    };
    let version = document.get("Version");
    if version.is_some_and(|version| version != "2012-10-17" && version != "2008-10-17") {
        return Err(malformed("The policy must contain a valid version string"));
    }
    let statements = match document.get("Statement") {
        Some(Value::Array(statements)) if !statements.is_empty() => statements.as_slice(),
        Some(statement @ Value::Object(_)) => std::slice::from_ref(statement),
        _ => return Err(malformed("Syntax errors in policy.")),
    };
    statements.iter().try_for_each(|statement| check_statement(statement, kind))
}

/// What a document is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// What a role or user may do.
    Identity,
    /// Who may assume a role.
    Trust,
}

fn check_statement(statement: &Value, kind: Kind) -> Result<(), Error> {
    let has = |name: &str| statement.get(name).is_some_and(|value| !value.is_null());
    if !statement.is_object() {
        return Err(malformed("Syntax errors in policy."));
    }
    match statement.get("Effect").and_then(Value::as_str) {
        Some("Allow" | "Deny") => {}
        Some(_) => return Err(malformed("Invalid effect: the policy must say Allow or Deny")),
        None => return Err(malformed("Missing required field Effect")),
    }
    if !has("Action") && !has("NotAction") {
        return Err(malformed("Missing required field Action"));
    }
    match kind {
        Kind::Trust if !has("Principal") && !has("NotPrincipal") => {
            Err(malformed("Missing required field Principal"))
        }
        Kind::Trust if has("Resource") || has("NotResource") => {
            Err(malformed("Has prohibited field Resource"))
        }
        Kind::Identity if has("Principal") || has("NotPrincipal") => {
            Err(malformed("Policy document should not specify a principal."))
        }
        Kind::Identity if !has("Resource") && !has("NotResource") => {
            Err(malformed("Policy statement must contain resources."))
        }
        Kind::Identity | Kind::Trust => Ok(()),
    }
}

/// The document as IAM's answers carry it.
pub(super) fn shown(text: &str) -> String {
    const ENCODED: &AsciiSet =
        &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
    utf8_percent_encode(text, ENCODED).to_string()
}

fn malformed(message: &str) -> Error {
    Error::new("MalformedPolicyDocument", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn malformed_documents_are_refused_with_their_reason() {
        let identity = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}"#;
        assert_eq!(check(identity, Kind::Identity), Ok(()));
        let trust = r#"{"Statement":{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"Service":"states.amazonaws.com"}}}"#;
        assert_eq!(check(trust, Kind::Trust), Ok(()));
        let cases = [
            ("{\"a\": \"raw\nbreak\"}", Kind::Identity, "This policy contains invalid Json"),
            ("[]", Kind::Identity, "Syntax errors in policy."),
            (trust, Kind::Identity, "Policy document should not specify a principal."),
            (identity, Kind::Trust, "Missing required field Principal"),
        ];
        for (text, kind, message) in cases {
            assert_eq!(check(text, kind).unwrap_err().message, message, "{text}");
        }
        assert_eq!(shown("{\"a b\"}"), "%7B%22a%20b%22%7D");
    }
}
