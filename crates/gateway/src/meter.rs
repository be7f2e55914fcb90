//! Requests counted by operation, and how long they took.

use std::time::Instant;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

type Labels<const N: usize> = [(&'static str, &'static str); N];

#[derive(Clone, Debug)]
pub(crate) struct Meter {
    requests: Family<Labels<3>, Counter>,
    taken: Family<Labels<2>, Histogram>,
}

impl Default for Meter {
    fn default() -> Meter {
        // From 100 microseconds to 26 seconds.
        let buckets = || Histogram::new(exponential_buckets(0.0001, 4.0, 10));
        Meter { requests: Family::default(), taken: Family::new_with_constructor(buckets) }
    }
}

impl Meter {
    pub fn register(&self, registry: &mut Registry) {
        let Meter { requests, taken } = self.clone();
        let help = "Requests answered, by operation and whether they succeeded";
        registry.register("requests", help, requests);
        let help = "How long requests took, by operation";
        registry.register_with_unit("request", help, Unit::Seconds, taken);
    }

    /// A request that came at `begun` was answered with this status.
    pub fn answered(
        &self,
        service: &'static str,
        operation: &'static str,
        status: u16,
        begun: Instant,
    ) {
        let result = match status {
            0..400 => "ok",
            400..500 => "refused",
            _ => "failed",
        };
        let labels = [("service", service), ("operation", operation), ("result", result)];
        self.requests.get_or_create(&labels).inc();
        let labels = [("service", service), ("operation", operation)];
        self.taken.get_or_create(&labels).observe(begun.elapsed().as_secs_f64());
    }
}

/// For how long a request takes, and nothing else.
#[expect(clippy::disallowed_methods, reason = "what is measured is shown, and decides nothing")]
pub(crate) fn now() -> Instant {
    Instant::now()
}
