//! How much the port takes on at once: connections, calls under way, bytes of bodies in memory. What is
//! beyond it waits in the system's queue or is refused, so that no number of clients, and no slow one,
//! makes the server grow.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use services::Error;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What the configuration says (`[port]`).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Bounds {
    /// Connections that are served; more wait to be accepted.
    pub connections_max: usize,
    /// Operations under way, also those whose clients have gone; more are refused.
    pub calls_max: usize,
    /// Bytes of all requests' bodies that are held in memory; what does not fit is refused.
    pub bodies_bytes_max: usize,
    /// Seconds in which a client must send some more of its body.
    pub body_seconds_max: u64,
}

impl Default for Bounds {
    fn default() -> Bounds {
        Bounds {
            connections_max: 4096,
            calls_max: 10_000,
            bodies_bytes_max: 256 << 20,
            body_seconds_max: 60,
        }
    }
}

/// What is taken on now.
pub(crate) struct Load {
    pub connections: Arc<Semaphore>,
    calls: Arc<Semaphore>,
    /// By the KiB.
    bodies: Arc<Semaphore>,
    pub patience: Duration,
}

impl Load {
    pub fn new(bounds: &Bounds) -> Load {
        let of = |count: usize| Arc::new(Semaphore::new(count.clamp(1, Semaphore::MAX_PERMITS)));
        Load {
            connections: of(bounds.connections_max),
            calls: of(bounds.calls_max),
            bodies: of(bounds.bodies_bytes_max / 1024),
            patience: Duration::from_secs(bounds.body_seconds_max.max(1)),
        }
    }

    /// A place for a call, until it is dropped.
    ///
    /// # Errors
    /// There is none.
    pub fn call(&self) -> Result<OwnedSemaphorePermit, Error> {
        self.calls.clone().try_acquire_owned().map_err(|_| {
            busy("as many operations as may are under way (`calls_max` in the configuration)")
        })
    }

    /// Room for a body, of which nothing is there yet.
    pub fn body(&self) -> Held {
        Held { bodies: self.bodies.clone(), permit: None, held: 0 }
    }
}

/// A body's room, until it is dropped.
pub(crate) struct Held {
    bodies: Arc<Semaphore>,
    permit: Option<OwnedSemaphorePermit>,
    held: usize,
}

impl Held {
    /// The body has so many bytes now.
    ///
    /// # Errors
    /// There is no room for them.
    pub fn grow(&mut self, bytes: usize) -> Result<(), Error> {
        let wanted = bytes.div_ceil(1024);
        let more = wanted.saturating_sub(self.held);
        if more == 0 {
            return Ok(());
        }
        let more = u32::try_from(more).unwrap_or(u32::MAX);
        let permit = self.bodies.clone().try_acquire_many_owned(more).map_err(|_| {
            busy("the bodies of requests fill the memory they may (`bodies_bytes_max` in the configuration)")
        })?;
        match &mut self.permit {
            Some(held) => held.merge(permit),
            None => self.permit = Some(permit),
        }
        self.held = wanted;
        Ok(())
    }
}

/// Worth another try, as clients of AWS know.
fn busy(why: &str) -> Error {
    Error::new("ServiceUnavailable", format!("the server is busy: {why}; try again"))
        .with_status(503)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_refused_until_there_is_room() {
        let bounds = Bounds { calls_max: 1, bodies_bytes_max: 10 * 1024, ..Bounds::default() };
        let load = Load::new(&bounds);
        let call = load.call().unwrap();
        assert_eq!(load.call().unwrap_err().status, 503);
        drop(call);
        assert!(load.call().is_ok());

        let (mut one, mut other) = (load.body(), load.body());
        one.grow(1).unwrap();
        one.grow(1024).unwrap();
        one.grow(6 * 1024).unwrap();
        other.grow(4 * 1024).unwrap();
        assert_eq!(other.grow(4 * 1024 + 1).unwrap_err().code, "ServiceUnavailable");
        drop(one);
        other.grow(10 * 1024).unwrap();
        assert!(load.body().grow(1).is_err());
        drop(other);
        assert!(load.body().grow(1).is_ok());
    }
}
