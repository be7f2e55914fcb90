//! Service-linked roles: a service makes, and trusts, its own.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{ROLES, Role, already_exists, arn, key, roles, unique_id};
use crate::{Caller, Context, Error};

/// The services whose roles templates make, the name of each and AWS's policy for it.
#[rustfmt::skip]
const SERVICES: &[(&str, &str)] = &[
    ("autoscaling.amazonaws.com", "AutoScaling"),
    ("batch.amazonaws.com", "Batch"),
    ("ecs.amazonaws.com", "ECS"),
    ("lambda.amazonaws.com", "Lambda"),
    ("opensearchservice.amazonaws.com", "AmazonOpenSearchService"),
    ("rds.amazonaws.com", "RDS"),
    ("sagemaker.application-autoscaling.amazonaws.com", "ApplicationAutoScaling_SageMakerEndpoint"),
    ("spot.amazonaws.com", "EC2Spot"),
    ("states.amazonaws.com", "StepFunctions"),
];

#[derive(Deserialize)]
pub(super) struct CreateRequest {
    #[serde(rename = "AWSServiceName")]
    service: String,
    #[serde(rename = "Description")]
    description: Option<String>,
    #[serde(rename = "CustomSuffix")]
    suffix: Option<String>,
}

pub(super) async fn create(
    context: &Context,
    caller: &Caller,
    request: CreateRequest,
) -> Result<Value, Error> {
    let service = &request.service;
    let known = SERVICES.iter().find(|(known, _)| known == service);
    let Some((_, name)) = known else {
        let message = format!("{service} is not a service whose linked role is known here");
        return Err(Error::new("InvalidInput", message));
    };
    let suffix = request.suffix.map_or_else(String::new, |suffix| format!("_{suffix}"));
    let name = format!("AWSServiceRoleFor{name}{suffix}");
    let (path, moment) = (format!("/aws-service-role/{service}/"), context.clock.moment());
    let trust = json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Action": ["sts:AssumeRole"],
            "Effect": "Allow",
            "Principal": { "Service": [service] },
        }],
    });
    let role = Role {
        arn: arn(&caller.region, &caller.account, "role", &path, &name),
        id: unique_id("AROA", moment),
        name,
        path,
        created_at: moment.now.0,
        trust: trust.to_string(),
        description: request.description,
        max_session_seconds: 3600,
        boundary: None,
        tags: Vec::new(),
        inline: Default::default(),
        attached: Vec::new(),
    };
    if !ROLES.insert(context, &key(&caller.account, &role.name), &role).await? {
        let taken = already_exists("Role", &role.name);
        return Err(Error::new("InvalidInput", taken.message));
    }
    Ok(json!({ "Role": role.shown() }))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ByName {
    role_name: String,
}

pub(super) async fn delete(
    context: &Context,
    caller: &Caller,
    request: ByName,
) -> Result<Value, Error> {
    let found = roles::find_role(context, caller, &request.role_name).await?;
    let Some(path) = found.value.path.strip_prefix("/aws-service-role/") else {
        let name = &request.role_name;
        let message = format!("Role with name {name} is not a service-linked role");
        return Err(Error::new("InvalidInput", message));
    };
    let id = context.clock.moment().dice("deletion").uuid();
    let task = format!("task/aws-service-role/{path}{}/{id}", found.value.name);
    ROLES.remove(context, &found.key).await?;
    Ok(json!({ "DeletionTaskId": task }))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct StatusRequest {
    deletion_task_id: String,
}

/// Roles go at once: a deletion whose role is not there has succeeded.
pub(super) async fn status(
    context: &Context,
    caller: &Caller,
    request: StatusRequest,
) -> Result<Value, Error> {
    let name = request.deletion_task_id.rsplit('/').nth(1).unwrap_or_default();
    let there = roles::find_role(context, caller, name).await.is_ok();
    Ok(json!({ "Status": if there { "NOT_STARTED" } else { "SUCCEEDED" } }))
}
