//! Executions counted for Prometheus.

use asl::{Event, EventKind, Status};
use engine::Change;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

type Labels<const N: usize> = [(&'static str, &'static str); N];

/// Executions by what became of them.
#[derive(Clone, Debug)]
pub(in super::super) struct Meter {
    started: Family<Labels<1>, Counter>,
    redriven: Counter,
    ended: Family<Labels<2>, Counter>,
    taken: Family<Labels<1>, Histogram>,
    express_transitions: Counter,
}

impl Default for Meter {
    fn default() -> Meter {
        Meter {
            started: Family::default(),
            redriven: Counter::default(),
            ended: Family::default(),
            // From a millisecond to three days.
            taken: Family::new_with_constructor(|| {
                Histogram::new(exponential_buckets(0.001, 4.0, 15))
            }),
            express_transitions: Counter::default(),
        }
    }
}

impl Meter {
    pub fn changed(&self, change: &Change<'_>) {
        let kind = ("type", if change.header.express { "EXPRESS" } else { "STANDARD" });
        match change.status {
            Status::Running if change.redrive.0 > 0 => drop(self.redriven.inc()),
            Status::Running => drop(self.started.get_or_create(&[kind]).inc()),
            status => {
                self.ended.get_or_create(&[kind, ("status", status.as_str())]).inc();
                let taken = (change.at.0 - change.header.start_time.0).max(0);
                self.taken.get_or_create(&[kind]).observe(taken as f64 / 1000.0);
            }
        }
    }

    /// What happened in an Express execution.
    pub fn of_express(&self, events: &[Event]) {
        let entered =
            events.iter().filter(|event| matches!(event.kind, EventKind::StateEntered { .. }));
        self.express_transitions.inc_by(entered.count() as u64);
    }

    pub fn register(&self, registry: &mut Registry) {
        let Meter { started, redriven, ended, taken, express_transitions } = self.clone();
        registry.register("executions_started", "Executions started, by type", started);
        registry.register("executions_redriven", "Executions redriven", redriven);
        registry.register("executions_ended", "Executions ended, by type and status", ended);
        let help = "How long executions took, by type";
        registry.register_with_unit("execution", help, Unit::Seconds, taken);
        let help = "States entered by Express executions";
        registry.register("express_transitions", help, express_transitions);
    }
}
