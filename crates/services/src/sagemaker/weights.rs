//! UpdateEndpointWeightsAndCapacities: an endpoint's variants share the traffic otherwise.

use serde::Deserialize;
use serde_json::{Value, json};

use super::endpoint::{self, Endpoint};
use super::resource;
use crate::operation::operation;
use crate::{Caller, Context, Error, Operation};

/// UpdateEndpointWeightsAndCapacities.
pub const UPDATE: Operation =
    operation!("UpdateEndpointWeightsAndCapacities", update_endpoint_weights_and_capacities);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Update {
    endpoint_name: String,
    desired_weights_and_capacities: Vec<Desired>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Desired {
    variant_name: String,
    desired_weight: Option<f64>,
    desired_instance_count: Option<u64>,
    #[serde(default)]
    serverless_update_config: Value,
}

async fn update_endpoint_weights_and_capacities(
    context: &Context,
    caller: &Caller,
    request: Update,
) -> Result<Value, Error> {
    let stored = endpoint::existing(context, caller, &request.endpoint_name).await?;
    let arn = stored.value.arn.clone();
    let now = context.clock.moment().now.0;
    let mut refusal = None;
    let endpoint = resource::update::<Endpoint>(context, &stored.key, |endpoint| {
        refusal = change(endpoint, &request.desired_weights_and_capacities).err();
        if refusal.is_none() {
            endpoint.status = "Updating".into();
            endpoint.modified_at = now;
        }
        refusal.is_none()
    })
    .await?;
    if let Some(refusal) = refusal {
        return Err(refusal);
    }
    if endpoint.is_none() {
        return Err(Error::validation(format!("Could not find endpoint \"{arn}\".")));
    }
    // Its driver shares the traffic anew, and says that it is in service.
    context.sagemaker.interrupt(&stored.key);
    Ok(json!({ "EndpointArn": arn }))
}

fn change(endpoint: &mut Endpoint, desired: &[Desired]) -> Result<(), Error> {
    if endpoint.status != "InService" {
        return Err(Error::validation(format!(
            "Cannot update in-progress endpoint \"{}\": its status is {}.",
            endpoint.arn, endpoint.status
        )));
    }
    for desired in desired {
        if desired.serverless_update_config.is_object() {
            return Err(Error::validation(
                "Stepwell does not apply a ServerlessUpdateConfig: leave it out",
            ));
        }
        let mut variants = endpoint.deployed.variants.iter_mut();
        let found = variants.find(|deployed| deployed.variant.name == desired.variant_name);
        let Some(found) = found else {
            return Err(Error::validation(format!(
                "Could not find variant \"{}\" of endpoint \"{}\".",
                desired.variant_name, endpoint.arn
            )));
        };
        found.variant.weight = desired.desired_weight.unwrap_or(found.variant.weight);
        found.variant.instances = desired.desired_instance_count.unwrap_or(found.variant.instances);
    }
    let weights: f64 = endpoint.deployed.variants.iter().map(|found| found.variant.weight).sum();
    if weights <= 0.0 {
        return Err(Error::validation(
            "At least one production variant must have a weight greater than 0",
        ));
    }
    Ok(())
}
