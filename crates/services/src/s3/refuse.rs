//! Members that ask for what we do not do: refused, never dropped in silence.

use serde_json::Value;

use super::{Error, error};

/// Members of any writing or reading operation that we cannot honour.
const UNSERVED: &[&str] = &[
    "SSECustomerAlgorithm",
    "SSECustomerKey",
    "CopySourceSSECustomerAlgorithm",
    "ObjectLockMode",
    "ObjectLockRetainUntilDate",
    "ObjectLockLegalHoldStatus",
    "ObjectLockEnabledForBucket",
    "WriteOffsetBytes",
    "MFA",
];

/// Grants: a bucket of today has no ACLs (its owner owns all in it).
const GRANTS: &[&str] =
    &["GrantFullControl", "GrantRead", "GrantReadACP", "GrantWrite", "GrantWriteACP"];

/// Refuses a request that asks for more than we do.
pub(super) fn refuse(members: &Value) -> Result<(), Error> {
    let asks = |name: &str| !matches!(&members[name], Value::Null | Value::Bool(false));
    if let Some(member) = UNSERVED.iter().find(|name| asks(name)) {
        return Err(error::not_implemented(&format!("the member `{member}`")));
    }
    if let Some(ownership) = members["ObjectOwnership"].as_str() {
        owned_by_bucket(ownership)?;
    }
    let acl = members["ACL"].as_str();
    let harmless =
        matches!(acl, None | Some("private" | "bucket-owner-full-control" | "bucket-owner-read"));
    if !harmless || GRANTS.iter().any(|name| asks(name)) {
        return Err(Error::new("AccessControlListNotSupported", "The bucket does not allow ACLs"));
    }
    Ok(())
}

/// Refuses objects that are others' than the bucket's owner's.
pub(super) fn owned_by_bucket(ownership: &str) -> Result<(), Error> {
    match ownership {
        "BucketOwnerEnforced" => Ok(()),
        other => Err(error::not_implemented(&format!("the object ownership `{other}`"))),
    }
}
