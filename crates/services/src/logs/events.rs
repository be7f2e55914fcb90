//! PutLogEvents and GetLogEvents.

use std::io::Write;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{bad_token, group_name, line, line::LogLine, on_file, streams};
use crate::{Caller, Context, Error, changes};

/// Events and bytes of one page, as CloudWatch Logs bounds them.
pub(super) const PAGE_EVENTS_MAX: usize = 10_000;
pub(super) const PAGE_BYTES_MAX: usize = 1 << 20;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PutRequest {
    log_group_name: String,
    log_stream_name: String,
    log_events: Vec<InputEvent>,
}

#[derive(Deserialize)]
struct InputEvent {
    timestamp: i64,
    message: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PutResponse {
    next_sequence_token: &'static str,
}

pub(super) async fn put_log_events(
    context: &Context,
    caller: &Caller,
    request: PutRequest,
) -> Result<PutResponse, Error> {
    let stream =
        streams::find(context, caller, &request.log_group_name, &request.log_stream_name).await?;
    if request.log_events.windows(2).any(|pair| pair[0].timestamp > pair[1].timestamp) {
        return Err(Error::new(
            "InvalidParameterException",
            "Log events in a single PutLogEvents request must be in chronological order.",
        ));
    }
    let now = context.clock.moment().now.0;
    let text: String = request
        .log_events
        .iter()
        .map(|event| line::encode(event.timestamp, now, &event.message))
        .collect();
    write(stream.value.path, text).await?;
    Ok(PutResponse { next_sequence_token: "1" })
}

/// Where a service of ours logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Destination {
    pub account: String,
    pub region: String,
    pub group: String,
    /// What the stream's name begins with: there is one stream for it, made with the first line.
    pub family: String,
}

/// Appends lines (time and text); if the group is gone, so are they.
pub(crate) async fn append(
    context: &Context,
    to: &Destination,
    lines: &[(i64, String)],
) -> Result<(), Error> {
    let Some(path) = streams::of_family(context, to).await? else { return Ok(()) };
    let now = context.clock.moment().now.0;
    let text = lines.iter().map(|(at, text)| line::encode(*at, now, text)).collect();
    write(path, text).await
}

async fn write(path: PathBuf, text: String) -> Result<(), Error> {
    on_file(move || {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        // One write of whole lines to a file opened for appending: writers do not mix.
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(&path)?;
        file.write_all(text.as_bytes())
    })
    .await
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GetRequest {
    log_group_name: Option<String>,
    log_group_identifier: Option<String>,
    log_stream_name: String,
    start_time: Option<i64>,
    end_time: Option<i64>,
    next_token: Option<String>,
    limit: Option<usize>,
    #[serde(default)]
    start_from_head: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GetResponse {
    events: Vec<OutputEvent>,
    next_forward_token: String,
    next_backward_token: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OutputEvent {
    timestamp: i64,
    message: String,
    ingestion_time: i64,
}

/// Where a page begins: byte offsets, written as AWS's tokens look (`f/…/s`, `b/…/s`).
enum From {
    Head,
    Tail,
    Forward(u64),
    Backward(u64),
}

pub(super) async fn get_log_events(
    context: &Context,
    caller: &Caller,
    request: GetRequest,
) -> Result<GetResponse, Error> {
    let group = group_name(request.log_group_name, request.log_group_identifier)?;
    context.stepfunctions.write_logs(context).await?;
    let stream = streams::find(context, caller, &group, &request.log_stream_name).await?;
    let from = match &request.next_token {
        Some(token) => parse(token).ok_or_else(bad_token)?,
        None if request.start_from_head => From::Head,
        None => From::Tail,
    };
    let limit = request.limit.unwrap_or(PAGE_EVENTS_MAX).min(PAGE_EVENTS_MAX);
    let (start, end) = (request.start_time.unwrap_or(0), request.end_time.unwrap_or(i64::MAX));
    let path = stream.value.path;
    let read = path.clone();
    let (lines, at, length) = on_file(move || {
        let length = changes::length(&path);
        let mut lines: Vec<LogLine> = Vec::new();
        let mut bytes = 0;
        let mut want = |line: LogLine| {
            if start <= line.timestamp && line.timestamp < end {
                bytes += line.text.len() + 26;
                if lines.len() == limit || (bytes > PAGE_BYTES_MAX && !lines.is_empty()) {
                    return false;
                }
                lines.push(line);
            }
            true
        };
        let at = match from {
            From::Head => {
                line::read_forward(&path, 0, want)?;
                0
            }
            From::Forward(at) => {
                line::read_forward(&path, at, want)?;
                at
            }
            From::Tail => {
                line::read_backward(&path, None, &mut want)?;
                lines.reverse();
                0
            }
            From::Backward(at) => {
                line::read_backward(&path, Some(at), &mut want)?;
                lines.reverse();
                at
            }
        };
        Ok((lines, at, length))
    })
    .await?;
    let change = super::change(&caller.account, &caller.region, &group);
    context.changes.tell_when_grown(&read, length, change);
    // At either end the token repeats: that is how a client sees that nothing new is there.
    let forward = lines.last().map_or(at, |line| line.end);
    let backward = lines.first().map_or(at, |line| line.start);
    let shown = |line: LogLine| OutputEvent {
        timestamp: line.timestamp,
        message: line.text,
        ingestion_time: line.ingested_at,
    };
    Ok(GetResponse {
        events: lines.into_iter().map(shown).collect(),
        next_forward_token: format!("f/{forward:056}/s"),
        next_backward_token: format!("b/{backward:056}/s"),
    })
}

fn parse(token: &str) -> Option<From> {
    let (direction, rest) = token.split_once('/')?;
    let offset = rest.strip_suffix("/s")?.parse().ok()?;
    match direction {
        "f" => Some(From::Forward(offset)),
        "b" => Some(From::Backward(offset)),
        _ => None,
    }
}
