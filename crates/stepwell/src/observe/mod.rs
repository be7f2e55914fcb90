//! What others may know of a running server: Prometheus's metrics, EventBridge's events, traces.

mod events;
mod metrics;
mod otlp;
mod post;

pub use events::{Events, deliver};
pub use metrics::Metrics;
pub use otlp::{Traces, export};
