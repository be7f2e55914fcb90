//! The server that is measured: one of our own, started and killed as a scenario wants, or a given one.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;
use stepwell_sdk::Client;
use stepwell_sdk::client::Credentials;

use crate::Options;
use crate::connection::{Connection, Target};
use crate::process::{self, Usage};

/// A server that runs already.
#[derive(Clone, Debug)]
pub struct Given {
    /// `HOST:PORT`.
    pub address: String,
    /// Its process, for CPU time and memory.
    pub process: Option<u32>,
    /// Whose keys sign; without them keys of our own, which a server that verifies signatures does not know.
    pub keys: Option<Keys>,
}

/// An access key.
#[derive(Clone)]
pub struct Keys {
    /// Its id.
    pub id: String,
    /// Its secret.
    pub secret: String,
    /// What comes with keys that end.
    pub session_token: Option<String>,
}

/// Shows the key's id only.
impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").field("id", &self.id).finish_non_exhaustive()
    }
}

/// A server that answers. One of our own ends with this.
pub struct Server {
    target: Target,
    /// The ARN of the state machines' role.
    role: String,
    process: Option<u32>,
    own: Option<Own>,
}

struct Own {
    program: PathBuf,
    iam: Option<String>,
    data: PathBuf,
    child: Child,
}

/// The access key's id and secret.
const KEY: &str = "bench";
/// The state machines' role.
const ROLE: &str = "bench";
/// The account of whoever has no keys of their own.
const ACCOUNT: &str = "000000000000";
const PATIENCE: Duration = Duration::from_secs(60);

impl Server {
    /// The given server; else one of our own on a new data folder.
    pub async fn of(options: &Options) -> anyhow::Result<Server> {
        if let Some(Given { address, process, keys }) = options.given.clone() {
            let target = match &keys {
                Some(keys) => Target::signed_by(address, keys),
                None => Target::own(address),
            };
            let mut server = Server { target, role: role_of(ACCOUNT), process, own: None };
            if keys.is_some() {
                let account = server.account().await?;
                server.role = role_of(&account);
                server.make_role().await?;
            }
            return Ok(server);
        }
        let data = tempfile::Builder::new().prefix("server-").tempdir_in(&options.folder)?.keep();
        let address = free_address()?;
        let child = spawn(&options.program, &data, &address, options.iam.as_deref())?;
        let process = Some(child.id());
        let (program, iam) = (options.program.clone(), options.iam.clone());
        let own = Some(Own { program, iam, data, child });
        let target = Target::own(address);
        let server = Server { target, role: role_of(ACCOUNT), process, own };
        server.answers().await?;
        server.make_role().await?;
        Ok(server)
    }

    /// The role of the state machines that are made, which must be there where refusals are meant.
    async fn make_role(&self) -> anyhow::Result<()> {
        let client = self.client()?;
        let trust = json!({
            "Version": "2012-10-17",
            "Statement": [{
                "Effect": "Allow",
                "Principal": { "Service": "states.amazonaws.com" },
                "Action": "sts:AssumeRole",
            }],
        });
        let role = json!({ "RoleName": ROLE, "AssumeRolePolicyDocument": trust.to_string() });
        match client.call("iam", "CreateRole", role).await {
            // An earlier run against the same server made it.
            Err(stepwell_sdk::Error::Service(refusal)) if refusal.code == "EntityAlreadyExists" => {
                return Ok(());
            }
            made => made.with_context(|| format!("cannot make the role `{ROLE}`"))?,
        };
        let policy = "arn:aws:iam::aws:policy/AdministratorAccess";
        let attached = json!({ "RoleName": ROLE, "PolicyArn": policy });
        client.call("iam", "AttachRolePolicy", attached).await?;
        Ok(())
    }

    /// A client for what a scenario needs beside its load.
    pub(crate) fn client(&self) -> anyhow::Result<Client> {
        Ok(Client::builder()
            .endpoint(format!("http://{}", self.target.address))
            .region("us-east-1")
            .credentials(self.target.credentials.clone())
            .build()?)
    }

    /// The account of whoever signs.
    async fn account(&self) -> anyhow::Result<String> {
        let told = self.client()?.call("sts", "GetCallerIdentity", json!({})).await?;
        Ok(told["Account"].as_str().context("GetCallerIdentity told no account")?.to_owned())
    }

    /// Where it is, and whose keys sign.
    pub(crate) fn target(&self) -> &Target {
        &self.target
    }

    /// The ARN of the role of the state machines that are made.
    pub(crate) fn role(&self) -> &str {
        &self.role
    }

    pub(crate) fn connection(&self) -> Connection {
        Connection::new(&self.target)
    }

    /// What its processes have used; none when they are not known.
    pub(crate) fn usage(&self) -> Option<Usage> {
        self.process.and_then(process::usage)
    }

    /// Bytes of its data folder; none when that is not known.
    pub(crate) fn disk_bytes(&self) -> Option<u64> {
        self.own.as_ref().map(|own| process::disk_bytes(&own.data))
    }

    /// Ends it in good order. False: it is not ours to end.
    pub(crate) fn stop(&mut self) -> anyhow::Result<bool> {
        self.signal(Signal::SIGTERM)
    }

    /// Ends it as a power cut would. False: it is not ours to end.
    pub(crate) fn kill(&mut self) -> anyhow::Result<bool> {
        self.signal(Signal::SIGKILL)
    }

    fn signal(&mut self, signal: Signal) -> anyhow::Result<bool> {
        let Some(own) = &mut self.own else { return Ok(false) };
        kill(Pid::from_raw(own.child.id() as i32), signal)?;
        own.child.wait()?;
        Ok(true)
    }

    /// Starts it again on its data; how long until it answered.
    pub(crate) async fn start_again(&mut self) -> anyhow::Result<Duration> {
        let own = self
            .own
            .as_mut()
            .context("only a server that was started here can be started again")?;
        let started = Instant::now();
        own.child = spawn(&own.program, &own.data, &self.target.address, own.iam.as_deref())?;
        self.process = Some(own.child.id());
        self.answers().await?;
        Ok(started.elapsed())
    }

    /// Waits for its first answer.
    async fn answers(&self) -> anyhow::Result<()> {
        let started = Instant::now();
        loop {
            match self.connection().ask("ListStateMachines", &json!({})).await {
                Ok(_) => return Ok(()),
                Err(error) if started.elapsed() > PATIENCE => {
                    return Err(error.context("the server does not answer"));
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(1)).await,
            }
        }
    }
}

impl Target {
    /// A server that was started here.
    pub(crate) fn own(address: String) -> Target {
        Target { address, credentials: Credentials::new(KEY, KEY), session_token: None }
    }

    fn signed_by(address: String, keys: &Keys) -> Target {
        let credentials = Credentials::new(&keys.id, &keys.secret);
        let session_token = keys.session_token.clone();
        let credentials = match &session_token {
            Some(token) => credentials.session_token(token),
            None => credentials,
        };
        Target { address, credentials, session_token }
    }
}

fn role_of(account: &str) -> String {
    format!("arn:aws:iam::{account}:role/{ROLE}")
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(own) = &mut self.own {
            // It may have ended already.
            let _ = own.child.kill();
            let _ = own.child.wait();
            let _ = std::fs::remove_dir_all(&own.data);
        }
    }
}

fn spawn(program: &Path, data: &Path, address: &str, iam: Option<&str>) -> anyhow::Result<Child> {
    Command::new(program)
        .args(["serve", "--listen", address, "--log", "error", "--data"])
        .arg(data)
        .args(iam.into_iter().flat_map(|mode| ["--iam", mode]))
        // Where refusals are meant, the first administrator's key is ours.
        .env("AWS_ACCESS_KEY_ID", KEY)
        .env("AWS_SECRET_ACCESS_KEY", KEY)
        .stdin(Stdio::null())
        .spawn()
        .with_context(|| format!("cannot start `{}`", program.display()))
}

/// An address of this machine that nobody listens on.
pub(crate) fn free_address() -> anyhow::Result<String> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    Ok(listener.local_addr()?.to_string())
}
