//! Sign-in of people with an identity provider: OpenID Connect's authorization code flow with PKCE.
//!
//! The browser goes to the provider and comes back with a code; here the code is exchanged for an ID token,
//! and the token for a session of a role, by AssumeRoleWithWebIdentity like anybody else's. So IAM decides:
//! the provider and its client must be known to it, and the role's trust policy must let the person in.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use http::{Request, header};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::token::Token;
use crate::{Caller, Context, Error, Input, Origin, iam};

/// The table `[sign_in]` of the configuration.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    /// What people call the provider.
    pub name: String,
    /// Its URL, as its tokens have it.
    pub issuer: String,
    /// What it knows this server as.
    pub client_id: String,
    /// Of clients that have one.
    pub client_secret: Option<String>,
    /// What is asked for besides `openid`.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// The role of whoever no line of `roles` speaks of; without it they are not let in.
    pub role: Option<String>,
    /// Roles by what the token says; the first that fits counts.
    #[serde(default)]
    pub roles: Vec<ByClaim>,
}

/// A role for those whose token says something.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ByClaim {
    /// `groups`.
    pub claim: String,
    /// What it is, or what is among it.
    pub value: String,
    /// The role's ARN.
    pub role: String,
}

/// Secrets are in no log.
impl std::fmt::Debug for SignIn {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let SignIn { issuer, client_id, .. } = self;
        let mut shown = formatter.debug_struct("SignIn");
        shown.field("issuer", issuer).field("client_id", client_id).finish_non_exhaustive()
    }
}

impl SignIn {
    /// # Errors
    /// An issuer that nobody could trust, no role at all.
    pub fn check(&self) -> Result<(), String> {
        if !iam::is_safe(&self.issuer) {
            return Err(format!(
                "the issuer `{}` of [sign_in] is no https:// URL (http:// is for issuers on this machine)",
                self.issuer
            ));
        }
        let mut roles = self.role.iter().chain(self.roles.iter().map(|by| &by.role));
        match roles.find(|role| !(role.starts_with("arn:") && role.contains(":role/"))) {
            Some(wrong) => Err(format!("the role `{wrong}` of [sign_in] is no role's ARN")),
            None if self.role.is_none() && self.roles.is_empty() => {
                Err("[sign_in] names no role".to_owned())
            }
            None => Ok(()),
        }
    }

    fn issuer(&self) -> &str {
        self.issuer.trim_end_matches('/')
    }

    fn role_of(&self, token: &Token<'_>) -> Option<&str> {
        let fits = |by: &&ByClaim| token.texts(&by.claim).contains(&by.value.as_str());
        self.roles.iter().find(fits).map(|by| by.role.as_str()).or(self.role.as_deref())
    }
}

/// What a page must know to offer it; none where it is not configured.
pub fn offer(context: &Context) -> Option<Value> {
    let sign_in = context.settings.sign_in.as_ref()?;
    let mut scopes = vec!["openid"];
    scopes.extend(sign_in.scopes.iter().map(String::as_str).filter(|scope| *scope != "openid"));
    Some(json!({
        "name": sign_in.name,
        "clientId": sign_in.client_id,
        "scope": scopes.join(" "),
    }))
}

/// Where the provider asks people who they are.
///
/// # Errors
/// A provider that does not answer; none configured.
pub async fn authorization_endpoint(context: &Context) -> Result<String, Error> {
    let sign_in = configured(context)?;
    let now = context.clock.moment().now;
    let discovered = context.issuers.discovered(sign_in.issuer(), now).await?;
    endpoint(&discovered, "authorization_endpoint")
}

/// What a page brings back from the provider.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Brought {
    code: String,
    code_verifier: String,
    redirect_uri: String,
    nonce: String,
}

/// Seconds and bytes that a provider has for its answer are those of its keys.
pub async fn sign_in(context: &Context, region: &str, input: Input) -> Result<Value, Error> {
    let sign_in = configured(context)?;
    let brought: Brought = serde_json::from_value(input.members)
        .map_err(|error| Error::new("SerializationException", error.to_string()))?;
    let now = context.clock.moment().now;
    let discovered = context.issuers.discovered(sign_in.issuer(), now).await?;
    let form = [
        ("grant_type", "authorization_code"),
        ("code", &brought.code),
        ("redirect_uri", &brought.redirect_uri),
        ("client_id", &sign_in.client_id),
        ("code_verifier", &brought.code_verifier),
    ];
    let form = form
        .map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC)));
    let mut request = Request::post(endpoint(&discovered, "token_endpoint")?)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(header::ACCEPT, "application/json");
    if let Some(secret) = &sign_in.client_secret {
        let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let pair = format!("{}:{}", encoded(&sign_in.client_id), encoded(secret));
        request = request.header(header::AUTHORIZATION, format!("Basic {}", BASE64.encode(pair)));
    }
    let request = request
        .body(Bytes::from(form.join("&")))
        .map_err(|error| Error::internal(error.to_string()))?;
    let answer = context.issuers.ask_for_token(request).await?;
    let text = answer["id_token"].as_str().unwrap_or_default();
    let invalid = |message: &str| Error::new("InvalidIdentityToken", message.to_owned());
    let token =
        Token::read(text).ok_or_else(|| invalid("The identity provider gave no ID token"))?;
    // The answer to this very question, and not somebody else's sign-in.
    if token.text("nonce") != Some(&brought.nonce) {
        return Err(invalid("The ID token is not the answer to this sign-in"));
    }
    let role = sign_in.role_of(&token).ok_or_else(|| {
        let message = "The identity provider knows you, but there is no role here for you";
        Error::new("AccessDenied", message).with_status(403)
    })?;
    let caller = Caller {
        account: role.split(':').nth(4).unwrap_or_default().to_owned(),
        region: region.to_owned(),
        arn: "anonymous".to_owned(),
        access_key: None,
        origin: Origin::Client,
    };
    let members = json!({
        "RoleArn": role,
        "RoleSessionName": session_name(&token),
        "WebIdentityToken": text,
    });
    let input = Input { wire: input.wire, ..Input::from(members) };
    let answer = crate::call(context, &caller, "sts", "AssumeRoleWithWebIdentity", input).await?;
    let given = &answer.members["Credentials"];
    Ok(json!({
        "accessKeyId": given["AccessKeyId"],
        "secretAccessKey": given["SecretAccessKey"],
        "sessionToken": given["SessionToken"],
    }))
}

fn configured(context: &Context) -> Result<&SignIn, Error> {
    context.settings.sign_in.as_ref().ok_or_else(|| {
        Error::new("NotFound", "no identity provider is configured here ([sign_in])")
            .with_status(404)
    })
}

fn endpoint(discovered: &Value, name: &str) -> Result<String, Error> {
    let found = discovered[name].as_str().filter(|url| iam::is_safe(url));
    found.map(str::to_owned).ok_or_else(|| {
        Error::new("IDPCommunicationError", format!("The identity provider names no {name}"))
    })
}

/// Who it is, in the letters that a session's name may have.
fn session_name(token: &Token<'_>) -> String {
    let told = ["email", "preferred_username", "sub"].iter().find_map(|claim| token.text(claim));
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || "_+=,.@-".contains(letter);
    let name: String =
        told.unwrap_or_default().chars().filter(|letter| allowed(*letter)).take(64).collect();
    if name.len() < 2 { format!("console-{name}") } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(claims: &Value) -> String {
        use base64::engine::general_purpose::URL_SAFE_NO_PAD;
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        format!("{}.{}.", part(&json!({ "alg": "RS256" })), part(claims))
    }

    #[test]
    fn the_first_role_that_fits_counts() {
        let role = |name: &str| format!("arn:aws:iam::000000000000:role/{name}");
        let by = |value: &str, name: &str| ByClaim {
            claim: "groups".into(),
            value: value.into(),
            role: role(name),
        };
        let mut sign_in = SignIn {
            name: "n".into(),
            issuer: "https://i.test".into(),
            client_id: "c".into(),
            client_secret: None,
            scopes: Vec::new(),
            role: None,
            roles: vec![by("ops", "admin"), by("ml", "user")],
        };
        assert!(sign_in.check().is_ok());
        let of = |sign_in: &SignIn, groups: Value| {
            let text = token(&json!({ "groups": groups }));
            sign_in.role_of(&Token::read(&text).unwrap()).map(str::to_owned)
        };
        assert_eq!(of(&sign_in, json!(["ml", "ops"])), Some(role("admin")));
        assert_eq!(of(&sign_in, json!("ml")), Some(role("user")));
        assert_eq!(of(&sign_in, json!(["sales"])), None);
        sign_in.role = Some(role("guest"));
        assert_eq!(of(&sign_in, json!(["sales"])), Some(role("guest")));
        sign_in.issuer = "http://i.test".into();
        assert!(sign_in.check().unwrap_err().contains("https://"));
    }

    #[test]
    fn a_session_is_called_as_its_person_is() {
        let name = |claims: Value| session_name(&Token::read(&token(&claims)).unwrap());
        assert_eq!(name(json!({ "email": "ann@a.test", "sub": "1" })), "ann@a.test");
        assert_eq!(name(json!({ "sub": "auth0|7 ü" })), "auth07");
        assert_eq!(name(json!({ "sub": "ü" })), "console-");
    }
}
