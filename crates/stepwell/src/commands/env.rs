//! `stepwell env`: what a shell or a notebook needs to use the server.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, ValueEnum};

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
    /// How the variables are written
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Prints the variables.
pub fn run(flags: &Flags) -> anyhow::Result<ExitCode> {
    let config = Config::load(&ServerFlags { data: flags.data.clone(), ..ServerFlags::default() })?;
    let endpoint = flags.endpoint.clone().unwrap_or_else(|| format!("http://{}", config.listen));
    for (name, value) in variables(&config, &endpoint, &flags.region)? {
        println!("{}", line(flags.format, &name, &value));
    }
    Ok(ExitCode::SUCCESS)
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
    let local = "127.0.0.1,localhost".to_owned();
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
