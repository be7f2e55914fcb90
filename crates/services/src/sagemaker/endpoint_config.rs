//! Endpoint configurations: which models an endpoint serves, in what shares.
//! CreateEndpointConfig, DescribeEndpointConfig, ListEndpointConfigs, DeleteEndpointConfig.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use store::{Batch, Expect};

use super::resource::{
    self, Kind, ListRequest, Listed, Resource, TaskToken, copy_members, seconds,
};
use super::{model, tags};
use crate::operation::operation;
use crate::{Caller, Context, Error, Operation};

/// An endpoint configuration as stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EndpointConfig {
    /// CreateEndpointConfig's request.
    pub request: Value,
    /// Its ARN.
    pub arn: String,
    /// Milliseconds.
    pub created_at: i64,
    /// The task that made it.
    #[serde(default)]
    pub maker: Option<TaskToken>,
}

impl Resource for EndpointConfig {
    const KIND: Kind = Kind { table: "sagemaker/endpoint-config", arn_word: "endpoint-config" };
    fn name(&self) -> &str {
        self.request["EndpointConfigName"].as_str().unwrap_or_default()
    }
}

/// One of ProductionVariants.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Variant {
    /// Unique in its configuration.
    pub name: String,
    /// The model that serves.
    pub model: String,
    /// Its share of the traffic, relative to the others'.
    pub weight: f64,
    /// How many instances were asked for. One process serves for all of them.
    pub instances: u64,
}

impl EndpointConfig {
    /// Its production variants.
    pub fn variants(&self) -> Vec<Variant> {
        let variants =
            self.request["ProductionVariants"].as_array().map(Vec::as_slice).unwrap_or_default();
        variants
            .iter()
            .map(|variant| Variant {
                name: variant["VariantName"].as_str().unwrap_or_default().to_owned(),
                model: variant["ModelName"].as_str().unwrap_or_default().to_owned(),
                weight: variant["InitialVariantWeight"].as_f64().unwrap_or(1.0),
                instances: variant["InitialInstanceCount"].as_u64().unwrap_or(1),
            })
            .collect()
    }
}

/// CreateEndpointConfig.
pub const CREATE: Operation = operation!("CreateEndpointConfig", create_endpoint_config);
/// DescribeEndpointConfig.
pub const DESCRIBE: Operation = operation!("DescribeEndpointConfig", describe_endpoint_config);
/// ListEndpointConfigs.
pub const LIST: Operation = operation!("ListEndpointConfigs", list_endpoint_configs);
/// DeleteEndpointConfig.
pub const DELETE: Operation = operation!("DeleteEndpointConfig", delete_endpoint_config);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ByName {
    endpoint_config_name: String,
}

async fn create_endpoint_config(
    context: &Context,
    caller: &Caller,
    request: Value,
) -> Result<Value, Error> {
    let name = request["EndpointConfigName"].as_str().unwrap_or_default().to_owned();
    for member in ["AsyncInferenceConfig", "ExplainerConfig"] {
        if request.get(member).is_some_and(|value| !value.is_null()) {
            return Err(Error::validation(format!(
                "Stepwell does not yet serve endpoints with {member}"
            )));
        }
    }
    if request["ShadowProductionVariants"].as_array().is_some_and(|variants| !variants.is_empty()) {
        return Err(Error::validation(
            "Stepwell does not yet serve endpoints with ShadowProductionVariants",
        ));
    }
    let arn = resource::arn_of(&EndpointConfig::KIND, caller, &name);
    let key = resource::key_of(caller, &name);
    if let Some(known) = resource::find_key::<EndpointConfig>(context, key.clone()).await? {
        return match resource::made_by(known.value.maker, caller) {
            true => Ok(json!({ "EndpointConfigArn": arn })),
            false => Err(taken(&arn)),
        };
    }
    let config = EndpointConfig {
        request,
        arn: arn.clone(),
        created_at: context.clock.moment().now.0,
        maker: caller.task(),
    };
    let variants = config.variants();
    if variants.is_empty() {
        return Err(Error::validation("ProductionVariants must have at least one member"));
    }
    for (place, variant) in variants.iter().enumerate() {
        if variants[..place].iter().any(|other| other.name == variant.name) {
            return Err(Error::validation(format!(
                "Production variant names must be unique: \"{}\" is given twice",
                variant.name
            )));
        }
        model::existing(context, caller, &variant.model).await?;
    }
    if variants.iter().map(|variant| variant.weight).sum::<f64>() <= 0.0 {
        return Err(Error::validation(
            "The sum of InitialVariantWeight of all production variants must be greater than 0",
        ));
    }
    let mut records = vec![resource::write(&key, &config, Expect::Absent)?];
    records.extend(tags::of_new(&arn, &config.request)?);
    match context.store.commit(Batch { records, ..Batch::default() }).await {
        Ok(()) => Ok(json!({ "EndpointConfigArn": arn })),
        Err(store::StoreError::Conflict { .. }) => Err(taken(&arn)),
        Err(error) => Err(error.into()),
    }
}

fn taken(arn: &str) -> Error {
    Error::validation(format!("Cannot create already existing endpoint configuration \"{arn}\"."))
}

/// The configuration, or AWS's refusal.
pub async fn existing(
    context: &Context,
    caller: &Caller,
    name: &str,
) -> Result<EndpointConfig, Error> {
    match resource::find::<EndpointConfig>(context, caller, name).await? {
        Some(stored) => Ok(stored.value),
        None => {
            let arn = resource::arn_of(&EndpointConfig::KIND, caller, name);
            Err(Error::validation(format!("Could not find endpoint configuration \"{arn}\".")))
        }
    }
}

async fn describe_endpoint_config(
    context: &Context,
    caller: &Caller,
    request: ByName,
) -> Result<Value, Error> {
    let config = existing(context, caller, &request.endpoint_config_name).await?;
    let mut answer = Map::new();
    copy_members(
        &config.request,
        &[
            "EndpointConfigName",
            "ProductionVariants",
            "DataCaptureConfig",
            "KmsKeyId",
            "ExecutionRoleArn",
            "VpcConfig",
        ],
        &mut answer,
    );
    if let Some(variants) = answer.get_mut("ProductionVariants").and_then(Value::as_array_mut) {
        for variant in variants.iter_mut().filter_map(Value::as_object_mut) {
            variant.entry("InitialVariantWeight").or_insert_with(|| json!(1.0));
        }
    }
    answer.insert("EndpointConfigArn".into(), json!(config.arn));
    answer.insert("CreationTime".into(), seconds(config.created_at));
    answer.insert(
        "EnableNetworkIsolation".into(),
        json!(config.request["EnableNetworkIsolation"].as_bool().unwrap_or(false)),
    );
    Ok(Value::Object(answer))
}

async fn list_endpoint_configs(
    context: &Context,
    caller: &Caller,
    request: ListRequest,
) -> Result<Value, Error> {
    resource::list::<EndpointConfig>(context, caller, request, "EndpointConfigs", |config| Listed {
        name: config.name().to_owned(),
        created_at: config.created_at,
        modified_at: config.created_at,
        status: None,
        summary: json!({
            "EndpointConfigName": config.name(), "EndpointConfigArn": config.arn,
            "CreationTime": seconds(config.created_at),
        }),
    })
    .await
}

async fn delete_endpoint_config(
    context: &Context,
    caller: &Caller,
    request: ByName,
) -> Result<Value, Error> {
    let config = existing(context, caller, &request.endpoint_config_name).await?;
    let key = resource::key_of(caller, &request.endpoint_config_name);
    let records = vec![resource::remove::<EndpointConfig>(&key), tags::of_deleted(&config.arn)];
    context.store.commit(Batch { records, ..Batch::default() }).await?;
    Ok(json!({}))
}
