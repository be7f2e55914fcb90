//! Who wants to know what happens in executions, and is told once it is durable.

use std::sync::Arc;

use asl::{Data, Event, Failure, Header, Status, Timestamp};
use store::ExecutionKey;

use crate::Engine;
use crate::live::{Live, Publication};

/// Hears what has happened, once it is durable. What happened right before a crash may not be told.
pub trait Listener: Send + Sync + 'static {
    /// Whether to hear of an execution with these attributes (JSON text, see
    /// [`NewExecution::attributes`](crate::NewExecution::attributes)). Asked when it comes into memory.
    fn wants(&self, attributes: &str) -> bool;

    /// Something has happened; of one execution in order. Decisions wait for this to return.
    fn heard(&self, news: News);

    /// Something has happened in this execution, wanted or not. Decisions wait for this too.
    fn changed(&self, _header: &Header) {}

    /// So many transitions of this execution were delayed (see [`Pace`](crate::Pace)). Decisions wait for this
    /// too.
    fn throttled(&self, change: &Change<'_>, transitions: u64) {
        let _ = (change, transitions);
    }

    /// An execution has begun, was redriven, or has ended. Told of every execution, wanted or not; decisions
    /// wait for this to return.
    fn status_changed(&self, change: &Change<'_>) {
        let _ = change;
    }
}

/// An execution has another status.
pub struct Change<'a> {
    /// Its number.
    pub execution: ExecutionKey,
    /// What it was born with.
    pub header: &'a Header,
    /// As given to start, JSON text.
    pub attributes: &'a str,
    /// The new status; [`Status::Running`] when it has begun or was redriven.
    pub status: Status,
    /// When.
    pub at: Timestamp,
    /// How often it was redriven, and when last.
    pub redrive: (u32, Option<Timestamp>),
    /// What it came to, if it succeeded.
    pub output: Option<&'a Data>,
    /// Why it ended, if it did otherwise.
    pub failure: Option<&'a Failure>,
}

/// What has happened in an execution.
pub struct News {
    /// Its number.
    pub execution: ExecutionKey,
    /// What it was born with.
    pub header: Arc<Header>,
    /// As given to start, JSON text.
    pub attributes: Box<str>,
    /// How often it was redriven.
    pub redrive_count: u32,
    /// The events, also those that AWS does not show.
    pub events: Vec<Event>,
}

impl Engine {
    pub(crate) fn is_heard(&self, attributes: &str) -> bool {
        self.listener.get().is_some_and(|listener| listener.wants(attributes))
    }

    /// Tells all whom it concerns of a durable decision.
    pub(crate) fn tell_of(&self, live: &Live, mut publication: Publication) {
        let events = std::mem::take(&mut publication.events);
        let (began, ended, throttled) =
            (publication.began, publication.ended, publication.throttled);
        self.meter.transitions.inc_by(publication.transitions);
        self.meter.states.left(live.header(), &publication.left);
        self.board.publish(live.key(), live.header(), publication);
        self.meter.throttled.inc_by(throttled.map_or(0, |(count, _)| count));
        let Some(listener) = self.listener.get() else { return };
        listener.changed(live.header());
        if let Some(at) = began {
            listener.status_changed(&Change { status: Status::Running, at, ..live.change() });
        }
        if let Some((count, at)) = throttled {
            listener.throttled(&Change { at, ..live.change() }, count);
        }
        if ended {
            listener.status_changed(&live.change());
        }
        if !events.is_empty() {
            listener.heard(News {
                execution: live.key(),
                header: live.header().clone(),
                attributes: live.detail.attributes.clone(),
                redrive_count: live.detail.redrive.0,
                events,
            });
        }
    }
}
