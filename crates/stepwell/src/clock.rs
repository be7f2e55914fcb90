//! The only clock and the only dice in the program.

use asl::{Moment, Timestamp};
use services::Clock;

/// The computer's time and the operating system's randomness.
pub struct SystemClock;

impl Clock for SystemClock {
    fn moment(&self) -> Moment {
        Moment { now: now(), seed: seed() }
    }
}

/// The time.
#[expect(clippy::disallowed_methods, reason = "this is the one place that asks the time")]
pub fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    Timestamp(since.map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX)))
}

/// For how long something takes: no setting of the clock moves it.
#[expect(clippy::disallowed_methods, reason = "this is the one place that asks the time")]
pub fn instant() -> std::time::Instant {
    std::time::Instant::now()
}

/// A seed nobody can guess: task tokens and secrets are derived from it. The generator is seeded by the operating
/// system, again and again; where that gives no randomness it panics, since tokens could be guessed without.
fn seed() -> u64 {
    rand::random()
}
