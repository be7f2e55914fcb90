//! What SageMaker asks of the role of a job or model before it makes it: that the service may assume it,
//! and that it may read the model.

use serde_json::Value;

use super::permission::Need;
use super::subject;
use crate::{Caller, Context, Error, s3};

/// The operations that are given a role, and the member that names it.
const ROLES: &[(&str, &str)] = &[
    ("CreateTrainingJob", "RoleArn"),
    ("CreateProcessingJob", "RoleArn"),
    ("CreateModel", "ExecutionRoleArn"),
];

/// The ARN of the role that an operation is given.
pub(super) fn named<'a>(operation: &str, members: &'a Value) -> Option<&'a str> {
    let role = ROLES.iter().find(|(known, _)| *known == operation);
    role.and_then(|(_, member)| members[*member].as_str())
}

/// Why the role does not do, and what was asked of it.
pub(super) async fn refusal(
    context: &Context,
    caller: &Caller,
    operation: &str,
    members: &Value,
) -> Result<Option<(Need, Error)>, Error> {
    let Some(role_arn) = named(operation, members) else { return Ok(None) };
    let trusted = subject::trusts(context, role_arn, "sagemaker", caller, None).await?;
    let container = [&members["PrimaryContainer"], &members["Containers"][0]];
    let url = container.iter().find_map(|container| container["ModelDataUrl"].as_str());
    if let Some(url) = url.filter(|_| operation == "CreateModel")
        && let Ok(model) = s3::Location::parse(url)
    {
        let role = Caller::service(role_arn, &caller.region, "SageMaker");
        let arn = model.arn(&caller.region);
        let read = context.iam.permits(context, &role, "s3:GetObject", &arn, &[]);
        if trusted && read.await.is_ok() {
            return Ok(None);
        }
        let message = format!(
            "Could not access model data at {url}. Please ensure that the role \"{role_arn}\" exists and that \
             its trust relationship policy allows the action \"sts:AssumeRole\" for the service principal \
             \"sagemaker.amazonaws.com\". Also ensure that the role has \"s3:GetObject\" permissions and that \
             the object is located in {}. If your Model uses multiple models or uncompressed models, please \
             ensure that the role has \"s3:ListBucket\" permission.",
            caller.region
        );
        let need = Need::new("s3:GetObject", arn.as_str());
        return Ok(Some((need, Error::validation(message))));
    }
    if trusted {
        return Ok(None);
    }
    let message = format!(
        "Could not assume role {role_arn}. Please ensure that the role exists and allows principal \
         'sagemaker.amazonaws.com' to assume the role."
    );
    Ok(Some((Need::new("sts:AssumeRole", role_arn), Error::validation(message))))
}
