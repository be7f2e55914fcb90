//! The one place that asks the time: a signature holds for minutes only, and names are made from it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sha2::{Digest, Sha256};

/// The time since 1970.
#[expect(
    clippy::disallowed_methods,
    reason = "a client signs with the real time; nothing here is replayed"
)]
pub(crate) fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// `now` in the form `format` gives it (`strftime`), in UTC.
pub(crate) fn stamp(now: Duration, format: &str) -> String {
    let seconds = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    let timestamp = jiff::Timestamp::from_second(seconds).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    timestamp.strftime(format).to_string()
}

/// A random-looking name in the form of a UUID that no other call of this process, and hardly one of another, makes.
pub(crate) fn unique_name() -> String {
    static CALLS: AtomicU64 = AtomicU64::new(0);
    let mut hash = Sha256::new();
    hash.update(now().as_nanos().to_le_bytes());
    hash.update(std::process::id().to_le_bytes());
    hash.update(CALLS.fetch_add(1, Ordering::Relaxed).to_le_bytes());
    // The process's own address layout tells apart machines that started at the same moment.
    hash.update((&raw const CALLS as usize).to_le_bytes());
    let mut bytes: [u8; 16] = hash.finalize()[..16].try_into().expect("a hash of 32 bytes");
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let text = hex::encode(bytes);
    [&text[..8], &text[8..12], &text[12..16], &text[16..20], &text[20..]].join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_and_names() {
        assert_eq!(stamp(Duration::from_secs(1_440_938_160), "%Y%m%dT%H%M%SZ"), "20150830T123600Z");
        let (one, other) = (unique_name(), unique_name());
        assert_eq!(one.len(), 36);
        assert_ne!(one, other);
    }
}
