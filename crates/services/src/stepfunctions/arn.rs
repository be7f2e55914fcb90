//! The ARNs that requests name, and AWS's words for bad ones.

use crate::{Caller, Error};

/// An ARN of Step Functions, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct StatesArn<'a> {
    pub region: &'a str,
    pub account: &'a str,
    /// `stateMachine`, `execution`, `activity`, `express`, `mapRun`.
    pub resource: &'a str,
    /// The first part after the resource: the state machine's name (with `/LABEL`), the activity's.
    pub name: &'a str,
    /// What follows: a version or alias, an execution's name.
    pub rest: Option<&'a str>,
}

/// Takes an ARN apart whose resource is one of `resources`.
///
/// # Errors
/// `InvalidArn` in AWS's words.
pub(super) fn parse<'a>(arn: &'a str, resources: &[&str]) -> Result<StatesArn<'a>, Error> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let &["arn", _, service, region, account, tail] = parts.as_slice() else {
        return Err(invalid(&format!("Invalid ARN prefix: {arn}")));
    };
    if service != "states" {
        return Err(invalid(&format!("Service not valid in this context: {service}")));
    }
    let mut tail = tail.splitn(3, ':');
    let resource = tail.next().unwrap_or_default();
    if !resources.contains(&resource) {
        return Err(invalid(&format!("Resource type not valid in this context: {resource}")));
    }
    let name = tail.next().unwrap_or_default();
    if name.is_empty() {
        return Err(invalid(&format!("Invalid ARN: {arn}")));
    }
    Ok(StatesArn { region, account, resource, name, rest: tail.next() })
}

impl StatesArn<'_> {
    /// Whether the caller could have such a thing: resources are apart by account and region.
    pub fn is_of(&self, caller: &Caller) -> bool {
        self.account == caller.account && self.region == caller.region
    }
}

/// `InvalidArn`.
pub(super) fn invalid(reason: &str) -> Error {
    Error::new("InvalidArn", format!("Invalid Arn: '{reason}'"))
}

/// A role's ARN is taken as it stands: the role may be made later, or in another account.
pub(super) fn check_role(arn: &str) -> Result<(), Error> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    match parts.as_slice() {
        ["arn", _, "iam", "", account, role]
            if !account.is_empty() && role.strip_prefix("role/").is_some_and(|n| !n.is_empty()) =>
        {
            Ok(())
        }
        _ => Err(Error::new("InvalidArn", format!("Invalid Role Arn: '{arn}'"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arns_are_taken_apart_or_refused_as_by_aws() {
        let arn = "arn:aws:states:us-east-1:000000000000:execution:machine:name";
        let parsed = parse(arn, &["execution"]).unwrap();
        assert_eq!((parsed.name, parsed.rest), ("machine", Some("name")));
        let refused = |arn, resources: &[&str]| parse(arn, resources).unwrap_err().message;
        assert_eq!(
            refused("no_an_activity_arn", &["activity"]),
            "Invalid Arn: 'Invalid ARN prefix: no_an_activity_arn'"
        );
        assert_eq!(
            refused("arn:aws:states:r:0:express:m:e:u", &["execution"]),
            "Invalid Arn: 'Resource type not valid in this context: express'"
        );
        assert!(check_role("arn:aws:iam::000000000000:role/a/b").is_ok());
        assert!(check_role("role").is_err());
    }
}
