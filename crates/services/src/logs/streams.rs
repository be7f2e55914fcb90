//! Log streams.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use store::Scan;

use super::{
    Destination, GROUPS, Group, STREAMS, Stream, bad_token, group_key, group_name, line, no_group,
    no_stream, on_file, stream_key,
};
use crate::record::Found;
use crate::{Caller, Context, Error, page};

/// Makes a job's log file readable as a stream; the group is made if there is none. The job's
/// supervisor appends lines `<epoch milliseconds>\t<text>\n` to the file, which need not exist yet.
/// Registering again changes the path and is no error.
pub async fn register_stream(
    context: &Context,
    account: &str,
    region: &str,
    group: &str,
    stream: &str,
    path: &Path,
) -> Result<(), Error> {
    let created_at = context.clock.moment().now.0;
    let record = Group {
        name: group.to_owned(),
        created_at,
        retention_days: None,
        tags: Default::default(),
    };
    GROUPS.insert(context, &group_key(account, region, group), &record).await?;
    let key = stream_key(account, region, group, stream);
    let record =
        Stream { name: stream.to_owned(), created_at, path: path.to_owned(), owned: false };
    if !STREAMS.insert(context, &key, &record).await? {
        STREAMS
            .update(context, &key, |known| {
                known.path = path.to_owned();
                Ok(())
            })
            .await?;
    }
    context.changes.send(super::change(account, region, group));
    Ok(())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ByName {
    log_group_name: String,
    log_stream_name: String,
}

pub(super) async fn create_log_stream(
    context: &Context,
    caller: &Caller,
    request: ByName,
) -> Result<(), Error> {
    let ByName { log_group_name: group, log_stream_name: name } = request;
    if name.contains([':', '*']) {
        return Err(Error::new(
            "InvalidParameterException",
            format!(
                "1 validation error detected: Value '{name}' at 'logStreamName' failed to satisfy \
                 constraint: Member must satisfy regular expression pattern: [^:*]*"
            ),
        ));
    }
    if GROUPS.get(context, &group_key(&caller.account, &caller.region, &group)).await?.is_none() {
        return Err(no_group());
    }
    let key = stream_key(&caller.account, &caller.region, &group, &name);
    let path = own_path(context, &key);
    let created_at = context.clock.moment().now.0;
    let stream = Stream { name, created_at, path, owned: true };
    if STREAMS.insert(context, &key, &stream).await? {
        Ok(())
    } else {
        Err(Error::new("ResourceAlreadyExistsException", "The specified log stream already exists"))
    }
}

/// Names may hold anything: the file is named by their hash.
fn own_path(context: &Context, key: &str) -> PathBuf {
    let name = hex::encode(Sha256::digest(key.as_bytes()));
    context.settings.data.join("logs").join(format!("{name}.log"))
}

pub(super) async fn delete_log_stream(
    context: &Context,
    caller: &Caller,
    request: ByName,
) -> Result<(), Error> {
    let stream = find(context, caller, &request.log_group_name, &request.log_stream_name).await?;
    remove(context, &stream.key, stream.value).await
}

/// Forgets a stream, and its file if nobody else needs it.
pub(super) async fn remove(context: &Context, key: &str, stream: Stream) -> Result<(), Error> {
    STREAMS.remove(context, key).await?;
    if stream.owned {
        on_file(move || match std::fs::remove_file(&stream.path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        })
        .await?;
    }
    Ok(())
}

/// The file of the one stream that a service of ours writes for something; made if there is none yet, as
/// AWS names its streams: `FAMILY/2026-01-02-03-04/1a2b3c4d`. None: there is no such group.
pub(super) async fn of_family(
    context: &Context,
    to: &Destination,
) -> Result<Option<PathBuf>, Error> {
    let Destination { account, region, group, family } = to;
    let key = group_key(account, region, group);
    loop {
        let known = Scan::prefix(format!("{key}:{family}/"), 1);
        if let Some(known) = STREAMS.list(context, known).await?.pop() {
            return Ok(Some(known.value.path));
        }
        if GROUPS.get(context, &key).await?.is_none() {
            return Ok(None);
        }
        let moment = context.clock.moment();
        let made = jiff::Timestamp::from_millisecond(moment.now.0)
            .map(|now| now.strftime("%Y-%m-%d-%H-%M").to_string())
            .unwrap_or_default();
        let number = moment.dice("log stream").next_u64() as u32;
        let name = format!("{family}/{made}/{number:08x}");
        let key = stream_key(account, region, group, &name);
        let path = own_path(context, &key);
        let stream = Stream { name, created_at: moment.now.0, path, owned: true };
        STREAMS.insert(context, &key, &stream).await?;
        context.changes.send(super::change(account, region, group));
    }
}

/// A stream, or the error that says whether the group or the stream is missing.
pub(super) async fn find(
    context: &Context,
    caller: &Caller,
    group: &str,
    stream: &str,
) -> Result<Found<Stream>, Error> {
    let key = stream_key(&caller.account, &caller.region, group, stream);
    let found = match stream.strip_prefix("states/arn:") {
        // The stream of a state machine's executions, whose own name nobody can guess.
        Some(arn) => {
            let machine = arn.rsplit(':').next().unwrap_or(arn);
            let group = group_key(&caller.account, &caller.region, group);
            let scan = Scan::prefix(format!("{group}:states/{machine}/"), 1);
            STREAMS.list(context, scan).await?.pop()
        }
        None => STREAMS.get(context, &key).await?,
    };
    match found {
        Some(stream) => Ok(stream),
        None => {
            let group = group_key(&caller.account, &caller.region, group);
            let group = GROUPS.get(context, &group).await?;
            Err(if group.is_some() { no_stream() } else { no_group() })
        }
    }
}

/// All streams of a group whose names begin so.
pub(super) async fn of_group(
    context: &Context,
    caller: &Caller,
    group: &str,
    prefix: &str,
) -> Result<Vec<Found<Stream>>, Error> {
    let key = group_key(&caller.account, &caller.region, group);
    if GROUPS.get(context, &key).await?.is_none() {
        return Err(no_group());
    }
    STREAMS.list(context, Scan::prefix(format!("{key}:{prefix}"), usize::MAX >> 1)).await
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DescribeRequest {
    log_group_name: Option<String>,
    log_group_identifier: Option<String>,
    log_stream_name_prefix: Option<String>,
    order_by: Option<String>,
    #[serde(default)]
    descending: bool,
    next_token: Option<String>,
    limit: Option<usize>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DescribeResponse {
    log_streams: Vec<Described>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Described {
    log_stream_name: String,
    creation_time: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_event_timestamp: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_event_timestamp: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_ingestion_time: Option<i64>,
    upload_sequence_token: String,
    arn: String,
    stored_bytes: u64,
}

pub(super) async fn describe_log_streams(
    context: &Context,
    caller: &Caller,
    request: DescribeRequest,
) -> Result<DescribeResponse, Error> {
    let group = group_name(request.log_group_name, request.log_group_identifier)?;
    context.stepfunctions.write_logs(context).await?;
    let by_time = request.order_by.as_deref() == Some("LastEventTime");
    let prefix = request.log_stream_name_prefix.unwrap_or_default();
    if by_time && !prefix.is_empty() {
        return Err(Error::new(
            "InvalidParameterException",
            "Cannot order by LastEventTime with a logStreamNamePrefix.",
        ));
    }
    let limit = request.limit.unwrap_or(50);
    let skip = match &request.next_token {
        Some(token) => page::position(token).ok_or_else(bad_token)?,
        None => String::new(),
    };
    let streams = of_group(context, caller, &group, &prefix).await?;
    let arn = |stream: &str| {
        let resource = format!("log-group:{group}:log-stream:{stream}");
        crate::arn::arn("logs", &caller.region, &caller.account, &resource)
    };
    let mut order: Vec<(i64, Stream)> = Vec::new();
    for Found { value: stream, .. } in streams {
        let last =
            if by_time { last_event(&stream).await?.unwrap_or(stream.created_at) } else { 0 };
        order.push((last, stream));
    }
    order.sort_by(|(a, one), (b, other)| (a, &one.name).cmp(&(b, &other.name)));
    if request.descending {
        order.reverse();
    }
    // The token names the first stream of the page: streams that come or go do not shift it.
    let begin = match skip.as_str() {
        "" => 0,
        name => order.iter().position(|(_, stream)| stream.name == name).ok_or_else(bad_token)?,
    };
    let next_token = order.get(begin + limit).map(|(_, stream)| page::token(&stream.name));
    let mut log_streams = Vec::new();
    for (_, stream) in order.into_iter().skip(begin).take(limit) {
        let path = stream.path.clone();
        let span = on_file(move || line::span(&path)).await?;
        log_streams.push(Described {
            arn: arn(&stream.name),
            log_stream_name: stream.name,
            creation_time: stream.created_at,
            first_event_timestamp: span.as_ref().map(|(first, _)| first.timestamp),
            last_event_timestamp: span.as_ref().map(|(_, last)| last.timestamp),
            last_ingestion_time: span.as_ref().map(|(_, last)| last.ingested_at),
            upload_sequence_token: "1".to_owned(),
            stored_bytes: 0,
        });
    }
    Ok(DescribeResponse { log_streams, next_token })
}

async fn last_event(stream: &Stream) -> Result<Option<i64>, Error> {
    let path = stream.path.clone();
    on_file(move || {
        let mut last = None;
        line::read_backward(&path, None, |line| {
            last = Some(line.timestamp);
            false
        })?;
        Ok(last)
    })
    .await
}
