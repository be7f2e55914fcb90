//! AssumeRoleWithWebIdentity: credentials of a role for whoever an identity provider vouches for.

use serde::Deserialize;
use serde_json::{Value, json};

use super::assume_role::{Handed, TAGS_MAX, policies};
use super::credentials::{self, Session};
use super::invalid as invalid_request;
use super::token::Token;
use crate::iam::{self, Federated, Provider};
use crate::{Caller, Context, Error};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Request {
    role_arn: String,
    role_session_name: String,
    web_identity_token: String,
    provider_id: Option<String>,
    duration_seconds: Option<i64>,
    #[serde(flatten)]
    handed: Handed,
}

/// Seconds that an issuer's clock may be ahead.
const AHEAD: f64 = 300.0;

pub(super) async fn assume_role_with_web_identity(
    context: &Context,
    caller: &Caller,
    request: Request,
) -> Result<Value, Error> {
    if request.provider_id.is_some() {
        let message = "ProviderId is for OAuth 2.0 access tokens, which are not taken here: send an OpenID Connect ID token";
        return Err(invalid_request(message));
    }
    let asked = &request.role_arn;
    let parts: Vec<&str> = asked.splitn(6, ':').collect();
    let (account, name) = match parts.as_slice() {
        ["arn", _, "iam", "", account, role] if role.starts_with("role/") => {
            (*account, role.rsplit('/').next().unwrap_or_default())
        }
        _ => return Err(invalid_request("Request ARN is invalid")),
    };
    let owner = Caller { account: account.to_owned(), ..caller.clone() };
    let identity = believed(context, account, &request.web_identity_token).await?;
    let denied = || {
        let message = "Not authorized to perform sts:AssumeRoleWithWebIdentity";
        Error::new("AccessDenied", message).with_status(403)
    };
    let found = iam::find_role(context, &owner, name).await.ok().map(|found| found.value);
    let role = found.filter(|role| role.arn == *asked).ok_or_else(denied)?;
    let mut keys = identity.keys.clone();
    keys.push(("sts:RoleSessionName".to_owned(), vec![request.role_session_name.clone()]));
    let mut federated = Federated { provider: &identity.provider.arn, role: asked, keys };
    let guard = &context.iam;
    guard.check_federated(context, &owner, "sts:AssumeRoleWithWebIdentity", &federated).await?;
    if !identity.tags.is_empty() {
        let tags = identity.tags.iter();
        let tags = tags.map(|(key, value)| (format!("aws:RequestTag/{key}"), vec![value.clone()]));
        federated.keys.extend(tags);
        let tag_keys = identity.tags.iter().map(|(key, _)| key.clone()).collect();
        federated.keys.push(("aws:TagKeys".to_owned(), tag_keys));
        federated.keys.push(("sts:TransitiveTagKeys".to_owned(), identity.transitive.clone()));
        guard.check_federated(context, &owner, "sts:TagSession", &federated).await?;
    }
    if let Some(source) = &identity.source_identity {
        federated.keys.push(("sts:SourceIdentity".to_owned(), vec![source.clone()]));
        guard.check_federated(context, &owner, "sts:SetSourceIdentity", &federated).await?;
    }
    let seconds = request.duration_seconds.unwrap_or(3600);
    if seconds > i64::from(role.max_session_seconds) {
        return Err(invalid_request(
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        ));
    }
    let (policies, packed) = policies(context, &owner, &request.handed).await?;
    let session_name = &request.role_session_name;
    let partition = crate::arn::partition(&caller.region);
    let arn = format!("arn:{partition}:sts::{account}:assumed-role/{}/{session_name}", role.name);
    let mut keys = identity.keys;
    keys.push(("aws:FederatedProvider".to_owned(), vec![identity.provider.arn.clone()]));
    let session = Session {
        account: account.to_owned(),
        arn: arn.clone(),
        policies,
        tags: identity.tags,
        transitive: identity.transitive,
        source_identity: identity.source_identity.clone(),
        keys,
        ..Session::default()
    };
    let credentials = credentials::issue(context, session, seconds).await?;
    let mut answer = json!({
        "Credentials": credentials,
        "SubjectFromWebIdentityToken": identity.subject,
        "AssumedRoleUser": { "AssumedRoleId": format!("{}:{session_name}", role.id), "Arn": arn },
        "Provider": identity.issuer,
        "Audience": identity.audience,
    });
    if let Some(packed) = packed {
        answer["PackedPolicySize"] = packed.into();
    }
    if let Some(source) = identity.source_identity {
        answer["SourceIdentity"] = source.into();
    }
    Ok(answer)
}

/// What a token says that was believed.
struct Identity {
    provider: Provider,
    issuer: String,
    subject: String,
    audience: String,
    /// Condition keys: `ISSUER:sub`, `ISSUER:aud`, …
    keys: Vec<(String, Vec<String>)>,
    tags: Vec<(String, String)>,
    transitive: Vec<String>,
    source_identity: Option<String>,
}

async fn believed(context: &Context, account: &str, text: &str) -> Result<Identity, Error> {
    let invalid = |message: String| Error::new("InvalidIdentityToken", message);
    let token = Token::read(text).ok_or_else(|| {
        invalid("The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)".to_owned())
    })?;
    let claim = |name: &str| {
        let found = token.text(name).filter(|text| !text.is_empty());
        found.ok_or_else(|| invalid(format!("Missing a required claim: {name}")))
    };
    let issuer = claim("iss")?.to_owned();
    let provider = iam::find_issuer(context, account, &issuer).await?.ok_or_else(|| {
        invalid(format!("No OpenIDConnect provider found in your account for {issuer}"))
    })?;
    let subject = claim("sub")?.to_owned();
    let now = context.clock.moment().now;
    check_times(&token, now.epoch_seconds())?;
    if !token.is_taken() {
        let message = "The token is signed in a way that is not taken: RS256, RS384, RS512, ES256 and ES384 are";
        return Err(invalid(message.to_owned()));
    }
    let keys = context.issuers.keys(&provider.url, token.key_id(), now).await?;
    if !token.is_signed_by(&keys) {
        return Err(invalid("The signature of the ID Token is not its provider's".to_owned()));
    }
    // Whom it was made for, if somebody else may read it too.
    let (authorized, audiences) = (token.text("azp"), token.texts("aud"));
    let meant: Vec<&str> = authorized.map_or_else(|| audiences.clone(), |one| vec![one]);
    let known = meant.iter().find(|id| provider.client_ids.iter().any(|known| known == *id));
    let audience = known.ok_or_else(|| invalid("Incorrect token audience".to_owned()))?.to_string();
    let name = iam::name_of(&provider.url);
    let owned = |texts: Vec<&str>| texts.into_iter().map(str::to_owned).collect::<Vec<String>>();
    let mut keys =
        vec![(format!("{name}:sub"), vec![subject.clone()]), (format!("{name}:aud"), owned(meant))];
    if authorized.is_some() && !audiences.is_empty() {
        keys.push((format!("{name}:oaud"), owned(audiences)));
    }
    let methods = token.texts("amr");
    if !methods.is_empty() {
        keys.push((format!("{name}:amr"), owned(methods)));
    }
    let (tags, transitive) = tags(&token.claims["https://aws.amazon.com/tags"])?;
    let source_identity = token.text("https://aws.amazon.com/source_identity").map(str::to_owned);
    Ok(Identity { provider, issuer, subject, audience, keys, tags, transitive, source_identity })
}

fn check_times(token: &Token<'_>, now: f64) -> Result<(), Error> {
    let invalid = |message: String| Error::new("InvalidIdentityToken", message);
    let time = |name: &str| {
        token.time(name).ok_or_else(|| invalid(format!("Missing a required claim: {name}")))
    };
    let (expires, issued) = (time("exp")?, time("iat")?);
    if now >= expires {
        let (now, expires) = (now.floor(), expires.floor());
        let message = format!(
            "Token expired: current date/time {now} must be before the expiration date/time {expires}"
        );
        return Err(Error::new("ExpiredTokenException", message));
    }
    let begins = token.time("nbf").unwrap_or(issued).max(issued);
    if begins > now + AHEAD {
        let (now, begins) = (now.floor(), begins.floor());
        let message =
            format!("Token is not yet valid: current date/time {now} must be after {begins}");
        return Err(invalid(message));
    }
    Ok(())
}

type Tags = (Vec<(String, String)>, Vec<String>);

/// `{"principal_tags": {"Key": ["Value"]}, "transitive_tag_keys": ["Key"]}`.
fn tags(claim: &Value) -> Result<Tags, Error> {
    let rejected =
        |message: &str| Error::new("IDPRejectedClaim", message.to_owned()).with_status(403);
    let mut tags = Vec::new();
    for (key, value) in claim["principal_tags"].as_object().into_iter().flatten() {
        let value = match value {
            Value::String(text) => Some(text.as_str()),
            Value::Array(texts) if texts.len() == 1 => texts[0].as_str(),
            _ => None,
        };
        let value = value.ok_or_else(|| rejected("A principal tag must have one value"))?;
        tags.push((key.clone(), value.to_owned()));
    }
    let transitive = claim["transitive_tag_keys"].as_array().into_iter().flatten();
    let transitive: Vec<String> =
        transitive.filter_map(|key| key.as_str().map(str::to_owned)).collect();
    if tags.len() > TAGS_MAX {
        return Err(rejected("The number of tags exceeds the limit of 50"));
    }
    if transitive.iter().any(|key| !tags.iter().any(|(known, _)| known == key)) {
        return Err(rejected("A transitive tag key is not among the principal tags"));
    }
    Ok((tags, transitive))
}
