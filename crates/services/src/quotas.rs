//! Token buckets: how often an account may call an operation in a region. Off unless asked for; with AWS's
//! own numbers, so that a client's way of being throttled can be tried, or with any others.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard};

use asl::{Header, Timestamp};
use engine::Pace;
use serde::Deserialize;

use crate::{Caller, Error, Origin};

/// What the configuration says (`[quotas]`): none, AWS's, others.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Quotas {
    /// AWS's numbers for Step Functions.
    pub aws: bool,
    /// By service and operation, before AWS's.
    #[serde(flatten)]
    pub of: BTreeMap<String, BTreeMap<String, Quota>>,
}

/// A bucket holds so many tokens, and gets so many back each second. Each call takes one.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quota {
    /// Calls at once.
    pub bucket: f64,
    /// Calls a second, for ever.
    pub refill: f64,
}

/// The name under which Express executions are started: AWS counts them apart from Standard ones.
pub(crate) const START_EXPRESS: &str = "StartExecution-EXPRESS";

/// The name under which state transitions of Standard executions are counted, as AWS's metrics call them.
/// It is no operation: what is over is delayed, not refused.
pub(crate) const STATE_TRANSITION: &str = "StateTransition";

/// An operation, and its bucket and refill in N. Virginia, Oregon and Ireland, and elsewhere.
type Row = (&'static str, (f64, f64), (f64, f64));

/// Step Functions' quotas.
#[rustfmt::skip]
const AWS: &[Row] = &[
    ("CreateActivity", (100.0, 1.0), (100.0, 1.0)),
    ("CreateStateMachine", (100.0, 1.0), (100.0, 1.0)),
    ("CreateStateMachineAlias", (100.0, 1.0), (100.0, 1.0)),
    ("DeleteActivity", (100.0, 1.0), (100.0, 1.0)),
    ("DeleteStateMachine", (100.0, 1.0), (100.0, 1.0)),
    ("DeleteStateMachineAlias", (100.0, 1.0), (100.0, 1.0)),
    ("DeleteStateMachineVersion", (100.0, 1.0), (100.0, 1.0)),
    ("DescribeActivity", (200.0, 1.0), (200.0, 1.0)),
    ("DescribeExecution", (300.0, 15.0), (250.0, 10.0)),
    ("DescribeMapRun", (200.0, 1.0), (200.0, 1.0)),
    ("DescribeStateMachine", (200.0, 20.0), (200.0, 20.0)),
    ("DescribeStateMachineAlias", (200.0, 1.0), (200.0, 1.0)),
    ("DescribeStateMachineForExecution", (200.0, 1.0), (200.0, 1.0)),
    ("GetActivityTask", (3_000.0, 500.0), (1_500.0, 300.0)),
    ("GetExecutionHistory", (400.0, 20.0), (400.0, 20.0)),
    ("ListActivities", (100.0, 10.0), (100.0, 5.0)),
    ("ListExecutions", (200.0, 5.0), (100.0, 2.0)),
    ("ListMapRuns", (100.0, 1.0), (100.0, 1.0)),
    ("ListStateMachineAliases", (100.0, 1.0), (100.0, 1.0)),
    ("ListStateMachines", (100.0, 5.0), (100.0, 5.0)),
    ("ListStateMachineVersions", (100.0, 1.0), (100.0, 1.0)),
    ("ListTagsForResource", (100.0, 1.0), (100.0, 1.0)),
    ("PublishStateMachineVersion", (100.0, 1.0), (100.0, 1.0)),
    ("RedriveExecution", (1_300.0, 300.0), (800.0, 150.0)),
    ("SendTaskFailure", (3_000.0, 500.0), (1_500.0, 300.0)),
    ("SendTaskHeartbeat", (3_000.0, 500.0), (1_500.0, 300.0)),
    ("SendTaskSuccess", (3_000.0, 500.0), (1_500.0, 300.0)),
    ("StartExecution", (1_300.0, 300.0), (800.0, 150.0)),
    (START_EXPRESS, (6_000.0, 6_000.0), (6_000.0, 6_000.0)),
    (STATE_TRANSITION, (5_000.0, 5_000.0), (800.0, 800.0)),
    ("StopExecution", (1_000.0, 200.0), (500.0, 25.0)),
    ("TagResource", (200.0, 1.0), (200.0, 1.0)),
    ("TestState", (50.0, 10.0), (50.0, 10.0)),
    ("UntagResource", (200.0, 1.0), (200.0, 1.0)),
    ("UpdateMapRun", (100.0, 1.0), (100.0, 1.0)),
    ("UpdateStateMachine", (100.0, 1.0), (100.0, 1.0)),
    ("UpdateStateMachineAlias", (100.0, 1.0), (100.0, 1.0)),
    ("ValidateStateMachineDefinition", (100.0, 1.0), (100.0, 1.0)),
];

impl Quotas {
    /// Whether there are any.
    pub fn is_any(&self) -> bool {
        self.aws || !self.of.is_empty()
    }

    /// # Errors
    /// A service or an operation that is not served, a bucket that never has a token.
    pub fn check(&self) -> Result<(), String> {
        for (service, operations) in &self.of {
            for (operation, quota) in operations {
                let no_operation = service == "stepfunctions"
                    && [START_EXPRESS, STATE_TRANSITION].contains(&operation.as_str());
                if !no_operation && crate::find(service, operation).is_none() {
                    return Err(format!("there is no operation `{operation}` of `{service}`"));
                }
                if !(quota.bucket >= 1.0 && quota.refill >= 0.0) {
                    return Err(format!(
                        "the quota of `{service}.{operation}` needs a bucket of at least 1 and a refill of at least 0"
                    ));
                }
                if operation == STATE_TRANSITION && quota.refill <= 0.0 {
                    return Err(format!(
                        "the quota of `{service}.{operation}` needs a refill of more than 0: executions wait for it"
                    ));
                }
            }
        }
        Ok(())
    }

    fn of(&self, region: &str, service: &str, operation: &str) -> Option<Quota> {
        let own = self.of.get(service).and_then(|operations| operations.get(operation));
        if own.is_some() || !self.aws || service != "stepfunctions" {
            return own.copied();
        }
        let (_, large, other) = AWS.iter().find(|(name, ..)| *name == operation)?;
        let is_large = matches!(region, "us-east-1" | "us-west-2" | "eu-west-1");
        let (bucket, refill) = *if is_large { large } else { other };
        Some(Quota { bucket, refill })
    }
}

/// Keeps the buckets.
#[derive(Default)]
pub struct Throttle {
    quotas: Quotas,
    buckets: Mutex<Buckets>,
}

/// By account, region, service and operation.
type Buckets = HashMap<(String, String, &'static str, &'static str), Bucket>;

struct Bucket {
    quota: Quota,
    tokens: f64,
    at: Timestamp,
}

/// When there are so many buckets, full ones are forgotten: they are as good as new.
const BUCKETS_MAX: usize = 10_000;

impl Throttle {
    /// With these quotas.
    pub fn new(quotas: Quotas) -> Throttle {
        Throttle { quotas, buckets: Mutex::default() }
    }

    /// Takes a token for a call of the operation, at the time that `now` tells if it matters.
    ///
    /// # Errors
    /// There is none: AWS's exception for it.
    pub(crate) fn take(
        &self,
        caller: &Caller,
        service: &'static str,
        operation: &'static str,
        now: impl FnOnce() -> Timestamp,
    ) -> Result<(), Error> {
        // What we do by ourselves is no call at AWS.
        if !self.quotas.is_any() || caller.origin == Origin::Service {
            return Ok(());
        }
        let Some(quota) = self.quotas.of(&caller.region, service, operation) else { return Ok(()) };
        let now = now();
        let mut buckets = self.buckets();
        if buckets.len() >= BUCKETS_MAX {
            buckets.retain(|_, bucket| !bucket.is_full(now));
        }
        let bucket = buckets
            .entry((caller.account.clone(), caller.region.clone(), service, operation))
            .or_insert(Bucket { quota, tokens: quota.bucket, at: now });
        if bucket.take(now) { Ok(()) } else { Err(throttled(service)) }
    }

    /// Whether state transitions are counted.
    pub fn paces(&self) -> bool {
        self.quotas.of("us-east-1", "stepfunctions", STATE_TRANSITION).is_some()
    }

    /// Does something with the bucket of state transitions of the execution's account and region.
    fn transitions<T>(
        &self,
        header: &Header,
        now: Timestamp,
        with: impl FnOnce(&mut Bucket) -> T,
    ) -> Option<T> {
        let quota = self.quotas.of(&header.region, "stepfunctions", STATE_TRANSITION)?;
        let key =
            (header.account.clone(), header.region.clone(), "stepfunctions", STATE_TRANSITION);
        let mut buckets = self.buckets();
        let bucket = buckets.entry(key).or_insert(Bucket { quota, tokens: quota.bucket, at: now });
        bucket.fill(now);
        Some(with(bucket))
    }

    fn buckets(&self) -> MutexGuard<'_, Buckets> {
        self.buckets.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Bucket {
    fn filled(&self, now: Timestamp) -> f64 {
        // A clock that was set back gives nothing and takes nothing.
        let seconds = (now.0 - self.at.0).max(0) as f64 / 1000.0;
        (self.tokens + seconds * self.quota.refill).min(self.quota.bucket)
    }

    fn is_full(&self, now: Timestamp) -> bool {
        self.filled(now) >= self.quota.bucket
    }

    fn fill(&mut self, now: Timestamp) {
        self.tokens = self.filled(now);
        self.at = now;
    }

    fn take(&mut self, now: Timestamp) -> bool {
        self.fill(now);
        let taken = self.tokens >= 1.0;
        if taken {
            self.tokens -= 1.0;
        }
        taken
    }
}

/// Transitions that are promised make the bucket owe some: others wait until it has got them back.
impl Pace for Throttle {
    fn allowed(&self, header: &Header, now: Timestamp) -> u64 {
        self.transitions(header, now, |bucket| bucket.tokens.max(0.0) as u64).unwrap_or(u64::MAX)
    }

    fn made(&self, header: &Header, transitions: u64, now: Timestamp) {
        self.transitions(header, now, |bucket| bucket.tokens -= transitions as f64);
    }

    fn promise(&self, header: &Header, now: Timestamp) -> Timestamp {
        let millis = self.transitions(header, now, |bucket| {
            bucket.tokens -= 1.0;
            (-bucket.tokens).max(0.0) * 1000.0 / bucket.quota.refill
        });
        now.plus_millis(millis.map_or(0, |millis| (millis.ceil() as i64).max(1)))
    }
}

/// What the service says to who calls too often.
fn throttled(service: &str) -> Error {
    match service {
        "s3" => Error::new("SlowDown", "Please reduce your request rate.").with_status(503),
        // Services of the query protocol.
        "iam" | "sts" | "cloudwatch" => Error::new("Throttling", "Rate exceeded"),
        _ => Error::new("ThrottlingException", "Rate exceeded"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(region: &str) -> Caller {
        Caller {
            account: "000000000000".into(),
            region: region.into(),
            arn: "arn:aws:iam::000000000000:user/u".into(),
            access_key: None,
            origin: Origin::Client,
        }
    }

    fn quotas(text: &str) -> Quotas {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_bucket_holds_so_many_and_fills_again() {
        let text = r#"{"sagemaker": {"CreateTrainingJob": {"bucket": 2, "refill": 0.5}}}"#;
        let throttle = Throttle::new(quotas(text));
        let call = |at| {
            let caller = caller("us-east-1");
            throttle.take(&caller, "sagemaker", "CreateTrainingJob", || Timestamp(at)).is_ok()
        };
        assert_eq!([call(0), call(0), call(0)], [true, true, false]);
        assert_eq!([call(1999), call(2000), call(2000)], [false, true, false]);
        // The clock is set back: nothing is given, and what was there stays.
        assert!(!call(-5000));
        assert_eq!([call(100_000), call(100_000), call(100_000)], [true, true, false]);
        // Others are others.
        let error =
            throttle.take(&caller("eu-west-1"), "sagemaker", "CreateTrainingJob", || Timestamp(0));
        assert_eq!(error, Ok(()));
        let service = Caller { origin: Origin::Service, ..caller("us-east-1") };
        assert!(throttle.take(&service, "sagemaker", "CreateTrainingJob", || Timestamp(0)).is_ok());
    }

    #[test]
    fn numbers_are_awss_if_asked_and_ones_own_come_first() {
        let none = Quotas::default();
        assert_eq!(none.of("us-east-1", "stepfunctions", "StartExecution"), None);
        let aws = quotas(
            r#"{"aws": true, "stepfunctions": {"StopExecution": {"bucket": 7, "refill": 1}}}"#,
        );
        let of = |region, operation| {
            aws.of(region, "stepfunctions", operation).map(|quota| (quota.bucket, quota.refill))
        };
        assert_eq!(of("us-east-1", "StartExecution"), Some((1300.0, 300.0)));
        assert_eq!(of("eu-central-1", "StartExecution"), Some((800.0, 150.0)));
        assert_eq!(of("eu-central-1", START_EXPRESS), Some((6000.0, 6000.0)));
        assert_eq!(of("us-east-1", "StopExecution"), Some((7.0, 1.0)));
        assert_eq!(of("us-east-1", "StartSyncExecution"), None);
        for (name, ..) in AWS {
            assert!(
                [START_EXPRESS, STATE_TRANSITION].contains(name)
                    || crate::find("stepfunctions", name).is_some(),
                "{name}"
            );
        }
    }

    #[test]
    fn what_is_no_quota_is_told() {
        for text in [
            r#"{"stepfunctions": {"StartExecutions": {"bucket": 1, "refill": 1}}}"#,
            r#"{"nothing": {"StartExecution": {"bucket": 1, "refill": 1}}}"#,
            r#"{"stepfunctions": {"StateTransition": {"bucket": 1, "refill": 0}}}"#,
            r#"{"stepfunctions": {"StartExecution": {"bucket": 0, "refill": 1}}}"#,
        ] {
            assert!(quotas(text).check().is_err(), "{text}");
        }
        assert_eq!(quotas(r#"{"aws": true}"#).check(), Ok(()));
    }

    /// Goal: a hundred transitions a second are a hundred a second, whoever wants them.
    #[test]
    fn transitions_are_promised_one_behind_the_other() {
        let text = r#"{"stepfunctions": {"StateTransition": {"bucket": 3, "refill": 100}}}"#;
        let throttle = Throttle::new(quotas(text));
        assert!(throttle.paces() && !Throttle::default().paces());
        let of = |region: &str| Header { region: region.into(), ..header() };
        let (here, there) = (of("us-east-1"), of("eu-west-1"));
        let at = Timestamp(1_000_000);
        assert_eq!(throttle.allowed(&here, at), 3);
        throttle.made(&here, 3, at);
        assert_eq!((throttle.allowed(&here, at), throttle.allowed(&there, at)), (0, 3));
        let promised: Vec<i64> = (0..4).map(|_| throttle.promise(&here, at).0 - at.0).collect();
        assert_eq!(promised, [10, 20, 30, 40]);
        // Whoever comes now waits behind them.
        assert_eq!(throttle.allowed(&here, at.plus_millis(30)), 0);
        assert_eq!(throttle.promise(&here, at.plus_millis(30)).0 - at.0, 50);
        assert_eq!(throttle.allowed(&here, at.plus_millis(80)), 3);
        assert_eq!(throttle.allowed(&here, at.plus_millis(60)), 3);
    }

    fn header() -> Header {
        Header {
            key: 1,
            execution_arn: String::new(),
            name: String::new(),
            state_machine_arn: String::new(),
            state_machine_name: String::new(),
            role_arn: String::new(),
            input: serde_json::json!({}).into(),
            start_time: Timestamp(0),
            region: "us-east-1".into(),
            account: "000000000000".into(),
            express: false,
        }
    }

    #[test]
    fn buckets_that_are_full_are_forgotten() {
        let text = r#"{"sts": {"GetCallerIdentity": {"bucket": 1, "refill": 1}}}"#;
        let throttle = Throttle::new(quotas(text));
        for account in 0..2 * BUCKETS_MAX {
            let caller = Caller { account: account.to_string(), ..caller("us-east-1") };
            let at = Timestamp(account as i64);
            assert!(throttle.take(&caller, "sts", "GetCallerIdentity", || at).is_ok());
        }
        assert!(throttle.buckets().len() <= BUCKETS_MAX);
    }
}
