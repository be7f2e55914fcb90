//! An event as CloudTrail writes it.

use std::borrow::Cow;
use std::sync::Arc;

use asl::Timestamp;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::who::{Described, invoked_by};
use super::{Noted, kinds};
use crate::iam::guard;
use crate::{Caller, Context};

/// The version of the record's form.
const VERSION: &str = "1.11";

/// The members in the order CloudTrail has them. What many events have alike is written once and kept.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Event<'a> {
    event_version: &'static str,
    user_identity: &'a RawValue,
    event_time: String,
    event_source: String,
    event_name: &'a str,
    aws_region: &'a str,
    #[serde(rename = "sourceIPAddress")]
    source_ip_address: Cow<'a, str>,
    user_agent: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_message: Option<&'a str>,
    request_parameters: Option<Named<'a>>,
    response_elements: Option<Named<'a>>,
    #[serde(rename = "requestID")]
    request_id: Cow<'a, str>,
    #[serde(rename = "eventID")]
    event_id: String,
    read_only: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    resources: Vec<Resource>,
    event_type: &'static str,
    management_event: bool,
    recipient_account_id: &'a str,
    event_category: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls_details: Option<TlsDetails<'a>>,
}

#[derive(Serialize)]
struct Resource {
    #[serde(rename = "accountId", skip_serializing_if = "Option::is_none")]
    account: Option<String>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    #[serde(rename = "ARN")]
    arn: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TlsDetails<'a> {
    tls_version: &'static str,
    cipher_suite: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_provided_host_header: Option<&'a str>,
}

/// Appends the event of a call, as a line.
pub(super) async fn write(
    context: &Context,
    described: &mut Described,
    noted: &Noted,
    lines: &mut Vec<u8>,
) {
    let Noted { moment, caller, wire, service, operation, .. } = noted;
    // Who is asked by a service here sees the service, and not where it runs.
    let (address, agent) = match (wire, invoked_by(caller)) {
        (_, Some(service)) => (Cow::Borrowed(service), service),
        (Some(wire), None) => {
            (Cow::Owned(wire.address.to_string()), wire.user_agent.as_deref().unwrap_or_default())
        }
        (None, None) => (Cow::Borrowed("AWS Internal"), "AWS Internal"),
    };
    let mut dice = moment.dice("audit");
    let event_id = dice.uuid();
    let request_id = match wire {
        Some(wire) => Cow::Borrowed(wire.request_id.as_str()),
        None => Cow::Owned(dice.uuid()),
    };
    let is_data = kinds::is_data(service, operation);
    let identity = match noted.web_identity() {
        Some(identity) => raw(&identity),
        None => described.of(context, caller).await,
    };
    let tls = wire.as_ref().and_then(|wire| Some((wire.tls?, wire.host.as_deref())));
    let named = |value| Named { is_s3: *service == "s3", value };
    let event = Event {
        event_version: VERSION,
        user_identity: &identity,
        event_time: time(moment.now),
        event_source: source(service),
        event_name: operation,
        aws_region: region(service, caller),
        source_ip_address: address,
        user_agent: agent,
        error_code: noted.error.as_ref().map(|(code, _)| code.as_str()),
        error_message: noted.error.as_ref().map(|(_, message)| message.as_str()),
        request_parameters: noted.request.as_ref().map(named),
        response_elements: noted.response.as_ref().map(named),
        request_id,
        event_id,
        read_only: kinds::is_read_only(service, operation),
        resources: resources(noted),
        event_type: "AwsApiCall",
        management_event: !is_data,
        recipient_account_id: recipient(noted),
        event_category: if is_data { "Data" } else { "Management" },
        tls_details: tls.map(|(tls, host)| TlsDetails {
            tls_version: tls.version,
            cipher_suite: tls.cipher_suite,
            client_provided_host_header: host,
        }),
    };
    line(&event, lines);
}

/// Appends that so many calls are not in the log.
pub(super) fn write_lost(context: &Context, count: u64, lines: &mut Vec<u8>) {
    line(&lost(context, count), lines);
}

fn line(event: &impl Serialize, lines: &mut Vec<u8>) {
    let before = lines.len();
    match serde_json::to_writer(&mut *lines, event) {
        Ok(()) => lines.push(b'\n'),
        // Memory takes what is written; half a line would spoil the next.
        Err(_) => lines.truncate(before),
    }
}

/// A value as it is written.
pub(super) fn raw(value: &Value) -> Arc<RawValue> {
    serde_json::value::to_raw_value(value)
        .map_or_else(|_| RawValue::NULL.to_owned().into(), Arc::from)
}

/// That so many calls are not in the log.
fn lost(context: &Context, count: u64) -> Value {
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
fn recipient(noted: &Noted) -> &str {
    let role = noted.request.as_ref().and_then(|told| told["RoleArn"].as_str());
    match role.and_then(|role| role.split(':').nth(4)) {
        Some(account) if noted.operation == "AssumeRoleWithWebIdentity" => account,
        _ => &noted.caller.account,
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
fn region<'a>(service: &str, caller: &'a Caller) -> &'a str {
    match (service, crate::arn::partition(&caller.region)) {
        ("iam", "aws-cn") => "cn-north-1",
        ("iam", "aws-us-gov") => "us-gov-west-1",
        ("iam", _) => "us-east-1",
        _ => &caller.region,
    }
}

/// Members with the names that CloudTrail gives them: they begin with a small letter.
#[derive(Clone, Copy)]
struct Named<'a> {
    is_s3: bool,
    value: &'a Value,
}

impl Serialize for Named<'_> {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        let inner = |value| Named { value, ..*self };
        match self.value {
            Value::Object(members) => {
                let name = |name: &'_ str| match name {
                    "Bucket" if self.is_s3 => "bucketName".to_owned(),
                    other => small(other),
                };
                out.collect_map(members.iter().map(|(key, value)| (name(key), inner(value))))
            }
            Value::Array(items) => out.collect_seq(items.iter().map(inner)),
            other => other.serialize(out),
        }
    }
}

fn small(name: &str) -> String {
    let mut name = name.to_owned();
    if let Some(first) = name.get_mut(..1) {
        first.make_ascii_lowercase();
    }
    name
}

/// What the call is about: what it needs a permission for, and what came out.
fn resources(noted: &Noted) -> Vec<Resource> {
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
        Resource { account: account.map(str::to_owned), kind: kind_of(&arn), arn }
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
        assert_eq!(json!(Named { is_s3: true, value: &told }), wanted);
        assert_eq!((small("ARN"), small("élan")), ("aRN".to_owned(), "élan".to_owned()));
    }
}
