//! FilterLogEvents: what matches, of many streams, in the order of time.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::events::{PAGE_BYTES_MAX, PAGE_EVENTS_MAX};
use super::filter_pattern::FilterPattern;
use super::{bad_token, group_name, line, line::LogLine, no_stream, on_file, streams};
use crate::{Caller, Context, Error, changes, page};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Request {
    log_group_name: Option<String>,
    log_group_identifier: Option<String>,
    #[serde(default)]
    log_stream_names: Vec<String>,
    log_stream_name_prefix: Option<String>,
    start_time: Option<i64>,
    end_time: Option<i64>,
    filter_pattern: Option<String>,
    next_token: Option<String>,
    limit: Option<usize>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Response {
    events: Vec<FilteredEvent>,
    searched_log_streams: Vec<()>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FilteredEvent {
    log_stream_name: String,
    timestamp: i64,
    message: String,
    ingestion_time: i64,
    event_id: String,
}

/// An event of a stream.
struct Found {
    stream: String,
    line: LogLine,
    /// When it is its turn among those of other streams: not before what its own stream has before it.
    turn: i64,
}

pub(super) async fn filter_log_events(
    context: &Context,
    caller: &Caller,
    request: Request,
) -> Result<Response, Error> {
    let group = group_name(request.log_group_name, request.log_group_identifier)?;
    context.stepfunctions.write_logs(context).await?;
    let pattern = FilterPattern::parse(request.filter_pattern.as_deref().unwrap_or_default())?;
    let limit = request.limit.unwrap_or(PAGE_EVENTS_MAX).min(PAGE_EVENTS_MAX);
    let (start, end) = (request.start_time.unwrap_or(0), request.end_time.unwrap_or(i64::MAX));
    // The token holds, for each stream, the offset behind its last event that was given out.
    let mut offsets: HashMap<String, u64> = match &request.next_token {
        Some(token) => page::position(token)
            .and_then(|text| serde_json::from_str(&text).ok())
            .ok_or_else(bad_token)?,
        None => HashMap::new(),
    };
    let prefix = request.log_stream_name_prefix.unwrap_or_default();
    let mut searched = streams::of_group(context, caller, &group, &prefix).await?;
    if !request.log_stream_names.is_empty() {
        searched.retain(|stream| request.log_stream_names.contains(&stream.value.name));
        if searched.is_empty() {
            return Err(no_stream());
        }
    }
    let mut found: Vec<Found> = Vec::new();
    for stream in searched {
        let (path, name) = (stream.value.path, stream.value.name);
        let from = offsets.get(&name).copied().unwrap_or(0);
        let pattern = pattern.clone();
        let read = path.clone();
        let (lines, length) = on_file(move || {
            let length = changes::length(&path);
            let (mut lines, mut bytes) = (Vec::new(), 0);
            line::read_forward(&path, from, |line| {
                if start <= line.timestamp && line.timestamp < end && pattern.matches(&line.text) {
                    bytes += line.text.len();
                    lines.push(line);
                }
                lines.len() <= limit && bytes <= PAGE_BYTES_MAX
            })?;
            Ok((lines, length))
        })
        .await?;
        let change = super::change(&caller.account, &caller.region, &group);
        context.changes.tell_when_grown(&read, length, change);
        let mut turn = i64::MIN;
        found.extend(lines.into_iter().map(|line| {
            turn = turn.max(line.timestamp);
            Found { stream: name.clone(), line, turn }
        }));
    }
    // Stable, and turns of one stream only grow: its events are given out in the order of its file, behind
    // whose last one the next page goes on.
    found.sort_by_key(|found| found.turn);
    let mut bytes = 0;
    let fits = found
        .iter()
        .take(limit)
        .take_while(|found| {
            bytes += found.line.text.len();
            bytes <= PAGE_BYTES_MAX
        })
        .count()
        .max(usize::from(!found.is_empty()));
    let more = found.len() > fits;
    found.truncate(fits);
    for Found { stream, line, .. } in &found {
        offsets.insert(stream.clone(), line.end);
    }
    found.sort_by_key(|found| found.line.timestamp);
    let next_token = match more {
        true => Some(page::token(&serde_json::to_string(&offsets).unwrap_or_default())),
        false => None,
    };
    let shown = |Found { stream, line, .. }: Found| FilteredEvent {
        event_id: format!("{:014}{:042}", line.timestamp, line.start),
        log_stream_name: stream,
        timestamp: line.timestamp,
        message: line.text,
        ingestion_time: line.ingested_at,
    };
    let events = found.into_iter().map(shown).collect();
    Ok(Response { events, searched_log_streams: Vec::new(), next_token })
}
