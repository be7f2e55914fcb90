//! GetBucketPolicy, PutBucketPolicy, DeleteBucketPolicy, GetBucketPolicyStatus. What a policy then opens and
//! closes, the guard sees to.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value, json};
use store::Expect;

use super::store::{Bucket, Change};
use super::{Error, error};
use crate::iam::guard::Mode;
use crate::iam::policy::{Document, Kind, Statement};
use crate::operation::typed;
use crate::{Caller, Context, Operation, iam};

pub static GET: Operation = Operation {
    name: "GetBucketPolicy",
    call: |context, caller, input| Box::pin(typed(context, caller, input, get)),
};

pub static PUT: Operation = Operation {
    name: "PutBucketPolicy",
    call: |context, caller, input| Box::pin(typed(context, caller, input, put)),
};

pub static DELETE: Operation = Operation {
    name: "DeleteBucketPolicy",
    call: |context, caller, input| Box::pin(typed(context, caller, input, delete)),
};

pub static STATUS: Operation = Operation {
    name: "GetBucketPolicyStatus",
    call: |context, caller, input| Box::pin(typed(context, caller, input, status)),
};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    bucket: String,
    expected_bucket_owner: Option<String>,
    policy: Option<String>,
}

/// Bytes of a policy.
const BYTES_MAX: usize = 20 * 1024;

async fn get(context: &Context, caller: &Caller, request: Request) -> Result<Value, Error> {
    let bucket = own(context, caller, &request).await?;
    Ok(json!({ "Policy": bucket.policy.as_ref().ok_or_else(|| none(&bucket))? }))
}

async fn status(context: &Context, caller: &Caller, request: Request) -> Result<Value, Error> {
    let bucket = own(context, caller, &request).await?;
    let text = bucket.policy.as_ref().ok_or_else(|| none(&bucket))?;
    let is_public = Document::parse(text, Kind::Resource).is_ok_and(|policy| policy.is_public());
    Ok(json!({ "PolicyStatus": { "IsPublic": is_public } }))
}

async fn put(
    context: &Context,
    caller: &Caller,
    request: Request,
) -> Result<Map<String, Value>, Error> {
    let bucket = own(context, caller, &request).await?;
    let text = request.policy.ok_or_else(|| malformed("Missing required field Policy"))?;
    let policy = read(&text, &bucket.name)?;
    if context.iam.mode(&bucket.account) == Mode::Enforce {
        known_principals(context, &policy).await?;
    }
    if bucket.public_access.block_public_policy && policy.is_public() {
        let message = format!(
            "User: {} is not authorized to perform: s3:PutBucketPolicy on resource: \
             \"arn:{}:s3:::{}\" because public policies are prevented by the BlockPublicPolicy setting \
             in S3 Block Public Access.",
            caller.arn,
            crate::arn::partition(&caller.region),
            bucket.name
        );
        return Err(Error::new("AccessDenied", message).with_status(403));
    }
    replace(context, bucket.name, move |bucket| bucket.policy = Some(text.clone())).await
}

async fn delete(
    context: &Context,
    caller: &Caller,
    request: Request,
) -> Result<Map<String, Value>, Error> {
    let bucket = own(context, caller, &request).await?;
    replace(context, bucket.name, |bucket| bucket.policy = None).await
}

/// The bucket, which must be the caller's account's: others do not touch its policy, whatever that says.
async fn own(context: &Context, caller: &Caller, request: &Request) -> Result<Bucket, Error> {
    let owner = request.expected_bucket_owner.as_deref();
    let bucket = context.objects.bucket_of(caller, &request.bucket, owner).await?;
    if bucket.account != caller.account {
        let message = "The specified method is not allowed against this resource.";
        return Err(Error::new("MethodNotAllowed", message).with_status(405));
    }
    Ok(bucket)
}

/// Changes a bucket's record.
pub(super) async fn replace(
    context: &Context,
    name: String,
    change: impl Fn(&mut Bucket) + Send + Sync + 'static,
) -> Result<Map<String, Value>, Error> {
    let objects = Arc::clone(&context.objects);
    let change = Arc::new(change);
    context
        .objects
        .commit_within(move || {
            let (objects, name, change) = (Arc::clone(&objects), name.clone(), Arc::clone(&change));
            async move {
                let found = objects.any_bucket(&name).await?;
                let (mut bucket, version) = found.ok_or_else(|| error::no_such_bucket(&name))?;
                change(&mut bucket);
                let write = bucket.written(Expect::Version(version))?;
                Ok(Change { records: vec![write], ..Change::default() })
            }
        })
        .await?;
    Ok(Map::new())
}

fn none(bucket: &Bucket) -> Error {
    Error::new("NoSuchBucketPolicy", "The bucket policy does not exist")
        .with_status(404)
        .with("BucketName", bucket.name.as_str())
}

fn malformed(message: impl Into<String>) -> Error {
    Error::new("MalformedPolicy", message)
}

/// A policy for this bucket.
fn read(text: &str, bucket: &str) -> Result<Document, Error> {
    if !text.trim_start().starts_with('{') {
        return Err(malformed("Policies must be valid JSON and the first byte must be '{'"));
    }
    if text.len() > BYTES_MAX {
        return Err(malformed("Policy exceeds the maximum allowed document size."));
    }
    let policy = Document::parse(text, Kind::Resource).map_err(|problem| {
        match problem.message.strip_prefix("Invalid principal in policy: ") {
            Some(which) => malformed("Invalid principal in policy").with("Detail", which),
            None => malformed(&problem.message).with("Detail", problem.to_string()),
        }
    })?;
    for statement in &policy.statements {
        check(statement, bucket)?;
    }
    Ok(policy)
}

/// Holds a statement to the bucket, and its actions to its resources.
fn check(statement: &Statement, bucket: &str) -> Result<(), Error> {
    let Some((resources, negated)) = statement.resources() else {
        return Err(malformed("Missing required field Resource"));
    };
    let of_bucket = |resource: &str| {
        let place = resource.splitn(6, ':').nth(5).unwrap_or_default();
        let (name, _) = place.split_once('/').unwrap_or((place, ""));
        resource.starts_with("arn:") && (name == bucket || is_pattern_of(name, bucket))
    };
    if let Some(wrong) = resources.iter().find(|resource| !of_bucket(resource)) {
        return Err(malformed("Policy has invalid resource").with("Detail", *wrong));
    }
    let (actions, not_actions) = statement.actions();
    for action in &actions {
        let name = match action.split_once(':') {
            Some((vendor, name)) if vendor.eq_ignore_ascii_case("s3") => name,
            None if *action == "*" => continue,
            _ => return Err(malformed("Policy has invalid action").with("Detail", *action)),
        };
        if negated || not_actions || name.contains(['*', '?']) {
            continue;
        }
        let fits = |resource: &&str| match is_of_objects(name) {
            true => resource.contains('/') || resource.ends_with('*'),
            false => !resource.contains('/') || resource.ends_with('*'),
        };
        if !resources.iter().any(fits) {
            return Err(malformed("Action does not apply to any resource(s) in statement"));
        }
    }
    Ok(())
}

/// Whether a bucket's name with wildcards is this bucket's; more than its beginning must be said.
fn is_pattern_of(pattern: &str, bucket: &str) -> bool {
    let fixed = pattern.find(['*', '?']);
    fixed.is_some_and(|fixed| fixed > 0 && bucket.starts_with(&pattern[..fixed]))
}

/// Whether an action is one on objects rather than on buckets.
fn is_of_objects(name: &str) -> bool {
    let of_bucket = ["GetBucketObjectLockConfiguration", "PutBucketObjectLockConfiguration"];
    let others = ["AbortMultipartUpload", "ListMultipartUploadParts"];
    let is_one_of = |known: &[&str]| known.iter().any(|known| known.eq_ignore_ascii_case(name));
    is_one_of(&others) || name.to_ascii_lowercase().contains("object") && !is_one_of(&of_bucket)
}

/// Where refusals are meant, a policy names users and roles that there are.
async fn known_principals(context: &Context, policy: &Document) -> Result<(), Error> {
    for arn in policy.statements.iter().flat_map(Statement::principal_arns) {
        if !iam::is_known(context, arn).await? {
            let detail = format!("\"AWS\" : \"{arn}\"");
            return Err(malformed("Invalid principal in policy").with("Detail", detail));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_that_are_none_are_told_as_s3_does() {
        let allow = |action: &str, resource: &str| {
            json!({ "Version": "2012-10-17", "Statement": [
                { "Effect": "Allow", "Principal": "*", "Action": action, "Resource": resource },
            ] })
            .to_string()
        };
        let own = "arn:aws:s3:::mine/*";
        for (text, message) in [
            ("not json".to_owned(), "Policies must be valid JSON and the first byte must be '{'"),
            ("{".to_owned(), "This policy contains invalid Json"),
            (allow("s3:GetObject", "arn:aws:s3:::other/*"), "Policy has invalid resource"),
            (allow("s3:GetObject", "*"), "Policy has invalid resource"),
            (allow("s3:GetObject", "arn:aws:s3:::*"), "Policy has invalid resource"),
            (allow("ec2:RunInstances", own), "Policy has invalid action"),
            (
                allow("s3:ListBucket", "arn:aws:s3:::mine/k"),
                "Action does not apply to any resource(s) in statement",
            ),
            (
                allow("s3:GetObject", "arn:aws:s3:::mine"),
                "Action does not apply to any resource(s) in statement",
            ),
            (
                allow("s3:GetObject", own).replace("\"*\"", "{\"AWS\": \"nobody\"}"),
                "Invalid principal in policy",
            ),
            (
                allow("s3:GetObject", own).replace("\"Principal\":\"*\",", ""),
                "Missing required field Principal",
            ),
            (
                allow("s3:GetObject", own).replace("\"Resource\"", "\"Sid\""),
                "Missing required field Resource",
            ),
        ] {
            let error = read(&text, "mine").expect_err(&text);
            assert_eq!(
                (&*error.code, error.message.as_str()),
                ("MalformedPolicy", message),
                "{text}"
            );
        }
        for (action, resource) in [
            ("s3:GetObject", own),
            ("s3:*", "arn:aws:s3:::mine"),
            ("s3:ListBucket", "arn:aws:s3:::mine"),
            ("s3:GetObject", "arn:aws:s3:::mi*"),
        ] {
            assert!(read(&allow(action, resource), "mine").is_ok(), "{action} {resource}");
        }
    }
}
