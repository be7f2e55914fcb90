//! CreateActivity, DescribeActivity, ListActivities, DeleteActivity.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::Scan;

use super::tags::{self, Tag};
use super::{
    account_limits, arn, check_name, encryption, invalid_token, machine, page_size, seconds,
};
use crate::record::Table;
use crate::{Caller, Context, Error, page};

/// Keyed `account/region/name`.
pub(super) const ACTIVITIES: Table<Activity> = Table::new("states/activity");

/// An activity.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Activity {
    name: String,
    arn: String,
    created_at: i64,
    pub tags: Vec<Tag>,
    encryption: Value,
}

impl Activity {
    pub fn arn(&self) -> &str {
        &self.arn
    }

    pub fn encryption(&self) -> &Value {
        &self.encryption
    }
}

/// The ARNs of all activities of all accounts.
pub(super) async fn arns(context: &Context) -> Result<Vec<String>, Error> {
    let all = Scan::prefix(String::new(), usize::MAX >> 1);
    Ok(ACTIVITIES.list(context, all).await?.into_iter().map(|found| found.value.arn).collect())
}

/// The activity that an ARN names.
pub(super) async fn find(
    context: &Context,
    caller: &Caller,
    asked: &str,
) -> Result<Activity, Error> {
    let missing =
        || Error::new("ActivityDoesNotExist", format!("Activity Does Not Exist: '{asked}'"));
    match key(caller, asked)? {
        Some(key) => Ok(ACTIVITIES.get(context, &key).await?.ok_or_else(missing)?.value),
        None => Err(missing()),
    }
}

/// None: the caller cannot have it.
fn key(caller: &Caller, asked: &str) -> Result<Option<String>, Error> {
    let parsed = arn::parse(asked, &["activity"])?;
    if parsed.rest.is_some() {
        return Err(arn::invalid(&format!("Invalid ARN: {asked}")));
    }
    Ok(parsed.is_of(caller).then(|| machine::key(caller, parsed.name)))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CreateRequest {
    name: String,
    tags: Option<Vec<Tag>>,
    encryption_configuration: Option<Value>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Created {
    activity_arn: String,
    creation_date: f64,
}

/// Makes an activity. The same call again is answered as the first was; tags do not count for that.
pub(super) async fn create_activity(
    context: &Context,
    caller: &Caller,
    request: CreateRequest,
) -> Result<Created, Error> {
    let CreateRequest { name, tags, encryption_configuration } = request;
    check_name(&name)?;
    let resource = format!("activity:{name}");
    let arn = crate::arn::arn("states", &caller.region, &caller.account, &resource);
    let mut stored_tags = Vec::new();
    tags::merge(&mut stored_tags, &tags.unwrap_or_default(), &arn)?;
    let key = machine::key(caller, &name);
    let encryption = encryption::complete(context, caller, encryption_configuration).await?;
    let activity = Activity {
        name,
        arn: arn.clone(),
        created_at: context.clock.moment().now.0,
        tags: stored_tags,
        encryption: encryption.unwrap_or_else(|| json!({ "type": "AWS_OWNED_KEY" })),
    };
    if ACTIVITIES.get(context, &key).await?.is_none() {
        account_limits::activity(context, caller).await?;
    }
    loop {
        if ACTIVITIES.insert(context, &key, &activity).await? {
            context.engine.activity_is(&arn, true);
            return Ok(Created { activity_arn: arn, creation_date: seconds(activity.created_at) });
        }
        let Some(known) = ACTIVITIES.get(context, &key).await? else { continue };
        if known.value.encryption != activity.encryption {
            return Err(Error::new(
                "ActivityAlreadyExists",
                format!("Activity Already Exists: '{arn}'"),
            ));
        }
        let creation_date = seconds(known.value.created_at);
        return Ok(Created { activity_arn: arn, creation_date });
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ByArn {
    activity_arn: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Described {
    activity_arn: String,
    name: String,
    creation_date: f64,
    encryption_configuration: Value,
}

pub(super) async fn describe_activity(
    context: &Context,
    caller: &Caller,
    request: ByArn,
) -> Result<Described, Error> {
    let activity = find(context, caller, &request.activity_arn).await?;
    Ok(Described {
        activity_arn: activity.arn,
        name: activity.name,
        creation_date: seconds(activity.created_at),
        encryption_configuration: activity.encryption,
    })
}

/// Deletes an activity; one that does not exist is deleted already. Its open tasks stay open.
pub(super) async fn delete_activity(
    context: &Context,
    caller: &Caller,
    request: ByArn,
) -> Result<(), Error> {
    if let Some(key) = key(caller, &request.activity_arn)? {
        ACTIVITIES.remove(context, &key).await?;
        context.engine.activity_is(&request.activity_arn, false);
    }
    Ok(())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ListRequest {
    max_results: Option<usize>,
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Listed {
    activities: Vec<Item>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    activity_arn: String,
    name: String,
    creation_date: f64,
}

/// Activities by name.
pub(super) async fn list_activities(
    context: &Context,
    caller: &Caller,
    request: ListRequest,
) -> Result<Listed, Error> {
    let limit = page_size(request.max_results);
    let mut scan = Scan::prefix(machine::key(caller, ""), limit + 1);
    if let Some(token) = &request.next_token {
        let name = page::position(token).ok_or_else(invalid_token)?;
        scan.from = machine::key(caller, &name);
    }
    let mut found = ACTIVITIES.list(context, scan).await?;
    let next_token = found.get(limit).map(|next| page::token(&next.value.name));
    found.truncate(limit);
    let item = |activity: Activity| Item {
        activity_arn: activity.arn,
        name: activity.name,
        creation_date: seconds(activity.created_at),
    };
    Ok(Listed {
        activities: found.into_iter().map(|found| item(found.value)).collect(),
        next_token,
    })
}
