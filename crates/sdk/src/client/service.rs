//! The services this client speaks to: how each is named, signed, addressed and spoken to.

/// How requests and answers of a service are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// A JSON body, the operation in `X-Amz-Target` after this prefix.
    Json { version: &'static str, target: &'static str },
    /// A form body with `Action` and this `Version`; XML answers.
    Query { version: &'static str },
    /// One path per operation; spoken by a module of its own.
    Rest,
}

/// One AWS service.
#[derive(Debug)]
pub(crate) struct Service {
    /// Every name it may be asked by, boto3's first.
    pub names: &'static [&'static str],
    pub signing_name: &'static str,
    /// What stands before the region in its host name at AWS.
    pub host: &'static str,
    /// The suffix of its `AWS_ENDPOINT_URL_…` variable.
    pub variable: &'static str,
    pub protocol: Protocol,
}

impl Service {
    pub fn named(name: &str) -> Option<&'static Service> {
        Service::all().find(|service| service.names.contains(&name))
    }

    pub fn all() -> impl Iterator<Item = &'static Service> {
        SERVICES.iter()
    }

    /// Where AWS answers for this service, and the region to sign for.
    pub fn address(&self, region: &str) -> (String, String) {
        let suffix = dns_suffix(region);
        if self.signing_name == "iam" {
            // One endpoint per partition.
            return match region {
                _ if region.starts_with("cn-") => {
                    (format!("iam.cn-north-1.{suffix}"), "cn-north-1".into())
                }
                _ if region.starts_with("us-gov-") => {
                    (format!("iam.us-gov.{suffix}"), "us-gov-west-1".into())
                }
                _ => (format!("iam.{suffix}"), "us-east-1".into()),
            };
        }
        (format!("{}.{region}.{suffix}", self.host), region.to_owned())
    }
}

/// The domain of the partition a region belongs to.
pub(crate) fn dns_suffix(region: &str) -> &'static str {
    match region {
        _ if region.starts_with("cn-") => "amazonaws.com.cn",
        _ if region.starts_with("us-isob-") => "sc2s.sgov.gov",
        _ if region.starts_with("us-isof-") => "csp.hci.ic.gov",
        _ if region.starts_with("eu-isoe-") => "cloud.adc-e.uk",
        _ if region.starts_with("us-iso-") => "c2s.ic.gov",
        _ => "amazonaws.com",
    }
}

/// The partition of a region, as it stands in ARNs.
pub(crate) fn partition(region: &str) -> &'static str {
    match region {
        _ if region.starts_with("cn-") => "aws-cn",
        _ if region.starts_with("us-gov-") => "aws-us-gov",
        _ if region.starts_with("us-isob-") => "aws-iso-b",
        _ if region.starts_with("us-isof-") => "aws-iso-f",
        _ if region.starts_with("eu-isoe-") => "aws-iso-e",
        _ if region.starts_with("us-iso-") => "aws-iso",
        _ => "aws",
    }
}

const fn json(
    names: &'static [&'static str],
    signing_name: &'static str,
    host: &'static str,
    variable: &'static str,
    version: &'static str,
    target: &'static str,
) -> Service {
    Service { names, signing_name, host, variable, protocol: Protocol::Json { version, target } }
}

const fn query(
    name: &'static [&'static str],
    variable: &'static str,
    version: &'static str,
) -> Service {
    Service {
        names: name,
        signing_name: name[0],
        host: name[0],
        variable,
        protocol: Protocol::Query { version },
    }
}

const fn rest(
    names: &'static [&'static str],
    signing_name: &'static str,
    host: &'static str,
    variable: &'static str,
) -> Service {
    Service { names, signing_name, host, variable, protocol: Protocol::Rest }
}

static SERVICES: [Service; 15] = [
    json(&["stepfunctions", "states", "sfn"], "states", "states", "SFN", "1.0", "AWSStepFunctions"),
    json(&["sagemaker"], "sagemaker", "api.sagemaker", "SAGEMAKER", "1.1", "SageMaker"),
    json(
        &["cloudtrail"],
        "cloudtrail",
        "cloudtrail",
        "CLOUDTRAIL",
        "1.1",
        "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101",
    ),
    json(&["logs"], "logs", "logs", "CLOUDWATCH_LOGS", "1.1", "Logs_20140328"),
    json(
        &["cloudwatch", "monitoring"],
        "monitoring",
        "monitoring",
        "CLOUDWATCH",
        "1.0",
        "GraniteServiceVersion20100801",
    ),
    json(&["events", "eventbridge"], "events", "events", "EVENTBRIDGE", "1.1", "AWSEvents"),
    json(&["dynamodb"], "dynamodb", "dynamodb", "DYNAMODB", "1.0", "DynamoDB_20120810"),
    json(&["sqs"], "sqs", "sqs", "SQS", "1.0", "AmazonSQS"),
    json(&["ecs"], "ecs", "ecs", "ECS", "1.1", "AmazonEC2ContainerServiceV20141113"),
    json(&["glue"], "glue", "glue", "GLUE", "1.1", "AWSGlue"),
    query(&["sts"], "STS", "2011-06-15"),
    query(&["iam"], "IAM", "2010-05-08"),
    query(&["sns"], "SNS", "2010-03-31"),
    rest(&["sagemaker-runtime"], "sagemaker", "runtime.sagemaker", "SAGEMAKER_RUNTIME"),
    rest(&["s3"], "s3", "s3", "S3"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let address =
            |service: &str, region: &str| Service::named(service).unwrap().address(region);
        assert_eq!(
            address("sfn", "eu-west-1"),
            ("states.eu-west-1.amazonaws.com".into(), "eu-west-1".into())
        );
        assert_eq!(
            address("sagemaker", "cn-north-1").0,
            "api.sagemaker.cn-north-1.amazonaws.com.cn"
        );
        assert_eq!(address("iam", "eu-west-1"), ("iam.amazonaws.com".into(), "us-east-1".into()));
    }
}
