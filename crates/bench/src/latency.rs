//! How long requests took.

use std::time::Duration;

use serde_json::{Value, json};

/// Times in microseconds, kept whole: runs are short.
#[derive(Default)]
pub(crate) struct Latencies(Vec<u32>);

impl Latencies {
    pub fn add(&mut self, taken: Duration) {
        self.0.push(u32::try_from(taken.as_micros()).unwrap_or(u32::MAX));
    }

    pub fn merge(&mut self, other: Latencies) {
        self.0.extend(other.0);
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Milliseconds that so much of them stayed within.
    pub fn summary(&mut self) -> Value {
        self.0.sort_unstable();
        let at = |share: f64| {
            let place = ((self.0.len() - 1) as f64 * share).round() as usize;
            f64::from(self.0[place]) / 1000.0
        };
        match self.0.is_empty() {
            true => Value::Null,
            false => json!({"p50": at(0.5), "p90": at(0.9), "p99": at(0.99), "max": at(1.0)}),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_times_that_were_taken() {
        let mut latencies = Latencies::default();
        assert_eq!(latencies.summary(), Value::Null);
        for millis in (1..=101).rev() {
            latencies.add(Duration::from_millis(millis));
        }
        let expected = json!({"p50": 51.0, "p90": 91.0, "p99": 100.0, "max": 101.0});
        assert_eq!(latencies.summary(), expected);
    }
}
