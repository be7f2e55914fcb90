//! Endpoints: as stored, and CreateEndpoint, DescribeEndpoint, ListEndpoints, UpdateEndpoint, DeleteEndpoint.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use store::{Batch, Expect, StoreError};

use super::endpoint_config::{self, EndpointConfig, Variant};
use super::model::{self, Container};
use super::resource::{self, Kind, ListRequest, Listed, Resource, TaskToken, seconds};
use super::runner::Work;
use super::{inputs, tags};
use crate::operation::operation;
use crate::{Caller, Context, Error, Operation};

/// An endpoint as stored.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Endpoint {
    /// As given.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// `Creating`, `InService`, `Updating`, `Failed`, `Deleting`.
    pub status: String,
    /// Why it failed.
    pub failure_reason: Option<String>,
    /// What serves, or is being brought up for the first time.
    pub deployed: Deployment,
    /// What is to take over (UpdateEndpoint).
    pub pending: Option<Deployment>,
    /// Milliseconds.
    pub created_at: i64,
    /// Milliseconds.
    pub modified_at: i64,
}

/// A configuration with its models as they were when the endpoint was created or updated: an endpoint
/// goes on serving when they are deleted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Deployment {
    /// The configuration's name.
    pub config: String,
    /// Distinguishes deployments of the same configuration; names their folder.
    pub id: String,
    /// Who serves.
    pub variants: Vec<Deployed>,
    /// DataCaptureConfig as configured: kept and shown, not applied.
    pub data_capture: Option<Value>,
    /// The task that asked for it.
    #[serde(default)]
    pub maker: Option<TaskToken>,
}

/// A production variant of a deployment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Deployed {
    /// From the configuration.
    pub variant: Variant,
    /// From the model.
    pub container: Container,
    /// The model's role.
    pub role: Option<String>,
}

impl Resource for Endpoint {
    const KIND: Kind = Kind { table: "sagemaker/endpoint", arn_word: "endpoint" };
    fn name(&self) -> &str {
        &self.name
    }
}

/// CreateEndpoint.
pub const CREATE: Operation = operation!("CreateEndpoint", create_endpoint);
/// DescribeEndpoint.
pub const DESCRIBE: Operation = operation!("DescribeEndpoint", describe_endpoint);
/// ListEndpoints.
pub const LIST: Operation = operation!("ListEndpoints", list_endpoints);
/// UpdateEndpoint.
pub const UPDATE: Operation = operation!("UpdateEndpoint", update_endpoint);
/// DeleteEndpoint.
pub const DELETE: Operation = operation!("DeleteEndpoint", delete_endpoint);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Create {
    endpoint_name: String,
    endpoint_config_name: String,
    #[serde(default)]
    tags: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ByName {
    endpoint_name: String,
}

async fn create_endpoint(
    context: &Context,
    caller: &Caller,
    request: Create,
) -> Result<Value, Error> {
    let key = resource::key_of(caller, &request.endpoint_name);
    let arn = resource::arn_of(&Endpoint::KIND, caller, &request.endpoint_name);
    let taken = || Error::validation(format!("Cannot create already existing endpoint \"{arn}\"."));
    if let Some(known) = resource::find_key::<Endpoint>(context, key.clone()).await? {
        return match resource::made_by(known.value.deployed.maker, caller) {
            true => Ok(json!({ "EndpointArn": arn })),
            false => Err(taken()),
        };
    }
    let deployed = deployment(context, caller, &request.endpoint_config_name).await?;
    let now = context.clock.moment().now.0;
    let endpoint = Endpoint {
        name: request.endpoint_name,
        arn: arn.clone(),
        status: "Creating".into(),
        deployed,
        created_at: now,
        modified_at: now,
        ..Endpoint::default()
    };
    let mut records = vec![resource::write(&key, &endpoint, Expect::Absent)?];
    records.extend(tags::of_new(&arn, &json!({ "Tags": request.tags }))?);
    match context.store.commit(Batch { records, ..Batch::default() }).await {
        Ok(()) => {}
        Err(StoreError::Conflict { .. }) => return Err(taken()),
        Err(error) => return Err(error.into()),
    }
    context.sagemaker.wake(Work::Endpoint(key));
    Ok(json!({ "EndpointArn": arn }))
}

/// The configuration of that name with its models.
async fn deployment(
    context: &Context,
    caller: &Caller,
    config_name: &str,
) -> Result<Deployment, Error> {
    let config: EndpointConfig = endpoint_config::existing(context, caller, config_name).await?;
    let mut variants = Vec::new();
    for variant in config.variants() {
        let model = model::existing(context, caller, &variant.model).await?;
        let container = model.container();
        inputs::image(context, &container.image)?;
        let role = model.request["ExecutionRoleArn"].as_str().map(str::to_owned);
        variants.push(Deployed { variant, container, role });
    }
    Ok(Deployment {
        config: config_name.to_owned(),
        id: context.clock.moment().dice("deployment").uuid(),
        variants,
        data_capture: config
            .request
            .get("DataCaptureConfig")
            .filter(|value| value.is_object())
            .cloned(),
        maker: caller.task(),
    })
}

pub(super) async fn existing(
    context: &Context,
    caller: &Caller,
    name: &str,
) -> Result<resource::Stored<Endpoint>, Error> {
    let found = resource::find::<Endpoint>(context, caller, name).await?;
    found.ok_or_else(|| {
        let arn = resource::arn_of(&Endpoint::KIND, caller, name);
        Error::validation(format!("Could not find endpoint \"{arn}\"."))
    })
}

async fn describe_endpoint(
    context: &Context,
    caller: &Caller,
    request: ByName,
) -> Result<Value, Error> {
    let endpoint = existing(context, caller, &request.endpoint_name).await?.value;
    let mut answer = Map::new();
    answer.insert("EndpointName".into(), json!(endpoint.name));
    answer.insert("EndpointArn".into(), json!(endpoint.arn));
    answer.insert("EndpointConfigName".into(), json!(endpoint.deployed.config));
    if !matches!(endpoint.status.as_str(), "Creating" | "Failed") {
        let weights: f64 =
            endpoint.deployed.variants.iter().map(|deployed| deployed.variant.weight).sum();
        let variants: Vec<Value> = endpoint
            .deployed
            .variants
            .iter()
            .map(|deployed| {
                let Variant { name, weight, instances, .. } = &deployed.variant;
                let image = &deployed.container.image;
                json!({
                    "VariantName": name,
                    "DeployedImages": [{ "SpecifiedImage": image, "ResolvedImage": image, "ResolutionTime": seconds(endpoint.modified_at) }],
                    "CurrentWeight": if weights > 0.0 { weight / weights } else { 0.0 },
                    "DesiredWeight": weight,
                    "CurrentInstanceCount": instances,
                    "DesiredInstanceCount": instances,
                })
            })
            .collect();
        answer.insert("ProductionVariants".into(), Value::Array(variants));
    }
    if let Some(capture) = &endpoint.deployed.data_capture {
        let mut summary = capture.clone();
        if let Some(members) = summary.as_object_mut() {
            members.insert("CaptureStatus".into(), json!("Stopped"));
            members.retain(|name, _| {
                ["EnableCapture", "CaptureStatus", "DestinationS3Uri", "KmsKeyId"]
                    .contains(&name.as_str())
                    || name == "CurrentSamplingPercentage"
            });
            members.insert(
                "CurrentSamplingPercentage".into(),
                capture["InitialSamplingPercentage"].clone(),
            );
            members.entry("KmsKeyId").or_insert_with(|| json!(""));
        }
        answer.insert("DataCaptureConfig".into(), summary);
    }
    answer.insert("EndpointStatus".into(), json!(endpoint.status));
    if let Some(reason) = &endpoint.failure_reason {
        answer.insert("FailureReason".into(), json!(reason));
    }
    answer.insert("CreationTime".into(), seconds(endpoint.created_at));
    answer.insert("LastModifiedTime".into(), seconds(endpoint.modified_at));
    Ok(Value::Object(answer))
}

async fn list_endpoints(
    context: &Context,
    caller: &Caller,
    request: ListRequest,
) -> Result<Value, Error> {
    resource::list::<Endpoint>(context, caller, request, "Endpoints", |endpoint| Listed {
        name: endpoint.name.clone(),
        created_at: endpoint.created_at,
        modified_at: endpoint.modified_at,
        status: Some(endpoint.status.clone()),
        summary: json!({
            "EndpointName": endpoint.name, "EndpointArn": endpoint.arn, "EndpointStatus": endpoint.status,
            "CreationTime": seconds(endpoint.created_at), "LastModifiedTime": seconds(endpoint.modified_at),
        }),
    })
    .await
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Update {
    endpoint_name: String,
    endpoint_config_name: String,
    #[serde(default)]
    retain_all_variant_properties: bool,
    #[serde(default)]
    deployment_config: Value,
}

async fn update_endpoint(
    context: &Context,
    caller: &Caller,
    request: Update,
) -> Result<Value, Error> {
    let stored = existing(context, caller, &request.endpoint_name).await?;
    let arn = stored.value.arn.clone();
    let newest = stored.value.pending.as_ref().unwrap_or(&stored.value.deployed);
    if resource::made_by(newest.maker, caller) {
        return Ok(json!({ "EndpointArn": arn }));
    }
    if request.deployment_config.is_object() {
        return Err(Error::validation(
            "Stepwell does not yet apply a DeploymentConfig: leave it out, and all traffic moves at once when the new model answers",
        ));
    }
    let refused = |status: &str| {
        Error::validation(format!(
            "Cannot update in-progress endpoint \"{arn}\": its status is {status}."
        ))
    };
    let mut pending = deployment(context, caller, &request.endpoint_config_name).await?;
    let now = context.clock.moment().now.0;
    let endpoint = resource::update::<Endpoint>(context, &stored.key, |endpoint| {
        if !matches!(endpoint.status.as_str(), "InService" | "Failed") {
            return false;
        }
        if request.retain_all_variant_properties {
            for deployed in &mut pending.variants {
                let old = endpoint
                    .deployed
                    .variants
                    .iter()
                    .find(|old| old.variant.name == deployed.variant.name);
                if let Some(old) = old {
                    deployed.variant.weight = old.variant.weight;
                    deployed.variant.instances = old.variant.instances;
                }
            }
        }
        endpoint.status = "Updating".into();
        endpoint.failure_reason = None;
        endpoint.pending = Some(pending.clone());
        endpoint.modified_at = now;
        true
    })
    .await?;
    match endpoint {
        Some(endpoint) if endpoint.pending.as_ref() == Some(&pending) => {
            context.sagemaker.wake(Work::Endpoint(stored.key.clone()));
            context.sagemaker.interrupt(&stored.key);
            Ok(json!({ "EndpointArn": arn }))
        }
        Some(endpoint) => Err(refused(&endpoint.status)),
        None => Err(Error::validation(format!("Could not find endpoint \"{arn}\"."))),
    }
}

async fn delete_endpoint(
    context: &Context,
    caller: &Caller,
    request: ByName,
) -> Result<Value, Error> {
    let stored = existing(context, caller, &request.endpoint_name).await?;
    let endpoint = stored.value;
    if matches!(endpoint.status.as_str(), "Creating" | "Updating") {
        return Err(Error::validation(format!(
            "Cannot update in-progress endpoint \"{}\".",
            endpoint.arn
        )));
    }
    let records = vec![resource::remove::<Endpoint>(&stored.key), tags::of_deleted(&endpoint.arn)];
    context.store.commit(Batch { records, ..Batch::default() }).await?;
    // The driver finds the record gone and ends the processes.
    context.sagemaker.interrupt(&stored.key);
    Ok(json!({}))
}
