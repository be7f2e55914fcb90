//! `stepwell env`: what a shell or a notebook needs to use the server.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use serde_json::json;
use services::iam::Vault;
use services::iam::guard::Mode;
use stepwell_sdk::Client;
use stepwell_sdk::client::Credentials;

use crate::client::block_on;
use crate::config::{Config, ServerFlags};

/// SDK versions that work together: today's plain `pip install stepfunctions` resolves to a `sagemaker`
/// without estimators, and the SDK imports `pkg_resources`, which newer setuptools lack.
const CONSTRAINTS: &str = "\
stepfunctions==2.3.0
sagemaker==2.257.7
setuptools==80.10.2
";

/// Ends the SageMaker SDK's telemetry, which asks an address of AWS's after most calls.
const SDK_CONFIG: &str = "\
SchemaVersion: '1.0'
SageMaker:
  PythonSDK:
    Modules:
      TelemetryOptOut: true
";

/// How the variables are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// `export NAME='value'` lines, for eval.
    #[default]
    Sh,
    /// `NAME=value` lines, for .env files.
    Dotenv,
    /// A Python cell that sets os.environ.
    Python,
}

/// Flags of `env`.
#[derive(Args)]
pub struct Flags {
    /// The server's address [default: as configured, http://127.0.0.1:4566]
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,
    /// The server's data folder, where its certificate is [default: ./.stepwell]
    #[arg(long, value_name = "DIR", env = "STEPWELL_DATA")]
    data: Option<PathBuf>,
    /// The region [default: us-east-1]
    #[arg(long, default_value = "us-east-1")]
    region: String,
    /// Act with this role, for as long as its sessions last: asks the running server
    #[arg(long, value_name = "NAME")]
    role: Option<String>,
    /// How the variables are written
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Prints the variables.
pub fn run(flags: &Flags) -> anyhow::Result<ExitCode> {
    let config = Config::load(&ServerFlags { data: flags.data.clone(), ..ServerFlags::default() })?;
    let endpoint = flags.endpoint.clone().unwrap_or_else(|| config.url(config.listen));
    let mut variables = variables(&config, &endpoint, &flags.region)?;
    if let Some(role) = &flags.role {
        let session = block_on(session(&config, &endpoint, &flags.region, role))?;
        for (name, value) in session {
            variables.retain(|(known, _)| *known != name);
            variables.push((name, value));
        }
    } else if config.iam.mode == Mode::Enforce {
        // Keys that nobody made are refused: whatever the shell has is better.
        variables
            .retain(|(name, _)| !name.starts_with("AWS_ACCESS") && !name.starts_with("AWS_SECRET"));
    }
    for (name, value) in variables {
        println!("{}", line(flags.format, &name, &value));
    }
    Ok(ExitCode::SUCCESS)
}

/// The credentials of a session of the role, made with the key in the data folder: whoever may read it may
/// take any role that a service here may take.
async fn session(
    config: &Config,
    endpoint: &str,
    region: &str,
    role: &str,
) -> anyhow::Result<Vec<(String, String)>> {
    let vault = Vault::read(&config.data)
        .with_context(|| format!("no server has run on `{}` yet", config.data.display()))?;
    let (id, secret) = vault.root_key(&config.account);
    let client = Client::builder()
        .endpoint(endpoint)
        .region(region)
        .credentials(Credentials::new(id, secret))
        .ca_bundle(config.data.join("tls").join("bundle.pem"))
        .build()?;
    let found = client.call("iam", "GetRole", json!({ "RoleName": role })).await?;
    let found = &found["Role"];
    let asked = json!({
        "RoleArn": found["Arn"],
        "RoleSessionName": "SageMaker",
        "DurationSeconds": found["MaxSessionDuration"],
    });
    let assumed = client.call("sts", "AssumeRole", asked).await?;
    let named = [
        ("AWS_ACCESS_KEY_ID", "AccessKeyId"),
        ("AWS_SECRET_ACCESS_KEY", "SecretAccessKey"),
        ("AWS_SESSION_TOKEN", "SessionToken"),
    ];
    let value = |member: &str| assumed["Credentials"][member].as_str().map(str::to_owned);
    named
        .into_iter()
        .map(|(name, member)| {
            let value = value(member).with_context(|| format!("the answer has no {member}"))?;
            Ok((name.to_owned(), value))
        })
        .collect()
}

/// The variables, and the files they name.
fn variables(
    config: &Config,
    endpoint: &str,
    region: &str,
) -> anyhow::Result<Vec<(String, String)>> {
    let folder = config.data.join("env");
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("cannot make `{}`", folder.display()))?;
    let constraints = write(&folder, "constraints.txt", CONSTRAINTS)?;
    let sdk_config = write(&folder, "sagemaker-config.yaml", SDK_CONFIG)?;
    let authority = gateway::tls::Authority::open(&config.data.join("tls"), crate::clock::now())
        .context("cannot make the certificate authority")?;
    let bundle = authority.bundle().display().to_string();
    let mut local = "127.0.0.1,localhost".to_owned();
    // Over TLS, clients would ask the proxy for the server itself.
    let host = endpoint.parse::<http::Uri>().ok().and_then(|uri| uri.host().map(str::to_owned));
    if let Some(host) = host.filter(|host| !local.split(',').any(|known| known == host)) {
        local = format!("{local},{}", host.trim_matches(['[', ']']));
    }
    let named = [
        ("AWS_ENDPOINT_URL", endpoint.to_owned()),
        ("STEPWELL_ENDPOINT", endpoint.to_owned()),
        ("AWS_ACCESS_KEY_ID", "test".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
        ("AWS_DEFAULT_REGION", region.to_owned()),
        ("AWS_REGION", region.to_owned()),
        // boto3 would put `sync-` before the host of StartSyncExecution and TestState.
        ("AWS_DISABLE_HOST_PREFIX_INJECTION", "true".to_owned()),
        // The SageMaker SDKs ask https://sts.REGION.amazonaws.com whatever the endpoint says.
        ("HTTPS_PROXY", endpoint.to_owned()),
        ("AWS_CA_BUNDLE", bundle),
        ("NO_PROXY", local.clone()),
        ("no_proxy", local),
        ("PIP_CONSTRAINT", constraints),
        ("SAGEMAKER_USER_CONFIG_OVERRIDE", sdk_config),
        // The SDK of the constraints is the one the pipelines' SDK needs; its notice at each call is no help.
        ("SAGEMAKER_SUPPRESS_V2_WARNING", "1".to_owned()),
    ];
    Ok(named.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

fn write(folder: &Path, name: &str, text: &str) -> anyhow::Result<String> {
    let path = folder.join(name);
    std::fs::write(&path, text).with_context(|| format!("cannot write `{}`", path.display()))?;
    Ok(path.display().to_string())
}

fn line(format: Format, name: &str, value: &str) -> String {
    match format {
        Format::Sh => format!("export {name}='{}'", value.replace('\'', r"'\''")),
        Format::Dotenv => format!("{name}={value}"),
        Format::Python => format!(
            "import os; os.environ[{}] = {}",
            serde_json::Value::from(name),
            serde_json::Value::from(value)
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_quoted_for_their_reader() {
        assert_eq!(line(Format::Sh, "A", "it's"), r"export A='it'\''s'");
        assert_eq!(line(Format::Dotenv, "A", "b"), "A=b");
        assert_eq!(line(Format::Python, "A", "b\"c"), r#"import os; os.environ["A"] = "b\"c""#);
    }
}
