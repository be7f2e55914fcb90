//! CloudWatch Logs: groups and streams are records, a stream's events are lines of a file.
//!
//! Whoever runs a job writes its output straight into the file (see [`line`]) and makes the file known
//! with [`register_stream`]; a log is readable while it is written, and no line goes through the store.

mod events;
mod filter;
mod filter_pattern;
mod groups;
mod line;
mod streams;
mod tags;

use serde::{Deserialize, Serialize};

use crate::changes::Change;
use crate::operation::operation;
use crate::record::Table;
use crate::{Caller, Context, Error, Service};

pub(crate) use events::{Destination, append};
pub use streams::register_stream;
use tags::Tags;

/// CloudWatch Logs.
pub static SERVICE: Service = Service {
    name: "logs",
    operations: &[
        &operation!("CreateLogGroup", groups::create_log_group),
        &operation!("DeleteLogGroup", groups::delete_log_group),
        &operation!("DescribeLogGroups", groups::describe_log_groups),
        &operation!("PutRetentionPolicy", groups::put_retention_policy),
        &operation!("DeleteRetentionPolicy", groups::delete_retention_policy),
        &operation!("TagResource", tags::tag_resource),
        &operation!("UntagResource", tags::untag_resource),
        &operation!("ListTagsForResource", tags::list_tags_for_resource),
        &operation!("TagLogGroup", tags::tag_log_group),
        &operation!("UntagLogGroup", tags::untag_log_group),
        &operation!("ListTagsLogGroup", tags::list_tags_log_group),
        &operation!("CreateLogStream", streams::create_log_stream),
        &operation!("DeleteLogStream", streams::delete_log_stream),
        &operation!("DescribeLogStreams", streams::describe_log_streams),
        &operation!("PutLogEvents", events::put_log_events),
        &operation!("GetLogEvents", events::get_log_events),
        &operation!("FilterLogEvents", filter::filter_log_events),
    ],
};

/// A log group, keyed `account/region/group`.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Group {
    name: String,
    created_at: i64,
    retention_days: Option<u32>,
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    tags: Tags,
}

/// A log stream, keyed `account/region/group:stream` (neither name can hold a colon).
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Stream {
    name: String,
    created_at: i64,
    /// The file with its events.
    path: std::path::PathBuf,
    /// The file is ours alone: it goes with the stream.
    owned: bool,
}

const GROUPS: Table<Group> = Table::new("logs/group");
const STREAMS: Table<Stream> = Table::new("logs/stream");

fn group_key(account: &str, region: &str, group: &str) -> String {
    format!("{account}/{region}/{group}")
}

fn stream_key(account: &str, region: &str, group: &str, stream: &str) -> String {
    format!("{account}/{region}/{group}:{stream}")
}

/// The group's name from `logGroupName` or `logGroupIdentifier` (a name or an ARN).
fn group_name(name: Option<String>, identifier: Option<String>) -> Result<String, Error> {
    let given = name.or(identifier).ok_or_else(|| {
        Error::new(
            "InvalidParameterException",
            "Either logGroupName or logGroupIdentifier must be given",
        )
    })?;
    match given.split_once(":log-group:") {
        Some((_, name)) => Ok(name.trim_end_matches(":*").to_owned()),
        None => Ok(given),
    }
}

/// Whether the caller has such a log group.
pub async fn group_exists(context: &Context, caller: &Caller, group: &str) -> Result<bool, Error> {
    let key = group_key(&caller.account, &caller.region, group);
    Ok(GROUPS.get(context, &key).await?.is_some())
}

fn no_group() -> Error {
    Error::new("ResourceNotFoundException", "The specified log group does not exist.")
}

fn no_stream() -> Error {
    Error::new("ResourceNotFoundException", "The specified log stream does not exist.")
}

fn bad_token() -> Error {
    Error::new("InvalidParameterException", "The specified nextToken is invalid.")
}

/// What is told when lines are written to a group, or a stream is made in it.
fn change(account: &str, region: &str, group: &str) -> Change {
    let arn = crate::arn::arn("logs", region, account, &format!("log-group:{group}"));
    Change::of("logs", account, region, &arn)
}

/// File work, off the threads that serve.
async fn on_file<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> Result<T, Error> {
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(Error::internal(format!("a log file cannot be used: {error}"))),
        Err(error) => Err(Error::internal(error.to_string())),
    }
}
