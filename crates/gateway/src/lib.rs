//! The one port: which service is meant, wire protocols, S3, the TLS stand-in for amazonaws.com.
//!
//! A request comes in through [`serve`], is checked by `guard.rs` (may this web page, may this host
//! name?) and `authenticate.rs` (who signed it?), told apart by `identify.rs`, decoded by one of `protocols/` along AWS's own model, and goes
//! through the [`Door`] to the operation. Nothing here knows what an operation does.
//!
//! ```no_run
//! # async fn example(context: std::sync::Arc<services::Context>) -> std::io::Result<()> {
//! use std::sync::Arc;
//! let settings = gateway::GatewaySettings::default();
//! let clock = Arc::clone(&context.clock);
//! let gateway = Arc::new(gateway::Gateway::new(context, clock, settings));
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:4566").await?;
//! gateway::serve(listener, gateway, std::future::pending()).await
//! # }
//! ```

#![cfg_attr(not(test), warn(clippy::unwrap_used))]

mod answer;
mod authenticate;
mod body;
mod bounds;
mod caller;
mod changes;
mod console;
mod door;
mod guard;
mod handle;
mod health;
mod identify;
mod meter;
mod protocols;
mod s3;
mod serve;
mod sign_in;
mod signature;
mod tunnel;

pub mod tls;

use std::sync::Arc;

use asl::Moment;
use services::{Caller, Clock, Error};
use signature::Limiter;

pub use authenticate::Credentials;
pub use body::ResponseBody;
pub use bounds::Bounds;
pub use door::{Door, ObjectDoor};
pub use s3::Objects;
pub use serve::serve;

/// What the configuration says, as far as the port cares.
#[derive(Clone, Debug)]
pub struct GatewaySettings {
    /// The account of callers whose access key id is not one.
    pub account: String,
    /// The region of requests that name none.
    pub region: String,
    /// Web origins (`https://example.org`) whose pages may call, besides our own; `*` for all.
    pub allowed_origins: Vec<String>,
    /// Host names we may be called by, besides loopback's, the listen address and AWS's:
    /// `stepwell.internal`, `*.example.org`, `*`.
    pub allowed_hosts: Vec<String>,
    /// The greatest body that is held in memory, in bytes; streams (S3 objects, InvokeEndpoint) are
    /// not held.
    pub body_bytes_max: usize,
    /// Lengths in requests that are not the models'.
    pub lengths: models::validate::Lengths,
    /// How much is taken on at once.
    pub bounds: Bounds,
    /// How long open requests may take to end after shutdown was asked, in seconds.
    pub shutdown_seconds: u64,
    /// Requests with a wrong signature, or none, that one address may send a second.
    pub wrong_signatures_per_second: u32,
}

impl Default for GatewaySettings {
    fn default() -> GatewaySettings {
        GatewaySettings {
            account: "000000000000".to_owned(),
            region: "us-east-1".to_owned(),
            allowed_origins: Vec::new(),
            allowed_hosts: Vec::new(),
            body_bytes_max: 16 << 20,
            lengths: Default::default(),
            bounds: Bounds::default(),
            shutdown_seconds: 5,
            wrong_signatures_per_second: 20,
        }
    }
}

/// The port's state, shared by its connections.
pub struct Gateway {
    door: Arc<dyn Door>,
    clock: Arc<dyn Clock>,
    settings: GatewaySettings,
    objects: Option<Arc<dyn ObjectDoor>>,
    authority: Option<Arc<tls::Authority>>,
    tls: Option<Arc<tls::Port>>,
    metrics: Option<MetricsText>,
    meter: meter::Meter,
    limiter: Limiter,
    load: bounds::Load,
}

/// Makes the text of `GET /_stepwell/metrics`.
pub type MetricsText = Arc<dyn Fn() -> String + Send + Sync>;

impl Gateway {
    /// A port in front of a door. Without [`with_objects`](Gateway::with_objects) S3 is refused,
    /// without [`with_authority`](Gateway::with_authority) `CONNECT` to AWS is.
    pub fn new(door: Arc<dyn Door>, clock: Arc<dyn Clock>, settings: GatewaySettings) -> Gateway {
        let (meter, limiter) =
            (meter::Meter::default(), Limiter::new(settings.wrong_signatures_per_second));
        let load = bounds::Load::new(&settings.bounds);
        let (objects, authority, tls, metrics) = (None, None, None, None);
        Gateway { door, clock, settings, objects, authority, tls, metrics, meter, limiter, load }
    }

    /// With what answers S3.
    pub fn with_objects(mut self, objects: Arc<dyn ObjectDoor>) -> Gateway {
        self.objects = Some(objects);
        self
    }

    /// With the certificate authority that stands in for `*.amazonaws.com`.
    pub fn with_authority(mut self, authority: Arc<tls::Authority>) -> Gateway {
        self.authority = Some(authority);
        self
    }

    /// Encrypted: the port then speaks HTTPS and nothing else.
    pub fn with_tls(mut self, port: Arc<tls::Port>) -> Gateway {
        self.tls = Some(port);
        self
    }

    /// With what makes the text of `GET /_stepwell/metrics`.
    pub fn with_metrics(mut self, metrics: MetricsText) -> Gateway {
        self.metrics = Some(metrics);
        self
    }

    /// Puts what the port counts among what is shown.
    pub fn register(&self, registry: &mut prometheus_client::registry::Registry) {
        self.meter.register(registry);
    }

    /// The caller that credentials stand for, for a sign-in that shows them rather than signs with them.
    ///
    /// # Errors
    /// `UnrecognizedClientException` or `ExpiredTokenException`.
    pub async fn sign_in(
        &self,
        credentials: &Credentials<'_>,
        region: &str,
    ) -> Result<Caller, Error> {
        let now = self.moment().now;
        authenticate::sign_in(self.door.as_ref(), now, credentials, region).await
    }

    fn moment(&self) -> Moment {
        self.clock.moment()
    }
}
