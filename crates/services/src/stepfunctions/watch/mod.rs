//! Who wants to know what executions do: their logs, CloudWatch, EventBridge's subscribers, traces, and
//! Prometheus. The engine tells of stored executions, `express.rs` of the others.

mod meter;
pub(in super::super) mod metrics;
mod status_events;
mod traces;

use std::sync::Arc;

use asl::Header;
use engine::{Change, Listener, News};

use super::execution_log::ExecutionLog;
use crate::changes::Changes;
use meter::Meter;
use metrics::ExecutionMetrics;
use status_events::StatusEvents;
use traces::Traces;

pub use status_events::StatusEvent;
pub use traces::{Ended, Span, spans};

/// Everyone who wants to know.
#[derive(Default)]
pub(super) struct Watchers {
    pub log: ExecutionLog,
    pub metrics: ExecutionMetrics,
    pub status_events: StatusEvents,
    pub traces: Traces,
    pub meter: Meter,
}

/// How the engine tells them, and whoever looks on.
pub(super) struct OfEngine {
    pub watchers: Arc<Watchers>,
    pub changes: Changes,
}

impl Listener for OfEngine {
    fn wants(&self, attributes: &str) -> bool {
        self.watchers.log.wants(attributes)
    }

    fn heard(&self, news: News) {
        self.watchers.log.heard(news);
    }

    fn changed(&self, header: &Header) {
        let Header { account, region, execution_arn, .. } = header;
        self.changes.tell("stepfunctions", account, region, execution_arn);
    }

    fn throttled(&self, change: &Change<'_>, transitions: u64) {
        self.watchers.metrics.throttled(change, transitions);
    }

    fn status_changed(&self, change: &Change<'_>) {
        self.watchers.changed(change);
    }
}

impl Watchers {
    /// An execution of either type has another status.
    pub fn changed(&self, change: &Change<'_>) {
        self.meter.changed(change);
        self.metrics.changed(change);
        if !change.header.express {
            self.status_events.changed(change);
            self.traces.ended(change);
        }
    }
}
