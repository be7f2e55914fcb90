//! AssumeRole and GetSessionToken.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::credentials::{self, Credentials, Session};
use super::{invalid, refuse_codes};
use crate::iam::policy::{Document, Kind};
use crate::{Caller, Context, Error, iam};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct AssumeRequest {
    role_arn: String,
    role_session_name: String,
    duration_seconds: Option<i64>,
    #[serde(flatten)]
    handed: Handed,
    #[serde(default)]
    tags: Vec<iam::Tag>,
    #[serde(default)]
    transitive_tag_keys: Vec<String>,
    source_identity: Option<String>,
    serial_number: Option<String>,
    token_code: Option<String>,
    #[serde(default)]
    provided_contexts: Vec<Value>,
}

/// Session policies, as requests hand them over.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Handed {
    policy: Option<String>,
    #[serde(default)]
    policy_arns: Vec<Value>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct AssumeResponse {
    credentials: Credentials,
    assumed_role_user: AssumedRoleUser,
    #[serde(skip_serializing_if = "Option::is_none")]
    packed_policy_size: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_identity: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct AssumedRoleUser {
    assumed_role_id: String,
    arn: String,
}

/// What one session hands to the next.
const CHAINED_SECONDS_MAX: i64 = 3600;
/// Of the root user's own sessions.
const ROOT_SECONDS_MAX: i64 = 3600;
/// Letters of a session policy.
const POLICY_LETTERS_MAX: usize = 2048;
pub(super) const TAGS_MAX: usize = 50;

/// Credentials that act with a role, for an hour unless asked otherwise.
pub(super) async fn assume_role(
    context: &Context,
    caller: &Caller,
    request: AssumeRequest,
) -> Result<AssumeResponse, Error> {
    refuse_codes(request.serial_number.as_deref(), request.token_code.as_deref())?;
    if !request.provided_contexts.is_empty() {
        return Err(invalid(
            "ProvidedContexts come from IAM Identity Center, which there is none of here",
        ));
    }
    let asked = &request.role_arn;
    let parts: Vec<&str> = asked.splitn(6, ':').collect();
    let (account, role) = match parts.as_slice() {
        ["arn", _, "iam", "", account, role] if role.starts_with("role/") => {
            (*account, role.rsplit('/').next().unwrap_or_default())
        }
        _ => return Err(invalid(format!("{asked} is invalid"))),
    };
    let owner = Caller { account: account.to_owned(), ..caller.clone() };
    let found = iam::find_role(context, &owner, role).await;
    // AWS does not tell a stranger whether the role exists.
    let role =
        found.ok().map(|found| found.value).filter(|role| role.arn == *asked).ok_or_else(|| {
            Error::new(
                "AccessDenied",
                format!(
                    "User: {} is not authorized to perform: sts:AssumeRole on resource: {asked}",
                    caller.arn
                ),
            )
            .with_status(403)
        })?;
    let seconds = request.duration_seconds.unwrap_or(3600);
    if seconds > i64::from(role.max_session_seconds) {
        return Err(invalid(
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        ));
    }
    let before = match caller.access_key.as_deref().filter(|id| id.starts_with("ASIA")) {
        Some(id) => credentials::stored(context, id).await?,
        None => None,
    };
    if caller.arn.contains(":assumed-role/") && before.is_some() && seconds > CHAINED_SECONDS_MAX {
        return Err(invalid(
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining",
        ));
    }
    let before = before.unwrap_or_default();
    let (tags, transitive) = tags(&request, &before)?;
    let (policies, packed_policy_size) = policies(context, &owner, &request.handed).await?;
    let name = &request.role_session_name;
    let partition = crate::arn::partition(&caller.region);
    let arn = format!("arn:{partition}:sts::{account}:assumed-role/{}/{name}", role.name);
    // Who somebody was at first, they stay.
    let source_identity = before.source_identity.or(request.source_identity);
    let session = Session {
        account: account.to_owned(),
        arn: arn.clone(),
        policies,
        tags,
        transitive,
        source_identity: source_identity.clone(),
        ..Session::default()
    };
    let credentials = credentials::issue(context, session, seconds).await?;
    let assumed_role_user = AssumedRoleUser { assumed_role_id: format!("{}:{name}", role.id), arn };
    Ok(AssumeResponse { credentials, assumed_role_user, packed_policy_size, source_identity })
}

type Tags = Vec<(String, String)>;

/// The session's tags, and which of them a further role takes over.
fn tags(request: &AssumeRequest, before: &Session) -> Result<(Tags, Vec<String>), Error> {
    let handed = |key: &str| before.transitive.iter().any(|known| known.eq_ignore_ascii_case(key));
    let mut tags: Tags = before.tags.iter().filter(|(key, _)| handed(key)).cloned().collect();
    for tag in &request.tags {
        if handed(&tag.key) {
            return Err(Error::new(
                "InvalidParameterValue",
                format!(
                    "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from the calling session: {}",
                    tag.key
                ),
            ));
        }
        if tags.iter().any(|(key, _)| key.eq_ignore_ascii_case(&tag.key)) {
            return Err(Error::new(
                "InvalidParameterValue",
                "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
            ));
        }
        tags.push((tag.key.clone(), tag.value.clone()));
    }
    if tags.len() > TAGS_MAX {
        return Err(invalid("a session has at most 50 tags"));
    }
    for key in &request.transitive_tag_keys {
        if !tags.iter().any(|(known, _)| known == key) {
            return Err(Error::new(
                "InvalidParameterValue",
                "The specified transitive tag key must be included in the requested tags.",
            ));
        }
    }
    Ok((tags, [&before.transitive[..], &request.transitive_tag_keys].concat()))
}

/// The session policies by name, and how much of their room they take, in percent.
pub(super) async fn policies(
    context: &Context,
    owner: &Caller,
    request: &Handed,
) -> Result<(Option<Vec<(String, String)>>, Option<usize>), Error> {
    if request.policy.is_none() && request.policy_arns.is_empty() {
        return Ok((None, None));
    }
    let mut policies = Vec::new();
    for arn in request.policy_arns.iter().filter_map(|policy| policy["arn"].as_str()) {
        policies.push((arn.to_owned(), iam::policy_text(context, owner, arn).await?));
    }
    let letters = request.policy.as_ref().map_or(0, |text| text.chars().count());
    if letters > POLICY_LETTERS_MAX {
        let message = "Packed size of session policies is larger than allowed";
        return Err(Error::new("PackedPolicyTooLarge", message));
    }
    if let Some(text) = &request.policy {
        if let Err(problem) = Document::parse(text, Kind::Identity) {
            return Err(Error::new("MalformedPolicyDocument", problem.message));
        }
        policies.push(("the session policy".to_owned(), text.clone()));
    }
    Ok((Some(policies), Some((100 * letters).div_ceil(POLICY_LETTERS_MAX))))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SessionRequest {
    duration_seconds: Option<i64>,
    serial_number: Option<String>,
    token_code: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SessionResponse {
    credentials: Credentials,
}

/// Temporary credentials of the caller's own.
pub(super) async fn get_session_token(
    context: &Context,
    caller: &Caller,
    request: SessionRequest,
) -> Result<SessionResponse, Error> {
    if caller.access_key.as_deref().is_some_and(|id| id.starts_with("ASIA")) {
        let message = "Cannot call GetSessionToken with session credentials";
        return Err(Error::new("AccessDenied", message).with_status(403));
    }
    refuse_codes(request.serial_number.as_deref(), request.token_code.as_deref())?;
    let seconds = request.duration_seconds.unwrap_or(43_200);
    // Whoever may do everything may not do so for longer.
    let is_root = caller.arn.ends_with(":root");
    let seconds = if is_root { seconds.min(ROOT_SECONDS_MAX) } else { seconds };
    let (account, arn) = (caller.account.clone(), caller.arn.clone());
    let session = Session { account, arn, own: true, ..Session::default() };
    let credentials = credentials::issue(context, session, seconds).await?;
    Ok(SessionResponse { credentials })
}
