//! Signatures: what a request claims of its sender, and whether the secret bears it out. Pure: the time
//! and the secret are arguments.
//!
//! A check has two halves, since the body comes later than the head: [`Claim::read`] and [`Claim::proof`]
//! look at what the head says, [`Proof::verify`] at the whole, once the hash of the body is known. S3's
//! bodies are too long for that: their hash stands in a header, and `s3/` holds the body to it as it
//! flows.

mod canonical;
mod claim;
mod fault;
mod limiter;
mod version2;

use hmac::{Hmac, Mac};
use http::HeaderMap;
use services::audit::Signed;
use services::{Identity, SigningKey};
use sha2::{Digest, Sha256};

pub(crate) use claim::{Claim, is_signed};
pub(crate) use fault::{Fault, Style};
pub(crate) use limiter::Limiter;
pub(crate) use version2::Version2;

use canonical::Head;
pub(crate) use canonical::Head as RequestHead;

/// What is left to verify once the hash of the body is known.
#[derive(Debug)]
pub(crate) struct Proof {
    /// Canonical requests without the last line; one of them was signed. S3's paths have two forms.
    canonical: Vec<String>,
    /// The date and the scope, a line each.
    scope: String,
    key: SigningKey,
    signature: [u8; 32],
    /// In the URL rather than in a header.
    pub presigned: bool,
}

/// How a request is signed, whether or not the signature is a good one; none if it is not.
pub(crate) fn signed(headers: &HeaderMap, query: &str) -> Option<Signed> {
    if !is_signed(headers, query) {
        return None;
    }
    if let Some(claim) = Version2::read(headers, query) {
        return Some(Signed { version: "AWS", in_url: claim.expires.is_some(), at: None });
    }
    let claim = Claim::read(headers, query).ok()?;
    let (in_url, at) = (claim.expires_seconds.is_some(), Some(claim.signed_at.0));
    Some(Signed { version: "AWS4-HMAC-SHA256", in_url, at })
}

impl Claim<'_> {
    /// Holds the claim to what is known of its access key.
    ///
    /// # Errors
    /// What is wrong with it, but for the signature itself.
    pub(crate) fn proof(
        &self,
        head: &Head<'_>,
        identity: &Identity,
        now: asl::Timestamp,
    ) -> Result<Proof, Fault> {
        self.check_time(now)?;
        check_token(self.token.as_deref(), identity, now)?;
        let canonical = canonical::requests(head, self)?;
        let key = identity.signing_key(self.scope(), |secret| {
            let mut parts = self.scope().split('/');
            let day = parts.next().unwrap_or_default();
            let day = hmac(format!("AWS4{secret}").as_bytes(), day.as_bytes());
            parts.fold(day, |key, part| hmac(&key, part.as_bytes()))
        });
        Ok(Proof {
            canonical,
            scope: [&self.date, "\n", self.scope()].concat(),
            key,
            signature: self.signature.ok_or(Fault::Mismatch)?,
            presigned: self.expires_seconds.is_some(),
        })
    }
}

impl Proof {
    /// Whether the secret's holder signed this request with a body of that hash.
    ///
    /// # Errors
    /// [`Fault::Mismatch`].
    pub(crate) fn verify(&self, payload_hash: &str) -> Result<(), Fault> {
        let signed = |canonical: &String| {
            let mut request = Sha256::new();
            for part in [canonical, "\n", payload_hash] {
                request.update(part);
            }
            let hash = hex_of(request.finalize());
            let text = ["AWS4-HMAC-SHA256\n", &self.scope, "\n", &hash];
            is_signature(&self.key, &text, &self.signature)
        };
        if self.canonical.iter().any(signed) { Ok(()) } else { Err(Fault::Mismatch) }
    }

    /// The signatures of the body's chunks, each of which signs the one before it.
    pub(crate) fn chunks(&self) -> ChunkSignatures {
        ChunkSignatures {
            key: self.key,
            scope: self.scope.clone(),
            previous: hex::encode(self.signature),
        }
    }
}

/// Verifies the chunks of a body in their order.
#[derive(Clone, Debug)]
pub(crate) struct ChunkSignatures {
    key: SigningKey,
    /// The date and the scope, a line each.
    scope: String,
    previous: String,
}

impl ChunkSignatures {
    /// The next chunk, by the hash of its bytes.
    pub(crate) fn chunk(&mut self, hash: &[u8], signature: &str) -> bool {
        let (kind, empty) = ("AWS4-HMAC-SHA256-PAYLOAD", format!("{EMPTY}\n"));
        self.next(kind, &empty, &hex::encode(hash), signature)
    }

    /// The trailers behind the last chunk, as `name:value` lines.
    pub(crate) fn trailers(&mut self, lines: &str, signature: &str) -> bool {
        let hash = sha256_hex(lines.as_bytes());
        self.next("AWS4-HMAC-SHA256-TRAILER", "", &hash, signature)
    }

    fn next(&mut self, kind: &str, between: &str, hash: &str, signature: &str) -> bool {
        let Self { key, scope, previous } = self;
        let text = [kind, "\n", scope, "\n", previous, "\n", between, hash];
        let Ok(given) = hex::decode(signature) else { return false };
        let fits = is_signature(key, &text, &given);
        signature.clone_into(&mut self.previous);
        fits
    }
}

/// The SHA-256 of nothing.
pub(crate) const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// Lower-case hex of the SHA-256 of `bytes`.
pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    hex_of(Sha256::digest(bytes))
}

fn hex_of(hash: sha2::digest::Output<Sha256>) -> String {
    let mut text = vec![0; 64];
    hex::encode_to_slice(hash, &mut text).expect("two digits for a byte");
    String::from_utf8(text).expect("digits")
}

/// Temporary credentials come with their token, others without one.
fn check_token(token: Option<&str>, identity: &Identity, now: asl::Timestamp) -> Result<(), Fault> {
    match (&identity.token, token) {
        (None, None) => {}
        (Some(known), Some(given)) if same(known, given) => {}
        _ => return Err(Fault::Token),
    }
    if identity.is_expired(now) { Err(Fault::TokenExpired) } else { Ok(()) }
}

/// Whether two secrets are the same, in a time that tells nothing of them.
pub(crate) fn same(known: &str, given: &str) -> bool {
    const KEY: &[u8] = b"compares";
    let mut mac = mac(KEY);
    mac.update(given.as_bytes());
    mac.verify_slice(&hmac(KEY, known.as_bytes())).is_ok()
}

/// In constant time.
fn is_signature(key: &[u8], text: &[&str], signature: &[u8]) -> bool {
    let mut mac = mac(key);
    for part in text {
        mac.update(part.as_bytes());
    }
    mac.verify_slice(signature).is_ok()
}

fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut mac = mac(key);
    mac.update(message);
    mac.finalize().into_bytes().into()
}

fn mac(key: &[u8]) -> Hmac<Sha256> {
    <Hmac<Sha256> as Mac>::new_from_slice(key).expect("HMAC takes a key of any length")
}

#[cfg(test)]
mod tests;
