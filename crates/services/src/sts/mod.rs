//! AWS Security Token Service: who is asking, and temporary credentials.

mod assume_role;
mod caller_identity;
mod credentials;

use crate::Service;
use crate::operation::operation;

pub(crate) use credentials::session;
pub use credentials::sweep;

/// STS.
pub static SERVICE: Service = Service {
    name: "sts",
    operations: &[
        &operation!("GetCallerIdentity", caller_identity::get_caller_identity),
        &operation!("AssumeRole", assume_role::assume_role),
        &operation!("GetSessionToken", assume_role::get_session_token),
    ],
};
