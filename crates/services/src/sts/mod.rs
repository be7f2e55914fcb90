//! AWS Security Token Service: who is asking, and temporary credentials.

mod assume_role;
mod caller_identity;
mod credentials;
mod issuers;
pub mod sign_in;
mod token;
mod web_identity;

use crate::operation::operation;
use crate::{Error, Service};

pub(crate) use credentials::session;
pub use credentials::sweep;
pub use issuers::Issuers;

/// STS.
pub static SERVICE: Service = Service {
    name: "sts",
    operations: &[
        &operation!("GetCallerIdentity", caller_identity::get_caller_identity),
        &operation!("AssumeRole", assume_role::assume_role),
        &operation!("AssumeRoleWithWebIdentity", web_identity::assume_role_with_web_identity),
        &operation!("GetSessionToken", assume_role::get_session_token),
    ],
};

/// A request that STS cannot take.
fn invalid(message: impl Into<String>) -> Error {
    Error::new("ValidationError", message)
}

/// Nobody has a device that makes codes here: one that is sent proves nothing.
fn refuse_codes(serial_number: Option<&str>, code: Option<&str>) -> Result<(), Error> {
    if serial_number.is_none() && code.is_none() {
        return Ok(());
    }
    let message = "MultiFactorAuthentication failed, unable to validate MFA code: there are no MFA devices here";
    Err(Error::new("AccessDenied", message).with_status(403))
}
