//! The closed loop: so many clients, each asks again when it was answered.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::future::join_all;

use crate::connection::{Connection, Target};
use crate::latency::Latencies;

/// How long a loop goes on.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Until {
    /// So long.
    Seconds(f64),
    /// So many requests.
    Count(u64),
}

/// What came of a loop.
#[derive(Default)]
pub(crate) struct Loaded {
    pub elapsed: Duration,
    /// Of the requests that succeeded.
    pub latencies: Latencies,
    /// What the others were told, and how often.
    pub errors: BTreeMap<String, u64>,
    /// Every so many answers, one is kept.
    pub samples: Vec<Bytes>,
}

impl Loaded {
    pub fn count(&self) -> u64 {
        self.latencies.len() as u64
    }

    /// Requests that succeeded, a second.
    pub fn rate(&self) -> f64 {
        self.latencies.len() as f64 / self.elapsed.as_secs_f64()
    }
}

/// One answer of so many is kept.
const SAMPLE_EVERY: u64 = 509;
/// A client that was refused so often gives up.
const ERRORS_MAX: u32 = 100;

/// Calls `operation` with the bodies that `body` makes of numbers from 0.
pub(crate) async fn closed_loop(
    target: &Target,
    clients: usize,
    until: Until,
    operation: &'static str,
    body: impl Fn(u64) -> String + Send + Sync + 'static,
) -> Loaded {
    let shared = Arc::new((AtomicU64::new(0), body));
    let started = Instant::now();
    let (end, count) = match until {
        Until::Seconds(seconds) => (Some(started + Duration::from_secs_f64(seconds)), u64::MAX),
        Until::Count(count) => (None, count),
    };
    let client = || {
        let (shared, mut connection) = (shared.clone(), Connection::new(target));
        tokio::spawn(async move {
            let (next, body) = &*shared;
            let (mut loaded, mut refused) = (Loaded::default(), 0);
            while refused < ERRORS_MAX && end.is_none_or(|end| Instant::now() < end) {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= count {
                    break;
                }
                let body = body(number);
                let asked = Instant::now();
                let error = match connection.call(operation, body).await {
                    Ok((200, answer)) => {
                        loaded.latencies.add(asked.elapsed());
                        if number.is_multiple_of(SAMPLE_EVERY) {
                            loaded.samples.push(answer);
                        }
                        continue;
                    }
                    Ok((status, answer)) => {
                        let text = String::from_utf8_lossy(&answer);
                        format!("{status} {}", text.chars().take(160).collect::<String>())
                    }
                    Err(error) => format!("{error:#}"),
                };
                refused += 1;
                *loaded.errors.entry(error).or_default() += 1;
            }
            loaded
        })
    };
    let clients: Vec<_> = (0..clients.max(1)).map(|_| client()).collect();
    let mut all = Loaded::default();
    for loaded in join_all(clients).await {
        match loaded {
            Ok(loaded) => {
                all.latencies.merge(loaded.latencies);
                all.samples.extend(loaded.samples);
                for (error, count) in loaded.errors {
                    *all.errors.entry(error).or_default() += count;
                }
            }
            Err(error) => *all.errors.entry(error.to_string()).or_default() += 1,
        }
    }
    all.elapsed = started.elapsed();
    all
}
