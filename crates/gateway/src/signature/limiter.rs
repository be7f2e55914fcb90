//! How many wrong signatures an address may send: a bucket of tries that fills again with time.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use asl::Timestamp;

/// Counts wrong signatures by address.
pub(crate) struct Limiter {
    per_second: u32,
    buckets: Mutex<HashMap<IpAddr, Bucket>>,
}

struct Bucket {
    /// Tries left, in thousandths.
    left: i64,
    seen: Timestamp,
}

/// Seconds' worth of tries that are saved up.
const BURST_SECONDS: i64 = 10;
/// Addresses that are told apart.
const KEPT_MAX: usize = 10_000;

impl Limiter {
    /// So many wrong ones a second.
    pub(crate) fn new(per_second: u32) -> Limiter {
        Limiter { per_second, buckets: Mutex::default() }
    }

    /// Counts a wrong one; false when there were too many.
    pub(crate) fn take(&self, from: IpAddr, now: Timestamp) -> bool {
        let per_second = i64::from(self.per_second);
        let full = per_second * 1000 * BURST_SECONDS;
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= KEPT_MAX && !buckets.contains_key(&from) {
            buckets.clear();
        }
        let bucket = buckets.entry(from).or_insert(Bucket { left: full, seen: now });
        let passed = (now.0 - bucket.seen.0).max(0);
        bucket.left = (bucket.left + passed.saturating_mul(per_second)).min(full);
        bucket.seen = now;
        let may = bucket.left >= 1000;
        if may {
            bucket.left -= 1000;
        }
        may
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tries_come_back_with_time_and_are_each_addresss_own() {
        let limiter = Limiter::new(2);
        let (one, other) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        let at = |millis: i64| Timestamp(1_000_000 + millis);
        let taken = (0..30).filter(|_| limiter.take(one, at(0))).count();
        assert_eq!(taken, 20);
        assert!(limiter.take(other, at(0)));
        assert!(!limiter.take(one, at(499)));
        assert!(limiter.take(one, at(500)));
        assert!(!limiter.take(one, at(500)));
    }
}
