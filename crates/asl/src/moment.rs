//! Time and dice, handed in from outside so that the same call always gives the same answer.

use serde::{Deserialize, Serialize};

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// The time `milliseconds` later (earlier when negative), saturating.
    pub fn plus_millis(self, milliseconds: i64) -> Timestamp {
        Timestamp(self.0.saturating_add(milliseconds))
    }

    /// The time `seconds` later; fractions are kept to the millisecond.
    pub fn plus_seconds(self, seconds: f64) -> Timestamp {
        self.plus_millis((seconds * 1000.0).round() as i64)
    }

    /// Seconds since the epoch, as the AWS JSON protocols write a timestamp.
    pub fn epoch_seconds(self) -> f64 {
        self.0 as f64 / 1000.0
    }

    /// `2026-01-02T03:04:05.678Z`, as the context object writes it.
    pub fn iso8601(self) -> String {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(timestamp) => timestamp.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string(),
            Err(_) => self.0.to_string(),
        }
    }
}

/// When something happens, and the dice it may throw. One `Moment` is made per decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The time of the decision.
    pub now: Timestamp,
    /// The seed of everything random in the decision.
    pub seed: u64,
}

impl Moment {
    /// The same time with other dice: one of many purposes that only have a number.
    pub fn apart(self, number: u64) -> Moment {
        Moment { seed: Dice { state: self.seed ^ number.rotate_left(32) }.next_u64(), ..self }
    }

    /// A stream of random numbers for one purpose; streams of different names are independent.
    pub fn dice(self, stream: &str) -> Dice {
        let mut state = self.seed ^ 0x9e37_79b9_7f4a_7c15;
        for byte in stream.bytes() {
            state = (state ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        Dice { state }
    }
}

/// SplitMix64 (Steele, Lea and Flood, 2014): small, seedable, good enough for jitter, ids and `$random`.
/// Not for secrets on its own: the seed must come from the operating system's generator.
#[derive(Clone, Debug)]
pub struct Dice {
    state: u64,
}

impl Dice {
    /// The next 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number in `[0, 1)`.
    pub fn next_f64(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A random (version 4) UUID in its usual text form.
    pub fn uuid(&mut self) -> String {
        let (high, low) = (self.next_u64(), self.next_u64());
        let high = (high & 0xffff_ffff_ffff_0fff) | 0x4000;
        let low = (low & 0x3fff_ffff_ffff_ffff) | 0x8000_0000_0000_0000;
        format!(
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            high >> 32,
            (high >> 16) & 0xffff,
            high & 0xffff,
            low >> 48,
            low & 0xffff_ffff_ffff
        )
    }
}

/// `java.util.Random`, which AWS uses wherever a user gives the seed: seed 42 begins with 0.7275636800328681.
#[derive(Clone, Debug)]
pub struct JavaRandom {
    state: u64,
}

impl JavaRandom {
    const MULTIPLIER: u64 = 0x0005_deec_e66d;
    const MASK: u64 = (1 << 48) - 1;

    /// The generator for this seed.
    pub fn new(seed: i64) -> JavaRandom {
        JavaRandom { state: (seed as u64 ^ JavaRandom::MULTIPLIER) & JavaRandom::MASK }
    }

    /// The next number in `[0, 1)`: `nextDouble()`.
    pub fn next_f64(&mut self) -> f64 {
        let number = (self.next(26) << 27) + self.next(27);
        number as f64 / (1u64 << 53) as f64
    }

    fn next(&mut self, bits: u32) -> u64 {
        self.state =
            self.state.wrapping_mul(JavaRandom::MULTIPLIER).wrapping_add(0xb) & JavaRandom::MASK;
        self.state >> (48 - bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_replays_and_streams_differ() {
        let moment = Moment { now: Timestamp(0), seed: 7 };
        assert_eq!(moment.dice("a").uuid(), moment.dice("a").uuid());
        assert_ne!(moment.dice("a").uuid(), moment.dice("b").uuid());
        assert_eq!(moment.dice("a").uuid().as_bytes()[14], b'4');
    }

    #[test]
    fn a_seed_of_the_user_gives_javas_numbers() {
        assert_eq!(JavaRandom::new(42).next_f64(), 0.727_563_680_032_868_1);
    }

    #[test]
    fn times_are_written_as_the_context_object_has_them() {
        assert_eq!(Timestamp(1_700_000_000_005).iso8601(), "2023-11-14T22:13:20.005Z");
    }
}
