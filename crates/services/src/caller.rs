//! Who asks.

/// Who asks, for which account and region, with which role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Twelve digits.
    pub account: String,
    /// From the credential scope: resources are apart by account and region.
    pub region: String,
    /// `arn:aws:sts::ACCOUNT:assumed-role/stepwell/local`, `arn:aws:iam::ACCOUNT:user/NAME`, …
    pub arn: String,
    /// The access key id as given, if any.
    pub access_key: Option<String>,
    /// Through which door.
    pub origin: Origin,
}

impl Caller {
    /// A service that acts with a role, in the role's account.
    pub fn service(role_arn: &str, region: &str, session: &str) -> Caller {
        let account = role_arn.split(':').nth(4).unwrap_or_default();
        let role = role_arn.rsplit('/').next().unwrap_or_default();
        let partition = crate::arn::partition(region);
        Caller {
            account: account.to_owned(),
            region: region.to_owned(),
            arn: format!("arn:{partition}:sts::{account}:assumed-role/{role}/{session}"),
            access_key: None,
            origin: Origin::Service,
        }
    }

    /// The Task state that calls: the execution's number and the task's. The same each time the task is done.
    pub fn task(&self) -> Option<(u64, u64)> {
        match self.origin {
            Origin::Task { token, .. } => Some(token),
            _ => None,
        }
    }
}

/// Through which door a call came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The wire.
    Client,
    /// A Task state, acting with the state machine's role.
    Task {
        /// The execution's ARN.
        execution_arn: String,
        /// The execution's number in the store and the task's number in the execution: a stable client token.
        token: (u64, u64),
        /// The task waits for the job that the call begins (`.sync`).
        sync: bool,
    },
    /// A job, an endpoint or ourselves.
    Service,
}
