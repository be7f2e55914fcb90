//! `userIdentity`: whoever called, as CloudTrail describes them.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::event::raw;
use crate::{Caller, Context, Origin, iam, identity};

/// Descriptions at hand; they hold until something in IAM changes.
#[derive(Default)]
pub(super) struct Described {
    generation: u64,
    kept: HashMap<String, Arc<RawValue>>,
}

const KEPT_MAX: usize = 1000;

impl Described {
    /// Whoever called.
    pub async fn of(&mut self, context: &Context, caller: &Caller) -> Arc<RawValue> {
        let generation = context.iam.identities.generation();
        if generation != self.generation || self.kept.len() >= KEPT_MAX {
            self.kept.clear();
            self.generation = generation;
        }
        let (service, access_key) = (invoked_by(caller), caller.access_key.as_deref());
        let key =
            [&caller.arn, access_key.unwrap_or_default(), service.unwrap_or_default()].join(" ");
        if let Some(described) = self.kept.get(&key) {
            return described.clone();
        }
        let mut described = describe(context, caller).await;
        if let Some(service) = service {
            described["invokedBy"] = service.into();
        }
        let described = raw(&described);
        self.kept.insert(key, described.clone());
        described
    }
}

/// The service that called on somebody's behalf.
pub(super) fn invoked_by(caller: &Caller) -> Option<&'static str> {
    match caller.origin {
        Origin::Client => None,
        Origin::Task { .. } => Some("states.amazonaws.com"),
        Origin::Service => Some("sagemaker.amazonaws.com"),
    }
}

async fn describe(context: &Context, caller: &Caller) -> Value {
    let (account, arn) = (&*caller.account, &*caller.arn);
    let known = match &caller.access_key {
        Some(key) if caller.origin == Origin::Client => {
            identity::identity(context, key).await.ok().flatten()
        }
        _ => None,
    };
    let name = arn.rsplit('/').next().unwrap_or_default();
    let mut described = if arn.ends_with(":root") {
        json!({ "type": "Root", "principalId": account, "arn": arn, "accountId": account })
    } else if arn.contains(":user/") {
        let id = iam::id_of_user(context, account, name).await;
        json!({
            "type": "IAMUser",
            "principalId": id.unwrap_or_else(|| name.to_owned()),
            "arn": arn,
            "accountId": account,
            "userName": name,
        })
    } else if let Some((_, session)) = arn.split_once(":assumed-role/") {
        let (role, session) = session.split_once('/').unwrap_or((session, ""));
        let found = iam::id_of_role(context, caller, role).await;
        let partition = crate::arn::partition(&caller.region);
        let (id, role_arn) = found.unwrap_or_else(|| {
            (role.to_owned(), format!("arn:{partition}:iam::{account}:role/{role}"))
        });
        json!({
            "type": "AssumedRole",
            "principalId": format!("{id}:{session}"),
            "arn": arn,
            "accountId": account,
            "sessionContext": { "sessionIssuer": {
                "type": "Role",
                "principalId": id,
                "arn": role_arn,
                "accountId": account,
                "userName": role,
            } },
        })
    } else {
        json!({ "type": "Unknown", "principalId": "" })
    };
    if let Some(key) = &caller.access_key {
        described["accessKeyId"] = key.as_str().into();
    }
    let of_session = |name: &str| {
        let keys = &known.as_ref()?.session.keys;
        keys.iter().find(|(key, _)| key == name)?.1.first().cloned()
    };
    if let Some(created) = of_session("aws:TokenIssueTime") {
        let created = format!("{}Z", created.split('.').next().unwrap_or_default());
        described["sessionContext"]["attributes"] =
            json!({ "creationDate": created, "mfaAuthenticated": "false" });
        if let Some(source) = of_session("aws:SourceIdentity") {
            described["sessionContext"]["sourceIdentity"] = source.into();
        }
        if let Some(provider) = of_session("aws:FederatedProvider") {
            described["sessionContext"]["webIdFederationData"] =
                json!({ "federatedProvider": provider, "attributes": {} });
        }
    }
    described
}
