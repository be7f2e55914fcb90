//! Configuration: flags before environment before `stepwell.toml` before defaults. Every flag of
//! `serve` has a key of the same name (dashes as underscores).

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use asl::Limits;
use clap::{Args, ValueEnum};
use engine::Retention;
use gateway::Bounds;
use gateway::tls::Certificate;
use serde::Deserialize;
use services::audit::{AuditSettings, Events as AuditEvents};
use services::elsewhere::Connection;
use services::iam::guard::{GuardSettings, Mode};
use services::quotas::Quotas;
use services::stepfunctions::AccountLimits;
use services::sts::sign_in::SignIn;

use crate::elsewhere;
use crate::observe::{Events, Traces};

/// Where a server listens unless told otherwise.
pub const DEFAULT_LISTEN: &str = "127.0.0.1:4566";
/// Where a server keeps everything unless told otherwise.
pub const DEFAULT_DATA: &str = "./.stepwell";
/// The account of callers who name none.
pub const DEFAULT_ACCOUNT: &str = "000000000000";

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Human,
    /// One JSON object a line.
    Json,
}

/// What becomes of calls that AWS would refuse.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IamMode {
    /// Nobody asks.
    Off,
    /// Nothing is refused; `stepwell iam report` tells what would have been.
    #[default]
    Advise,
    /// They are refused.
    Enforce,
}

impl From<IamMode> for services::iam::guard::Mode {
    fn from(mode: IamMode) -> Self {
        match mode {
            IamMode::Off => Self::Off,
            IamMode::Advise => Self::Advise,
            IamMode::Enforce => Self::Enforce,
        }
    }
}

/// The `[iam]` table of `stepwell.toml`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct IamFile {
    mode: Option<IamMode>,
    /// By account.
    accounts: BTreeMap<String, IamMode>,
    require_add_tags: bool,
}

/// The flags of everything that starts a server.
#[derive(Args, Clone, Debug, Default)]
pub struct ServerFlags {
    /// The data folder: database, objects, jobs, logs. Made if it is missing [default: ./.stepwell]
    #[arg(long, value_name = "DIR", env = "STEPWELL_DATA")]
    pub data: Option<PathBuf>,
    /// The configuration file [default: stepwell.toml beside the data folder, if there is one]
    #[arg(long, value_name = "FILE", env = "STEPWELL_CONFIG")]
    pub config: Option<PathBuf>,
    /// The address to listen on; port 0 takes a free one [default: 127.0.0.1:4566]
    #[arg(long, value_name = "ADDRESS", env = "STEPWELL_LISTEN")]
    pub listen: Option<SocketAddr>,
    /// The account of callers whose access key is not an account number [default: 000000000000]
    #[arg(long, value_name = "DIGITS", env = "STEPWELL_ACCOUNT")]
    pub account: Option<String>,
    /// Calls that IAM's policies do not allow: done unasked, done and told, or refused [default: advise]
    #[arg(long, value_enum, value_name = "MODE", env = "STEPWELL_IAM")]
    pub iam: Option<IamMode>,
    /// Calls that are written to DATA/audit as CloudTrail does [default: none]
    #[arg(long, value_name = "EVENTS", env = "STEPWELL_AUDIT", value_parser = audit_events)]
    pub audit: Option<AuditEvents>,
    /// How log lines look on standard error [default: human]
    #[arg(long, value_enum, env = "STEPWELL_LOG_FORMAT")]
    pub log_format: Option<LogFormat>,
    /// What is logged: error, warn, info, debug, trace, or a filter such as info,engine=debug [default: info]
    #[arg(long, value_name = "FILTER", env = "STEPWELL_LOG")]
    pub log: Option<String>,
    /// Jobs that run at once; the others wait in Starting [default: 1]
    #[arg(long, value_name = "N")]
    pub jobs: Option<usize>,
    /// CPUs of one job [default: all, divided by --jobs]
    #[arg(long, value_name = "N")]
    pub cpus_per_job: Option<usize>,
    /// The XGBoost library, or a folder with several [default: searched beside the program, in DATA/lib, in virtual environments]
    #[arg(long, value_name = "PATH", env = "STEPWELL_XGBOOST_LIB")]
    pub xgboost_lib: Option<PathBuf>,
    /// Days that executions are kept after their end [default: 90]
    #[arg(long, value_name = "DAYS")]
    pub retention_days: Option<u32>,
    /// Refuse jobs whose image wants a version of XGBoost that is not installed, rather than use another
    #[arg(long)]
    pub xgboost_exact: bool,
    /// Answers of tasks for tests, in the format of Step Functions Local's MockConfigFile
    #[arg(long, value_name = "FILE")]
    pub mock_config: Option<PathBuf>,
    /// Send a service's tasks elsewhere, e.g. lambda=http://127.0.0.1:3001 (repeatable)
    #[arg(long, value_name = "SERVICE=URL", value_parser = elsewhere::pair)]
    pub service_endpoint: Vec<(String, String)>,
    /// Requests with a wrong signature, or none, that one address may send a second [default: 20]
    #[arg(long, value_name = "N")]
    pub wrong_signatures_per_second: Option<u32>,
    /// Listen beyond this machine although callers need not prove who they are
    #[arg(long)]
    pub i_know_this_is_open: bool,
    /// Web origins whose pages may call, e.g. https://example.org (repeatable)
    #[arg(long, value_name = "ORIGIN")]
    pub allowed_origins: Vec<String>,
    /// Further host names we may be called by, e.g. stepwell.internal (repeatable)
    #[arg(long, value_name = "HOST")]
    pub allowed_hosts: Vec<String>,
    /// Speak HTTPS, with a certificate of the authority in DATA/tls, which is made there
    #[arg(long, value_enum, value_name = "HOW", env = "STEPWELL_TLS")]
    pub tls: Option<TlsMode>,
    /// Speak HTTPS with this certificate, and those that vouch for it behind it (PEM)
    #[arg(long, value_name = "FILE", env = "STEPWELL_TLS_CERT", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// The key of --tls-cert (PEM)
    #[arg(long, value_name = "FILE", env = "STEPWELL_TLS_KEY", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
}

/// Whether the port speaks HTTPS with a certificate of our own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TlsMode {
    /// Plain HTTP.
    #[default]
    Off,
    /// The authority in the data folder makes one.
    Generate,
}

/// `stepwell.toml`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct File {
    data: Option<PathBuf>,
    listen: Option<SocketAddr>,
    account: Option<String>,
    iam: IamFile,
    log_format: Option<LogFormat>,
    log: Option<String>,
    jobs: Option<usize>,
    cpus_per_job: Option<usize>,
    xgboost_lib: Option<PathBuf>,
    xgboost_exact: Option<bool>,
    mock_config: Option<PathBuf>,
    service_endpoints: BTreeMap<String, String>,
    connections: BTreeMap<String, Connection>,
    allowed_origins: Vec<String>,
    allowed_hosts: Vec<String>,
    wrong_signatures_per_second: Option<u32>,
    i_know_this_is_open: bool,
    limits: LimitsFile,
    retention_days: Option<u32>,
    /// Days by state machine: its ARN or its name.
    retention: BTreeMap<String, u32>,
    events: Events,
    traces: Traces,
    quotas: Quotas,
    port: Bounds,
    audit: AuditSettings,
    tls: Option<TlsMode>,
    tls_cert: Option<PathBuf>,
    tls_key: Option<PathBuf>,
    sign_in: Option<SignIn>,
}

/// `[limits]`: bounds of the language and of accounts, in one table.
#[derive(Debug, Default, Deserialize)]
#[serde(try_from = "toml::Table")]
struct LimitsFile {
    language: Limits,
    account: AccountLimits,
}

impl TryFrom<toml::Table> for LimitsFile {
    type Error = toml::de::Error;

    fn try_from(all: toml::Table) -> Result<LimitsFile, toml::de::Error> {
        let (account, language): (toml::Table, toml::Table) =
            all.into_iter().partition(|(name, _)| AccountLimits::NAMES.contains(&&**name));
        Ok(LimitsFile { language: language.try_into()?, account: account.try_into()? })
    }
}

/// What a server is started with.
#[derive(Clone, Debug)]
pub struct Config {
    /// The data folder, absolute.
    pub data: PathBuf,
    /// The address to listen on.
    pub listen: SocketAddr,
    /// The default account.
    pub account: String,
    /// What becomes of calls that AWS would refuse.
    pub iam: GuardSettings,
    /// How log lines look.
    pub log_format: LogFormat,
    /// What is logged.
    pub log: String,
    /// Jobs that run at once.
    pub jobs: usize,
    /// CPUs of one job.
    pub cpus_per_job: usize,
    /// Where to look for XGBoost first.
    pub xgboost_lib: Option<PathBuf>,
    /// Refuse other versions than the one wanted.
    pub xgboost_exact: bool,
    /// Answers of tasks for tests.
    pub mock_config: Option<PathBuf>,
    /// Where services answer that are elsewhere, by their names.
    pub service_endpoints: BTreeMap<String, String>,
    /// What HTTP tasks are let in with, by the connection's name.
    pub connections: BTreeMap<String, Connection>,
    /// Web origins whose pages may call.
    pub allowed_origins: Vec<String>,
    /// Further host names.
    pub allowed_hosts: Vec<String>,
    /// Requests with a wrong signature, or none, that one address may send a second.
    pub wrong_signatures_per_second: u32,
    /// Listen beyond this machine although callers need not prove who they are.
    pub i_know_this_is_open: bool,
    /// Bounds of definitions and executions.
    pub limits: Limits,
    /// How much an account may have.
    pub account_limits: AccountLimits,
    /// How long executions are kept after their end.
    pub retention: Retention,
    /// Where EventBridge's events of executions go.
    pub events: Events,
    /// Where traces of executions go.
    pub traces: Traces,
    /// How often operations may be called.
    pub quotas: Quotas,
    /// How much the port takes on at once.
    pub port: Bounds,
    /// Which calls are written to the audit log.
    pub audit: AuditSettings,
    /// The port's certificate; none for plain HTTP.
    pub tls: Option<Certificate>,
    /// Whom people sign in to the console with.
    pub sign_in: Option<SignIn>,
}

impl Config {
    /// Puts flags, environment, file and defaults together.
    ///
    /// # Errors
    /// A configuration file that cannot be read, or says what is not understood, with its line.
    pub fn load(flags: &ServerFlags) -> anyhow::Result<Config> {
        let file = read_file(flags)?;
        let listen = match flags.listen.or(file.listen) {
            Some(listen) => listen,
            None => DEFAULT_LISTEN.parse().context("the default address")?,
        };
        let tls = certificate(flags, &file, listen.ip())?;
        let data = flags.data.clone().or(file.data).unwrap_or_else(|| DEFAULT_DATA.into());
        let account =
            flags.account.clone().or(file.account).unwrap_or_else(|| DEFAULT_ACCOUNT.into());
        anyhow::ensure!(
            account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit()),
            "the account `{account}` is not twelve digits"
        );
        check_limits(&file.limits.language)?;
        file.quotas.check().map_err(anyhow::Error::msg)?;
        file.audit.check().map_err(anyhow::Error::msg)?;
        file.sign_in.as_ref().map_or(Ok(()), SignIn::check).map_err(anyhow::Error::msg)?;
        let cpus = std::thread::available_parallelism().map_or(1, usize::from);
        let jobs = flags.jobs.or(file.jobs).unwrap_or(1).max(1);
        Ok(Config {
            data: std::path::absolute(&data)
                .with_context(|| format!("the data folder `{}`", data.display()))?,
            listen,
            account,
            iam: GuardSettings {
                mode: flags.iam.or(file.iam.mode).unwrap_or_default().into(),
                accounts: file
                    .iam
                    .accounts
                    .into_iter()
                    .map(|(id, mode)| (id, mode.into()))
                    .collect(),
                require_add_tags: file.iam.require_add_tags,
            },
            log_format: flags.log_format.or(file.log_format).unwrap_or_default(),
            log: flags.log.clone().or(file.log).unwrap_or_else(|| "info".into()),
            retention: Retention {
                usual: millis(flags.retention_days.or(file.retention_days).unwrap_or(90)),
                of: file.retention.into_iter().map(|(name, days)| (name, millis(days))).collect(),
            },
            jobs,
            cpus_per_job: flags.cpus_per_job.or(file.cpus_per_job).unwrap_or(cpus / jobs).max(1),
            xgboost_lib: flags.xgboost_lib.clone().or(file.xgboost_lib),
            xgboost_exact: flags.xgboost_exact || file.xgboost_exact.unwrap_or(false),
            mock_config: flags.mock_config.clone().or(file.mock_config),
            service_endpoints: {
                let mut endpoints = file.service_endpoints;
                endpoints.extend(flags.service_endpoint.iter().cloned());
                endpoints
            },
            connections: file.connections,
            allowed_origins: [flags.allowed_origins.clone(), file.allowed_origins].concat(),
            allowed_hosts: [flags.allowed_hosts.clone(), file.allowed_hosts].concat(),
            wrong_signatures_per_second: flags
                .wrong_signatures_per_second
                .or(file.wrong_signatures_per_second)
                .unwrap_or(20),
            i_know_this_is_open: flags.i_know_this_is_open || file.i_know_this_is_open,
            limits: file.limits.language,
            account_limits: file.limits.account,
            events: file.events,
            traces: file.traces,
            quotas: file.quotas,
            port: file.port,
            tls,
            sign_in: file.sign_in,
            audit: AuditSettings { events: flags.audit.unwrap_or(file.audit.events), ..file.audit },
        })
    }
}

/// The port's certificate. Flags come before the file as a whole: `--tls off` is off.
fn certificate(
    flags: &ServerFlags,
    file: &File,
    listen: IpAddr,
) -> anyhow::Result<Option<Certificate>> {
    let of_flags = (flags.tls, flags.tls_cert.clone(), flags.tls_key.clone());
    let of_file = (file.tls, file.tls_cert.clone(), file.tls_key.clone());
    match if of_flags == (None, None, None) { of_file } else { of_flags } {
        (None | Some(TlsMode::Off), None, None) => Ok(None),
        (None, Some(chain), Some(key)) => Ok(Some(Certificate::Given { chain, key })),
        (Some(TlsMode::Generate), None, None) => {
            let mut names = vec!["localhost".to_owned(), "*.localhost".to_owned()];
            names.extend(["127.0.0.1".to_owned(), "::1".to_owned()]);
            if !listen.is_unspecified() && !listen.is_loopback() {
                names.push(listen.to_string());
            }
            let allowed = flags.allowed_hosts.iter().chain(&file.allowed_hosts);
            names.extend(allowed.filter(|host| *host != "*").cloned());
            Ok(Some(Certificate::Made(names)))
        }
        _ => anyhow::bail!(
            "TLS needs either `tls = \"generate\"`, or both `tls_cert` and `tls_key`, and not more"
        ),
    }
}

impl Config {
    /// `http://ADDRESS`, or `https://`.
    pub fn url(&self, address: SocketAddr) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{address}")
    }

    /// Holds the address to who may call.
    ///
    /// # Errors
    /// An address that others can reach, where they would not have to prove who they are.
    pub fn check_openness(&self) -> anyhow::Result<()> {
        let proven = self.iam.mode == Mode::Enforce
            && self.iam.accounts.values().all(|mode| *mode == Mode::Enforce);
        anyhow::ensure!(
            proven || self.listen.ip().is_loopback() || self.i_know_this_is_open,
            "{} can be reached from other machines, and nobody there would have to prove who they are: \
             add --iam enforce, or --i-know-this-is-open if that is meant",
            self.listen
        );
        Ok(())
    }
}

/// Which calls are written to the audit log.
fn audit_events(text: &str) -> Result<AuditEvents, String> {
    match text {
        "none" => Ok(AuditEvents::None),
        "management" => Ok(AuditEvents::Management),
        "all" => Ok(AuditEvents::All),
        _ => Err("say none, management or all".to_owned()),
    }
}

/// Bounds within which an execution can at least begin, fail and say so.
fn check_limits(limits: &Limits) -> anyhow::Result<()> {
    let least = [
        ("definition_bytes_max", limits.definition_bytes_max as u64, 2),
        ("payload_bytes_max", limits.payload_bytes_max as u64, 2),
        ("variable_bytes_max", limits.variable_bytes_max as u64, 1),
        ("assign_bytes_max", limits.assign_bytes_max as u64, 1),
        ("variables_bytes_max", limits.variables_bytes_max as u64, 1),
        ("history_events_max", limits.history_events_max, 3),
        ("error_bytes_max", limits.error_bytes_max as u64, 1),
        ("cause_bytes_max", limits.cause_bytes_max as u64, 1),
        ("state_name_characters_max", limits.state_name_characters_max as u64, 1),
        ("variable_name_characters_max", limits.variable_name_characters_max as u64, 1),
        ("inline_map_concurrency_max", limits.inline_map_concurrency_max, 1),
        ("express_seconds_max", limits.express_seconds_max, 1),
    ];
    for (name, given, least) in least {
        anyhow::ensure!(
            given >= least,
            "the limit `{name}` is {given}; it must be at least {least}"
        );
    }
    Ok(())
}

fn millis(days: u32) -> i64 {
    i64::from(days) * 24 * 3_600_000
}

fn read_file(flags: &ServerFlags) -> anyhow::Result<File> {
    let path = match &flags.config {
        Some(path) => path.clone(),
        None => {
            let data = flags.data.clone().unwrap_or_else(|| DEFAULT_DATA.into());
            let beside = data.parent().unwrap_or(Path::new(".")).join("stepwell.toml");
            if !beside.exists() {
                return Ok(File::default());
            }
            beside
        }
    };
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read the configuration file `{}`", path.display()))?;
    toml::from_str(&text).with_context(|| format!("the configuration file `{}`", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str, flags: ServerFlags) -> anyhow::Result<Config> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("stepwell.toml");
        std::fs::write(&path, text)?;
        Config::load(&ServerFlags { config: Some(path), ..flags })
    }

    #[test]
    fn flags_come_before_the_file() -> anyhow::Result<()> {
        let text = "account = \"111111111111\"\njobs = 3\nallowed_hosts = [\"a\"]\n";
        let flags = ServerFlags {
            jobs: Some(2),
            allowed_hosts: vec!["b".into()],
            ..ServerFlags::default()
        };
        let config = load(text, flags)?;
        assert_eq!((config.account.as_str(), config.jobs), ("111111111111", 2));
        assert_eq!(config.allowed_hosts, ["b", "a"]);
        Ok(())
    }

    #[test]
    fn limits_are_awss_unless_the_file_says_otherwise() -> anyhow::Result<()> {
        let config = load("[limits]\npayload_bytes_max = 1000000\n", ServerFlags::default())?;
        let raised = Limits { payload_bytes_max: 1_000_000, ..Limits::default() };
        assert_eq!(config.limits, raised);
        assert_eq!(load("", ServerFlags::default())?.limits, Limits::default());
        let error = load("[limits]\nhistory_events_max = 1\n", ServerFlags::default());
        assert!(error.unwrap_err().to_string().contains("history_events_max"));
        assert!(load("[limits]\nbytes = 1\n", ServerFlags::default()).is_err());
        let both = "[limits]\npayload_bytes_max = 1000000\naliases_max = 500\n";
        let config = load(both, ServerFlags::default())?;
        assert_eq!(config.limits, raised);
        let more = AccountLimits { aliases_max: 500, ..AccountLimits::default() };
        assert_eq!(config.account_limits, more);
        Ok(())
    }

    #[test]
    fn services_elsewhere_are_named_in_both_places() -> anyhow::Result<()> {
        let text = "[service_endpoints]\nlambda = \"http://a:1\"\nsqs = \"http://a:2\"\n\
                    [connections.shop]\nbasic = { username = \"u\", password = \"p\" }\n";
        let flags = ServerFlags {
            service_endpoint: vec![("lambda".into(), "http://b:1".into())],
            ..ServerFlags::default()
        };
        let config = load(text, flags)?;
        let told = |service: &str| config.service_endpoints[service].as_str();
        assert_eq!((told("lambda"), told("sqs")), ("http://b:1", "http://a:2"));
        assert!(config.connections["shop"].basic.is_some());
        assert!(elsewhere::elsewhere(&config).is_ok());
        let wrong =
            |text| load(text, ServerFlags::default()).and_then(|c| elsewhere::elsewhere(&c));
        let error =
            format!("{:#}", wrong("[service_endpoints]\nlamda = \"http://a\"\n").unwrap_err());
        assert!(error.contains("lamda") && error.contains("lambda"), "{error}");
        let error = format!("{:#}", wrong("[service_endpoints]\nlambda = \"a:1\"\n").unwrap_err());
        assert!(error.contains("http://HOST:PORT"), "{error}");
        Ok(())
    }

    #[test]
    fn retention_is_said_in_days() -> anyhow::Result<()> {
        let text = "retention_days = 7\n[retention]\nshort = 1\n";
        let config = load(text, ServerFlags::default())?;
        assert_eq!(config.retention.usual, 7 * 86_400_000);
        assert_eq!(config.retention.of["short"], 86_400_000);
        assert_eq!(load("", ServerFlags::default())?.retention, Retention::default());
        Ok(())
    }

    #[test]
    fn tls_is_given_or_made_and_not_both() -> anyhow::Result<()> {
        let made = "tls = \"generate\"\nallowed_hosts = [\"stepwell.internal\", \"*\"]\n";
        let config = load(made, ServerFlags::default())?;
        let Some(Certificate::Made(names)) = &config.tls else { panic!("{:?}", config.tls) };
        assert_eq!(names.last().map(String::as_str), Some("stepwell.internal"));
        assert_eq!(config.url(config.listen), "https://127.0.0.1:4566");
        let off = ServerFlags { tls: Some(TlsMode::Off), ..ServerFlags::default() };
        assert_eq!(load(made, off)?.tls, None);
        let given = load("tls_cert = \"c\"\ntls_key = \"k\"\n", ServerFlags::default())?.tls;
        let (chain, key) = ("c".into(), "k".into());
        assert_eq!(given, Some(Certificate::Given { chain, key }));
        assert!(load("tls_cert = \"c\"\n", ServerFlags::default()).is_err());
        let both = "tls = \"generate\"\ntls_cert = \"c\"\ntls_key = \"k\"\n";
        assert!(load(both, ServerFlags::default()).is_err());
        Ok(())
    }

    #[test]
    fn the_audit_log_has_a_flag_and_a_table() -> anyhow::Result<()> {
        let text = "[audit]\nevents = \"management\"\nfiles_kept = 3\n";
        let flags = ServerFlags { audit: Some(AuditEvents::All), ..ServerFlags::default() };
        let config = load(text, flags)?.audit;
        assert_eq!((config.events, config.files_kept), (AuditEvents::All, 3));
        assert!(load("[audit]\nfiles_kept = 0\n", ServerFlags::default()).is_err());
        assert!(load("[audit]\nevent = \"all\"\n", ServerFlags::default()).is_err());
        Ok(())
    }

    #[test]
    fn what_is_not_understood_is_named() {
        let error = format!("{:#}", load("acount = 1\n", ServerFlags::default()).unwrap_err());
        assert!(error.contains("acount") && error.contains("line 1"), "{error}");
        assert!(load("account = \"12\"\n", ServerFlags::default()).is_err());
    }
}
