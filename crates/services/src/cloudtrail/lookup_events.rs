//! LookupEvents: management events of the caller's account and region, the newest first.

use std::hash::{DefaultHasher, Hash, Hasher};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::task::spawn_blocking;

use crate::audit::Place;
use crate::{Caller, Context, Error, page};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Request {
    #[serde(default)]
    lookup_attributes: Vec<Attribute>,
    start_time: Option<f64>,
    end_time: Option<f64>,
    event_category: Option<String>,
    max_results: Option<i64>,
    next_token: Option<String>,
}

#[derive(Clone, Deserialize, Hash)]
#[serde(rename_all = "PascalCase")]
struct Attribute {
    attribute_key: String,
    attribute_value: String,
}

#[derive(Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Response {
    events: Vec<Shown>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Shown {
    event_id: String,
    event_name: String,
    read_only: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    access_key_id: Option<String>,
    event_time: f64,
    event_source: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<String>,
    resources: Vec<Resource>,
    cloud_trail_event: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Resource {
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_type: Option<String>,
    resource_name: String,
}

const PAGE_MAX: i64 = 50;
/// Bytes of the log that one call reads at most; the next page goes on from there.
const READ_MAX: u64 = 64 << 20;
/// AWS tells of the last 90 days.
const DAYS: f64 = 90.0;

pub(super) async fn lookup_events(
    context: &Context,
    caller: &Caller,
    request: Request,
) -> Result<Response, Error> {
    if !context.audit.is_on() {
        return Err(Error::new(
            "UnsupportedOperationException",
            "This server keeps no audit log: set `events = \"management\"` in the table [audit] of its configuration.",
        ));
    }
    let size = request.max_results.unwrap_or(PAGE_MAX);
    if !(1..=PAGE_MAX).contains(&size) {
        return Err(Error::new(
            "InvalidMaxResultsException",
            format!(
                "The value {size} is not valid for MaxResults: it must be between 1 and {PAGE_MAX}."
            ),
        ));
    }
    if request.event_category.is_some() {
        // Insights are what AWS makes of many events; there are none here.
        return Ok(Response::default());
    }
    let wanted = Wanted::of(context, caller, &request)?;
    let from = match &request.next_token {
        Some(token) => Some(wanted.place(token)?),
        None => None,
    };
    context.audit.flush().await;
    let files = context.audit.files();
    let found = spawn_blocking(move || -> std::io::Result<Response> {
        let (mut response, mut read) = (Response::default(), 0);
        let size = usize::try_from(size).unwrap_or_default();
        files.backwards(from, |place, line| {
            read += line.len() as u64;
            match wanted.look(line) {
                Looked::Wanted(event) => response.events.push(*event),
                Looked::Other => {}
                Looked::TooOld => return false,
            }
            let enough = response.events.len() >= size || read >= READ_MAX;
            if enough {
                response.next_token = Some(wanted.token(place));
            }
            !enough
        })?;
        Ok(response)
    });
    let found = found.await.map_err(|error| Error::internal(error.to_string()))?;
    let found =
        found.map_err(|error| Error::internal(format!("the audit log cannot be read: {error}")))?;
    Ok(found)
}

/// Which events are asked for.
struct Wanted {
    account: String,
    region: String,
    attribute: Option<Attribute>,
    /// Epoch seconds.
    after: f64,
    before: Option<f64>,
}

enum Looked {
    Wanted(Box<Shown>),
    Other,
    /// And all before it.
    TooOld,
}

impl Wanted {
    fn of(context: &Context, caller: &Caller, request: &Request) -> Result<Wanted, Error> {
        if let (Some(start), Some(end)) = (request.start_time, request.end_time)
            && start > end
        {
            let message = "The start time must be before the end time.";
            return Err(Error::new("InvalidTimeRangeException", message));
        }
        if request.lookup_attributes.len() > 1 {
            let message = "The list of lookup attributes can contain only one item.";
            return Err(Error::new("InvalidLookupAttributesException", message));
        }
        let attribute = request.lookup_attributes.first().cloned();
        if let Some(Attribute { attribute_key, attribute_value }) = &attribute
            && attribute_key == "ReadOnly"
            && !["true", "false"].contains(&attribute_value.as_str())
        {
            let message = format!(
                "The value {attribute_value} is not valid for ReadOnly: it must be true or false."
            );
            return Err(Error::new("InvalidLookupAttributesException", message));
        }
        let oldest = context.clock.moment().now.epoch_seconds() - DAYS * 86_400.0;
        Ok(Wanted {
            account: caller.account.clone(),
            region: caller.region.clone(),
            attribute,
            after: request.start_time.unwrap_or(oldest).max(oldest).floor(),
            before: request.end_time,
        })
    }

    fn look(&self, line: &[u8]) -> Looked {
        let Ok(text) = std::str::from_utf8(line) else { return Looked::Other };
        // Most lines are seen not to be meant without being read as JSON.
        if !text.contains(&self.account) || !text.contains(&self.region) {
            return Looked::Other;
        }
        let Ok(event) = serde_json::from_str::<Value>(text) else { return Looked::Other };
        let told = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
        let Ok(time) = told("eventTime").parse::<jiff::Timestamp>() else { return Looked::Other };
        let time = time.as_second() as f64;
        // Lines are written as calls end; clocks are set back now and then.
        const SLACK: f64 = 600.0;
        if time < self.after - SLACK {
            return Looked::TooOld;
        }
        let is_meant = told("recipientAccountId") == self.account
            && told("awsRegion") == self.region
            && event["managementEvent"] == true
            && time >= self.after
            && self.before.is_none_or(|before| time <= before);
        if !is_meant {
            return Looked::Other;
        }
        let shown = shown(&event, time, text);
        if self.attribute.as_ref().is_some_and(|attribute| !attribute.fits(&shown)) {
            return Looked::Other;
        }
        Looked::Wanted(Box::new(shown))
    }

    /// A token belongs to what was asked.
    fn mark(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        (&self.account, &self.region, &self.attribute).hash(&mut hasher);
        self.before.map(f64::to_bits).hash(&mut hasher);
        hasher.finish()
    }

    fn token(&self, place: Place) -> String {
        page::token(&format!("{}/{}/{:x}", place.file, place.offset, self.mark()))
    }

    fn place(&self, token: &str) -> Result<Place, Error> {
        let position = page::position(token).unwrap_or_default();
        let parts: Vec<&str> = position.split('/').collect();
        let place = match parts.as_slice() {
            [file, offset, mark] if *mark == format!("{:x}", self.mark()) => {
                file.parse().ok().zip(offset.parse().ok())
            }
            _ => None,
        };
        let (file, offset) = place.ok_or_else(|| {
            let message = "The token is invalid, or was previously used in a request with different parameters.";
            Error::new("InvalidNextTokenException", message)
        })?;
        Ok(Place { file, offset })
    }
}

impl Attribute {
    fn fits(&self, shown: &Shown) -> bool {
        let value = self.attribute_value.as_str();
        match self.attribute_key.as_str() {
            "EventId" => shown.event_id == value,
            "EventName" => shown.event_name == value,
            "ReadOnly" => shown.read_only == value,
            "Username" => shown.username.as_deref() == Some(value),
            "EventSource" => shown.event_source == value,
            "AccessKeyId" => shown.access_key_id.as_deref() == Some(value),
            "ResourceType" => {
                shown.resources.iter().any(|one| one.resource_type.as_deref() == Some(value))
            }
            "ResourceName" => shown.resources.iter().any(|one| one.resource_name == value),
            _ => false,
        }
    }
}

fn shown(event: &Value, time: f64, text: &str) -> Shown {
    let told = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
    let identity = &event["userIdentity"];
    Shown {
        event_id: told("eventID"),
        event_name: told("eventName"),
        read_only: event["readOnly"].to_string(),
        access_key_id: identity["accessKeyId"].as_str().map(str::to_owned),
        event_time: time,
        event_source: told("eventSource"),
        username: username(identity),
        resources: event["resources"].as_array().into_iter().flatten().flat_map(named).collect(),
        cloud_trail_event: text.to_owned(),
    }
}

/// The user; of a role's session, the session.
fn username(identity: &Value) -> Option<String> {
    match identity["type"].as_str()? {
        "Root" => Some("root".to_owned()),
        "AssumedRole" => Some(identity["arn"].as_str()?.rsplit('/').next()?.to_owned()),
        _ => identity["userName"].as_str().map(str::to_owned),
    }
}

/// By its ARN; what IAM and S3 have also by its name, under which AWS finds it.
fn named(resource: &Value) -> Vec<Resource> {
    let Some(arn) = resource["ARN"].as_str() else { return Vec::new() };
    let kind = resource["type"].as_str().map(str::to_owned);
    let name = match arn.split(':').nth(2) {
        Some("iam") => arn.rsplit('/').next(),
        Some("s3") => arn.rsplit(':').next(),
        _ => None,
    };
    let both = name.into_iter().chain([arn]);
    both.map(|name| Resource { resource_type: kind.clone(), resource_name: name.to_owned() })
        .collect()
}
