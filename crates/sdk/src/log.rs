//! What was created, started or already there, for people who watch.

use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicU8, Ordering};

/// How much is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Everything that is asked.
    Debug,
    /// What was created, started, changed.
    Info,
    /// What was not as expected.
    Warning,
    /// Nothing but failures.
    Error,
}

/// Writes messages of `level` and above to standard error, as the Data Science SDK's function of this name does.
/// Programs that use `tracing` get the same messages as its events without it.
///
/// ```
/// stepwell_sdk::set_stream_logger(stepwell_sdk::Level::Info);
/// ```
pub fn set_stream_logger(level: Level) {
    STREAM.store(level as u8, Ordering::Relaxed);
}

/// The least level that is written; above all levels until someone asks.
static STREAM: AtomicU8 = AtomicU8::new(u8::MAX);

pub(crate) fn debug(text: &str) {
    tracing::debug!("{text}");
    stream(Level::Debug, text);
}

pub(crate) fn info(text: &str) {
    tracing::info!("{text}");
    stream(Level::Info, text);
}

pub(crate) fn warning(text: &str) {
    tracing::warn!("{text}");
    stream(Level::Warning, text);
}

fn stream(level: Level, text: &str) {
    if (level as u8) < STREAM.load(Ordering::Relaxed) {
        return;
    }
    let mut stream = std::io::stderr().lock();
    let (name, colour) = match level {
        Level::Debug => ("DEBUG", "0"),
        Level::Info => ("INFO", "32"),
        Level::Warning => ("WARNING", "33"),
        Level::Error => ("ERROR", "31"),
    };
    // A message that cannot be shown must not stop the work it is about.
    let _ = match stream.is_terminal() {
        true => writeln!(stream, "\x1b[{colour}m[{name}] {text}\x1b[0m"),
        false => writeln!(stream, "[{name}] {text}"),
    };
}
