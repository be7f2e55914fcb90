//! OpenID Connect providers: whose word is taken for who somebody is.
//!
//! AWS takes `https` alone; so do we, but for issuers on this very machine. An issuer's certificate must be
//! one that the system trusts: thumbprints are kept and shown, and decide nothing.

use std::net::IpAddr;

use http::Uri;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::Scan;

use super::{Tag, arn, key, list, no_such_entity, seconds, tags};
use crate::record::{Found, Table};
use crate::{Caller, Context, Error};

/// Keyed `account/HOST/PATH`.
pub(super) const PROVIDERS: Table<Provider> = Table::new("iam/oidc-provider");

/// A provider.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Provider {
    pub arn: String,
    /// With its scheme, without a slash at its end.
    pub url: String,
    pub client_ids: Vec<String>,
    thumbprints: Vec<String>,
    created_at: i64,
    pub tags: Vec<Tag>,
}

/// AWS's bounds.
const PROVIDERS_MAX: usize = 100;
const CLIENT_IDS_MAX: usize = 100;
const THUMBPRINTS_MAX: usize = 5;

/// What of the URL stands in ARNs and in condition keys.
pub(crate) fn name_of(url: &str) -> &str {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")).unwrap_or(url);
    rest.trim_end_matches('/')
}

/// Whether a document may be fetched from there: nobody on the way may change it.
pub(crate) fn is_safe(url: &str) -> bool {
    let Ok(uri) = url.parse::<Uri>() else { return false };
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    let is_here = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    match uri.scheme_str() {
        Some("https") => !host.is_empty(),
        Some("http") => is_here,
        _ => false,
    }
}

/// The provider of an account with this issuer.
pub(crate) async fn find_issuer(
    context: &Context,
    account: &str,
    issuer: &str,
) -> Result<Option<Provider>, Error> {
    let found = PROVIDERS.get(context, &key(account, name_of(issuer))).await?;
    // Scheme and all: a name alone is not what the token says.
    let is_same = |url: &str| url == issuer.trim_end_matches('/');
    Ok(found.map(|found| found.value).filter(|provider| is_same(&provider.url)))
}

async fn find(context: &Context, caller: &Caller, arn: &str) -> Result<Found<Provider>, Error> {
    let missing = || no_such_entity(format!("OpenIDConnect Provider not found for arn {arn}"));
    let name = arn.split_once(":oidc-provider/").map(|(_, name)| name).ok_or_else(missing)?;
    let found = PROVIDERS.get(context, &key(&caller.account, name)).await?;
    found.filter(|found| found.value.arn == arn).ok_or_else(missing)
}

async fn change<R>(
    context: &Context,
    caller: &Caller,
    arn: &str,
    change: impl FnMut(&mut Provider) -> Result<R, Error> + Send,
) -> Result<R, Error> {
    let found = find(context, caller, arn).await?;
    let changed = PROVIDERS.update(context, &found.key, change).await?;
    changed.ok_or_else(|| no_such_entity(format!("OpenIDConnect Provider not found for arn {arn}")))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CreateRequest {
    url: String,
    #[serde(rename = "ClientIDList", default)]
    client_ids: Vec<String>,
    #[serde(rename = "ThumbprintList", default)]
    thumbprints: Vec<String>,
    #[serde(default)]
    tags: Vec<Tag>,
}

pub(super) async fn create(
    context: &Context,
    caller: &Caller,
    request: CreateRequest,
) -> Result<Value, Error> {
    let url = request.url.trim_end_matches('/');
    if !is_safe(url) || url.contains(['?', '#', '@']) {
        return Err(Error::new("ValidationError", "Invalid Open ID Connect Provider URL"));
    }
    check_client_ids(&request.client_ids)?;
    check_thumbprints(&request.thumbprints)?;
    let count = PROVIDERS.list(context, all_of(caller)).await?.len();
    if count >= PROVIDERS_MAX {
        return Err(over("OpenIdConnectProvidersPerAccount", PROVIDERS_MAX));
    }
    let name = name_of(url);
    let mut provider = Provider {
        arn: arn(&caller.region, &caller.account, "oidc-provider", "/", name),
        url: url.to_owned(),
        client_ids: request.client_ids,
        thumbprints: request.thumbprints,
        created_at: context.clock.moment().now.0,
        tags: Vec::new(),
    };
    tags::merge(&mut provider.tags, &request.tags)?;
    if !PROVIDERS.insert(context, &key(&caller.account, name), &provider).await? {
        let message = format!("Provider with url {} already exists.", request.url);
        return Err(Error::new("EntityAlreadyExists", message).with_status(409));
    }
    let mut answer = json!({ "OpenIDConnectProviderArn": provider.arn });
    if !provider.tags.is_empty() {
        answer["Tags"] = json!(provider.tags);
    }
    Ok(answer)
}

fn over(what: &str, most: usize) -> Error {
    let message = format!("Cannot exceed quota for {what}: {most}");
    Error::new("LimitExceeded", message).with_status(409)
}

fn check_client_ids(ids: &[String]) -> Result<(), Error> {
    match ids.len() > CLIENT_IDS_MAX {
        true => Err(over("ClientIdsPerOpenIdConnectProvider", CLIENT_IDS_MAX)),
        false => Ok(()),
    }
}

fn check_thumbprints(thumbprints: &[String]) -> Result<(), Error> {
    if thumbprints.len() > THUMBPRINTS_MAX {
        let message = "Thumbprint list must contain fewer than 5 entries.";
        return Err(Error::new("InvalidInput", message));
    }
    let is_hash = |text: &String| text.len() == 40 && text.bytes().all(|b| b.is_ascii_hexdigit());
    match thumbprints.iter().all(is_hash) {
        true => Ok(()),
        false => Err(Error::new("ValidationError", "Thumbprint must be 40 hexadecimal digits")),
    }
}

fn all_of(caller: &Caller) -> Scan {
    Scan::prefix(format!("{}/", caller.account), usize::MAX >> 1)
}

#[derive(Deserialize)]
pub(super) struct ByArn {
    #[serde(rename = "OpenIDConnectProviderArn")]
    arn: String,
}

pub(super) async fn get(
    context: &Context,
    caller: &Caller,
    request: ByArn,
) -> Result<Value, Error> {
    let provider = find(context, caller, &request.arn).await?.value;
    Ok(json!({
        "Url": name_of(&provider.url),
        "ClientIDList": provider.client_ids,
        "ThumbprintList": provider.thumbprints,
        "CreateDate": seconds(provider.created_at),
        "Tags": provider.tags,
    }))
}

#[derive(Deserialize)]
pub(super) struct ListRequest {}

pub(super) async fn list(
    context: &Context,
    caller: &Caller,
    _: ListRequest,
) -> Result<Value, Error> {
    let providers = PROVIDERS.list(context, all_of(caller)).await?;
    let entries = providers.iter().map(|found| json!({ "Arn": found.value.arn }));
    Ok(json!({ "OpenIDConnectProviderList": entries.collect::<Vec<_>>() }))
}

/// One that is not there is gone already.
pub(super) async fn delete(
    context: &Context,
    caller: &Caller,
    request: ByArn,
) -> Result<(), Error> {
    match find(context, caller, &request.arn).await {
        Ok(found) => PROVIDERS.remove(context, &found.key).await,
        Err(error) if error.code == "NoSuchEntity" => Ok(()),
        Err(error) => Err(error),
    }
}

#[derive(Deserialize)]
pub(super) struct Thumbprints {
    #[serde(rename = "OpenIDConnectProviderArn")]
    arn: String,
    #[serde(rename = "ThumbprintList")]
    thumbprints: Vec<String>,
}

pub(super) async fn update_thumbprint(
    context: &Context,
    caller: &Caller,
    request: Thumbprints,
) -> Result<(), Error> {
    check_thumbprints(&request.thumbprints)?;
    change(context, caller, &request.arn, |provider| {
        provider.thumbprints.clone_from(&request.thumbprints);
        Ok(())
    })
    .await
}

#[derive(Deserialize)]
pub(super) struct ClientId {
    #[serde(rename = "OpenIDConnectProviderArn")]
    arn: String,
    #[serde(rename = "ClientID")]
    client_id: String,
}

/// One that is there already stays.
pub(super) async fn add_client_id(
    context: &Context,
    caller: &Caller,
    request: ClientId,
) -> Result<(), Error> {
    change(context, caller, &request.arn, |provider| {
        if !provider.client_ids.contains(&request.client_id) {
            provider.client_ids.push(request.client_id.clone());
        }
        check_client_ids(&provider.client_ids)
    })
    .await
}

/// One that is not there is gone already.
pub(super) async fn remove_client_id(
    context: &Context,
    caller: &Caller,
    request: ClientId,
) -> Result<(), Error> {
    change(context, caller, &request.arn, |provider| {
        provider.client_ids.retain(|known| *known != request.client_id);
        Ok(())
    })
    .await
}

#[derive(Deserialize)]
pub(super) struct TagRequest {
    #[serde(rename = "OpenIDConnectProviderArn")]
    arn: String,
    #[serde(rename = "Tags")]
    tags: Vec<Tag>,
}

pub(super) async fn tag(
    context: &Context,
    caller: &Caller,
    request: TagRequest,
) -> Result<(), Error> {
    change(context, caller, &request.arn, |provider| tags::merge(&mut provider.tags, &request.tags))
        .await
}

#[derive(Deserialize)]
pub(super) struct UntagRequest {
    #[serde(rename = "OpenIDConnectProviderArn")]
    arn: String,
    #[serde(rename = "TagKeys")]
    tag_keys: Vec<String>,
}

pub(super) async fn untag(
    context: &Context,
    caller: &Caller,
    request: UntagRequest,
) -> Result<(), Error> {
    change(context, caller, &request.arn, |provider| {
        provider.tags.retain(|tag| !request.tag_keys.contains(&tag.key));
        Ok(())
    })
    .await
}

#[derive(Deserialize)]
pub(super) struct ListTags {
    #[serde(rename = "OpenIDConnectProviderArn")]
    arn: String,
    #[serde(rename = "Marker")]
    marker: Option<String>,
    #[serde(rename = "MaxItems")]
    max_items: Option<usize>,
}

pub(super) async fn list_tags(
    context: &Context,
    caller: &Caller,
    request: ListTags,
) -> Result<Value, Error> {
    let mut tags = find(context, caller, &request.arn).await?.value.tags;
    tags.sort_by(|one, other| one.key.cmp(&other.key));
    let marker = request.marker.as_deref();
    let (tags, end) = list::cut(tags, |tag| &tag.key, marker, request.max_items)?;
    Ok(end.with("Tags", tags))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_issuer_on_this_machine_may_speak_in_the_clear() {
        for safe in [
            "https://a.test",
            "https://a.test/p",
            "http://127.0.0.1:1",
            "http://localhost/x",
            "http://[::1]:2",
        ] {
            assert!(is_safe(safe), "{safe}");
        }
        for unsafe_one in [
            "http://a.test",
            "http://127.0.0.1.a.test",
            "ftp://a",
            "a.test",
            "https://",
            "http://localhost.a.test",
        ] {
            assert!(!is_safe(unsafe_one), "{unsafe_one}");
        }
        assert_eq!(name_of("https://a.test/p/"), "a.test/p");
    }
}
