//! EventBridge's events of executions, delivered to a file or a webhook (`[events]` of `stepwell.toml`).

use std::path::PathBuf;

use anyhow::Context as _;
use serde::Deserialize;
use services::stepfunctions::StatusEvent;
use tokio::fs::{File, OpenOptions};
use tokio::io::AsyncWriteExt as _;
use tokio::sync::mpsc;

use super::post::Post;

/// Where events go.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Events {
    /// A file: each event is a line of JSON behind the others.
    pub file: Option<PathBuf>,
    /// An address: each event is posted as JSON.
    pub webhook: Option<String>,
}

impl Events {
    /// Whether they go anywhere.
    pub fn wanted(&self) -> bool {
        self.file.is_some() || self.webhook.is_some()
    }

    /// Opens the file and looks at the address.
    ///
    /// # Errors
    /// The file cannot be written, the address is none.
    pub async fn open(&self) -> anyhow::Result<Sinks> {
        let file = match &self.file {
            None => None,
            Some(path) => Some(
                OpenOptions::new()
                    .create(true)
                    .append(true)
                    .open(path)
                    .await
                    .with_context(|| format!("cannot write events to `{}`", path.display()))?,
            ),
        };
        let webhook = self.webhook.as_deref().map(Post::to).transpose();
        Ok(Sinks { file, webhook: webhook.context("the webhook of events")? })
    }
}

/// Opened.
pub struct Sinks {
    file: Option<File>,
    webhook: Option<Post>,
}

/// Delivers events, in order, until no more come. One that cannot be delivered is logged and left out.
pub async fn deliver(mut events: mpsc::Receiver<StatusEvent>, mut sinks: Sinks) {
    while let Some(event) = events.recv().await {
        let text = event.to_string();
        if let Some(file) = &mut sinks.file
            && let Err(error) = write(file, &text).await
        {
            tracing::warn!(%error, event = %event["id"], "an event could not be written");
        }
        if let Some(webhook) = &sinks.webhook
            && let Err(error) = webhook.send(text).await
        {
            tracing::warn!(error = %format!("{error:#}"), event = %event["id"], "an event could not be delivered");
        }
    }
}

async fn write(file: &mut File, line: &str) -> std::io::Result<()> {
    file.write_all(format!("{line}\n").as_bytes()).await?;
    file.flush().await
}
