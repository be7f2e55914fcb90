//! Where to ask, in which region and as whom, from the variables and files every AWS client reads.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use super::Credentials;
use super::service::Service;

/// What a [`Client`](super::Client) needs to know, each part as it was found or set.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    pub region: String,
    pub credentials: Credentials,
    /// One endpoint for every service.
    pub endpoint: Option<String>,
    /// Endpoints of single services, by the suffix of their variable (`SFN`, `S3`, …).
    pub endpoints: HashMap<String, String>,
    pub ca_bundle: Option<PathBuf>,
    pub attempts: u32,
    pub backoff: Duration,
    pub timeout: Duration,
}

/// Something the configuration lacks or has wrong; nothing was sent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// No region in the variables nor in the profile.
    #[error(
        "no region is configured\n  hint: set AWS_REGION, or `region` for profile `{profile}` in ~/.aws/config"
    )]
    NoRegion {
        /// The profile that was looked at.
        profile: String,
    },
    /// No credentials in the variables nor in the profile.
    #[error(
        "no credentials are configured\n  hint: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or add profile `{profile}` to ~/.aws/credentials; \
         for a local server set AWS_ENDPOINT_URL=http://127.0.0.1:4566"
    )]
    NoCredentials {
        /// The profile that was looked at.
        profile: String,
    },
    /// A profile was asked for that neither file has.
    #[error(
        "profile `{profile}` is neither in the shared credentials file nor in the shared config file"
    )]
    NoProfile {
        /// The profile that was asked for.
        profile: String,
    },
    /// The profile gets its credentials in a way this client does not know.
    #[error(
        "profile `{profile}` uses `{setting}`, which this client does not support\n  hint: `aws configure export-credentials --format env` prints variables that it reads"
    )]
    UnsupportedProfile {
        /// The profile.
        profile: String,
        /// The setting that asks for the unsupported way.
        setting: String,
    },
    /// An endpoint is not an `http://` or `https://` URL.
    #[error("endpoint `{endpoint}` is not an http or https URL")]
    BadEndpoint {
        /// The endpoint as it was given.
        endpoint: String,
    },
    /// [`Client::call`](super::Client::call) does not know the service.
    #[error("service `{service}` is not known to this client; it knows {known}")]
    UnknownService {
        /// The service that was asked for.
        service: String,
        /// The services there are.
        known: String,
    },
    /// A picture was asked of AWS.
    #[error(
        "AWS draws no pictures; a Stepwell server does\n  hint: start one (`stepwell serve`) and set AWS_ENDPOINT_URL=http://127.0.0.1:4566"
    )]
    NoServer,
    /// The trusted certificates cannot be read.
    #[error("cannot read the trusted certificates{}: {reason}", .path.as_ref().map(|path| format!(" in `{}`", path.display())).unwrap_or_default())]
    Certificates {
        /// The file that was read, when it was one.
        path: Option<PathBuf>,
        /// What went wrong.
        reason: String,
    },
}

/// What may be set in code; the rest comes from the environment.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wishes {
    pub region: Option<String>,
    pub credentials: Option<Credentials>,
    pub endpoint: Option<String>,
    pub profile: Option<String>,
    pub ca_bundle: Option<PathBuf>,
    pub attempts: Option<u32>,
    pub backoff: Option<Duration>,
    pub timeout: Option<Duration>,
}

impl Config {
    /// Resolves `wishes` with the variables that `variable` knows and the shared files they name.
    pub fn resolve(
        wishes: Wishes,
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Config, ConfigError> {
        let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
        let named = wishes
            .profile
            .clone()
            .or_else(|| variable("AWS_PROFILE"))
            .or_else(|| variable("AWS_DEFAULT_PROFILE"));
        let profile_name = named.clone().unwrap_or_else(|| "default".to_owned());
        let files = SharedFiles::read(&variable);
        let profile = files.profile(&profile_name);
        if named.is_some() && profile.is_none() && wishes.credentials.is_none() {
            return Err(ConfigError::NoProfile { profile: profile_name });
        }
        let profile = profile.unwrap_or_default();

        let configured = variable("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS").as_deref() != Some("true");
        let endpoint = wishes
            .endpoint
            .clone()
            .or_else(|| configured.then(|| variable("AWS_ENDPOINT_URL")).flatten())
            .or_else(|| configured.then(|| profile.get("endpoint_url").cloned()).flatten());
        // An endpoint set in code is meant for every service, whatever the variables say.
        let endpoints = match (&wishes.endpoint, configured) {
            (None, true) => Service::all()
                .filter_map(|service| {
                    let url = variable(&format!("AWS_ENDPOINT_URL_{}", service.variable))?;
                    Some((service.variable.to_owned(), url))
                })
                .collect(),
            _ => HashMap::new(),
        };
        for url in endpoints.values().chain(&endpoint) {
            check_endpoint(url)?;
        }
        let local = endpoint.as_deref().is_some_and(is_loopback)
            || (!endpoints.is_empty() && endpoints.values().all(|url| is_loopback(url)));

        let region = wishes
            .region
            .or_else(|| variable("AWS_REGION"))
            .or_else(|| variable("AWS_DEFAULT_REGION"))
            .or_else(|| profile.get("region").cloned())
            .or_else(|| local.then(|| "us-east-1".to_owned()))
            .ok_or_else(|| ConfigError::NoRegion { profile: profile_name.clone() })?;

        let explicit_profile = wishes.profile.is_some();
        let from_variables = || {
            let (id, secret) = (variable("AWS_ACCESS_KEY_ID")?, variable("AWS_SECRET_ACCESS_KEY")?);
            let mut credentials = Credentials::new(id, secret);
            credentials.session_token = variable("AWS_SESSION_TOKEN");
            Some(credentials)
        };
        let credentials = match wishes.credentials {
            Some(credentials) => credentials,
            None => {
                let found = if explicit_profile { None } else { from_variables() };
                match found {
                    Some(credentials) => credentials,
                    None => match credentials_of(&profile_name, &profile)? {
                        Some(credentials) => credentials,
                        // Only a server on this machine may be asked with made-up keys.
                        None if local => Credentials::new("test", "test"),
                        None => return Err(ConfigError::NoCredentials { profile: profile_name }),
                    },
                }
            }
        };

        let attempts = wishes
            .attempts
            .or_else(|| variable("AWS_MAX_ATTEMPTS").and_then(|number| number.parse().ok()))
            .unwrap_or(3);
        Ok(Config {
            region,
            credentials,
            endpoint,
            endpoints,
            ca_bundle: wishes.ca_bundle.or_else(|| variable("AWS_CA_BUNDLE").map(PathBuf::from)),
            attempts: attempts.max(1),
            backoff: wishes.backoff.unwrap_or(Duration::from_millis(250)),
            // Longer than the longest answer: a synchronous express execution may take five minutes.
            timeout: wishes.timeout.unwrap_or(Duration::from_secs(330)),
        })
    }

    /// The configured endpoint of `service`, without a slash at its end; `None` asks AWS itself.
    pub fn endpoint_of(&self, service: &Service) -> Option<&str> {
        let url = self.endpoints.get(service.variable).or(self.endpoint.as_ref())?;
        Some(url.trim_end_matches('/'))
    }
}

fn credentials_of(name: &str, profile: &Profile) -> Result<Option<Credentials>, ConfigError> {
    if let (Some(id), Some(secret)) =
        (profile.get("aws_access_key_id"), profile.get("aws_secret_access_key"))
    {
        let mut credentials = Credentials::new(id, secret);
        credentials.session_token = profile.get("aws_session_token").cloned();
        return Ok(Some(credentials));
    }
    let unsupported = [
        "role_arn",
        "sso_session",
        "sso_start_url",
        "credential_process",
        "web_identity_token_file",
        "login_session",
    ];
    match unsupported.iter().find(|setting| profile.contains_key(**setting)) {
        Some(setting) => Err(ConfigError::UnsupportedProfile {
            profile: name.to_owned(),
            setting: setting.to_string(),
        }),
        None => Ok(None),
    }
}

fn check_endpoint(url: &str) -> Result<(), ConfigError> {
    let valid = url.parse::<http::Uri>().is_ok_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https"))
            && uri.host().is_some_and(|host| !host.is_empty())
    });
    match valid {
        true => Ok(()),
        false => Err(ConfigError::BadEndpoint { endpoint: url.to_owned() }),
    }
}

/// Whether `url` names this machine.
pub(crate) fn is_loopback(url: &str) -> bool {
    let Ok(uri) = url.parse::<http::Uri>() else { return false };
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost"
        || host.ends_with(".localhost")
        || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

type Profile = HashMap<String, String>;

/// `~/.aws/credentials` and `~/.aws/config`, read as far as they exist.
struct SharedFiles {
    credentials: HashMap<String, Profile>,
    config: HashMap<String, Profile>,
}

impl SharedFiles {
    fn read(variable: &dyn Fn(&str) -> Option<String>) -> SharedFiles {
        let home = variable("HOME").or_else(|| variable("USERPROFILE")).map(PathBuf::from);
        let file = |name: &str, default: &str| {
            let path = variable(name)
                .map(PathBuf::from)
                .or_else(|| home.as_ref().map(|home| home.join(".aws").join(default)));
            path.and_then(|path| std::fs::read_to_string(path).ok())
                .map(|text| sections(&text))
                .unwrap_or_default()
        };
        SharedFiles {
            credentials: file("AWS_SHARED_CREDENTIALS_FILE", "credentials"),
            config: file("AWS_CONFIG_FILE", "config"),
        }
    }

    /// The settings of a profile in both files; the credentials file is the stronger.
    fn profile(&self, name: &str) -> Option<Profile> {
        let in_config = match name {
            "default" => self.config.get("default").or_else(|| self.config.get("profile default")),
            _ => self.config.get(&format!("profile {name}")),
        };
        let in_credentials = self.credentials.get(name);
        if in_config.is_none() && in_credentials.is_none() {
            return None;
        }
        let mut profile = in_config.cloned().unwrap_or_default();
        profile.extend(in_credentials.cloned().unwrap_or_default());
        Some(profile)
    }
}

/// Reads the INI dialect of the shared files. Indented lines belong to a nested setting and are passed over.
fn sections(text: &str) -> HashMap<String, Profile> {
    let mut sections: HashMap<String, Profile> = HashMap::new();
    let mut current: Option<String> = None;
    for line in text.lines() {
        if line.starts_with([' ', '\t']) {
            continue;
        }
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
            let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
            sections.entry(name.clone()).or_default();
            current = Some(name);
        } else if let (Some(section), Some((key, value))) = (&current, line.split_once('=')) {
            let value = value.split(" #").next().unwrap_or_default().trim();
            sections
                .entry(section.clone())
                .or_default()
                .insert(key.trim().to_lowercase(), value.to_owned());
        }
    }
    sections
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(wishes: Wishes, variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
        Config::resolve(wishes, &|name| {
            variables.iter().find(|(key, _)| *key == name).map(|(_, value)| value.to_string())
        })
    }

    fn service(name: &str) -> &'static Service {
        Service::named(name).unwrap()
    }

    #[test]
    fn made_up_keys_serve_this_machine_only() {
        for url in [
            "http://127.0.0.1:4566",
            "http://localhost:4566/",
            "http://[::1]:80",
            "http://s3.localhost:1",
        ] {
            let config = resolve(Wishes::default(), &[("AWS_ENDPOINT_URL", url)]).unwrap();
            assert_eq!(config.credentials, Credentials::new("test", "test"), "{url}");
            assert_eq!(config.region, "us-east-1");
        }
        for url in ["http://stepwell.example:4566", "https://localhost.example.com"] {
            let variables = [("AWS_ENDPOINT_URL", url), ("AWS_REGION", "eu-west-1")];
            assert!(
                matches!(
                    resolve(Wishes::default(), &variables),
                    Err(ConfigError::NoCredentials { .. })
                ),
                "{url}"
            );
        }
        assert!(matches!(resolve(Wishes::default(), &[]), Err(ConfigError::NoRegion { .. })));
    }

    #[test]
    fn a_service_may_have_an_endpoint_of_its_own() {
        let variables = [
            ("AWS_ENDPOINT_URL", "http://127.0.0.1:1/"),
            ("AWS_ENDPOINT_URL_SFN", "http://127.0.0.1:2"),
            ("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:3"),
        ];
        let config = resolve(Wishes::default(), &variables).unwrap();
        assert_eq!(config.endpoint_of(service("stepfunctions")), Some("http://127.0.0.1:2"));
        assert_eq!(config.endpoint_of(service("s3")), Some("http://127.0.0.1:3"));
        assert_eq!(config.endpoint_of(service("sagemaker")), Some("http://127.0.0.1:1"));

        let code = Wishes { endpoint: Some("http://127.0.0.1:9".into()), ..Wishes::default() };
        assert_eq!(
            resolve(code, &variables).unwrap().endpoint_of(service("s3")),
            Some("http://127.0.0.1:9")
        );
        let refused = resolve(Wishes::default(), &[("AWS_ENDPOINT_URL", "127.0.0.1:4566")]);
        assert!(matches!(refused, Err(ConfigError::BadEndpoint { .. })));
    }

    #[test]
    fn profiles_come_from_both_files() {
        let folder =
            std::env::temp_dir().join(format!("stepwell-sdk-profiles-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let (credentials, config) = (folder.join("credentials"), folder.join("config"));
        std::fs::write(
            &credentials,
            "[default]\naws_access_key_id = A\naws_secret_access_key=B # mine\n\n[work]\naws_access_key_id=C\naws_secret_access_key=D\naws_session_token=E\n",
        )
        .unwrap();
        std::fs::write(&config, "[default]\nregion = eu-north-1\n[profile work]\nregion=eu-west-2\ns3 =\n  max_concurrent_requests = 20\n[profile sso]\nregion=x\nsso_session = corp\n").unwrap();
        let files = [
            ("AWS_SHARED_CREDENTIALS_FILE", credentials.to_str().unwrap()),
            ("AWS_CONFIG_FILE", config.to_str().unwrap()),
        ];
        let default = resolve(Wishes::default(), &files).unwrap();
        assert_eq!(
            (default.credentials, default.region.as_str()),
            (Credentials::new("A", "B"), "eu-north-1")
        );

        let with = |more: &[(&'static str, &'static str)]| {
            let mut variables = files.to_vec();
            variables.extend_from_slice(more);
            resolve(Wishes::default(), &variables)
        };
        let work = with(&[("AWS_PROFILE", "work")]).unwrap();
        assert_eq!(work.credentials, Credentials::new("C", "D").session_token("E"));
        assert_eq!(work.region, "eu-west-2");
        // Keys in the variables win over a profile named by a variable, as they do in every AWS client.
        let keys =
            [("AWS_PROFILE", "work"), ("AWS_ACCESS_KEY_ID", "X"), ("AWS_SECRET_ACCESS_KEY", "Y")];
        assert_eq!(with(&keys).unwrap().credentials, Credentials::new("X", "Y"));
        assert!(matches!(with(&[("AWS_PROFILE", "none")]), Err(ConfigError::NoProfile { .. })));
        assert!(matches!(
            with(&[("AWS_PROFILE", "sso")]),
            Err(ConfigError::UnsupportedProfile { .. })
        ));
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
