//! Pictures that a Stepwell server draws.

use std::path::Path;

use serde_json::{Value, json};

use crate::Error;
use crate::client::Client;

/// A picture of a workflow or an execution, drawn by a Stepwell server each time it is asked for: an
/// execution's shows how far it has come by then.
///
/// The server is the one of the workflow's client; a workflow that is a draft asks the one that the
/// environment names (`AWS_ENDPOINT_URL`). AWS draws no pictures: there, and without a server, print the
/// [`Graph`](super::Graph) or [`Progress`](super::Progress) itself, which needs nobody.
///
/// ```no_run
/// # async fn run(execution: stepwell_sdk::Execution) -> Result<(), stepwell_sdk::Error> {
/// execution.render_progress().await?.picture().save("run.svg").await?;
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Picture {
    client: Option<Client>,
    request: Value,
}

impl Picture {
    pub(super) fn new(client: Option<&Client>, request: Value) -> Self {
        Picture { client: client.cloned(), request }
    }

    /// As an image that needs nothing beside it, light or dark as its reader prefers.
    ///
    /// # Errors
    /// As [`Client::draw`].
    pub async fn svg(&self) -> Result<String, Error> {
        self.drawn("svg").await
    }

    /// As a drawing in characters.
    ///
    /// # Errors
    /// As [`Client::draw`].
    pub async fn text(&self) -> Result<String, Error> {
        self.drawn("text").await
    }

    /// In Mermaid's notation.
    ///
    /// # Errors
    /// As [`Client::draw`].
    pub async fn mermaid(&self) -> Result<String, Error> {
        self.drawn("mermaid").await
    }

    /// Writes it to a file, in the form that its name's ending says: `.svg`, `.mmd`, `.json` (boxes and
    /// lines with their coordinates), else as text.
    ///
    /// # Errors
    /// As [`Client::draw`], and [`Error::File`].
    pub async fn save(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        let path = path.as_ref();
        let format = match path.extension().and_then(|ending| ending.to_str()) {
            Some("svg") => "svg",
            Some("mmd") => "mermaid",
            Some("json") => "json",
            _ => "text",
        };
        let drawn = self.drawn(format).await?;
        std::fs::write(path, drawn).map_err(|source| Error::File { path: path.to_owned(), source })
    }

    async fn drawn(&self, format: &str) -> Result<String, Error> {
        let mut request = self.request.clone();
        request["format"] = format.into();
        match &self.client {
            Some(client) => client.draw(request).await,
            None => Client::from_env()?.draw(request).await,
        }
    }

    /// Shows it in a notebook: as an image if a server draws it, and as `otherwise`.
    pub(super) fn display(&self, otherwise: &str) {
        // Connections belong to the runtime in which they were made, which may stand still meanwhile.
        let client = self.client.as_ref().map(Client::with_own_connections);
        let apart = Picture { client, request: self.request.clone() };
        if let Ok(svg) = waited(apart.svg()) {
            println!("EVCXR_BEGIN_CONTENT image/svg+xml\n{svg}\nEVCXR_END_CONTENT");
        }
        println!("EVCXR_BEGIN_CONTENT text/plain\n{otherwise}\nEVCXR_END_CONTENT");
    }
}

impl PartialEq for Picture {
    fn eq(&self, other: &Self) -> bool {
        self.request == other.request
    }
}

impl Default for Picture {
    fn default() -> Self {
        Picture::new(None, json!({}))
    }
}

/// Waits for an answer where nothing may be awaited, whatever runs around it.
fn waited(asked: impl Future<Output = Result<String, Error>> + Send) -> Result<String, Error> {
    let run = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let refused = |reason: String| Error::Answer {
            service: "stepfunctions".to_owned(),
            operation: "graph".to_owned(),
            reason,
        };
        runtime.map_err(|error| refused(error.to_string()))?.block_on(asked)
    };
    std::thread::scope(|scope| match scope.spawn(run).join() {
        Ok(answer) => answer,
        Err(panic) => std::panic::resume_unwind(panic),
    })
}
