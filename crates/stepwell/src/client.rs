//! Which server a command speaks to, and how it shows the answer.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use bytes::Bytes;
use clap::{Args, ValueEnum};
use http_body_util::Empty;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::{self, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use stepwell_sdk::Client;

use crate::config::DEFAULT_DATA;

/// Where a local server is unless told otherwise.
const LOCAL: &str = "http://127.0.0.1:4566";

/// Which server, and how to print.
#[derive(Args, Clone, Debug)]
pub struct Target {
    /// The server's address [default: http://127.0.0.1:4566]
    #[arg(long, value_name = "URL", env = "STEPWELL_ENDPOINT", conflicts_with = "aws")]
    pub endpoint: Option<String>,
    /// Ask AWS itself, with your AWS credentials
    #[arg(long)]
    pub aws: bool,
    /// The region [default: AWS_REGION, else us-east-1]
    #[arg(long)]
    pub region: Option<String>,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
}

/// How a command prints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people.
    #[default]
    Text,
    /// AWS's answer as JSON.
    Json,
}

impl Target {
    /// The client.
    pub fn client(&self) -> anyhow::Result<Client> {
        let mut builder = Client::builder();
        if !self.aws {
            let endpoint = self.endpoint.as_deref().unwrap_or(LOCAL);
            builder = builder.endpoint(endpoint);
            if let Some(bundle) = bundle(endpoint) {
                builder = builder.ca_bundle(bundle);
            }
        }
        if let Some(region) = &self.region {
            builder = builder.region(region);
        } else if !self.aws
            && std::env::var_os("AWS_REGION").is_none()
            && std::env::var_os("AWS_DEFAULT_REGION").is_none()
        {
            builder = builder.region("us-east-1");
        }
        Ok(builder.build()?)
    }

    /// Whether it is people who read.
    pub fn is_text(&self) -> bool {
        self.output == Output::Text
    }

    /// Prints the answer: as JSON, or with `text`.
    pub fn show(&self, answer: &Value, text: impl FnOnce(&Value) -> String) -> anyhow::Result<()> {
        let shown = match self.output {
            Output::Json => serde_json::to_string_pretty(answer)?,
            Output::Text => text(answer),
        };
        // A reader that has seen enough (head) is no error.
        let _ = writeln!(std::io::stdout(), "{}", shown.trim_end());
        Ok(())
    }
}

/// The certificates to trust where nothing else says: those of the server whose data folder is here.
fn bundle(endpoint: &str) -> Option<PathBuf> {
    if !endpoint.starts_with("https://") || named_bundle().is_some() {
        return None;
    }
    let data = std::env::var_os("STEPWELL_DATA").map_or_else(|| DEFAULT_DATA.into(), PathBuf::from);
    Some(data.join("tls").join("bundle.pem")).filter(|bundle| bundle.exists())
}

fn named_bundle() -> Option<PathBuf> {
    std::env::var_os("AWS_CA_BUNDLE").filter(|path| !path.is_empty()).map(PathBuf::from)
}

/// A client for the server's own pages (`/_stepwell/…`), in the clear or not.
///
/// # Errors
/// Certificates that cannot be read.
pub fn pages(
    endpoint: &str,
) -> anyhow::Result<legacy::Client<HttpsConnector<HttpConnector>, Empty<Bytes>>> {
    let loaded = match named_bundle().or_else(|| bundle(endpoint)) {
        Some(file) => rustls_native_certs::load_certs_from_paths(Some(&file), None),
        None => rustls_native_certs::load_native_certs(),
    };
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(loaded.certs);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector =
        HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().build();
    Ok(legacy::Client::builder(TokioExecutor::new()).build(connector))
}

/// Runs a command's asynchronous part.
pub fn block_on<T>(future: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?
        .block_on(future)
}

/// JSON from an argument: itself, or `@FILE`.
///
/// # Errors
/// A file that cannot be read, a text that is no JSON, with the place.
pub fn json_argument(text: &str) -> anyhow::Result<Value> {
    let (text, from) = match text.strip_prefix('@') {
        Some(path) => (read(Path::new(path))?, format!("the file `{path}`")),
        None => (text.to_owned(), "the argument".to_owned()),
    };
    serde_json::from_str(&text).with_context(|| format!("{from} is not JSON"))
}

/// A file's text.
pub fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read `{}`", path.display()))
}

/// The ARN of a state machine given by ARN or by name.
pub async fn state_machine_arn(client: &Client, name: &str) -> anyhow::Result<String> {
    if name.starts_with("arn:") {
        return Ok(name.to_owned());
    }
    let machines = client
        .call_all(
            "stepfunctions",
            "ListStateMachines",
            json!({ "maxResults": 1000 }),
            "stateMachines",
            usize::MAX,
        )
        .await?;
    let found = machines.iter().find(|machine| machine["name"] == name);
    let arn = found.and_then(|machine| machine["stateMachineArn"].as_str());
    arn.map(str::to_owned).with_context(|| {
        format!("there is no state machine named `{name}`; `stepwell list` shows those there are")
    })
}

/// A time of an answer, for people.
pub fn time(value: &Value) -> String {
    let milliseconds = value.as_f64().map(|seconds| (seconds * 1000.0) as i64);
    milliseconds
        .map_or_else(|| "-".to_owned(), |milliseconds| asl::Timestamp(milliseconds).iso8601())
}

/// A member as text; `-` where it is missing.
pub fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value[member].as_str().unwrap_or("-")
}
