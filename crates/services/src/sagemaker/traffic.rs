//! CloudWatch's metrics of what endpoints are asked: in the namespace `AWS/SageMaker`, by `EndpointName` and
//! `VariantName`, as AWS documents them.

use std::sync::Arc;
use std::time::Instant;

use asl::Timestamp;

use super::hosting::Route;
use super::runner::Runner;
use crate::changes::Changes;
use crate::cloudwatch::ByMinute;
use crate::{Caller, Context, Error};

/// The namespace.
const NAMESPACE: &str = "AWS/SageMaker";

/// Metrics that are not written yet, by `account/region/endpoint` and variant.
#[derive(Default)]
pub struct Traffic(ByMinute<Variant>);

/// A variant's name.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Variant(String);

impl Traffic {
    /// Writes what is there.
    pub(crate) async fn write(&self, context: &Context) -> Result<(), Error> {
        self.0.write(context, NAMESPACE, dimensions).await
    }
}

fn dimensions<'a>(endpoint: &'a str, variant: &'a Variant) -> Vec<(&'a str, &'a str)> {
    let name = endpoint.splitn(3, '/').last().unwrap_or_default();
    vec![("EndpointName", name), ("VariantName", &variant.0)]
}

/// A request to an endpoint, from when it came in until its answer has gone out; counted when dropped,
/// if it got as far as its variant.
pub struct Invocation {
    runner: Arc<Runner>,
    changes: Changes,
    account: String,
    region: String,
    at: Timestamp,
    begun: Instant,
    sent: Option<Sent>,
}

/// What became of it at the variant.
struct Sent {
    route: Arc<Route>,
    variant: Variant,
    at: Instant,
    /// None: the variant's process did not answer as HTTP wants it.
    status: Option<u16>,
}

impl Invocation {
    /// A request has come in.
    pub fn begin(context: &Context, caller: &Caller) -> Invocation {
        Invocation {
            runner: context.sagemaker.clone(),
            changes: context.changes.clone(),
            account: caller.account.clone(),
            region: caller.region.clone(),
            at: context.clock.moment().now,
            begun: now(),
            sent: None,
        }
    }

    /// It is handed to this variant.
    pub fn send(&mut self, route: &Arc<Route>, variant: &str) {
        let (route, variant) = (route.clone(), Variant(variant.to_owned()));
        self.sent = Some(Sent { route, variant, at: now(), status: None });
    }

    /// The variant answers with this status.
    pub fn answered(&mut self, status: u16) {
        if let Some(sent) = &mut self.sent {
            sent.status = Some(status);
        }
    }

    /// It was no fault of the variant's that it was not asked.
    pub fn withdraw(&mut self) {
        self.sent = None;
    }
}

impl Drop for Invocation {
    fn drop(&mut self) {
        let Some(sent) = &self.sent else { return };
        // Until the last byte: the way to the variant and back counts.
        let model = sent.at.elapsed().as_micros() as f64;
        let whole = self.begun.elapsed().as_micros() as f64;
        let is = |so: bool| if so { 1.0 } else { 0.0 };
        let status = sent.status.unwrap_or(0);
        let values = [
            ("Invocations", 1.0),
            ("Invocation4XXErrors", is((400..500).contains(&status))),
            ("Invocation5XXErrors", is((500..600).contains(&status))),
            ("InvocationModelErrors", is(!(200..300).contains(&status))),
            ("ModelLatency", model),
            ("OverheadLatency", (whole - model).max(0.0)),
        ];
        let (account, region) = (&*self.account, &*self.region);
        let endpoint = format!("{account}/{region}/{}", sent.route.endpoint);
        let variant = std::slice::from_ref(&sent.variant);
        self.runner.traffic.0.add(self.at.0, &endpoint, || (account, region), variant, &values);
        self.changes.tell("cloudwatch", account, region, "");
    }
}

/// For how long a request takes, and nothing else.
#[expect(clippy::disallowed_methods, reason = "what is measured is shown, and decides nothing")]
fn now() -> Instant {
    Instant::now()
}
