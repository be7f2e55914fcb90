//! The server that is measured: one of our own, started and killed as a scenario wants, or a given one.

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
use crate::connection::Connection;
use crate::process::{self, Usage};

/// A server that runs already.
#[derive(Clone, Debug)]
pub struct Given {
    /// `HOST:PORT`.
    pub address: String,
    /// Its process, for CPU time and memory.
    pub process: Option<u32>,
}

/// A server that answers. One of our own ends with this.
pub struct Server {
    address: String,
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
pub(crate) const KEY: &str = "bench";
/// The state machines' role.
pub(crate) const ROLE: &str = "bench";
const PATIENCE: Duration = Duration::from_secs(60);

impl Server {
    /// The given server; else one of our own on a new data folder.
    pub async fn of(options: &Options) -> anyhow::Result<Server> {
        if let Some(Given { address, process }) = options.given.clone() {
            return Ok(Server { address, process, own: None });
        }
        let data = tempfile::Builder::new().prefix("server-").tempdir_in(&options.folder)?.keep();
        let address = free_address()?;
        let child = spawn(&options.program, &data, &address, options.iam.as_deref())?;
        let process = Some(child.id());
        let (program, iam) = (options.program.clone(), options.iam.clone());
        let own = Some(Own { program, iam, data, child });
        let server = Server { address, process, own };
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
        client.call("iam", "CreateRole", role).await?;
        let policy = "arn:aws:iam::aws:policy/AdministratorAccess";
        let attached = json!({ "RoleName": ROLE, "PolicyArn": policy });
        client.call("iam", "AttachRolePolicy", attached).await?;
        Ok(())
    }

    /// A client for what a scenario needs beside its load.
    pub(crate) fn client(&self) -> anyhow::Result<Client> {
        Ok(Client::builder()
            .endpoint(format!("http://{}", self.address))
            .region("us-east-1")
            .credentials(Credentials::new(KEY, KEY))
            .build()?)
    }

    /// `HOST:PORT`.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    pub(crate) fn connection(&self) -> Connection {
        Connection::new(&self.address)
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
        own.child = spawn(&own.program, &own.data, &self.address, own.iam.as_deref())?;
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
