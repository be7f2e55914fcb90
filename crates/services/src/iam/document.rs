//! Policy documents: what makes one malformed, and how IAM shows one.

use super::policy::Document;
pub(super) use super::policy::Kind;
use crate::Error;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Checks a policy's or a trust policy's JSON. The log has the line of a fault; the answer, as AWS's,
/// has not.
///
/// # Errors
/// `MalformedPolicyDocument`.
pub(super) fn check(text: &str, kind: Kind) -> Result<(), Error> {
    match Document::parse(text, kind) {
        Ok(_) => Ok(()),
        Err(problem) => {
            tracing::info!("a policy document was refused: {problem}");
            Err(Error::new("MalformedPolicyDocument", problem.message))
        }
    }
}

/// The document as IAM's answers carry it.
pub(super) fn shown(text: &str) -> String {
    const ENCODED: &AsciiSet =
        &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
    utf8_percent_encode(text, ENCODED).to_string()
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
            (identity, Kind::Trust, "AssumeRole policy may only specify STS AssumeRole actions."),
        ];
        for (text, kind, message) in cases {
            assert_eq!(check(text, kind).unwrap_err().message, message, "{text}");
        }
        assert_eq!(shown("{\"a b\"}"), "%7B%22a%20b%22%7D");
    }
}
