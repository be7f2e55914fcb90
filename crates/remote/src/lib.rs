//! Asks AWS services that answer elsewhere: an emulator, a function run by hand, AWS itself. A request is
//! encoded by the service's model, signed, sent once, and its answer decoded into the model's form.
//!
//! Nothing is tried again here: whether a call may be repeated is for the state machine to say (`Retry`).

mod endpoint;
mod http_client;
mod protocols;
mod refusal;
mod sign;

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use models::{Operation, Service};
use serde_json::Value;

pub use endpoint::{Credentials, Endpoint};
pub use http_client::HttpClient;
pub use refusal::Refusal;

/// One call of an operation.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// The service's model.
    pub service: &'static Service,
    /// Its operation.
    pub operation: &'static Operation,
    /// The input as the model names it, blobs as base64 text, instants as epoch seconds.
    pub members: &'a Value,
    /// For the signature's scope.
    pub region: &'a str,
    /// Signs where the endpoint has no credentials of its own; emulators take the account from the key.
    pub account: &'a str,
    /// For the signature's date.
    pub now: SystemTime,
    /// The answer must be there within this.
    pub within: Duration,
    /// An answer with a longer body is refused as [`Problem::TooLarge`].
    pub bytes_max: usize,
}

/// What a signature says beside who signed.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'a> {
    /// The service, as signatures name it: `execute-api`.
    pub name: &'a str,
    /// The region.
    pub region: &'a str,
    /// Signs where the endpoint has no credentials of its own.
    pub account: &'a str,
    /// When.
    pub now: SystemTime,
}

/// What a service answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The output as the model names it.
    pub members: Value,
    /// Status, headers and the length of the body, as they came.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
}

/// Why a call brought no answer.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Problem {
    /// The service refused.
    #[error("{0}")]
    Refused(Box<Refusal>),
    /// Nobody answered, or not in time.
    #[error("Unable to execute HTTP request: {0}")]
    Unreachable(String),
    /// The answer is none that the model knows.
    #[error("Unable to unmarshall response: {0}")]
    Garbled(String),
    /// The answer is longer than asked for.
    #[error("the answer is longer than {0} bytes")]
    TooLarge(usize),
    /// The call cannot be made: the endpoint's URL, or a member that the path wants and that is missing.
    #[error("{0}")]
    Unsendable(String),
}

/// Calls an operation at an endpoint, once.
///
/// # Errors
/// [`Problem`].
pub async fn call(
    http: &HttpClient,
    endpoint: &Endpoint,
    call: &Call<'_>,
) -> Result<Answer, Problem> {
    let request = protocols::encode(endpoint, call)?;
    let Call { service, region, account, now, .. } = *call;
    let scope = Scope { name: service.entry.signing_name, region, account, now };
    let request = sign::sign(request, endpoint, &scope)?;
    let response = http.send(request, call.within, call.bytes_max).await?;
    if response.status().is_success() {
        let members = protocols::decode(call.service, call.operation, &response)?;
        let (parts, _) = response.into_parts();
        Ok(Answer { members, status: parts.status.as_u16(), headers: parts.headers })
    } else {
        Err(Problem::Refused(Box::new(protocols::decode_error(call.service, &response))))
    }
}

/// A plain HTTP request with a signature.
///
/// # Errors
/// [`Problem::Unsendable`] for one that cannot be signed.
pub fn signed(
    request: Request<Bytes>,
    endpoint: &Endpoint,
    scope: &Scope<'_>,
) -> Result<Request<Bytes>, Problem> {
    sign::sign(request, endpoint, scope)
}

type Sent = Request<Bytes>;
type Received = Response<Bytes>;
