//! What the writer counts, for those who watch it.

use std::time::{Duration, Instant};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

/// Counted by the writing thread.
#[derive(Clone, Debug)]
pub(super) struct Meter {
    commit: Histogram,
    batches: Histogram,
    bytes: Counter,
    refused: Counter,
    waiting: Gauge,
}

impl Default for Meter {
    fn default() -> Meter {
        Meter {
            // From 50 microseconds to 1.6 seconds.
            commit: Histogram::new(exponential_buckets(0.000_05, 2.0, 16)),
            batches: Histogram::new(exponential_buckets(1.0, 2.0, 10)),
            bytes: Counter::default(),
            refused: Counter::default(),
            waiting: Gauge::default(),
        }
    }
}

impl Meter {
    pub(super) fn register(&self, registry: &mut Registry) {
        let Meter { commit, batches, bytes, refused, waiting } = self.clone();
        let help = "Time from the begin of a commit until it is on the disk";
        registry.register_with_unit("commit", help, Unit::Seconds, commit);
        registry.register("commit_batches", "Batches that shared a commit", batches);
        registry.register_with_unit(
            "commit_written",
            "Bytes asked to be written",
            Unit::Bytes,
            bytes,
        );
        registry.register("batches_refused", "Batches that conflicted or failed", refused);
        registry.register("batches_waiting", "Batches that wait for the next commit", waiting);
    }

    /// A group was written.
    pub(super) fn committed(&self, batches: usize, bytes: usize, refused: usize, taken: Duration) {
        self.commit.observe(taken.as_secs_f64());
        self.batches.observe(batches as f64);
        self.bytes.inc_by(bytes as u64);
        self.refused.inc_by(refused as u64);
    }

    pub(super) fn waiting(&self, batches: usize) {
        self.waiting.set(i64::try_from(batches).unwrap_or(i64::MAX));
    }
}

/// For how long a commit takes, and nothing else.
#[expect(clippy::disallowed_methods, reason = "what is measured is shown, and decides nothing")]
pub(super) fn now() -> Instant {
    Instant::now()
}
