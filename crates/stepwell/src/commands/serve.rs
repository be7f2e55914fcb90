//! `stepwell serve`.

use std::process::ExitCode;

use tokio::signal::unix::{Signal, SignalKind, signal};

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
        if server.is_encrypted() {
            tracing::info!(
                "clients trust it with AWS_CA_BUNDLE={}/tls/bundle.pem",
                config.data.display()
            );
        }
        // Where there is nothing to read again, a closed terminal ends the server as ever.
        let mut hang_up =
            server.is_encrypted().then(|| signal(SignalKind::hangup())).transpose()?;
        let hung_up = async |hang_up: &mut Option<Signal>| match hang_up {
            Some(hang_up) => hang_up.recv().await,
            None => std::future::pending().await,
        };
        loop {
            tokio::select! {
                _ = terminate.recv() => break,
                _ = interrupt.recv() => break,
                _ = hung_up(&mut hang_up) => match server.reload() {
                    Ok(()) => tracing::info!("the certificate was read again"),
                    Err(error) => tracing::error!(%error, "the certificate cannot be read again; the old one is shown"),
                },
            }
        }
        tracing::info!("shutting down; running jobs go on and are found again by the next server");
        server.stop(Jobs::Leave).await;
        Ok(ExitCode::SUCCESS)
    })
}
