//! AWS CloudTrail: what the audit log says, for whoever may ask.

mod lookup_events;

use crate::Service;
use crate::operation::operation;

/// CloudTrail.
pub static SERVICE: Service = Service {
    name: "cloudtrail",
    operations: &[&operation!("LookupEvents", lookup_events::lookup_events)],
};
