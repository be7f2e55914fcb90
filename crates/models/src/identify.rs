//! Which service is meant, by what a request shows of it. Parses no model but the one it finds.

use std::collections::HashMap;
use std::sync::OnceLock;

use crate::service::{Entry, Operation, Service, entries};

/// By the header `X-Amz-Target`: the service, and the name behind the dot (which it may not have).
///
/// ```
/// let (entry, name) = models::identify::by_target("AWSStepFunctions.StartExecution").unwrap();
/// assert_eq!((entry.name, name), ("stepfunctions", "StartExecution"));
/// ```
pub fn by_target(target: &str) -> Option<(&'static Entry, &str)> {
    static PREFIXES: OnceLock<HashMap<&'static str, &'static Entry>> = OnceLock::new();
    let (prefix, name) = target.rsplit_once('.')?;
    let prefixes = PREFIXES.get_or_init(|| {
        entries().iter().filter_map(|entry| Some((entry.target_prefix?, entry))).collect()
    });
    prefixes.get(prefix).map(|entry| (*entry, name))
}

/// By the service of the credential scope; `sagemaker` is three services, told apart by their paths.
pub fn by_signing_name(name: &str) -> impl Iterator<Item = &'static Entry> {
    entries().iter().filter(move |entry| entry.signing_name == name)
}

/// By what a host name begins with: `states`, `runtime.sagemaker`, `monitoring`, `logs`.
pub fn by_endpoint_prefix(prefix: &str) -> Option<&'static Entry> {
    entries().iter().find(|entry| entry.endpoint_prefix == prefix || entry.signing_name == prefix)
}

/// By the `Version` of a query request, and its `Action` where several services share a version.
pub fn by_action(action: &str, version: &str) -> Option<(&'static Service, &'static Operation)> {
    entries()
        .iter()
        .filter(|entry| entry.api_version == version && entry.protocols.contains(&"query"))
        .find_map(|entry| {
            let service = entry.service();
            Some((service, service.operation(action)?))
        })
}

/// By the name that Step Functions has for it in `arn:aws:states:::aws-sdk:NAME:action`.
pub fn by_task_name(name: &str) -> Option<&'static Entry> {
    entries().iter().find(|entry| entry.task_name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_are_told_apart() {
        let target = |target| by_target(target).map(|(entry, name)| (entry.name, name));
        assert_eq!(target("SageMaker.CreateModel"), Some(("sagemaker", "CreateModel")));
        assert_eq!(target("Logs_20140328.GetLogEvents"), Some(("logs", "GetLogEvents")));
        assert_eq!(target("Nobody.Home"), None);
        assert_eq!(target("StartExecution"), None);
        let names: Vec<_> = by_signing_name("sagemaker").map(|entry| entry.name).collect();
        assert_eq!(names, ["sagemaker", "sagemaker-runtime", "sagemaker-metrics"]);
        let action =
            |action, version| by_action(action, version).map(|(s, o)| (s.entry.name, &*o.name));
        assert_eq!(action("GetCallerIdentity", "2011-06-15"), Some(("sts", "GetCallerIdentity")));
        assert_eq!(action("GetRole", "2010-05-08"), Some(("iam", "GetRole")));
        assert_eq!(action("GetRole", "2011-06-15"), None);
        assert_eq!(
            by_endpoint_prefix("runtime.sagemaker").map(|entry| entry.name),
            Some("sagemaker-runtime")
        );
        assert_eq!(by_task_name("cloudwatchlogs").map(|entry| entry.name), Some("logs"));
    }
}
