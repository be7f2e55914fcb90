//! What the engine counts, for those who watch it.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use crate::Engine;
use crate::states::StateTimes;

/// Counted as it happens.
#[derive(Clone, Debug, Default)]
pub(crate) struct Meter {
    /// States entered by stored executions.
    pub(crate) transitions: Counter,
    /// Transitions of stored executions that had to wait.
    pub(crate) throttled: Counter,
    /// Timers that were due and fired.
    pub(crate) timers: Counter,
    /// Tasks lent to workers.
    pub(crate) leases: Counter,
    /// Executions folded from their journals.
    pub(crate) loads: Counter,
    /// How long executions stay in their states.
    pub(crate) states: StateTimes,
}

impl Engine {
    /// Puts what the engine counts among what is shown.
    pub fn register(self: &Arc<Engine>, registry: &mut Registry) {
        let Meter { transitions, throttled, timers, leases, loads, states } = self.meter.clone();
        let mut counter = |name, help, counter| registry.register(name, help, counter);
        counter("transitions", "States entered by Standard executions", transitions);
        counter("transitions_throttled", "Transitions delayed by a quota", throttled);
        counter("timers_fired", "Timers of executions that were due and fired", timers);
        counter("tasks_lent", "Tasks lent to workers, repeated ones included", leases);
        counter("executions_loaded", "Executions folded from their journals", loads);
        registry.register_collector(Box::new(states));
        registry.register_collector(Box::new(Queues(self.clone())));
    }
}

/// Looked up when somebody asks.
struct Queues(Arc<Engine>);

impl fmt::Debug for Queues {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Queues")
    }
}

impl Collector for Queues {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let depths = self.0.board.lock().depths();
        let (hot, hot_bytes) = self.0.hot.size();
        for (name, help, value) in [
            (
                "tasks_ready",
                "Tasks in memory that wait for a worker; more may wait in the store",
                depths.ready,
            ),
            ("tasks_resting", "Tasks that a worker could not do, to be lent again", depths.resting),
            ("tasks_running", "Tasks that workers have", depths.lent),
            ("work_to_end", "Cancelled tasks whose work is to be ended", depths.ending),
            (
                "executions_in_memory",
                "Open executions that need not be folded from their journals",
                hot,
            ),
            ("executions_in_memory_bytes", "About the bytes they take", hot_bytes),
        ] {
            let gauge = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
            let metric = encoder.encode_descriptor(name, help, None, gauge.metric_type())?;
            gauge.encode(metric)?;
        }
        Ok(())
    }
}
