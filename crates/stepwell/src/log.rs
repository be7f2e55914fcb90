//! The program's own log, on standard error.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::config::LogFormat;

/// Starts logging. A filter that cannot be read is told, and `info` used.
pub fn start(filter: &str, format: LogFormat) {
    let (filter, mistake) = match EnvFilter::try_new(filter) {
        Ok(filter) => (filter, None),
        Err(error) => (EnvFilter::new("info"), Some(error.to_string())),
    };
    // A line that cannot be written (a full disk, a closed pipe) is lost; to say so on the same standard
    // error would end whoever logged it.
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .log_internal_errors(false);
    // A second start (tests, several servers in one process) keeps the first log.
    let _ = match format {
        LogFormat::Human => {
            builder.with_ansi(std::io::stderr().is_terminal()).with_target(false).try_init()
        }
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    if let Some(mistake) = mistake {
        tracing::warn!("the log filter is not understood ({mistake}); using `info`");
    }
}
