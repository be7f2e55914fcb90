//! An event as CloudTrail writes it.

use asl::Timestamp;
use serde_json::{Map, Value, json};

use super::who::{Described, invoked_by};
use super::{Noted, kinds};
use crate::iam::guard;
use crate::{Caller, Context};

/// The version of the record's form.
const VERSION: &str = "1.11";

/// The event of a call.
pub(super) async fn event(context: &Context, described: &mut Described, noted: &Noted) -> Value {
    let Noted { moment, caller, wire, service, operation, .. } = noted;
    let service_itself = invoked_by(caller);
    let mut dice = moment.dice("audit");
    let (event_id, request_id) = (dice.uuid(), dice.uuid());
    let is_data = kinds::is_data(service, operation);
    let identity = match noted.web_identity() {
        Some(identity) => identity,
        None => described.of(context, caller).await,
    };
    let mut event = json!({
        "eventVersion": VERSION,
        "userIdentity": identity,
        "eventTime": time(moment.now),
        "eventSource": source(service),
        "eventName": operation,
        "awsRegion": region(service, caller),
        "sourceIPAddress": match (wire, service_itself) {
            (Some(wire), None) => wire.address.to_string(),
            (_, other) => other.unwrap_or("AWS Internal").to_owned(),
        },
        "userAgent": match (wire, service_itself) {
            (Some(wire), None) => wire.user_agent.clone().unwrap_or_default(),
            (_, other) => other.unwrap_or("AWS Internal").to_owned(),
        },
    });
    if let Some((code, message)) = &noted.error {
        event["errorCode"] = code.as_str().into();
        event["errorMessage"] = message.as_str().into();
    }
    event["requestParameters"] =
        noted.request.as_ref().map_or(Value::Null, |told| named(service, told));
    event["responseElements"] =
        noted.response.as_ref().map_or(Value::Null, |told| named(service, told));
    event["requestID"] = wire.as_ref().map_or(request_id, |wire| wire.request_id.clone()).into();
    event["eventID"] = event_id.into();
    event["readOnly"] = kinds::is_read_only(service, operation).into();
    let resources = resources(noted);
    if !resources.is_empty() {
        event["resources"] = resources.into();
    }
    event["eventType"] = "AwsApiCall".into();
    event["managementEvent"] = (!is_data).into();
    event["recipientAccountId"] = recipient(noted).into();
    event["eventCategory"] = if is_data { "Data" } else { "Management" }.into();
    if let Some(tls) = wire.as_ref().and_then(|wire| wire.tls.as_ref()) {
        event["tlsDetails"] = json!({ "tlsVersion": tls.version, "cipherSuite": tls.cipher_suite });
        if let Some(host) = wire.as_ref().and_then(|wire| wire.host.as_ref()) {
            event["tlsDetails"]["clientProvidedHostHeader"] = host.as_str().into();
        }
    }
    event
}

/// That so many calls are not in the log.
pub(super) fn lost(context: &Context, count: u64) -> Value {
    let moment = context.clock.moment();
    json!({
        "eventVersion": VERSION,
        "userIdentity": { "type": "AWSService", "invokedBy": "cloudtrail.amazonaws.com" },
        "eventTime": time(moment.now),
        "eventSource": "cloudtrail.amazonaws.com",
        "eventName": "EventsLost",
        "awsRegion": "us-east-1",
        "sourceIPAddress": "cloudtrail.amazonaws.com",
        "userAgent": "cloudtrail.amazonaws.com",
        "requestParameters": null,
        "responseElements": null,
        "eventID": moment.dice("audit").uuid(),
        "readOnly": false,
        "eventType": "AwsServiceEvent",
        "managementEvent": true,
        "recipientAccountId": context.settings.account,
        "serviceEventDetails": { "eventsLost": count },
        "eventCategory": "Management",
    })
}

impl Noted {
    /// Somebody who has no credentials but an identity provider's word.
    fn web_identity(&self) -> Option<Value> {
        if (self.service, self.operation) != ("sts", "AssumeRoleWithWebIdentity") {
            return None;
        }
        let told = |name: &str| self.response.as_ref()?[name].as_str().map(str::to_owned);
        let (Some(provider), Some(subject)) =
            (told("Provider"), told("SubjectFromWebIdentityToken"))
        else {
            return Some(json!({ "type": "WebIdentityUser", "principalId": "" }));
        };
        let audience = told("Audience").unwrap_or_default();
        Some(json!({
            "type": "WebIdentityUser",
            "principalId": format!("{provider}:{audience}:{subject}"),
            "userName": subject,
            "identityProvider": provider,
        }))
    }
}

/// Whose log the event belongs to: of somebody without an account, the account they asked.
fn recipient(noted: &Noted) -> String {
    let role = noted.request.as_ref().and_then(|told| told["RoleArn"].as_str());
    match role.and_then(|role| role.split(':').nth(4)) {
        Some(account) if noted.web_identity().is_some() => account.to_owned(),
        _ => noted.caller.account.clone(),
    }
}

fn time(at: Timestamp) -> String {
    let at = jiff::Timestamp::from_millisecond(at.0 / 1000 * 1000).unwrap_or_default();
    at.to_string()
}

/// `states.amazonaws.com`.
pub(crate) fn source(service: &str) -> String {
    let prefix = match service {
        // Its credential scope is S3's, its events are its own.
        "sagemaker-runtime" => "sagemaker",
        other => models::entry(other).map_or(other, |entry| entry.signing_name),
    };
    format!("{prefix}.amazonaws.com")
}

/// IAM is in one region of its partition.
fn region(service: &str, caller: &Caller) -> String {
    match (service, crate::arn::partition(&caller.region)) {
        ("iam", "aws-cn") => "cn-north-1".to_owned(),
        ("iam", "aws-us-gov") => "us-gov-west-1".to_owned(),
        ("iam", _) => "us-east-1".to_owned(),
        _ => caller.region.clone(),
    }
}

/// With the names that CloudTrail gives to members: they begin with a small letter.
fn named(service: &str, value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let renamed = members.iter().map(|(name, value)| {
                let new = match (service, name.as_str()) {
                    ("s3", "Bucket") => "bucketName".to_owned(),
                    _ => small(name),
                };
                (new, named(service, value))
            });
            Value::Object(renamed.collect::<Map<_, _>>())
        }
        Value::Array(items) => items.iter().map(|item| named(service, item)).collect(),
        other => other.clone(),
    }
}

fn small(name: &str) -> String {
    let mut letters = name.chars();
    letters
        .next()
        .map_or_else(String::new, |first| first.to_ascii_lowercase().to_string() + letters.as_str())
}

/// What the call is about: what it needs a permission for, and what came out.
fn resources(noted: &Noted) -> Vec<Value> {
    let mut arns: Vec<String> = Vec::new();
    let mut add = |arn: &str| {
        let is_one = arn.starts_with("arn:") && !arn.contains('*') && !arn.ends_with(':');
        if is_one && !arns.iter().any(|known| known == arn) {
            arns.push(arn.to_owned());
        }
    };
    if let Some(request) = &noted.request {
        let Noted { service, operation, caller, .. } = noted;
        for need in guard::needed(service, operation, caller, request) {
            add(&need.resource);
        }
    }
    for (name, value) in noted.response.iter().filter_map(Value::as_object).flatten() {
        if let Some(arn) = value.as_str().filter(|_| name.to_ascii_lowercase().ends_with("arn")) {
            add(arn);
        }
    }
    let described = |arn: String| {
        let account = arn.split(':').nth(4).filter(|account| !account.is_empty());
        let mut resource = Map::new();
        if let Some(account) = account {
            resource.insert("accountId".to_owned(), account.into());
        }
        if let Some(kind) = kind_of(&arn) {
            resource.insert("type".to_owned(), kind.into());
        }
        resource.insert("ARN".to_owned(), arn.into());
        Value::Object(resource)
    };
    arns.into_iter().map(described).collect()
}

/// `AWS::StepFunctions::StateMachine`.
fn kind_of(arn: &str) -> Option<String> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let [_, _, service, _, _, resource] = parts.as_slice() else { return None };
    let kind = resource.split([':', '/']).next().unwrap_or_default();
    let service = match *service {
        "states" => "StepFunctions",
        "sagemaker" => "SageMaker",
        "iam" => "IAM",
        "logs" => "Logs",
        "s3" if resource.contains('/') => return Some("AWS::S3::Object".to_owned()),
        "s3" => return Some("AWS::S3::Bucket".to_owned()),
        _ => return None,
    };
    let words = kind.split('-').map(|word| {
        let mut letters = word.chars();
        letters.next().map_or_else(String::new, |first| {
            first.to_ascii_uppercase().to_string() + letters.as_str()
        })
    });
    Some(format!("AWS::{service}::{}", words.collect::<String>()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_cloudtrails() {
        for (arn, kind) in [
            ("arn:aws:states:r:1:stateMachine:m", "AWS::StepFunctions::StateMachine"),
            ("arn:aws:sagemaker:r:1:training-job/j", "AWS::SageMaker::TrainingJob"),
            ("arn:aws:iam::1:role/a/b", "AWS::IAM::Role"),
            ("arn:aws:s3:::b", "AWS::S3::Bucket"),
            ("arn:aws:s3:::b/k", "AWS::S3::Object"),
        ] {
            assert_eq!(kind_of(arn).as_deref(), Some(kind));
        }
        assert_eq!(source("stepfunctions"), "states.amazonaws.com");
        assert_eq!(source("cloudwatch"), "monitoring.amazonaws.com");
        let told = json!({ "Bucket": "b", "VpcConfig": { "Subnets": [{ "S3Uri": 1 }] } });
        let wanted = json!({ "bucketName": "b", "vpcConfig": { "subnets": [{ "s3Uri": 1 }] } });
        assert_eq!(named("s3", &told), wanted);
    }
}
