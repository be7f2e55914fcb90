//! Which service and operation a request means, by what it shows: the target header, the credential
//! scope, the host, the path. Whatever is none of these is S3's.

use http::Method;
use models::service::Entry;
use models::{Operation, Service, identify};

use crate::guard::is_aws;
use crate::protocols::Protocol;
use crate::protocols::query::Form;
use crate::signature::Style;

/// What a request means.
#[derive(Debug)]
pub(crate) enum Meaning {
    /// An operation of a service whose model we carry.
    Operation(Meant),
    /// The operation is named by a form in the body.
    Form,
    /// S3.
    Objects,
    /// Nothing we know.
    Unknown(Unknown),
}

/// An operation, and what its path says.
#[derive(Debug)]
pub(crate) struct Meant {
    pub service: &'static Service,
    pub operation: &'static Operation,
    pub protocol: Protocol,
    pub labels: Vec<(&'static str, String)>,
}

/// What nobody can answer.
#[derive(Debug)]
pub(crate) struct Unknown {
    pub protocol: Protocol,
    pub service: Option<&'static Service>,
    pub message: String,
}

/// Operations that nobody has to sign: their callers prove who they are by something else.
const OPEN: &[(&str, &str)] =
    &[("sts", "AssumeRoleWithWebIdentity"), ("sts", "AssumeRoleWithSAML")];

impl Meaning {
    /// How it is spoken.
    pub(crate) fn protocol(&self) -> Protocol {
        match self {
            Meaning::Operation(meant) => meant.protocol,
            Meaning::Unknown(unknown) => unknown.protocol,
            Meaning::Form | Meaning::Objects => Protocol::Query,
        }
    }

    /// How a wrong signature is told.
    pub(crate) fn style(&self) -> Style {
        match self {
            Meaning::Objects => Style::Objects,
            other => other.protocol().into(),
        }
    }

    /// The service, if it is known already.
    pub(crate) fn service(&self) -> Option<&'static Service> {
        match self {
            Meaning::Operation(meant) => Some(meant.service),
            Meaning::Unknown(unknown) => unknown.service,
            Meaning::Form | Meaning::Objects => None,
        }
    }

    /// Whether it needs no signature.
    pub(crate) fn is_open(&self) -> bool {
        match self {
            Meaning::Operation(meant) => {
                OPEN.contains(&(meant.service.entry.name, &*meant.operation.name))
            }
            _ => false,
        }
    }

    /// Whether it may turn out to need none.
    pub(crate) fn may_be_open(&self) -> bool {
        matches!(self, Meaning::Form) || self.is_open()
    }
}

/// What a request shows of its meaning.
pub(crate) struct Shown<'a> {
    pub method: &'a Method,
    pub path: &'a str,
    pub parameters: &'a Form,
    pub target: Option<&'a str>,
    pub is_form: bool,
    /// The service of the credential scope.
    pub scope: Option<&'a str>,
    /// Of the host, if it is one of AWS's.
    pub host_service: Option<&'a str>,
}

/// Tells services apart.
pub(crate) fn identify(shown: &Shown) -> Meaning {
    if let Some(target) = shown.target {
        return by_target(target);
    }
    let signed_for = shown.scope.or(shown.host_service);
    if signed_for == Some("s3") {
        return Meaning::Objects;
    }
    let candidates: Vec<&'static Entry> = match (shown.scope, shown.host_service) {
        (Some(scope), _) => identify::by_signing_name(scope).collect(),
        (None, Some(host)) => identify::by_endpoint_prefix(host).into_iter().collect(),
        // Unsigned, by hand: only paths that S3 has no use for.
        (None, None) => ["sagemaker-runtime", "sagemaker-metrics"]
            .iter()
            .filter_map(|name| models::entry(name))
            .collect(),
    };
    let queries = |entry: &&Entry| entry.protocols.contains(&"query");
    if shown.path == "/" && signed_for.is_none() && !shown.is_form {
        return form_in_query(shown).unwrap_or(Meaning::Objects);
    }
    if shown.is_form && (shown.path == "/" || candidates.iter().any(queries)) {
        return Meaning::Form;
    }
    if let Some(meant) = candidates.iter().find_map(|entry| by_path(entry, shown)) {
        return Meaning::Operation(meant);
    }
    if let Some(meaning) = form_in_query(shown) {
        return meaning;
    }
    match signed_for {
        None => Meaning::Objects,
        Some(name) => Meaning::Unknown(nothing_at(name, &candidates, shown)),
    }
}

/// By a form's `Action` and `Version`.
pub(crate) fn by_form(form: &Form) -> Meaning {
    let field =
        |name: &str| form.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let (Some(action), Some(version)) = (field("Action"), field("Version")) else {
        return Meaning::Unknown(Unknown {
            protocol: Protocol::Query,
            service: None,
            message: "the form names no Action and Version".to_owned(),
        });
    };
    match identify::by_action(action, version) {
        Some((service, operation)) => {
            let labels = Vec::new();
            Meaning::Operation(Meant { service, operation, protocol: Protocol::Query, labels })
        }
        None => Meaning::Unknown(Unknown {
            protocol: Protocol::Query,
            service: None,
            message: format!("Could not find operation {action} for version {version}"),
        }),
    }
}

/// The service and the region that a host of AWS's names: `runtime.sagemaker.us-east-1.amazonaws.com`.
pub(crate) fn of_host(host: &str) -> (Option<&str>, Option<&str>) {
    if !is_aws(host) {
        return (None, None);
    }
    let labels = [".amazonaws.com.cn", ".amazonaws.com", ".api.aws"]
        .iter()
        .find_map(|suffix| host.strip_suffix(suffix))
        .unwrap_or_default();
    let labels = labels.strip_prefix("sync-").unwrap_or(labels);
    let (rest, region) = match labels.rsplit_once('.') {
        Some((rest, last)) if is_region(last) => (rest, Some(last)),
        _ => (labels, None),
    };
    let rest = rest.strip_suffix(".dualstack").unwrap_or(rest);
    // bucket.s3, bucket.s3-us-west-2, s3
    let last = rest.rsplit('.').next().unwrap_or(rest);
    if last == "s3" || last.starts_with("s3-") {
        return (Some("s3"), region.or(last.strip_prefix("s3-").filter(|name| is_region(name))));
    }
    ((!rest.is_empty()).then_some(rest), region)
}

fn is_region(label: &str) -> bool {
    let number =
        label.rsplit('-').next().is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit()));
    number && label.split('-').count() >= 3
}

fn by_target(target: &str) -> Meaning {
    let unknown = |service, message| {
        Meaning::Unknown(Unknown { protocol: Protocol::AwsJson, service, message })
    };
    let Some((entry, name)) = identify::by_target(target) else {
        return unknown(None, format!("Stepwell knows no service behind the target `{target}`"));
    };
    let service = entry.service();
    match service.operation(name) {
        Some(operation) => {
            let labels = Vec::new();
            Meaning::Operation(Meant { service, operation, protocol: Protocol::AwsJson, labels })
        }
        None => unknown(Some(service), format!("`{}` has no operation `{name}`", entry.name)),
    }
}

fn by_path(entry: &'static Entry, shown: &Shown) -> Option<Meant> {
    if !entry.protocols.contains(&"rest-json") {
        return None;
    }
    let service = entry.service();
    let found =
        service.routes().find(service, shown.method.as_str(), shown.path, shown.parameters)?;
    let (operation, labels) = (found.operation, found.labels);
    Some(Meant { service, operation, protocol: Protocol::RestJson, labels })
}

/// `GET /?Action=GetCallerIdentity&Version=2011-06-15`
fn form_in_query(shown: &Shown) -> Option<Meaning> {
    let has = |name: &str| shown.parameters.iter().any(|(key, _)| key == name);
    (has("Action") && has("Version")).then(|| by_form(shown.parameters))
}

fn nothing_at(name: &str, candidates: &[&'static Entry], shown: &Shown) -> Unknown {
    let Shown { method, path, .. } = shown;
    if candidates.is_empty() {
        let message = format!("Stepwell does not serve `{name}` (asked for {method} {path})");
        return Unknown { protocol: Protocol::RestJson, service: None, message };
    }
    let message = format!("`{name}` has no operation at {method} {path}");
    Unknown { protocol: Protocol::RestJson, service: Some(candidates[0].service()), message }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocols::query;

    /// method path?query · target · scope · host · form: what it means
    fn meaning(line: &str) -> String {
        let [request, target, scope, host, form] =
            line.split('|').map(str::trim).collect::<Vec<_>>()[..]
        else {
            panic!("five columns: {line}");
        };
        let (method, uri) = request.split_once(' ').expect("method and path");
        let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
        let some = |text| if text == "-" { None } else { Some(text) };
        let (host_service, _) = some(host).map(of_host).unwrap_or_default();
        let parameters = query::form(query.as_bytes());
        let shown = Shown {
            method: &method.parse().expect("a method"),
            path,
            parameters: &parameters,
            target: some(target),
            is_form: form == "form",
            scope: some(scope),
            host_service,
        };
        match identify(&shown) {
            Meaning::Operation(meant) => {
                format!("{}:{}", meant.service.entry.name, meant.operation.name)
            }
            Meaning::Form => "form".to_owned(),
            Meaning::Objects => "objects".to_owned(),
            Meaning::Unknown(unknown) => unknown.message,
        }
    }

    #[test]
    fn requests_mean_what_the_table_says() {
        let table = include_str!("../tests/identify.txt");
        for line in table.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')) {
            let (request, expected) = line.split_once("=>").expect("an arrow");
            assert_eq!(meaning(request), expected.trim(), "{line}");
        }
    }

    #[test]
    fn awss_hosts_name_service_and_region() {
        let cases = [
            ("sts.us-east-1.amazonaws.com", Some("sts"), Some("us-east-1")),
            ("sts.amazonaws.com", Some("sts"), None),
            (
                "runtime.sagemaker.eu-west-1.amazonaws.com",
                Some("runtime.sagemaker"),
                Some("eu-west-1"),
            ),
            ("sync-states.us-gov-west-1.amazonaws.com", Some("states"), Some("us-gov-west-1")),
            ("my.bucket.s3.us-west-2.amazonaws.com", Some("s3"), Some("us-west-2")),
            ("s3-us-west-2.amazonaws.com", Some("s3"), Some("us-west-2")),
            ("s3.cn-north-1.amazonaws.com.cn", Some("s3"), Some("cn-north-1")),
            ("localhost", None, None),
            ("amazonaws.com", None, None),
        ];
        for (host, service, region) in cases {
            assert_eq!(of_host(host), (service, region), "{host}");
        }
    }
}
