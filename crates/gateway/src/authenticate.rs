//! Who asks: in accounts where refusals are meant, whoever proves it with a signature; elsewhere, whoever
//! is named.

use asl::Timestamp;
use http::HeaderMap;
use services::{Caller, Error};

use crate::caller::{Scope, caller};
use crate::signature::{self, ChunkSignatures, Claim, Fault, Proof, RequestHead, Style, Version2};
use crate::{Door, Gateway};

/// What is known of a request's sender before its body was seen.
pub(crate) struct Sender {
    pub caller: Caller,
    /// What must still hold; nothing where nobody has to prove who they are.
    pub proof: Option<Proof>,
    /// The service that the signature is for.
    signed_for: Option<String>,
}

/// What S3's body must be.
#[derive(Clone, Debug)]
pub(crate) enum Payload {
    /// Anything.
    Free,
    /// Bytes with this hash, in small hexadecimal digits.
    Hash(String),
    /// Chunks, each signed.
    Chunks(ChunkSignatures),
}

/// The sender by the request's head.
///
/// # Errors
/// In an account where refusals are meant, what is wrong with the signature.
pub(crate) async fn sender(
    gateway: &Gateway,
    head: RequestHead<'_>,
    scope: &Scope<'_>,
    host_region: Option<&str>,
) -> Result<Sender, Refused> {
    let caller = caller(scope, host_region, &gateway.settings);
    let unproven = |caller| Ok(Sender::unproven(caller));
    if !gateway.door.may_ask_proof() {
        return unproven(caller);
    }
    let identity = match &caller.access_key {
        Some(key) => gateway.door.identity(key).await?,
        None => None,
    };
    let account = identity.as_ref().map_or(&caller.account, |identity| &identity.account);
    if !gateway.door.asks_proof(account) {
        return unproven(caller);
    }
    if !signature::is_signed(head.headers, head.query) {
        return Err(Fault::Missing.into());
    }
    let now = gateway.moment().now;
    let unknown = || Fault::UnknownKey(caller.access_key.clone().unwrap_or_default());
    if let Some(version2) = Version2::read(head.headers, head.query) {
        let identity = identity.ok_or_else(unknown)?;
        version2.verify(&head, &identity, now)?;
        let caller = identity.caller(caller.region);
        return Ok(Sender { caller, proof: None, signed_for: Some("s3".to_owned()) });
    }
    let claim = Claim::read(head.headers, head.query)?;
    let identity = identity.ok_or_else(unknown)?;
    let proof = claim.proof(&head, &identity, now)?;
    let caller = identity.caller(caller.region);
    Ok(Sender { caller, proof: Some(proof), signed_for: Some(claim.service().to_owned()) })
}

impl Sender {
    /// Somebody who need not prove who they are.
    pub(crate) fn unproven(caller: Caller) -> Sender {
        Sender { caller, proof: None, signed_for: None }
    }

    /// Holds the signature to the service that is asked.
    ///
    /// # Errors
    /// [`Fault::Scope`] for a signature that is another service's.
    pub(crate) fn check_service(&self, signing_name: &str) -> Result<(), Fault> {
        match &self.signed_for {
            Some(other) if other != signing_name => Err(Fault::Scope(format!(
                "Credential should be scoped to correct service: '{signing_name}'."
            ))),
            _ => Ok(()),
        }
    }

    /// Holds the signature to a body that was read.
    ///
    /// # Errors
    /// [`Fault::Mismatch`].
    pub(crate) fn check_body(&self, body: &[u8]) -> Result<(), Fault> {
        self.proof.as_ref().map_or(Ok(()), |proof| proof.verify(&signature::sha256_hex(body)))
    }

    /// Holds an S3 request's signature to what its head says of the body: what the body then must be.
    ///
    /// # Errors
    /// [`Fault::Mismatch`]; [`Fault::NoPayloadHash`] for a head that says nothing.
    pub(crate) fn check_objects(&self, headers: &HeaderMap) -> Result<Payload, Fault> {
        self.check_service("s3")?;
        let Some(proof) = &self.proof else { return Ok(Payload::Free) };
        let told = headers.get("x-amz-content-sha256").and_then(|hash| hash.to_str().ok());
        let told = match told {
            Some(told) => told,
            // A URL is made before there is a body.
            None if proof.presigned => UNSIGNED,
            None => return Err(Fault::NoPayloadHash),
        };
        proof.verify(told)?;
        match told {
            UNSIGNED | "STREAMING-UNSIGNED-PAYLOAD-TRAILER" => Ok(Payload::Free),
            "STREAMING-AWS4-HMAC-SHA256-PAYLOAD" | "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER" => {
                Ok(Payload::Chunks(proof.chunks()))
            }
            hash if hash.len() == 64 => Ok(Payload::Hash(hash.to_ascii_lowercase())),
            _ => Err(Fault::Payload),
        }
    }
}

const UNSIGNED: &str = "UNSIGNED-PAYLOAD";

/// Why there is no sender.
#[derive(Debug)]
pub(crate) enum Refused {
    /// The signature is wrong.
    Fault(Fault),
    /// It could not be looked at.
    Broken(Error),
}

impl From<Fault> for Refused {
    fn from(fault: Fault) -> Refused {
        Refused::Fault(fault)
    }
}

impl From<Error> for Refused {
    fn from(error: Error) -> Refused {
        Refused::Broken(error)
    }
}

impl Refused {
    /// The error that the client sees.
    pub(crate) fn error(&self, style: Style) -> Error {
        match self {
            Refused::Fault(fault) => fault.error(style),
            Refused::Broken(error) => error.clone(),
        }
    }

    /// Whether it is not signed at all.
    pub(crate) fn is_missing(&self) -> bool {
        matches!(self, Refused::Fault(Fault::Missing))
    }
}

/// Whoever has these credentials, for a sign-in that shows them rather than signs with them.
///
/// # Errors
/// `UnrecognizedClientException` or `ExpiredTokenException`.
pub(crate) async fn sign_in(
    door: &dyn Door,
    now: Timestamp,
    credentials: &Credentials<'_>,
    region: &str,
) -> Result<Caller, Error> {
    let identity = door.identity(credentials.access_key).await?;
    let known = identity.filter(|identity| {
        let token = match (&identity.token, credentials.token) {
            (None, None) => true,
            (Some(known), Some(given)) => signature::same(known, given),
            _ => false,
        };
        signature::same(&identity.secret, credentials.secret) && token
    });
    let known = known.ok_or_else(|| Fault::Token.error(Style::Rest))?;
    if known.is_expired(now) {
        return Err(Fault::TokenExpired.error(Style::Rest));
    }
    Ok(known.caller(region))
}

/// Credentials as somebody types them.
#[derive(Clone, Copy)]
pub struct Credentials<'a> {
    /// The id.
    pub access_key: &'a str,
    /// The key itself.
    pub secret: &'a str,
    /// Of temporary ones.
    pub token: Option<&'a str>,
}
