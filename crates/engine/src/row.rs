//! What an execution's row says beside the columns: enough to describe it without its journal.

use std::sync::Arc;

use asl::{Data, Event, EventKind, Failure, Header, ScheduledTask, Status, Timestamp};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use store::ExecutionRow;

use crate::definitions::Hash;
use crate::journal::{self, Lines};
use crate::{EngineError, Summary};

/// A row's detail.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Detail {
    pub(crate) header: Arc<Header>,
    pub(crate) definition: Hash,
    /// JSON text.
    pub(crate) attributes: Box<str>,
    pub(crate) redrive: (u32, Option<Timestamp>),
    /// What is handed out when it has ended.
    pub(crate) at_end: Option<Box<ScheduledTask>>,
    pub(crate) end: End,
    /// The journal's first chunk, when it was decided all at once and is small: then the execution is one row.
    pub(crate) journal: Option<Lines>,
}

/// How it ended.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) enum End {
    /// It has not, or the journal in the row says it.
    #[default]
    Untold,
    /// With an output too big for the row: the journal's last events have it.
    InJournal,
    /// With this output.
    Output(Data),
    /// With this error.
    Failure(Failure),
}

/// A first chunk of more bytes (before compression) goes to the journal, so that lists stay quick to read.
pub(crate) const JOURNAL_IN_ROW_BYTES_MAX: usize = 8 * 1024;

/// So is an output of more bytes.
pub(crate) const OUTPUT_IN_ROW_BYTES_MAX: usize = 4 * 1024;

pub(crate) fn read(row: &ExecutionRow) -> Result<Detail, EngineError> {
    journal::unpack(&row.detail, &hint(row)).map_err(|reason| damaged(row, reason))
}

pub(crate) fn write(row: &ExecutionRow, detail: &Detail) -> Bytes {
    journal::pack(detail, &hint(row))
}

/// The events that the row holds, none if they are elsewhere.
pub(crate) fn events(row: &ExecutionRow, detail: &Detail) -> Result<Vec<Event>, EngineError> {
    match &detail.journal {
        Some(lines) => lines.events().map_err(|reason| damaged(row, reason)),
        None => Ok(Vec::new()),
    }
}

/// The columns hold these already; ARNs in the detail repeat them.
fn hint(row: &ExecutionRow) -> String {
    format!("{}{}", row.owner, row.name)
}

fn damaged(row: &ExecutionRow, reason: String) -> EngineError {
    EngineError::Journal { execution: row.key, sequence: 0, reason: format!("its row: {reason}") }
}

pub(crate) fn status_number(status: Status) -> u8 {
    match status {
        Status::Running => 0,
        Status::Succeeded => 1,
        Status::Failed => 2,
        Status::TimedOut => 3,
        Status::Aborted => 4,
        Status::PendingRedrive => 5,
    }
}

pub(crate) fn status(number: u8) -> Option<Status> {
    [
        Status::Running,
        Status::Succeeded,
        Status::Failed,
        Status::TimedOut,
        Status::Aborted,
        Status::PendingRedrive,
    ]
    .into_iter()
    .find(|status| status_number(*status) == number)
}

/// Whether it can still change by itself.
pub(crate) fn is_open(status: Status) -> bool {
    match status {
        Status::Running | Status::PendingRedrive => true,
        Status::Succeeded | Status::Failed | Status::TimedOut | Status::Aborted => false,
    }
}

/// Without the output if that is [`End::InJournal`], as the second value tells.
pub(crate) fn summary(row: &ExecutionRow) -> Result<(Summary, bool), EngineError> {
    let detail = read(row)?;
    let elsewhere = detail.end == End::InJournal;
    let status =
        status(row.status).ok_or_else(|| damaged(row, format!("its status is {}", row.status)))?;
    let events = events(row, &detail)?;
    let (output, failure) = match (detail.end, &detail.journal) {
        (End::Output(output), _) => (Some(output), None),
        (End::Failure(failure), _) => (None, Some(failure)),
        // Redriven, it has an end behind it and none yet.
        (End::Untold | End::InJournal, Some(_)) if !row.open => end_of(&events),
        (End::Untold | End::InJournal, _) => (None, None),
    };
    let summary = Summary {
        key: row.key,
        status,
        stop_time: row.stopped_at.map(Timestamp),
        output,
        failure,
        redrive: detail.redrive,
        definition: detail.definition.hex(),
        attributes: serde_json::from_str(&detail.attributes)
            .map_err(|error| damaged(row, format!("its attributes: {error}")))?,
        header: Arc::unwrap_or_clone(detail.header),
    };
    Ok((summary, elsewhere))
}

/// How a journal says that its execution ended.
pub(crate) fn end_of(events: &[Event]) -> (Option<Data>, Option<Failure>) {
    for event in events.iter().rev() {
        match &event.kind {
            EventKind::ExecutionSucceeded { output } => return (Some(output.clone()), None),
            EventKind::ExecutionFailed { failure }
            | EventKind::ExecutionTimedOut { failure }
            | EventKind::ExecutionAborted { failure } => return (None, Some(failure.clone())),
            _ => {}
        }
    }
    (None, None)
}
