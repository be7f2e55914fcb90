//! `stepwell serve`.

use std::process::ExitCode;

use tokio::signal::unix::{SignalKind, signal};

use crate::client::block_on;
use crate::config::{Config, ServerFlags};
use crate::log;
use crate::serve::{Jobs, Server};

/// Serves until SIGTERM or SIGINT.
pub fn run(flags: &ServerFlags) -> anyhow::Result<ExitCode> {
    let config = Config::load(flags)?;
    log::start(&config.log, config.log_format);
    block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let server = Server::start(&config).await?;
        if let Some(key) = &server.administrator {
            println!("AWS_ACCESS_KEY_ID={}\nAWS_SECRET_ACCESS_KEY={}", key.id, key.secret);
        }
        tracing::info!(url = server.url(), data = %config.data.display(), "serving");
        tracing::info!(
            "to use it from this shell's AWS clients: eval \"$(stepwell env --endpoint {} --data {})\"",
            server.url(),
            config.data.display()
        );
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("shutting down; running jobs go on and are found again by the next server");
        server.stop(Jobs::Leave).await;
        Ok(ExitCode::SUCCESS)
    })
}
