//! Conditional requests: `If-Match` and its kin, on reads and on writes.

use serde::Deserialize;

use super::object::Object;
use super::{Error, error};

/// The conditions of a read.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct ReadCondition {
    if_match: Option<String>,
    if_none_match: Option<String>,
    /// Epoch seconds.
    if_modified_since: Option<f64>,
    if_unmodified_since: Option<f64>,
}

/// The conditions of a copy on its source.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct CopyCondition {
    copy_source_if_match: Option<String>,
    copy_source_if_none_match: Option<String>,
    copy_source_if_modified_since: Option<f64>,
    copy_source_if_unmodified_since: Option<f64>,
}

/// The conditions of a write on what is there already.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct WriteCondition {
    if_match: Option<String>,
    if_none_match: Option<String>,
}

impl ReadCondition {
    /// An ETag condition that holds outweighs the date condition beside it (RFC 9110, 13.2.2).
    pub(super) fn check(&self, object: &Object) -> Result<(), Error> {
        match self.verdict(object) {
            Verdict::Holds => Ok(()),
            Verdict::Failed(condition) => Err(error::precondition_failed(condition)),
            Verdict::Unchanged(_) => Err(error::not_modified(object.quoted_etag())),
        }
    }

    fn verdict(&self, object: &Object) -> Verdict {
        let modified = (object.last_modified.0 / 1000) as f64;
        match (&self.if_match, self.if_unmodified_since) {
            (Some(etags), _) if !names(etags, object) => return Verdict::Failed("If-Match"),
            (None, Some(since)) if modified > since.floor() => {
                return Verdict::Failed("If-Unmodified-Since");
            }
            _ => {}
        }
        match (&self.if_none_match, self.if_modified_since) {
            (Some(etags), _) if names(etags, object) => Verdict::Unchanged("If-None-Match"),
            (None, Some(since)) if modified <= since.floor() => {
                Verdict::Unchanged("If-Modified-Since")
            }
            _ => Verdict::Holds,
        }
    }
}

enum Verdict {
    Holds,
    Failed(&'static str),
    Unchanged(&'static str),
}

impl CopyCondition {
    /// A copy has no 304: whatever does not hold is 412.
    pub(super) fn check(&self, source: &Object) -> Result<(), Error> {
        let condition = ReadCondition {
            if_match: self.copy_source_if_match.clone(),
            if_none_match: self.copy_source_if_none_match.clone(),
            if_modified_since: self.copy_source_if_modified_since,
            if_unmodified_since: self.copy_source_if_unmodified_since,
        };
        match condition.verdict(source) {
            Verdict::Holds => Ok(()),
            Verdict::Failed(condition) | Verdict::Unchanged(condition) => {
                Err(error::precondition_failed(&format!("x-amz-copy-source-{condition}")))
            }
        }
    }
}

impl WriteCondition {
    /// Only what S3 offers on writes: `If-None-Match: *` and `If-Match: ETAG`.
    pub(super) fn check(&self, key: &str, existing: Option<&Object>) -> Result<(), Error> {
        match &self.if_none_match {
            Some(any) if any.trim() == "*" && existing.is_some() => {
                return Err(error::precondition_failed("If-None-Match"));
            }
            Some(other) if other.trim() != "*" => {
                return Err(error::not_implemented("a write with If-None-Match other than *"));
            }
            _ => {}
        }
        match (&self.if_match, existing) {
            (None, _) => Ok(()),
            (Some(_), None) => Err(error::no_such_key(key)),
            (Some(etags), Some(object)) if names(etags, object) => Ok(()),
            (Some(_), Some(_)) => Err(error::precondition_failed("If-Match")),
        }
    }
}

/// Whether a list of ETags (quoted or not, weak or not) names the object's, or all.
fn names(etags: &str, object: &Object) -> bool {
    etags.split(',').map(str::trim).any(|etag| {
        let etag = etag.strip_prefix("W/").unwrap_or(etag);
        etag == "*" || etag.trim_matches('"') == object.etag
    })
}
