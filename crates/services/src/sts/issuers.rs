//! The keys of issuers: asked of them by their discovery documents, and kept for a while.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use asl::Timestamp;
use bytes::Bytes;
use http::{Request, StatusCode};
use remote::{HttpClient, Problem};
use serde::Deserialize;
use serde_json::Value;

use super::token::Key;
use crate::Error;
use crate::iam::is_safe;

/// Issuers that were asked.
#[derive(Default)]
pub struct Issuers {
    http: HttpClient,
    known: Mutex<HashMap<String, Arc<tokio::sync::Mutex<Known>>>>,
}

#[derive(Default)]
struct Known {
    /// Its discovery document, and when it was read.
    discovered: Option<(Arc<Value>, Timestamp)>,
    keys: Arc<Vec<Key>>,
    asked: Option<Timestamp>,
}

/// So long keys are believed.
const KEPT_MILLIS: i64 = 3_600_000;
/// A token that names an unknown key has the issuer asked again, but not more often than this.
const AGAIN_MILLIS: i64 = 5_000;
const WITHIN: Duration = Duration::from_secs(5);
const BYTES_MAX: usize = 256 << 10;

impl Issuers {
    /// The keys of an issuer, among them, if there is one, that of this name.
    ///
    /// # Errors
    /// `IDPCommunicationError` for an issuer that does not answer, `InvalidIdentityToken` for one whose
    /// answer is of no use.
    pub(super) async fn keys(
        &self,
        issuer: &str,
        key: Option<&str>,
        now: Timestamp,
    ) -> Result<Arc<Vec<Key>>, Error> {
        let known = self.known(issuer);
        // Whoever else wants its keys waits for the one question.
        let mut known = known.lock().await;
        if let Some(asked) = known.asked {
            let age = now.0 - asked.0;
            let has_key = key.is_none_or(|id| known.keys.iter().any(|key| key.is_named(id)));
            if (has_key && age < KEPT_MILLIS) || age < AGAIN_MILLIS {
                return Ok(known.keys.clone());
            }
        }
        let discovered = self.discover(issuer).await?;
        known.keys = Arc::new(self.ask(issuer, &discovered).await?);
        known.discovered = Some((Arc::new(discovered), now));
        known.asked = Some(now);
        Ok(known.keys.clone())
    }

    /// The discovery document of an issuer.
    ///
    /// # Errors
    /// As for its keys.
    pub(super) async fn discovered(
        &self,
        issuer: &str,
        now: Timestamp,
    ) -> Result<Arc<Value>, Error> {
        let known = self.known(issuer);
        let mut known = known.lock().await;
        if let Some((discovered, at)) = &known.discovered
            && now.0 - at.0 < KEPT_MILLIS
        {
            return Ok(discovered.clone());
        }
        let discovered = Arc::new(self.discover(issuer).await?);
        known.discovered = Some((discovered.clone(), now));
        Ok(discovered)
    }

    fn known(&self, issuer: &str) -> Arc<tokio::sync::Mutex<Known>> {
        let mut all = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        all.entry(issuer.to_owned()).or_default().clone()
    }

    /// What an issuer's token endpoint answers.
    ///
    /// # Errors
    /// `IDPCommunicationError` for one that does not answer, `InvalidIdentityToken` for one that refuses.
    pub(super) async fn ask_for_token(&self, request: Request<Bytes>) -> Result<Value, Error> {
        let url = request.uri().to_string();
        let (status, answer) = self.exchange(&url, request).await?;
        if !status.is_success() {
            // What is wrong with it is for people to read; secrets are not in it.
            let why = answer["error"].as_str().unwrap_or_default();
            tracing::warn!(url, %status, why, "an identity provider gives no token");
            let message = format!("The identity provider refuses the sign-in: {why}");
            return Err(Error::new("InvalidIdentityToken", message));
        }
        Ok(answer)
    }

    async fn discover(&self, issuer: &str) -> Result<Value, Error> {
        self.get(&format!("{issuer}/.well-known/openid-configuration")).await
    }

    async fn ask(&self, issuer: &str, discovered: &Value) -> Result<Vec<Key>, Error> {
        let says = discovered["issuer"].as_str().unwrap_or_default().trim_end_matches('/');
        let place = discovered["jwks_uri"].as_str().unwrap_or_default();
        if says != issuer || !is_safe(place) {
            tracing::warn!(
                issuer,
                says,
                jwks_uri = place,
                "an identity provider's discovery document is of no use"
            );
            return Err(useless());
        }
        let shown = self.get(place).await?;
        // A key of a kind that is not known here is not what the others are to suffer for.
        let keys = shown["keys"].as_array().ok_or_else(useless)?.iter();
        Ok(keys.filter_map(|key| Key::deserialize(key).ok()).collect())
    }

    async fn get(&self, url: &str) -> Result<Value, Error> {
        let request = Request::get(url).header("accept", "application/json");
        let request = request.body(Bytes::new()).map_err(|_| useless())?;
        let (status, answer) = self.exchange(url, request).await?;
        if !status.is_success() {
            tracing::warn!(url, %status, "an identity provider refuses");
            return Err(useless());
        }
        Ok(answer)
    }

    /// Status and JSON; null for what is none.
    async fn exchange(
        &self,
        url: &str,
        request: Request<Bytes>,
    ) -> Result<(StatusCode, Value), Error> {
        let answer = match self.http.send(request, WITHIN, BYTES_MAX).await {
            Ok(answer) => answer,
            Err(Problem::Unreachable(why)) => {
                tracing::warn!(url, why, "an identity provider does not answer");
                let message = format!("The identity provider cannot be reached: {url}: {why}");
                return Err(Error::new("IDPCommunicationError", message));
            }
            Err(problem) => {
                tracing::warn!(url, %problem, "an identity provider's answer is of no use");
                return Err(useless());
            }
        };
        Ok((answer.status(), serde_json::from_slice(answer.body()).unwrap_or_default()))
    }
}

fn useless() -> Error {
    Error::new(
        "InvalidIdentityToken",
        "Couldn't retrieve verification key from your identity provider,  please reference AssumeRoleWithWebIdentity documentation for requirements",
    )
}
