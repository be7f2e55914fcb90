//! Log groups.

use serde::{Deserialize, Serialize};
use store::Scan;

use super::tags::{self, Tags};
use super::{GROUPS, Group, STREAMS, bad_token, group_key, no_group};
use crate::{Caller, Context, Error, page};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ByName {
    log_group_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CreateRequest {
    log_group_name: String,
    #[serde(default)]
    tags: Tags,
}

pub(super) async fn create_log_group(
    context: &Context,
    caller: &Caller,
    request: CreateRequest,
) -> Result<(), Error> {
    tags::check(&request.tags)?;
    let name = request.log_group_name;
    let key = group_key(&caller.account, &caller.region, &name);
    let created_at = context.clock.moment().now.0;
    let group = Group { name, created_at, retention_days: None, tags: request.tags };
    if GROUPS.insert(context, &key, &group).await? {
        Ok(())
    } else {
        Err(Error::new("ResourceAlreadyExistsException", "The specified log group already exists"))
    }
}

pub(super) async fn delete_log_group(
    context: &Context,
    caller: &Caller,
    request: ByName,
) -> Result<(), Error> {
    let key = group_key(&caller.account, &caller.region, &request.log_group_name);
    if GROUPS.get(context, &key).await?.is_none() {
        return Err(no_group());
    }
    loop {
        let page = STREAMS.list(context, Scan::prefix(format!("{key}:"), 500)).await?;
        if page.is_empty() {
            break;
        }
        for stream in page {
            super::streams::remove(context, &stream.key, stream.value).await?;
        }
    }
    GROUPS.remove(context, &key).await
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DescribeRequest {
    log_group_name_prefix: Option<String>,
    log_group_name_pattern: Option<String>,
    next_token: Option<String>,
    limit: Option<usize>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DescribeResponse {
    log_groups: Vec<Described>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Described {
    log_group_name: String,
    creation_time: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    retention_in_days: Option<u32>,
    metric_filter_count: u32,
    arn: String,
    stored_bytes: u64,
    log_group_class: &'static str,
    log_group_arn: String,
}

pub(super) async fn describe_log_groups(
    context: &Context,
    caller: &Caller,
    request: DescribeRequest,
) -> Result<DescribeResponse, Error> {
    let (limit, scope) =
        (request.limit.unwrap_or(50), group_key(&caller.account, &caller.region, ""));
    let prefix = request.log_group_name_prefix.as_deref().unwrap_or_default();
    let mut scan = Scan::prefix(format!("{scope}{prefix}"), limit + 1);
    if let Some(token) = &request.next_token {
        scan.from = page::position(token).ok_or_else(bad_token)?;
    }
    let pattern = request.log_group_name_pattern.map(|pattern| pattern.to_lowercase());
    let mut found = Vec::new();
    // A pattern may sort out whole pages: read on until there are enough.
    loop {
        let read = GROUPS.list(context, scan.clone()).await?;
        let end = read.len() <= limit;
        let last = read.last().map(|group| group.key.clone());
        found.extend(read.into_iter().filter(|group| {
            pattern.as_ref().is_none_or(|pattern| group.value.name.to_lowercase().contains(pattern))
        }));
        match last {
            Some(last) if !end && found.len() <= limit => scan.from = format!("{last}\u{0}"),
            _ => break,
        }
    }
    let next_token = (found.len() > limit).then(|| page::token(&found.split_off(limit)[0].key));
    let described = |group: Group| {
        let arn = crate::arn::arn(
            "logs",
            &caller.region,
            &caller.account,
            &format!("log-group:{}", group.name),
        );
        Described {
            log_group_name: group.name,
            creation_time: group.created_at,
            retention_in_days: group.retention_days,
            metric_filter_count: 0,
            arn: format!("{arn}:*"),
            stored_bytes: 0,
            log_group_class: "STANDARD",
            log_group_arn: arn,
        }
    };
    let log_groups = found.into_iter().map(|group| described(group.value)).collect();
    Ok(DescribeResponse { log_groups, next_token })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RetentionRequest {
    log_group_name: String,
    retention_in_days: u32,
}

/// The numbers of days that CloudWatch Logs offers.
const RETENTIONS: [u32; 22] = [
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922,
    3288, 3653,
];

pub(super) async fn put_retention_policy(
    context: &Context,
    caller: &Caller,
    request: RetentionRequest,
) -> Result<(), Error> {
    let days = request.retention_in_days;
    if !RETENTIONS.contains(&days) {
        return Err(Error::new(
            "InvalidParameterException",
            format!(
                "1 validation error detected: Value '{days}' at 'retentionInDays' failed to satisfy constraint: \
                 Member must satisfy enum value set: {RETENTIONS:?}"
            ),
        ));
    }
    set_retention(context, caller, &request.log_group_name, Some(days)).await
}

pub(super) async fn delete_retention_policy(
    context: &Context,
    caller: &Caller,
    request: ByName,
) -> Result<(), Error> {
    set_retention(context, caller, &request.log_group_name, None).await
}

async fn set_retention(
    context: &Context,
    caller: &Caller,
    group: &str,
    days: Option<u32>,
) -> Result<(), Error> {
    let key = group_key(&caller.account, &caller.region, group);
    let changed = GROUPS.update(context, &key, |group| {
        group.retention_days = days;
        Ok(())
    });
    changed.await?.ok_or_else(no_group)
}
