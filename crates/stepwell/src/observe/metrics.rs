//! What `GET /_stepwell/metrics` shows: what every part of the server counts, in Prometheus's text form.

use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;

use asl::event::TaskTarget;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};
use services::Context;

/// Everything that is counted.
pub struct Metrics {
    registry: Registry,
    tasks: Family<Vec<(&'static str, String)>, Histogram>,
}

impl Metrics {
    /// Of the parts that a context holds, and of what `more` registers.
    pub fn new(context: &Arc<Context>, more: impl FnOnce(&mut Registry)) -> Metrics {
        let mut registry = Registry::with_prefix("stepwell");
        context.store.register(&mut registry);
        context.engine.register(&mut registry);
        context.stepfunctions.register(&mut registry);
        more(&mut registry);
        // From a millisecond to an hour.
        let buckets: fn() -> Histogram = || Histogram::new(exponential_buckets(0.001, 4.0, 12));
        let tasks = Family::new_with_constructor(buckets);
        let help = "How long workers had tasks, by resource";
        registry.register_with_unit("task", help, Unit::Seconds, tasks.clone());
        registry.register_collector(Box::new(Jobs(Arc::downgrade(context))));
        Metrics { registry, tasks }
    }

    /// A worker had a task for so long.
    pub fn worked(&self, target: &TaskTarget, taken: Duration) {
        let resource = match target {
            TaskTarget::Lambda { .. } => "lambda".to_owned(),
            TaskTarget::Activity { .. } => "activity".to_owned(),
            TaskTarget::Integration { service, action } => format!("{service}:{action}"),
        };
        let labels = vec![("resource", resource)];
        self.tasks.get_or_create(&labels).observe(taken.as_secs_f64());
    }

    /// As Prometheus reads it.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // A string takes everything.
        let _ = prometheus_client::encoding::text::encode(&mut text, &self.registry);
        text
    }
}

/// Jobs, looked up when somebody asks.
struct Jobs(Weak<Context>);

impl fmt::Debug for Jobs {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Jobs")
    }
}

impl Collector for Jobs {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Some(context) = self.0.upgrade() else { return Ok(()) };
        let (running, waiting) = context.sagemaker.counts();
        for (name, help, value) in [
            ("jobs_running", "Training and transform jobs that run", running),
            ("jobs_waiting", "Training and transform jobs that wait for a free place", waiting),
        ] {
            let gauge = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
            let metric = encoder.encode_descriptor(name, help, None, gauge.metric_type())?;
            gauge.encode(metric)?;
        }
        Ok(())
    }
}
