//! What kind of event an operation is, as CloudTrail sorts them.

/// Data events: what is done with the things that management events make. StartSyncExecution is among
/// them since CloudTrail does not log it at all.
pub(super) fn is_data(service: &str, operation: &str) -> bool {
    const OPERATIONS: &[(&str, &[&str])] = &[
        (
            "stepfunctions",
            &[
                "GetActivityTask",
                "SendTaskFailure",
                "SendTaskHeartbeat",
                "SendTaskSuccess",
                "StartSyncExecution",
            ],
        ),
        ("sagemaker-runtime", &["InvokeEndpoint"]),
        ("logs", &["PutLogEvents", "GetLogEvents", "FilterLogEvents"]),
        ("cloudwatch", &["PutMetricData", "GetMetricData", "GetMetricStatistics", "ListMetrics"]),
    ];
    match service {
        // Of buckets there are management events; of what is in them, data events.
        "s3" => ["Object", "Part", "Multipart"].iter().any(|word| operation.contains(word)),
        _ => OPERATIONS.iter().any(|(known, all)| *known == service && all.contains(&operation)),
    }
}

/// Whether it changes nothing.
pub(super) fn is_read_only(service: &str, operation: &str) -> bool {
    const WORDS: [&str; 10] = [
        "Get", "List", "Describe", "Head", "Filter", "Validate", "Test", "Simulate", "Lookup",
        "Assume",
    ];
    let reads = WORDS.iter().any(|word| operation.starts_with(word));
    reads || (service, operation) == ("sagemaker-runtime", "InvokeEndpoint")
}

/// Whether the answer is told: of what changed something, and of the credentials that were given.
pub(super) fn tells_response(service: &str, operation: &str) -> bool {
    !is_read_only(service, operation) || (service == "sts" && operation != "GetCallerIdentity")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_are_sorted_as_cloudtrail_does() {
        for (service, operation, data, read_only) in [
            ("stepfunctions", "StartExecution", false, false),
            ("stepfunctions", "DescribeExecution", false, true),
            ("stepfunctions", "SendTaskSuccess", true, false),
            ("s3", "CreateBucket", false, false),
            ("s3", "ListBuckets", false, true),
            ("s3", "GetObject", true, true),
            ("s3", "ListObjectsV2", true, true),
            ("s3", "UploadPart", true, false),
            ("s3", "CompleteMultipartUpload", true, false),
            ("sts", "AssumeRole", false, true),
            ("iam", "CreateRole", false, false),
            ("sagemaker-runtime", "InvokeEndpoint", true, true),
        ] {
            assert_eq!(
                (is_data(service, operation), is_read_only(service, operation)),
                (data, read_only),
                "{service} {operation}"
            );
        }
        assert!(tells_response("sts", "AssumeRole") && !tells_response("sts", "GetCallerIdentity"));
    }

    #[test]
    fn what_is_named_is_served() {
        for service in crate::SERVICES {
            for operation in service.operations {
                let (name, operation) = (service.name, operation.name);
                assert!(
                    !tells_response(name, operation) || !operation.starts_with("List"),
                    "{operation}"
                );
            }
        }
    }
}
