//! `stepwell run`: a state machine from a file to its end.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, anyhow};
use clap::Args;
use serde_json::{Value, json};
use stepwell_sdk::client::{Client, Credentials};
use tokio::signal::unix::{SignalKind, signal};

use crate::client::{self, Output, Target, block_on, json_argument, text};
use crate::config::{Config, ServerFlags, TlsMode};
use crate::serve::{Jobs, Server};
use crate::{elsewhere, log, progress};

/// Flags of `run`.
#[derive(Args)]
pub struct Flags {
    /// The definition's file, e.g. hello.asl.json
    file: PathBuf,
    /// The input: JSON, or @FILE
    #[arg(long, default_value = "{}")]
    input: String,
    /// Files the execution needs in S3, e.g. --put train.csv=s3://bucket/train.csv (repeatable; buckets are made)
    #[arg(long, value_name = "FILE=S3_URI")]
    put: Vec<String>,
    /// The role the state machine acts with [default: role/stepwell of the account]
    #[arg(long)]
    role: Option<String>,
    /// Keep the data here rather than in a temporary folder (only without --endpoint)
    #[arg(long, value_name = "DIR", conflicts_with_all = ["endpoint", "aws"])]
    data: Option<PathBuf>,
    /// The XGBoost library, if it is not found by itself (only without --endpoint)
    #[arg(long, value_name = "PATH", env = "STEPWELL_XGBOOST_LIB")]
    xgboost_lib: Option<PathBuf>,
    /// Answers of tasks for tests, in the format of Step Functions Local's MockConfigFile (only without
    /// --endpoint); the state machine in it is named as the definition's file
    #[arg(long, value_name = "FILE", conflicts_with_all = ["endpoint", "aws"])]
    mock_config: Option<PathBuf>,
    /// Send a service's tasks elsewhere, e.g. lambda=http://127.0.0.1:3001 (repeatable; only without --endpoint)
    #[arg(long, value_name = "SERVICE=URL", value_parser = elsewhere::pair, conflicts_with_all = ["endpoint", "aws"])]
    service_endpoint: Vec<(String, String)>,
    /// The test case of the mock configuration that the tasks answer by
    #[arg(long, value_name = "NAME")]
    test_case: Option<String>,
    /// Show no progress on standard error
    #[arg(long, short)]
    quiet: bool,
    #[command(flatten)]
    target: Target,
}

/// Runs the state machine; the exit status says whether it succeeded.
pub fn run(flags: &Flags) -> anyhow::Result<ExitCode> {
    let definition = client::read(&flags.file)?;
    let input = json_argument(&flags.input)?;
    block_on(async {
        if flags.target.endpoint.is_some() || flags.target.aws {
            let client = flags.target.client()?;
            return execute(flags, &client, &definition, &input).await;
        }
        let server = ServerFlags {
            data: flags.data.clone(),
            xgboost_lib: flags.xgboost_lib.clone(),
            mock_config: flags.mock_config.clone(),
            service_endpoint: flags.service_endpoint.clone(),
            ..ServerFlags::default()
        };
        embedded(server, async |client| execute(flags, &client, &definition, &input).await).await
    })
}

/// Runs `work` against a server of its own, on a free port, and ends everything that it started.
///
/// # Errors
/// The work's, and those of starting a server.
pub async fn embedded<T>(
    flags: ServerFlags,
    work: impl AsyncFnOnce(Client) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let temporary = tempfile::Builder::new().prefix("stepwell-").tempdir()?;
    let flags = ServerFlags {
        data: Some(flags.data.unwrap_or_else(|| temporary.path().to_owned())),
        listen: Some(([127, 0, 0, 1], 0).into()),
        // Nobody else is to speak with it.
        tls: Some(TlsMode::Off),
        tls_cert: None,
        tls_key: None,
        ..flags
    };
    let config = Config::load(&flags)?;
    log::start("warn", config.log_format);
    // Before anything is started, so that a signal at any moment ends what is.
    let interrupted = interrupted()?;
    let server = Server::start(&config).await?;
    let client = Client::builder()
        .endpoint(server.url())
        .region("us-east-1")
        .credentials(Credentials::new("test", "test"))
        .build()?;
    let result = tokio::select! {
        result = work(client) => result,
        () = interrupted => Err(anyhow!("interrupted; everything that was started is ended")),
    };
    server.stop(Jobs::End).await;
    result
}

/// Ends with the first Ctrl-C, SIGTERM or closed terminal.
fn interrupted() -> anyhow::Result<impl Future<Output = ()>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hang_up.recv() => {}
        }
    })
}

async fn execute(
    flags: &Flags,
    client: &Client,
    definition: &str,
    input: &Value,
) -> anyhow::Result<ExitCode> {
    for put in &flags.put {
        upload(client, put).await?;
    }
    let role = match &flags.role {
        Some(role) => role.clone(),
        None => default_role(client).await?,
    };
    let stem = flags.file.file_name().and_then(|name| name.to_str()).unwrap_or("run");
    let name: String = stem
        .trim_end_matches(".json")
        .trim_end_matches(".asl")
        .chars()
        .map(
            |letter| {
                if letter.is_ascii_alphanumeric() || "-_".contains(letter) { letter } else { '-' }
            },
        )
        .take(60)
        .collect();
    let arn = create(client, &name, definition, &role).await?;
    let arn = match &flags.test_case {
        Some(test_case) => format!("{arn}#{test_case}"),
        None => arn,
    };
    let request = json!({ "stateMachineArn": arn, "input": input.to_string() });
    let started = client.call("stepfunctions", "StartExecution", request).await?;
    let execution = text(&started, "executionArn");
    if !flags.quiet {
        eprintln!("{execution}");
    }
    let ended = progress::follow(client, execution, flags.quiet).await?;
    match flags.target.output {
        Output::Json => println!("{:#}", ended.description),
        Output::Text if ended.succeeded() => println!("{}", text(&ended.description, "output")),
        Output::Text => eprintln!("{}", ended.why()),
    }
    Ok(if ended.succeeded() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Creates the state machine, or brings the one of that name to this definition.
async fn create(
    client: &Client,
    name: &str,
    definition: &str,
    role: &str,
) -> anyhow::Result<String> {
    let request = json!({ "name": name, "definition": definition, "roleArn": role });
    match client.call("stepfunctions", "CreateStateMachine", request).await {
        Ok(answer) => Ok(text(&answer, "stateMachineArn").to_owned()),
        Err(error) if error.is("StateMachineAlreadyExists") => {
            let arn = client::state_machine_arn(client, name).await?;
            let update =
                json!({ "stateMachineArn": arn, "definition": definition, "roleArn": role });
            client.call("stepfunctions", "UpdateStateMachine", update).await?;
            Ok(arn)
        }
        Err(error) => Err(error.into()),
    }
}

/// The role that exists from the first start.
async fn default_role(client: &Client) -> anyhow::Result<String> {
    let identity = client.call("sts", "GetCallerIdentity", json!({})).await?;
    Ok(format!("arn:aws:iam::{}:role/stepwell", text(&identity, "Account")))
}

async fn upload(client: &Client, put: &str) -> anyhow::Result<()> {
    let place = put
        .split_once('=')
        .and_then(|(file, uri)| Some((file, uri.strip_prefix("s3://")?.split_once('/')?)));
    let (file, (bucket, key)) =
        place.with_context(|| format!("`{put}` is not FILE=s3://BUCKET/KEY"))?;
    let s3 = client.s3();
    match s3.create_bucket(bucket).await {
        Err(error) if !error.is("BucketAlreadyOwnedByYou") => return Err(error.into()),
        _ => {}
    }
    s3.put_file(bucket, key, Path::new(file))
        .await
        .with_context(|| format!("cannot put `{file}`"))?;
    Ok(())
}
